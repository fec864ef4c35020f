import numpy as np
import pytest

from bashkir_utils.errors import splices
from bashkir_utils.language import labelled_sentences

SENTENCES = labelled_sentences()


def test_a_splice_holds_what_it_says():
    made = splices.splice(SENTENCES, "ba", "en", 7, np.random.default_rng(0))
    assert (len(made.words), made.place, made.into) == (splices.LENGTH, 7, "en")
    assert all(word.isascii() for word in made.words[7:])
    assert not any(word.isascii() for word in made.words[:7])


def test_held_out_switches_are_found_where_they_are():
    table = splices.detection(SENTENCES, "ba", 0.95)
    assert table.index.tolist() == [splices.NOWHERE, "tt", "ru", "en", "other"]
    assert table["texts"].nunique() == 1
    assert table.loc[splices.NOWHERE, "found"] < 0.1
    real = table.drop(index=splices.NOWHERE)
    assert (real["low"] > 0.75).all()
    assert (real["language_right"] > 0.9).all()
    assert (real["words_off"] <= 3).all()
    assert (real["bias"].abs() < 2).all()


def test_only_held_out_sentences_are_spliced(monkeypatch):
    """Each identifier is asked about words of the groups that it was not fitted to."""
    asked, real = [], splices.fold_identifiers

    class Spy:
        def __init__(self, groups):
            self.words = {word for each in SENTENCES if each.group in groups for word in each.text.split()}

        def probabilities(self, texts):
            asked.append({word for text in texts for word in text.split()} <= self.words)
            return np.tile([1.0, 0, 0, 0, 0], (len(texts), 1))

    monkeypatch.setattr(
        splices, "fold_identifiers", lambda *about: [(Spy(groups), groups) for _, groups in real(*about)]
    )
    table = splices.detection(SENTENCES, "ba", 0.95)
    assert asked
    assert all(asked)
    assert table["found"].tolist() == pytest.approx([0.0] * 5)
