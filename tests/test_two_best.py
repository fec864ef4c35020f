import json

import numpy as np
import pandas as pd
import pytest

from bashkir_utils import corpus as corpora
from bashkir_utils import two_best
from bashkir_utils.errors import gains, places, scored_text
from bashkir_utils.errors_record import place_kinds
from bashkir_utils.evaluation import score_documents
from bashkir_utils.exceptions import RunError
from bashkir_utils.language import chosen_prompts
from bashkir_utils.runs import evaluate, load_run, obtain
from bashkir_utils.study import GenerationSpec, Study
from bashkir_utils.two_best import GAINS_FILE, PASSAGE_FILE, beginnings, load_two_best, write_two_best


@pytest.fixture(scope="module")
def scene(shared_workspace):
    """Two tiny runs on generated text, their comparison, and what it was made from."""
    study = Study.model_validate(
        {
            "name": "tiny",
            "description": "random weights, for a test",
            "corpus": {"embedded_documents": 60},
            "models": [{"name": "tiny", "source": "random:llama"}],
            "methods": [{"name": "full", "kind": "full", "learning_rate": 1e-2}],
            "seeds": [1],
            "training": {"block_length": 32, "batch_size": 2, "tokens": 640, "validation_blocks": 1},
            "evaluation": {"max_bytes": 8000, "window": 64, "overlap": 8, "bootstrap_samples": 20},
        }
    )
    corpus = corpora.prepare(study.corpus, shared_workspace)
    runs = [obtain(cell, corpus, shared_workspace) for cell in study.cells(corpus.fingerprint)]
    ways = places.best_of_each(
        ((run.spec.method.name, evaluate(run, corpus, study.evaluation, shared_workspace)) for run in runs), 8
    )
    text = scored_text.read_documents(next(iter(ways.values())).documents, corpus.split("test"))
    scores = places.score_places(ways, text, place_kinds(text, corpus))
    found = two_best.compare_two_best(ways, text, scores, study, shared_workspace, language="ba", confidence=0.95)
    return study, ways, text, scores, found, shared_workspace


def test_the_way_with_the_least_loss_comes_first_and_the_tables_are_those_of_gains(scene):
    _, ways, text, scores, found, _ = scene
    assert (found.first, found.second) == ("full", "zero_shot") == tuple(ways)
    pd.testing.assert_frame_equal(found.places, gains.place_gains(scores, "full", "zero_shot", confidence=0.95))
    pair = [(name, ways[name]) for name in ways]
    pd.testing.assert_frame_equal(found.words, gains.word_gains(*pair, text, confidence=0.95))
    assert len(found.words) > 0


def test_the_bits_along_the_passage_sum_to_its_loss_under_each_model(scene):
    study, ways, _, _, found, workspace = scene
    assert found.passage.text == beginnings(study.generation)
    for name, bits in found.passage.bits:
        model, tokenizer = load_run(ways[name].run_id, workspace).load(workspace)
        whole = score_documents(model, tokenizer, [found.passage.text], study.evaluation).documents["nll"].iloc[0]
        assert sum(bits) == pytest.approx(whole / np.log(2), abs=1e-2)
        assert len(bits) == len(found.passage.read.units)


def test_the_passage_is_of_the_books_own_beginnings_and_of_none_that_ends_inside_a_word():
    spec = GenerationSpec()
    prompts = {prompt.text: prompt.kind for prompt in chosen_prompts(spec.model_copy(update={"prompts": 60}))}
    lines = beginnings(spec.model_copy(update={"prompts": 60})).split("\n")
    assert len(lines) == two_best.BEGINNINGS
    assert len({prompts[line] for line in lines}) >= 4
    for count in range(1, 61):
        few = beginnings(spec.model_copy(update={"prompts": count})).split("\n")
        assert "cut word" not in {prompts[line] for line in few}, count
    assert len(beginnings(spec.model_copy(update={"prompts": 2})).split("\n")) <= 2


def test_the_books_own_prompts_are_bashkir_whatever_the_text_is(scene, tmp_path):
    study, ways, text, scores, _, workspace = scene
    own = tmp_path / "prompts.tsv"
    own.write_text("news\tThe snow fell\tThe snow fell\n")
    generation = study.generation.model_copy(update={"prompts_file": str(own)})
    for changed, language, of_passage in (
        (study, "en", "ba"),
        (study, None, "ba"),
        (study.model_copy(update={"generation": generation}), "en", "en"),
        (study.model_copy(update={"generation": generation}), None, None),
    ):
        found = two_best.compare_two_best(ways, text, scores, changed, workspace, language=language, confidence=0.95)
        assert (found.language, found.passage.language) == (language, of_passage)
        write_two_best(found, tmp_path)
        again = load_two_best(tmp_path)
        assert (again.language, again.passage.language) == (language, of_passage)


def test_prompts_that_all_end_inside_a_word_are_taken_as_they_are(tmp_path):
    own = tmp_path / "prompts.tsv"
    own.write_text("cut word\tҡар я\tsnow f\ncut word\tбала\tchi\n")
    assert beginnings(GenerationSpec(prompts_file=str(own))) == "ҡар я\nбала"


def test_what_is_written_is_read_back_and_an_older_one_is_taken_away(scene, tmp_path):
    found = scene[4]
    assert load_two_best(tmp_path) is None
    write_two_best(found, tmp_path)
    again = load_two_best(tmp_path)
    assert (again.first, again.second, again.passage) == (found.first, found.second, found.passage)
    pd.testing.assert_frame_equal(again.places, found.places, check_dtype=False)
    pd.testing.assert_frame_equal(again.words, found.words, check_dtype=False)
    assert two_best.word_table(again.words, "full", "zero_shot").columns.tolist()[2:4] == [
        "bits, full",
        "bits, zero_shot",
    ]
    write_two_best(None, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_study_without_frequent_words_is_recorded_too(scene, tmp_path):
    found = scene[4]
    few = two_best.TwoBest(found.first, found.second, found.places, found.words.head(0), found.passage)
    write_two_best(few, tmp_path)
    again = load_two_best(tmp_path)
    assert again.words.empty
    assert len(again.places) == len(found.places)
    assert two_best.word_table(again.words, "full", "zero_shot").empty


@pytest.mark.parametrize("spoilt", ["table", "column", "name", "words", "group", "count", "bits", "missing"])
def test_a_damaged_record_is_one_line(scene, tmp_path, spoilt):
    write_two_best(scene[4], tmp_path)
    table, passage = tmp_path / GAINS_FILE, tmp_path / PASSAGE_FILE
    if spoilt == "table":
        table.write_bytes(b"no parquet")
    elif spoilt == "column":
        pd.read_parquet(table).drop(columns="gains").to_parquet(table)
    elif spoilt == "name":
        pd.read_parquet(table).assign(first="another").to_parquet(table)
    elif spoilt == "words":
        pd.read_parquet(table).query("kind == 'word'").to_parquet(table)
    elif spoilt == "group":
        pd.read_parquet(table).assign(group=None).to_parquet(table)
    elif spoilt == "count":
        pd.read_parquet(table).assign(count="many").to_parquet(table)
    elif spoilt == "bits":
        content = json.loads(passage.read_text())
        passage.write_text(json.dumps(content | {"text": content["text"] + " тағы"}))
    else:
        passage.unlink()
    with pytest.raises(RunError, match="is damaged: record it again") as caught:
        load_two_best(tmp_path)
    assert "\n" not in str(caught.value)


def test_the_passage_is_drawn_whole_and_escaped():
    hostile = two_best.Passage(
        text="<script>x</script> һүҙ",
        language='b"a',
        bits=((" <b>", (9.0,) * 8), ("b", (1.0,) * 8)),
    )
    for html in (hostile.loss_html(), hostile.difference_html()):
        assert "<script" not in html
        assert "<b>" not in html
        assert "һүҙ" in html
        assert 'lang="b"a"' not in html
