"""Tokenizers worth trying for a corpus: described, trained once on its training split, and kept in the workspace."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from .. import language, provenance
from ..corpus import Corpus
from ..exceptions import TokenizerError
from ..workspace import Workspace, atomic_directory, disk_errors, fingerprint, read_json, sha256_file, write_json
from .loading import Tokenizer, check_round_trip, from_transformers
from .measures import LETTERS, sample_texts
from .surgery import extend_tokenizer, trim_tokenizer
from .trained import Algorithm, Segment, count_pieces, train_on_counts

MADE_OF_OWN = frozenset({"own", "trimmed", "extended"})
"""Families of contenders that are not learned from nothing."""
VERSION = 1
"""Part of every folder's name: raise it when the same text and settings would give other entries."""
SIZES = (512, 1024, 2048, 4096, 8192, 16384, 32768)
GRID_SIZES = 4
"""How many sizes are tried of each kind."""
TRAINING_CHARACTERS = 4_000_000
"""How much of the training split entries are learned on."""
REFUSED = "refused.json"


@dataclass(frozen=True)
class Candidate:
    """A tokenizer to train."""

    algorithm: Algorithm
    entries: int
    """Size of the vocabulary, with the 256 bytes and the special entry."""
    morphemes: bool = False
    """Whether entries end where a morpheme ends."""

    @property
    def family(self) -> str:
        """What it shares with the other sizes: ``bpe``, ``bpe+morphemes``, ``unigram`` or ``unigram+morphemes``."""
        return f"{self.algorithm}+morphemes" if self.morphemes else self.algorithm

    @property
    def name(self) -> str:
        """Family and number of entries."""
        return f"{self.family}-{self.entries}"


@dataclass(frozen=True)
class Contender:
    """A tokenizer in a comparison, and its kind: a family of candidates, ``own``, ``trimmed`` or ``extended``."""

    family: str
    tokenizer: Tokenizer


@dataclass(frozen=True)
class TrainedGrid:
    """What became of a grid of candidates."""

    contenders: tuple[Contender, ...]
    refused: Mapping[str, str]
    """By a candidate's name, why the text cannot give it."""
    too_large: tuple[int, ...]
    """Sizes that were not tried: the text has fewer words that come twice."""

    def named(self, name: str) -> Tokenizer:
        """The tokenizer of that name. Raises TokenizerError where there is none."""
        for each in self.contenders:
            if each.tokenizer.name == name:
                return each.tokenizer
        raise TokenizerError(f"no tokenizer {name!r} here: {self.refused.get(name, 'it is not in the grid')}")


@dataclass(frozen=True)
class Entrants:
    """A model's own tokenizer, what can be made of it, and the candidates."""

    own: Contender
    trimmed: Contender
    extended: Contender
    grid: TrainedGrid

    @property
    def contenders(self) -> tuple[Contender, ...]:
        """All of them."""
        return (self.own, self.trimmed, self.extended, *self.grid.contenders)


def entrants(
    own: Tokenizer,
    base: PreTrainedTokenizerBase,
    corpus: Corpus,
    workspace: Workspace,
    *,
    characters: int = TRAINING_CHARACTERS,
) -> Entrants:
    """Everything that the chapter compares; the own tokenizer is extended by half as many entries as the largest has.

    Args:
        own: the model's tokenizer, as it is measured.
        base: the same, as transformers loads it.
        corpus: what the others are trained on.
        workspace: where they are kept.
        characters: how much text they are trained on, at most; whole documents.

    Raises:
        TokenizerError: ``base`` is no BPE, or the text is too short for any candidate.
    """
    trained = train_grid(corpus, workspace, characters=characters)
    if not trained.contenders:
        raise TokenizerError(f"corpus {corpus.label}: too short to train a tokenizer on")
    half = max(each.tokenizer.vocabulary_size for each in trained.contenders) // 2
    return Entrants(
        own=Contender("own", own),
        trimmed=trimmed_contender(own.name, base, corpus, workspace, characters=characters),
        extended=extended_contender(own.name, base, corpus, workspace, half, characters=characters),
        grid=trained,
    )


def sizes_for(texts: Iterable[str]) -> tuple[int, ...]:
    """The largest ``GRID_SIZES`` sizes with no more entries than the texts have words that come twice.

    It is a rule of thumb for what is worth trying: entries that stand for rarer things than words that come twice are
    seen too seldom to learn a row for.
    """
    counts = Counter(word for text in texts for word in LETTERS.findall(text.lower()))
    repeated = sum(count > 1 for count in counts.values())
    return tuple(size for size in SIZES if size <= repeated)[-GRID_SIZES:]


def grid(sizes: Iterable[int], *, morphemes: bool) -> tuple[Candidate, ...]:
    """Each size as BPE, as BPE that respects morphemes (where ``morphemes`` can be known), and as Unigram."""
    kinds: tuple[tuple[Algorithm, bool], ...] = (("bpe", False), ("bpe", True), ("unigram", False))
    return tuple(Candidate(algorithm, size, cut) for algorithm, cut in kinds if morphemes or not cut for size in sizes)


def segmenter(corpus: Corpus) -> Segment | None:
    """The analyser of the corpus's language; None where there is none, which is everywhere but in Bashkir."""
    return language.segment if corpus.language == "ba" else None


def train_grid(
    corpus: Corpus,
    workspace: Workspace,
    *,
    characters: int = TRAINING_CHARACTERS,
    candidates: Sequence[Candidate] | None = None,
) -> TrainedGrid:
    """Train the candidates that are not in the workspace yet, on the first documents of the training split.

    Args:
        corpus: in a language without an analyser there are no candidates with morphemes.
        workspace: where they are kept.
        characters: how much text they are trained on, at most; whole documents.
        candidates: None takes :func:`grid` with the sizes that this text can fill.

    Raises:
        TokenizerError: a candidate asks for morphemes in a language without an analyser, or the disk is full.
    """
    texts = sample_texts(corpus.split("train")["text"], characters)
    sizes = sizes_for(texts)
    segment = segmenter(corpus)
    wanted = grid(sizes, morphemes=segment is not None) if candidates is None else tuple(candidates)
    if segment is None and any(each.morphemes for each in wanted):
        raise TokenizerError(f"corpus {corpus.label}: only Bashkir words can be cut into morphemes here")
    counted = functools.cache(lambda morphemes: count_pieces(texts, segment if morphemes else None))
    contenders, refused = list[Contender](), dict[str, str]()
    for each in wanted:
        try:
            loaded = _kept(
                each.name,
                _settings(corpus, characters, candidate=asdict(each), analyser=each.morphemes and _analyser()),
                workspace,
                functools.partial(_train, each, counted),
            )
            contenders.append(Contender(each.family, loaded))
        except _RefusedError as error:
            refused[each.name] = str(error)
    too_large = () if candidates is not None else tuple(size for size in SIZES if size > max(sizes, default=0))
    return TrainedGrid(tuple(contenders), refused, too_large)


def trimmed_contender(
    name: str,
    base: PreTrainedTokenizerBase,
    corpus: Corpus,
    workspace: Workspace,
    *,
    characters: int = TRAINING_CHARACTERS,
) -> Contender:
    """A model's own tokenizer, trimmed to the training text. Raises TokenizerError: it is no BPE."""
    texts = functools.partial(_training_texts, corpus, characters)
    settings = _settings(corpus, characters, trimmed=_digest(base))
    made = _kept(f"{name}-trimmed", settings, workspace, lambda: trim_tokenizer(base, texts()).tokenizer)
    return Contender("trimmed", made)


def extended_contender(  # noqa: PLR0913 - each is part of what is made
    name: str,
    base: PreTrainedTokenizerBase,
    corpus: Corpus,
    workspace: Workspace,
    new_entries: int,
    *,
    characters: int = TRAINING_CHARACTERS,
) -> Contender:
    """A model's own tokenizer with ``new_entries`` more merges, learned on the training text.

    Raises:
        TokenizerError: it is no BPE, or the text has too few pairs that come twice.
    """
    texts = functools.partial(_training_texts, corpus, characters)
    settings = _settings(corpus, characters, extended=[_digest(base), new_entries])
    made = _kept(
        f"{name}-extended-{new_entries}",
        settings,
        workspace,
        lambda: extend_tokenizer(base, texts(), new_entries).tokenizer,
    )
    return Contender("extended", made)


class _RefusedError(TokenizerError):
    """The text cannot give what was asked for, now or when it was tried first."""


def _kept(name: str, settings: object, workspace: Workspace, make: Callable[[], PreTrainedTokenizerBase]) -> Tokenizer:
    """What ``make`` gives, or gave before with the same settings; a refusal is kept like a tokenizer."""
    folder = workspace.tokenizers / f"{name}-{fingerprint(settings, length=12)}"
    with disk_errors(f"tokenizer {name}", TokenizerError):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.parent / f".{folder.name}.lock"):
            if not folder.is_dir():
                with atomic_directory(folder) as temporary:
                    _make_into(temporary, settings, make)
    return _read(name, folder)


def _make_into(folder: Path, settings: object, make: Callable[[], PreTrainedTokenizerBase]) -> None:
    write_json(folder / "settings.json", settings)
    try:
        made = make()
    except TokenizerError as error:
        write_json(folder / REFUSED, str(error))
        return
    made.save_pretrained(folder)


def _read(name: str, folder: Path) -> Tokenizer:
    if (folder / REFUSED).is_file():
        raise _RefusedError(str(read_json(folder / REFUSED)))
    try:
        loaded = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise TokenizerError(f"tokenizers/{folder.name} is damaged; delete it, and it is trained again") from error
    tokenizer = from_transformers(name, f"{name}, learned on the training split", loaded)
    check_round_trip(tokenizer)
    return tokenizer


def _train(candidate: Candidate, counted: Callable[[bool], Mapping[str, int]]) -> PreTrainedTokenizerBase:
    counts = counted(candidate.morphemes)
    return train_on_counts(counts, entries=candidate.entries, algorithm=candidate.algorithm)


def _training_texts(corpus: Corpus, characters: int) -> list[str]:
    return sample_texts(corpus.split("train")["text"], characters)


def _settings(corpus: Corpus, characters: int, **what: object) -> dict[str, object]:
    libraries = provenance.versions(("tokenizers", "sentencepiece"))
    return {"corpus": corpus.fingerprint, "characters": characters, "version": VERSION, "libraries": libraries, **what}


def _digest(base: PreTrainedTokenizerBase) -> str:
    return fingerprint(base.backend_tokenizer.to_str() if base.is_fast else base.name_or_path)


@functools.cache
def _analyser() -> str:
    """Stands for the rules and stems that words are cut by."""
    return fingerprint([sha256_file(file) for file in _analyser_files(Path(language.__file__).parent)])


def _analyser_files(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.glob("*.py"))
    yield from sorted((folder / "stems").glob("*.tsv"))
