import pytest

from bashkir_utils.corpus.attestation import Coverage
from bashkir_utils.plots.language import plot_coverage


def test_bars_are_shares_of_all_running_words():
    figure = plot_coverage(Coverage(words=200, read=150, by_pos={"noun": 100, "verb": 50}, misses=()))
    (axis,) = figure.axes
    assert [label.get_text() for label in axis.get_yticklabels()] == ["no reading", "verb", "noun"]
    assert [bar.get_width() for bar in axis.patches] == pytest.approx([0.25, 0.25, 0.5])
    assert axis.get_xlabel() == "share of running words"
