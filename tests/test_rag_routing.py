"""Examples of each route, frozen; the baseline by words."""

import json
from collections import Counter

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from course_utils import runtime
from course_utils.rag import routing

PATH = runtime.data_dir() / "small_talk.jsonl"
TALK = [json.loads(line) for line in PATH.read_text(encoding="utf-8").splitlines()]


def test_the_small_talk_has_its_fields_and_no_line_twice():
    assert all(set(row) == {"id", "split", "border", "text"} for row in TALK)
    assert len({row["text"].lower() for row in TALK}) == len({row["id"] for row in TALK}) == 72
    assert Counter(row["split"] for row in TALK) == {"train": 36, "test": 36}
    assert all(row["text"] == row["text"].strip() for row in TALK)
    for split in ("train", "test"):
        assert sum(row["border"] for row in TALK if row["split"] == split) >= 6


def test_the_examples_of_both_splits_are_all_there_and_none_is_in_both():
    train, test = routing.examples("train"), routing.examples("test")
    assert Counter(train.routes) == {"figures": 918, "handbook": 59, "small talk": 36}
    assert Counter(test.routes) == {"figures": 324, "handbook": 137, "small talk": 36}
    assert not {text.lower() for text in train.texts} & {text.lower() for text in test.texts}


def test_another_split_is_refused():
    with pytest.raises(ValueError, match="no split 'dev'"):
        routing.examples("dev")


@pytest.mark.parametrize(
    ("text", "route"),
    [
        ("How many orders were paid by card?", "figures"),
        ("May I return a tent?", "handbook"),
        ("thanks a lot", "small talk"),
        ("Do you sleep?", "handbook"),  # the baseline's mistake, as planned
        ("How many days do I have to return a tent?", "figures"),
    ],
)
def test_the_baseline_goes_by_words(text, route):
    assert routing.keyword_route(text) == route


@pytest.mark.slow
def test_on_real_vectors_a_classifier_beats_the_words(minilm):
    train, test = routing.examples("train"), routing.examples("test")
    vectors = [minilm.encode(each.texts, show_progress_bar=False) for each in (train, test)]
    classifier = LogisticRegression(C=10, class_weight="balanced", max_iter=1000)
    classifier.fit(vectors[0], train.routes)
    by_words = [routing.keyword_route(text) for text in test.texts]
    assert classifier.score(vectors[1], test.routes) > 0.9
    assert np.mean(np.array(by_words) == test.routes) < 0.8
