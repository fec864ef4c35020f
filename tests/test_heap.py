"""What freed memory does, seen from outside: resident bytes of a process of its own."""

import os
import platform
import subprocess
import sys
import textwrap

import pytest

from bashkir_utils import heap

KEPT = "glibc.malloc.mmap_threshold=17179869184:glibc.malloc.trim_threshold=17179869184"
SCRIPT = """
    import contextlib, sys
    import psutil, torch
    from bashkir_utils.heap import giving_back

    with giving_back(*map(int, sys.argv[2:])) if sys.argv[1] == "inside" else contextlib.nullcontext():
        packed = []
        for _ in range(40):
            whole = torch.ones(2_000_000)
            packed.append(torch.ones(250_000))
            del whole
        small = torch.ones(1_000_000)
    again = torch.ones(8_000_000)
    del again, small
    print(psutil.Process().memory_info().rss)
"""


@pytest.mark.parametrize(
    ("tunables", "bytes_"),
    [
        ("", None),
        ("glibc.malloc.hugetlb=1", None),
        (KEPT, 17_179_869_184),
        ("glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=2097152", 2_097_152),
        ("glibc.malloc.mmap_threshold=1000", None),
        ("glibc.malloc.mmap_threshold=much", None),
    ],
)
def test_the_setting_is_read(monkeypatch, tunables, bytes_):
    monkeypatch.setenv(heap.TUNABLES, tunables)
    assert heap._kept_below() == bytes_


def resident(where: str, *at_least: int) -> int:
    environment = os.environ | {heap.TUNABLES: KEPT}
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), where, *map(str, at_least)]
    return int(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the settings are those of glibc")
def test_what_is_freed_inside_goes_back_and_outside_stays():
    kept = 8_000_000 * 4
    assert resident("outside") - resident("inside") > kept // 4


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the settings are those of glibc")
def test_only_pieces_of_the_size_that_is_named_go_back():
    whole = 2_000_000 * 4
    kept, gone = resident("inside", 2 * whole), resident("inside", whole // 2)
    assert kept - gone > whole
