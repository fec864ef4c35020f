"""Figures of the chapter on the language."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ..corpus.attestation import Coverage
from .style import OKABE_ITO, new_figure, styled


def plot_coverage(coverage: Coverage) -> Figure:
    """Share of running words by the part of speech of their first reading; what has no reading stands last."""
    shares = pd.Series({**coverage.by_pos, "no reading": coverage.words - coverage.read})[::-1] / coverage.words
    figure, (axis,) = new_figure(width=6.4, height=0.3 * len(shares) + 1.2)
    with styled():
        colours = [OKABE_ITO[5] if name == "no reading" else OKABE_ITO[0] for name in shares.index]
        bars = axis.barh(shares.index, shares, 0.65, color=colours)
        axis.bar_label(bars, labels=[f"{share:.1%}" for share in shares], padding=3, fontsize=8)
        axis.set(title="What rules and lexicon read in real text", xlabel="share of running words")
        axis.xaxis.set_major_formatter(PercentFormatter(1))
        axis.margins(x=0.12)
        axis.grid(visible=False, axis="y")
    return figure
