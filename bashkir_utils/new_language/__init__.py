"""A profile and a book with the same chapters for another language: what holds for Bashkir alone folds away."""

from .folder import NewBook, create, summary
from .folding import BASHKIR_ONLY, folded
from .text import Language, named, recognise

__all__ = ["BASHKIR_ONLY", "Language", "NewBook", "create", "folded", "named", "recognise", "summary"]
