"""Below which similarity the handbook has no answer: a curve, and a choice by it.

The best chunk of a question is always there, however little it has to do with it. Only its
similarity can tell that it doesn't answer, and tells it badly where a question comes near.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Curve:
    """What each threshold would answer and refuse."""

    thresholds: np.ndarray  # shape (n,), rising
    answered: np.ndarray  # share of the questions with an answer that are answered, shape (n,)
    refused: np.ndarray  # share of the questions without one that are refused, shape (n,)


def curve(best: np.ndarray, answerable: Sequence[bool]) -> Curve:
    """Return what thresholds between any two similarities would answer and refuse.

    A question is answered if its similarity is at the threshold or above it.

    Args:
        best: The similarity of each question to its best chunk, shape (n,).
        answerable: Whether the handbook answers it.

    Raises:
        ValueError: The lengths differ, or all questions have an answer, or none has.
    """
    best, answerable = np.asarray(best, dtype=float), np.asarray(answerable, dtype=bool)
    if best.shape != answerable.shape:
        raise ValueError(f"{len(best)} similarities and {len(answerable)} labels; give each one")
    if answerable.all() or not answerable.any():
        raise ValueError("give questions that the handbook answers and some that it doesn't")
    values = np.unique(best)
    between = (values[1:] + values[:-1]) / 2
    thresholds = np.concatenate([[values[0] - 0.01], between, [values[-1] + 0.01]])
    above = best >= thresholds[:, None]  # (thresholds, questions)
    return Curve(thresholds, above[:, answerable].mean(1), 1 - above[:, ~answerable].mean(1))


def choose(curve: Curve) -> float:
    """Return the threshold with the largest sum of both shares, the lowest if several have it.

    The sum weighs a good question refused like a bad one answered (Youden 1950). A desk where a
    wrong answer costs more should take a higher one.

    Args:
        curve: Of the dev split; what it promises must then be measured on the test split.
    """
    return float(curve.thresholds[np.argmax(curve.answered + curve.refused)])
