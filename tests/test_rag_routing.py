"""Examples of each route, frozen; the baseline by words; a router on toy vectors."""

import json
from collections import Counter

import numpy as np
import pytest

from course_utils import runtime
from course_utils.rag import routing
from course_utils.rag.assistant import ROUTES

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


def test_a_router_learns_from_vectors_and_answers_texts():
    shown = routing.examples("train")
    place = dict(zip(shown.texts, shown.routes, strict=True))

    def embed(texts):
        return np.eye(3)[[ROUTES.index(place.get(text, "handbook")) for text in texts]]

    router = routing.train(embed)
    assert router.routes(shown.texts[:1] + shown.texts[-1:]) == ["figures", "small talk"]
    assert router.routes(["something else"]) == ["handbook"]


@pytest.mark.slow
def test_on_real_vectors_the_router_beats_the_words(minilm):
    test = routing.examples("test")
    router = routing.train(lambda texts: minilm.encode(texts, show_progress_bar=False))
    right = np.mean([a == b for a, b in zip(router.routes(test.texts), test.routes, strict=True)])
    by_words = [routing.keyword_route(text) for text in test.texts]
    baseline = np.mean([a == b for a, b in zip(by_words, test.routes, strict=True)])
    assert right > 0.9
    assert baseline < 0.8
