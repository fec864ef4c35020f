import logging
import math
import mmap
import time
from pathlib import Path

import numpy as np
import pytest
from transformers import set_seed

from bashkir_utils import training
from bashkir_utils.adapt import adapt, choose_precision, load_base
from bashkir_utils.exceptions import DivergenceError, RunError
from bashkir_utils.models import load_tokenizer
from bashkir_utils.packing import pack
from bashkir_utils.study import Layout, ModelSpec, RunSpec, TrainingSpec
from bashkir_utils.training import (
    CURVE_COLUMNS,
    PeakMemory,
    TrainingData,
    blocks_wanted,
    layout_line,
    newest_checkpoint,
    step_count,
    train,
)

from conftest import METHODS


class Interrupted(BaseException):
    """Stands for the moment in which a process is stopped."""


@pytest.fixture
def make(shared_workspace, tiny, budget, text_corpus):
    """A function that trains a tiny model once and gives result and model."""
    tokenizer = load_tokenizer(tiny, shared_workspace)

    def run(
        method: str,
        folder: Path,
        spec: TrainingSpec = budget,
        learning_rate: float | None = None,
        layout: Layout | None = None,
        of: ModelSpec = tiny,
    ):
        way = METHODS[method]
        way = way.model_copy(update={"learning_rate": learning_rate or way.learning_rate})
        asked = RunSpec(model=of, method=way, seed=5, training=spec, corpus="x")
        data = TrainingData(
            pack(
                tokenizer,
                text_corpus.train if spec.tokens else text_corpus.train[:1],
                spec.block_length,
                max_blocks=blocks_wanted(spec),
            ),
            pack(tokenizer, text_corpus.validation, spec.block_length, max_blocks=spec.validation_blocks),
        )
        precision = choose_precision("fp32", way)
        set_seed(asked.seed)
        model = adapt(load_base(of, way, precision, shared_workspace), way)
        return train(model, data, asked, precision, folder, layout), model

    return run


@pytest.mark.parametrize("method", METHODS)
def test_training_lowers_loss_and_counts_what_it_saw(method, make, tmp_path, budget):
    result, _ = make(method, tmp_path)
    losses = result.curve["loss"].dropna()
    assert losses.iloc[-1] < losses.iloc[0] - 0.2
    assert tuple(result.curve.columns) == CURVE_COLUMNS
    assert (result.steps, result.tokens_seen) == (12, 12 * 4 * 32) == (12, budget.tokens)
    last = result.curve.iloc[-1]
    assert last["bytes"] == result.bytes_seen
    # the byte tokenizer has one token a byte but for boundaries, so nats a token are nats a byte, all but
    assert last["bits_per_byte"] == pytest.approx(last["loss"] / math.log(2), rel=0.02)
    assert result.curve["seconds"].is_monotonic_increasing
    assert 0 < result.train_seconds <= result.wall_seconds
    assert result.peak_rss_bytes >= result.rss_before_bytes > 0


def test_gpt2_warns_of_no_padding_where_blocks_are_full(make, tmp_path, caplog, capsys):
    """The first block of the validation split begins with the boundary, whose id is that of the padding."""
    logging.Logger.warning_once.cache_clear()
    make("full", tmp_path, of=ModelSpec(name="tiny-gpt2", source="random:gpt2"))
    written = capsys.readouterr()
    assert "padded" not in caplog.text + written.out + written.err


LAYOUTS = [Layout(4, 1, True), Layout(2, 2, False), Layout(1, 4, True)]


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_every_layout_of_a_batch_learns_the_same(layout, make, tmp_path, budget):
    """Also at the end of an epoch, where a step has what is left: three blocks of the 39."""
    epochs = budget.model_copy(update={"tokens": None, "epochs": 1.1})
    plain, model = make("full", tmp_path / "a", epochs)
    recut, other = make("full", tmp_path / "b", epochs, layout=layout)
    assert (plain.layout, plain.steps) == (Layout(4, 1, False), 11)
    assert recut.layout == layout
    assert (recut.steps, recut.tokens_seen) == (plain.steps, plain.tokens_seen)
    assert recut.curve["step"].tolist() == plain.curve["step"].tolist()
    for column in ("loss", "validation_loss"):
        np.testing.assert_allclose(recut.curve[column], plain.curve[column], atol=2e-3)
    for name, weight in model.state_dict().items():
        np.testing.assert_allclose(other.state_dict()[name], weight, atol=5e-3, err_msg=name)


def test_a_layout_of_another_batch_is_refused(make, tmp_path):
    with pytest.raises(RunError, match="2 x 4 blocks a step is not for a profile of 4"):
        make("full", tmp_path, layout=Layout(2, 4, False))


def test_a_layout_in_words():
    assert layout_line(Layout(8, 4, False)) == "8 x 4 blocks a step"
    expected = "2 x 1 blocks a step on each of 4 processes, activations computed again"
    assert layout_line(Layout(2, 1, True), processes=4) == expected


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("layout", [None, Layout(1, 4, True)], ids=str)
def test_an_interrupted_run_ends_as_an_uninterrupted_one(method, layout, make, tmp_path, monkeypatch):
    straight, _ = make(method, tmp_path / "straight")
    original = training._Reporter.on_step_end

    def stop_at_step_8(self, args, state, control, **others):
        original(self, args, state, control, **others)
        if state.global_step == 8:
            raise Interrupted

    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(training._Reporter, "on_step_end", stop_at_step_8)
        make(method, tmp_path / "broken")
    assert newest_checkpoint(tmp_path / "broken").name == "checkpoint-6"
    # on a machine with less memory, say: each step is cut otherwise and sees the same blocks
    resumed, _ = make(method, tmp_path / "broken", layout=layout)
    assert resumed.resumed_from_step == 6
    assert resumed.curve["step"].tolist() == straight.curve["step"].tolist()
    for column in ("loss", "validation_loss"):
        np.testing.assert_allclose(resumed.curve[column], straight.curve[column], atol=1e-3)
    assert resumed.curve["seconds"].is_monotonic_increasing


def test_half_written_checkpoints_are_passed_over(tmp_path):
    whole, half = tmp_path / "checkpoint-9", tmp_path / "checkpoint-12"
    for folder in (whole, half):
        folder.mkdir()
    (whole / "trainer_state.json").write_text("{}")
    (half / "trainer_state.json").write_text('{"global_st')
    assert newest_checkpoint(tmp_path) == whole
    assert not half.exists()
    assert newest_checkpoint(tmp_path / "absent") is None


def test_divergence_is_an_error_with_advice(make, tmp_path):
    with pytest.raises(RunError, match="not a finite number: lower the learning rate"):
        make("full", tmp_path, learning_rate=float("inf"))


def test_weights_that_diverge_in_the_last_step_are_no_result(make, tmp_path, monkeypatch):
    """The last update comes after the last training loss, and after the last validation where it runs earlier."""
    original = training._Trainer.train

    def break_at_the_end(self, *arguments, **settings):
        original(self, *arguments, **settings)
        next(each for each in self.model.parameters() if each.requires_grad).data.view(-1)[-1] = math.nan

    monkeypatch.setattr(training._Trainer, "train", break_at_the_end)
    with pytest.raises(DivergenceError, match="weights are not finite numbers: lower the learning rate"):
        make("lora", tmp_path)


def test_a_validation_loss_that_is_no_number_is_divergence(make, tmp_path, monkeypatch):
    original = training._Trainer.log

    def lose(self, logs, *others):
        original(self, logs | ({"eval_loss": math.nan} if "eval_loss" in logs else {}), *others)

    monkeypatch.setattr(training._Trainer, "log", lose)
    with pytest.raises(DivergenceError, match="loss is not a finite number"):
        make("full", tmp_path)


def test_budget_arithmetic():
    spec = TrainingSpec(block_length=10, batch_size=2, gradient_accumulation=3, tokens=121)
    assert step_count(spec, blocks=99) == 3
    assert blocks_wanted(spec) == 18
    by_epochs = TrainingSpec(batch_size=4, epochs=1.5)
    assert step_count(by_epochs, blocks=10) == 4
    assert blocks_wanted(by_epochs) is None


def test_gradient_checkpointing_changes_memory_not_loss(make, tmp_path, budget):
    plain, _ = make("lora", tmp_path / "a")
    thrifty, _ = make("lora", tmp_path / "b", budget.model_copy(update={"gradient_checkpointing": True}))
    np.testing.assert_allclose(plain.curve["loss"], thrifty.curve["loss"], atol=1e-4)


def test_accumulated_batches_are_one_large_batch(make, tmp_path, budget):
    large, _ = make("full", tmp_path / "a")
    halves = budget.model_copy(update={"batch_size": 2, "gradient_accumulation": 2})
    small, _ = make("full", tmp_path / "b", halves)
    np.testing.assert_allclose(large.curve["loss"], small.curve["loss"], atol=2e-3)


def test_the_validation_loss_does_not_depend_on_the_batch(make, tmp_path, budget):
    """Five blocks in batches of four: the fifth must not weigh as much as the other four."""
    several = budget.model_copy(update={"validation_blocks": 5, "tokens": 4 * 32})
    together, _ = make("full", tmp_path / "a", several)
    single = several.model_copy(update={"batch_size": 1, "gradient_accumulation": 4})
    alone, _ = make("full", tmp_path / "b", single)
    np.testing.assert_allclose(together.curve["validation_loss"], alone.curve["validation_loss"], atol=1e-5)


def test_peak_memory_sees_an_allocation_that_is_gone_again():
    """Pages of its own: the heap may hold what an earlier test freed, and give it out again without growing."""
    size = 320_000_000
    with PeakMemory() as memory:
        block = mmap.mmap(-1, size)
        np.frombuffer(block, dtype=np.uint8)[:] = 1
        time.sleep(0.5)
        block.close()
    assert memory.peak_bytes - memory.before_bytes > 250_000_000
