"""What goes wrong: in continuations (language, repetition, letters) and in test text (worst documents and words)."""

from .identifier import CLASSES, calibrated_by_sentence, sentence_identifier
from .languages import MIN_LETTERS, SHORT, language_by_sentence, language_shares, share_in, split_sentences
from .letters import (
    LETTER_CLASSES,
    count_letters,
    letter_class,
    letters_by_class,
    letters_of_models,
    non_bashkir_letter_share,
)
from .loss import Scored, worst_documents, worst_words
from .repetition import MAX_PERIOD, Loop, distinct, longest_loop, repeated_ngrams
from .summary import (
    MEASURES,
    SHARE_COLUMNS,
    beside_text,
    measure,
    repetition_table,
    summarise_continuations,
)
from .switching import follow

__all__ = [
    "CLASSES",
    "LETTER_CLASSES",
    "MAX_PERIOD",
    "MEASURES",
    "MIN_LETTERS",
    "SHARE_COLUMNS",
    "SHORT",
    "Loop",
    "Scored",
    "beside_text",
    "calibrated_by_sentence",
    "count_letters",
    "distinct",
    "follow",
    "language_by_sentence",
    "language_shares",
    "letter_class",
    "letters_by_class",
    "letters_of_models",
    "longest_loop",
    "measure",
    "non_bashkir_letter_share",
    "repeated_ngrams",
    "repetition_table",
    "sentence_identifier",
    "share_in",
    "split_sentences",
    "summarise_continuations",
    "worst_documents",
    "worst_words",
]
