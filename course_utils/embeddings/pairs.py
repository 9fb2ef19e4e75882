"""Pairs of texts to train on, and batches of them that don't contradict their loss."""

import itertools
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from datasets import Dataset
from sentence_transformers import DefaultBatchSampler


@dataclass(frozen=True)
class Pair:
    """Two texts, and whether they are of one intent."""

    first: str
    second: str
    label: int  # 1 one intent, 0 two


def positive_pairs(
    texts: Sequence[str],
    intents: Sequence[str],
    *,
    max_per_intent: int | None = None,
    seed: int = 0,
) -> list[Pair]:
    """Return the pairs of texts that share an intent, each once.

    An intent of n texts has n(n - 1)/2 pairs.

    Args:
        texts: The messages.
        intents: The intent of each.
        max_per_intent: Pairs drawn of each intent; all by default.
        seed: Decides which are drawn.

    Raises:
        ValueError: The lengths differ, or no intent has two texts.
    """
    places = _positive_places(texts, intents, max_per_intent, seed)
    return [Pair(texts[i], texts[j], 1) for i, j in places]


def random_negatives(
    texts: Sequence[str], intents: Sequence[str], *, n: int, seed: int = 0
) -> list[Pair]:
    """Return n different pairs of texts of two intents, drawn at random.

    Args:
        texts: The messages.
        intents: The intent of each.
        n: Pairs to draw.
        seed: Decides which are drawn.

    Raises:
        ValueError: The lengths differ, or there are fewer than n such pairs.
    """
    sizes = [len(places) for places in _places(texts, intents).values()]
    there = (sum(sizes) ** 2 - sum(size**2 for size in sizes)) // 2
    if n > there:
        raise ValueError(f"n={n}, but only {there} pairs of texts are of two intents")
    rng = random.Random(seed)
    drawn: dict[tuple[int, int], None] = {}  # a dict keeps the order of drawing, a set doesn't
    while len(drawn) < n:
        i, j = sorted(rng.sample(range(len(texts)), 2))
        if intents[i] != intents[j]:
            drawn[i, j] = None
    return [Pair(texts[i], texts[j], 0) for i, j in drawn]


def hard_negatives(
    texts: Sequence[str],
    intents: Sequence[str],
    vectors: np.ndarray,
    *,
    n: int,
    nearest: int = 15,
    seed: int = 0,
) -> list[Pair]:
    """Return n different pairs of texts that the model holds to be near, of two intents.

    Most random pairs are far apart already and teach nothing. Each pair here joins a text
    with one of its nearest texts of other intents. Texts take turns, so that each has nearly
    the same number of pairs.

    Args:
        texts: The messages.
        intents: The intent of each.
        vectors: The texts as the model to train sees them, shape (n_texts, dim).
        n: Pairs to draw.
        nearest: How many of the nearest texts of other intents are drawn from, for each text.
        seed: Decides which are drawn.

    Raises:
        ValueError: The lengths differ, or `nearest` leaves fewer than n pairs.
    """
    _places(texts, intents)
    if len(vectors) != len(texts):
        raise ValueError(f"{len(texts)} texts and {len(vectors)} vectors; give each text a vector")
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    names = np.asarray(intents)
    same = names[:, None] == names[None, :]
    similarity = np.where(same, -np.inf, vectors @ vectors.T)
    order = np.argsort(-similarity, axis=1, kind="stable")[:, :nearest]
    rng = random.Random(seed)
    candidates = {
        i: rng.sample(near, len(near))
        for i, row in enumerate(order.tolist())
        if (near := [j for j in row if not same[i, j]])
    }
    drawn: dict[tuple[int, int], None] = {}
    while len(drawn) < n and candidates:
        for i in rng.sample(list(candidates), len(candidates)):
            # Two texts may each be near to the other: that pair counts once.
            while candidates[i]:
                j = candidates[i].pop()
                if (min(i, j), max(i, j)) not in drawn:
                    drawn[min(i, j), max(i, j)] = None
                    break
            else:
                del candidates[i]
            if len(drawn) == n:
                break
    if len(drawn) < n:
        raise ValueError(
            f"n={n}, but the {nearest} nearest of each text make {len(drawn)} pairs; "
            "lower n or raise nearest"
        )
    return [Pair(texts[i], texts[j], 0) for i, j in drawn]


def anchor_dataset(
    texts: Sequence[str],
    intents: Sequence[str],
    *,
    max_per_intent: int | None = None,
    seed: int = 0,
) -> Dataset:
    """Return positive pairs as columns `anchor`, `positive` and `label`, the intent's number.

    MultipleNegativesRankingLoss reads the first two. The third is for `OneIntentABatch`: a
    column of any other name would be taken for a third text.

    Args:
        texts: The messages.
        intents: The intent of each.
        max_per_intent: Pairs drawn of each intent; all by default.
        seed: Decides which are drawn, and which text of a pair is the anchor.

    Raises:
        ValueError: The lengths differ, or no intent has two texts.
    """
    rng = random.Random(seed)
    numbers = {intent: number for number, intent in enumerate(dict.fromkeys(intents))}
    rows = []
    for places in _positive_places(texts, intents, max_per_intent, seed):
        anchor, positive = rng.sample(places, 2)
        rows.append(
            {
                "anchor": texts[anchor],
                "positive": texts[positive],
                "label": numbers[intents[anchor]],
            }
        )
    return Dataset.from_list(rows)


class OneIntentABatch(DefaultBatchSampler):
    """Batches in which no two pairs share an intent, for `args.batch_sampler`.

    MultipleNegativesRankingLoss takes every other positive of a batch for a negative. Two pairs
    of one intent would push each other apart, against what the loss is to teach.

    Each batch takes one pair of as many intents as it has places, those with the most pairs
    left first. What can't fill a whole batch at the end of an epoch is left out of it.

    Args:
        dataset: Rows with the intent in the column `label`, as `anchor_dataset` makes them.
        batch_size: Pairs a batch, at most the number of intents.
        **options: What else the trainer passes to `DefaultBatchSampler`.

    Raises:
        ValueError: There is no column `label`, or it holds fewer intents than `batch_size`.
    """

    def __init__(self, dataset: Dataset, batch_size: int, **options: Any) -> None:
        super().__init__(dataset, batch_size=batch_size, **options)
        if "label" not in dataset.column_names:
            raise ValueError(
                f"no column 'label' among {dataset.column_names}; it says the intent of each row"
            )
        self.labels = list(dataset["label"])
        if len(set(self.labels)) < batch_size:
            raise ValueError(
                f"{len(set(self.labels))} intents can't fill a batch of {batch_size} without "
                "one twice; lower per_device_train_batch_size"
            )

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the row numbers of each batch, in an order that seed and epoch decide."""
        rng = random.Random(f"{self.seed} {self.epoch}")
        left: dict[Any, list[int]] = defaultdict(list)
        for row in rng.sample(range(len(self.labels)), len(self.labels)):
            left[self.labels[row]].append(row)
        while len(left) >= self.batch_size:
            labels = rng.sample(list(left), len(left))  # decides among intents of as many pairs
            labels.sort(key=lambda label: -len(left[label]))
            yield [left[label].pop() for label in labels[: self.batch_size]]
            left = {label: rows for label, rows in left.items() if rows}

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        return sum(1 for _ in self)


def _places(texts: Sequence[str], intents: Sequence[str]) -> dict[str, list[int]]:
    """Return where the texts of each intent stand."""
    if len(texts) != len(intents):
        raise ValueError(f"{len(texts)} texts and {len(intents)} intents; give each text one")
    places: dict[str, list[int]] = defaultdict(list)
    for place, intent in enumerate(intents):
        places[intent].append(place)
    return places


def _positive_places(
    texts: Sequence[str], intents: Sequence[str], max_per_intent: int | None, seed: int
) -> list[tuple[int, int]]:
    """Return where the two texts of each positive pair stand."""
    rng = random.Random(seed)
    found: list[tuple[int, int]] = []
    for places in _places(texts, intents).values():
        of_intent = list(itertools.combinations(places, 2))
        if max_per_intent is not None and max_per_intent < len(of_intent):
            of_intent = rng.sample(of_intent, max_per_intent)
        found += of_intent
    if not found:
        raise ValueError("no intent has two texts, so there is no positive pair")
    return found
