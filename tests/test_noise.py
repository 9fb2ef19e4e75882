"""Known messages are hidden, and nothing else."""

import importlib.util
import logging
import warnings
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


def test_an_eight_bit_layer_computes_without_a_word(caplog):
    import bitsandbytes
    import torch

    layer = bitsandbytes.nn.Linear8bitLt(4, 4, bias=False, has_fp16_weights=False).to("cpu")
    with caplog.at_level(logging.WARNING):
        layer(torch.ones(1, 4))
        assert caplog.messages == []
        logging.getLogger("bitsandbytes.autograd._functions").warning("something that matters")
    assert caplog.messages == ["something that matters"]


def test_a_known_warning_is_hidden_and_others_pass():
    known = noise.KNOWN_WARNINGS[0]
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        noise.hide_known()
        warnings.warn(f"{known.words} and so on", known.category, stacklevel=1)
        warnings.warn(f"{known.words} and so on", UserWarning, stacklevel=1)
        warnings.warn("something that matters", known.category, stacklevel=1)
    assert [str(each.message) for each in shown] == [
        f"{known.words} and so on",
        "something that matters",
    ]


@pytest.mark.parametrize("known", noise.KNOWN_WARNINGS, ids=lambda known: known.words)
def test_the_library_still_has_the_warning(known):
    source = Path(importlib.util.find_spec(known.module).origin)
    assert known.words in source.read_text(encoding="utf-8")


@pytest.mark.parametrize("known", noise.KNOWN, ids=lambda known: known.logger)
def test_the_library_still_has_the_message(known):
    """An entry that no library writes any more must go."""
    source = Path(importlib.util.find_spec(known.module or known.logger).origin)
    assert known.words in source.read_text(encoding="utf-8")
