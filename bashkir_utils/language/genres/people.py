"""Portraits, summers in the village, museums and markets. Every sentence is written for this project."""

from __future__ import annotations

from .genre import Genre

PORTRAIT = Genre(
    "news",
    openings=(
        "{village} ауылында {hero.full} йәшәй. [Бындай кешеләр тураһында күберәк яҙырға кәрәк.]",
        "{hero.full.acc} {district} районында <һәр кем|оло ла, кесе лә|бөтә халыҡ> белә.",
        "Бөгөнгө яҙмабыҙ {hero.full} тураһында.",
    ),
    body=(
        "{hero.ref} <{elder_year} йылда|{old_decade} йылдарҙа> [{*fine}] {village2} ауылында тыуған.",
        "{hero.ref.gen} атаһы {profession} булып эшләгән[, әсәһе {*deed.perfect}].",
        "Бала сағында [уҡ] {hero.ref} {*deed.infinitive} яратҡан.",
        "{town.loc} уҡығанда {hero.ref} {*good} {man} менән дуҫлашҡан.",
        "Һөнәренә {hero.ref} {*good} оҫта {man2.abl} өйрәнгән.",
        "{*often} {hero.ref} {*craft.present}[, {*often} {*deed.present}].",
        "{hero.ref} {*deed.noun.dat} айырыуса оҫта.",
        "{*when} {hero.ref} {*deed.past}[, {*deed.past}].",
        "{hero.ref.gen} ҡулынан һәр эш килә: {*craft.present}, {*baked.present}, {*repaired.present}.",
        "{hero.ref} үҙе {*craft.result.acc} [{town2.loc} үткән] күргәҙмәгә алып барған.",
        "{hero.ref.gen} балалары {*good} [һәм {*good}] булып үҫкән.",
        "«{*work.if_you}, күңел дә тыныслана», — ти {hero.ref}.",
        "Ауылдаштары {hero.ref.acc} {*good}, {*good} [һәм {*good}] кеше тип маҡтай.",
        "<Былтыр|Үткән йыл|Күптән түгел|Кисә> {hero.ref.dat} [район исеменән] маҡтау ҡағыҙы <тапшырылды|бирелде>.",
        "Күршеһе {woman} апай әйтеүенсә, {hero.ref} ярҙам һораған кешене бер ҡасан да кире бормай.",
        "{hero.ref.dat} {elder_age} йәш, ләкин [әле лә] {*work.present}.",
        "Өйөндә {hero.ref} яһаған {*old} әйберҙәр күп: {*relic}, {*relic} һәм {*relic}.",
        "Ҡунаҡ килһә, {hero.ref} {*baked.present}.",
        "{*chore.converb} [арып] ҡайтҡас, {hero.ref} {*read.present}.",
    ),
    closings=(
        "Шундай кешеләр булғанда ауыл йәшәй.",
        "{hero.ref.dat} ныҡлы һаулыҡ[, оҙон ғүмер] теләйбеҙ.",
        "Киләһе йыл {hero.ref} йәштәрҙе {*deed.infinitive} өйрәтергә йыйына.",
    ),
    body_length=(9, 13),
)

SUMMER = Genre(
    "family story",
    openings=(
        "Йәй һайын беҙ {village} ауылына, {elder_man.my} менән {elder_woman.my} янына ҡайттыҡ.",
        "Үткән йәй мин {village} ауылында {elder_woman.my.loc} ҡунаҡ булдым.",
        "{river} буйындағы {village} ауылында үткән [<күңелле|матур|ямғырлы|эҫе|онотолмаҫ>] йәйҙе [йыш] иҫкә алам.",
    ),
    body=(
        "Иртән тороп, <йыуынып|кейенеп|сәй эсеп>, [{*how}] {*work.past_we}.",
        "{elder_man.my} {*work.past}, {elder_woman.my} {*baked.past}.",
        "{elder_woman.my} {*baked.after}, бөтәбеҙ ҙә табын янына ултырҙыҡ.",
        "Төшкә тиклем {*work.past_we}, төштән һуң {*picked.past_we}.",
        "Мин {elder_man.my.dat} {*work.infinitive} ярҙам иттем.",
        "{man} ҡустым {river} йылғаһында {*caught.past}[, мин ярҙа {*read.past_i}].",
        "{woman} һеңлем [күршеләр менән] {*picked.past}.",
        "Ямғыр яуһа, өйҙә ултырып {*read.past_we}[, йә {*craft.past_we}].",
        "Ҡояш байығас, {*herd.pl.acc} аҙбарға индерҙек.",
        "{elder_woman.my} {*baked.result} бигерәк тәмле булды.",
        "{elder_man.my} {*made.result} әле лә һаҡлана.",
        "Кис {elder_man.my} [усаҡ янында] {*animal} тураһында әкиәт һөйләне, беҙ <йылмайып|тын ҡалып> тыңланыҡ.",
        "{*how} {*chore.converb}, <арып|һөйләшә-һөйләшә|кис кенә> ҡайттыҡ.",
        "Күршелә {hero.full} йәшәй ине. {hero.ref} беҙҙе {*deed.infinitive} өйрәтте[, {hero.ref.gen} {*good} "
        "күңеле әле лә иҫтә].",
        "Урманда {*picked.past_we}, {*bird} тауышын тыңланыҡ.",
        "{*fine} {*wild_place.loc} {*bird.pl} күп ине.",
        "Балалар [{*how}] <туп уйнаны|һыу инде|ярышып йүгерҙе>, ололар {*work.past}.",
        "«{*work.if_you}, көнөң бушҡа үтмәй», — ти торғайны {elder_man.my}.",
        "Мин {town.abl} алып килгән {*read.thing.acc} {elder_woman.my.dat} уҡып күрһәттем.",
        "{*domestic} менән {*domestic} беҙҙән бер аҙым да ҡалманы.",
    ),
    closings=(
        "Йәй тиҙ үтте, ләкин күңелдә йылыһы ҡалды.",
        "Киләһе йәйҙе [түҙемһеҙләнеп] көтәм.",
        "Ҡалаға ҡайтҡас та ауылды һағындым.",
    ),
    body_length=(9, 14),
)

MUSEUM = Genre(
    "news",
    openings=(
        "{town.loc} [тыуған яҡты өйрәнеү] музейында яңы күргәҙмә асылды.",
        "{village} мәктәбенең музейы {*when} яңы әйберҙәр менән тулыланды.",
        "{district} районы музейы [тәүге] ҡунаҡтарын ҡабул итте.",
    ),
    body=(
        "Күргәҙмәлә {*old} {*relic}, {*relic} һәм {*old} {*relic} бар.",
        "{*old} {*relic.acc} музейға {hero.ref} бүләк иткән.",
        "{hero.ref.gen} һөйләүенсә, {relic} {old_year} йылда эшләнгән.",
        "Мөйөштә {*old} {*relic} менән {*relic} тора.",
        "Балалар {*relic.acc} [һәм {*relic.acc}] беренсе тапҡыр күрҙе.",
        "Элек бындай {*relic} күп өйҙә булған[, хәҙер һирәк осрай].",
        "{guest.ref} балаларҙы {*craft.infinitive} өйрәтә.",
        "Музей мөдире {woman} {her_surname} әйтеүенсә, бында {many} әйбер һаҡлана.",
        "{guest.ref} үҙе {*craft.result.acc} күрһәтте.",
        "Иң ҡиммәтле әйбер — {*old} {*relic}: уны {man} исемле оҫта эшләгән.",
        "Былтыр музейға {town2.abl} һәм {town3.abl} <{some}|{thousands}> кеше килгән.",
        "{hero.ref} {*relic.acc} олатаһынан алған[ һәм оҙаҡ йылдар һаҡлаған].",
        "Бер {*relic} {village2} ауылынан килтерелгән[, уны {man2} иҫке өйҙә тапҡан].",
        "Залда ҡурай моңо яңғыраны, {woman2} {*language} һәм башҡорт йырҙарын йырланы.",
        "{*when} {guest.ref} музейҙа [{*how}] {*repaired.past}.",
        "Күргәҙмә {few} ай дауам итәсәк.",
        "{guest.ref.gen} {*craft.noun.dat} арналған дәресе балаларға оҡшаны.",
        "Кәштәлә {man3} {surname} яҙған «{*book}» китабы ята.",
    ),
    closings=(
        "Музей көн һайын сәғәт {at_hour} асыла.",
        "Күргәҙмәгә килгәндәр {hero.ref.dat} рәхмәт әйтте.",
        "Тарихын белгән халыҡтың киләсәге бар.",
    ),
    body_length=(9, 13),
)

MARKET = Genre(
    "dialogue",
    openings=(
        "— Һаумыһығыҙ! {goods} бармы?\n— Бар, [{*when} {village} ауылынан килтерҙек,] хаҡы {many} һум.",
        "— {man}, баҙарға бараһыңмы?\n— Барам, {*goods} һәм {*goods} алырға кәрәк.",
        "— Килегеҙ, ҡарағыҙ, {*goods} арзан!\n— Һаумыһығыҙ! <Хаҡы күпме?|Тағы {*goods} кәрәк ине.>",
    ),
    body=(
        "— {*goods} бармы?\n— Бар, [яңы ғына] {village2} ауылынан килтерҙек.",
        "— Был {*craft.thing.acc} кем эшләгән?\n— {hero.ref}. {hero.ref} {*craft.noun.dat} бик оҫта.",
        "— Миңә {*goods} кәрәк ине.\n— {*goods} бөттө[ шул], {*goods} ҡалды.",
        "— Нимәгә шул тиклем күп {*goods} алдың?\n— Ҡунаҡтар килә, {*baked.infinitive} кәрәк.",
        "— {some} һумға бирәһегеҙме?\n— Юҡ, {many2} һумдан кәм түгел.",
        "— {*when} килгәйнем, һеҙ юҡ инегеҙ.\n— {*work.past_we}, ваҡыт булманы.",
        "— {*herd} һатмайһығыҙмы?\n— Һатам, өйгә килеп ҡарағыҙ, {village3} ауылында йәшәйем.",
        "— {woman} апай килдеме?\n— Юҡ, ул бөгөн өйҙә {*work.present}.",
        "— Ҡайҙан килдегеҙ?\n— {village4} ауылынан, юлда {few} сәғәт булдыҡ.",
        "— Балаларға нимә алайым?\n— {*craft.thing} ал, хаҡы {many3} һум ғына.",
        "— Быны үҙегеҙ эшләнегеҙме?\n— Эйе, {*often} {*craft.present_we}.",
        "— Ҡышҡа нимә әҙерләнегеҙ?\n— {*picked.past_we}, {*picked.past_we}[, бер аҙ {*goods} алып ҡуйҙыҡ].",
        "— Иртәгә лә киләһегеҙме?\n— Юҡ, иртәгә {*work.future_we}.",
        "— {town.abl} килгән автобус ҡайҙа туҡтай?\n— Баҙар артында, {*fine} урамда.",
        "— Һеҙҙең {*baked.thing} тәмлеме?\n— Ҡабып ҡарағыҙ, {*good} {woman2} апай бешерҙе.",
        "— Баҡса эше бөттөмө?\n— Юҡ әле, кисә генә [{*how}] {*repaired.past_i}.",
    ),
    closings=(
        "— Рәхмәт, һау булығыҙ!\n— Һау булығыҙ, тағы килегеҙ!",
        "— Ярай, {some2} һумға килештек.\n— Рәхмәт, алығыҙ!",
        "— Ярай, мин ҡайтайым, {*work.infinitive} кәрәк.\n— Хушығыҙ, имен йөрөгөҙ!",
    ),
    body_length=(7, 11),
    separator="\n",
)
