"""Phenomena between words: the wrong form is a word, but not in this sentence.

Where it can be, each rule is tested from both sides, so that the same forms are right in one sentence and wrong in
another, and how frequent a form is tells nothing. All sentences are written for this project. Source of the rules:
N. Poppe, Bashkir Manual, Indiana University, 1964 (agreement, postpositions, use of the cases, verbal forms);
А. А. Юлдашев (ed.), Грамматика современного башкирского литературного языка, Наука, 1981.
"""

from __future__ import annotations

from functools import partial

from . import contrasts as c
from .model import Contrast, Frame, Phenomenon

_Source = partial[tuple[Contrast, ...]]


def _cases(group: str, good: str, *bad: str) -> _Source:
    """A noun in the case asked for and in others."""
    return partial(c.inflected, group, good, bad, c.ends_in(good))


def _singular(group: str) -> _Source:
    """A noun in the singular and in the plural."""
    return partial(c.inflected, group, "", ("PL",), c.bare)


def _nominative(group: str, *bad: str) -> _Source:
    """A noun without a case suffix, and with one."""
    return partial(c.inflected, group, "", bad, c.caseless)


_THING, _KIN, _BODY = (partial(c.owned, group) for group in ("thing", "kin", "body"))
_POSSESSIVE = (
    Frame("{owner} {word} {spot} ята.", "{owner} _ lies {spot}", _THING),
    Frame("{past} {owner} {word} ауыртты.", "{past} {owner} _ hurt", _BODY),
    Frame("{owner} {word} {where} йәшәй.", "{owner} _ lives {where}", _KIN),
    Frame("{name} {past} {owner} {word} менән осрашты.", "{past} {name} met {owner} _", _KIN),
    Frame("{name} {where} {owner} {word} тапты.", "{name} found {owner} _ {where}", partial(c.owned, "thing", "ACC")),
    Frame("{past} {owner} {word} хат килде.", "{past} a letter came to {owner} _", partial(c.owned, "kin", "DAT")),
    Frame("{owner} {look} {word} {name.DAT} оҡшаны.", "{name} liked {owner} {look} _", _THING),
)
_PST, _FUT, _PRS = (partial(c.agreeing, tense) for tense in ("PST", "FUT", "PRS"))
_AGREEMENT = (
    Frame("{subject} {past} {company} {what} {word}.", "{past} {subject} _ {what} {company}", _PST),
    Frame("{past} {subject} {name} менән {what} {word}.", "{past} {subject} _ {what} with {name}", _PST),
    Frame("{subject} {often} {what} {word}.", "{subject} _ {what} {often}", _PRS),
    Frame("{company} {subject} {often} {what} {word}.", "{company} {subject} _ {what} {often}", _PRS),
    Frame("{subject} {future} {name} менән {what} {word}.", "{future} {subject} will _ {what} with {name}", _FUT),
    Frame(
        "{subject} {future} {what} {word}, сөнки ваҡыт күп.",
        "{subject} will _ {what} {future}, for there is time",
        _FUT,
    ),
)
_PAST_NOT_FUTURE, _FUTURE_NOT_PAST = partial(c.moods, "PST", "FUT"), partial(c.moods, "FUT", "PST")
_TENSE = (
    Frame("{past} {subject} {company} {what} {word}.", "{past} {subject} _ {what} {company}", _PAST_NOT_FUTURE),
    Frame("{subject} {past} {name} менән {what} {word}.", "{past} {subject} _ {what} with {name}", _PAST_NOT_FUTURE),
    Frame(
        "{subject} {past} {what} {word}, быны {name} белә.", "{subject} _ {what} {past}, {name} knows", _PAST_NOT_FUTURE
    ),
    Frame("{future} {subject} {company} {what} {word}.", "{future} {subject} _ {what} {company}", _FUTURE_NOT_PAST),
    Frame(
        "{subject} {future} {name} менән {what} {word}.", "{future} {subject} _ {what} with {name}", _FUTURE_NOT_PAST
    ),
    Frame(
        "{subject} {future} {what} {word}, быны {name} белә.",
        "{subject} _ {what} {future}, {name} knows",
        _FUTURE_NOT_PAST,
    ),
)
_POSTPOSITION = (
    Frame(
        "{name} былтыр {word} тиклем {where} эшләне.",
        "last year {name} worked {where} until _",
        _cases("since", "DAT", "ABL"),
    ),
    Frame("Беҙ {past} {word} тиклем йәйәү барҙыҡ.", "{past} we walked as far as the _", _cases("place", "DAT", "ABL")),
    Frame("{name} {word} ҡәҙәр {where} буласаҡ.", "{name} will be {where} until _", _cases("since", "DAT", "ABL")),
    Frame("{name} {word} саҡлы {town.LOC} йәшәне.", "{name} lived in {town} until _", _cases("since", "DAT", "ABL")),
    Frame("{word} бирле {where} ямғыр яуа.", "it has rained {where} since _", _cases("since", "ABL", "DAT")),
    Frame(
        "{name} {word} бирле {town.LOC} эшләй.", "{name} has worked in {town} since _", _cases("since", "ABL", "DAT")
    ),
    Frame("{word} тыш, {where} бер кем дә юҡ ине.", "except _, there was nobody {where}", _cases("name", "ABL", "DAT")),
    Frame("Был хәбәрҙе {word} тыш бөтәһе лә белә.", "all but _ know this news", _cases("name", "ABL", "DAT")),
)
_BARE_POSTPOSITION = (
    Frame(
        "{name} {past} {look} {word} тураһында һөйләне.",
        "{past} {name} told of a {look} _",
        _nominative("thing", "DAT", "ABL"),
    ),
    Frame("{name} {look} {word} өсөн аҡса түләне.", "{name} paid for a {look} _", _nominative("thing", "DAT", "ABL")),
    Frame("Беҙ {past} {word} буйлап йөрөнөк.", "{past} we walked along the _", _nominative("path", "DAT", "ABL")),
    Frame(
        "{name} {where} {trait} {word} менән осрашты.",
        "{name} met a {trait} _ {where}",
        _nominative("person", "DAT", "ABL"),
    ),
    Frame(
        "Был йырҙы {name} {trait} {word} хаҡында яҙҙы.",
        "{name} wrote this song about a {trait} _",
        _nominative("person", "DAT", "ABL"),
    ),
    Frame("{name} {look} {word} менән ҡайтты.", "{name} came back with a {look} _", _nominative("thing", "DAT", "ABL")),
    Frame("{word} һуң {name} {where} эшләне.", "after _, {name} worked {where}", _cases("event", "ABL", "")),
    Frame("{name} {word} һуң {town.ABL} ҡайтты.", "{name} came back from {town} after _", _cases("event", "ABL", "")),
    Frame(
        "Был {word} тыш, {where} бер кем дә юҡ ине.", "but for this _, nobody was {where}", _cases("person", "ABL", "")
    ),
)


def _pronoun(good: str, *bad: str) -> _Source:
    """A personal pronoun in the case asked for and in others."""
    return partial(c.pronouns, good, bad)


_PRONOUN_POSTPOSITION = (
    Frame(
        "{name} был бүләкте {word} өсөн алды.", "{name} bought this gift for _", _pronoun("GEN", "DAT", "ACC", "ABL")
    ),
    Frame(
        "{name} {past} {word} менән {where} осрашты.",
        "{past} {name} met with _ {where}",
        _pronoun("GEN", "DAT", "ACC", "ABL"),
    ),
    Frame(
        "{future} {name} {word} менән театрға бара.",
        "{future} {name} goes to the theatre with _",
        _pronoun("GEN", "DAT", "ACC", "ABL"),
    ),
    Frame("{name} {word} өсөн бик шатланды.", "{name} was very glad for _", _pronoun("GEN", "DAT", "ACC", "ABL")),
    Frame(
        "{name} {past} хәбәрҙе {word} аша еткерҙе.",
        "{past} {name} passed the news on through _",
        _pronoun("GEN", "DAT", "ACC", "ABL"),
    ),
    Frame("{name} {past} {word} хаҡта һөйләне.", "{past} {name} talked about _", _pronoun("GEN", "DAT", "ACC", "ABL")),
    Frame("{name} {past} {word} тиклем килеп етте.", "{past} {name} arrived before _", _pronoun("DAT", "ABL")),
    Frame(
        "{name} {often} {word} ҡарата яҡшы һүҙ әйтә.",
        "{name} says good things about _ {often}",
        _pronoun("DAT", "GEN", "ABL"),
    ),
    Frame(
        "{word} тыш, {where} {name} генә ҡалды.", "besides _, only {name} stayed {where}", _pronoun("ABL", "GEN", "DAT")
    ),
    Frame("{past} {name} {word} һуң сығыш яһаны.", "{past} {name} spoke after _", _pronoun("ABL", "GEN")),
)
_NUMERAL = (
    Frame("{name} {town.LOC} {number} {word} һатып алды.", "{name} bought {number} _ in {town}", _singular("thing")),
    Frame("{spot} {number} {look} {word} ята.", "{number} {look} _ lie {spot}", _singular("thing")),
    Frame("{past} беҙҙең ауылға {number} {word} килде.", "{past} {number} _ came to our village", _singular("person")),
    Frame("{name} {where} {number} {word} күрҙе.", "{name} saw {number} _ {where}", _singular("animal")),
    Frame("{past} {name} {number} {word} уҡып сыҡты.", "{past} {name} read {number} _", _singular("book")),
    Frame(
        "Йыйылышта {number} {trait} {word} сығыш яһаны.", "{number} {trait} _ spoke at the meeting", _singular("person")
    ),
)
_REFLEXIVE = (
    Frame("{subject} {word} {what} {verb}.", "{subject} _ did {what}", c.reflexive),
    Frame("{past} {subject} {word} {what} {verb}.", "{past} {subject} _ did {what}", c.reflexive),
    Frame("{subject} {past} {word} {what} {verb}.", "{past} {subject} _ did {what}", c.reflexive),
    Frame("{subject} {company} {word} {what} {verb}.", "{subject} _ did {what} {company}", c.reflexive),
    Frame(
        "{name} ауырығанда {subject} {word} {what} {verb}.", "when {name} was ill, {subject} _ did {what}", c.reflexive
    ),
    Frame(
        "{name} юҡ ине, шуға {subject} {word} {what} {verb}.", "{name} was away, so {subject} _ did {what}", c.reflexive
    ),
)
_GOVERNMENT = (
    Frame("{name} {word} бик ярата.", "{name} loves his _ very much", _cases("kin", "P3+ACC", "P3+DAT")),
    Frame(
        "{past} {name} {where} {word} осратты.", "{past} {name} met his _ {where}", _cases("kin", "P3+ACC", "P3+DAT")
    ),
    Frame(
        "{name} {town.LOC} {word} {often} һағына.",
        "in {town} {name} misses his _ {often}",
        _cases("kin", "P3+ACC", "P3+DAT"),
    ),
    Frame(
        "{name} {past} {manner} {word} ҡосаҡланы.",
        "{past} {name} embraced his _ {manner}",
        _cases("kin", "P3+ACC", "P3+ABL"),
    ),
    Frame("{name} {often} {word} ярҙам итә.", "{name} helps his _ {often}", _cases("kin", "P3+DAT", "P3+ACC")),
    Frame(
        "{past} {name} {where} {word} рәхмәт әйтте.",
        "{past} {name} thanked his _ {where}",
        _cases("kin", "P3+DAT", "P3+ACC"),
    ),
    Frame("{name} йөҙө менән {word} оҡшаған.", "{name} takes after his _ in looks", _cases("kin", "P3+DAT", "P3+ACC")),
    Frame(
        "{name} бәләкәй саҡта {word} ҡурҡа ине.",
        "when small {name} was afraid of the _",
        _cases("fright", "ABL", "ACC"),
    ),
    Frame(
        "{past} {name} {where} {word} ҡурҡты.",
        "{past} {name} was frightened by the _ {where}",
        _cases("fright", "ABL", "ACC"),
    ),
    Frame(
        "{name} {manner} {word} оялды.", "{name} felt ashamed before his _ {manner}", _cases("kin", "P3+ABL", "P3+ACC")
    ),
)
_COMPARATIVE = (
    Frame(
        "{where} үҫкән ағас {word} бейегерәк.",
        "the tree that grew {where} is taller than the _",
        _cases("tall", "ABL", "ACC", "GEN"),
    ),
    Frame(
        "{name.GEN} йорто янындағы ағас {word} бейегерәк.",
        "the tree by {name}'s house is taller than the _",
        _cases("tall", "ABL", "ACC", "GEN"),
    ),
    Frame("{name} үҙенең {word} йәшерәк.", "{name} is younger than his _", _cases("kin", "P3+ABL", "P3+ACC", "P3+GEN")),
    Frame(
        "{name} {name2.GEN} {word} өлкәнерәк.",
        "{name} is older than {name2}'s _",
        _cases("kin", "P3+ABL", "P3+ACC", "P3+GEN"),
    ),
    Frame(
        "Был {look} әйбер {word} ҡиммәтерәк.",
        "this {look} thing is dearer than the _",
        _cases("thing", "ABL", "ACC", "GEN"),
    ),
    Frame(
        "{name.GEN} аты {word} көслөрәк.",
        "{name}'s horse is stronger than the _",
        _cases("animal", "ABL", "ACC", "GEN"),
    ),
)
_INFINITIVE, _CONVERB = partial(c.nonfinite, "INF", "CVB"), partial(c.nonfinite, "CVB", "INF")
_NONFINITE = (
    Frame("{name.DAT} {future} {what} {word} кәрәк.", "{name} needs to _ {what} {future}", _INFINITIVE),
    Frame("{future} {name} {company} {what} {word} тейеш.", "{future} {name} must _ {what} {company}", _INFINITIVE),
    Frame("{where} {what} {word} ярамай, тип әйтте {name}.", "one must not _ {what} {where}, said {name}", _INFINITIVE),
    Frame("{past} {name} {what} {word} бөттө.", "{past} {name} finished _ {what}", _CONVERB),
    Frame("{name} {company} {what} {word} бөткән.", "{name} has finished _ {what} {company}", _CONVERB),
    Frame("{future} {name} {what} {word} бөтәсәк.", "{future} {name} will finish _ {what}", _CONVERB),
)
_CONDITION, _REASON = partial(c.moods, "COND", "PST"), partial(c.moods, "PST", "COND")
_CONDITIONAL = (
    Frame(
        "Әгәр {subject} {future} {what} {word}, {name} шатланасаҡ.",
        "if {subject} _ {what} {future}, {name} will be glad",
        _CONDITION,
    ),
    Frame(
        "Әгәр {subject} {company} {what} {word}, {name} ярҙам итәсәк.",
        "if {subject} _ {what} {company}, {name} will help",
        _CONDITION,
    ),
    Frame(
        "{name} шатланасаҡ, әгәр {subject} {future} {what} {word}.",
        "{name} will be glad if {subject} _ {what} {future}",
        _CONDITION,
    ),
    Frame(
        "{name} шатланды, сөнки {subject} {past} {what} {word}.",
        "{name} was glad because {subject} _ {what} {past}",
        _REASON,
    ),
    Frame(
        "{name} ярҙам итте, сөнки {subject} {company} {what} {word}.",
        "{name} helped because {subject} _ {what} {company}",
        _REASON,
    ),
    Frame(
        "{past} {name} көттө, сөнки {subject} {what} {word}.",
        "{past} {name} waited because {subject} _ {what}",
        _REASON,
    ),
)
_OBJECT = (
    Frame("{name} {past} был {word} тапты.", "{past} {name} found this _", _cases("thing", "ACC", "")),
    Frame("Мин {where} ошо {word} күрҙем.", "I saw this _ {where}", _cases("animal", "ACC", "")),
    Frame("{past} {name} был {word} уҡып сыҡты.", "{past} {name} read this _", _cases("book", "ACC", "")),
    Frame("Был {look} {word} {spot} ята.", "this {look} _ lies {spot}", _nominative("thing", "ACC")),
    Frame("Ошо {word} {past} {where} йүгереп йөрөнө.", "{past} this _ ran about {where}", _nominative("beast", "ACC")),
    Frame("Был {word} {name.DAT} бик оҡшаны.", "{name} liked this _ very much", _nominative("book", "ACC")),
)


def _also(group: str, wrong: c.Wrong) -> _Source:
    return partial(c.particles, group, wrong)


def _particle_frames(wrong: c.Wrong) -> tuple[Frame, ...]:
    return (
        Frame("{past} {host} {word} беҙгә килде.", "{past} {host} came to us _", _also("name", wrong)),
        Frame("{host} {word} {name} менән {where} эшләй.", "{host} _ works {where} with {name}", _also("name", wrong)),
        Frame(
            "{name} {town.LOC} {host} {word} һатып алды.",
            "{name} bought a {host} _ in {town}",
            _also("thing", wrong),
        ),
        Frame("{past} {where} {host} {word} бар ине.", "{past} there was a {host} _ {where}", _also("animal", wrong)),
        Frame(
            "Байрамға {trait} {host} {word} саҡырылды.",
            "a {trait} {host} _ was invited to the feast",
            _also("person", wrong),
        ),
        Frame(
            "{name} {past} {look} {host} {word} юғалтты.",
            "{past} {name} lost a {look} {host} _",
            _also("thing", wrong),
        ),
    )


SENTENCES: tuple[Phenomenon, ...] = (
    Phenomenon(
        "possessive_agreement",
        "A noun has the possessive suffix of its owner's person: минең китабым.",
        "another person's suffix: минең *китабың",
        False,
        _POSSESSIVE,
    ),
    Phenomenon(
        "person_agreement",
        "The verb has the person of its subject: мин барҙым.",
        "another person: мин *барҙың",
        False,
        _AGREEMENT,
    ),
    Phenomenon(
        "tense_adverb",
        "Yesterday's deeds are in the past, tomorrow's in the future: кисә барҙы, иртәгә барасаҡ.",
        "past for future or future for past: кисә *барасаҡ",
        False,
        _TENSE,
    ),
    Phenomenon(
        "postposition_case",
        "Each postposition governs a case: кискә тиклем (dative), кистән бирле (ablative).",
        "ablative for dative or dative for ablative: *кистән тиклем",
        False,
        _POSTPOSITION,
    ),
    Phenomenon(
        "postposition_bare_noun",
        "Nouns are bare before өсөн, менән, тураһында, хаҡында, буйлап, ablative before һуң, тыш: китап тураһында.",
        "dative or ablative for a bare noun, a bare noun for the ablative: *китапҡа тураһында, *туй һуң",
        False,
        _BARE_POSTPOSITION,
    ),
    Phenomenon(
        "pronoun_postposition",
        "Personal pronouns are genitive before өсөн, менән, dative before тиклем, ablative before һуң: минең өсөн.",
        "another case: *миңә өсөн, *минән тиклем",
        False,
        _PRONOUN_POSTPOSITION,
    ),
    Phenomenon(
        "numeral_singular",
        "A noun after a numeral is singular: биш китап.",
        "plural: биш *китаптар",
        False,
        _NUMERAL,
    ),
    Phenomenon(
        "reflexive_agreement",
        "The reflexive pronoun has the person of the subject: мин үҙем.",
        "another person: мин *үҙең",
        False,
        _REFLEXIVE,
    ),
    Phenomenon(
        "verb_government",
        "Verbs govern a case: ярат the accusative, ярҙам ит the dative, ҡурҡ the ablative.",
        "another case: әсәйенә *ярата",
        False,
        _GOVERNMENT,
    ),
    Phenomenon(
        "comparative_ablative",
        "What something is compared with is in the ablative: имән ҡайындан бейегерәк.",
        "accusative or genitive: *ҡайынды бейегерәк",
        False,
        _COMPARATIVE,
    ),
    Phenomenon(
        "nonfinite_form",
        "кәрәк, тейеш, ярамай take the infinitive (барырға кәрәк), бөт takes the converb (яҙып бөттө).",
        "converb for infinitive or infinitive for converb: *яҙып кәрәк",
        False,
        _NONFINITE,
    ),
    Phenomenon(
        "conditional_mood",
        "әгәр, if, takes the conditional; сөнки, because, the past of what has happened: әгәр килһә, сөнки килде.",
        "the past after әгәр, the conditional after сөнки: әгәр *килде",
        False,
        _CONDITIONAL,
    ),
    Phenomenon(
        "subject_object_case",
        "An object after a demonstrative is in the accusative, a subject in the nominative: был китапты тапты.",
        "a bare object or an accusative subject: был *китап тапты",
        False,
        _OBJECT,
    ),
    Phenomenon(
        "particle_harmony",
        "The particle ла, да, та, ҙа (also) has the harmony of the word before it: китап та, көршәк тә.",
        "the other harmony: китап *тә",
        False,
        _particle_frames(c.other_vowel),
    ),
    Phenomenon(
        "particle_consonant",
        "The same particle begins with л, д, т or ҙ, by the last sound before it: бала ла, китап та, өй ҙә.",
        "another of the four consonants: китап *ла",
        False,
        _particle_frames(c.other_initial),
    ),
)
