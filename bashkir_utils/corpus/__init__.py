"""Text: where it comes from, how it is cleaned, freed of duplicates and split; and what can be counted of it."""

from .pipeline import Corpus, Manifest, load, prepare
from .sources import source_fingerprint

__all__ = ["Corpus", "Manifest", "load", "prepare", "source_fingerprint"]
