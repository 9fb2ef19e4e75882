"""Recall@1, average precision and Spearman, from one matrix of similarities.

All start from the same thing, how similar each text is to each other, so an embedding model
and a search by words are measured alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import bm25s
import numpy as np
from scipy import stats
from sklearn.metrics import average_precision_score


@dataclass(frozen=True)
class PairScores:
    """How well a similarity tells pairs of one intent from pairs of two."""

    average_precision: float  # 1 if every positive pair is above every negative one
    spearman: float  # rank correlation of similarity and the 0/1 label
    positives: np.ndarray  # the similarities of the positive pairs, shape (n_positives,)
    negatives: np.ndarray  # the similarities of the negative pairs, shape (n_negatives,)


def cosine_similarity(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the cosine of each row of `first`, (n, dim), and of `second`, (m, dim): (n, m).

    Raises:
        ValueError: One of the two isn't a matrix, such as the vector of a single text.
    """
    for name, matrix in {"first": first, "second": second}.items():
        if np.ndim(matrix) != 2:
            raise ValueError(
                f"{name} has shape {np.shape(matrix)} and needs a row for each text; "
                "give a single text to encode as a list of one"
            )
    first = first / np.linalg.norm(first, axis=1, keepdims=True)
    second = second / np.linalg.norm(second, axis=1, keepdims=True)
    return first @ second.T


def bm25_similarity(first: Sequence[str], second: Sequence[str]) -> np.ndarray:
    """Return how well each text of `second` answers each of `first` by BM25: (n, m).

    BM25 counts the words that two texts share, rare words more (Robertson and Zaragoza 2009).
    It knows nothing of meaning: the baseline that a model has to beat.
    """
    index = bm25s.BM25()
    index.index(
        bm25s.tokenize(list(second), stopwords="en", show_progress=False), show_progress=False
    )
    words = bm25s.tokenize(list(first), stopwords="en", return_ids=False, show_progress=False)
    return np.stack([index.get_scores(of_text) for of_text in words])


def hits_at_1(
    similarity: np.ndarray,
    intents: Sequence[str],
    reference_intents: Sequence[str] | None = None,
) -> np.ndarray:
    """Return for each text whether the most similar other one has its intent.

    The mean is recall@1: how often the first hit is right.

    Args:
        similarity: Of each text to each reference, shape (n, m); or of the texts among
            themselves, shape (n, n), and then no text is its own hit.
        intents: The intent of each text.
        reference_intents: The intent of each reference; leave out for texts among themselves.

    Returns:
        Booleans, shape (n,).

    Raises:
        ValueError: The shape doesn't fit the intents.
    """
    alone = reference_intents is None
    names = np.asarray(intents if alone else reference_intents)
    _check_shape(similarity, len(intents), len(names))
    similarity = np.array(similarity, dtype=float)
    if alone:
        np.fill_diagonal(similarity, -np.inf)
    return names[similarity.argmax(axis=1)] == np.asarray(intents)


def pair_scores(similarity: np.ndarray, intents: Sequence[str]) -> PairScores:
    """Judge a similarity by every pair of the texts, each once.

    Spearman compares with labels that are only 0 or 1. It can't reach 1: with 6 % positive
    pairs a perfect separation gives 0.41. Average precision can, and asks what a search asks:
    are the most similar pairs the right ones?

    Args:
        similarity: Of the texts among themselves, shape (n, n). Where the two directions
            differ, as with BM25, their mean counts.
        intents: The intent of each text.

    Raises:
        ValueError: The shape doesn't fit the intents, or all pairs are positive, or none.
    """
    names = np.asarray(intents)
    _check_shape(similarity, len(names), len(names))
    rows, columns = np.triu_indices(len(names), k=1)
    scores = (similarity[rows, columns] + similarity[columns, rows]) / 2
    labels = names[rows] == names[columns]
    if labels.all() or not labels.any():
        kind = "positive" if labels.all() else "negative"
        raise ValueError(f"every pair is {kind}; give texts of two or more intents, some shared")
    return PairScores(
        average_precision=float(average_precision_score(labels, scores)),
        spearman=float(stats.spearmanr(scores, labels).statistic),
        positives=scores[labels],
        negatives=scores[~labels],
    )


def bootstrap_interval(
    values: Sequence[float] | np.ndarray,
    groups: Sequence[str] | None = None,
    *,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the interval in which the mean would fall, had other texts been drawn.

    The values are drawn anew with replacement, many times, and the mean of each draw taken
    (Efron 1979). Texts of one intent resemble each other, so with `groups` whole intents are
    drawn; the interval is then wider, and honest about intents that nobody has seen.

    Args:
        values: One a text, such as a hit, or the difference of two models' hits.
        groups: The intent of each; without it texts are drawn.
        confidence: The share of draws inside the interval.
        resamples: Draws.
        seed: Decides the draws.

    Raises:
        ValueError: There are no values, or not one group a value.
    """
    values = np.asarray(values, dtype=float)
    if groups is None:
        groups = range(len(values))
    if len(values) == 0 or len(groups) != len(values):
        raise ValueError(f"{len(values)} values and {len(groups)} groups; give each value one")
    _, of_value = np.unique(np.asarray(groups), return_inverse=True)
    sums, counts = np.bincount(of_value, values), np.bincount(of_value)
    draws = np.random.default_rng(seed).integers(len(sums), size=(resamples, len(sums)))
    means = sums[draws].sum(axis=1) / counts[draws].sum(axis=1)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _check_shape(similarity: np.ndarray, n: int, m: int) -> None:
    if similarity.shape != (n, m):
        raise ValueError(
            f"similarity has shape {similarity.shape}, the intents ask for ({n}, {m}); "
            "give a row for each text and a column for each it is compared with"
        )
