"""What an exercise is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


class NotYetError(Exception):
    """An answer lacks a property; the message names it and says why it matters."""


@dataclass(frozen=True)
class WrongAnswer:
    """Plausible wrong code in place of the stub, and words of the message that is meant for it."""

    code: str  # sets `answer`, after the exercise's setup
    expected: str  # a regular expression


@dataclass(frozen=True)
class Exercise:
    """One exercise, with all that proves its check right.

    A check that can't tell a right answer from a plausible wrong one teaches nothing, so each
    exercise carries its solution and wrong answers, and the tests run all of them through it.
    """

    id: str  # lesson, ".", number
    check: Callable[[Any], None]  # raises NotYetError
    on_pass: str
    hints: tuple[str, ...]
    solution: str  # code that stands in place of the stub and sets `answer`
    wrong_answers: tuple[WrongAnswer, ...]
    setup: str = ""  # what the lesson has defined by then, as far as solution and answers need it
    expects: str = ""  # the answer's type in words, for an answer that the check stumbles over

    @property
    def lesson(self) -> str:
        """The lesson's number, two digits."""
        return self.id.split(".")[0]


def require(condition: bool, message: str) -> None:
    """Raise NotYetError with `message` unless the condition holds."""
    if not condition:
        raise NotYetError(message)
