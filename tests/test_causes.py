import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from bashkir_utils import causes, runs
from bashkir_utils.evaluation import score_documents
from bashkir_utils.exceptions import DivergenceError, ProfileError, RunError, TokenizerError
from bashkir_utils.models import byte_tokenizer, load_model
from bashkir_utils.packing import encode
from bashkir_utils.study import ModelSpec, load_study
from bashkir_utils.tokenization import check_round_trip, from_transformers
from bashkir_utils.workspace import Workspace

from conftest import TextCorpus

BY_NAME = {cause.name: cause for cause in causes.CAUSES}
TEXT = "Иртәгә 3 кеше kitap уҡый, ҡар яуа."
"""Tomorrow three people read a book, it snows; the word for book in Latin letters."""


@pytest.fixture(scope="module")
def bench(tmp_path_factory, texts) -> causes.Bench:
    corpus = TextCorpus(tuple(texts[:40]), tuple(texts[40:50]), tuple(texts[50:53]))
    made = causes.bench(load_study("smoke"), corpus, Workspace(tmp_path_factory.mktemp("causes")))
    training = made.spec.training.model_copy(update={"tokens": 1024, "block_length": 32})
    return replace(made, spec=made.spec.model_copy(update={"training": training}))


@pytest.fixture(scope="module")
def measured(bench) -> pd.DataFrame:
    return causes.table(bench)


def healthy(bench):
    return causes._of_run(causes.healthy_run(bench), bench)


def test_the_bench_is_a_lora_run_with_a_small_budget():
    study = load_study("study")
    made = causes.bench(study, TextCorpus((), (), ()), Workspace.find())
    assert made.spec.method.kind == "lora"
    assert made.spec.training.tokens == causes.MAX_TOKENS
    assert made.spec.seed == study.seeds[0]
    assert made.evaluation.max_bytes == causes.MAX_TEST_BYTES
    epochs = study.model_copy(update={"training": study.training.model_copy(update={"tokens": None, "epochs": 3})})
    assert causes.bench(epochs, TextCorpus((), (), ()), Workspace.find()).spec.training.epochs is None
    timed = study.model_copy(
        update={"training": study.training.model_copy(update={"minutes": 4.0, "embeddings_first": 0.1})}
    )
    assert causes.bench(timed, TextCorpus((), (), ()), Workspace.find()).spec == made.spec
    only_full = study.model_copy(update={"methods": study.methods[:1]})
    with pytest.raises(ProfileError, match="kind lora"):
        causes.bench(only_full, TextCorpus((), (), ()), Workspace.find())


def test_every_cause_is_measured_beside_the_healthy_run(bench, measured):
    assert list(measured.index) == list(BY_NAME)
    whole = healthy(bench)
    assert (measured["healthy_token_perplexity"] == whole.token_perplexity).all()
    ratios = measured["token_perplexity"] / whole.token_perplexity
    pd.testing.assert_series_equal(measured["perplexity_ratio"], ratios, check_names=False)
    assert measured["what"].is_unique
    assert measured["sign"].str.len().gt(0).all()


def test_what_was_measured_is_loaded(bench, measured, monkeypatch):
    monkeypatch.setattr(runs, "train", lambda *_: pytest.fail("trained again"))

    def fail(_):
        pytest.fail("measured again")

    for cause in causes.CAUSES:
        again = causes.measure(replace(cause, report=fail), bench)
        assert again.token_perplexity == pytest.approx(measured["token_perplexity"][cause.name], nan_ok=True)
    settings = bench.evaluation.model_copy(update={"max_bytes": 10})
    with pytest.raises(pytest.fail.Exception, match="measured again"):
        causes.measure(replace(causes.CAUSES[0], report=fail), replace(bench, evaluation=settings))


def test_how_many_faults_a_profile_can_have_is_counted():
    sentence = causes.settings_sentence()
    ordinary = [cause for cause in causes.CAUSES if f"(`{cause.setting}`)" in sentence]
    assert sentence.startswith(f"**{len(ordinary)} of the {len(causes.CAUSES)}** faults")
    assert {cause.setting for cause in ordinary} <= set(causes.MethodSpec.model_fields)
    by_training = {causes.with_learning_rate, causes.with_target_modules}
    assert ordinary == [cause for cause in causes.CAUSES if getattr(cause.report, "func", None) in by_training]


def test_an_adapter_that_is_not_loaded_gives_the_zero_shot_figure(bench, measured):
    model = load_model(bench.spec.model, bench.workspace)
    documents = score_documents(model, byte_tokenizer(), bench.texts, bench.evaluation).documents
    expected = math.exp(documents["nll"].sum() / documents["tokens"].sum())
    assert measured["token_perplexity"]["adapter not loaded"] == pytest.approx(expected)
    assert measured["perplexity_ratio"]["adapter not loaded"] > 1.1


def test_the_mean_over_seeds_is_of_perplexities(measured, bench):
    good, bad = healthy(bench), measured.loc["learning rate × 30"]
    row = measured.loc["one diverged seed in a mean"]
    assert row["token_perplexity"] == pytest.approx((2 * good.token_perplexity + bad["token_perplexity"]) / 3)
    assert row["bits_per_byte"] == pytest.approx((2 * good.bits_per_byte + bad["bits_per_byte"]) / 3)


def test_a_dropping_tokenizer_loses_letters_beyond_ascii_only_and_is_refused():
    tokenizer = byte_tokenizer()
    lossy = causes.dropping_tokenizer(tokenizer)
    assert lossy.decode(encode(lossy, TEXT)) == " 3  kitap ,  ."
    assert tokenizer.decode(encode(tokenizer, TEXT)) == TEXT
    check_round_trip(from_transformers("sound", "sound", tokenizer), TEXT)
    with pytest.raises(TokenizerError, match="letters lost"):
        check_round_trip(from_transformers("lossy", "lossy", lossy), TEXT)


def test_dropped_letters_make_bits_per_byte_look_good(measured):
    for name in ("tokenizer drops Cyrillic, in scoring", "tokenizer drops Cyrillic, throughout"):
        assert measured["bits_ratio"][name] < 0.5


def test_padding_is_scored_as_so_many_more_tokens(bench, monkeypatch):
    seen = {}

    def remember(model, start, lines, spec):
        seen["lines"] = lines
        return [np.full(len(line), math.log(4)) for line in lines]

    monkeypatch.setattr(causes, "score_ids", remember)
    reported = BY_NAME["padding counted as text"].report(bench)
    sizes = [len(text.encode()) for text in bench.texts]
    assert {len(line) for line in seen["lines"]} == {2 ** math.ceil(math.log2(max(sizes)))}
    assert [len(line) - line.count(256) for line in seen["lines"]] == sizes
    assert reported.token_perplexity == pytest.approx(4)
    assert reported.bits_per_byte == pytest.approx(2 * len(sizes) * len(seen["lines"][0]) / sum(sizes))


def test_padding_is_laid_into_training_blocks_and_none_of_it_is_masked():
    tokenizer = byte_tokenizer()
    filler = tokenizer.eos_token_id
    line = [filler, *encode(tokenizer, "abc"), *[filler] * 4, *encode(tokenizer, "abcdef")]
    everything = causes.pack_padded(tokenizer, ["abc", "abcdefghij"], 7, length=6)
    assert everything.input_ids.ravel().tolist() == line
    assert torch.equal(everything[0]["labels"], everything[0]["input_ids"])
    assert everything.bytes_per_token == pytest.approx(13 / 14)
    drawn = causes.pack_padded(tokenizer, ["abc", "defghijk", "never read"], 7, length=13, max_blocks=2)
    assert drawn.input_ids.shape == (2, 7)
    assert drawn.documents == 2


def test_padding_that_is_learnt_too_is_trained_and_scored_alike(bench, monkeypatch):
    """The training is asked for blocks of the length that the scored documents are filled up to."""
    seen = {}

    def remember(tokenizer, asked, lay_out):
        seen["blocks"] = lay_out(tokenizer, asked.texts, 32)
        return "model"

    def score(model, start, lines, spec):
        seen["lines"] = lines
        return [np.full(len(line), math.log(4)) for line in lines]

    monkeypatch.setattr(causes, "_train_with", remember)
    monkeypatch.setattr(causes, "score_ids", score)
    BY_NAME["padding counted as text, throughout"].report(bench)
    start = [byte_tokenizer().eos_token_id]
    laid = [token for line in seen["lines"] for token in [*start, *line]]
    assert seen["blocks"].input_ids.ravel().tolist() == laid[: len(laid) // 32 * 32]


def test_learnt_padding_looks_better_than_padding_only_scored(measured):
    ratios = measured["perplexity_ratio"]
    assert ratios["padding counted as text, throughout"] < ratios["padding counted as text"]


def test_float16_in_training_is_no_number_and_a_wide_format_trains(bench, monkeypatch):
    wide = causes._rounded_throughout(bench, dtype=torch.float32)
    assert wide.token_perplexity == pytest.approx(healthy(bench).token_perplexity, rel=1e-3)
    monkeypatch.setattr(causes, "OVERFLOW_SCALE", 2.0**20)
    assert math.isnan(causes._rounded_throughout(bench, dtype=torch.float16).token_perplexity)


def test_the_bad_seed_is_set_beside_what_was_measured():
    table = pd.DataFrame({"token_perplexity": [500.0, 60.0]}, index=["learning rate × 30", "adapter not loaded"])
    assert "Beside 381.0: learning rate × 30 reached it." in causes.bad_seed_sentence(table, 381.0)
    assert "learning rate × 30 and adapter not loaded reached it" in causes.bad_seed_sentence(table, 50.0)
    none = causes.bad_seed_sentence(table.assign(token_perplexity=[math.nan, 60.0]), 381.0)
    assert "perplexity of no number, and the base without its adapter 60.0" in none
    assert "neither reached it" in none


def test_without_a_document_start_the_first_token_is_not_scored(bench, monkeypatch):
    seen = []

    def remember(model, start, lines, spec):
        seen.append((start, lines))
        return [np.full(len(line), math.log(4)) for line in lines]

    monkeypatch.setattr(causes, "score_ids", remember)
    reported = BY_NAME["no document start"].report(bench)
    assert [bytes([*start, *lines[0]]) for start, lines in seen] == [
        bytes(encode(byte_tokenizer(), text)) for text in bench.texts
    ]
    assert reported.token_perplexity == pytest.approx(4)


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_a_power_of_two_changes_nothing_in_a_wide_format_and_overflows_in_float16(architecture, shared_workspace):
    def logits(dtype, **settings):
        model = load_model(ModelSpec(name="m", source=f"random:{architecture}"), shared_workspace)
        causes.round_products(model, dtype, **settings)
        with torch.no_grad():
            return model(torch.arange(40)[None]).logits

    exact = logits(torch.float32)
    torch.testing.assert_close(logits(torch.float32, scale=2.0**20), exact, atol=1e-6, rtol=1e-6)
    assert torch.equal(logits(torch.bfloat16, scale=2.0**20), logits(torch.bfloat16))
    torch.testing.assert_close(logits(torch.float16), exact, atol=1e-2, rtol=1e-2)
    assert torch.isnan(logits(torch.float16, scale=2.0**20)).all(dim=-1).any()
    clamped = logits(torch.float16, scale=2.0**20, clamped=True)
    assert torch.isfinite(clamped).all()
    assert not torch.allclose(clamped, exact, atol=1e-2)


def test_target_modules_shrink_what_is_trained(bench, measured):
    trained = {run.spec.method.target_modules: run.record["adapted_modules"] for run in runs.list_runs(bench.workspace)}
    assert trained[causes.ATTENTION] == ["k_proj", "o_proj", "q_proj", "v_proj"]
    assert trained[causes.ONE_PROJECTION] == ["k_proj"]


def test_a_training_whose_loss_is_no_number_is_no_number(bench, monkeypatch):
    def diverge(*_):
        raise DivergenceError("the training loss is no number")

    monkeypatch.setattr(causes, "obtain", diverge)
    assert math.isnan(causes.with_learning_rate(bench, factor=7.0).token_perplexity)

    def full_disk(*_):
        raise RunError("no space left")

    monkeypatch.setattr(causes, "obtain", full_disk)
    with pytest.raises(RunError, match="no space"):
        causes.with_learning_rate(bench, factor=7.0)


def test_a_real_training_that_diverges_is_no_number(bench):
    assert math.isnan(causes.with_learning_rate(bench, factor=1e30).token_perplexity)


def test_causes_are_chosen_by_name():
    assert [cause.name for cause in causes.named(["adapter not loaded"])] == ["adapter not loaded"]
    assert [cause.name.split(",")[0] for cause in causes.named(["tokenizer*"])] == ["tokenizer drops Cyrillic"] * 2
    assert causes.named(["*"]) == list(causes.CAUSES)
    with pytest.raises(ProfileError, match="no cause is typhoon; there are: tokenizer drops Cyrillic, in scoring; "):
        causes.named(["typhoon"])


def test_findings_sort_faults_by_what_they_do():
    table = pd.DataFrame(
        {"perplexity_ratio": [2.0, 30.0, 1.05, 0.4, math.nan]}, index=["twice", "much", "same", "less", "none"]
    )
    lines = causes.findings(table).splitlines()
    assert lines[0].endswith("much (× 30), twice (× 2).")
    assert "same (× 1.05)" in lines[1]
    assert "less (× 0.4)" in lines[2]
    assert lines[3].endswith("none.")
    assert len(causes.findings(table.iloc[:1]).splitlines()) == 1
    assert [causes.times(ratio) for ratio in (2939.6, 0.0653, 6.858e11)] == ["× 2,940", "× 0.0653", "× 6.86e+11"]
