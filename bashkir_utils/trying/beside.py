"""Two models on one prompt: how each goes on, and what every word costs it.

Nothing is measured here that is not measured elsewhere: ``generation`` continues, ``evaluation`` scores prompt and
continuation as one document, and ``errors.scored_text`` shares the loss out over its words.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from types import MappingProxyType

import numpy as np
import pandas as pd
from pydantic import Field
from transformers import PreTrainedTokenizerBase

from .. import corpus as corpora
from ..adapt import AnyModel
from ..errors.coloured import loss_levels
from ..errors.scored_text import ReadText, cut_pieces, read_documents
from ..evaluation import score_documents
from ..exceptions import CorpusError, TryError
from ..generation import generate
from ..markup import visible_text
from ..runs import Run, bare_run, check_context, checkable, find_run, stored_divergence
from ..study import Decoding, EvaluationSpec, GenerationSpec, Specification, Study
from ..tokenization import Tokenizer, check_round_trip
from ..workspace import Workspace

LONGEST_PROMPT = 4000
"""Characters."""
MOST_NEW_TOKENS = 256
LARGEST_SEED = 2**32 - 1
GREEDY = Decoding(name="greedy", temperature=0)


class Asked(Specification):
    """What the page asks for."""

    prompt: str = Field(max_length=LONGEST_PROMPT)
    decoding: str
    """Its name, one of :class:`How`."""
    seed: int = Field(ge=0, le=LARGEST_SEED)
    new_tokens: int = Field(ge=1, le=MOST_NEW_TOKENS)


@dataclass(frozen=True)
class How:
    """How texts are continued and scored, and what the page begins with."""

    decodings: Mapping[str, Decoding]
    """By name; one sample each, and always a greedy one."""
    evaluation: EvaluationSpec
    new_tokens: int
    seed: int
    language: str | None
    """ISO 639-1 of the text that the first model was adapted to; None where it is not known."""

    @classmethod
    def of(cls, study: Study, language: str | None) -> How:
        """What a profile says of generation and evaluation."""
        own = [each.model_copy(update={"samples": 1}) for each in study.generation.decodings]
        greedy = [] if any(each.temperature == 0 for each in own) else [GREEDY]
        return cls(
            decodings=MappingProxyType({each.name: each for each in (*own, *greedy)}),
            evaluation=study.evaluation,
            new_tokens=min(study.generation.max_new_tokens, MOST_NEW_TOKENS),
            seed=min(study.generation.seed, LARGEST_SEED),
            language=language,
        )


@dataclass(frozen=True)
class Word:
    """A unit of text as it is shown: nothing in it is invisible."""

    before: str
    """What stands for the white space before it, whose loss it bears."""
    text: str
    bits: float
    level: int
    """Of ``errors.coloured.loss_levels``."""


@dataclass(frozen=True)
class Part:
    """The prompt or the continuation."""

    words: tuple[Word, ...]
    bits_per_byte: float | None
    """None where there is no text."""


@dataclass(frozen=True)
class Answer:
    """What one model made of a prompt."""

    prompt: Part
    continuation: Part
    new_tokens: int
    ended: bool
    """Whether the model closed the document."""
    broken_characters: int


@dataclass(frozen=True, eq=False)
class Side:
    """A loaded model."""

    name: str
    notes: tuple[str, ...]
    """What a reader must know of its weights and its text."""
    model: AnyModel
    tokenizer: PreTrainedTokenizerBase
    checked: Tokenizer

    def answer(self, asked: Asked, how: How) -> Answer:
        """Continue the prompt and score what stands there then.

        Raises:
            TryError: there is no such decoding.
            BashkirError: as :func:`.generate` and :func:`.cut_pieces`; or the tokenizer does not give the text back.
        """
        if asked.decoding not in how.decodings:
            raise TryError(f"unknown decoding {asked.decoding!r}; there are {', '.join(how.decodings)}")
        spec = GenerationSpec(
            max_new_tokens=asked.new_tokens, decodings=(how.decodings[asked.decoding],), seed=asked.seed
        )
        row = generate(self.model, self.tokenizer, [asked.prompt], spec).iloc[0]
        prompt, continuation = self._score(asked.prompt, str(row["continuation"]), how.evaluation)
        return Answer(prompt, continuation, int(row["new_tokens"]), bool(row["ended"]), int(row["broken_characters"]))

    def _score(self, prompt: str, continuation: str, spec: EvaluationSpec) -> tuple[Part, Part]:
        whole = prompt + continuation
        check_round_trip(self.checked, whole)
        documents = pd.DataFrame({"id": [self.name], "source": [self.name]})
        text = read_documents(documents, documents.assign(text=[whole]))
        scored = _OneText(documents, score_documents(self.model, self.tokenizer, [whole], spec).tokens)
        pieces = cut_pieces(scored, text)
        bits = np.bincount(pieces.character, weights=pieces.nll, minlength=len(whole)) / math.log(2)
        return _part(text, bits, 0, len(prompt)), _part(text, bits, len(prompt), len(whole))


@dataclass(frozen=True, eq=False)
class _OneText:
    """What ``errors.scored_text`` asks of an evaluation."""

    documents: pd.DataFrame
    tokens: pd.DataFrame


def _part(text: ReadText, bits: np.ndarray, begin: int, end: int) -> Part:
    """Units between two places, cut there; ``bits`` are those of each character."""
    spans = zip(text.units["start"], text.units["end"], strict=True)
    places = [(max(start, begin), min(stop, end)) for start, stop in spans if start < end and stop > begin]
    losses = np.array([bits[start:stop].sum() for start, stop in places])
    levels = loss_levels(losses)
    words = [
        _word(text.texts[0][start:stop], float(loss), int(level))
        for (start, stop), loss, level in zip(places, losses, levels, strict=True)
    ]
    size = len(text.texts[0][begin:end].encode())
    return Part(tuple(words), float(bits[begin:end].sum()) / size if size else None)


def _word(written: str, bits: float, level: int) -> Word:
    text = written.strip()
    if not text:
        return Word("", "↵" if "\n" in written else "␣", bits, level)
    space = written[: written.index(text[0])]
    before = "↵\n" * space.count("\n") or (" " if space else "")
    return Word(before, visible_text(text, len(text)), bits, level)


@dataclass(frozen=True, eq=False)
class Bench:
    """Two models, one of which works at a time."""

    sides: tuple[Side, Side]
    how: How
    lock: Lock = field(default_factory=Lock)

    def answer(self, asked: Asked) -> tuple[Answer, Answer]:
        """What each makes of the prompt, in their order; waits while another prompt is worked on. Raises as a side."""
        first, second = self.sides
        with self.lock:
            return first.answer(asked, self.how), second.answer(asked, self.how)

    def close(self) -> None:
        """Stop what is being written at its next token, and answer nothing any more.

        A thread that is still inside the model when Python ends would take the whole process down with an abort.
        """
        for side in self.sides:
            side.model.get_input_embeddings().register_forward_pre_hook(_stop)
        self.lock.acquire()


def _stop(*_: object) -> None:
    raise TryError("the page is closed")


def choose_runs(run: str, other: str | None, workspace: Workspace) -> tuple[Run, Run]:
    """Two finished runs by the beginnings of their names; without the second, the first's model as it came.

    Raises:
        RunError: as ``runs.find_run``.
        TryError: both are the same.
    """
    first = find_run(run, workspace)
    second = bare_run(first, workspace) if other is None else find_run(other, workspace)
    if first.run_id == second.run_id:
        remedy = "name another run after it" if other is None else "name two"
        raise TryError(f"{first.run_id} would stand beside itself: {remedy}")
    return first, second


def open_bench(runs: tuple[Run, Run], study: Study, workspace: Workspace) -> Bench:
    """Load two runs; ``study`` says how texts are continued and scored.

    Raises:
        ModelError: a model cannot be loaded, or has no room for the study's evaluation window.
    """
    how = How.of(study, _language(runs[0], workspace))
    first, second = (_open(run, how, workspace) for run in runs)
    return Bench((first, second), how)


def _open(run: Run, how: How, workspace: Workspace) -> Side:
    model, tokenizer = run.load(workspace)
    check_context(model, how.evaluation.window, "evaluation.window")
    return Side(run.run_id, _notes(run, workspace), model, tokenizer, checkable(run.spec, tokenizer))


def _notes(run: Run, workspace: Workspace) -> tuple[str, ...]:
    trained = run.spec.training is not None
    text = f"adapted to {visible_text(str(run.record['corpus_label']))}" if trained else "the model as it came"
    diverged = stored_divergence(run, workspace)
    return tuple(filter(None, (run.spec.model.label, text, diverged and f"diverged: {diverged}")))


def _language(run: Run, workspace: Workspace) -> str | None:
    """Of the run's corpus, if that is in the store."""
    try:
        return corpora.load(run.spec.corpus, workspace).language
    except CorpusError:
        return None
