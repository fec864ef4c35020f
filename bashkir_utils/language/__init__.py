"""Bashkir itself: its letters, texts made for this project, prompts and parallel sentences."""

from .alphabet import ALPHABET, BASHKIR_LETTERS
from .documents import GeneratedDocument, generate_documents
from .parallel import PARALLEL, ParallelSentence
from .prompts import PROMPTS, Prompt

__all__ = [
    "ALPHABET",
    "BASHKIR_LETTERS",
    "PARALLEL",
    "PROMPTS",
    "GeneratedDocument",
    "ParallelSentence",
    "Prompt",
    "generate_documents",
]
