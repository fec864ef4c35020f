"""Figures of chapters 3 to 5: what each method moves, loss curves, parameters, memory, ranks, and 4-bit weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch, Rectangle
from matplotlib.ticker import EngFormatter, MaxNLocator, PercentFormatter

from ..inspection import NormalisedWeights, nf4_levels, update_norms
from ..runs import Run
from ..study import TrainingSpec
from ..training_report import MEMORY_PARTS, run_label
from .style import METHOD_COLOURS, METHOD_MARKERS, OKABE_ITO, new_figure, styled

MEASURE_NAMES: Mapping[str, str] = MappingProxyType(
    {"loss": "cross-entropy, nats per token", "bits_per_byte": "bits per byte"}
)
PROGRESS_NAMES: Mapping[str, str] = MappingProxyType({"tokens": "training tokens", "seconds": "time, seconds"})
LINE_STYLES = ("-", "--", ":", "-.")
PACKED_DOCUMENTS, MAX_BLOCKS = 6, 24
MODULE_MARKERS = "osD^vxP*"
FROZEN, INK = "#D9D9D9", "#333333"
MEMORY_COLOURS: Mapping[str, str] = MappingProxyType(
    {
        "weights": OKABE_ITO[0],
        "gradients": OKABE_ITO[4],
        "moments": OKABE_ITO[1],
        "before": "#999999",
        "growth": OKABE_ITO[3],
        "gpu": OKABE_ITO[2],
    }
)
MEMORY_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "weights": "weights (computed)",
        "gradients": "gradients (computed)",
        "moments": "Adam's moments (computed)",
        "before": "process before training (measured)",
        "growth": "growth in training (measured)",
        "gpu": "peak on the GPU (measured)",
    }
)


class Box(NamedTuple):
    """A box of a diagram: its centre, size, colour and text, in the units of the axes."""

    x: float
    y: float
    width: float
    height: float
    colour: str
    text: str


# ------------------------------------------------------------------------------------------------------------- diagrams


def full_diagram() -> Figure:
    """Full fine-tuning: every number of W moves, and brings its gradient and two moments with it."""
    figure, axes = _canvas(3.0)
    colour = METHOD_COLOURS["full"]
    with styled():
        _flow(
            axes, [Box(0.7, 1.5, 0.9, 0.7, "white", "input x"), Box(2.9, 1.5, 2.0, 2.0, colour, "W\nall of it trained")]
        )
        _flow(axes, [Box(2.9, 1.5, 2.0, 2.0, colour, ""), Box(5.1, 1.5, 0.9, 0.7, "white", "W x")])
        axes.text(6.1, 2.75, "each number of W brings with it", fontsize=9, color=INK)
        parts = ("itself", "its gradient", "Adam's 1st moment", "Adam's 2nd moment")
        for i, part in enumerate(parts):
            _box(axes, Box(7.7, 2.35 - i * 0.6, 3.2, 0.46, colour if i == 0 else "white", f"{part}: 4 bytes"))
        axes.text(6.1, 0.0, "16 bytes for each trained number in float32", fontsize=9, color=INK)
    return figure


def lora_diagram() -> Figure:
    """LoRA: W stays as it is; a narrow path through A and B, r wide, is added."""
    figure, axes = _canvas(3.9)
    with styled():
        _adapter_path(axes, METHOD_COLOURS["lora"])
        _flow(
            axes, [Box(0.7, 2.0, 0.9, 0.7, "white", "input x"), Box(3.5, 3.0, 2.4, 1.3, FROZEN, "W   (d × k)\nfrozen")]
        )
        _flow(axes, [Box(3.5, 3.0, 2.4, 1.3, FROZEN, ""), Box(7.6, 2.0, 0.6, 0.6, "white", "")])
    return figure


def qlora_diagram() -> Figure:
    """QLoRA: W lies in memory as NF4 codes with a scale for each block, and is restored to 16 bits to be used."""
    figure, axes = _canvas(3.9)
    with styled():
        _adapter_path(axes, METHOD_COLOURS["qlora"])
        _codes(axes, x=1.7, y=2.8)
        restored = Box(5.7, 3.1, 1.8, 1.0, "white", "W̃ in bfloat16,\nfor this step only")
        _arrow(axes, (3.7, 3.27), (4.8, 3.27))
        axes.text(4.22, 3.36, "dequantise", ha="center", fontsize=8, color=INK)
        _box(axes, Box(0.7, 2.0, 0.9, 0.7, "white", "input x"))
        _arrow(axes, (1.15, 2.1), (4.8, 2.75))
        _flow(axes, [restored, Box(7.6, 2.0, 0.6, 0.6, "white", "")])
    return figure


def _adapter_path(axes: Axes, colour: str) -> None:
    """The path x -> A -> B -> times alpha / r -> plus, shared by LoRA and QLoRA."""
    down = Box(3.0, 1.0, 1.4, 0.55, colour, "A   (r × k)")
    up = Box(5.0, 1.0, 0.9, 1.3, colour, "B\n(d × r)")
    plus = Box(7.6, 2.0, 0.6, 0.6, "white", "+")
    _flow(axes, [Box(0.7, 2.0, 0.9, 0.7, "white", ""), down, up, plus])
    axes.text(6.25, 1.1, "× α / r", ha="center", fontsize=9, color=INK)
    _flow(axes, [plus, Box(9.1, 2.0, 1.0, 0.7, "white", "output")])
    axes.text(3.0, 0.5, "trained, drawn at random", ha="center", fontsize=8, color=INK)
    axes.text(5.0, 0.1, "trained, starts at 0", ha="center", fontsize=8, color=INK)


def _codes(axes: Axes, *, x: float, y: float) -> None:
    """Two rows of NF4 codes, each row a block with its own 8-bit scale."""
    for row, codes in enumerate(("7 12 3 … 9", "5 8 15 … 1")):
        bottom = y + row * 0.5
        axes.add_patch(Rectangle((x, bottom), 1.4, 0.42, facecolor=FROZEN, edgecolor=INK))
        axes.add_patch(Rectangle((x + 1.45, bottom), 0.5, 0.42, facecolor="#F2F2F2", edgecolor=INK))
        axes.text(x + 0.7, bottom + 0.21, codes, ha="center", va="center", fontsize=8, color=INK)
        axes.text(x + 1.7, bottom + 0.21, f"c{row + 1}", ha="center", va="center", fontsize=8, color=INK)
    axes.text(x + 0.7, y + 1.05, "64 codes of 4 bits", ha="center", fontsize=8, color=INK)
    axes.text(x + 1.72, y + 1.05, "scale", ha="center", fontsize=8, color=INK)


def _canvas(height: float) -> tuple[Figure, Axes]:
    figure, (axes,) = new_figure(width=8.6, height=height * 0.8)
    axes.set(xlim=(0, 10), ylim=(-0.1, height), aspect="equal")
    axes.set_axis_off()
    return figure, axes


def _flow(axes: Axes, boxes: Sequence[Box]) -> None:
    """Boxes joined by arrows from one to the next."""
    for box in boxes:
        if box.text:
            _box(axes, box)
    for first, second in pairwise(boxes):
        _arrow(axes, (first.x + first.width / 2, first.y), (second.x - second.width / 2, second.y))


def _box(axes: Axes, box: Box) -> None:
    corner = (box.x - box.width / 2, box.y - box.height / 2)
    style = "round,pad=0,rounding_size=0.08"
    axes.add_patch(FancyBboxPatch(corner, box.width, box.height, boxstyle=style, facecolor=box.colour, edgecolor=INK))
    light = box.colour in {"white", FROZEN}
    axes.text(box.x, box.y, box.text, ha="center", va="center", fontsize=9, color=INK if light else "white")


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    axes.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": INK, "shrinkA": 2, "shrinkB": 2})


def packing_picture(lengths: Sequence[int], spec: TrainingSpec) -> Figure:
    """How documents fill the first blocks; a black tick stands where one begins.

    ``lengths``: tokens of each document, boundaries included. As many blocks are shown as the first few documents fill.
    """
    rows = min(MAX_BLOCKS, max(1, sum(lengths[:PACKED_DOCUMENTS]) // spec.block_length))
    figure, (axes,) = new_figure(width=8.0, height=0.24 * rows + 1.1)
    tints = ("#A6CBE6", "#F3C6A5")
    with styled():
        position = 0
        for number, length in enumerate(lengths):
            for row, start, width in _pieces(position, length, spec.block_length):
                if row < rows:
                    axes.barh(row, width, left=start, height=0.8, color=tints[number % 2])
            row, start = divmod(position, spec.block_length)
            if row < rows:
                axes.plot([start, start], [row - 0.4, row + 0.4], color="black", linewidth=2.5)
            position += length
        axes.set(xlabel="position in the block, tokens", ylabel="block", xlim=(-1, spec.block_length))
        axes.set(ylim=(rows - 0.4, -0.6), title="Documents laid end to end in blocks")
        axes.grid(visible=False)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def _pieces(position: int, length: int, block: int) -> list[tuple[int, int, int]]:
    """The stretches (block, start, length) into which tokens position … position + length - 1 fall."""
    pieces = []
    end = position + length
    while position < end:
        row, start = divmod(position, block)
        width = min(block - start, end - position)
        pieces.append((row, start, width))
        position += width
    return pieces


# --------------------------------------------------------------------------------------------------------------- curves


def loss_curves(runs: Sequence[Run], measure: str) -> Figure:
    """``loss`` or ``bits_per_byte`` on training and validation blocks against tokens and against time."""
    figure, panels = new_figure(2, width=9.5, height=4.0)
    seen: dict[str, int] = {}
    with styled():
        for run in runs:
            kind = run.spec.method.kind
            style = LINE_STYLES[seen.get(kind, 0) % len(LINE_STYLES)]
            seen[kind] = seen.get(kind, 0) + 1
            for axes, against in zip(panels, PROGRESS_NAMES, strict=True):
                _draw_curve(axes, run, measure, against, style)
        for axes, against in zip(panels, PROGRESS_NAMES, strict=True):
            axes.set(xlabel=PROGRESS_NAMES[against], ylabel=MEASURE_NAMES[measure])
            axes.xaxis.set_major_locator(MaxNLocator(5))
        panels[0].xaxis.set_major_formatter(EngFormatter(sep=""))
        handles = [*panels[0].get_legend_handles_labels()[0], *_curve_key()]
        figure.legend(handles=handles, loc="outside lower center", ncols=3)
        figure.suptitle("Training: estimates on packed blocks, not the test metric")
    return figure


def _draw_curve(axes: Axes, run: Run, measure: str, against: str, style: str) -> None:
    kind, curve = run.spec.method.kind, run.curve
    colour = METHOD_COLOURS[kind]
    training, validation = curve.dropna(subset=measure), curve.dropna(subset=f"validation_{measure}")
    axes.plot(training[against], training[measure], color=colour, linestyle=style, linewidth=1, alpha=0.55)
    axes.plot(
        validation[against],
        validation[f"validation_{measure}"],
        color=colour,
        linestyle=style,
        marker=METHOD_MARKERS[kind],
        label=run_label(run.spec.method),
    )


def _curve_key() -> list[Line2D]:
    return [
        Line2D([], [], color=INK, linewidth=1, alpha=0.55, label="thin: training blocks, mean since the last point"),
        Line2D([], [], color=INK, marker="o", label="with signs: validation blocks"),
    ]


# ------------------------------------------------------------------------------------------------ parameters and memory


def parameter_bars(run: Run) -> Figure:
    """Parameters by module: all of them (left) and the trained ones (right), each on its own scale."""
    table = run.parameters.iloc[::-1]
    figure, panels = new_figure(2, width=9.0, height=0.3 * len(table) + 1.4)
    with styled():
        for axes, column, colour in zip(
            panels, ("total", "trainable"), ("#999999", METHOD_COLOURS[run.spec.method.kind]), strict=True
        ):
            bars = axes.barh(table["module"], table[column], color=colour)
            axes.bar_label(bars, [_short(value) for value in table[column]], padding=2, fontsize=8)
            axes.set(xlabel=f"{column} parameters", xlim=(0, max(table[column].max(), 1) * 1.2))
            axes.set_title(f"{column}: {table[column].sum():,}", fontsize=10)
            axes.xaxis.set_major_formatter(EngFormatter(sep=""))
            axes.xaxis.set_major_locator(MaxNLocator(5))
            axes.grid(visible=False, axis="y")
        panels[1].set_yticklabels([])
        figure.suptitle(f"Parameters by module: {run_label(run.spec.method)}")
    return figure


def _short(value: float) -> str:
    return EngFormatter(places=1, sep="")(value) if value >= 1000 else f"{value:,.0f}"


def memory_bars(table: pd.DataFrame) -> Figure:
    """What the equation accounts for over what was measured, two bars a run, from ``training_report.memory_table``."""
    figure, (axes,) = new_figure(width=8.5, height=0.8 * len(table) + 1.9)
    measured = ("gpu",) if (table["gpu"] > 0).any() else ("before", "growth")
    with styled():
        for shift, parts in ((-0.19, MEMORY_PARTS), (0.19, measured)):
            _stack(axes, table, parts, shift)
        axes.set_yticks(range(len(table)), [str(label) for label in table.index])
        axes.set(
            xlabel="memory, GB", title="Memory of training: by the equation and measured", ylim=(len(table) - 0.5, -0.5)
        )
        axes.grid(visible=False, axis="y")
        figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    return figure


def _stack(axes: Axes, table: pd.DataFrame, parts: Sequence[str], shift: float) -> None:
    places, left = np.arange(len(table)) + shift, np.zeros(len(table))
    for part in parts:
        values = table[part].to_numpy() / 1e9
        axes.barh(places, values, 0.36, left=left, color=MEMORY_COLOURS[part], label=MEMORY_NAMES[part])
        left = left + values
    for place, value in zip(places, left, strict=True):
        axes.text(value, place, f" {value:.3g}", va="center", fontsize=8)


# ---------------------------------------------------------------------------------------------------------------- ranks


def rank_comparison(table: pd.DataFrame, confidence: float) -> Figure:
    """Bits per byte on the test documents with intervals (left) and trainable parameters (right) of trained runs.

    ``table`` is ``report.results_table``; the zero-shot row is left out, since it would flatten the scale.
    """
    trained = table[table["kind"] != "zero_shot"].iloc[::-1]
    names, places = [str(label) for label in trained.index], range(len(trained))
    figure, (left, right) = new_figure(2, width=9.0, height=0.5 * len(trained) + 1.5)
    with styled():
        for place, row in zip(places, trained.to_dict("records"), strict=True):
            value, colour = row["bits_per_byte"], METHOD_COLOURS[row["kind"]]
            reach = [[max(value - row["bits_per_byte_low"], 0)], [max(row["bits_per_byte_high"] - value, 0)]]
            left.errorbar(value, place, xerr=reach, capsize=3, color=colour, marker=METHOD_MARKERS[row["kind"]])
            left.annotate(f"{value:.3f}", (value, place), (0, 6), textcoords="offset points", ha="center", fontsize=8)
            bar = right.barh(place, row["trainable_parameters"], 0.5, color=colour)
            right.bar_label(bar, [f"{row['trainable_parameters']:,}"], padding=2, fontsize=8)
        left.set(xlabel=f"bits per byte, {confidence:.0%} interval", title="test documents")
        right.set(xlabel="trainable parameters (log scale)", title="trained", xscale="log")
        right.set_xlim(trained["trainable_parameters"].min() / 3, trained["trainable_parameters"].max() * 12)
        for axes, shown in ((left, names), (right, [""] * len(names))):
            axes.set_yticks(places, shown)
            axes.set_ylim(-0.6, len(names) - 0.4)
            axes.grid(visible=False, axis="y")
    return figure


def spectrum_lines(spectra: Mapping[str, pd.DataFrame]) -> Figure:
    """Singular values of the adapters' updates: median over modules, with the middle 80%, one line a run."""
    figure, (axes,) = new_figure(height=4.0)
    with styled():
        for number, (label, spectrum) in enumerate(spectra.items()):
            values = spectrum.groupby("index")["singular_value"].quantile(np.array([0.1, 0.5, 0.9])).unstack()
            colour = OKABE_ITO[number]
            axes.plot(values.index, values[0.5], marker=MODULE_MARKERS[number], markersize=4, color=colour, label=label)
            axes.fill_between(values.index, values[0.1], values[0.9], color=colour, alpha=0.15, linewidth=0)
        axes.set(yscale="log", xlabel="index of the singular value", ylabel="singular value of (α / r) B A")
        axes.set_title("What the adapters do with their rank")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend()
    return figure


def energy_curves(spectrum: pd.DataFrame, ranks: Sequence[int]) -> Figure:
    """Share of the squared norm of each module's full update that a rank keeps; dashed lines at ``ranks``."""
    figure, (axes,) = new_figure(height=4.2)
    with styled():
        for number, (module, rows) in enumerate(spectrum.groupby("module", sort=False)):
            squares = rows.sort_values("index")["singular_value"].to_numpy() ** 2
            share = np.cumsum(squares) / squares.sum()
            marker = MODULE_MARKERS[number % len(MODULE_MARKERS)]
            axes.plot(
                np.arange(1, len(share) + 1), share, label=str(module), marker=marker, markevery=0.12, markersize=4
            )
        for rank in ranks:
            axes.axvline(rank, color=INK, linestyle="--", linewidth=1)
            axes.annotate(f"r = {rank}", (rank, 1.03), xycoords=("data", "axes fraction"), ha="center", fontsize=8)
        axes.set_xscale("log", base=2)
        axes.set(xlabel="rank (log scale)", ylabel="share of squared norm kept", ylim=(0, 1.02))
        axes.set_title(f"Full fine-tuning's update W′ − W, layer {spectrum['layer'].iloc[0]}", pad=20)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def update_heatmap(spectrum: pd.DataFrame, title: str) -> Figure:
    """Frobenius norm of the update of every adapted module, by layer."""
    norms = update_norms(spectrum)
    figure, (axes,) = new_figure(width=9.0, height=0.32 * norms.shape[1] + 1.6)
    with styled():
        image = axes.imshow(norms.T, aspect="auto", cmap="cividis", vmin=0)
        axes.set_yticks(range(norms.shape[1]), [str(name) for name in norms.columns])
        axes.set(xlabel="layer", title=title)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(visible=False)
        figure.colorbar(image, ax=axes, label="norm of (α / r) B A")
    return figure


# --------------------------------------------------------------------------------------------------------------- 4 bits


def nf4_histogram(weights: NormalisedWeights) -> Figure:
    """The 16 NF4 levels over a histogram of one layer's weights, each block divided by its largest magnitude."""
    figure, (axes,) = new_figure(width=8.0)
    with styled():
        axes.hist(weights.values, bins=201, range=(-1, 1), density=True, color="#9BBAD6")
        for code, level in enumerate(nf4_levels()):
            axes.axvline(level, color=METHOD_COLOURS["qlora"], linewidth=1)
            height = 1.02 if code % 2 else 1.07
            axes.annotate(str(code), (level, height), xycoords=("data", "axes fraction"), ha="center", fontsize=8)
        axes.set(xlabel="weight over the largest magnitude of its block of 64", ylabel="density", xlim=(-1.03, 1.03))
        axes.set_title(f"The 16 NF4 levels (by code) and the weights of {weights.module}", pad=24)
    return figure


def error_by_layer(errors: pd.DataFrame, reference: float) -> Figure:
    """Relative error of NF4 for each linear layer, one line a kind of module (``adapt.quantisation_error``)."""
    figure, (axes,) = new_figure(width=8.5, height=4.0)
    with styled():
        for number, (module, rows) in enumerate(errors.groupby("module", sort=False)):
            marker = MODULE_MARKERS[number % len(MODULE_MARKERS)]
            axes.plot(
                rows["layer"], rows["relative_error"], marker=marker, markersize=4, linewidth=1, label=str(module)
            )
        axes.axhline(reference, color=INK, linestyle="--", linewidth=1, label="normal weights")
        axes.set(
            xlabel="layer", ylabel="|Q(W) − W| / |W|", title="What NF4 with double quantisation does to the weights"
        )
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=2))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def gradient_changes(changes: pd.DataFrame) -> Figure:
    """Change of the adapters' gradients by a validation pass, by layer, with and without the book's precaution."""
    figure, (axes,) = new_figure(height=3.6)
    series = (
        ("unprotected", "as the library comes", OKABE_ITO[1], "x"),
        ("protected", "as this book trains", METHOD_COLOURS["qlora"], "^"),
    )
    with styled():
        for column, label, colour, marker in series:
            medians = changes.groupby("layer")[column].median()
            axes.plot(medians.index, medians, color=colour, marker=marker, markersize=5, linewidth=1, label=label)
        axes.set(xlabel="layer", ylabel="|g′ − g| / |g|, median of modules", ylim=(-0.05, None))
        axes.set_title("What one validation pass does to the gradients of a QLoRA model")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure
