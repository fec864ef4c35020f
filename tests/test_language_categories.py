import re

import pytest

from bashkir_utils.language import TAGS, analyse, generate_documents
from bashkir_utils.language.categories import CATEGORY_OF, SUFFIX_CATEGORIES, cut_tags


def test_every_tag_has_one_category():
    assert set(CATEGORY_OF) == set(TAGS)
    assert set(CATEGORY_OF.values()) == set(SUFFIX_CATEGORIES)


@pytest.mark.parametrize(
    ("word", "tags"),
    [
        ("китаптарыма", ("PL", "P1SG", "DAT")),
        ("китап", ()),
        ("барам", ("PRS", "1SG")),
        ("барманым", ("NEG", "PST", "1SG")),
    ],
)
def test_the_tag_of_each_cut(word, tags):
    assert cut_tags(analyse(word)[0]) == tags


def test_every_reading_of_a_text_has_a_tag_for_each_cut():
    words = {word for each in generate_documents(12) for word in re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)*", each.text)}
    readings = [one for word in words for one in analyse(word)]
    assert len(readings) > 500
    for one in readings:
        assert len(cut_tags(one)) == len(one.cuts), one
