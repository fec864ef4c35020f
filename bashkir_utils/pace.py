"""How far a training is, by its steps or by the clock, and what happens at which share of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import ExportableState

from .adapt import AnyModel
from .processes import from_first
from .study import TrainingSpec

MICROSECONDS = 1_000_000


class Stopwatch:
    """Seconds between starts and stops of a clock, after those that were counted before."""

    def __init__(self, clock: Callable[[], float], seconds: float = 0.0) -> None:
        self._clock, self._before = clock, seconds
        self._begun: float | None = None

    @property
    def seconds(self) -> float:
        """What is counted by now."""
        return self._before + (0.0 if self._begun is None else self._clock() - self._begun)

    def start(self) -> None:
        """Count, if it does not already."""
        if self._begun is None:
            self._begun = self._clock()

    def stop(self) -> None:
        """Keep what is counted, and stand still."""
        self._before, self._begun = self.seconds, None


class Pace(TrainerCallback, ExportableState):
    """Which share of its budget a training has spent.

    The clock runs while steps are computed; it stands still while the model is validated and checkpoints are written,
    and checkpoints keep what it shows. With a budget in minutes the share is that of the time, or that of the steps
    where it is larger: then this callback also says when to log, validate, save and stop. The share is taken once a
    step, before the learning rate of the next is set, and in several processes by the clock of the first.
    """

    def __init__(self, spec: TrainingSpec, steps: int, clock: Callable[[], float]) -> None:
        self._spec, self._steps, self._clock = spec, steps, clock
        self._stopwatch = Stopwatch(clock)
        self._before = self.share = 0.0

    @property
    def seconds(self) -> float:
        """Of training, since the run began."""
        return self._stopwatch.seconds

    @property
    def timed(self) -> bool:
        """Whether the budget is in minutes."""
        return self._spec.minutes is not None

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps, in the form that the Trainer wants."""
        return {"args": {}, "attributes": {"seconds": self.seconds}}

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Go on where the checkpoint left off."""
        stored: dict[str, Any] = state.stateful_callbacks  # type: ignore[assignment]
        # the checkpoint of an earlier version has no entry, and the Trainer asks for one when it saves
        kept = stored.setdefault(type(self).__name__, {"attributes": {"seconds": _logged_seconds(state)}})
        self._stopwatch = Stopwatch(self._clock, kept["attributes"]["seconds"])
        self._take(state.global_step)

    def on_step_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Count from here."""
        self._stopwatch.start()

    def on_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Take the share, which the learning rate of the next step is set by."""
        self._take(state.global_step + 1)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Say what is due by time, and stand still for it."""
        if self.timed:
            control.should_log |= self._passed(self._spec.log_points)
            control.should_evaluate |= self._passed(self._spec.validation_points)
            control.should_save |= self._passed(self._spec.checkpoints)
            control.should_training_stop |= self.share == 1
        if control.should_evaluate or control.should_save:
            if torch.cuda.is_available():
                # what a GPU has not done yet is training too
                torch.cuda.synchronize()
            self._stopwatch.stop()

    def _take(self, step: int) -> None:
        spent = step / self._steps
        if self._spec.minutes is not None:
            seconds = from_first(round(self.seconds * MICROSECONDS)) / MICROSECONDS
            spent = max(spent, seconds / (60 * self._spec.minutes))
        self._before, self.share = self.share, min(spent, 1.0)

    def _passed(self, points: int) -> bool:
        """Whether the last step went over one of so many shares, evenly spaced up to the end."""
        return self.share == 1 or math.floor(self.share * points) > math.floor(self._before * points)


def _logged_seconds(state: TrainerState) -> float:
    """Seconds of training by the log of a run's earlier part, which knows nothing of checkpoints."""
    wall = max((entry.get("seconds", 0.0) for entry in state.log_history), default=0.0)
    return float(wall - sum(entry.get("eval_runtime", 0.0) for entry in state.log_history))


class EmbeddingsFirst(TrainerCallback):
    """Freezes all that is trained but the embeddings until a share of the run is done.

    What is frozen has no gradient, so the optimiser passes it over: no moments, no weight decay. The optimiser must be
    made, and several processes' copies be wrapped, before the first step: both take what can be trained by then.
    """

    def __init__(self, model: AnyModel, pace: Pace, share: float) -> None:
        first = {id(each) for each in embedding_parameters(model)}
        self._rest = [each for each in model.parameters() if each.requires_grad and id(each) not in first]
        self._pace, self._until = pace, share

    def on_step_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Freeze the rest, or let it go."""
        self._train_rest(self._pace.share >= self._until)

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Leave the model as it came, also after a run that was over before its share."""
        self._train_rest(True)

    def _train_rest(self, trained: bool) -> None:
        for parameter in self._rest:
            parameter.requires_grad_(trained)


def embedding_parameters(model: AnyModel) -> list[torch.nn.Parameter]:
    """What is trained of the input and output embeddings, with the head's bias; each once, also where they are tied."""
    modules = (model.get_input_embeddings(), model.get_output_embeddings())
    found = {
        id(each): each for module in modules if module is not None for each in module.parameters() if each.requires_grad
    }
    return list(found.values())
