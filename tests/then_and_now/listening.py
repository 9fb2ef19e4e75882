"""Hear what a library says, by a warning or by its log."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import transformers


@contextmanager
def listening() -> Iterator[list[str]]:
    """Collect every warning and every log line of level WARNING or above; none is shown.

    transformers says some things once in a process; its memory of them is cleared first, so
    that no test depends on another.
    """
    heard: list[str] = []

    def collect(logger: logging.Logger, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            heard.append(record.getMessage())

    once = transformers.logging.get_logger("transformers").warning_once
    once.__func__.cache_clear()
    handle = logging.Logger.handle
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        logging.Logger.handle = collect
        try:
            yield heard
        finally:
            logging.Logger.handle = handle
            heard.extend(f"{each.category.__name__}: {each.message}" for each in caught)


def mentions(heard: list[str], words: str) -> bool:
    """Return whether something that was heard holds these words."""
    return any(words in message for message in heard)
