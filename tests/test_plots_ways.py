import pytest
from made_results import made_report

from bashkir_utils.comparisons import arms
from bashkir_utils.plots.ways import ways


def test_every_way_has_a_point_its_value_and_its_range(tmp_path):
    report = made_report(tmp_path)
    (axes,) = ways(report).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["zero shot", "full", "lora r8", "qlora r8"]
    bits = [row.bits_per_byte for row in report.rows]
    assert [text.get_text() for text in axes.texts] == [f"{each.value:.3f}" for each in bits]
    ranges, points = axes.lines[0::2], axes.lines[1::2]
    assert [tuple(line.get_xdata()) for line in ranges] == [(each.low, each.high) for each in bits]
    assert [float(line.get_xdata()[0]) for line in points] == pytest.approx([each.value for each in bits])
    assert axes.get_xlabel() == "bits per byte on the test documents\n(95% interval over documents)"


def test_several_seeds_are_a_range_over_seeds(tmp_path):
    report = made_report(tmp_path, seeds=[1, 2])
    (axes,) = ways(report).axes
    full = [row.bits_per_byte.value for row in report.rows if row.kind == "full"]
    assert tuple(axes.lines[2].get_xdata()) == (min(full), max(full))
    assert axes.get_xlabel().endswith("(range over seeds; of one run, 95% interval over documents)")
    assert next(arm for arm in arms(report) if arm.kind == "full").range == (min(full), max(full))
