"""What ratings say: means of each way of adaptation with intervals, and how far raters agree."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from ..exceptions import RatingError
from ..markup import html_table, visible_text
from ..statistics import draw_weights
from .exports import Export, read_checked, read_export
from .kit import Key

QUESTIONS: Mapping[str, str] = MappingProxyType(
    {"in_bashkir": "share in Bashkir", "fluency": "fluency, 1 to 5", "adequacy": "adequacy, 1 to 5"}
)
"""What is averaged of each answer, in words; ``in_bashkir`` is 1 where the rater says Bashkir and 0 elsewhere."""
LEVELS: Mapping[str, str] = MappingProxyType({"language": "nominal", "fluency": "ordinal", "adequacy": "ordinal"})
"""Level of measurement of each question."""
SAMPLES = 2000
ALPHA_SAMPLES = 200


@dataclass(frozen=True)
class Ratings:
    """A key and the ratings of its texts."""

    key: Key
    table: pd.DataFrame
    """One row a rating: rater, id, way, run_id, kind, prompt, language, in_bashkir (0 or 1), fluency and adequacy
    (1 to 5), comment, rated (time)."""

    @property
    def raters(self) -> tuple[str, ...]:
        """Names of the raters, in order of their files. Untrusted text: escape it."""
        return tuple(self.table["rater"].drop_duplicates())


def read_ratings(key: Path, exports: Sequence[Path]) -> Ratings:
    """Join exports of one kit with its key.

    Raises:
        RatingError: a file is unreadable or of another kit or shape, or a rater comes twice.
    """
    known = read_checked(key, Key)
    names = frozenset(known.items)
    found = [read_export(path, known.kit, names) for path in exports]
    seen: dict[str, Path] = {}
    for path, export in zip(exports, found, strict=True):
        same = export.rater.casefold()
        if same in seen:
            raise RatingError(
                f"{path.name}: rater {visible_text(export.rater, 60)} is in {seen[same].name} too; give the later file"
            )
        seen[same] = path
    return join(known, found)


def join(key: Key, exports: Sequence[Export]) -> Ratings:
    """Ratings with where their texts come from; every export is of the key's kit."""
    return Ratings(key, pd.concat([_rows(each, key) for each in exports], ignore_index=True))


def _rows(export: Export, key: Key) -> pd.DataFrame:
    rows = []
    for rating in export.ratings:
        origin = key.items[rating.id].model_dump(exclude={"continuation"})
        given = rating.model_dump()
        rows.append({"rater": export.rater, **origin, **given, "in_bashkir": float(rating.language == "bashkir")})
    return pd.DataFrame(rows)


def summarise_ratings(
    table: pd.DataFrame, confidence: float = 0.95, *, samples: int = SAMPLES, seed: int = 0
) -> pd.DataFrame:
    """Means of each question for each way, with percentile bootstrap intervals over prompts.

    Every prompt counts alike: its mean is that of its ratings (over raters and seeds). Raters are held fixed, so the
    interval says what other prompts would give, not what other raters would.

    Args:
        table: of :class:`Ratings`.
        confidence: of each interval.
        samples: draws of prompts.
        seed: of the draws.

    Returns:
        by way, in the order of their names: texts, ratings, prompts, and for each of ``QUESTIONS`` the mean and its
        ``_low`` and ``_high`` (NaN with one prompt).
    """
    rows = {str(way): _way(rows, confidence, samples, seed) for way, rows in table.groupby("way", sort=True)}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("way")


def _way(rows: pd.DataFrame, confidence: float, samples: int, seed: int) -> dict[str, float]:
    prompts = rows.groupby("prompt", sort=True)[list(QUESTIONS)].mean()
    values = prompts.to_numpy(dtype=float)
    found: dict[str, float] = {"texts": rows["id"].nunique(), "ratings": len(rows), "prompts": len(prompts)}
    draws = np.concatenate([weights @ values / len(values) for weights in draw_weights(len(values), samples, seed)])
    tail = (1 - confidence) / 2
    low, high = np.quantile(draws, [tail, 1 - tail], axis=0)
    for place, question in enumerate(QUESTIONS):
        ends = (low[place], high[place]) if len(prompts) > 1 else (math.nan, math.nan)
        found |= {question: float(values[:, place].mean()), f"{question}_low": ends[0], f"{question}_high": ends[1]}
    return found


def agreement(
    table: pd.DataFrame, confidence: float = 0.95, *, samples: int = ALPHA_SAMPLES, seed: int = 0
) -> pd.DataFrame:
    """Krippendorff's alpha of each question (K. Krippendorff, Content Analysis, 2004), with a bootstrap over texts.

    1 is perfect agreement, 0 what chance gives; below 0.667 he would draw no conclusion. Texts with one rating say
    nothing and are left out. The bootstrap draws places in the order of ``table``, so its order decides the draws.

    Returns:
        by question: level (nominal or ordinal), alpha, low, high (NaN where nothing varies or nobody shares a text),
        texts (with two ratings or more), raters.
    """
    shared = table[table.groupby("id")["rater"].transform("size") > 1]
    rows = {}
    for question, level in LEVELS.items():
        units = [list(values) for _, values in shared.groupby("id", sort=False)[question]]
        low, high = _alpha_interval(units, level, confidence, samples, seed)
        rows[question] = {"level": level, "alpha": alpha(units, level), "low": low, "high": high, "texts": len(units)}
    return pd.DataFrame.from_dict(rows, orient="index").assign(raters=table["rater"].nunique()).rename_axis("question")


def alpha(units: Sequence[Sequence[Any]], level: str) -> float:
    """Krippendorff's alpha of texts with two ratings or more each, by NLTK; NaN where all ratings are the same.

    Args:
        units: the ratings of each text; who gave them does not matter.
        level: ``nominal`` (other or not) or ``ordinal``, by how many ratings lie between two.
    """
    from nltk.metrics.agreement import AnnotationTask
    from nltk.metrics.distance import binary_distance

    ratings = [rating for unit in units for rating in unit]
    if len(set(ratings)) < 2:
        return math.nan
    distance = _ordinal(ratings) if level == "ordinal" else binary_distance
    triples = [(coder, item, rating) for item, unit in enumerate(units) for coder, rating in enumerate(unit)]
    return float(AnnotationTask(triples, distance=distance).alpha())


def _ordinal(ratings: Sequence[Any]) -> Callable[[Any, Any], float]:
    """Krippendorff's ordinal metric: squared ratings from the middle of one rank to the middle of the other."""
    counts = Counter(ratings)
    below = {value: sum(counts[other] for other in counts if other < value) for value in counts}
    middle = {value: below[value] + counts[value] / 2 for value in counts}
    return lambda first, second: (middle[first] - middle[second]) ** 2


def _alpha_interval(
    units: Sequence[Sequence[Any]], level: str, confidence: float, samples: int, seed: int
) -> tuple[float, float]:
    """Percentile interval over draws of texts; draws in which nothing varies are left out."""
    if math.isnan(alpha(units, level)):
        return math.nan, math.nan
    generator = np.random.default_rng(seed)
    drawn = [alpha([units[i] for i in generator.integers(len(units), size=len(units))], level) for _ in range(samples)]
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(drawn, [tail, 1 - tail])
    return float(low), float(high)


# ------------------------------------------------------------------------------------------------------------- in words


def summary_html(summary: pd.DataFrame, caption: str) -> str:
    """The table of :func:`summarise_ratings` as HTML."""
    return html_table(_shown_means(summary), caption)


def agreement_html(found: pd.DataFrame, caption: str) -> str:
    """The table of :func:`agreement` as HTML."""
    return html_table(_shown_agreement(found), caption)


def report_text(ratings: Ratings, confidence: float = 0.95) -> str:
    """Means and agreement for a terminal."""
    means = _shown_means(summarise_ratings(ratings.table, confidence))
    alphas = _shown_agreement(agreement(ratings.table, confidence))
    key = ratings.key
    return "\n".join(
        [
            ", ".join(
                map(visible_text, (f"kit {key.kit}", f"study {key.study}", f"decoding {key.decoding}", key.corpus))
            ),
            f"{len(ratings.raters)} raters: {', '.join(ratings.raters)}",
            means.to_string(),
            f"Krippendorff's alpha, {confidence:.0%} interval over texts",
            alphas.to_string(),
        ]
    )


def _shown_means(summary: pd.DataFrame) -> pd.DataFrame:
    columns = {
        words: [
            _with_interval(*ends)
            for ends in zip(summary[name], summary[f"{name}_low"], summary[f"{name}_high"], strict=True)
        ]
        for name, words in QUESTIONS.items()
    }
    return pd.DataFrame({**columns, "texts": summary["texts"], "ratings": summary["ratings"]}, index=summary.index)


def _shown_agreement(found: pd.DataFrame) -> pd.DataFrame:
    values = [_with_interval(*ends) for ends in zip(found["alpha"], found["low"], found["high"], strict=True)]
    return found[["level", "texts", "raters"]].assign(alpha=values)


def _with_interval(value: float, low: float, high: float) -> str:
    if math.isnan(value):
        return "–"
    return f"{value:.2f}" if math.isnan(low) else f"{value:.2f} ({low:.2f} to {high:.2f})"
