"""The C library's heap: `make` has it keep what is freed, which is right for training and wrong for loading.

A quantised model is loaded matrix by matrix: each is read in full, packed into a quarter or an eighth, and dropped. A
heap that keeps what is dropped grows by nearly all of it, because small packed matrices come to lie in the holes. In
training it is the same on a larger scale: each layer's matrix is unpacked for one product, and the activations that
stay until the backward pass come to lie in the hole that it leaves.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator

TUNABLES, THRESHOLD = "GLIBC_TUNABLES", "glibc.malloc.mmap_threshold="
M_MMAP_THRESHOLD = -3
"""Of ``mallopt(3)``: requests of at least so many bytes get pages of their own, which go back when they are freed."""
LARGE = 1 << 20
UNPACKED = 32 << 20
"""Less than a matrix of a model of billions of weights in bfloat16, more than what small models ask for in a step."""
LARGEST = (1 << 31) - 1
"""``mallopt`` takes an int."""


@contextlib.contextmanager
def giving_back(at_least: int = LARGE) -> Iterator[None]:
    """Inside the block, pieces of memory of ``at_least`` so many bytes go back to the system as soon as they are freed.

    Only where ``GLIBC_TUNABLES`` has the heap keep them, as the Makefile sets it; elsewhere they go back anyway, and
    nothing is done.
    """
    setting = _kept_below()
    if setting is None:
        yield
        return
    # the library that is loaded already, and not another copy of it
    mallopt = ctypes.CDLL(None).mallopt
    mallopt(M_MMAP_THRESHOLD, at_least)
    try:
        yield
    finally:
        mallopt(M_MMAP_THRESHOLD, min(setting, LARGEST))


def _kept_below() -> int | None:
    """Bytes below which the heap keeps what is freed, where the environment sets this above ``LARGE``."""
    for setting in os.environ.get(TUNABLES, "").split(":"):
        value = setting.removeprefix(THRESHOLD)
        if value != setting and value.isdecimal() and int(value) > LARGE:
            return int(value)
    return None
