"""The processes that ``accelerate launch`` starts for one run: which of them this is, and how they agree.

Without a launcher there is one process, and every function here gives back what it was given.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from accelerate import PartialState

PATIENCE = datetime.timedelta(days=1)
"""How long the others wait for the first one, which may wait for another run's lock or prepare a corpus."""


@dataclass(frozen=True)
class Launch:
    """This process among those of its run."""

    rank: int
    local_rank: int
    """Number on its machine, and of its GPU."""
    processes: int
    sharded: bool
    """Whether the weights are spread over the processes (FSDP) and not copied to each (DDP)."""

    @property
    def first(self) -> bool:
        """Whether this is the process that takes locks, writes to the store and speaks."""
        return self.rank == 0


def launched() -> Launch:
    """What the environment says; ``torch.distributed.run``, which ``accelerate launch`` calls, sets these variables."""
    if "LOCAL_RANK" not in os.environ:
        return Launch(rank=0, local_rank=0, processes=1, sharded=False)
    return Launch(
        rank=int(os.environ.get("RANK", "0")),
        local_rank=int(os.environ["LOCAL_RANK"]),
        processes=int(os.environ.get("WORLD_SIZE", "1")),
        sharded=os.environ.get("ACCELERATE_USE_FSDP", "false").lower() == "true",
    )


def from_first(value: int) -> int:
    """The first process's value, in all of them; each must call this."""
    if launched().processes == 1:
        return value
    import torch

    told = torch.tensor([value], device=_joined().device)
    torch.distributed.broadcast(told, src=0)
    return int(told.item())


def from_all(values: Sequence[int]) -> list[list[int]]:
    """Every process's values, by rank; each must call this with as many."""
    launch = launched()
    if launch.processes == 1:
        return [list(values)]
    import torch

    own = torch.tensor(list(values), device=_joined().device)
    gathered = [torch.empty_like(own) for _ in range(launch.processes)]
    torch.distributed.all_gather(gathered, own)
    return [each.tolist() for each in gathered]


def leave() -> None:
    """Take leave of the other processes, so that none ends while another still talks to it."""
    if launched().processes > 1:
        _joined().destroy_process_group()


def _joined() -> PartialState:
    """The state that accelerate shares, with the process group made at the first call."""
    import torch
    from accelerate import PartialState

    return PartialState(cpu=not torch.cuda.is_available(), timeout=PATIENCE)
