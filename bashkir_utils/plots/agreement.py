"""Figure of agreement: which measures of generated text go with perplexity over a study's ways of adaptation."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from .style import LABEL_CHARACTERS, OKABE_ITO, new_figure, plain, styled


def correlations(tables: Mapping[str, pd.DataFrame], names: Mapping[str, str], title: str) -> Figure:
    """Rank correlation of each measure with each reference, with intervals; one panel a reference.

    Points are filled where the correlation is claimed, and hollow where it may be chance.

    Args:
        tables: by name of the reference, as ``errors.agreement.corrected`` gives them.
        names: measures in words.
        title: of the figure.
    """
    rows = max(len(table) for table in tables.values())
    figure, panels = new_figure(len(tables), width=4.4 * len(tables) + 1, height=1.4 + 0.34 * rows)
    with styled():
        for axes, (reference, table) in zip(panels, tables.items(), strict=True):
            places = np.arange(len(table))[::-1]
            axes.axvline(0, color="#000000", linestyle="--", linewidth=1)
            value = table["correlation"].to_numpy()
            reach = np.nan_to_num(np.vstack([value - table["low"], table["high"] - value]).astype(float))
            axes.errorbar(
                value, places, xerr=reach.clip(min=0), fmt="o", color=OKABE_ITO[0], markerfacecolor="white", capsize=3
            )
            claimed = table["claimed"].to_numpy(dtype=bool)
            axes.plot(value[claimed], places[claimed], "o", color=OKABE_ITO[0])
            labels = [plain(names.get(str(name), str(name)), LABEL_CHARACTERS) for name in table.index]
            axes.set_yticks(places, labels)
            axes.set(xlim=(-1.05, 1.05), ylim=(-0.6, len(table) - 0.4))
            axes.set_xlabel(f"rank correlation with {plain(reference, LABEL_CHARACTERS)}")
        figure.suptitle(title, parse_math=False)
    return figure
