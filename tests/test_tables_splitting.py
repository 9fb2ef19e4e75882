"""Near-copies become one group, and no group stands in two parts."""

import json
import re
from collections import Counter

import numpy as np
import pandas as pd
import pytest

from course_utils import runtime
from course_utils.shop.clean import clean_tables
from course_utils.tables.splitting import count_leaks, group_by_shared_text, split_by_group

SHARES = {"train": 0.8, "dev": 0.1, "test": 0.1}
TENT = "the zip of my tent jams after two nights of rain"
STOVE = "which gas canister fits the small stove from last spring"


@pytest.fixture(scope="module")
def tickets():
    return clean_tables().tickets


def random_frame(seed, n_groups=60):
    rng = np.random.default_rng(seed)
    groups = rng.permutation(np.repeat(np.arange(n_groups), rng.integers(1, 5, n_groups)))
    labels = np.array(["a", "a", "b"])[groups % 3]
    index = rng.permutation(1_000)[: len(groups)]
    return pd.DataFrame({"label": labels, "group": groups}, index=index)


def pair_count(labels):
    return sum(size * (size - 1) // 2 for size in Counter(labels).values())


# Groups


def test_a_message_with_another_greeting_is_in_the_same_group():
    texts = [f"Hello, {TENT}.", STOVE, f"Dear team! {TENT.upper()}; thanks"]
    assert group_by_shared_text(texts).tolist() == [0, 1, 0]


def test_a_shared_half_sentence_joins_nothing():
    promise = "I look forward to your reply"  # three runs of four words
    texts = [f"{TENT}. {promise}", f"{STOVE}. {promise}"]
    assert group_by_shared_text(texts).tolist() == [0, 1]
    assert group_by_shared_text(texts, min_overlap=0.2).tolist() == [0, 0]


def test_half_of_the_shorter_text_is_enough_and_less_is_not():
    # Four runs of two words in the shorter text; two are shared, then one.
    assert group_by_shared_text(["a b c d e", "x a b c y z z z"], words=2).tolist() == [0, 0]
    assert group_by_shared_text(["a b c d e", "x a b y z z z"], words=2).tolist() == [0, 1]


def test_a_chain_of_near_copies_is_one_group():
    texts = ["a b c d", "c d e f g h", "g h i j"]
    assert group_by_shared_text(texts, words=2, min_overlap=0.2).tolist() == [0, 0, 0]


def test_a_run_that_too_many_texts_share_does_not_count():
    texts = [f"thank you very much {name}" for name in ("Ann", "Ben", "Cem")]
    assert group_by_shared_text(texts, max_share=3).tolist() == [0, 0, 0]
    assert group_by_shared_text(texts, max_share=2).tolist() == [0, 1, 2]


def test_equal_texts_are_a_group_however_many_there_are():
    texts = [TENT] * 30 + [f"hi there, {TENT}"]
    assert set(group_by_shared_text(texts)) == {0}


def test_short_texts_are_grouped_with_their_equals_only():
    texts = ["Where is it?", "where is it", "Where is it now", "?!", "...", "?!", ""]
    assert group_by_shared_text(texts).tolist() == [0, 0, 1, 2, 3, 2, 4]


def test_no_texts_are_no_groups():
    assert group_by_shared_text([]).shape == (0,)


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_the_texts_does_not_matter(seed, tickets):
    texts = tickets["message"].tolist()[:400]
    order = np.random.default_rng(seed).permutation(len(texts))
    groups = group_by_shared_text(texts)
    shuffled = group_by_shared_text([texts[place] for place in order])
    pairs = set(zip(groups[order].tolist(), shuffled.tolist(), strict=True))
    assert len(pairs) == len(set(groups)) == len(set(shuffled))


def test_a_missing_text_and_impossible_options_are_refused():
    with pytest.raises(ValueError, match=r"texts\[1\] is nan, not a text; drop the row"):
        group_by_shared_text(["a", float("nan")])
    for option in ({"words": 0}, {"max_share": 1}, {"min_overlap": 0}, {"min_overlap": 1.1}):
        with pytest.raises(ValueError, match=f"^{next(iter(option))}="):
            group_by_shared_text(["a"], **option)


def test_the_tickets_groups_are_the_messages_they_were_made_from(tickets):
    lines = (runtime.data_dir() / "intents.jsonl").read_text(encoding="utf-8").splitlines()
    without_order = re.compile(r"CW-\d{6}")  # each ticket has an order number of its own
    cores = {without_order.sub("", json.loads(line)["text"]) for line in lines}
    longest_first = sorted(cores, key=len, reverse=True)
    messages = [without_order.sub("", message) for message in tickets["message"]]
    truth = [next(core for core in longest_first if core in message) for message in messages]

    groups = group_by_shared_text(tickets["message"].tolist()).tolist()
    both = pair_count(zip(groups, truth, strict=True))
    assert both / pair_count(groups) > 0.95  # precision over pairs of tickets
    assert both / pair_count(truth) > 0.97  # recall
    sizes = Counter(groups).values()
    assert max(sizes) < 15
    assert 0.6 < sum(size for size in sizes if size > 1) / len(groups) < 0.7


# Parts


@pytest.mark.parametrize("stratify", [None, "label"])
@pytest.mark.parametrize("seed", range(20))
def test_each_row_is_in_one_part_and_each_group_too(seed, stratify):
    frame = random_frame(seed)
    parts = split_by_group(frame, frame["group"], shares=SHARES, seed=seed, stratify=stratify)
    assert list(parts) == ["train", "dev", "test"]
    assert sorted(label for part in parts.values() for label in part.index) == sorted(frame.index)
    assert sum(part["group"].nunique() for part in parts.values()) == frame["group"].nunique()
    for name, part in parts.items():
        pd.testing.assert_frame_equal(part, frame[frame.index.isin(part.index)])
        assert abs(len(part) - SHARES[name] * len(frame)) <= 4  # the largest group


@pytest.mark.parametrize("seed", range(20))
def test_a_stratified_split_has_the_same_mix_in_each_part(seed):
    frame = random_frame(seed, n_groups=300)
    parts = split_by_group(frame, frame["group"], shares=SHARES, seed=seed, stratify="label")
    expected = (frame["label"] == "b").mean()
    for part in parts.values():
        assert abs((part["label"] == "b").mean() - expected) < 0.07


def test_many_rare_labels_do_not_starve_a_small_part():
    frame = pd.DataFrame({"label": np.repeat(np.arange(40), 3)})
    parts = split_by_group(frame, range(120), shares={"x": 0.9, "y": 0.1}, stratify="label")
    assert [len(part) for part in parts.values()] == [108, 12]


def test_a_group_counts_under_its_most_common_label():
    # Two groups are mostly b; by their first label all four would be a's.
    frame = pd.DataFrame(
        {"label": list("aaaaaaabbabb"), "group": [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3}
    )
    for seed in range(10):
        parts = split_by_group(
            frame, frame["group"], shares={"x": 0.5, "y": 0.5}, seed=seed, stratify="label"
        )
        assert [part["label"].tolist().count("b") for part in parts.values()] == [2, 2]


def test_a_row_without_label_is_a_label_of_its_own():
    frame = pd.DataFrame({"label": ["a", None] * 10})
    parts = split_by_group(frame, range(20), shares={"x": 0.5, "y": 0.5}, stratify="label")
    assert [part["label"].isna().sum() for part in parts.values()] == [5, 5]


def test_one_seed_gives_one_split_and_another_seed_another():
    frame = random_frame(0)
    first, again, other = (
        split_by_group(frame, frame["group"], shares=SHARES, seed=seed)["test"].index.tolist()
        for seed in (1, 1, 2)
    )
    assert first == again != other


@pytest.mark.parametrize("seed", range(10))
def test_no_part_stays_empty_while_there_are_groups_for_each(seed):
    frame = pd.DataFrame({"text": list("abc")})
    parts = split_by_group(
        frame, [7, 8, 9], shares={"train": 0.9, "dev": 0.05, "test": 0.05}, seed=seed
    )
    assert [len(part) for part in parts.values()] == [1, 1, 1]


def test_a_split_that_cannot_be_made_is_refused():
    frame = pd.DataFrame({"text": list("abcd"), "other": 0}, index=[3, 4, 5, 6])
    halves = {"x": 0.5, "y": 0.5}
    with pytest.raises(ValueError, match="3 groups for 4 rows"):
        split_by_group(frame, [0, 1, 2], shares=halves)
    with pytest.raises(ValueError, match="1 groups can't fill 2 parts"):
        split_by_group(frame, [0] * 4, shares=halves)
    with pytest.raises(ValueError, match=r"shares .* add to 0\.9"):
        split_by_group(frame, range(4), shares={"x": 0.5, "y": 0.4})
    for shares in ({"x": 1.5, "y": -0.5}, {}):
        with pytest.raises(ValueError, match="give shares above 0"):
            split_by_group(frame, range(4), shares=shares)
    with pytest.raises(ValueError, match=r"'label' is no column of frame; there are text, other$"):
        split_by_group(frame, range(4), shares=halves, stratify="label")
    remedy = r"make it with pd\.Series\(groups, index=frame\.index\)$"
    with pytest.raises(ValueError, match=f"another index than frame, .*; {remedy}"):
        split_by_group(frame, pd.Series(range(4)), shares=halves)
    with pytest.raises(ValueError, match=r"groups\[2\] is missing"):
        split_by_group(frame, [0, 1, None, 3], shares=halves)


# Leaks


def test_leaks_are_rows_whose_group_also_trains():
    frame = pd.DataFrame({"text": list("abcdef")})
    groups = pd.Series([0, 1, 1, 2, 0, 3])
    parts = {"train": frame.iloc[[0, 1]], "dev": frame.iloc[[2, 3]], "test": frame.iloc[[4, 5, 3]]}
    report = count_leaks(parts, groups)
    assert report.to_dict("list") == {
        "part": ["dev", "test"],
        "rows": [2, 3],
        "leaked": [1, 1],
        "share": [0.5, pytest.approx(1 / 3)],
    }


def test_a_grouped_split_of_the_tickets_leaks_nothing_and_a_random_one_much(tickets):
    groups = pd.Series(group_by_shared_text(tickets["message"].tolist()), index=tickets.index)
    shares = {"train": 0.8, "test": 0.2}
    grouped = split_by_group(tickets, groups, shares=shares, stratify="category")
    assert count_leaks(grouped, groups)["leaked"].tolist() == [0]
    by_row = split_by_group(tickets, range(len(tickets)), shares=shares)
    assert 0.4 < count_leaks(by_row, groups)["share"].item() < 0.65


def test_a_report_without_its_groups_is_refused():
    frame = pd.DataFrame({"text": list("ab")}, index=[5, 6])
    parts = {"train": frame.iloc[:1], "test": frame.iloc[1:]}
    with pytest.raises(ValueError, match="has the row 5, which groups doesn't know"):
        count_leaks(parts, pd.Series([0, 1]))
    with pytest.raises(ValueError, match="index label 5 twice"):
        count_leaks(parts, pd.Series([0, 1], index=[5, 5]))
    with pytest.raises(ValueError, match="1 part in parts"):
        count_leaks({"train": frame}, pd.Series([0, 1], index=[5, 6]))
