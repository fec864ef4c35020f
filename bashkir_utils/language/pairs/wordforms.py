"""Phenomena inside the word: the wrong form is no word of Bashkir.

All sentences are written for this project. Source of the rules: N. Poppe, Bashkir Manual, Indiana University, 1964
(vowel harmony, suffix alternations, order of suffixes, possessive declension, negation).
"""

from __future__ import annotations

from functools import partial

from . import contrasts as c
from .model import Contrast, Frame, Phenomenon
from .shapes import Breach, affirmative, other_consonant, other_harmony, other_rounding, plain_case, unvoiced


def _plural_frames(breach: Breach) -> tuple[Frame, ...]:
    def plural(group: str, tags: str = "PL") -> partial[tuple[Contrast, ...]]:
        return partial(c.misshapen, group, tags, "PL", breach)

    return (
        Frame("{past} беҙҙең ауылға {trait} {word} килде.", "{past} {trait} _ came to our village", plural("person")),
        Frame("{name} {where} {trait} {word} менән осрашты.", "{name} met {trait} _ {where}", plural("person")),
        Frame("{name} {often} {trait} {word} ярҙам итә.", "{name} helps {trait} _ {often}", plural("person", "PL+DAT")),
        Frame(
            "{name} {town.ABL} {look} {word} алып ҡайтты.",
            "{name} brought {look} _ from {town}",
            plural("thing", "PL+ACC"),
        ),
        Frame("{spot} {look} {word} ята.", "{look} _ lie {spot}", plural("thing")),
        Frame("{past} {where} {word} күренде.", "{past} _ were seen {where}", plural("animal")),
        Frame("{name} {where} {word} күреп ҡалды.", "{name} caught sight of the _ {where}", plural("animal", "PL+ACC")),
        Frame("{name} {past} {size} {word} тураһында һөйләне.", "{past} {name} told of {size} _", plural("place")),
    )


def _case_frames(breach: Breach) -> tuple[Frame, ...]:
    def case(group: str, tag: str) -> partial[tuple[Contrast, ...]]:
        return partial(c.misshapen, group, tag, tag, breach)

    return (
        Frame("{name} {often} {word} эшләй.", "{name} works in the _ {often}", case("place", "LOC")),
        Frame("{past} {name} {word} барҙы.", "{past} {name} went to the _", case("place", "DAT")),
        Frame("{name} {manner} {word} сығып китте.", "{name} left the _ {manner}", case("place", "ABL")),
        Frame("Был {word} һүҙҙәре {name.DAT} оҡшаны.", "{name} liked this _'s words", case("person", "GEN")),
        Frame("{name} {spot} {word} тапты.", "{name} found the _ {spot}", case("thing", "ACC")),
        Frame(
            "{name} {past} {trait} {word} хат яҙҙы.",
            "{past} {name} wrote a letter to a {trait} _",
            case("person", "DAT"),
        ),
        Frame("{name} {trait} {word} кәңәш һораны.", "{name} asked a {trait} _ for advice", case("person", "ABL")),
        Frame("{past} {where} {word} күрҙек.", "{past} we saw the _ {where}", case("animal", "ACC")),
    )


def _rounding_frames() -> tuple[Frame, ...]:
    def noun(tag: str) -> partial[tuple[Contrast, ...]]:
        return partial(c.misshapen, "rounded", tag, tag, other_rounding)

    def verb(person: str) -> partial[tuple[Contrast, ...]]:
        return partial(c.misshapen, "act", f"PST+{person}", "PST", other_rounding)

    return (
        Frame("{name} төшөндә {word} күрҙе.", "{name} saw the _ in a dream", noun("ACC")),
        Frame("{name} был {word} оҙаҡ иҫләне.", "{name} long remembered this _", noun("ACC")),
        Frame("{past} беҙ дәрестә {word} һүрәтләнек.", "{past} we described the _ in class", noun("ACC")),
        Frame("{name} был {word} тарихын яҡшы белә.", "{name} knows the history of this _ well", noun("GEN")),
        Frame("{name} {past} {where} {word}.", "{past} {name} _ {where}", verb("3SG")),
        Frame("{past} мин {where} оҙаҡ {word}.", "{past} I _ {where} for long", verb("1SG")),
        Frame(
            "{where} {name} {manner} {word}, ә беҙ ҡарап торҙоҡ.",
            "{where} {name} _ {manner}, and we watched",
            verb("3SG"),
        ),
    )


def _voicing_frames() -> tuple[Frame, ...]:
    def owned(group: str, tags: str) -> partial[tuple[Contrast, ...]]:
        return partial(c.unvoiced_finals, group, tags, unvoiced)

    return (
        Frame("Минең {word} {spot} ята.", "my _ lies {spot}", owned("thing", "P1SG")),
        Frame("{name.GEN} {look} {word} {spot} тора.", "{name}'s {look} _ stands {spot}", owned("thing", "P3")),
        Frame("{past} {name} үҙенең {word} юғалтты.", "{past} {name} lost his _", owned("thing", "P3+ACC")),
        Frame("{past} {name.GEN} {word} ауыртты.", "{past} {name}'s _ hurt", owned("body", "P3")),
        Frame("Беҙҙең {word} {name} ҡулында ҡалды.", "our _ was left in {name}'s hands", owned("thing", "P1PL")),
        Frame("Һинең {look} {word} {past} юғалғайны.", "your {look} _ had got lost {past}", owned("thing", "P2SG")),
        Frame("{name} минең {word} оҙаҡ ҡарап торҙо.", "{name} looked at my _ for long", owned("thing", "P1SG+DAT")),
    )


def _negation_frames() -> tuple[Frame, ...]:
    persons = ("1SG", "2SG", "3SG", "1PL", "2PL", "3PL")
    finite = partial(c.misshapen_deeds, "NEG+AOR+{person}", "AOR", affirmative, persons)
    infinitive = partial(c.misshapen_deeds, "NEG+INF", "INF", affirmative)
    return (
        Frame("{subject} бер ҡасан да {what} {word}.", "{subject} will never _ {what}", finite),
        Frame("{future} {subject} {name} менән {what} {word}.", "{future} {subject} _ {what} with {name}", finite),
        Frame("{name} килмәһә, {subject} {what} {word}.", "if {name} does not come, {subject} _ {what}", finite),
        Frame("{name} {future} {what} {word} булды.", "{name} decided not to _ {what} {future}", infinitive),
        Frame("{name.DAT} {future} {what} {word} ҡуштылар.", "they told {name} not to _ {what} {future}", infinitive),
        Frame("Беҙ {name} менән {what} {word} һүҙ бирҙек.", "we and {name} promised not to _ {what}", infinitive),
    )


def _question_frames() -> tuple[Frame, ...]:
    def deed(tense: str) -> partial[tuple[Contrast, ...]]:
        persons = ("2SG", "3SG", "2PL", "3PL")
        return partial(c.misshapen_deeds, tense + "+{person}+Q", "Q", other_harmony, persons)

    return (
        Frame("{subject} {past} {company} {what} {word}?", "did {subject} _ {what} {company} {past}?", deed("PST")),
        Frame(
            "{past} {subject} {name} менән {what} {word}?", "did {subject} _ {what} with {name} {past}?", deed("PST")
        ),
        Frame("{subject} {future} {what} {word}?", "will {subject} _ {what} {future}?", deed("FUT")),
        Frame(
            "{name.GEN} {past} башлаған эше {word}?",
            "is the work that {name} began {past} _?",
            partial(c.misshapen, "judged", "Q", "Q", other_harmony),
        ),
        Frame(
            "{spot} ятҡан {look} әйбер һинең {word}?",
            "is the {look} thing that lies {spot} your _?",
            partial(c.misshapen, "thing", "P2SG+Q", "Q", other_harmony),
        ),
        Frame(
            "{where} үҫкән ҙур ағас {word}?",
            "is the big tree that grew {where} a _?",
            partial(c.misshapen, "tree", "Q", "Q", other_harmony),
        ),
    )


def _order_frames() -> tuple[Frame, ...]:
    def things(tags: str) -> partial[tuple[Contrast, ...]]:
        return partial(c.disordered, "thing", tags)

    return (
        Frame("Минең {word} {spot} ята.", "my _ lie {spot}", things("PL+P1SG")),
        Frame("{past} {name} минең {word} алды.", "{past} {name} took my _", things("PL+P1SG+ACC")),
        Frame("Беҙҙең {word} {name} ҡулында ҡалды.", "our _ were left in {name}'s hands", things("PL+P1PL")),
        Frame("{name.GEN} {look} {word} {past} юғалды.", "{name}'s {look} _ got lost {past}", things("PL+P3")),
        Frame("{name} {look} {word} ҡарап торҙо.", "{name} looked at the {look} _", things("PL+DAT")),
        Frame("Һинең {word} {spot} торамы?", "do your _ stand {spot}?", things("PL+P2SG")),
        Frame("{name} минең {word} үҙенә алды.", "{name} took my _ for himself", things("P1SG+ACC")),
    )


def _possessed_case_frames() -> tuple[Frame, ...]:
    def owned(group: str, case: str) -> partial[tuple[Contrast, ...]]:
        return partial(c.misshapen, group, f"P3+{case}", case, plain_case)

    return (
        Frame("{past} {name.GEN} {word} хат килде.", "{past} a letter came to {name}'s _", owned("kin", "DAT")),
        Frame("{name} {name2.GEN} {word} оҙаҡ ҡараны.", "{name} looked at {name2}'s _ for long", owned("thing", "DAT")),
        Frame(
            "{name.GEN} {word} {often} ҡунаҡтар була.", "there are guests in {name}'s _ {often}", owned("home", "LOC")
        ),
        Frame("{name.GEN} {word} исеме яҙылған.", "the name is written on {name}'s _", owned("thing", "LOC")),
        Frame("{name} {where} {name2.GEN} {word} осратты.", "{name} met {name2}'s _ {where}", owned("kin", "ACC")),
        Frame("{name} {past} үҙенең {word} юғалтты.", "{past} {name} lost his _", owned("thing", "ACC")),
        Frame("{past} беҙ {name.GEN} {word} ингәйнек.", "{past} we had gone into {name}'s _", owned("home", "DAT")),
    )


WORDFORMS: tuple[Phenomenon, ...] = (
    Phenomenon(
        "plural_harmony",
        "The plural suffix has the vowel harmony of its stem: китаптар, өйҙәр.",
        "front vowels after a back stem or back ones after a front stem: *китаптәр",
        True,
        _plural_frames(other_harmony),
    ),
    Phenomenon(
        "plural_consonant",
        "The plural suffix begins with л, д, т or ҙ, by the stem's last sound: балалар, ҡолондар, китаптар, өйҙәр.",
        "another of the four consonants: *китаплар",
        True,
        _plural_frames(other_consonant),
    ),
    Phenomenon(
        "case_harmony",
        "Case suffixes have the vowel harmony of their stem: өйгә, урманға.",
        "the other harmony: *өйға",
        True,
        _case_frames(other_harmony),
    ),
    Phenomenon(
        "case_consonant",
        "Case suffixes begin with the consonant that the stem's last sound asks for: баҡсала, урманда, мәктәптә, өйҙә.",
        "another consonant of the series: *мәктәплә",
        True,
        _case_frames(other_consonant),
    ),
    Phenomenon(
        "rounding_harmony",
        "High suffix vowels are о, ө after о, ө and ы, е elsewhere: көндө, йылды, торҙо, барҙы.",
        "unrounded after о, ө or rounded elsewhere: *көнде, *йылдо",
        True,
        _rounding_frames(),
    ),
    Phenomenon(
        "final_voicing",
        "Final п, к, ҡ become б, г, ғ before a suffix that begins with a vowel: китап, китабы; аяҡ, аяғы.",
        "the voiceless consonant stays: *китапы",
        True,
        _voicing_frames(),
    ),
    Phenomenon(
        "negation_form",
        "The negative indefinite future and infinitive have ҫ where the affirmative has р: бармаҫ, бармаҫҡа.",
        "р after the negative suffix: *бармар, *бармарға",
        True,
        _negation_frames(),
    ),
    Phenomenon(
        "question_harmony",
        "The question suffix -мы has the vowel harmony of its word: барҙымы, килдеме, көндөмө.",
        "the other harmony: *килдемы",
        True,
        _question_frames(),
    ),
    Phenomenon(
        "suffix_order",
        "The order is stem, plural, possessor, case: китап-тар-ым-ды.",
        "two suffixes exchanged: *китабымдар, *китаптыларым",
        True,
        _order_frames(),
    ),
    Phenomenon(
        "case_after_possessive",
        "After the third person's possessive the cases are -на, -н, -нда: китабына, китабын, китабында.",
        "the endings of bare nouns: *китабыға, *китабыны, *китабыла",
        True,
        _possessed_case_frames(),
    ),
)
