"""Made-up evaluations with tokens, for tests of loss by place."""

from dataclasses import dataclass

import pandas as pd

from bashkir_utils.errors.scored_text import ReadText, read_documents


@dataclass(frozen=True, eq=False)
class MadeScores:
    """What ``errors`` asks of an evaluation."""

    documents: pd.DataFrame
    tokens: pd.DataFrame


def made_scores(texts, tokens, sources=None) -> tuple[MadeScores, ReadText]:
    """Tokens are (document, start, end, nll) with, if given, a context."""
    names = [f"d{place}" for place in range(len(texts))]
    documents = pd.DataFrame({"id": names, "source": sources or ["made"] * len(texts)})
    rows = [(d, start, end, rest[0] if rest else 0, nll) for d, start, end, nll, *rest in tokens]
    table = pd.DataFrame(rows, columns=["document", "start", "end", "context", "nll"])
    table = table.astype({"document": int, "start": int, "end": int, "context": int, "nll": float})
    return MadeScores(documents, table), read_documents(documents, pd.DataFrame({"id": names, "text": list(texts)}))


def every_character(texts, nats=lambda document, place: 1.0) -> list[tuple[int, int, int, float]]:
    """One token a character."""
    return [(d, i, i + 1, nats(d, i)) for d, text in enumerate(texts) for i in range(len(text))]
