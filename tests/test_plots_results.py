import io
from dataclasses import replace
from itertools import pairwise

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_results import made_report
from matplotlib.colors import to_hex
from PIL import Image

from bashkir_utils import report
from bashkir_utils.plots import results
from bashkir_utils.plots.style import METHOD_COLOURS

SHARES = pd.DataFrame(
    [[0.5, 0.3, 0.1, 0.04, 0.03, 0.02, 0.01], [0.0] * 7], index=["full", "silent"], columns=list("abcdefg")
)
SUMMARY = pd.DataFrame(
    {"rep_4": [0.1, 0.5], "loop_share": [0.0, 0.9], "distinct_2": [0.8, float("nan")]}, index=["full", "lora"]
)
PAPER = pd.DataFrame(
    {
        "model": ["GPT-2 medium"],
        "method": ["full"],
        "perplexity (reported)": [3.34],
        "bits per byte": [1.161],
    }
)


@pytest.fixture
def live(tmp_path):
    return made_report(tmp_path)


def drawn(figure):
    """The figure as pixels; fails where nothing was drawn."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    image = Image.open(stream).convert("L")
    assert min(image.size) > 150
    assert len(set(image.tobytes())) > 10
    return image


def texts(figure):
    return [t.get_text() for axes in figure.axes for t in [*axes.texts, axes.title, axes.xaxis.label, axes.yaxis.label]]


@pytest.mark.parametrize("cost", ["trainable_parameters", "wall_seconds"])
def test_pareto(live, cost):
    figure = results.pareto(live, cost, "A title")
    drawn(figure)
    axes = figure.axes[0]
    assert axes.get_xscale() == "log"
    assert {"zero shot", "full", "lora r8", "qlora r8", "A title", results.COST_NAMES[cost]} <= set(texts(figure))
    table = report.results_table(live)
    front = next(line for line in axes.lines if line.get_label() == "Pareto front")
    kept = report.pareto_front(table[cost].iloc[1:].tolist(), table["bits_per_byte"].iloc[1:].tolist())
    assert front.get_ydata().tolist() == table["bits_per_byte"].iloc[1:].iloc[kept].tolist()
    assert {to_hex(c.lines[0].get_color()) for c in axes.containers} == {
        to_hex(METHOD_COLOURS[kind]) for kind in ("full", "lora", "qlora")
    }


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12).map(sorted))
def test_labels_are_spread_apart_within_the_axes(places):
    apart = results.spread(places, 0.07)
    assert len(apart) == len(places)
    assert all(later - earlier >= 0.07 - 1e-9 for earlier, later in pairwise(apart))
    assert apart[-1] <= 1
    if all(later - earlier >= 0.07 for earlier, later in pairwise(places)):
        assert apart == places


def test_crowded_labels_move_up_and_at_the_top_down():
    assert results.spread([0.1, 0.1, 0.5], 0.0625) == [0.1, 0.1625, 0.5]
    assert results.spread([0.5, 1.0, 1.0], 0.0625) == [0.5, 0.9375, 1.0]


def test_times_that_are_not_comparable_have_no_front(live):
    shared = replace(live, record=live.record.model_copy(update={"times_comparable": False}))
    (axes,) = results.pareto(shared, "wall_seconds", "Shared").axes
    assert "not comparable" in axes.get_xlabel()
    assert axes.get_legend() is None
    assert "Pareto front" not in results.pareto(shared, "wall_seconds", "Shared").interactive
    for other in (results.pareto(shared, "trainable_parameters", "x"), results.pareto(live, "wall_seconds", "x")):
        assert [text.get_text() for text in other.axes[0].get_legend().get_texts()] == ["Pareto front"]
        assert "Pareto front" in other.interactive


def test_pareto_of_zero_shot_alone(live):
    only = report.StudyReport(live.record.model_copy(update={"rows": live.rows[:1]}), live.documents)
    drawn(results.pareto(only, "wall_seconds", "One"))


@pytest.mark.parametrize("against", ["tokens", "seconds"])
def test_curves_join_only_the_points_that_were_validated(live, against):
    figure = results.curves(live, against, "Curves")
    drawn(figure)
    lines = figure.axes[0].lines
    assert [line.get_label() for line in lines] == ["full", "lora r8", "qlora r8"]
    assert lines[0].get_ydata().tolist() == pytest.approx([2.2, 2.0])
    assert lines[0].get_xdata().tolist() == [getattr(live.rows[1].curve[i], against) for i in (0, 2)]


def test_curves_of_two_ranks_can_be_told_apart_without_colour(tmp_path):
    methods = [{"name": f"lora_r{r}", "kind": "lora", "rank": r, "lora_alpha": 8} for r in (8, 16)]
    from made_results import NATS_PER_BYTE

    NATS_PER_BYTE.setdefault("lora_r16", 1.0)
    lines = results.curves(made_report(tmp_path, methods=methods), "tokens", "Ranks").axes[0].lines
    assert lines[0].get_linestyle() != lines[1].get_linestyle()


def test_language_bars_gather_the_rest(live):
    figure = results.language_bars(SHARES, "Languages")
    drawn(figure)
    axes = figure.axes[0]
    names = [t.get_text() for t in axes.get_legend().get_texts()]
    assert names == [*"abcdef", "other languages"]
    assert to_hex(
        results.language_bars(SHARES.rename(columns={"b": "ba"}), "L").axes[0].patches[2].get_facecolor()
    ) == (results.LANGUAGE_COLOURS["ba"].lower())
    assert sum(patch.get_width() for patch in axes.patches) == pytest.approx(1)
    assert [t.get_text() for t in axes.get_yticklabels()] == ["full", "silent"]


def test_letter_bars_and_repetition_bars(live):
    drawn(results.letter_bars(SHARES.iloc[:, :5], "Letters"))
    figure = results.repetition_bars(SUMMARY, "Repetition")
    drawn(figure)
    assert [axes.get_xlabel() for axes in figure.axes] == [report.MEASURE_NAMES[m] for m in results.REPETITION]
    assert {"0.90", "–"} <= set(texts(figure))
    with_ends = SUMMARY.assign(rep_4_low=0.25, rep_4_high=0.75)
    first, second = results.repetition_bars(with_ends, "Repetition").axes[:2]
    (lines,) = first.collections
    assert [segment[:, 0].tolist() for segment in lines.get_segments()] == [[0.25, 0.75]] * len(SUMMARY)
    assert not any(segment.size for segment in second.collections[0].get_segments())


def test_the_papers_figures_are_coloured_and_named_as_theirs(live):
    table = report.beside_paper(PAPER, live)
    figure = results.beside_paper(table, "Paper and ours")
    drawn(figure)
    names = [t.get_text() for t in figure.axes[0].get_yticklabels()]
    assert sum("(paper)" in name for name in names) == 1
    assert sum("(ours)" in name for name in names) == 4
    colours = [to_hex(line.get_color()).upper() for line in figure.axes[1].lines]
    assert colours == [METHOD_COLOURS[kind] for kind in table["kind"]]
    assert (METHOD_COLOURS["paper"], 1.161) in zip(
        colours, (line.get_xdata()[0] for line in figure.axes[1].lines), strict=True
    )
    assert figure.axes[0].get_xscale() == "log"
