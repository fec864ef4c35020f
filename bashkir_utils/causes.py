"""What can go wrong in a study without an error, each as one value that can be tried on a small model.

A perplexity above 100 where others have 4, such as the 129.55 that the paper reports for DeepSeek-7B at rank 8, has
many possible causes. Each :class:`Cause` breaks one thing in an otherwise healthy experiment and measures what a study
would then report. The sizes are of one model and one budget: they prove nothing of what happened elsewhere.
"""

from __future__ import annotations

import copy
import fnmatch
import math
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tokenizers import Regex, normalizers
from torch import nn
from transformers import PreTrainedTokenizerBase, set_seed
from transformers.pytorch_utils import Conv1D

from .adapt import AnyModel, adapt, choose_precision, load_base
from .corpus import Corpus
from .evaluation import choose_documents, score_ids
from .exceptions import DivergenceError, ProfileError, RunError
from .markup import escape_markdown
from .models import load_tokenizer
from .packing import PackedBlocks, boundaries, encode, pack
from .runs import Run, evaluate, obtain
from .study import ZERO_SHOT, EvaluationSpec, MethodSpec, RunSpec, Study
from .training import TrainingData, blocks_wanted, train
from .workspace import Workspace, atomic_directory, disk_errors, fingerprint, read_json, write_json

MAX_TOKENS = 4096
MAX_BATCH = 4
MAX_TEST_BYTES = 3000
"""Budget of each training and text of each scoring: enough to see a jump, small enough for a first look."""
ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj", "self_attn.dense", "c_attn", "attn.c_proj")
"""Attention layers of Llama, Mistral, Qwen, Phi and GPT-2, by the ends of their names; peft passes over those that a
model lacks."""
ONE_PROJECTION = ("k_proj", "attn.c_proj")
"""One attention layer of each of these architectures."""
LETTERS_BEYOND_ASCII = r"[\p{L}&&[^\x00-\x7F]]"
OVERFLOW_SCALE = 16.0
"""A power of two, so that the formats with a wide range give the same numbers with it as without."""


@dataclass(frozen=True)
class Bench:
    """A healthy experiment: what is broken, one thing at a time."""

    spec: RunSpec
    """The healthy training: LoRA with a small budget."""
    evaluation: EvaluationSpec
    corpus: Corpus
    workspace: Workspace

    @property
    def texts(self) -> list[str]:
        """The test documents that are scored."""
        return choose_documents(self.corpus.split("test"), self.evaluation)["text"].tolist()


@dataclass(frozen=True)
class Reported:
    """What a study would write in its table."""

    token_perplexity: float
    """exp of the mean loss in nats per token; not a number where the loss is none."""
    bits_per_byte: float
    """Loss in bits over the UTF-8 bytes of the documents as they are on disk."""


@dataclass(frozen=True)
class Cause:
    """One thing that can be wrong, and how to measure what a study would then report."""

    name: str
    what: str
    """What is done wrong, in a sentence."""
    sign: str
    """How it could be noticed."""
    report: Callable[[Bench], Reported]
    setting: str | None = None
    """The setting of a method that produces it; None where a profile cannot."""


def bench(study: Study, corpus: Corpus, workspace: Workspace) -> Bench:
    """The experiment to break: the study's first LoRA cell, with at most ``MAX_TOKENS`` of training.

    Raises:
        ProfileError: the study has no LoRA method.
    """
    found = [cell for cell in study.cells(corpus.fingerprint) if cell.method.kind == "lora"]
    if not found:
        raise ProfileError(f"profile {study.name}: this chapter needs a method of kind lora")
    asked = study.training
    training = asked.model_copy(
        update={
            "tokens": min(asked.tokens or MAX_TOKENS, MAX_TOKENS),
            "epochs": None,
            "minutes": None,
            "embeddings_first": 0,
            "batch_size": max(1, min(asked.batch_size, MAX_BATCH)),
            "gradient_accumulation": 1,
            "checkpoints": 1,
        }
    )
    evaluation = study.evaluation.model_copy(update={"max_bytes": min(study.evaluation.max_bytes, MAX_TEST_BYTES)})
    return Bench(found[0].model_copy(update={"training": training}), evaluation, corpus, workspace)


def named(patterns: Sequence[str]) -> list[Cause]:
    """The causes with a name that is one of the patterns, in which ``*`` stands for anything.

    Raises:
        ProfileError: there is none.
    """
    found = [cause for cause in CAUSES if any(fnmatch.fnmatch(cause.name, pattern) for pattern in patterns)]
    if not found:
        raise ProfileError(f"no cause is {' or '.join(patterns)}; there are: {'; '.join(c.name for c in CAUSES)}")
    return found


def measure(cause: Cause, bench: Bench) -> Reported:
    """What a study with that fault would report; what was measured before is loaded."""
    key = fingerprint([cause.name, bench.evaluation.model_dump(mode="json"), bench.corpus.fingerprint])
    folder = healthy_run(bench).folder / "causes" / key
    if not folder.is_dir():
        reported = cause.report(bench)
        with disk_errors(f"the measurement of {cause.name}", RunError), atomic_directory(folder) as temporary:
            # as text, since JSON has no sign for what is not a number
            write_json(temporary / "reported.json", {name: str(value) for name, value in asdict(reported).items()})
    stored = read_json(folder / "reported.json")
    return Reported(**{name: float(value) for name, value in stored.items()})


def healthy_run(bench: Bench) -> Run:
    """The run in which nothing is broken, trained if it is not in the store."""
    return obtain(bench.spec, bench.corpus, bench.workspace)


def settings_sentence() -> str:
    """Markdown: how many of the causes come from a setting of a profile, and which."""
    ordinary = [cause for cause in CAUSES if cause.setting is not None]
    names = ", ".join(f"{escape_markdown(cause.name)} (`{cause.setting}`)" for cause in ordinary)
    return (
        f"**{len(ordinary)} of the {len(CAUSES)}** faults below come from an ordinary setting of a profile: {names}. "
        f"No setting leads to the other {len(CAUSES) - len(ordinary)}, so this chapter makes them in its own code."
    )


def table(bench: Bench, causes: Sequence[Cause] | None = None) -> pd.DataFrame:
    """One row a cause, indexed by its name, beside what the healthy run reports.

    Columns: what, sign, healthy_token_perplexity, token_perplexity, perplexity_ratio, healthy_bits_per_byte,
    bits_per_byte, bits_ratio; a ratio is broken over healthy.
    """
    healthy = _of_run(healthy_run(bench), bench)
    rows = [_row(cause, measure(cause, bench), healthy) for cause in (CAUSES if causes is None else causes)]
    return pd.DataFrame(rows).set_index("cause")


def _row(cause: Cause, broken: Reported, healthy: Reported) -> dict[str, str | float]:
    return {
        "cause": cause.name,
        "what": cause.what,
        "sign": cause.sign,
        "healthy_token_perplexity": healthy.token_perplexity,
        "token_perplexity": broken.token_perplexity,
        "perplexity_ratio": broken.token_perplexity / healthy.token_perplexity,
        "healthy_bits_per_byte": healthy.bits_per_byte,
        "bits_per_byte": broken.bits_per_byte,
        "bits_ratio": broken.bits_per_byte / healthy.bits_per_byte,
    }


def findings(measured: pd.DataFrame) -> str:
    """Markdown list: what raised the reported perplexity, what left it, what lowered it, what gave no number."""
    ratio = measured["perplexity_ratio"]
    groups = {
        "Raised perplexity by more than a tenth": measured[ratio > 1.1].sort_values("perplexity_ratio")[::-1],
        "Changed it by a tenth or less": measured[ratio.between(1 / 1.1, 1.1)],
        "Lowered it by more than a tenth, so that the fault looks like success": measured[ratio < 1 / 1.1],
    }
    lines = [f"- {what}: {_named(rows)}." for what, rows in groups.items() if len(rows)]
    if ratio.isna().any():
        lines.append(f"- Gave no number at all: {', '.join(measured.index[ratio.isna()])}.")
    return "\n".join(lines)


def _named(rows: pd.DataFrame) -> str:
    return ", ".join(f"{name} ({times(ratio)})" for name, ratio in rows["perplexity_ratio"].items())


def bad_seed_sentence(measured: pd.DataFrame, perplexity: float) -> str:
    """Markdown: whether ``perplexity`` is one that a diverged run or an untrained base had here, from :func:`table`."""
    here = measured["token_perplexity"].loc[[LEARNING_RATE.name, NOT_LOADED.name]]
    shown = [f"{value:,.1f}" if math.isfinite(value) else "no number" for value in here]
    above = [str(name) for name, value in here.items() if value >= perplexity]
    verdict = f"{' and '.join(above)} reached it" if above else "neither reached it"
    return (
        f"On this bench the run with the {LEARNING_RATE.name} has a perplexity of {shown[0]}, and the base without "
        f"its adapter {shown[1]}. Beside {perplexity:,.1f}: {verdict}. Both depend on "
        "model, tokenizer and text."
    )


def times(ratio: float) -> str:
    """A ratio as ``× 2.5`` or ``× 2,940``."""
    return f"× {ratio:,.0f}" if 1000 <= ratio < 1e7 else f"× {ratio:.3g}"


# --------------------------------------------------------------------------------------------------- measuring a fault


def _of_run(run: Run, bench: Bench) -> Reported:
    summary = evaluate(run, bench.corpus, bench.evaluation, bench.workspace).summary
    return Reported(summary["token_perplexity"].value, summary["bits_per_byte"].value)


def _of_losses(losses: Sequence[np.ndarray], texts: Sequence[str]) -> Reported:
    nats, tokens = sum(float(line.sum()) for line in losses), sum(len(line) for line in losses)
    per_byte = nats / math.log(2) / sum(len(text.encode()) for text in texts)
    with np.errstate(over="ignore"):
        return Reported(float(np.exp(nats / tokens)), per_byte)


def _trained_otherwise(bench: Bench, **changes: float | tuple[str, ...]) -> Reported:
    """The healthy training with another setting of the method; not a number where the loss stopped being one."""
    method = MethodSpec.model_validate(bench.spec.method.model_dump() | changes)
    try:
        run = obtain(bench.spec.model_copy(update={"method": method}), bench.corpus, bench.workspace)
    except DivergenceError:
        return Reported(math.nan, math.nan)
    return _of_run(run, bench)


def with_learning_rate(bench: Bench, *, factor: float) -> Reported:
    """The healthy training at ``factor`` times its learning rate."""
    return _trained_otherwise(bench, learning_rate=factor * bench.spec.method.learning_rate)


def with_target_modules(bench: Bench, *, names: tuple[str, ...]) -> Reported:
    """The healthy training with adapters on the layers whose names end so, and no others."""
    return _trained_otherwise(bench, target_modules=names)


def _without_adapter(bench: Bench) -> Reported:
    bare = RunSpec(model=bench.spec.model, method=ZERO_SHOT, seed=0, training=None, corpus=bench.corpus.fingerprint)
    return _of_run(obtain(bare, bench.corpus, bench.workspace), bench)


def _diverged_seed(bench: Bench) -> Reported:
    """Mean over three seeds of which one diverged; the healthy run stands for both of the others."""
    good, bad = _of_run(healthy_run(bench), bench), measure(LEARNING_RATE, bench)
    return Reported(
        (2 * good.token_perplexity + bad.token_perplexity) / 3, (2 * good.bits_per_byte + bad.bits_per_byte) / 3
    )


def _missing_start(bench: Bench) -> Reported:
    """No token for the start of a document: its first token is not scored and is all the context of the second."""
    model, tokenizer = healthy_run(bench).load(bench.workspace)
    lines = [encode(tokenizer, text) for text in bench.texts]
    losses = [score_ids(model, ids[:1], [ids[1:]], bench.evaluation)[0] for ids in lines]
    return _of_losses(losses, bench.texts)


def _padding_as_text(bench: Bench) -> Reported:
    """Documents filled up with the end-of-text token to one length, a power of two, and every token scored."""
    model, tokenizer = healthy_run(bench).load(bench.workspace)
    return _scored_with_padding(model, tokenizer, bench)


def _padding_throughout(bench: Bench) -> Reported:
    """The same filling in the training text too, and every token of it learnt."""
    tokenizer = load_tokenizer(bench.spec.model, bench.workspace)
    length = _padded_length(tokenizer, bench.texts)
    return _scored_with_padding(_train_with(tokenizer, bench, partial(pack_padded, length=length)), tokenizer, bench)


def _scored_with_padding(model: AnyModel, tokenizer: PreTrainedTokenizerBase, bench: Bench) -> Reported:
    length, start = _padded_length(tokenizer, bench.texts), boundaries(tokenizer).before
    padded = [fill_up(tokenizer, text, length) for text in bench.texts]
    return _of_losses(score_ids(model, start, padded, bench.evaluation), bench.texts)


def _padded_length(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> int:
    """The power of two that holds each of the texts."""
    return 1 << (max(len(encode(tokenizer, text)) for text in texts) - 1).bit_length()


def fill_up(tokenizer: PreTrainedTokenizerBase, text: str, length: int) -> list[int]:
    """``length`` token ids: those of the text, cut or filled up with the end-of-text token."""
    ids = encode(tokenizer, text)[:length]
    return [*ids, *[tokenizer.eos_token_id] * (length - len(ids))]


def pack_padded(
    tokenizer: PreTrainedTokenizerBase,
    texts: Iterable[str],
    block_length: int,
    *,
    max_blocks: int | None = None,
    length: int,
) -> PackedBlocks:
    """As ``packing.pack``, with every document filled up to ``length`` tokens and no label masked.

    The blocks are drawn (seed 0) from at least ``max_blocks`` documents: the first few alone might be all text.
    """
    before = boundaries(tokenizer).before
    least = math.inf if max_blocks is None else max_blocks
    ids: list[int] = []
    documents = n_bytes = 0
    for text in texts:
        if documents >= least and len(ids) >= least * block_length:
            break
        ids += [*before, *fill_up(tokenizer, text, length)]
        documents, n_bytes = documents + 1, n_bytes + len(text.encode())
    blocks = len(ids) // block_length
    rows = np.asarray(ids[: blocks * block_length], dtype=np.int32).reshape(blocks, block_length)
    drawn = np.random.default_rng(0).choice(blocks, int(min(blocks, least)), replace=False)
    return PackedBlocks(input_ids=rows[np.sort(drawn)], documents=documents, bytes_per_token=n_bytes / len(ids))


def dropping_tokenizer(tokenizer: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    """A copy that loses every letter beyond ASCII before it cuts the text, as a wrong pre-tokenizer can.

    Under transformers 5 a Metaspace pre-tokenizer forced on a byte-level vocabulary lost Cyrillic so (its issue
    45488). ``tokenization.check_round_trip`` refuses such a tokenizer, so it cannot reach a run of the store.
    """
    lossy = copy.deepcopy(tokenizer)
    core = lossy.backend_tokenizer
    drop = normalizers.Replace(Regex(LETTERS_BEYOND_ASCII), "")
    core.normalizer = normalizers.Sequence([core.normalizer, drop] if core.normalizer else [drop])
    return lossy


def _dropping_in_scoring(bench: Bench) -> Reported:
    model, tokenizer = healthy_run(bench).load(bench.workspace)
    return _scored_with(model, dropping_tokenizer(tokenizer), bench)


def _dropping_throughout(bench: Bench) -> Reported:
    tokenizer = dropping_tokenizer(load_tokenizer(bench.spec.model, bench.workspace))
    return _scored_with(_train_with(tokenizer, bench), tokenizer, bench)


def _scored_with(model: AnyModel, tokenizer: PreTrainedTokenizerBase, bench: Bench) -> Reported:
    losses = score_ids(
        model, boundaries(tokenizer).before, [encode(tokenizer, text) for text in bench.texts], bench.evaluation
    )
    return _of_losses(losses, bench.texts)


def _train_with(
    tokenizer: PreTrainedTokenizerBase,
    bench: Bench,
    lay_out: Callable[..., PackedBlocks] = pack,
    prepare: Callable[[AnyModel], None] | None = None,
) -> AnyModel:
    """The healthy training with blocks or a model that the run store would not make; nothing of it is kept.

    Args:
        tokenizer: cuts the text.
        bench: what is trained, and on what.
        lay_out: makes blocks of documents, called as ``packing.pack``.
        prepare: is called with the model that will be trained.

    Raises:
        DivergenceError: the loss stopped being a number.
    """
    spec, budget = bench.spec, bench.spec.training
    if budget is None:
        raise RunError(f"run {spec.run_id} trains nothing")
    set_seed(spec.seed)
    precision = choose_precision(budget.precision, spec.method)
    model = adapt(load_base(spec.model, spec.method, precision, bench.workspace), spec.method)
    if prepare is not None:
        prepare(model)
    wanted = {"train": blocks_wanted(budget), "validation": budget.validation_blocks}
    blocks = {
        split: lay_out(tokenizer, bench.corpus.split(split)["text"], budget.block_length, max_blocks=count)
        for split, count in wanted.items()
    }
    with tempfile.TemporaryDirectory() as folder:
        train(model, TrainingData(**blocks), spec, precision, Path(folder))
    return model


def _rounded_throughout(bench: Bench, *, dtype: torch.dtype) -> Reported:
    """Rounded in training too; not a number where its loss stopped being one."""
    tokenizer = load_tokenizer(bench.spec.model, bench.workspace)
    rounding = partial(round_products, dtype=dtype, scale=OVERFLOW_SCALE)
    try:
        model = _train_with(tokenizer, bench, prepare=rounding)
    except DivergenceError:
        return Reported(math.nan, math.nan)
    return _scored_with(model, tokenizer, bench)


def _rounded(bench: Bench, *, dtype: torch.dtype, clamped: bool = False) -> Reported:
    model, tokenizer = healthy_run(bench).load(bench.workspace)
    round_products(model, dtype, scale=OVERFLOW_SCALE, clamped=clamped)
    return _scored_with(model, tokenizer, bench)


def round_products(model: AnyModel, dtype: torch.dtype, *, scale: float = 1.0, clamped: bool = False) -> None:
    """Store the product of every linear layer but the output head in ``dtype``, ``scale`` times too large.

    Each layer's product is multiplied by ``scale``, rounded to ``dtype`` and divided again. With a power of two the
    result is the same in every format whose range suffices: float32 and bfloat16 reach 3e38, float16 65,504. Products
    are summed in the model's own format, as a GPU sums in float32. What overflows becomes infinite, or if ``clamped``
    the largest number of ``dtype``.
    """
    head = model.get_output_embeddings()
    largest = torch.finfo(dtype).max

    def store(layer: nn.Module, _: object, output: torch.Tensor) -> torch.Tensor:
        bias = getattr(layer, "bias", None)
        offset = torch.zeros_like(output[..., :1]) if bias is None else bias
        product = (output - offset) * scale
        product = product.clamp(-largest, largest) if clamped else product
        return product.to(dtype).to(output.dtype) / scale + offset

    for module in model.modules():
        if isinstance(module, nn.Linear | Conv1D) and module is not head:
            module.register_forward_hook(store)


# ------------------------------------------------------------------------------------------------------------- causes

LEARNING_RATE = Cause(
    "learning rate × 30",
    "The learning rate is thirty times too high, as when that of another optimiser is copied.",
    "Training loss rises or stays high; bits per byte above those of the base.",
    partial(with_learning_rate, factor=30.0),
    "learning_rate",
)
NOT_LOADED = Cause(
    "adapter not loaded",
    "The base is scored in the belief that it is the adapted model.",
    "Exactly the zero-shot figure.",
    _without_adapter,
)
CAUSES: tuple[Cause, ...] = (
    Cause(
        "tokenizer drops Cyrillic, in scoring",
        "Letters beyond ASCII vanish before the text is cut, only where the model is scored.",
        "decode(encode(text)) is not the text.",
        _dropping_in_scoring,
    ),
    Cause(
        "tokenizer drops Cyrillic, throughout",
        "The same, in training too.",
        "decode(encode(text)) is not the text; impossibly few bits per byte.",
        _dropping_throughout,
    ),
    Cause(
        "float16 overflows",
        f"Products in the layers are {OVERFLOW_SCALE:,.0f} times larger and are stored in float16, only in scoring.",
        "The loss is not a number.",
        partial(_rounded, dtype=torch.float16),
    ),
    Cause(
        "float16 overflows, throughout",
        "The same, in training too, with nothing that passes over such steps.",
        "The training loss is not a number from the first step on.",
        partial(_rounded_throughout, dtype=torch.float16),
    ),
    Cause(
        "float16 overflows, clamped",
        "As in scoring, and what overflows is set to the largest float16, as some model code does.",
        "float32 gives another loss.",
        partial(_rounded, dtype=torch.float16, clamped=True),
    ),
    Cause(
        "bfloat16, as large",
        "The same products in bfloat16, whose range is that of float32: the control.",
        "Nothing to see.",
        partial(_rounded, dtype=torch.bfloat16),
    ),
    LEARNING_RATE,
    Cause(
        "attention only",
        "Only the attention layers get an adapter.",
        "Fewer trainable parameters than the table of the method says.",
        partial(with_target_modules, names=ATTENTION),
        "target_modules",
    ),
    Cause(
        "one projection only",
        "A list of layers for another architecture matches one projection of the attention; peft does not complain.",
        "Far fewer trainable parameters.",
        partial(with_target_modules, names=ONE_PROJECTION),
        "target_modules",
    ),
    Cause(
        "padding counted as text",
        "Documents are filled up to one length, and the filling is scored.",
        "More tokens than the text has; perplexity moves with the batch.",
        _padding_as_text,
    ),
    Cause(
        "padding counted as text, throughout",
        "The same, and the training text is filled up as well and the filling learnt.",
        "More tokens than the text has; blocks that hold one token alone.",
        _padding_throughout,
    ),
    Cause(
        "no document start",
        "The model is not told that a document begins.",
        "One token a document is missing.",
        _missing_start,
    ),
    Cause(
        "one diverged seed in a mean",
        "Perplexities of three seeds are averaged; one of them had the learning rate × 30.",
        "The standard deviation over seeds is as large as the mean.",
        _diverged_seed,
    ),
    NOT_LOADED,
)
