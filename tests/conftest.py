"""Shared by all tests: a workspace of its own, tiny models, a corpus that needs no pipeline."""

from __future__ import annotations

import os

# the models of the tests are so small that a second thread only costs; it must be said before torch is imported
os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from transformers import AutoModelForCausalLM
from whole_book import built, pages

from bashkir_utils.language import generate_documents
from bashkir_utils.models import random_config
from bashkir_utils.study import MethodSpec, ModelSpec, TrainingSpec
from bashkir_utils.tokenization.trained import train_tokenizer
from bashkir_utils.workspace import Workspace

if TYPE_CHECKING:
    from playwright.sync_api import Browser

__all__ = ["built", "pages"]
ARCHITECTURES = ("gpt2", "phi", "qwen2", "llama", "mistral")
METHODS = {
    "full": MethodSpec(name="full", kind="full", learning_rate=3e-3),
    "lora": MethodSpec(name="lora", kind="lora", rank=8, lora_alpha=16, learning_rate=1e-2),
    "qlora": MethodSpec(name="qlora", kind="qlora", rank=8, lora_alpha=16, learning_rate=1e-2),
}


@dataclass(frozen=True)
class TextCorpus:
    """What ``runs`` asks of a corpus, over texts at hand."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    fingerprint: str = "0123456789abcdef"
    label: str = "texts of a test"
    language: str = "ba"

    def split(self, name: str) -> pd.DataFrame:
        texts = getattr(self, name)
        rows = {"id": [f"{name}-{i}" for i in range(len(texts))], "source": "test", "text": list(texts)}
        return pd.DataFrame(rows | {"bytes": [len(text.encode()) for text in texts]})


@pytest.fixture(scope="session")
def shared_workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """One workspace for the tiny models, which are the same for every test."""
    return Workspace(tmp_path_factory.mktemp("shared"))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


@pytest.fixture(scope="session")
def texts() -> list[str]:
    return [document.text for document in generate_documents(60, seed=7)]


@pytest.fixture(scope="session")
def text_corpus(texts: list[str]) -> TextCorpus:
    return TextCorpus(tuple(texts[:40]), tuple(texts[40:50]), tuple(texts[50:53]))


@pytest.fixture(scope="session")
def english(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder for each architecture whose tokenizer has entries that Bashkir text does not use."""
    words = "the cat sat on the mat with other cats and then they thought of that again " * 30
    tokenizer = train_tokenizer([words], entries=290)
    folders = {}
    for architecture in ARCHITECTURES:
        folders[architecture] = tmp_path_factory.mktemp(architecture)
        model = AutoModelForCausalLM.from_config(random_config(architecture))
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
        model.save_pretrained(folders[architecture])
        tokenizer.save_pretrained(folders[architecture])
    return folders


@pytest.fixture
def tiny() -> ModelSpec:
    return ModelSpec(name="tiny-llama", source="random:llama")


@pytest.fixture
def budget() -> TrainingSpec:
    return TrainingSpec(
        block_length=32,
        batch_size=4,
        tokens=1536,
        log_points=4,
        validation_points=2,
        validation_blocks=2,
        checkpoints=4,
    )


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for the tests of a file, closed after them: its event loop must not meet that of another test."""
    from browser import running

    with running() as started:
        yield started
