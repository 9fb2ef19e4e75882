"""Known messages are hidden, and nothing else."""

import importlib.util
import logging
from pathlib import Path

import pytest

from course_utils import noise

NAMED = logging.getLogger(noise.KNOWN[0].logger)


def test_a_known_message_is_hidden_and_others_pass(caplog):
    noise.hide_known()
    with caplog.at_level(logging.WARNING):
        NAMED.warning("Failed to load CPU gemm_4bit_forward from %s", "the hub")
        NAMED.warning("something that matters")
        logging.getLogger("other").warning("Failed to load CPU gemm_4bit_forward")
    assert caplog.messages == ["something that matters", "Failed to load CPU gemm_4bit_forward"]


def test_hiding_twice_filters_once():
    noise.hide_known()
    count = len(NAMED.filters)
    noise.hide_known()
    assert len(NAMED.filters) == count


@pytest.mark.parametrize("known", noise.KNOWN, ids=lambda known: known.logger)
def test_the_library_still_has_the_message(known):
    """An entry that no library writes any more must go."""
    source = Path(importlib.util.find_spec(known.logger).origin)
    assert known.words in source.read_text(encoding="utf-8")
