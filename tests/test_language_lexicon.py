from collections import Counter

import pytest

from bashkir_utils.exceptions import LanguageError
from bashkir_utils.language import entries_of, lexicon, read_lexicon
from bashkir_utils.language.lexicon import FOLDER

HEADER = "stem\tpos\tgloss\tirregular\n"


def test_the_lexicon_has_its_size():
    stems = {(entry.stem, entry.pos) for entry in lexicon() if not entry.tags}
    by_pos = Counter(pos for _, pos in stems)
    assert len(stems) >= 1500
    assert by_pos["noun"] >= 700
    assert by_pos["verb"] >= 350
    assert by_pos["adjective"] >= 200


def test_no_stem_stands_twice():
    counts = Counter((entry.stem, entry.pos, entry.tags, entry.remarks.get("lemma")) for entry in lexicon())
    assert [key for key, count in counts.items() if count > 1] == []


def test_names_are_found_in_any_case():
    assert entries_of("өфө") == entries_of("Өфө") != ()


def test_a_line_says_what_is_irregular(tmp_path):
    path = tmp_path / "nouns.tsv"
    path.write_text(
        HEADER + "халыҡ\tnoun\tpeople\toblique=халҡ; class=group\nзавод\tnoun\tfactory\trounded=no; harmony=back\n"
    )
    people, factory = read_lexicon(path)
    assert (people.oblique, people.remarks["class"], people.front) == ("халҡ", "group", None)
    assert (factory.front, factory.rounded) == (False, False)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("китап\tnoun\tbook", "3 columns where 4 belong"),
        ("китап\tnoun\tbook\t\t", "5 columns"),
        ("китап\tnuon\tbook\t", "unknown part of speech 'nuon'"),
        ("\tnoun\tbook\t", "empty"),
        ("китап\tnoun\t\t", "empty"),
        ("kитап\tnoun\tbook\t", "holds 'k'"),
        ("китап\tnoun\tbook\toblique", "is not key=value"),
        ("китап\tnoun\tbook\toblique=", "is not key=value"),
        ("китап\tnoun\tbook\tobliqe=китаб", "unknown key 'obliqe'"),
        ("китап\tnoun\tbook\tharmony=soft", "harmony is front or back"),
        ("китап\tnoun\tbook\toblique=kitab", "holds"),
        ("китап\tnoun\tbook\toblique=китаб; oblique=кита", "'oblique' stands twice"),
        ("китап\tnoun\tbook\tclass=zzz", "class is abstract"),
        ("бар\tverb\tgo\ttransitive=maybe", "transitive is no, not 'maybe'"),
        ("-\tnoun\tdash\t", "holds no letter"),
    ],
)
def test_a_broken_line_is_named(tmp_path, line, message):
    path = tmp_path / "nouns.tsv"
    path.write_text(HEADER + "бала\tnoun\tchild\t\n" + line + "\n")
    with pytest.raises(LanguageError, match=message) as caught:
        read_lexicon(path)
    assert str(caught.value).startswith("nouns.tsv line 3: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("tags", ["PRON+NEU", "+", "PRON+"])
def test_an_unknown_tag_of_a_listed_form_is_named(tmp_path, tags):
    path = tmp_path / "pronouns.tsv"
    path.write_text(f"form\tlemma\ttags\tgloss\nмин\tмин\t{tags}\tI\n")
    with pytest.raises(LanguageError, match=r"^pronouns\.tsv line 2: unknown tag"):
        read_lexicon(path)


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "nouns.tsv"
    for content in (b"", b"a,b\n", b"\xff\xfe\x00"):
        path.write_bytes(content)
        with pytest.raises(LanguageError, match=r"nouns\.tsv"):
            read_lexicon(path)
    with pytest.raises(LanguageError, match="cannot be read"):
        read_lexicon(tmp_path / "none.tsv")


def test_the_readme_names_every_key():
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    for key in ("oblique", "harmony", "rounded", "class", "loan", "transitive", "case", "note", "CAUS", "PASS"):
        assert f"`{key}" in text
