import logging
import warnings

import pytest

from bashkir_utils import progress
from bashkir_utils.progress import Progress, quiet_libraries, track


def test_track_gives_every_item():
    assert list(track(iter([1, 2, 3]), "counting", total=3)) == [1, 2, 3]


def test_a_line_says_how_much_how_fast_and_how_long(monkeypatch):
    now = iter([0.0, 10.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(now))
    work = Progress("training", total=100, unit="tokens")
    work.done = 25
    assert work.line() == "training: 25/100 tokens, 2.5 tokens/s, 0.5 min left"


def test_one_plain_line_a_minute_without_a_terminal(monkeypatch, capsys):
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    with Progress("work", total=200, unit="docs") as work:
        for _ in range(200):
            clock[0] += 1
            work.advance()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert lines[0] == "work: 60/200 docs, 1.0 docs/s, 2.3 min left"


def test_a_bar_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr(progress, "_terminal", lambda: True)
    assert list(track([1, 2], "counting")) == [1, 2]
    assert "counting" in capsys.readouterr().err


def test_libraries_are_quiet_inside_and_as_before_outside():
    from transformers.utils import logging

    before = logging.is_progress_bar_enabled()
    with warnings.catch_warnings(record=True) as caught, quiet_libraries():
        assert not logging.is_progress_bar_enabled()
        warnings.warn("`x_checkpointing` is deprecated and will go", FutureWarning, stacklevel=1)
    assert logging.is_progress_bar_enabled() == before
    assert caught == []


def test_padding_is_not_suspected_inside_and_as_before_outside(caplog):
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    model = GPT2LMHeadModel(GPT2Config(vocab_size=9, n_embd=4, n_layer=1, n_head=1, pad_token_id=8, eos_token_id=8))
    ids = torch.tensor([[8, 1, 2]])

    def said():
        logging.Logger.warning_once.cache_clear()
        caplog.clear()
        model(input_ids=ids)
        return "input_ids may be padded" in caplog.text

    assert said()
    with quiet_libraries():
        with quiet_libraries():
            assert not said()
        assert not said()
    with pytest.raises(KeyError), quiet_libraries():
        raise KeyError
    assert said()
