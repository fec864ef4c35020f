"""The genres and their templates. Every sentence is written for this project."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Genre:
    """Templates of one kind of text; ``{slot}`` names a pool of the lexicon, ``{slot.loc}`` a form of what it gives."""

    name: str
    openings: tuple[str, ...]
    body: tuple[str, ...]
    closings: tuple[str, ...]
    body_length: tuple[int, int]
    """Fewest and most templates taken from the body, in the order in which they stand there."""
    separator: str = " "


NEWS_OF_BUILDING = Genre(
    "news",
    openings=(
        "{day} {month.loc} {district} районының {village} ауылында яңы {building} асылды.",
        "{village} ауылында йәшәүселәр яңы {building} асылыуын байрам итте.",
        "{district} районында тағы бер {building} файҙаланыуға тапшырылды.",
    ),
    body=(
        "Тантанаға район хакимиәте вәкилдәре, ауыл халҡы һәм ҡунаҡтар йыйылды.",
        "Ҡыҙыл таҫманы {role} {man} {surname} ҡырҡты.",
        "Төҙөлөшкә республика бюджетынан {some} миллион һум аҡса бүленде.",
        "Эштәр {month2.loc} башланды һәм {few} ай дауам итте.",
        "Төҙөүселәр бригадаһын {man2} {surname2} етәкләне.",
        "Бина яҡты, йылы һәм иркен булып сыҡты.",
        "Бында {many} кешегә урын бар.",
        "Элек ауыл халҡына күрше {village2} ауылына йөрөргә тура килә ине.",
        "«Беҙ был көндө {few2} йыл көттөк», — тине {role2} {woman}.",
        "Йәш белгестәр ҙә ауылға ҡайта башланы.",
        "Мәҫәлән, {woman2} быйыл {town.loc} уҡыуын тамамлап, тыуған ауылына эшкә ҡайтҡан.",
        "Балалар ҡунаҡтар өсөн йырланы, бейене һәм шиғыр һөйләне.",
        "{man3} ҡурайҙа оҙон көй уйнаны.",
        "Ветерандарға сәскәләр һәм бүләктәр тапшырылды.",
        "Бина янына {many2} төп {tree} ултыртылды.",
        "Киләһе йылда юлды ла төҙөкләндереү күҙаллана.",
        "Хәҙер ауылда {many3} кеше йәшәй, шуларҙың {some2} — мәктәп йәшендәге балалар.",
        "Район башлығы һүҙҙәренсә, ауылдарҙа тормош йылдан-йыл яҡшыра.",
    ),
    closings=(
        "Тантана сәй табыны менән тамамланды.",
        "Киләһе аҙнала {building} тәүге ҡунаҡтарын ҡабул итәсәк.",
        "Яңы {building} көн һайын иртәнге сәғәт һигеҙҙән эшләй.",
    ),
    body_length=(7, 12),
)

VILLAGE = Genre(
    "village",
    openings=(
        "{village} — {district} районындағы ауыл, {river} йылғаһы буйында урынлашҡан.",
        "{district} районының {village} ауылы {river} йылғаһының уң яҡ ярында ята.",
    ),
    body=(
        "Ауылға {old_year} йылда нигеҙ һалынған.",
        "Халыҡ һөйләүенсә, тәүге йортто {man} исемле кеше һалған.",
        "Район үҙәгенә тиклем {some} километр, тимер юл станцияһына тиклем {some2} километр.",
        "Ауылда {many} кеше йәшәй, уларҙың күбеһе — башҡорттар.",
        "Ауыл уртаһында {building} бар, уның янында {tree.pl} үҫә.",
        "Халыҡ күбеһенсә малсылыҡ һәм игенселек менән шөғөлләнә.",
        "Һәр йортта һыйыр, һарыҡ һәм ҡаҙ аҫрайҙар.",
        "Көньяҡтан ауылды урман уратып ала, төньяҡта бейек тауҙар күренә.",
        "Урманда {animal.pl} һәм {animal2.pl} осрай.",
        "Яҙ көнө күлгә {bird.pl} килә.",
        "Йылғала {fish} һәм {fish2} күп, шуға күрә балыҡсылар бында йыш була.",
        "Ауыл эргәһендә һыуы һалҡын һәм тәмле шишмә бар.",
    ),
    closings=(
        "Ауылдан сыҡҡан билдәле кешеләр араһында {role} {man2} {surname} бар.",
        "{year} йылдан алып ауылда һәр йәй {event} үткәрелә.",
    ),
    body_length=(6, 9),
)

GENRES: tuple[Genre, ...] = (NEWS_OF_BUILDING, VILLAGE)
"""In the order in which documents take their turns."""
