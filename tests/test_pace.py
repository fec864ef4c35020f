import math
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import TrainerControl, TrainerState, set_seed

from bashkir_utils import pace, training
from bashkir_utils.adapt import adapt, choose_precision, load_base
from bashkir_utils.exceptions import RunError
from bashkir_utils.models import load_tokenizer
from bashkir_utils.pace import Pace, Stopwatch, embedding_parameters
from bashkir_utils.packing import pack
from bashkir_utils.processes import Launch
from bashkir_utils.progress import quiet_libraries
from bashkir_utils.study import RunSpec, TrainingSpec
from bashkir_utils.training import TrainingData, blocks_wanted, last_step, train

from conftest import METHODS

STEP, VALIDATION, SAVING = 3.0, 500.0, 7000.0
"""Seconds that the made clock takes for a forward pass in training, one in validation, and a checkpoint."""


class Interrupted(BaseException):
    """Stands for the moment in which a process is stopped."""


class MadeClock:
    """Stands still but for what the training does."""

    def __init__(self) -> None:
        self.now = 1e6

    def __call__(self) -> float:
        return self.now

    def follow(self, model: torch.nn.Module) -> None:
        model.register_forward_pre_hook(self._forward)

    def _forward(self, module: torch.nn.Module, _: object) -> None:
        self.now += STEP if module.training else VALIDATION


class Watched:
    """Trainings of a tiny model by a made clock, with what the Trainer logged and which weights each step left."""

    def __init__(self, workspace, tiny, corpus, monkeypatch) -> None:
        self.workspace, self.tiny, self.corpus = workspace, tiny, corpus
        self.logs: list[tuple[int, dict]] = []
        self.saved: list[int] = []
        self.weights: list[dict[str, torch.Tensor]] = []
        self.gradients: list[set[str]] = []
        self.stop_at = math.inf
        self.clock = MadeClock()
        self._watch(monkeypatch)

    def _watch(self, monkeypatch) -> None:
        log, save = training._Trainer.log, training._Trainer._save_checkpoint
        begin, end = pace.Pace.on_pre_optimizer_step, pace.Pace.on_step_end

        def logged(trainer, logs, *others):
            self.logs.append((trainer.state.global_step, dict(logs)))
            log(trainer, logs, *others)

        def saved(trainer, *others):
            self.clock.now += SAVING
            self.saved.append(trainer.state.global_step)
            save(trainer, *others)

        def before_step(own, args, state, control, model, **others):
            self.gradients.append({name for name, each in model.named_parameters() if each.grad is not None})
            return begin(own, args, state, control, model=model, **others)

        def after_step(own, args, state, control, model, **others):
            self.weights.append({name: each.detach().clone() for name, each in model.named_parameters()})
            end(own, args, state, control, model=model, **others)
            if state.global_step == self.stop_at:
                raise Interrupted

        monkeypatch.setattr(training._Trainer, "log", logged)
        monkeypatch.setattr(training._Trainer, "_save_checkpoint", saved)
        monkeypatch.setattr(pace.Pace, "on_pre_optimizer_step", before_step)
        monkeypatch.setattr(pace.Pace, "on_step_end", after_step)

    def steps_with(self, name: str) -> list[int]:
        return [step for step, logs in self.logs if name in logs]

    def run(self, spec: TrainingSpec, folder: Path, method: str = "full", prepare=None):
        way = METHODS[method]
        tokenizer = load_tokenizer(self.tiny, self.workspace)
        data = TrainingData(
            pack(tokenizer, self.corpus.train, spec.block_length, max_blocks=blocks_wanted(spec)),
            pack(tokenizer, self.corpus.validation, spec.block_length, max_blocks=spec.validation_blocks),
        )
        asked = RunSpec(model=self.tiny, method=way, seed=5, training=spec, corpus="x")
        precision = choose_precision("fp32", way)
        set_seed(asked.seed)
        base = load_base(self.tiny, way, precision, self.workspace)
        self.model = adapt(base, way) if prepare is None else prepare(base)
        self.begun = {name: each.detach().clone() for name, each in self.model.named_parameters()}
        self.clock.follow(self.model)
        return train(self.model, data, asked, precision, folder, clock=self.clock)


@pytest.fixture
def watched(shared_workspace, tiny, text_corpus, monkeypatch) -> Watched:
    return Watched(shared_workspace, tiny, text_corpus, monkeypatch)


@pytest.fixture
def timed(budget) -> TrainingSpec:
    """One minute, in which the made clock has twenty steps; the tokens are enough for forty."""
    return budget.model_copy(update={"minutes": 1.0, "tokens": 40 * 4 * 32, "validation_points": 3})


def test_a_stopwatch_counts_between_starts_and_stops():
    times = iter([10.0, 12.0, 20.0, 20.5])
    watch = Stopwatch(lambda: next(times), 5.0)
    assert watch.seconds == 5
    watch.start()
    watch.start()
    watch.stop()
    assert watch.seconds == 7
    watch.start()
    assert watch.seconds == 7.5


def test_a_run_ends_when_its_minutes_are_over(watched, timed, tmp_path):
    """Validation and checkpoints, hours by the made clock, do not count."""
    result = watched.run(timed, tmp_path)
    assert watched.clock.now - 1e6 == 20 * STEP + 3 * VALIDATION + 4 * SAVING
    assert (result.steps, result.tokens_seen) == (20, 20 * 4 * 32)
    assert result.train_seconds == 60
    last = result.curve.iloc[-1]
    assert (last["step"], last["tokens"], last["seconds"]) == (20, result.tokens_seen, 60)
    assert last["bytes"] == result.bytes_seen
    assert result.curve["seconds"].tolist() == [STEP * step for step in result.curve["step"]]


def test_points_are_at_shares_of_the_time(watched, timed, tmp_path):
    """Of 20 steps the fifth, tenth … end a quarter; the seventh, fourteenth and last pass a third."""
    result = watched.run(timed, tmp_path)
    assert watched.steps_with("loss") == [1, 5, 10, 15, 20]
    assert watched.steps_with("eval_loss") == [7, 14, 20]
    assert watched.saved == [5, 10, 15, 20]
    assert result.curve["step"].tolist() == [1, 5, 7, 10, 14, 15, 20]


def test_tokens_stay_the_upper_limit(watched, timed, tmp_path):
    """Ten steps of twenty: the schedule ends with the text, and so do the points."""
    result = watched.run(timed.model_copy(update={"tokens": 10 * 4 * 32}), tmp_path)
    assert (result.steps, result.train_seconds) == (10, 30)
    assert watched.steps_with("loss") == [1, 3, 5, 8, 10]
    assert watched.saved[-1] == watched.steps_with("eval_loss")[-1] == 10
    assert rates(watched)[-1] == pytest.approx(3e-3 * 0.5 * (1 + math.cos(math.pi * (0.9 - 0.1) / 0.9)))


def rates(watched: Watched) -> list[float]:
    return [logs["learning_rate"] for _, logs in watched.logs if "learning_rate" in logs]


HALF = 1 / math.sqrt(2)
BY_HAND = {
    "linear": [0.0, 0.5, 1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125],
    "cosine": [0.0, 0.5, 1.0, None, (1 + HALF) / 2, None, 0.5, None, (1 - HALF) / 2, None],
    "constant_with_warmup": [0.0, 0.5, *[1.0] * 8],
}
"""At the shares 0, 0.1 … 0.9 with a warm-up of 0.2, in units of the largest."""


@pytest.mark.parametrize("scheduler", BY_HAND)
def test_the_learning_rate_follows_the_share_of_the_time(scheduler, watched, timed, tmp_path):
    changes = {"minutes": 0.5, "warmup_share": 0.2, "scheduler": scheduler, "log_points": 10}
    watched.run(timed.model_copy(update=changes), tmp_path)
    found = rates(watched)
    assert len(found) == 10
    for rate, expected in zip(found, BY_HAND[scheduler], strict=True):
        assert expected is None or rate == pytest.approx(3e-3 * expected)


def test_without_minutes_the_learning_rate_is_that_of_the_steps(watched, budget, tmp_path):
    """Twelve steps, 1.2 of them rounded to one of warm-up, by transformers' own schedule."""
    spec = budget.model_copy(update={"log_points": 12})
    watched.run(spec, tmp_path)
    expected = [3e-3 * 0.5 * (1 + math.cos(math.pi * (step - 1) / 11)) for step in range(1, 12)]
    assert rates(watched) == pytest.approx([0.0, *expected])
    assert watched.saved == [3, 6, 9, 12]


def test_an_interrupted_run_ends_at_the_same_time(watched, timed, tmp_path):
    straight = watched.run(timed, tmp_path / "straight")
    unbroken, watched.logs = watched.logs, []
    watched.stop_at = 13
    with pytest.raises(Interrupted):
        watched.run(timed, tmp_path / "broken")
    assert last_step(tmp_path / "broken") == 10
    # whatever the clock shows when it goes on
    watched.stop_at, watched.clock.now, watched.logs = math.inf, 3.0, []
    resumed = watched.run(timed, tmp_path / "broken")
    assert resumed.resumed_from_step == 10
    assert (resumed.steps, resumed.train_seconds) == (straight.steps, straight.train_seconds) == (20, 60)
    for column in ("step", "seconds"):
        assert resumed.curve[column].tolist() == straight.curve[column].tolist()
    np.testing.assert_allclose(resumed.curve["loss"], straight.curve["loss"], atol=1e-3)
    later = [(step, logs["learning_rate"]) for step, logs in unbroken if "learning_rate" in logs and step > 10]
    assert [(step, logs["learning_rate"]) for step, logs in watched.logs if "learning_rate" in logs] == later


def test_a_checkpoint_from_before_the_clock_was_kept_goes_on(budget):
    """By its log, less validation; and it has a place for the clock from then on."""
    state = TrainerState(log_history=[{"loss": 1.0, "seconds": 30.0}, {"eval_runtime": 4.0, "seconds": 35.0}])
    state.global_step = 3
    found = Pace(budget, 12, lambda: 0.0)
    found.on_train_begin(None, state, TrainerControl())
    assert (found.seconds, found.share) == (31, 0.25)
    assert "Pace" in state.stateful_callbacks


def test_a_step_longer_than_the_budget_is_the_only_one(watched, timed, tmp_path):
    result = watched.run(timed.model_copy(update={"minutes": 0.01}), tmp_path)
    assert (result.steps, result.train_seconds) == (1, STEP)
    assert result.curve["validation_loss"].notna().tolist() == [True]


# ---------------------------------------------------------------------------------------------------- embeddings first

FIRST = {"lm_head.weight", "model.embed_tokens.weight"}


def moved(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    return {name for name, weight in before.items() if not torch.equal(weight, after[name])}


@pytest.mark.parametrize("minutes", [None, 1.0])
def test_embeddings_are_trained_alone_until_their_share_is_over(minutes, watched, timed, tmp_path):
    """Of 20 steps five, by steps or by time. A large weight decay would move what the optimiser does not pass over."""
    changes = {"tokens": 20 * 4 * 32, "minutes": minutes, "embeddings_first": 0.25, "weight_decay": 0.5}
    result = watched.run(timed.model_copy(update=changes), tmp_path)
    assert result.steps == 20
    assert moved(watched.begun, watched.weights[4]) == watched.gradients[4] == FIRST & set(watched.begun)
    # warm-up has begun by the second step; in the sixth all else joins in
    assert moved(watched.weights[4], watched.weights[5]) == watched.gradients[5] == set(watched.begun)
    assert all(each.requires_grad for each in watched.model.parameters())


def test_all_at_once_is_what_embeddings_first_is_compared_with(watched, budget, tmp_path):
    watched.run(budget, tmp_path)
    assert moved(watched.begun, watched.weights[1]) == watched.gradients[0] == set(watched.begun)


def test_a_resumed_run_is_on_the_right_side(watched, timed, tmp_path):
    """The switch is after step 6 of 10; it is interrupted before and after, with checkpoints at 3, 5, 8 and 10."""
    spec = timed.model_copy(update={"embeddings_first": 0.6, "minutes": 0.5})
    straight = watched.run(spec, tmp_path / "straight")
    for stop_at, begun in ((4, 3), (9, 8)):
        watched.stop_at = stop_at
        with pytest.raises(Interrupted):
            watched.run(spec, tmp_path / "broken")
        assert last_step(tmp_path / "broken") == begun
        watched.gradients = []
    watched.stop_at = math.inf
    resumed = watched.run(spec, tmp_path / "broken")
    assert all(not each <= FIRST for each in watched.gradients)
    np.testing.assert_allclose(resumed.curve["loss"], straight.curve["loss"], atol=1e-3)


def test_the_head_is_an_embedding_and_its_bias_too(shared_workspace, tiny):
    phi = tiny.model_copy(update={"name": "tiny-phi", "source": "random:phi"})
    model = load_base(phi, METHODS["full"], choose_precision("fp32", METHODS["full"]), shared_workspace)
    names = {id(each): name for name, each in model.requires_grad_(True).named_parameters()}
    found = {names[id(each)] for each in embedding_parameters(model)}
    assert found == {"model.embed_tokens.weight", "lm_head.weight", "lm_head.bias"} & set(names.values())
    assert "lm_head.bias" in found


def with_embeddings(base):
    settings = {"r": 4, "lora_alpha": 8, "target_modules": "all-linear", "task_type": "CAUSAL_LM"}
    with quiet_libraries():
        return get_peft_model(base, LoraConfig(**settings, modules_to_save=["embed_tokens"]))


def test_adapters_wait_for_embeddings_that_are_trained_beside_them(watched, timed, tmp_path):
    spec = timed.model_copy(update={"embeddings_first": 0.25})
    watched.run(spec, tmp_path, "lora", with_embeddings)
    before, after = (moved(watched.begun, watched.weights[step]) for step in (4, 7))
    assert before
    assert all("embed_tokens" in name or "lm_head" in name for name in before)
    assert any("lora_B" in name for name in after - before)


def test_embeddings_that_are_not_trained_cannot_be_first(watched, timed, tmp_path, monkeypatch):
    spec = timed.model_copy(update={"embeddings_first": 0.25})
    with pytest.raises(RunError, match=r"embeddings_first is 0\.25, and its method trains no embeddings") as caught:
        watched.run(spec, tmp_path, "lora")
    assert "\n" not in str(caught.value)
    monkeypatch.setattr(training, "launched", lambda: Launch(rank=0, local_rank=0, processes=1, sharded=True))
    with pytest.raises(RunError, match="FSDP does not train embeddings first"):
        watched.run(spec, tmp_path)
