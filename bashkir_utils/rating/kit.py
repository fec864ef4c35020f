"""A kit for blind human rating: one page that needs no server, and the key that says who wrote what.

The page holds texts under random names and nothing of their origin. People's text stands among them as a baseline.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Literal

import pandas as pd
from pydantic import Field

from ..corpus import Corpus
from ..exceptions import RatingError
from ..markup import visible_text
from ..report import StudyReport, collect, continuations
from ..runs import Run, evaluate
from ..study import Specification, Study
from ..workspace import Workspace, atomic_directory, disk_errors, fingerprint, write_json, write_text
from .exports import FORM, LANGUAGES, LONGEST_COMMENT, LONGEST_NAME, VERSION

PAGE_FILE, KEY_FILE = "rating.html", "key.json"
PEOPLE = "people (test documents)"
"""The way of the hidden baseline; no method can be called so."""
LONGEST_TEXT = 4000
"""Characters of a prompt or continuation that are shown."""
PROMPT_WORDS = 8
"""Words of a document that stand as the beginning of people's text."""
_MARKERS = re.compile(r"\{\{(\w+)\}\}")


@dataclass(frozen=True)
class Text:
    """A beginning, how it goes on, and where that comes from."""

    way: str
    """Way of adaptation, as ``StudyReport.arms`` names it, or ``PEOPLE``."""
    run_id: str | None
    """None for people's text."""
    kind: str
    prompt: str
    continuation: str


class KeyItem(Specification):
    """Where one text of a kit comes from."""

    way: str
    run_id: str | None
    kind: str
    prompt: str
    continuation: str


class Key(Specification):
    """What ``key.json`` holds: the origin of every text of one kit. Raters must not see it."""

    form: Literal["bashkir-rating-key"] = "bashkir-rating-key"
    version: Literal[1] = 1
    kit: str
    """Fingerprint of the texts and their names."""
    study: str
    corpus: str
    """Its label."""
    decoding: str
    items: dict[str, KeyItem] = Field(min_length=1)


@dataclass(frozen=True)
class Kit:
    """A page and its key."""

    page: str
    key: Key


def study_kit(  # noqa: PLR0913
    study: Study,
    corpus: Corpus,
    runs: Sequence[Run],
    workspace: Workspace,
    *,
    decoding: str | None = None,
    per_model: int = 6,
    seed: int = 42,
) -> Kit:
    """A kit with continuations of every run and as many of people's texts; runs continue their prompts if they must.

    ``decoding`` is one of the study's, by default its first; the rest as in :func:`choose_texts`.

    Raises:
        RatingError: the study has no such decoding.
    """
    names = [each.name for each in study.generation.decodings]
    wanted = names[0] if decoding is None else decoding
    if wanted not in names:
        raise RatingError(f"unknown decoding {wanted!r}; this profile has {', '.join(names)}")
    report = collect(study, corpus, runs, [evaluate(run, corpus, study.evaluation, workspace) for run in runs])
    written = continuations(report, runs, study.generation, workspace)
    chosen = choose_texts(report, written[written["decoding"] == wanted], per_model, seed)
    people = people_texts(corpus.split("test")["text"].tolist(), chosen, per_model, seed)
    return make_kit([*chosen, *people], study=study.name, corpus=corpus.label, decoding=wanted)


def choose_texts(report: StudyReport, written: pd.DataFrame, per_model: int, seed: int) -> tuple[Text, ...]:
    """The first sample of every run for the same ``per_model`` prompts, their kinds in turn.

    Args:
        report: of the runs that wrote the continuations.
        written: as ``report.continuations`` gives them, of one decoding.
        per_model: texts of each run; all where there are fewer prompts.
        seed: of the choice of prompts.
    """
    run_ids = {label: run_id for run_id, label in report.labels.items()}
    first = written[written["sample"] == written["sample"].min()]
    chosen = _prompts_in_turn(first, per_model, seed)
    rows = first[first["prompt"].isin(chosen)]
    return tuple(
        Text(report.arms[run_ids[row["model"]]], run_ids[row["model"]], row["kind"], row["prompt"], row["continuation"])
        for row in rows.to_dict("records")
    )


def _prompts_in_turn(rows: pd.DataFrame, count: int, seed: int) -> list[str]:
    """So many prompts, one of each kind before a second of any."""
    prompts = rows.drop_duplicates("prompt")[["prompt", "kind"]].sample(frac=1, random_state=seed)
    turn = prompts.groupby("kind").cumcount().sort_values(kind="stable")
    return list(prompts["prompt"].loc[turn.index].head(count))


def people_texts(documents: Sequence[str], like: Sequence[Text], count: int, seed: int) -> tuple[Text, ...]:
    """Beginnings of documents, cut in two like a prompt and a continuation; as long as the median of ``like``.

    A document that is too short is passed over, so there may be fewer than ``count``.
    """
    length = max(int(pd.Series([len(text.continuation) for text in like]).median()), 1)
    pattern = re.compile(rf"\s*((?:\S+\s+){{{PROMPT_WORDS - 1}}}\S+)")
    halves = [(found[1], text[found.end() :]) for text in documents if (found := pattern.match(text))]
    enough = [(prompt, rest[:length]) for prompt, rest in halves if len(rest) >= length]
    chosen = random.Random(seed).sample(enough, min(count, len(enough)))
    return tuple(Text(PEOPLE, None, PEOPLE, prompt, rest) for prompt, rest in chosen)


def make_kit(texts: Sequence[Text], *, study: str, corpus: str, decoding: str) -> Kit:
    """Give every text a random name and set the page; the same texts never get the same names twice.

    Raises:
        RatingError: there are no texts.
    """
    if not texts:
        raise RatingError("there is no text to rate")
    named = {secrets.token_hex(8): text for text in texts}
    # in the order of random names, so that the page's source does not tell what belongs together
    shown = [
        {"id": name, "prompt": _shown(named[name].prompt), "continuation": _shown(named[name].continuation)}
        for name in sorted(named)
    ]
    kit = fingerprint(shown)
    key = Key(
        kit=kit,
        study=study,
        corpus=corpus,
        decoding=decoding,
        items={name: KeyItem(**vars(text)) for name, text in named.items()},
    )
    return Kit(_page(kit, shown), key)


def write_kit(kit: Kit, folder: Path) -> None:
    """Write page and key into a new folder, whole or not at all.

    Raises:
        RatingError: the folder is there already (a new key would make its ratings unreadable), or the disk is full.
    """
    if folder.exists():
        raise RatingError(f"{folder} is there already: give a folder that is not, so that no key is lost")
    with disk_errors("the kit", RatingError), atomic_directory(folder) as temporary:
        write_text(temporary / PAGE_FILE, kit.page)
        write_json(temporary / KEY_FILE, kit.key.model_dump(mode="json"))


def _shown(text: str) -> str:
    """Nothing invisible but line ends, and not endless."""
    return "\n".join(visible_text(line, LONGEST_TEXT) for line in text[:LONGEST_TEXT].split("\n"))


def _page(kit: str, shown: Sequence[dict[str, str]]) -> str:
    template, style, script = (_packaged(f"page.{ending}") for ending in ("html", "css", "js"))
    content = {
        "form": FORM,
        "version": VERSION,
        "fingerprint": kit,
        "languages": LANGUAGES,
        "longest_comment": LONGEST_COMMENT,
        "longest_name": LONGEST_NAME,
        "items": shown,
    }
    parts = {
        "style": style,
        "style_hash": _source_hash(style),
        "script": script,
        "script_hash": _source_hash(script),
        "kit": _inert_json(content),
    }
    return _MARKERS.sub(lambda marker: parts[marker[1]], template)


def _packaged(name: str) -> str:
    return (resources.files(__package__) / name).read_text(encoding="utf-8")


def _source_hash(text: str) -> str:
    """What a Content-Security-Policy names an inline script or style by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _inert_json(value: object) -> str:
    """JSON that ends no script element, whatever is in it."""
    text = json.dumps(value, ensure_ascii=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text
