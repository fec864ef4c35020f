"""Tokenizers: load any, trust none before it gives Bashkir text back, and measure what each makes of a text.

Nothing here adds special tokens: every count is of the text alone.
"""

from .display import TINTS, bashkir_findings, colour_html, findings, readable, split_table_html, visible
from .loading import (
    ROUND_TRIP_TEXT,
    Tokenizer,
    check_round_trip,
    from_transformers,
    gguf_tokenizer,
    load_tokenizer,
    load_tokenizers,
    tokenizer_names,
)
from .measures import (
    Measurements,
    compare,
    compare_parity,
    entries_with_letters,
    measure,
    pieces_per_word,
    premium,
    renyi_efficiency,
    sample_texts,
)
from .morphemes import BoundaryAgreement, boundary_agreement, compare_boundaries, segmented_words, token_cuts
from .paper import PAPER_PERPLEXITIES, ReportedPerplexity, bits_per_byte, paper_perplexities_as_bits_per_byte

__all__ = [
    "PAPER_PERPLEXITIES",
    "ROUND_TRIP_TEXT",
    "TINTS",
    "BoundaryAgreement",
    "Measurements",
    "ReportedPerplexity",
    "Tokenizer",
    "bashkir_findings",
    "bits_per_byte",
    "boundary_agreement",
    "check_round_trip",
    "colour_html",
    "compare",
    "compare_boundaries",
    "compare_parity",
    "entries_with_letters",
    "findings",
    "from_transformers",
    "gguf_tokenizer",
    "load_tokenizer",
    "load_tokenizers",
    "measure",
    "paper_perplexities_as_bits_per_byte",
    "pieces_per_word",
    "premium",
    "readable",
    "renyi_efficiency",
    "sample_texts",
    "segmented_words",
    "split_table_html",
    "token_cuts",
    "tokenizer_names",
    "visible",
]
