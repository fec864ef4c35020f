"""Tokens as a reader can see them, and what the measurements show in words. Every text is escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable
from types import MappingProxyType

import pandas as pd

from ..markup import is_drawn
from .loading import Tokenizer

TINTS = ("#CFE3F1", "#FBE3B5", "#CDEBDF", "#F5DCE9")
"""Light tints of Okabe and Ito's colours; the border, not the tint, marks where a token ends."""


def visible(piece: bytes) -> str:
    """A token as a reader can see it: space as ``␣``, stray bytes and signs that do not print as ``⟨D2⟩``."""
    return "".join(map(_visible_sign, piece.decode(errors="surrogateescape")))


def _visible_sign(sign: str) -> str:
    if sign == " ":
        return "␣"
    if is_drawn(sign):
        return sign
    return "".join(f"⟨{byte:02X}⟩" for byte in sign.encode(errors="surrogateescape"))


def colour_html(tokenizer: Tokenizer, text: str) -> str:
    """HTML that shows each token of ``text`` in a box; the text is escaped, so it may come from anywhere."""
    boxes = "".join(_box(index, piece) for index, piece in enumerate(tokenizer.pieces(text)) if piece)
    return f'<div class="tokens" lang="ba" style="line-height:2.1">{boxes}</div>'


def _box(index: int, piece: bytes) -> str:
    style = (
        f"display:inline-block;unicode-bidi:isolate;border:1px solid #333;border-radius:3px;margin:0 1px;"
        f"padding:0 2px;line-height:1.4;color:#000;background:{TINTS[index % len(TINTS)]}"
    )
    return f'<span style="{style}" title="{piece.hex(" ").upper()}">{html.escape(visible(piece))}</span>'


def split_table_html(loaded: Iterable[Tokenizer], text: str) -> str:
    """HTML table: how each tokenizer splits the same text, and in how many tokens; everything is escaped."""
    rows = "".join(
        f'<tr><th scope="row">{html.escape(each.name)}</th><td>{len(each.encode(text))}</td>'
        f'<td style="text-align:left">{colour_html(each, text)}</td></tr>'
        for each in loaded
    )
    head = '<tr><th scope="col">tokenizer</th><th scope="col">tokens</th><th scope="col">split</th></tr>'
    return f'<table class="token-splits"><thead>{head}</thead><tbody>{rows}</tbody></table>'


def readable(measured: pd.DataFrame) -> pd.DataFrame:
    """The figures of :func:`compare` as text, shares in per cent: one row a measure, one column a tokenizer."""
    rows = {
        measure.replace("_", " "): [pattern.format(value) for value in measured[measure]]
        for measure, pattern in _PATTERNS.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(measured.index)).rename_axis("measure")


_PATTERNS = MappingProxyType(
    {
        "tokens_per_word": "{:.2f}",
        "characters_per_token": "{:.2f}",
        "bytes_per_token": "{:.3f}",
        "words_kept_whole": "{:.2%}",
        "vocabulary_size": "{:,}",
        "vocabulary_used": "{:,}",
        "vocabulary_used_share": "{:.2%}",
        "unknown_share": "{:.2%}",
        "byte_fallback_share": "{:.2%}",
        "renyi_efficiency": "{:.3f}",
        "megabytes_per_second": "{:.1f}",
    }
)


def findings(measured: pd.DataFrame) -> str:
    """What the measures of :func:`compare` show of a text in any language, as a Markdown list."""
    return _listed(_fertility_finding(measured), _whole_word_finding(measured))


def bashkir_findings(parity: pd.DataFrame, paper: pd.DataFrame) -> str:
    """What holds for Bashkir alone, as a Markdown list; every number comes from the tables.

    Args:
        parity: from :func:`compare_parity`.
        paper: from :func:`paper_perplexities_as_bits_per_byte`.
    """
    return _listed(_parity_finding(parity), _paper_finding(paper))


def _listed(*lines: str) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _fertility_finding(measured: pd.DataFrame) -> str:
    fertility = measured["tokens_per_word"]
    fewest, most = (_all_at(measured, value) for value in (fertility.min(), fertility.max()))
    return f"Fewest tokens per word: {fewest}. Most: {most}."


def _all_at(measured: pd.DataFrame, fertility: float) -> str:
    """Every tokenizer with that fertility, for GPT-2 and Phi-2 often tie."""
    rows = measured[measured["tokens_per_word"] == fertility]
    names = " and ".join(f"`{name}`" for name in rows.index)
    return f"{names} ({fertility:.2f}, at {rows['bytes_per_token'].iloc[0]:.2f} bytes per token)"


def _whole_word_finding(measured: pd.DataFrame) -> str:
    whole, used = measured["words_kept_whole"], measured["vocabulary_used_share"]
    return (
        f"At best {whole.max():.1%} of the words stay whole (`{whole.idxmax()}`), and the text uses between "
        f"{used.min():.1%} and {used.max():.1%} of a vocabulary."
    )


def _parity_finding(parity: pd.DataFrame) -> str:
    loaded = parity.drop(index=["characters", "UTF-8 bytes"])
    english, russian = loaded["against English"], loaded["against Russian"]
    return (
        f"A Bashkir sentence takes {english.min():.1f} to {english.max():.1f} times the tokens of its English "
        f"translation and {russian.min():.1f} to {russian.max():.1f} times those of the Russian one, at "
        f"{parity['against English']['characters']:.2f} and {parity['against Russian']['characters']:.2f} "
        "times the characters."
    )


def _paper_finding(paper: pd.DataFrame) -> str:
    reported = list(paper.sort_values("perplexity (reported)")["model"])
    converted = list(paper.sort_values("bits per byte")["model"])
    verdict = "stays the same" if reported == converted else f"becomes {', '.join(converted)}"
    return (
        f"By perplexity per token the paper's order is {', '.join(reported)}; in bits per byte, with the bytes per "
        f"token of this text, it {verdict}."
    )
