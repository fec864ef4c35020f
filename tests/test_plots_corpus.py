import io
from collections import Counter

import pandas as pd
import pytest
from matplotlib.colors import to_hex

from bashkir_utils.corpus import statistics
from bashkir_utils.language import BASHKIR_LETTERS
from bashkir_utils.plots import corpus as plots
from bashkir_utils.plots.style import OKABE_ITO

TEXTS = ["Аҡ ҡар яуа, аҡ!", "Ҡар аҡ; 12 юл"]
DOCUMENTS = pd.DataFrame(
    {"id": [1, 2, 3], "source": list("aab"), "characters": [300, 900, 500], "words": [50, 100, 50]}
)
FUNNEL = pd.DataFrame({"step": ["read", "length"], "documents": [5, 3], "dropped_documents": [0, 2]})
# dollars would start a formula, a bell has no glyph, and both names are the same for longer than a label is
HOSTILE = ["a$\\bad{$\x07" + "x" * 60 + end for end in "12"]


def rendered(figure):
    """The one axis of a figure that matplotlib can really draw."""
    figure.savefig(io.BytesIO(), format="png")
    (axis,) = figure.axes
    return axis


def widths(axis):
    return [bar.get_width() for bar in axis.patches]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "figure",
    [
        plots.plot_funnel(FUNNEL),
        plots.plot_lengths(DOCUMENTS),
        plots.plot_zipf({"x": statistics.zipf(statistics.word_counts(TEXTS))}),
        plots.plot_heaps({"x": statistics.heaps(TEXTS)}),
        plots.plot_letters(statistics.letter_frequencies(TEXTS)),
        plots.plot_sources(statistics.source_mix(DOCUMENTS)),
    ],
    ids=["funnel", "lengths", "zipf", "heaps", "letters", "sources"],
)
def test_every_figure_is_drawn_with_title_and_axes(figure):
    axis = rendered(figure)
    assert axis.get_title()
    assert axis.get_xlabel() or axis.get_ylabel()
    assert axis.has_data()


def test_the_funnel_shows_what_is_left_and_what_is_dropped():
    axis = rendered(plots.plot_funnel(FUNNEL))
    assert widths(axis) == [5, 3, 0, 2]
    assert [text.get_text().strip() for text in axis.texts] == ["5", "3 (−2)"]
    # the first step is on top
    assert axis.patches[0].get_y() > axis.patches[1].get_y()


def test_nine_letters_are_marked():
    table = statistics.letter_frequencies(["".join(BASHKIR_LETTERS) + "аб"])
    axis = rendered(plots.plot_letters(table))
    names = [label.get_text() for label in axis.get_xticklabels()]
    marked = {
        names[round(bar.get_x() + bar.get_width() / 2)]
        for bar in axis.patches
        if to_hex(bar.get_facecolor()).upper() == OKABE_ITO[1]
    }
    assert marked == BASHKIR_LETTERS
    assert sum(bar.get_height() for bar in axis.patches) == pytest.approx(1)


def test_lengths_count_every_document():
    axis = rendered(plots.plot_lengths(DOCUMENTS))
    assert sum(bar.get_height() for bar in axis.patches) == 3
    assert axis.get_legend().get_texts()[0].get_text() == "median 500"


def test_one_document_is_enough():
    rendered(plots.plot_lengths(DOCUMENTS.head(1)))


def test_curves_end_where_the_text_ends():
    heaps = rendered(plots.plot_heaps({"one": statistics.heaps(TEXTS), "two": statistics.heaps(TEXTS[:1])}))
    assert [line.get_ydata()[-1] for line in heaps.lines] == [4, 3]
    zipf = rendered(plots.plot_zipf({"one": statistics.zipf(Counter({"аҡ": 3, "ҡар": 1}))}))
    assert zipf.lines[0].get_ydata().tolist() == [0.75, 0.25]


@pytest.mark.filterwarnings("error")
def test_names_of_unknown_origin_are_only_text():
    documents = DOCUMENTS.assign(source=["b", *HOSTILE])
    axis = rendered(plots.plot_sources(statistics.source_mix(documents)))
    # two names that begin alike keep a bar each
    assert sorted(widths(axis)) == [0.25, 0.25, 0.5]
    growth, table = statistics.heaps(TEXTS), statistics.zipf(statistics.word_counts(TEXTS))
    rendered(plots.plot_heaps(dict.fromkeys(HOSTILE, growth)))
    legend = rendered(plots.plot_zipf(dict.fromkeys(HOSTILE, table))).get_legend()
    assert "⟨U+0007⟩" in legend.get_texts()[0].get_text()
