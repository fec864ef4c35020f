"""Text: where it comes from, how it is cleaned, freed of duplicates and split; and what can be counted of it."""

from .pipeline import Corpus, Manifest, prepare
from .sources import source_fingerprint

__all__ = ["Corpus", "Manifest", "prepare", "source_fingerprint"]
