"""What batches buy: continuing prompts one by one and many at once, timed in turns and kept as a record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import pandas as pd
import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from . import provenance
from .exceptions import RunError
from .generation import speed_table, throughput_rounds
from .language import PROMPTS
from .markup import html_table
from .models import load_model, load_tokenizer
from .study import ModelSpec, Specification
from .workspace import Workspace, disk_errors, read_json, write_json

FILE = Path("generation", "throughput.json")
"""Where ``book/recorded`` keeps the record."""
BATCH_SIZES = (1, 4, 16)
PROMPT_COUNT, NEW_TOKENS, ROUNDS = 16, 32, 5


Speed = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Machine(BaseModel):
    """What a page says of the machine; the rest of ``provenance.machine`` is kept as it is."""

    model_config = ConfigDict(frozen=True, extra="allow")

    processor: str
    accelerator: str


class Provenance(BaseModel):
    """What a page says of where a record comes from; the rest of ``provenance.collect`` is kept as it is."""

    model_config = ConfigDict(frozen=True, extra="allow")

    date: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}T")
    """ISO 8601."""
    commit: str | None
    machine: Machine


class Throughput(Specification):
    """How fast one model continues prompts on one machine, by how many it is given at once."""

    model: str
    source: str
    label: str | None
    dtype: str
    device: str
    threads: int
    prompts: int
    new_tokens: int
    """Of each continuation; all have as many."""
    batch_sizes: tuple[int, ...] = Field(min_length=1)
    tokens_per_second: tuple[tuple[Speed, ...], ...] = Field(min_length=1)
    """Of each round, in the order of ``batch_sizes``; before the first, every size ran once and was not timed."""
    ratio_of_medians: tuple[Speed, ...]
    """Median over rounds over that of the first batch size."""
    remark: str = ""
    provenance: Provenance
    """Date, commit, machine and versions (``provenance.collect``)."""

    @model_validator(mode="after")
    def _each_size_has_its_numbers(self) -> Throughput:
        if len(set(self.batch_sizes)) < len(self.batch_sizes):
            raise ValueError("a batch size comes twice")
        if {len(row) for row in (*self.tokens_per_second, self.ratio_of_medians)} != {len(self.batch_sizes)}:
            raise ValueError("a row has more or fewer numbers than there are batch sizes")
        return self

    @property
    def rounds(self) -> pd.DataFrame:
        """Tokens a second, one row a round, one column a batch size."""
        return pd.DataFrame(self.tokens_per_second, columns=list(self.batch_sizes))


def measure(  # noqa: PLR0913
    spec: ModelSpec,
    workspace: Workspace,
    *,
    prompts: int = PROMPT_COUNT,
    new_tokens: int = NEW_TOKENS,
    batch_sizes: Sequence[int] = BATCH_SIZES,
    rounds: int = ROUNDS,
    remark: str = "",
) -> Throughput:
    """Time a model as it came on the book's first ``prompts`` prompts, decoded greedily (:func:`throughput_rounds`).

    Raises:
        ModelError: the model cannot be loaded.
        DivergenceError: its logits are not finite.
    """
    model, tokenizer = load_model(spec, workspace), load_tokenizer(spec, workspace)
    asked = [prompt.text for prompt in PROMPTS[:prompts]]
    found = throughput_rounds(model, tokenizer, asked, new_tokens, batch_sizes, rounds=rounds)
    return Throughput(
        model=spec.name,
        source=spec.source,
        label=spec.label,
        dtype=str(model.dtype).removeprefix("torch."),
        device=model.device.type,
        threads=torch.get_num_threads(),
        prompts=len(asked),
        new_tokens=new_tokens,
        batch_sizes=tuple(batch_sizes),
        tokens_per_second=tuple(tuple(row) for row in found.to_numpy().tolist()),
        ratio_of_medians=tuple(speed_table(found)["speedup"]),
        remark=remark,
        provenance=Provenance.model_validate(provenance.collect()),
    )


def write_throughput(found: Throughput, folder: Path) -> Path:
    """Write the record under ``folder``, in place of an earlier one; its path.

    Raises:
        RunError: the folder cannot be written.
    """
    with disk_errors("the throughput", RunError):
        write_json(folder / FILE, found.model_dump(mode="json"))
    return folder / FILE


def load_throughput(folder: Path) -> Throughput | None:
    """The record under ``folder``; None where there is none.

    Raises:
        RunError: it is damaged.
    """
    if not (folder / FILE).is_file():
        return None
    try:
        return Throughput.model_validate(read_json(folder / FILE))
    except (OSError, ValueError, ValidationError) as error:
        raise RunError(f"{FILE} is damaged: record it again with `bashkir throughput`") from error


def throughput_html(found: Throughput | None) -> str:
    """The record as a table: median, slowest and fastest round by batch size, and the ratio of medians."""
    if found is None:
        return "<p>No measurement is recorded.</p>"
    rounds = found.rounds
    shown = speed_table(rounds).rename(columns={"tokens_per_second": "tokens a second (median)"})
    shown.insert(1, "slowest round", rounds.min())
    shown.insert(2, "fastest round", rounds.max())
    about = found.provenance
    machine = about.machine
    where = machine.accelerator if found.device == "cuda" else f"{machine.processor}, {found.threads} threads"
    parts = (
        f"Recorded: {found.model} ({found.source}), {found.prompts} prompts, {found.new_tokens} tokens each, {where}",
        f"{len(rounds)} rounds, {about.date[:10]}, commit {about.commit}",
    )
    named = [text for text in (found.label, found.remark) if text]
    return html_table(shown, ", ".join((*parts, *named)))
