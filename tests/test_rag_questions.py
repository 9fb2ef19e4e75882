"""The questions of lesson 08: each answered by its articles, or by none."""

import json
import re
from collections import Counter

import numpy as np
import pytest

from course_utils import rag, runtime

PATH = runtime.data_dir() / "rag_questions.jsonl"
ROWS = [json.loads(line) for line in PATH.read_text(encoding="utf-8").splitlines()]
KINDS = ("single", "two", "dated", "none")
ARTICLES = {article.id: article for article in rag.read_handbook(runtime.data_dir() / "handbook")}


def of_kind(*kinds):
    return [row for row in ROWS if row["kind"] in kinds]


def folded(text):
    return " ".join(text.lower().split())


def test_every_row_has_its_fields():
    fields = {
        "id",
        "kind",
        "split",
        "question",
        "articles",
        "facts",
        "evidence",
        "outdated",
        "near",
    }
    assert all(set(row) == fields for row in ROWS)
    assert len({row["id"] for row in ROWS}) == len(ROWS)
    assert len({folded(row["question"]) for row in ROWS}) == len(ROWS)


def test_there_are_enough_of_each_kind():
    counts = Counter(row["kind"] for row in ROWS)
    assert set(counts) == set(KINDS)
    assert counts["single"] + counts["two"] + counts["dated"] >= 120
    assert counts["none"] >= 30
    assert counts["two"] >= 10
    assert counts["dated"] >= 5


def test_both_splits_hold_every_kind():
    for kind in KINDS:
        counts = Counter(row["split"] for row in of_kind(kind))
        assert set(counts) == {"dev", "test"}, kind
        assert counts["test"] > counts["dev"] > 0


def test_almost_every_article_is_asked_about():
    asked = {article for row in ROWS for article in row["articles"]}
    assert asked <= set(ARTICLES)
    assert len(asked) >= 60


@pytest.mark.parametrize("row", of_kind("single", "two", "dated"), ids=lambda row: row["id"])
def test_the_fact_stands_in_the_article(row):
    assert len(row["facts"]) == len(row["evidence"]) == (2 if row["kind"] == "two" else 1)
    bodies = " ".join(folded(ARTICLES[article].body) for article in row["articles"])
    for wordings, evidence in zip(row["facts"], row["evidence"], strict=True):
        assert folded(evidence) in bodies
        assert rag.states_facts(evidence, [wordings[:1]])
    assert rag.states_facts(" ".join(row["evidence"]), row["facts"])


@pytest.mark.parametrize("row", of_kind("two"), ids=lambda row: row["id"])
def test_a_question_on_two_articles_needs_both(row):
    assert len(row["articles"]) == 2
    bodies = [folded(ARTICLES[article].body) for article in row["articles"]]
    for number, evidence in enumerate(row["evidence"]):
        assert folded(evidence) in bodies[number]
        assert folded(evidence) not in bodies[1 - number]


@pytest.mark.parametrize("row", of_kind("dated"), ids=lambda row: row["id"])
def test_the_older_article_answers_a_dated_question_otherwise(row):
    assert row["articles"] == ["return-policy"]
    older = ARTICLES["returns-window-2024"]
    assert older.updated_at < ARTICLES["return-policy"].updated_at
    assert rag.states_facts(older.body, [row["outdated"]])
    assert not rag.states_facts(older.body, row["facts"])


def test_questions_that_nothing_answers_have_no_article_and_many_are_near_misses():
    none = of_kind("none")
    assert all(not (row["articles"] or row["facts"] or row["evidence"]) for row in none)
    near = [row for row in none if row["near"]]
    assert len(near) >= 0.6 * len(none)
    assert {article for row in near for article in row["near"]} <= set(ARTICLES)


def test_no_fact_is_a_bare_number():
    wordings = [w for row in ROWS for wordings in row["facts"] for w in wordings]
    assert [w for w in wordings if re.fullmatch(r"[\d.,]+", w.strip())] == []
    assert min(len(w) for w in wordings) >= 2


def test_a_question_gives_its_fact_away_in_no_case():
    given = [
        r["id"] for r in of_kind("single", "two") if rag.states_facts(r["question"], r["facts"])
    ]
    assert given == []


def test_questions_are_varied():
    starts = Counter(tuple(folded(row["question"]).split()[:2]) for row in ROWS)
    assert max(starts.values()) <= 0.06 * len(ROWS)
    lengths = [len(row["question"].split()) for row in ROWS]
    assert min(lengths) <= 8
    assert max(lengths) >= 22


@pytest.mark.slow
def test_the_base_model_finds_many_articles_and_not_all(minilm):
    chunks = [chunk for each in ARTICLES.values() for chunk in rag.chunk_article(each)]
    vectors = minilm.encode([chunk.text for chunk in chunks], show_progress_bar=False)
    rows = of_kind("single", "dated")
    queries = minilm.encode([row["question"] for row in rows], show_progress_bar=False)
    best = np.argmax(queries @ vectors.T, axis=1)
    pairs = zip(rows, best, strict=True)
    recall_at_1 = np.mean([chunks[number].article_id in row["articles"] for row, number in pairs])
    assert 0.45 < recall_at_1 < 0.9
