"""Bashkir itself: letters, sounds, words and their forms, texts made for this project, prompts, parallel sentences."""

from . import tables
from .alphabet import ALPHABET, BASHKIR_LETTERS, TATAR_LETTERS
from .documents import GeneratedDocument, generate_documents
from .held_out import Paragraph, held_out, held_out_languages
from .labelled import LabelledSentence, labelled_sentences, read_labelled
from .lexicon import Entry, entries_of, lexicon, read_lexicon
from .morphology import Analysis, analyse, following, inflect, parts, segment
from .morphotactics import TAGS
from .paradigm import conjugation, core_paradigm, declension
from .parallel import PARALLEL, ParallelSentence
from .prompts import PROMPTS, Prompt, chosen_prompts, language_of_prompts

__all__ = [
    "ALPHABET",
    "BASHKIR_LETTERS",
    "PARALLEL",
    "PROMPTS",
    "TAGS",
    "TATAR_LETTERS",
    "Analysis",
    "Entry",
    "GeneratedDocument",
    "LabelledSentence",
    "Paragraph",
    "ParallelSentence",
    "Prompt",
    "analyse",
    "chosen_prompts",
    "conjugation",
    "core_paradigm",
    "declension",
    "entries_of",
    "following",
    "generate_documents",
    "held_out",
    "held_out_languages",
    "inflect",
    "labelled_sentences",
    "language_of_prompts",
    "lexicon",
    "parts",
    "read_labelled",
    "read_lexicon",
    "segment",
    "tables",
]
