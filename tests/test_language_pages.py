import re
from pathlib import Path

import pytest
import yaml

from bashkir_utils.corpus.identify import identify, knows
from bashkir_utils.study import GenerationSpec, load_study

BOOK = Path(__file__).resolve().parent.parent / "book"
ENTRY = re.compile(r"^(?! |`|:)(\S.*)$", re.MULTILINE)


@pytest.fixture(scope="module")
def profile(tmp_path_factory):
    page = (BOOK / "your_language.md").read_text(encoding="utf-8")
    path = tmp_path_factory.mktemp("profile") / "chuvash.yaml"
    path.write_text(re.search(r"```yaml\n(.*?)```", page, flags=re.DOTALL).group(1), encoding="utf-8")
    return path


def test_the_profile_on_the_page_is_valid_and_asks_for_a_language_that_is_known(profile):
    study = load_study(profile, corpus="chuvash.zip")
    assert (study.name, study.corpus.source) == ("chuvash", "chuvash.zip")
    assert knows(study.corpus.language)


def test_it_differs_from_the_study_profile_only_where_the_page_says_so(profile):
    mine, original = load_study(profile), load_study("study")
    assert mine.models == original.models
    assert mine.methods == original.methods
    assert mine.training.tokens == original.training.tokens
    assert set(yaml.safe_load(profile.read_text(encoding="utf-8"))["corpus"]) == {"language"}


def test_the_prompts_on_the_page_are_a_setting():
    page = (BOOK / "your_language.md").read_text(encoding="utf-8")
    (block,) = [each for each in re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL) if "prompts_file" in each]
    spec = GenerationSpec.model_validate(yaml.safe_load(block)["generation"])
    assert spec.prompts_file == "chuvash-prompts.tsv"


def test_every_term_is_defined_once_and_every_reference_has_its_term():
    page = (BOOK / "glossary.md").read_text(encoding="utf-8")
    body = page.split("```{glossary}\n:sorted:\n")[1].rsplit("```", 1)[0]
    terms = ENTRY.findall(body)
    assert len(terms) == len(set(terms)) > 30
    references = {re.sub(r".*<(.*)>", r"\1", name) for name in re.findall(r"\{term\}`([^`]+)`", body)}
    assert references
    assert references <= set(terms)


def test_what_the_pages_cite_is_in_the_bibliography():
    known = set(re.findall(r"^@\w+\{(\w+),", (BOOK / "references.bib").read_text(encoding="utf-8"), re.MULTILINE))
    for page in ("glossary.md", "your_language.md", "cluster.md"):
        text = (BOOK / page).read_text(encoding="utf-8")
        cited = {key for keys in re.findall(r"\{cite:[pt]\}`([^`]+)`", text) for key in keys.split(",")}
        assert cited
        assert cited <= known


def test_the_exercise_on_the_identifier_says_what_it_answers():
    page = (BOOK / "your_language.md").read_text(encoding="utf-8")
    sentences = re.search(r'sentences = \["(.*?)", "(.*?)"\]', page).groups()
    (first, probability), (second, _) = map(identify, sentences)
    assert (first, second) == ("uz", "cv")
    assert probability < 0.5
    assert knows("cv")
