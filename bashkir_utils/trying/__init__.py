"""Two models beside each other on a prompt that somebody types, on a page that this machine serves to itself."""

from .beside import (
    LONGEST_PROMPT,
    MOST_NEW_TOKENS,
    Answer,
    Asked,
    Bench,
    How,
    Part,
    Side,
    Word,
    choose_runs,
    open_bench,
)
from .server import HOST, LARGEST_BODY, PageServer, serve

__all__ = [
    "HOST",
    "LARGEST_BODY",
    "LONGEST_PROMPT",
    "MOST_NEW_TOKENS",
    "Answer",
    "Asked",
    "Bench",
    "How",
    "PageServer",
    "Part",
    "Side",
    "Word",
    "choose_runs",
    "open_bench",
    "serve",
]
