"""The words that fill the documents' slots. People, villages' founders and figures are invented; towns are real."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .inflection import Noun, Verb


def _names(words: str) -> tuple[Noun, ...]:
    return tuple(Noun(word) for word in words.split())


def _phrases(phrases: str) -> tuple[str, ...]:
    return tuple(phrase.strip() for phrase in phrases.split(","))


def _loan(form: str, *, before_vowel: str | None = None) -> Noun:
    """A Russian loan that keeps its stress: back, unrounded suffixes whatever its vowels."""
    return Noun(form, front=False, rounded=False, before_vowel=before_vowel or form)


def _compound(form: str) -> Noun:
    """A compound that already ends in the third person's possessive: балалар баҡсаһы."""
    return Noun(form, owner="third")


MEN = _names(
    "Айрат Илдар Салауат Урал Азат Марат Рәшит Фәнил Вәсим Нияз Рөстәм Булат Тимур Искәндәр Юлай Ришат Фәрит Хәлил "
    "Йәүҙәт Сабир Ғәлим Буранбай Таһир Заһир Рамаҙан Мансур Вәкил Әнүәр Урҡаш Ялан Хәмит Байрас Сынтимер Ишбулат "
    "Ғиззәт Минулла Камил Рафаэль Әхиәр Мөхәмәт"
)
WOMEN = _names(
    "Гөлнара Айгөл Зөлфиә Әлфиә Гүзәл Нәркәс Ләйсән Зәйнәб Сәриә Рәмилә Таңһылыу Фәнзилә Нурсилә Зәлифә Хәҙисә "
    "Мәрйәм Зөһрә Сәлимә Гөлсәсәк Тәнзилә Зилә Гәүһәр Шәүрә Мәҙинә Әминә Факиһа Рәйсә Сажиҙә Вәсилә Гөлшат Айһылыу "
    "Зәбирә Миңзифа Сәғиҙә Мәүлиҙә Нажиә"
)
SURNAMES = _phrases(
    "Хәсәнов, Ғәлин, Вәлиев, Исҡужин, Юлдашбаев, Ишмөхәмәтов, Кәримов, Сафин, Мусин, Ғабитов, Рәхимов, Әминев, "
    "Байморатов, Ҡотлобаев, Сөләймәнов, Яҡупов, Ғиниәтуллин, Йәнбирҙин, Ҡолбаев, Төхвәтуллин, Үтәғолов, Шәрипов, "
    "Мырҙабаев, Аҡбулатов, Ильясов, Һөйөндөков, Бикбулатов, Әхмәтов, Ҡунафин, Баймөхәмәтов"
)
DISTRICTS = _phrases(
    "Әбйәлил, Баймаҡ, Учалы, Бөрйән, Хәйбулла, Йылайыр, Күгәрсен, Мәләүез, Ишембай, Ғафури, Бәләбәй, Дүртөйлө, Илеш, "
    "Тәтешле, Балтас, Асҡын, Ҡариҙел, Нуриман, Салауат, Мәсетле, Дыуан, Белорет, Бүздәк, Дәүләкән, Әлшәй, Миәкә, "
    "Стәрлебаш, Туймазы, Шаран, Бишбүләк, Борай, Яңауыл, Ҡалтасы, Мишкә, Архангел, Ҡырмыҫҡалы, Йәрмәкәй, Ауырғазы, "
    "Көйөргәҙе, Ейәнсура"
)
VILLAGES = _phrases(
    "Яңы Балапан, Ташбулат, Аҡташ, Ҡарағай, Үрге Ҡыйғы, Түбәнге Аулаҡ, Ҡайынлы, Алтынташ, Һарыҡамыш, Иҫке Һәүәләй, "
    "Яңы Байрамғол, Күлбаш, Ямаҡай, Имәнлек, Йүкәле, Ҡоросай, Аҡҡош, Тәүлекәй, Ишбирҙе, Ҡотой, Мораҙым, Сәйетбаба, "
    "Үрге Сәрмәсән, Үтәгән, Таулыҡай, Мәсетлебаш, Һунарсы, Бишҡайын, Аҡсәсәк, Бөркөтлө, Еләкле, Шишмәбаш, Тимерғол, "
    "Ҡыҙылташ, Йомаҡай, Бүреташ, Һандуғас, Иҫәнғол, Яланбаш, Арыҫлан, Муйыллы, Байғужа, Ҡондоҙло, Үрге Бешәнде"
)
RIVERS = _phrases(
    "Ағиҙел, Инйәр, Һаҡмар, Дим, Ыҡ, Сөн, Әй, Оршаҡ, Нөгөш, Мәндем, Йүрүҙән, Эҫем, Таналыҡ, Ҡыҙыл, Селәүек, "
    "Ашҡаҙар, Туҡсоран, Сәрмәсән, Базы, Быстрый Танып, Көсөк, Буй"
)
TOWNS = (
    *_names("Өфө Сибай Салауат Ишембай Учалы Бәләбәй Туймазы Баймаҡ Мәләүез Дүртөйлө Бөрө Стәрлетамаҡ Ағиҙел Яңауыл"),
    *_names("Нефтекама Дәүләкән"),
    _loan("Белорет"),
    _loan("Күмертау"),
)
MONTHS = (
    Noun("ғинуар"), Noun("февраль"), _loan("март"), Noun("апрель"), Noun("май"), Noun("июнь"), Noun("июль"),
    _loan("август", before_vowel="авгус"), Noun("сентябрь"), Noun("октябрь"), Noun("ноябрь"), Noun("декабрь"),
)  # fmt: skip
BUILDINGS = (
    Noun("мәктәп"), Noun("китапхана"), Noun("дауахана"), Noun("ашхана"), Noun("мәсет"), Noun("уҡыу йорто", owner="third"),
    _compound("балалар баҡсаһы"), _compound("мәҙәниәт йорто"), _compound("спорт залы"), _compound("ҡунаҡ йорто"),
    _compound("тыуған яҡты өйрәнеү музейы"), _compound("балалар ижады үҙәге"), _loan("клуб"), _loan("спорт комплексы"),
    Noun("дарыухана"), _compound("китап магазины"), _compound("халыҡ театры"),
)  # fmt: skip
EVENTS = (
    Noun("һабантуй"), Noun("йыйын"), _compound("ҡурайсылар бәйгеһе"), _compound("китап байрамы"), _compound("бал байрамы"),
    _compound("йәш шағирҙар осрашыуы"), _compound("ағас ултыртыу көнө"), _compound("ҡатын-ҡыҙҙар ҡоролтайы"),
    _compound("саңғы ярышы"), _compound("һөнәрселәр йәрминкәһе"), _compound("ата-әсәләр йыйылышы"),
    _compound("башҡорт теле атнаһы"), _compound("халыҡ йырҙары кисәһе"), _compound("шахмат турниры"),
    _compound("балалар рәсемдәре күргәҙмәһе"), _compound("милли кейем күргәҙмәһе"), _compound("тыуған ауыл байрамы"),
    _compound("ат сабышы ярышы"),
)  # fmt: skip
ROLES = _phrases(
    "уҡытыусы, табип, китапханасы, фермер, район башлығы урынбаҫары, ветеран, агроном, журналист, мәктәп директоры, "
    "клуб мөдире, ғалим, шағир, төҙөүсе, ауыл советы рәйесе, тренер, ҡурайсы, һәүәҫкәр рәссам, тыуған яҡты өйрәнеүсе"
)
ANIMALS = (
    Noun("айыу"), Noun("бүре"), Noun("төлкө"), Noun("ҡуян"), Noun("мышы"), Noun("һеләүһен"), Noun("тейен"), Noun("бурһыҡ"),
    Noun("ҡондоҙ"), Noun("терпе"), Noun("ҡоралай"), Noun("һуҫар"),
)  # fmt: skip
BIRDS = (
    Noun("бөркөт"), Noun("һуйыр"), Noun("тумыртҡа"), Noun("кәкүк"), Noun("аҡҡош"), Noun("торна"), Noun("һандуғас"),
    Noun("ябалаҡ"), Noun("ҡарабаш турғай"), Noun("ҡарлуғас"), Noun("күгәрсен"), Noun("һайыҫҡан"),
)  # fmt: skip
TREES = (
    Noun("ҡайын"), Noun("йүкә"), Noun("имән"), Noun("ҡарағай"), Noun("шыршы"), Noun("миләш"), Noun("муйыл"), Noun("саған"),
    Noun("уҫаҡ"), Noun("тирәк"), Noun("ерек"), Noun("ҡарағас"),
)  # fmt: skip
FISH = (Noun("суртан"), Noun("алабуға"), Noun("бағры"), Noun("табан балыҡ"), Noun("ҡуғылса"), Noun("корбан"))
BERRIES = (
    Noun("ер еләге", owner="third"), Noun("ҡурай еләге", owner="third"), Noun("муйыл"), Noun("миләш"), Noun("балан"),
    Noun("сейә"), Noun("ҡарағат"), Noun("бөрлөгән"), Noun("көртмәле"),
)  # fmt: skip
WORKS = tuple(
    Verb(phrase)
    for phrase in _phrases(
        "бесән сап, утын яр, малдарҙы ҡара, картуф ултырт, баҡсала эшлә, шишмәнән һыу ташы, аш бешер, иҙән йыу, "
        "китап уҡы, балыҡ тот, еләк йый, йыр йырла, бейәләй бәйлә, икмәк бешер, ат ек, ҡар көрә, һыйыр һау, ҡойма буя, "
        "мунса яҡ, утын ташы, ҡаҙ һаҡла, алма йый, рәсем яһа, хат яҙ, ҡурай уйна, йәшелсәгә һыу һип, бәшмәк йый"
    )
)
RELATIVES = (
    Noun("атай"), Noun("әсәй"), Noun("олатай"), Noun("өләсәй"), Noun("ағай"), Noun("апай"), Noun("ҡустым", owner="first singular"),
)  # fmt: skip
DISHES = (
    Noun("бишбармаҡ"), Noun("бәлеш"), Noun("өсбармаҡ"), Noun("ҡатлама"), Noun("һалма ашы", owner="third"), Noun("өйрә"),
    Noun("күмәс"), Noun("вак бәлеш"), Noun("баурһаҡ"), Noun("ҡоймаҡ"),
)  # fmt: skip

POOLS: Mapping[str, Sequence[object]] = {
    "man": MEN,
    "woman": WOMEN,
    "surname": SURNAMES,
    "district": DISTRICTS,
    "village": VILLAGES,
    "river": RIVERS,
    "town": TOWNS,
    "month": MONTHS,
    "building": BUILDINGS,
    "event": EVENTS,
    "role": ROLES,
    "animal": ANIMALS,
    "bird": BIRDS,
    "tree": TREES,
    "fish": FISH,
    "berry": BERRIES,
    "work": WORKS,
    "relative": RELATIVES,
    "dish": DISHES,
    "day": range(1, 29),
    "year": range(1950, 2025),
    "old_year": range(1720, 1930),
    "few": range(2, 10),
    "some": range(11, 99),
    "many": range(110, 990, 5),
    "hour": range(9, 20),
}
