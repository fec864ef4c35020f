"""The record of what batches buy: what is asked of the model, what is kept, what a page shows. No time is tested."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from bs4 import BeautifulSoup

from bashkir_utils import throughput as speed
from bashkir_utils.exceptions import RunError
from bashkir_utils.provenance import versions
from bashkir_utils.study import ModelSpec
from bashkir_utils.workspace import read_json, recorded_folder

TINY = ModelSpec(name="tiny", source="random:llama", label="random <b>weights</b>")
ROUNDS = [[10.0, 30.0], [40.0, 60.0], [20.0, 50.0]]


@pytest.fixture(scope="module")
def measured(shared_workspace):
    return speed.measure(TINY, shared_workspace, prompts=3, new_tokens=2, batch_sizes=(1, 3), rounds=2, remark="a test")


def made(measured):
    rounds = tuple(map(tuple, ROUNDS))
    return measured.model_copy(update={"tokens_per_second": rounds, "ratio_of_medians": (1.0, 2.5)})


def test_the_record_says_what_was_measured_where_and_when(measured):
    assert (measured.model, measured.source, measured.dtype, measured.prompts) == ("tiny", "random:llama", "float32", 3)
    assert measured.threads >= 1
    assert {"date", "commit", "machine", "versions"} <= set(measured.provenance.model_dump())
    assert {"processor", "cores", "memory_bytes"} <= set(measured.provenance.machine.model_dump())
    assert measured.rounds.shape == (2, 2)
    assert (measured.rounds > 0).all(axis=None)
    medians = measured.rounds.median()
    assert measured.ratio_of_medians == pytest.approx((1, medians[3] / medians[1]))


def test_ratio_is_that_of_the_medians_of_all_rounds():
    table = speed.speed_table(pd.DataFrame(ROUNDS, columns=[1, 3]))
    assert table["tokens_per_second"].tolist() == [20, 50]
    assert table["speedup"].tolist() == [1, 2.5]


def test_what_is_written_is_read_back(measured, tmp_path):
    assert speed.load_throughput(tmp_path) is None
    path = speed.write_throughput(measured, tmp_path)
    assert path == tmp_path / "generation" / "throughput.json"
    assert speed.load_throughput(tmp_path) == measured
    assert read_json(path)["provenance"]["versions"] == versions()


DAMAGE = {
    "nothing that is asked for": lambda content: {"model": 1},
    "no object": lambda content: [content],
    "no provenance": lambda content: content | {"provenance": {}},
    "no machine": lambda content: content | {"provenance": content["provenance"] | {"machine": {}}},
    "no date": lambda content: content | {"provenance": content["provenance"] | {"date": "yesterday"}},
    "a row too short": lambda content: content | {"tokens_per_second": [[1.0, 2.0], [1.0]]},
    "a row too long": lambda content: content | {"tokens_per_second": [[1.0, 2.0, 3.0], [1.0, 2.0]]},
    "all rows too short": lambda content: content | {"tokens_per_second": [[1.0], [1.0]]},
    "a ratio too few": lambda content: content | {"ratio_of_medians": [1.0]},
    "a size twice": lambda content: content | {"batch_sizes": [3, 3]},
    "no speed": lambda content: content | {"tokens_per_second": [[0.0, 2.0], [1.0, 2.0]]},
    "speed that is no number": lambda content: content | {"tokens_per_second": [[float("nan"), 2.0], [1.0, 2.0]]},
}


@pytest.mark.parametrize("case", DAMAGE)
def test_damage_is_one_line(measured, tmp_path, case):
    path = speed.write_throughput(measured, tmp_path)
    path.write_text(json.dumps(DAMAGE[case](read_json(path))))
    with pytest.raises(RunError, match="damaged: record it again") as caught:
        speed.load_throughput(tmp_path)
    assert "\n" not in str(caught.value)


def test_the_record_of_the_book_is_read():
    found = speed.load_throughput(recorded_folder())
    assert found is not None
    assert "tokens a second" in speed.throughput_html(found)


def test_a_page_shows_medians_and_the_spread_of_rounds(measured):
    page = BeautifulSoup(speed.throughput_html(made(measured)), "html.parser")
    cells = [[cell.text for cell in row.find_all(["th", "td"])] for row in page.find_all("tr")]
    assert cells[0] == ["batch size", "tokens a second (median)", "slowest round", "fastest round", "speedup"]
    assert cells[1:] == [["1", "20", "10", "40", "1"], ["3", "50", "30", "60", "2.5"]]
    caption = page.find("caption").text
    for said in ("tiny (random:llama)", "3 prompts, 2 tokens each", "3 rounds", "a test", "random <b>weights</b>"):
        assert said in caption
    assert page.find("b") is None
    assert speed.throughput_html(None) == "<p>No measurement is recorded.</p>"
