import pandas as pd
import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st

from bashkir_utils.errors import memorisation as mem
from bashkir_utils.exceptions import CorpusError

TEXTS = [
    "Ҡар яуа. Малай сана менән тауҙан шыуа, ә ҡыҙ ҡар әүәләй.",
    "Яҙ етте, ҡоштар йылы яҡтан ҡайтты.\n\nБалалар баҡсала уйнай.",
    "<script>alert(1)</script> тип яҙылған бер хат килде беҙгә.",
]


def documents(texts=TEXTS):
    return pd.DataFrame({"id": [f"d{i}" for i in range(len(texts))], "source": "a|b<i>", "text": texts})


INDEX = mem.index_documents(documents())
SIGNS = st.text(alphabet="абә 👍", max_size=12)


@given(st.lists(SIGNS, min_size=1, max_size=5), SIGNS)
def test_the_index_agrees_with_in(texts, run):
    index = mem.index_documents(documents(texts))
    spaced = [f" {' '.join(text.split())} " for text in texts]
    if run:
        holders = [place for place, text in enumerate(spaced) if run in text]
        assert index.holds(run) == bool(holders)
        found = index.find(run)
        assert (found.document if found else None) == (holders[0] if holders else None)


@given(st.text(alphabet="абв", max_size=15), st.text(alphabet="абв", max_size=30))
def test_run_lengths_agree_with_brute_force(text, training):
    found = mem.run_lengths(len(text), lambda start, end: text[start:end] in training)
    slow = [max(n for n in range(len(text) - i + 1) if text[i : i + n] in training) for i in range(len(text))]
    assert found.tolist() == slow


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("before", ["", "Элек. "])
def test_a_pasted_document_is_found_whole(text, before):
    found = mem.copied(INDEX, "Башы", f" {before}{text}", ended=True)
    whole = " ".join(text.split())
    assert found.run.strip() == whole
    assert found.longest_words == len(whole.split())
    assert found.longest_characters >= len(whole)
    assert INDEX.ids[found.place.document] == f"d{TEXTS.index(text)}"
    if not before:
        assert found.copied_words == found.copied_characters == 1


def test_by_hand():
    found = mem.copied(INDEX, "Бөгөн", " беҙҙең малай сана менән тауҙан шыуа, ә бесәй йоҡлай.", ended=True)
    # сана менән тауҙан шыуа, ә
    assert found.longest_words == 5
    # nine words have five runs of five, one of which is copied
    assert found.copied_words == pytest.approx(1 / 5)
    assert found.run == "алай сана менән тауҙан шыуа, ә "
    assert found.longest_characters == 31


def test_no_run_crosses_the_end_of_a_document():
    assert mem.copied(INDEX, "", "ҡар әүәләй. Яҙ етте,", ended=True).longest_words == 2


def test_the_prompt_is_not_copied_and_pieces_of_words_are_no_words():
    prompt, continuation = "Малай сана менән тау", "ҙан шыуа, ә ҡы"
    found = mem.copied(INDEX, prompt, continuation, ended=False)
    assert found.run == continuation
    assert found.longest_words == 2
    assert mem.copied(INDEX, prompt, "", ended=True) == mem.Copied(
        0, 0, *[pytest.approx(float("nan"), nan_ok=True)] * 2, "", None
    )


def test_case_and_signs_matter_and_white_space_does_not():
    assert mem.copied(INDEX, "", " ЯҘ ЕТТЕ ", ended=True).longest_words == 0
    assert mem.copied(INDEX, "", " ҡайтты.  Балалар\tбаҡсала ", ended=True).longest_words == 3


def test_only_the_first_documents_are_searched():
    index = mem.index_documents(documents(), max_characters=len(TEXTS[0]) + 1)
    assert index.ids == ("d0", "d1")
    assert index.characters == len(TEXTS[0]) + len(TEXTS[1])
    assert "the first 2 training documents" in mem.coverage_line(index)
    assert index.searched == mem.Searched(2, index.characters, index.of_characters)
    assert not index.holds("хат килде")
    with pytest.raises(CorpusError):
        mem.index_documents(documents(), max_characters=0)
    with pytest.raises(CorpusError):
        mem.index_documents(documents([]))


def continuations():
    rows = [
        ("a", "Ул", " малай сана менән тауҙан шыуа, ә бер", True),
        ("a", "Мин", " xyz", True),
        ("b", "Ул", " <script>alert(1)</script> тип яҙылған бер хат", True),
        ("b", "Мин", "", True),
    ]
    return pd.DataFrame(rows, columns=["model", "prompt", "continuation", "ended"])


def test_means_by_model():
    found = mem.memorisation_table(mem.memorised(continuations(), INDEX))
    assert found.index.tolist() == ["a", "b"]
    assert found.loc["a", "longest_words"] == pytest.approx(5 / 2)
    assert found["most_words"].tolist() == [5, 5]
    assert found.loc["a", ["longest_words_low", "longest_words_high"]].tolist() == [0, 5]
    # only the first text of a has five words
    assert found.loc["a", "copied_words"] == pytest.approx(1 / 3)


def test_the_nearest_document_is_shown_escaped_and_marked():
    table = mem.memorised(continuations(), INDEX)
    assert table["document"].tolist() == ["d0", None, "d2", None]
    page = BeautifulSoup(mem.nearest_html(table), "html.parser")
    assert page.find("script") is None
    assert page.find("i") is None
    assert [mark.text for mark in page.find_all("mark")][:2] == ["алай сана менән тауҙан шыуа, ә "] * 2
    assert "d0, a|b<i>" in page.text
    assert mem.nearest_html(table, models=["b"]).count("<tr>") == 2
    assert page.find(lang=True) is None


def test_text_and_origin_stand_apart_and_say_their_language():
    """Letters that run from the right must not turn what stands beside them; ``bdi`` holds them."""
    table = mem.memorised(continuations(), INDEX).assign(document="סמן", source="שלום")
    page = BeautifulSoup(mem.nearest_html(table, language='tt"><b>'), "html.parser")
    assert page.find("b") is None
    for row in page.find("tbody").find_all("tr"):
        wrote, found, origin = row.find_all("bdi")
        assert [each.get("lang") for each in (wrote, found, origin)] == ['tt"><b>', 'tt"><b>', None]
        assert wrote.parent.name == found.parent.name == "td"
        assert origin.text.startswith("סמן, שלום; ")
        assert origin.parent.text == f"({origin.text})"
