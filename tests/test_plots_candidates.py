"""Figures of tokenizers by size: what is drawn."""

from __future__ import annotations

import io
import warnings

import pandas as pd
import pytest

from bashkir_utils.plots.candidates import plot_boundary_f1, plot_bytes_per_token

TABLE = pd.DataFrame(
    {
        "family": ["own", "trimmed", "bpe", "bpe", "unigram", "extended"],
        "vocabulary_size": [49152, 900, 1024, 512, 512, 51200],
        "bytes_per_token": [1.5, 1.4, 6.0, 4.0, 3.9, 5.0],
        "f1": [0.1, 0.1, 0.2, 0.3, 0.4, 0.2],
        "random_letter_f1": [0.1, 0.1, 0.1, 0.2, 0.2, 0.1],
    },
    index=["model$x$", "model-trimmed", "bpe-1024", "bpe-512", "unigram-512", "model-extended"],
)


def drawn(figure) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.savefig(io.BytesIO(), format="png")


def test_one_line_a_family_in_the_order_of_entries_and_references_across():
    (axis,) = plot_bytes_per_token(TABLE).axes
    lines = {line.get_label(): line for line in axis.lines}
    assert list(lines["bpe"].get_xdata()) == [512, 1024]
    assert list(lines["bpe"].get_ydata()) == [4.0, 6.0]
    assert list(lines["model-trimmed"].get_ydata()) == [1.4, 1.4]
    assert set(lines) == {"bpe", "unigram", "extended", r"model\$x\$", "model-trimmed"}
    assert "bytes per token" in axis.get_ylabel()
    assert axis.get_xlabel().startswith("entries")
    drawn(axis.figure)


def test_boundaries_have_their_chance_line():
    (axis,) = plot_boundary_f1(TABLE).axes
    values = [list(line.get_ydata()) for line in axis.lines]
    assert [0.3, 0.2] in values
    assert [0.2, 0.1] in values
    assert axis.get_ylim() == pytest.approx((0, 1))
    drawn(axis.figure)


def test_another_language_draws_no_family_that_it_lacks():
    (axis,) = plot_bytes_per_token(TABLE[TABLE["family"] == "unigram"]).axes
    assert len(axis.lines) == 1
    drawn(axis.figure)
