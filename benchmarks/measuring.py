"""Run several things in turns and say how fast each was, with the spread."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Sample:
    """One figure for each round, in the order of the rounds."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle figure."""
        return statistics.median(self.values)

    @property
    def spread(self) -> float:
        """How far the rounds lie apart: largest less smallest, as a share of the median."""
        return (max(self.values) - min(self.values)) / self.median


def say(text: str) -> None:
    """Print what is going on, at once."""
    print(f"    {text}", flush=True)


def rates_in_turns(
    subjects: Mapping[str, Callable[[], float]],
    *,
    rounds: int,
    warm_ups: int = 1,
    prepare: Callable[[], None] = lambda: None,
) -> dict[str, Sample]:
    """Run each subject in each round, and return how much it did per second.

    In turns, so that a machine that gets slower or faster meanwhile does so for all; every other
    round goes the other way about, so that none has always the same one before it.

    Args:
        subjects: By name, a function that does the work and returns how much it was, such as
            the number of tokens.
        rounds: How often each is measured.
        warm_ups: How often each runs before, unmeasured.
        prepare: Runs before each turn of each subject, unmeasured.

    Raises:
        ValueError: `rounds` is below 1.
    """
    if rounds < 1:
        raise ValueError(f"rounds={rounds} is below 1; measure at least once")
    for _ in range(warm_ups):
        for name, subject in subjects.items():
            say(f"warm-up: {name}")
            prepare()
            subject()
    rates: dict[str, list[float]] = {name: [] for name in subjects}
    for number in range(rounds):
        order = list(subjects) if number % 2 == 0 else list(reversed(subjects))
        for name in order:
            prepare()
            started = time.perf_counter()
            amount = subjects[name]()
            rates[name].append(amount / (time.perf_counter() - started))
            say(f"round {number + 1} of {rounds}: {name}: {rates[name][-1]:,.4g} per second")
    return {name: Sample(tuple(values)) for name, values in rates.items()}
