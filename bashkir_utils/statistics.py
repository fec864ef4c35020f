"""What the differences between runs are worth: seeds, paired bootstrap, Holm's correction, components of variance.

Losses come in nats and leave as bits per byte. The bootstrap draws documents, the same ones for everything compared
(P. Koehn, 2004). A method with several seeds is the mean of their losses. Its seeds are too few to draw: three of them
have hardly any distinct means, so that their draws have no tail. In a family of comparisons the draws give the variance
over documents, that of each mean over seeds is added where there are several, and the interval is Student's, with the
degrees of freedom of F. E. Satterthwaite (Biometrics Bulletin 2, 1946) and B. L. Welch (Biometrika 34, 1947). With one
seed the seed is held fixed: the interval is for these runs, and nothing here says what another seed would give.

A few dozen documents have no tail to draw either, and long ones count for most of them: Student's t has as many degrees
of freedom as :func:`effective_units` says, less one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import t as student

from .evaluation import Interval
from .exceptions import RunError

CHUNK = 2_000_000
"""Drawn documents that are held in memory at once."""
ENOUGH_DRAWS = 2000
"""Bootstrap draws that give a standard error to about 1.6% of itself, 1 / √(2 · 2000)."""
ROUNDING = 1e-9


@dataclass(frozen=True)
class SeedSummary:
    """Runs that differ in nothing but their seed."""

    mean: float
    deviation: float
    """Sample standard deviation (divided by n - 1); NaN for one run."""
    runs: int


def over_seeds(bits_per_byte: Sequence[float]) -> SeedSummary:
    """Mean and standard deviation of losses over seeds; perplexities must not be averaged like this.

    Raises:
        ValueError: there is no run, or one of them diverged to no finite loss.
    """
    values = np.asarray(bits_per_byte, dtype=float)
    if not len(values) or not np.isfinite(values).all():
        raise ValueError("a mean over seeds needs at least one run, all of finite loss")
    deviation = float(values.std(ddof=1)) if len(values) > 1 else math.nan
    return SeedSummary(float(values.mean()), deviation, len(values))


# -------------------------------------------------------------------------------------------------------- the bootstrap


@dataclass(frozen=True)
class Variance:
    """An estimated variance, (bits per byte)², and how many degrees of freedom its estimate has."""

    value: float
    degrees: float


@dataclass(frozen=True)
class Contrast:
    """A difference (bits per byte) and the same under every bootstrap draw of documents, shape (samples,)."""

    value: float
    draws: np.ndarray
    seeds: tuple[Variance, ...] = ()
    """What the choice of seeds adds to the variance: one part for each method of several seeds, independent ones."""
    units: float | None = None
    """How many documents of one size weigh as much (:func:`effective_units`); None: their sizes are alike."""


@dataclass(frozen=True)
class Bootstrap:
    """Bits per byte (or another measure) of several methods on the same documents, and under the same draws."""

    values: Mapping[str, float]
    draws: Mapping[str, np.ndarray]
    """Shape (samples,) each; position i is the same drawn documents for every method, each seed with equal weight."""
    seeds: Mapping[str, Variance]
    """Variance of the mean over seeds, of every method that has several."""
    units: float
    """How many documents of one size weigh as much as those drawn."""

    def difference(self, first: str, second: str) -> Contrast:
        """``first`` less ``second``."""
        value, draws = self.values[first] - self.values[second], self.draws[first] - self.draws[second]
        seeds = tuple(self.seeds[name] for name in (first, second) if name in self.seeds)
        return Contrast(value, draws, seeds, self.units)


def mean_contrast(contrasts: Sequence[Contrast]) -> Contrast:
    """The mean of several contrasts from the same draws, of which no two share a method."""
    count = len(contrasts)
    value = float(np.mean([each.value for each in contrasts]))
    seeds = tuple(Variance(part.value / count**2, part.degrees) for each in contrasts for part in each.seeds)
    return Contrast(value, np.mean([each.draws for each in contrasts], axis=0), seeds, contrasts[0].units)


def effective_units(sizes: np.ndarray) -> float:
    """How many units of one size weigh as much as these in a ratio of sums: ``(Σ s)² / Σ s²`` (L. Kish, 1965).

    With independent units of equal spread per byte, a ratio has that many times less variance than one unit.

    Args:
        sizes: above 0, shape (units,).
    """
    return float(sizes.sum() ** 2 / (sizes**2).sum())


def bootstrap(losses: Mapping[str, np.ndarray], sizes: np.ndarray, samples: int, seed: int = 0) -> Bootstrap:
    """Draw documents and take every method's bits per byte each time, as the mean over its seeds.

    Args:
        losses: nats by method, shape (seeds, documents) each; the documents are the same and in one order.
        sizes: UTF-8 bytes of the documents, shape (documents,).
        samples: number of draws.
        seed: of the draws.

    Raises:
        RunError: a loss is not finite.
    """
    if not all(np.isfinite(matrix).all() for matrix in losses.values()):
        raise RunError("a run whose loss is not finite cannot be compared: leave runs that diverged out")
    nats, bit = bootstrap_ratios(losses, sizes, samples, seed), math.log(2)
    return Bootstrap(
        values={name: value / bit for name, value in nats.values.items()},
        draws={name: draws / bit for name, draws in nats.draws.items()},
        seeds={name: Variance(part.value / bit**2, part.degrees) for name, part in nats.seeds.items()},
        units=nats.units,
    )


def bootstrap_ratios(sums: Mapping[str, np.ndarray], sizes: np.ndarray, samples: int, seed: int = 0) -> Bootstrap:
    """Draw units and take every method's ratio of sums over them each time, as the mean over its seeds.

    With sizes of 1 these are means over units (prompts, documents).

    Args:
        sums: by method, shape (seeds, units) each; the units are the same and in one order.
        sizes: of the units, shape (units,).
        samples: number of draws.
        seed: of the draws.
    """
    means = np.stack([matrix.mean(axis=0) for matrix in sums.values()])
    drawn = np.concatenate(
        [weights @ means.T / (weights @ sizes)[:, None] for weights in draw_weights(len(sizes), samples, seed)]
    )
    by_seed = {name: matrix.sum(axis=1) / sizes.sum() for name, matrix in sums.items()}
    return Bootstrap(
        values={name: float(values.mean()) for name, values in by_seed.items()},
        draws=dict(zip(sums, drawn.T, strict=True)),
        seeds={name: _of_mean(values) for name, values in by_seed.items() if len(values) > 1},
        units=effective_units(sizes),
    )


def _of_mean(values: np.ndarray) -> Variance:
    return Variance(float(values.var(ddof=1) / len(values)), len(values) - 1)


def draw_weights(things: int, samples: int, seed: int) -> Iterator[np.ndarray]:
    """How often each of so many things is drawn, as many with replacement: shape (some samples, things) at a time."""
    generator = np.random.default_rng(seed)
    for start in range(0, samples, step := max(1, CHUNK // things)):
        drawn = generator.integers(things, size=(min(step, samples - start), things))
        yield _counts(drawn, things)


def _counts(drawn: np.ndarray, kinds: int) -> np.ndarray:
    """How often each of ``kinds`` stands in each row."""
    shifted = drawn + np.arange(len(drawn))[:, None] * kinds
    return np.bincount(shifted.ravel(), minlength=len(drawn) * kinds).reshape(len(drawn), kinds).astype(float)


def aligned(scores: Sequence[pd.DataFrame]) -> tuple[np.ndarray, np.ndarray]:
    """Losses (nats; shape (runs, documents)) and sizes (bytes; shape (documents,)) of runs on the same documents.

    Args:
        scores: of each run, columns id, nll and bytes; the rows may be in any order.

    Raises:
        RunError: the runs were not scored on the same documents.
    """
    tables = [each.set_index("id")[["nll", "bytes"]] for each in scores]
    first = tables[0]
    for table in tables:
        same = table.index.is_unique and len(table) == len(first) and table.index.isin(first.index).all()
        if not same or (table["bytes"].reindex(first.index) != first["bytes"]).any():
            raise RunError("the runs were not scored on the same documents; evaluate all with the same settings")
    losses = np.stack([table["nll"].reindex(first.index).to_numpy(dtype=float) for table in tables])
    return losses, first["bytes"].to_numpy(dtype=float)


def paired_difference(
    first: pd.DataFrame, second: pd.DataFrame, *, samples: int = 2000, confidence: float = 0.95, seed: int = 0
) -> Interval:
    """Bits per byte of one run less those of another on the same documents, with a paired bootstrap interval.

    The interval is for this one comparison: for a family of them, see :func:`compare`.

    Raises:
        RunError: the two were not scored on the same documents.
    """
    losses, sizes = aligned([first, second])
    drawn = bootstrap({"first": losses[:1], "second": losses[1:]}, sizes, samples, seed)
    return interval(drawn.difference("first", "second"), 1 - confidence)


def interval(contrast: Contrast, level: float) -> Interval:
    """Percentile interval that misses with probability ``level``, by order statistics.

    Its ends are the k-th smallest and the k-th largest of B draws, k = level (B + 1) / 2 rounded down (A. C. Davison
    and D. V. Hinkley, Bootstrap Methods and their Application, 1997, section 5.3). With too few draws for the level it
    is unbounded.
    """
    ordered = np.sort(contrast.draws)
    place = math.floor(level * (len(ordered) + 1) / 2 + ROUNDING)
    if place < 1:
        return Interval(contrast.value, -math.inf, math.inf)
    return Interval(contrast.value, float(ordered[place - 1]), float(ordered[-place]))


@dataclass(frozen=True)
class StandardError:
    """Of an estimate: the root of its variance, and the degrees of freedom for Student's t."""

    value: float
    degrees: float

    def p_value(self, estimate: float) -> float:
        """Two-sided p-value that the estimate is of nothing."""
        if not self.value:
            return float(estimate == 0)
        return 2 * float(student.sf(abs(estimate) / self.value, self.degrees))

    def interval(self, estimate: float, level: float) -> Interval:
        """Interval that misses with probability ``level``."""
        reach = float(student.isf(level / 2, self.degrees)) * self.value
        return Interval(estimate, estimate - reach, estimate + reach)


def standard_error(contrast: Contrast, documents: int) -> StandardError:
    """Of a contrast over documents and seeds: the variances of both added, degrees by Satterthwaite's approximation.

    With independent parts v of d degrees, the sum has about ``(Σv)² / Σ(v²/d)`` (F. E. Satterthwaite, 1946). Over
    documents there are n - 1 degrees, n being the contrast's units, and the variance is that of the draws times
    n/(n - 1): the draws know the documents that there are, and are as much too narrow.

    Args:
        contrast: with bootstrap draws of documents.
        documents: how many were drawn, at least 2.
    """
    units = documents if contrast.units is None else min(documents, contrast.units)
    # one document that outweighs all others tells as little as two
    units = max(units, 2)
    over_documents = Variance(float(contrast.draws.var()) * units / (units - 1), units - 1)
    parts = [part for part in (over_documents, *contrast.seeds) if part.value > 0]
    total = sum(part.value for part in parts)
    degrees = total**2 / sum(part.value**2 / part.degrees for part in parts) if parts else math.inf
    return StandardError(math.sqrt(total), degrees)


def seeds_apart(first: Sequence[float], second: Sequence[float]) -> float:
    """Two-sided p-value that two methods have the same mean over seeds (Welch's t); NaN with one seed of either."""
    if min(len(first), len(second)) < 2:
        return math.nan
    parts = [_of_mean(np.asarray(values, dtype=float)) for values in (first, second)]
    total = sum(part.value for part in parts)
    degrees = total**2 / sum(part.value**2 / part.degrees for part in parts) if total else math.inf
    return StandardError(math.sqrt(total), degrees).p_value(float(np.mean(first) - np.mean(second)))


# ------------------------------------------------------------------------------------------------- many comparisons


def holm(p_values: Sequence[float]) -> np.ndarray:
    """p-values adjusted for their number (S. Holm, Scandinavian Journal of Statistics 6, 1979), in the same order."""
    found = np.asarray(p_values, dtype=float)
    order = np.argsort(found, kind="stable")
    adjusted = np.empty_like(found)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(found[order] * np.arange(len(found), 0, -1)))
    return adjusted


def smallest_p(documents: int) -> float:
    """The smallest two-sided p-value that so many paired documents can give: that of all their signs being equal."""
    return min(1.0, 2.0 ** (1 - documents))


def compare(contrasts: Mapping[str, Contrast], confidence: float, documents: int | Sequence[int]) -> pd.DataFrame:
    """A family of comparisons, corrected by Holm's method.

    Each interval has the level at which Holm's method tests that comparison: with m comparisons the smallest p-value is
    held to (1 - confidence) / m, the next to (1 - confidence) / (m - 1), and so on; after the first that fails, all
    keep its level. So an interval excludes 0 exactly where the adjusted p-value is at most 1 - confidence.

    All are Student's t (:func:`standard_error`). For methods with one seed each it is over documents alone and holds
    for these runs; with several seeds it is over documents and seeds and holds for the methods.

    A handful of documents says no more than it knows: no p-value is below :func:`smallest_p`, and where that is above a
    comparison's level, its interval is unbounded.

    Args:
        contrasts: by name, all from the same number of documents or each from its own.
        confidence: of the whole family.
        documents: how many documents the contrasts are from, one number for all or one for each.

    Returns:
        one row a contrast: difference (bits per byte), low, high, p, p_holm, excludes_zero.
    """
    counts = np.broadcast_to(documents, len(contrasts)).tolist()
    asked = list(zip(contrasts.values(), counts, strict=True))
    p_values = [_p_value(contrast, count) for contrast, count in asked]
    levels = _holm_levels(p_values, 1 - confidence)
    rows = []
    for (contrast, count), level in zip(asked, levels, strict=True):
        found = _interval(contrast, count, level)
        excludes = found.low > 0 or found.high < 0
        rows.append({"difference": found.value, "low": found.low, "high": found.high, "excludes_zero": excludes})
    table = pd.DataFrame(rows, index=list(contrasts), columns=["difference", "low", "high", "excludes_zero"])
    table.insert(3, "p", p_values)
    table.insert(4, "p_holm", holm(p_values))
    return table.astype({"excludes_zero": bool})


def _p_value(contrast: Contrast, documents: int) -> float:
    least = smallest_p(documents)
    return least if least == 1 else max(standard_error(contrast, documents).p_value(contrast.value), least)


def _interval(contrast: Contrast, documents: int, level: float) -> Interval:
    if smallest_p(documents) > level + ROUNDING:
        return Interval(contrast.value, -math.inf, math.inf)
    return standard_error(contrast, documents).interval(contrast.value, level)


def _holm_levels(p_values: Sequence[float], alpha: float) -> np.ndarray:
    """The level that each comparison is held to."""
    order = np.argsort(p_values, kind="stable")
    levels = alpha / np.arange(len(order), 0, -1)
    failed = np.flatnonzero(np.asarray(p_values)[order] > levels + ROUNDING)
    if len(failed):
        levels[failed[0] :] = levels[failed[0]]
    result = np.empty(len(order))
    result[order] = levels
    return result


# ----------------------------------------------------------------------------------------------- components of variance


def variance_components(values: np.ndarray, factors: Sequence[str]) -> pd.DataFrame:
    """Split the variance of a full table with one value a cell into what each factor and each interaction brings.

    The model: a value is the mean plus one independent random effect for each level of each factor and each combination
    of levels, ``y_ijk = m + a_i + b_j + c_k + (ab)_ij + (ac)_ik + (bc)_jk + (abc)_ijk``; the last cannot be told from
    noise. The estimates are those of the analysis of variance: mean squares set equal to their expectations (S. R.
    Searle, G. Casella and C. E. McCulloch, Variance Components, 1992, chapter 4). An estimate below 0 is taken as 0.

    Args:
        values: one dimension a factor, each at least 2 long.
        factors: their names.

    Returns:
        one row a component, named as ``method × seed``: variance (the square of the unit of ``values``), estimate (the
        same before negative ones were cut), deviation (its root), share (of the sum of the variances), degrees.

    Raises:
        ValueError: a factor has one level, or its name is missing.
    """
    if values.ndim != len(factors) or min(values.shape) < 2:
        raise ValueError("a component of variance needs a name and at least two levels for every factor")
    axes = range(values.ndim)
    groups = [group for size in range(1, values.ndim + 1) for group in combinations(axes, size)]
    degrees = {group: math.prod(values.shape[axis] - 1 for axis in group) for group in groups}
    squares = {group: values.size * float((_effect(values, group) ** 2).mean()) / degrees[group] for group in groups}
    estimates = {group: _component(values.shape, group, squares) for group in groups}
    table = pd.DataFrame(
        {"estimate": list(estimates.values()), "degrees": list(degrees.values())},
        index=[" × ".join(factors[axis] for axis in group) for group in groups],
    )
    variance = table["estimate"].clip(lower=0)
    total = variance.sum()
    share = variance / total if total else variance
    return table.assign(variance=variance, deviation=np.sqrt(variance), share=share)


def _effect(values: np.ndarray, group: tuple[int, ...]) -> np.ndarray:
    """Estimated effects of a combination of factors: means over the others, less all effects inside the combination."""
    others = [axis for axis in range(values.ndim) if axis not in group]
    effect = values.mean(axis=tuple(others), keepdims=True)
    for axis in group:
        effect = effect - effect.mean(axis=axis, keepdims=True)
    return effect


def _component(shape: tuple[int, ...], group: tuple[int, ...], squares: Mapping[tuple[int, ...], float]) -> float:
    """Solve the expected mean squares for one component: inclusion and exclusion over the combinations around it."""
    signed = sum((-1) ** (len(other) - len(group)) * squares[other] for other in squares if set(group) <= set(other))
    return signed / math.prod(size for axis, size in enumerate(shape) if axis not in group)
