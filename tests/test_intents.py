"""The customer messages: hand-written, hard and not hopeless, with splits that don't leak."""

import itertools
import json
import re
from collections import Counter, defaultdict

import numpy as np
import pytest
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from course_utils import runtime

PATH = runtime.data_dir() / "intents.jsonl"
ROWS = [json.loads(line) for line in PATH.read_text(encoding="utf-8").splitlines()]
SPLITS = ("train", "dev", "test_seen", "test_unseen", "test_indirect")
MAX_COSINE_ACROSS = 0.9  # two messages above it say the same in nearly the same words


def split(*names):
    return [row for row in ROWS if row["split"] in names]


def words(text):
    return re.findall(r"\w+", text.lower().replace("'", ""))


def test_every_row_has_its_fields():
    assert all(set(row) == {"id", "group", "intent", "split", "text"} for row in ROWS)
    assert all(row["split"] in SPLITS and row["text"].strip() == row["text"] for row in ROWS)
    assert len({row["id"] for row in ROWS}) == len(ROWS)


def test_there_are_48_intents_of_20_messages_or_more_in_groups_of_3():
    per_intent = Counter(row["intent"] for row in ROWS)
    assert len(per_intent) == 48
    assert min(per_intent.values()) >= 20
    groups = defaultdict(set)
    for row in ROWS:
        groups[row["group"]].add(row["intent"])
    assert {len(intents) for intents in groups.values()} == {3}


def test_a_third_of_the_intents_is_never_seen_in_training():
    seen = {row["intent"] for row in ROWS if row["split"] != "test_unseen"}
    unseen = {row["intent"] for row in split("test_unseen")}
    assert seen.isdisjoint(unseen)
    assert (len(seen), len(unseen)) == (32, 16)
    groups = Counter(row["group"] for row in ROWS if row["intent"] in unseen)
    assert len(groups) == 16  # one of each group, so each has two seen neighbours


def test_each_split_has_its_share_of_each_intent():
    per_intent = {name: Counter(row["intent"] for row in split(name)) for name in SPLITS}
    assert set(per_intent["train"].values()) == {15}
    assert set(per_intent["dev"].values()) == {4}
    assert set(per_intent["test_seen"].values()) == {6}
    assert set(per_intent["test_indirect"].values()) == {15}
    assert set(per_intent["test_unseen"].values()) == {40}


def test_no_text_stands_twice():
    assert len({" ".join(words(row["text"])) for row in ROWS}) == len(ROWS)


def test_no_six_words_in_a_row_stand_in_two_messages():
    owners = defaultdict(set)
    for row in ROWS:
        text = words(row["text"])
        for start in range(len(text) - 5):
            owners[tuple(text[start : start + 6])].add(row["id"])
    assert {" ".join(run): ids for run, ids in owners.items() if len(ids) > 1} == {}


def test_messages_are_short_and_long():
    lengths = [len(row["text"].split()) for row in ROWS]
    assert min(lengths) <= 4
    assert max(lengths) >= 35
    assert 10 <= np.median(lengths) <= 22


def test_no_word_gives_an_intent_away():
    """A rule of one key word an intent would find few of the messages, and wrong ones too."""
    hits = 0
    for intent in {row["intent"] for row in ROWS}:
        own = Counter(
            itertools.chain(*(set(words(r["text"])) for r in ROWS if r["intent"] == intent))
        )
        everywhere = Counter(itertools.chain(*(set(words(r["text"])) for r in ROWS)))
        candidates = {w: n for w, n in own.items() if len(w) > 3 and w not in ENGLISH_STOP_WORDS}
        hits += max(n for w, n in candidates.items() if n / everywhere[w] > 0.5)
    assert hits / len(ROWS) < 0.4


def test_few_messages_of_an_intent_start_alike():
    for intent in {row["intent"] for row in ROWS}:
        starts = Counter(tuple(words(r["text"])[:2]) for r in ROWS if r["intent"] == intent)
        assert max(starts.values()) <= 6, intent


@pytest.fixture(scope="module")
def vectors(minilm):
    return minilm.encode([row["text"] for row in ROWS], show_progress_bar=False)


def recall_at_1(vectors, queries, pool):
    """Return the share of queries whose nearest other message has their intent."""
    numbers = {row["id"]: number for number, row in enumerate(ROWS)}
    pool_numbers = np.array([numbers[row["id"]] for row in pool])
    hits = 0
    for row in queries:
        similarity = vectors[pool_numbers] @ vectors[numbers[row["id"]]]
        similarity[pool_numbers == numbers[row["id"]]] = -1  # not itself
        hits += pool[int(np.argmax(similarity))]["intent"] == row["intent"]
    return hits / len(queries)


@pytest.mark.slow
def test_no_near_duplicate_crosses_a_split(vectors):
    for one, other in itertools.combinations(SPLITS, 2):
        a, b = (np.array([row["split"] == name for row in ROWS]) for name in (one, other))
        closest = (vectors[a] @ vectors[b].T).max()
        assert closest < MAX_COSINE_ACROSS, (one, other)


@pytest.mark.slow
def test_the_base_model_finds_it_hard_but_not_hopeless(vectors):
    seen = recall_at_1(vectors, split("test_seen"), split("train"))
    unseen = recall_at_1(vectors, split("test_unseen"), split("test_unseen"))
    assert 0.5 < seen < 0.75
    assert 0.5 < unseen < 0.75


@pytest.mark.slow
def test_the_indirect_messages_are_harder(vectors):
    plain = recall_at_1(vectors, split("test_seen"), split("train"))
    assert recall_at_1(vectors, split("test_indirect"), split("train")) < plain - 0.05
