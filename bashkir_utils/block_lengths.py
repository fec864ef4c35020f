"""What the length of the blocks costs that a model is trained on, and what context is worth when it is scored.

Two studies that differ in their block length are paired run by run (:func:`beside`). On a small scale, one model scores
the same documents in windows of two lengths (:func:`context_worth`). Costs are bits per byte, short less long: above 0,
the short length costs. An interval is value ± t · √v with v from the documents, as for a ratio of sums (W. G. Cochran,
Sampling Techniques, 1977, section 2.11), of as many documents as their sizes are worth (``statistics``), and from the
seeds where there are several; the degrees of freedom of the sum are those of B. L. Welch (Biometrika 34, 1947).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student
from transformers import PreTrainedTokenizerBase

from .corpus import Corpus
from .evaluation import Interval, score_documents
from .exceptions import RunError
from .markup import escape_markdown, html_table
from .packing import encode
from .report import Result, StudyReport, diverged
from .rereading import MAX_LENGTH, Lengths
from .runs import Run
from .statistics import Variance, aligned, effective_units
from .study import EvaluationSpec, TrainingSpec
from .workspace import Workspace

LONG_LENGTH = 1024
"""Positions of GPT-2: the longest block that every model of the paper can be trained on."""
CONFIDENCE = 0.95
DOCUMENTS, LOOKED_AT = 4, 200
"""Long test documents that show what context is worth, and from how many they are chosen: a pass of seconds."""
CUT_ONLY = ("block_length", "batch_size", "gradient_accumulation")
"""Settings of a training that may differ between two studies of one pair: how the same tokens are cut into blocks."""
SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "kind": "kind",
        "rank": "rank",
        "lora_alpha": "lora_alpha",
        "learning_rate": "learning rate",
        "revision": "revision of the weights",
    }
)
"""What two runs of one way must have in common, by its name in a record."""

Way = tuple[str, str]
"""Names of a model and of a method."""


def cost(short: np.ndarray, long: np.ndarray, sizes: np.ndarray, level: float) -> Interval:
    """Bits per byte of ``short`` less those of ``long`` on the same documents, missed with probability ``level``.

    Args:
        short: nats, shape (seeds, documents).
        long: the same; row s has the same seed.
        sizes: UTF-8 bytes, shape (documents,).
        level: of the interval; with one document it is unbounded, with one seed it says nothing of other seeds.
    """
    bits = (short - long) / math.log(2)
    seeds, documents = bits.shape
    by_seed = bits.sum(axis=1) / sizes.sum()
    value = float(by_seed.mean())
    if documents < 2:
        return Interval(value, -math.inf, math.inf)
    rest = bits.mean(axis=0) - value * sizes
    units = max(effective_units(sizes), 2)
    parts = [Variance(float((rest**2).sum()) / float(sizes.sum()) ** 2 * units / (units - 1), units - 1)]
    if seeds > 1:
        parts.append(Variance(float(by_seed.var(ddof=1)) / seeds, seeds - 1))
    variance = sum(part.value for part in parts)
    if variance == 0:
        return Interval(value, value, value)
    freedom = variance**2 / sum(part.value**2 / part.degrees for part in parts)
    half = float(student.ppf(1 - level / 2, freedom)) * math.sqrt(variance)
    return Interval(value, value - half, value + half)


# ------------------------------------------------------------------------------------------------- two studies, paired


def block_length(report: StudyReport) -> int:
    """Tokens of a training block of a study."""
    return int(report.record.settings["training"]["block_length"])


def recorded_pairs(reports: Sequence[StudyReport]) -> list[tuple[StudyReport, StudyReport]]:
    """Studies that differ in how their training tokens are cut into blocks and in nothing else of the training.

    They are of one corpus and share a way of adaptation with the same settings, as far as the records know them; the
    one with the shorter blocks comes first.
    """
    ordered = sorted(reports, key=block_length)
    return [(short, long) for short, long in combinations(ordered, 2) if _belong_together(short, long)]


def without_excerpts(reports: Sequence[StudyReport]) -> tuple[StudyReport, ...]:
    """The studies less those that train some of another's ways in other blocks, and no more: a pair is where they show.

    Two of a pair that train the same ways both stay, unless a third has more.
    """
    pairs = recorded_pairs(reports)
    smaller = {id(part) for each in pairs for part, whole in (each, each[::-1]) if _trained(part) < _trained(whole)}
    return tuple(report for report in reports if id(report) not in smaller)


def _trained(report: StudyReport) -> set[tuple[str, str, int]]:
    """Model, method and seed of every trained run."""
    return {(row.model, row.method, row.seed) for row in report.rows if row.kind != "zero_shot"}


def _belong_together(short: StudyReport, long: StudyReport) -> bool:
    trained = any(runs[0][0].kind != "zero_shot" for runs in _paired(short, long).values())
    same_text = short.record.corpus.fingerprint == long.record.corpus.fingerprint
    same_training = _training(short) == _training(long)
    return trained and same_text and same_training and block_length(short) < block_length(long)


def _training(report: StudyReport) -> tuple[dict[str, Any], int]:
    """Settings of the training but for the blocks, and the tokens of a step."""
    settings = report.record.settings["training"]
    # a record of an earlier version lacks settings that came later: it has their defaults
    rest = TrainingSpec.model_validate(settings).model_dump(exclude=set(CUT_ONLY))
    return rest, math.prod(int(settings[key]) for key in CUT_ONLY)


def _ways(report: StudyReport) -> dict[Way, dict[int, Result]]:
    """The runs that did not diverge, by model and method and then by seed."""
    bad, found = diverged(report), dict[Way, dict[int, Result]]()
    for row in report.rows:
        if row.run_id not in bad:
            found.setdefault((row.model, row.method), {})[row.seed] = row
    return found


def _paired(short: StudyReport, long: StudyReport) -> dict[Way, list[tuple[Result, Result]]]:
    """Runs of the two studies, paired by seed, for every way of adaptation alike in both with a seed in common."""
    return {way: runs for way, runs in _of_one_name(short, long).items() if not _differences(runs)}


def _of_one_name(short: StudyReport, long: StudyReport) -> dict[Way, list[tuple[Result, Result]]]:
    """Runs of the two studies, paired by the names of model and method and by seed."""
    others = _ways(long)
    pairs = {
        way: [(runs[seed], others[way][seed]) for seed in sorted(runs.keys() & others[way].keys())]
        for way, runs in _ways(short).items()
        if way in others
    }
    return {way: runs for way, runs in pairs.items() if runs}


def _differences(runs: Sequence[tuple[Result, Result]]) -> list[str]:
    """The settings of one way that two studies know to be different, in words; empty where they are alike."""
    values = {name: [(getattr(one, key), getattr(other, key)) for one, other in runs] for key, name in SETTINGS.items()}
    return [
        f"{name} {one} and {other}"
        for name, pairs in values.items()
        for one, other in dict.fromkeys(pairs)
        if None not in {one, other} and one != other
    ]


def beside(short: StudyReport, long: StudyReport) -> pd.DataFrame:
    """What the shorter blocks cost: ways of adaptation of two studies, paired by model, method and seed.

    The losses are paired by document, over the documents that both studies scored. The intervals hold together with
    the confidence of ``short``: each has its share of the error (Bonferroni).

    Returns:
        one row a way, by its label: model, method, kind, seeds (in common), documents (in common), short and long (bits
        per byte on them), difference (short less long), low, high, excludes_zero.

    Raises:
        RunError: ``short`` does not have the shorter blocks, or nothing was run or scored in both.
    """
    if block_length(short) >= block_length(long):
        raise RunError(f"{short.record.study} does not have shorter blocks than {long.record.study}")
    pairs = _paired(short, long)
    if not pairs:
        raise RunError(f"{short.record.study} and {long.record.study} have no model, method and seed in common")
    level = (1 - short.confidence) / len(pairs)
    rows = {short.arms[runs[0][0].run_id]: _row(runs, short, long, level) for runs in pairs.values()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("way")


def _row(runs: Sequence[tuple[Result, Result]], short: StudyReport, long: StudyReport, level: float) -> dict[str, Any]:
    scores = [_scores(short, one) for one, _ in runs] + [_scores(long, other) for _, other in runs]
    common = set.intersection(*(set(table["id"]) for table in scores))
    if not common:
        raise RunError(f"{short.record.study} and {long.record.study} scored no document in common")
    losses, sizes = aligned([table[table["id"].isin(common)] for table in scores])
    first, second = losses[: len(runs)], losses[len(runs) :]
    found = cost(first, second, sizes, level)
    bits = [float(matrix.mean(axis=0).sum() / sizes.sum() / math.log(2)) for matrix in (first, second)]
    return {
        "model": runs[0][0].model,
        "method": runs[0][0].method,
        "kind": runs[0][0].kind,
        "seeds": len(runs),
        "documents": len(sizes),
        "short": bits[0],
        "long": bits[1],
        "difference": found.value,
        "low": found.low,
        "high": found.high,
        "excludes_zero": found.low > 0 or found.high < 0,
    }


def _scores(report: StudyReport, run: Result) -> pd.DataFrame:
    return report.documents[report.documents["run_id"] == run.run_id]


def beside_html(short: StudyReport, long: StudyReport) -> str:
    """The table of :func:`beside` as HTML."""
    table = beside(short, long)
    shown = pd.DataFrame(
        {
            f"bits per byte, blocks of {block_length(short):,}": table["short"].map("{:.3f}".format),
            f"blocks of {block_length(long):,}": table["long"].map("{:.3f}".format),
            "what the short blocks cost": table["difference"].map("{:+.4f}".format),
            f"{short.confidence:.0%} interval, all rows together": [
                _range(*ends) for ends in zip(table["low"], table["high"], strict=True)
            ],
            "excludes 0": table["excludes_zero"],
            "seeds": table["seeds"],
            "documents": table["documents"],
        }
    )
    return html_table(shown, f"{short.record.study} beside {long.record.study}, paired by model, method and seed")


def beside_findings(short: StudyReport, long: StudyReport) -> str:
    """Markdown list: what the short blocks cost, where that can be said, and what else differs."""
    table = beside(short, long)
    trained = table[table["kind"] != "zero_shot"]
    groups = {
        "The short blocks cost": trained[trained["low"] > 0],
        "The short blocks were the better ones": trained[trained["high"] < 0],
        "No cost can be claimed (the interval includes 0)": trained[~trained["excludes_zero"]],
    }
    sentences = [f"{what}: {_listed(rows)}." for what, rows in groups.items() if len(rows)]
    sentences += [*_windows(short, long, table), *_few_seeds(trained), *_unlike(short, long)]
    sentences += [*_unchecked(short, long), *_unpaired(short, long, table)]
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _listed(table: pd.DataFrame) -> str:
    return "; ".join(
        f"{escape_markdown(str(way))} {row['difference']:+.4f} ({_range(row['low'], row['high'])})"
        for way, row in table.iterrows()
    )


def _windows(short: StudyReport, long: StudyReport, table: pd.DataFrame) -> list[str]:
    one, other = (int(report.record.settings["evaluation"]["window"]) for report in (short, long))
    if one == other:
        return [f"Both were scored in windows of {one:,} tokens: what differs is the training alone."]
    before = table[table["kind"] == "zero_shot"]
    alone = f" What the windows do without any training: {_listed(before)}." if len(before) else ""
    return [
        f"The first was scored in windows of {one:,} tokens and the second of {other:,}, so the differences hold what "
        f"context is worth in scoring too.{alone}"
    ]


def _few_seeds(trained: pd.DataFrame) -> list[str]:
    if (trained["seeds"] == 1).any():
        return ["With one seed in common the interval covers the documents alone: another seed may give another cost."]
    return []


def _unlike(short: StudyReport, long: StudyReport) -> list[str]:
    found = {way: _differences(runs) for way, runs in _of_one_name(short, long).items()}
    listed = "; ".join(
        f"{escape_markdown(' '.join(way))} ({escape_markdown(', '.join(what))})" for way, what in found.items() if what
    )
    return [f"Not paired, since more than the blocks differs: {listed}."] if listed else []


def _unchecked(short: StudyReport, long: StudyReport) -> list[str]:
    """That a record of an earlier version does not know its learning rates."""
    runs = [run for pairs in _paired(short, long).values() for pair in pairs for run in pair]
    if all(run.learning_rate is not None for run in runs if run.kind != "zero_shot"):
        return []
    return ["One of the records does not know its learning rates, so it is not checked that they are alike."]


def _unpaired(short: StudyReport, long: StudyReport, table: pd.DataFrame) -> list[str]:
    paired = set(zip(table["model"], table["method"], strict=True))
    lone = dict.fromkeys((row.model, row.method) for report in (short, long) for row in report.rows)
    names = [" ".join(way) for way in lone if way not in paired]
    return [f"Without a pair: {escape_markdown(', '.join(names))}."] if names else []


# ----------------------------------------------------------------------------------------------- what is seen of a text


def seen_table(lengths: Lengths, cuts: Sequence[int] = (MAX_LENGTH, LONG_LENGTH)) -> pd.DataFrame:
    """What a model ever sees of documents that are cut after so many tokens; packed, it sees all of each.

    Returns:
        one row a tokenizer and cut: of_document (mean share of a document's tokens, 0…1), of_text (of all tokens).
    """
    rows = []
    for tokenizer, table in lengths.table.groupby("tokenizer"):
        for cut in cuts:
            seen = table["tokens"].clip(upper=cut)
            shares = (seen / table["tokens"]).mean(), seen.sum() / table["tokens"].sum()
            rows.append({"tokenizer": tokenizer, "cut": cut, "of_document": shares[0], "of_text": shares[1]})
    return pd.DataFrame(rows).set_index(["tokenizer", "cut"])


def seen_html(lengths: Lengths, cuts: Sequence[int] = (MAX_LENGTH, LONG_LENGTH)) -> str:
    """The table of :func:`seen_table` as HTML."""
    table = seen_table(lengths, cuts)
    shown = {
        f"{what}, cut at {cut:,}": table.xs(cut, level="cut")[column].map("{:.1%}".format)
        for cut in cuts
        for column, what in (("of_document", "of an average document"), ("of_text", "of all text"))
    }
    documents = lengths.table["document"].nunique()
    caption = f"Share of the tokens that is ever seen; packed it is all of them; {documents:,} documents"
    return html_table(pd.DataFrame(shown), f"{caption} of {lengths.about.label}")


# ------------------------------------------------------------------------------------------ what context is worth, live


@dataclass(frozen=True)
class ContextWorth:
    """One model's losses on the same documents in windows of two lengths.

    ``tokens``: one row a token, columns document, place (from 0, in its document), short, long (nats). ``documents``:
    one row a document, columns bytes, short, long (nats).
    """

    run_id: str
    lengths: tuple[int, int]
    """Tokens of the short and of the long window."""
    tokens: pd.DataFrame
    documents: pd.DataFrame


def context_worth(
    run: Run,
    corpus: Corpus,
    workspace: Workspace,
    *,
    lengths: tuple[int, int] = (MAX_LENGTH, LONG_LENGTH),
    documents: int = DOCUMENTS,
) -> ContextWorth:
    """Score long test documents in windows of two lengths that do not overlap.

    They are the longest of the first ``LOOKED_AT`` that fit the long window, which is no longer than the model has
    positions. The first window sees the document's start, each later
    one a single token of the one before, as where text is cut into blocks for training.

    Raises:
        RunError: the model has too few positions for the longer window to be longer.
    """
    model, tokenizer = run.load(workspace)
    positions = getattr(model.config, "max_position_embeddings", None) or lengths[1]
    short, long = min(lengths[0], positions), min(lengths[1], positions)
    if short >= long:
        raise RunError(f"{run.run_id} has {positions} positions, no more than the short window")
    chosen = _long_texts(corpus.split("test")["text"].tolist()[:LOOKED_AT], tokenizer, long, documents)
    scored = [score_documents(model, tokenizer, chosen, _window(length)) for length in (short, long)]
    tokens = scored[0].tokens[["document"]].assign(short=scored[0].tokens["nll"], long=scored[1].tokens["nll"])
    tokens.insert(1, "place", tokens.groupby("document").cumcount())
    table = scored[0].documents[["bytes"]].assign(short=scored[0].documents["nll"], long=scored[1].documents["nll"])
    return ContextWorth(run.run_id, (short, long), tokens, table)


def _long_texts(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase, limit: int, count: int) -> list[str]:
    """The longest texts of fewer than ``limit`` tokens, or the longest of all where none is so short."""
    sizes = {text: len(encode(tokenizer, text)) for text in texts}
    fitting = {text: size for text, size in sizes.items() if size < limit} or sizes
    return sorted(fitting, key=lambda text: fitting[text], reverse=True)[:count]


def _window(length: int) -> EvaluationSpec:
    return EvaluationSpec(window=length, overlap=1, batch_size=2)


def worth(scored: ContextWorth, confidence: float = CONFIDENCE) -> Interval:
    """Bits per byte that the short window costs, paired by document."""
    nats = scored.documents[["short", "long"]].to_numpy().T[:, None]
    return cost(nats[0], nats[1], scored.documents["bytes"].to_numpy(dtype=float), 1 - confidence)


def worth_by_place(scored: ContextWorth, confidence: float = CONFIDENCE) -> pd.DataFrame:
    """What the short window costs by place in the document, in stretches of the short window's length.

    Returns:
        by first token of a stretch: documents, tokens, difference (bits per token), low, high (paired by document).
    """
    step, level = scored.lengths[0], 1 - confidence
    rows = {}
    for stretch, table in scored.tokens.groupby(scored.tokens["place"] // step):
        sums = table.groupby("document").agg(tokens=("place", "size"), short=("short", "sum"), long=("long", "sum"))
        nats = sums[["short", "long"]].to_numpy().T[:, None]
        found = cost(nats[0], nats[1], sums["tokens"].to_numpy(dtype=float), level)
        counts = {"documents": len(sums), "tokens": int(sums["tokens"].sum())}
        rows[int(str(stretch)) * step] = counts | {"difference": found.value, "low": found.low, "high": found.high}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("place")


def worth_sentence(scored: ContextWorth, confidence: float = CONFIDENCE) -> str:
    """Markdown: what the same model needs in short windows beside long ones, and where a short one costs nothing."""
    found, (short, long) = worth(scored, confidence), scored.lengths
    table = scored.documents
    bits = [float(table[column].sum() / table["bytes"].sum() / math.log(2)) for column in ("short", "long")]
    verdict = "the interval includes 0" if found.low <= 0 <= found.high else "the interval excludes 0"
    return (
        f"{escape_markdown(scored.run_id)} on {len(table)} long test documents: "
        f"{bits[0]:.3f} bits per byte in windows of {short:,} tokens and {bits[1]:.3f} in windows of {long:,}. The "
        f"short windows cost {found.value:+.3f} ({confidence:.0%} interval {_range(found.low, found.high)}; {verdict})."
    )


def _range(low: float, high: float) -> str:
    return "no bound: too few documents" if math.isinf(low) else f"{low:+.4f} to {high:+.4f}"
