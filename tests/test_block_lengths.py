import io
import math
from dataclasses import replace

import made_results
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t as student
from scipy.stats import ttest_1samp

from bashkir_utils import block_lengths, runs
from bashkir_utils.evaluation import score_documents
from bashkir_utils.exceptions import RunError
from bashkir_utils.models import byte_tokenizer, load_model
from bashkir_utils.plots import block_lengths as plots
from bashkir_utils.report import collect
from bashkir_utils.rereading import COLUMNS, About, Lengths
from bashkir_utils.study import ZERO_SHOT, EvaluationSpec, ModelSpec, RunSpec

from conftest import TextCorpus

SHORT_COSTS = {"full": 0.05, "lora_r8": 0.0, "qlora_r8": -0.04}
"""Nats per byte that the made short study needs more than the long one."""


def shifted(evaluation, run, nats_per_byte):
    """The evaluation with another loss, the same share of it in every document, and noise of the run's own."""
    noise = np.random.default_rng(len(run.run_id) + run.spec.seed).normal(0, 0.002, len(evaluation.documents))
    table = evaluation.documents
    return replace(evaluation, documents=table.assign(nll=table["nll"] + (nats_per_byte + noise) * table["bytes"]))


def study(tmp_path, block_length, costs, **changes):
    batch = 1024 // block_length
    training = {"tokens": 1000, "block_length": block_length, "batch_size": batch} | changes.pop("training", {})
    asked, corpus, made, scores = made_results.made(
        tmp_path, training=training, name=f"blocks-{block_length}", **changes
    )
    scores = [shifted(each, run, costs.get(run.spec.method.name, 0)) for each, run in zip(scores, made, strict=True)]
    return collect(asked, corpus, made, scores)


@pytest.fixture
def pair(tmp_path):
    return study(tmp_path, 128, SHORT_COSTS), study(tmp_path, 1024, {})


# --------------------------------------------------------------------------------------------------------- the interval


def test_documents_of_one_size_give_the_paired_t_interval():
    rng = np.random.default_rng(1)
    short, long, sizes = rng.normal(100, 20, (1, 12)), rng.normal(90, 20, (1, 12)), np.full(12, 50.0)
    found = block_lengths.cost(short, long, sizes, 0.1)
    theirs = ttest_1samp((short - long)[0] / math.log(2) / 50, 0).confidence_interval(0.9)
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high))


def test_seeds_that_differ_alike_on_every_document_give_the_t_interval_of_seeds():
    sizes = np.array([10.0, 30, 60])
    by_seed = np.array([0.1, 0.3, 0.2])
    found = block_lengths.cost(by_seed[:, None] * sizes * math.log(2), np.zeros((3, 3)), sizes, 0.05)
    theirs = ttest_1samp(by_seed, 0).confidence_interval(0.95)
    assert found.value == pytest.approx(0.2)
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high))


@pytest.mark.parametrize("documents", [3, 4, 7])
def test_documents_and_seeds_are_two_parts_of_welchs_degrees_also_where_there_are_as_many(documents):
    rng = np.random.default_rng(documents)
    sizes, long = np.full(documents, 100.0), rng.normal(100, 1, (3, documents))
    short = long + rng.normal(2, 0.5, (3, documents)) + rng.normal(0, 0.5, (3, 1))
    found = block_lengths.cost(short, long, sizes, 0.05)
    bits = (short - long) / math.log(2) / 100
    parts = [(bits.mean(axis=0).var(ddof=1) / documents, documents - 1), (bits.mean(axis=1).var(ddof=1) / 3, 2)]
    total = sum(part for part, _ in parts)
    freedom = total**2 / sum(part**2 / degrees for part, degrees in parts)
    half = student.ppf(0.975, freedom) * math.sqrt(total)
    assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half))


def test_long_documents_count_by_their_length():
    found = block_lengths.cost(np.array([[math.log(2) * 30, 0.0]]), np.zeros((1, 2)), np.array([10.0, 90]), 0.05)
    assert found.value == pytest.approx(0.3)


def test_one_document_has_no_bound_and_none_that_moves_has_no_width():
    one = block_lengths.cost(np.ones((3, 1)), np.zeros((3, 1)), np.ones(1), 0.05)
    assert (one.low, one.high) == (-math.inf, math.inf)
    same = block_lengths.cost(np.ones((2, 4)), np.ones((2, 4)), np.ones(4), 0.05)
    assert (same.value, same.low, same.high) == (0, 0, 0)


def test_three_seeds_miss_no_more_often_than_they_say():
    """Simulated with no cost and seeds that differ more than documents, where drawing three seeds anew errs at 16%."""
    rng = np.random.default_rng(5)
    missed = 0
    for _ in range(600):
        bits = rng.normal(0, 0.05, (3, 1)) + rng.normal(0, 0.02, 40)
        found = block_lengths.cost(bits * 100, np.zeros((3, 40)), np.full(40, 100.0), 0.05)
        missed += found.low > 0 or found.high < 0
    assert 0.02 < missed / 600 < 0.08


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 4), st.integers(2, 9), st.integers(0, 1000))
def test_turning_the_two_around_turns_the_interval(seeds, documents, seed):
    rng = np.random.default_rng(seed)
    short, long, sizes = rng.random((seeds, documents)), rng.random((seeds, documents)), rng.uniform(1, 9, documents)
    there, back = (block_lengths.cost(*each, sizes, 0.05) for each in ((short, long), (long, short)))
    assert (there.value, there.low, there.high) == pytest.approx((-back.value, -back.high, -back.low))
    assert there.low <= there.value <= there.high


# ------------------------------------------------------------------------------------------------- two studies, paired


def test_ways_that_differ_in_more_than_the_blocks_are_not_paired_and_named(tmp_path, pair):
    full, lora, qlora = (dict(method) for method in made_results.METHODS)
    other = [full | {"learning_rate": 3e-2}, lora | {"rank": 64, "lora_alpha": 8}, qlora]
    long = study(tmp_path / "other", 1024, {}, methods=other)
    assert block_lengths.beside(pair[0], long)["method"].tolist() == ["zero_shot", "qlora_r8"]
    found = block_lengths.beside_findings(pair[0], long).replace("\\", "")
    assert "Not paired, since more than the blocks differs" in found
    assert "tiny full (learning rate 0.0001 and 0.03)" in found
    assert "tiny lora_r8 (rank 8 and 64, lora_alpha 16 and 8)" in found
    assert block_lengths.recorded_pairs([pair[0], long]) == [(pair[0], long)], "one way is alike"
    none = study(tmp_path / "none", 1024, {}, methods=[*other[:2], qlora | {"learning_rate": 1.0}])
    assert not block_lengths.recorded_pairs([pair[0], none])
    assert "Not paired" not in block_lengths.beside_findings(*pair)


def test_a_study_with_some_of_the_ways_of_another_is_shown_in_pairs_alone(tmp_path, pair):
    short, long = pair
    rows = tuple(row for row in short.rows if row.kind in {"zero_shot", "full"})
    part = replace(short, record=short.record.model_copy(update={"rows": rows}))
    assert block_lengths.without_excerpts([long, part]) == (long,)
    assert block_lengths.without_excerpts([short, long]) == (short, long), "neither is a part of the other"
    alone = [made_results.made_report(tmp_path / "alone"), part]
    assert block_lengths.without_excerpts(alone) == tuple(alone), "with no pair nothing is left out"


def test_that_an_old_record_does_not_know_its_learning_rates_is_said(pair):
    assert "learning rates" not in block_lengths.beside_findings(*pair)
    rows = tuple(row.model_copy(update={"learning_rate": None}) for row in pair[1].rows)
    old = replace(pair[1], record=pair[1].record.model_copy(update={"rows": rows}))
    assert len(block_lengths.beside(pair[0], old)) == 4
    assert "does not know its learning rates" in block_lengths.beside_findings(pair[0], old)


def test_runs_are_paired_by_model_method_and_seed(pair):
    table = block_lengths.beside(*pair)
    assert list(table.index) == ["zero shot", "full", "lora r8", "qlora r8"]
    for method, nats in SHORT_COSTS.items():
        row = table[table["method"] == method].iloc[0]
        assert row["difference"] == pytest.approx(nats / math.log(2), abs=0.003)
        assert row["difference"] == pytest.approx(row["short"] - row["long"])
    assert table["excludes_zero"].tolist() == [False, True, False, True]
    assert (table["documents"] == 30).all()
    assert (table["seeds"] == 1).all()


def test_each_row_has_its_share_of_the_error(pair):
    short, long = pair
    table = block_lengths.beside(short, long)
    losses = [short.documents, long.documents]
    ids = [next(row.run_id for row in each.rows if row.method == "full") for each in pair]
    scores = [table[table["run_id"] == each].set_index("id") for table, each in zip(losses, ids, strict=True)]
    first, second = (each["nll"].to_numpy()[None] for each in scores)
    alone = block_lengths.cost(first, second, scores[0]["bytes"].to_numpy(float), 0.05 / 4)
    assert table.loc["full", ["low", "high"]].tolist() == pytest.approx([alone.low, alone.high])


def test_only_documents_and_seeds_in_common_are_compared(tmp_path):
    short = study(tmp_path, 128, SHORT_COSTS, seeds=[1, 2, 3])
    long = study(tmp_path, 1024, {}, seeds=[2, 3, 4])
    kept = sorted(long.documents["id"].unique())[:20]
    fewer = replace(long, documents=long.documents[long.documents["id"].isin(kept)])
    table = block_lengths.beside(short, fewer)
    assert table.loc["full", ["seeds", "documents"]].tolist() == [2, 20]
    none = replace(long, documents=long.documents.assign(id="x" + long.documents["id"]))
    with pytest.raises(RunError, match="scored no document in common"):
        block_lengths.beside(short, none)


def test_a_run_that_diverged_is_in_no_pair(tmp_path):
    short, long = study(tmp_path, 128, {"full": 5.0}), study(tmp_path, 1024, {})
    worse = next(row for row in short.rows if row.method == "full")
    bad = worse.model_copy(update={"bits_per_byte": replace(worse.bits_per_byte, value=99.0)})
    rows = tuple(bad if row is worse else row for row in short.rows)
    report = replace(short, record=short.record.model_copy(update={"rows": rows}))
    assert "full" not in block_lengths.beside(report, long).index
    assert "Without a pair: tiny full" in block_lengths.beside_findings(report, long)


def test_studies_that_cannot_be_paired_say_so(pair, tmp_path):
    short, long = pair
    with pytest.raises(RunError, match="blocks-1024 does not have shorter blocks than blocks-128"):
        block_lengths.beside(long, short)
    elsewhere = study(tmp_path, 1024, {}, models=[{"name": "other", "source": "random:gpt2"}])
    with pytest.raises(RunError, match="no model, method and seed in common"):
        block_lengths.beside(short, elsewhere)


def test_findings_name_what_costs_and_what_cannot_be_claimed(pair):
    lines = block_lengths.beside_findings(*pair).splitlines()
    assert lines[0].startswith("- The short blocks cost: full +0.07")
    assert lines[1].startswith("- The short blocks were the better ones: qlora r8 -0.05")
    assert "(the interval includes 0): lora r8" in lines[2]
    assert "Both were scored in windows of 256 tokens: what differs is the training alone." in lines[3]
    assert "With one seed in common" in lines[4]
    page = block_lengths.beside_html(*pair)
    assert "blocks of 1,024" in page
    assert "nan" not in page


def test_other_windows_are_said_and_the_zero_shot_row_shows_what_they_do(pair, tmp_path):
    wide = study(tmp_path, 1024, {"zero_shot": -0.03}, evaluation={"bootstrap_samples": 200, "window": 1024})
    text = block_lengths.beside_findings(pair[0], wide)
    assert "in windows of 256 tokens and the second of 1,024, so the differences hold what context is worth" in text
    assert "What the windows do without any training: zero shot +0.04" in text


def test_recorded_studies_are_paired_where_only_the_blocks_differ(pair, tmp_path):
    short, long = pair
    other_budget = study(tmp_path, 512, {}, training={"tokens": 2000})
    other_step = study(tmp_path, 256, {}, training={"batch_size": 1})
    found = block_lengths.recorded_pairs([long, other_budget, short, other_step])
    assert [(one.record.study, other.record.study) for one, other in found] == [("blocks-128", "blocks-1024")]
    text = long.record.corpus.model_copy(update={"fingerprint": "another"})
    elsewhere = replace(long, record=long.record.model_copy(update={"corpus": text}))
    assert block_lengths.recorded_pairs([short, elsewhere]) == []
    training = {key: value for key, value in short.record.settings["training"].items() if value is not None}
    del training["embeddings_first"]
    before = replace(
        short, record=short.record.model_copy(update={"settings": short.record.settings | {"training": training}})
    )
    assert len(block_lengths.recorded_pairs([before, long])) == 1


# ----------------------------------------------------------------------------------------------- what is seen of a text


def test_what_is_seen_of_documents_that_are_cut_by_hand():
    rows = [(0, "news", 9000, "a", 200, 128, 1), (1, "news", 9000, "a", 2000, 128, 1), (2, "news", 9, "a", 100, 100, 1)]
    about = About(label="<b>texts</b>", fingerprint="c0ffee", generated=False, date="2026-01-01", tokenizers={"a": "a"})
    lengths = Lengths(about, pd.DataFrame(rows, columns=list(COLUMNS)))
    table = block_lengths.seen_table(lengths)
    assert table.loc[("a", 128), "of_document"] == pytest.approx((128 / 200 + 128 / 2000 + 1) / 3)
    assert table.loc[("a", 128), "of_text"] == pytest.approx((128 + 128 + 100) / 2300)
    assert table.loc[("a", 1024), "of_text"] == pytest.approx((200 + 1024 + 100) / 2300)
    page = block_lengths.seen_html(lengths)
    assert "of an average document, cut at 128" in page
    assert "<b>" not in page


# ------------------------------------------------------------------------------------------ what context is worth, live


@pytest.fixture(scope="module")
def scored(shared_workspace, texts):
    corpus = TextCorpus((), (), tuple(texts[:8]))
    spec = ModelSpec(name="tiny", source="random:llama")
    bare = RunSpec(model=spec, method=ZERO_SHOT, seed=0, training=None, corpus=corpus.fingerprint)
    run = runs.obtain(bare, corpus, shared_workspace)
    return corpus, block_lengths.context_worth(run, corpus, shared_workspace, lengths=(64, 400), documents=3)


def test_both_windows_score_the_same_tokens_and_differ_after_the_first(scored, shared_workspace):
    corpus, found = scored
    sizes = sorted((len(text.encode()) for text in corpus.test), reverse=True)
    assert found.documents["bytes"].tolist() == sizes[:3]
    assert found.lengths == (64, 400)
    first = found.tokens[found.tokens["place"] < 63]
    assert first["short"].to_numpy() == pytest.approx(first["long"].to_numpy(), rel=1e-4)
    assert not np.allclose(found.tokens["short"], found.tokens["long"], atol=1e-3)
    model = load_model(ModelSpec(name="tiny", source="random:llama"), shared_workspace)
    text = max(corpus.test, key=lambda each: len(each.encode()))
    alone = score_documents(model, byte_tokenizer(), [text], EvaluationSpec(window=64, overlap=1)).documents
    assert found.documents["short"][0] == pytest.approx(alone["nll"][0], rel=1e-5)


def test_a_window_is_no_longer_than_the_model_has_positions(scored, shared_workspace):
    corpus, _ = scored
    run = runs.list_runs(shared_workspace)[0]
    assert block_lengths.context_worth(run, corpus, shared_workspace, documents=1).lengths == (128, 512)
    with pytest.raises(RunError, match="has 512 positions, no more than the short window"):
        block_lengths.context_worth(run, corpus, shared_workspace, lengths=(512, 1024))


def test_documents_that_fit_the_long_window_come_first():
    texts = ["а" * 10, "а" * 40, "а" * 90]
    assert block_lengths._long_texts(texts, byte_tokenizer(), 100, 2) == [texts[1], texts[0]]
    assert block_lengths._long_texts(texts, byte_tokenizer(), 10, 1) == [texts[2]]


def made_worth():
    """Two documents of 6 and 3 tokens; a token past its third costs 1 nat more in the short window."""
    tokens = pd.DataFrame({"document": [0] * 6 + [1] * 3, "place": [*range(6), *range(3)], "long": 1.0})
    tokens["short"] = tokens["long"] + (tokens["place"] >= 3)
    sums = tokens.groupby("document")[["short", "long"]].sum()
    return block_lengths.ContextWorth("tiny_run", (3, 9), tokens, sums.assign(bytes=[12, 6]))


def test_cost_of_a_short_window_by_hand():
    found = block_lengths.worth(made_worth())
    assert found.value == pytest.approx(3 / math.log(2) / 18)
    table = block_lengths.worth_by_place(made_worth())
    assert table.index.tolist() == [0, 3]
    assert table["difference"].tolist() == pytest.approx([0, 1 / math.log(2)])
    assert table["documents"].tolist() == [2, 1]
    assert table.loc[3, "low"] == -math.inf
    sentence = block_lengths.worth_sentence(made_worth())
    assert "tiny\\_run on 2 long test documents" in sentence
    assert "the interval includes 0" in sentence


def test_the_figure_draws_every_stretch_and_only_bounded_intervals():
    figure = plots.worth_by_place(block_lengths.worth_by_place(made_worth()), "Worth")
    figure.savefig(io.BytesIO())
    (axes,) = figure.axes
    assert axes.lines[1].get_xdata().tolist() == [0, 3]
    assert len(axes.collections[0].get_segments()) == 1
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0\n(2)", "3\n(1)"]
