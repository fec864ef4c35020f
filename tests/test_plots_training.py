import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_results import made, made_report
from matplotlib.colors import to_hex
from PIL import Image

from bashkir_utils import report
from bashkir_utils.inspection import NormalisedWeights, nf4_levels
from bashkir_utils.plots import training as plots
from bashkir_utils.plots.style import METHOD_COLOURS
from bashkir_utils.study import TrainingSpec

MODULES = [
    {"module": "embed_tokens", "total": 30_000_000, "trainable": 0},
    {"module": "q_proj", "total": 2200, "trainable": 200},
]
SPECTRUM = pd.DataFrame(
    {
        "layer": [0, 0, 1, 1],
        "module": ["q_proj"] * 4,
        "index": [1, 2, 1, 2],
        "singular_value": [4.0, 3.0, 1.0, 0.5],
    }
)


@pytest.fixture
def runs(tmp_path):
    return made(tmp_path)[2]


def drawn(figure):
    """The figure as pixels; fails where nothing was drawn."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    image = Image.open(stream).convert("L")
    assert min(image.size) > 150
    assert len(set(image.tobytes())) > 10


def words(figure):
    return " ".join(t.get_text() for axes in figure.axes for t in axes.texts)


@pytest.mark.parametrize(
    ("diagram", "said", "kind"),
    [
        (plots.full_diagram, ["all of it trained", "16 bytes", "gradient", "2nd moment"], "full"),
        (plots.lora_diagram, ["frozen", "A   (r × k)", "B\n(d × r)", "α / r", "starts at 0"], "lora"),
        (plots.qlora_diagram, ["64 codes of 4 bits", "dequantise", "bfloat16", "A   (r × k)"], "qlora"),
    ],
)
def test_diagrams_name_their_parts_in_the_colour_of_the_method(diagram, said, kind):
    figure = diagram()
    drawn(figure)
    assert all(part in words(figure) for part in said)
    assert to_hex(METHOD_COLOURS[kind]) in {to_hex(patch.get_facecolor()) for patch in figure.axes[0].patches}


def test_loss_curves_show_both_kinds_of_blocks_against_tokens_and_time(runs):
    figure = plots.loss_curves(runs[1:3], "bits_per_byte")
    drawn(figure)
    tokens, seconds = figure.axes
    assert (tokens.get_xlabel(), seconds.get_xlabel()) == ("training tokens", "time, seconds")
    assert tokens.get_ylabel() == "bits per byte"
    training, validation = tokens.lines[:2]
    curve = runs[1].curve
    assert training.get_ydata().tolist() == curve["bits_per_byte"].tolist()
    assert training.get_xdata().tolist() == curve["tokens"].tolist()
    known = curve.dropna(subset="validation_bits_per_byte")
    assert len(known) < len(curve)
    assert validation.get_ydata().tolist() == known["validation_bits_per_byte"].tolist()
    assert seconds.lines[1].get_xdata().tolist() == known["seconds"].tolist()
    assert "not the test metric" in figure.get_suptitle()
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend[:2] == ["full", "lora r8"]
    assert any("training blocks" in text for text in legend)


def test_the_loss_is_drawn_in_nats(runs):
    figure = plots.loss_curves(runs[1:2], "loss")
    assert figure.axes[0].get_ylabel() == "cross-entropy, nats per token"
    assert figure.axes[0].lines[0].get_ydata().tolist() == runs[1].curve["loss"].tolist()


def test_two_ranks_can_be_told_apart_without_colour(runs):
    lines = plots.loss_curves([runs[2], runs[2]], "loss").axes[0].lines
    assert lines[1].get_linestyle() != lines[3].get_linestyle()


def test_parameters_by_module(runs):
    run = replace(runs[2], record=runs[2].record | {"parameters_by_module": MODULES})
    figure = plots.parameter_bars(run)
    drawn(figure)
    total, trainable = figure.axes
    assert [bar.get_width() for bar in total.patches] == [2200, 30_000_000]
    assert [bar.get_width() for bar in trainable.patches] == [200, 0]
    assert [tick.get_text() for tick in total.get_yticklabels()] == ["q_proj", "embed_tokens"]
    assert {"2.2k", "30.0M"} <= {text.get_text() for text in total.texts}
    assert {"0", "200"} <= {text.get_text() for text in trainable.texts}
    assert "30,002,200" in total.get_title()


@pytest.mark.parametrize(("gpu", "parts"), [(0.0, 5), (4e9, 4)])
def test_memory_is_stacked_in_gigabytes(gpu, parts):
    row = {"weights": 1e9, "gradients": 1e9, "moments": 2e9, "before": 3e9, "growth": 2.5e9, "gpu": gpu}
    figure = plots.memory_bars(pd.DataFrame([row], index=["full"]))
    drawn(figure)
    axes = figure.axes[0]
    assert len(axes.patches) == parts
    ends = [patch.get_x() + patch.get_width() for patch in axes.patches]
    assert ends[2] == pytest.approx(4)
    assert ends[-1] == pytest.approx(4 if gpu else 5.5)
    assert "measured" in figure.legends[0].get_texts()[-1].get_text()


@given(st.integers(0, 500), st.integers(1, 900), st.integers(8, 200))
def test_pieces_of_a_document_fill_its_stretch_of_the_blocks(position, length, block):
    pieces = plots._pieces(position, length, block)
    assert sum(width for _, _, width in pieces) == length
    covered = [row * block + start + i for row, start, width in pieces for i in range(width)]
    assert covered == list(range(position, position + length))
    assert all(start + width <= block for _, start, width in pieces)


def test_packing_marks_where_documents_begin():
    figure = plots.packing_picture([40, 30, 100, 5], TrainingSpec(block_length=32, tokens=100))
    drawn(figure)
    begins = [(line.get_xdata()[0], np.mean(line.get_ydata())) for line in figure.axes[0].lines]
    assert begins == [(0, 0), (8, 1), (6, 2), (10, 5)][: len(begins)]
    assert len(begins) >= 3


def test_ranks_leave_out_zero_shot_and_keep_the_intervals(tmp_path):
    live = made_report(tmp_path)
    table = report.results_table(live)
    figure = plots.rank_comparison(table, live.confidence)
    drawn(figure)
    left, right = figure.axes
    assert [tick.get_text() for tick in left.get_yticklabels()] == ["qlora r8", "lora r8", "full"]
    assert "95% interval" in left.get_xlabel()
    bar = left.containers[-1].lines[2][0].get_segments()[0]
    assert bar[:, 0].tolist() == pytest.approx(table.loc["full", ["bits_per_byte_low", "bits_per_byte_high"]].tolist())
    assert "100,000" in {text.get_text() for text in right.texts}


def test_spectra_show_the_median_over_modules():
    figure = plots.spectrum_lines({"lora r2": SPECTRUM, "other": SPECTRUM})
    drawn(figure)
    assert figure.axes[0].lines[0].get_ydata().tolist() == [2.5, 1.75]
    assert figure.axes[0].get_yscale() == "log"


def test_energy_rises_to_one():
    figure = plots.energy_curves(SPECTRUM[SPECTRUM["layer"] == 0], [1])
    drawn(figure)
    curve, rank = figure.axes[0].lines
    assert curve.get_ydata().tolist() == [16 / 25, 1]
    assert rank.get_xdata()[0] == 1
    assert "r = 1" in words(figure)


def test_the_map_of_updates_is_by_layer_and_module():
    figure = plots.update_heatmap(SPECTRUM, "Updates")
    drawn(figure)
    shown = figure.axes[0].images[0].get_array()
    np.testing.assert_allclose(shown, [[5, np.sqrt(1.25)]])


def test_nf4_levels_stand_over_the_weights():
    values = np.random.default_rng(0).uniform(-1, 1, 640)
    figure = plots.nf4_histogram(NormalisedWeights("layers.3.q_proj", values))
    drawn(figure)
    assert [line.get_xdata()[0] for line in figure.axes[0].lines] == nf4_levels().tolist()
    assert "layers.3.q_proj" in figure.axes[0].get_title()


def test_error_by_layer_has_a_line_a_module_and_the_reference():
    errors = pd.DataFrame(
        {"layer": [0, 1, 0, 1], "module": ["a", "a", "b", "b"], "relative_error": [0.1, 0.2, 0.11, 0.12]}
    )
    figure = plots.error_by_layer(errors, 0.09)
    drawn(figure)
    lines = figure.axes[0].lines
    assert [line.get_label() for line in lines] == ["a", "b", "normal weights"]
    assert lines[0].get_ydata().tolist() == [0.1, 0.2]
    assert lines[2].get_ydata()[0] == 0.09


def test_changes_of_gradients_by_layer():
    changes = pd.DataFrame({"layer": [0, 0, 0, 1], "protected": 0.0, "unprotected": [0.9, 1.0, 1.1, 0.5]})
    figure = plots.gradient_changes(changes)
    drawn(figure)
    unprotected, protected = figure.axes[0].lines
    assert unprotected.get_ydata().tolist() == [1.0, 0.5]
    assert protected.get_ydata().tolist() == [0, 0]
