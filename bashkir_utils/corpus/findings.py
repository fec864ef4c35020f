"""What the chapter on the corpus says and shows, computed from the corpus; all text of unknown origin is escaped."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import pandas as pd

from ..markup import escape_markdown, html_table, visible_text
from . import statistics
from .pipeline import SPLITS, Corpus

SAMPLE_CHARACTERS = 400


def introduce(corpus: Corpus) -> str:
    """One Markdown paragraph: which corpus this is, how large, and what a reader must know of it."""
    words = sum(size["words"] for size in corpus.manifest.counts.values())
    documents = sum(size["documents"] for size in corpus.manifest.counts.values())
    text = (
        f"**Corpus:** {escape_markdown(corpus.label)}, fingerprint `{corpus.fingerprint}`, "
        f"{documents:,} documents, {words:,} words after cleaning."
    )
    if corpus.label.startswith("generated"):
        text += (
            " This text was **generated** by a grammar and a lexicon written for this book: it shows how everything "
            "works, and says little about real Bashkir. Give `CORPUS` a path to real text for that."
        )
    if not corpus.manifest.language_known:
        text += " The language asked for is **unknown to the identifier**, so no document was dropped for its language."
    return text


def identification(corpus: Corpus) -> str:
    """A Markdown sentence: whether the identifier knows the language asked for, and as what it took the documents."""
    taken = corpus.confusion().sort_values("documents", ascending=False)
    asked, total = corpus.language, int(taken["documents"].sum())
    if asked is not None and corpus.manifest.language_known:
        own = int(taken.loc[taken["language"] == asked, "documents"].sum())
        return (
            f"The identifier **knows this language**, as `{asked}`: it called {own:,} of {total:,} documents so, and "
            "only these were kept."
        )
    reason = "No label was asked for" if asked is None else f"It has no label `{escape_markdown(asked)}`"
    first = taken.iloc[0]
    return (
        f"The identifier **does not know this language**, as far as this book can say. {reason}, so every document was "
        f"kept, whatever it was taken for: {first['documents']:,} of {total:,} for `{first['language']}`, which here "
        "is a guess. Whether the text is in one language is for you to check."
    )


def split_table(corpus: Corpus) -> pd.DataFrame:
    """Documents, characters, words and bytes of each split."""
    counts = pd.DataFrame(corpus.manifest.counts).T.rename_axis("split")
    return counts.loc[list(SPLITS), ["documents", "words", "characters", "bytes"]]


def dropped_table(corpus: Corpus, *, each: int = 2) -> str:
    """HTML table of a few dropped documents for each step and reason; a sentence where nothing was dropped."""
    dropped = corpus.dropped()
    if dropped.empty:
        return "<p>Nothing was dropped.</p>"
    shown = dropped.groupby(["step", "reason"], sort=False).head(each)
    shown = shown.assign(excerpt=[visible_text(text, 120) or "(empty)" for text in shown["excerpt"]])
    return html_table(shown.set_index("step"), "Dropped documents: reason and beginning")


def samples_table(corpus: Corpus, *, count: int = 3) -> str:
    """HTML table with the beginnings of the first training documents."""
    first = corpus.split("train").head(count)
    shown = pd.DataFrame({"source": first["source"], "text": first["text"].str.slice(0, SAMPLE_CHARACTERS)})
    shown.index = pd.Index(first["id"], name="document")
    return html_table(shown, "Beginnings of three documents", text=["text"], language=corpus.language)


def duplicates(corpus: Corpus) -> str:
    """A Markdown sentence on the copies that were found."""
    funnel = corpus.funnel().set_index("step")["dropped_documents"]
    groups = sum(corpus.manifest.duplicates.values())
    largest = max((int(size) for size in corpus.manifest.duplicates), default=0)
    text = f"Dropped here: {funnel['exact duplicates']:,} exact and {funnel['near duplicates']:,} near copies"
    return text + (f", in {groups:,} groups of which the largest has {largest:,} documents." if groups else ".")


def sample(texts: Iterable[str], max_characters: int) -> list[str]:
    """Texts in their order until ``max_characters`` are reached; at least one."""
    chosen: list[str] = []
    total = 0
    for text in texts:
        if chosen and total + len(text) > max_characters:
            break
        chosen.append(text)
        total += len(text)
    return chosen


def _listed(exponents: Mapping[str, float]) -> str:
    shown = {name: "unknown (too few words)" if math.isnan(x) else f"{x:.2f}" for name, x in exponents.items()}
    return ", ".join(f"{value} for {escape_markdown(name)}" for name, value in shown.items())


def summary(
    corpus: Corpus, ranks: Mapping[str, pd.DataFrame], growths: Mapping[str, pd.DataFrame], letters: pd.DataFrame
) -> str:
    """What was found, as a Markdown list; every number comes from the arguments."""
    funnel = corpus.funnel()
    first, last = funnel.iloc[0], funnel.iloc[-1]
    exponents = _listed({name: statistics.heaps_exponent(growth) for name, growth in growths.items()})
    slopes = _listed({name: statistics.zipf_exponent(table) for name, table in ranks.items()})
    own = letters.loc[letters["own"], "share"].sum()
    lines = [
        f"- Of {first['documents']:,} documents {last['documents']:,} are left, with {last['words']:,} words "
        f"({last['words'] / max(first['words'], 1):.1%} of all words read).",
        f"- {corpus.manifest.mended_documents:,} documents had Latin look-alike letters inside Cyrillic words, "
        f"and {corpus.manifest.replaced_characters:,} signs were not UTF-8.",
        f"- Heaps exponents (near 1, new words keep coming): {exponents}. Zipf exponents: {slopes}.",
    ]
    if letters["own"].any():
        lines.append(f"- The nine letters that Russian lacks are {own:.1%} of all letters.")
    if corpus.label.startswith("generated"):
        lines.append(
            "- These are counts of **generated** text; its vocabulary is that of its lexicon, and its "
            "exponents say nothing of Bashkir."
        )
    return "\n".join(lines)
