"""The glossary: its form, and that each term comes up first in the lesson that it names."""

import re

import notebook_rules
import page_links
import pytest

from course_utils import runtime

TERMS = page_links.read_terms(runtime.project_dir() / "docs" / "glossary.md")
# An everyday use of the word in an earlier lesson, where it isn't the term yet.
OTHER_SENSES = {
    ("embedding", "00"),  # "the embedding function": what embeds
    ("label", "01"),  # the name of a row
    ("loss", "01"),  # something that got lost
    ("QLoRA", "03"),  # in the title of a paper
}


def first_uses():
    """Return the terms that each lesson uses, by lesson; code doesn't count."""
    used = {}
    for path in notebook_rules.NOTEBOOKS:
        text = notebook_rules.prose(notebook_rules.read(path))
        text = re.sub(r"```.*?```|`[^`]*`", "`code`", text, flags=re.DOTALL)
        found = page_links.any_of(TERMS).finditer(text)
        used[path.name[:2]] = {TERMS[page_links.number_of(match)].english for match in found}
    return used


USED = first_uses()


def test_the_glossary_has_40_terms_or_more_by_the_alphabet():
    assert len(TERMS) >= 40
    names = [term.english.lower() for term in TERMS]
    assert names == sorted(set(names))


@pytest.mark.parametrize("term", TERMS, ids=lambda term: term.english)
def test_a_term_has_its_chinese_and_one_to_three_sentences(term):
    assert re.search(r"[\u4e00-\u9fff]", term.chinese)
    assert 1 <= len(re.findall(r"[.!?](?: |$)", term.meaning)) <= 3


@pytest.mark.parametrize("term", TERMS, ids=lambda term: term.english)
def test_a_term_comes_up_first_in_its_lesson(term):
    earlier = [
        lesson
        for lesson, used in USED.items()
        if term.english in used
        and lesson < term.lesson
        and (term.english, lesson) not in OTHER_SENSES
    ]
    assert earlier == []
    if term.lesson not in USED:
        pytest.skip(f"lesson {term.lesson} isn't written yet")
    assert term.english in USED[term.lesson]


def test_a_malformed_entry_is_named(tmp_path):
    page = tmp_path / "glossary.md"
    page.write_text(
        "```{glossary}\nrank\n秩\n  How thin it is. Lesson 04.\n\nloss\n  No Chinese.\n```\n"
    )
    with pytest.raises(ValueError, match=r"glossary\.md.*Lesson NN.*loss"):
        page_links.read_terms(page)


def test_a_term_is_found_in_the_plural_with_a_capital_and_across_a_line_but_not_in_a_longer_word():
    terms = [
        page_links.Term("embedding model", "", "", "00"),
        page_links.Term("embedding", "", "", "00"),
    ]
    text = "Embedding\nmodels and an embedding; no embeddingless, re-embedding or EMBEDDING"
    found = [match[0] for match in page_links.any_of(terms).finditer(text)]
    assert found == ["Embedding\nmodels", "embedding"]
