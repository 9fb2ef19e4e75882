"""The handbook is what data/README.md says."""

import re
from collections import Counter

import pytest

from course_utils import rag, runtime

TOPICS = {
    "account",
    "care",
    "community",
    "membership",
    "orders",
    "payment",
    "products",
    "rental",
    "repairs",
    "returns",
    "safety",
    "second-hand",
    "shipping",
    "sizing",
    "warranty",
}


@pytest.fixture(scope="module")
def handbook():
    return rag.read_handbook(runtime.data_dir() / "handbook")


def words(text):
    return re.findall(r"\w+", text.lower())


def test_there_are_60_or_more_articles_of_100_to_600_words(handbook):
    assert len(handbook) >= 60
    lengths = {article.id: len(article.body.split()) for article in handbook}
    assert {i: n for i, n in lengths.items() if not 100 <= n <= 600} == {}
    assert min(lengths.values()) < 180  # short ones and long ones
    assert max(lengths.values()) > 500


def test_titles_are_unique_and_topics_known(handbook):
    assert max(Counter(article.title for article in handbook).values()) == 1
    assert {article.topic for article in handbook} == TOPICS


def test_two_articles_contradict_each_other_by_date(handbook):
    old, new = (
        next(article for article in handbook if article.id == identifier)
        for identifier in ("returns-window-2024", "return-policy")
    )
    assert old.updated_at < new.updated_at
    assert "30 days" in old.body
    assert "60 days" not in old.body
    assert "60 days" in new.body
    assert "30 days" not in new.body


def test_one_article_holds_a_planted_instruction_and_no_other_does(handbook):
    code = "CAIRN-FREE-100"
    assert [article.id for article in handbook if code in article.body] == ["community-route-tips"]


def test_every_article_states_facts_that_a_question_can_ask_for(handbook):
    poor = {
        article.id: len(re.findall(r"\d", article.body))
        for article in handbook
        if len(set(re.findall(r"\d+(?:[.,]\d+)?", article.body))) < 4
    }
    assert poor == {}


def test_no_two_articles_share_a_mould(handbook):
    """No long run of words stands in two articles, and no two begin alike."""
    length = 9
    owners = {}
    for article in handbook:
        text = words(article.body)
        for start in range(len(text) - length + 1):
            owners.setdefault(tuple(text[start : start + length]), set()).add(article.id)
    assert {" ".join(run): ids for run, ids in owners.items() if len(ids) > 1} == {}
    openings = Counter(tuple(words(article.body)[:4]) for article in handbook)
    assert [opening for opening, count in openings.items() if count > 1] == []


def test_no_article_sends_the_reader_out_of_the_handbook(handbook):
    outside = {
        article.id for article in handbook if re.search(r"https?://|www\.|\S@\S+\.\w", article.body)
    }
    assert outside == set()


def test_the_data_card_says_how_many_articles_and_words_there_are(handbook):
    card = (runtime.data_dir() / "README.md").read_text(encoding="utf-8")
    count, thousands = re.search(r"(\d+) support articles .*?about (\d+),000 words", card).groups()
    assert int(count) == len(handbook)
    total = sum(len(article.body.split()) for article in handbook)
    assert abs(total - 1000 * int(thousands)) < 1000
