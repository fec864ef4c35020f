"""Text: where it comes from, how it is cleaned, freed of duplicates and split; and what can be counted of it."""

from .pipeline import Corpus, Manifest, load_prepared, prepare
from .sources import source_fingerprint

__all__ = ["Corpus", "Manifest", "load_prepared", "prepare", "source_fingerprint"]
