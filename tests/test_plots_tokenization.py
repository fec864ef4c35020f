"""Figures of the tokenization chapter: what is drawn, not how it looks."""

from __future__ import annotations

import io
import warnings

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bashkir_utils import tokenization
from bashkir_utils.plots import tokenization as plots

SENTENCE = "Ҡышҡы урманда ҙур һәм матур ҡарағай үҫә."


@pytest.fixture(scope="module")
def loaded():
    return tokenization.load_tokenizers(["gpt2", "mistral-7b", "qwen"])


def drawn(figure: Figure) -> bytes:
    """Draw it; a missing glyph or a failed layout is an error."""
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.savefig(stream, format="png")
    return stream.getvalue()


def texts_of(axis) -> list[str]:
    return [text.get_text() for text in axis.texts]


def test_fertility_bars_are_the_measured_values(loaded):
    table = tokenization.compare(loaded, [SENTENCE])
    figure = plots.plot_fertility(table)
    left, right = figure.axes
    assert sorted(bar.get_width() for bar in left.patches) == pytest.approx(sorted(table["tokens_per_word"]))
    assert sorted(bar.get_width() for bar in right.patches) == pytest.approx(sorted(table["bytes_per_token"]))
    assert "tokens per word" in left.get_xlabel()
    assert "bytes per token" in right.get_xlabel()
    assert drawn(figure).startswith(b"\x89PNG")


def test_pieces_per_word_is_cumulative():
    figure = plots.plot_pieces_per_word({"a": np.array([1, 1, 2, 4])}, longest=4)
    (line,) = figure.axes[0].lines
    assert list(line.get_ydata()) == [0.5, 0.75, 0.75, 1.0]
    assert figure.axes[0].get_ylabel() == "share of words"
    drawn(figure)


def test_parity_has_both_references_and_the_line(loaded):
    table = tokenization.compare_parity(loaded)
    (axis,) = plots.plot_parity(table).axes
    widths = [bar.get_width() for bar in axis.patches]
    assert widths == pytest.approx([*table["against Russian"], *table["against English"]])
    assert [label.get_text() for label in axis.get_yticklabels()] == list(table.index)
    assert {text.get_text() for text in axis.get_legend().get_texts()} == {
        "against Russian",
        "against English",
        "parity",
    }
    drawn(axis.figure)


def test_two_scales_show_the_ranks(loaded):
    table = tokenization.paper_perplexities_as_bits_per_byte([SENTENCE])
    figure = plots.plot_perplexity_against_bits(table)
    left, right = figure.axes
    assert texts_of(left)[0] == "3.34 (rank 1)"
    assert texts_of(right)[1] == f"{table.loc[1, 'bits per byte']:.2f} (rank 1)"
    assert left.get_xlim()[0] == pytest.approx(1)
    drawn(figure)


def test_every_token_has_a_box(loaded):
    figure = plots.plot_splits(loaded, SENTENCE)
    boxes = [text for text in figure.axes[0].texts if text.get_bbox_patch() is not None]
    assert len(boxes) == sum(len(each.encode(SENTENCE)) for each in loaded)
    headings = [text.get_text() for text in figure.axes[0].texts if text.get_bbox_patch() is None]
    assert headings == [f"{each.name}: {len(each.encode(SENTENCE))} tokens" for each in loaded]
    drawn(figure)


def test_no_box_leaves_the_picture(loaded):
    figure = plots.plot_splits(loaded, SENTENCE * 4)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    for text in figure.axes[0].texts:
        assert text.get_window_extent(renderer).x1 <= figure.bbox.x1


def test_formulas_in_a_text_are_not_typeset(loaded):
    drawn(plots.plot_splits(loaded, "$\\frac{1}$ $x"))
