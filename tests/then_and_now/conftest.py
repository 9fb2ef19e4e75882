"""The id of a test's row stands in the test's id, and a failure shows the row.

A test of this folder says which row it proves: `@pytest.mark.row("Q1")`.
"""

import copy

import pytest
import torch

from then_and_now.page import ROWS, in_words


def pytest_generate_tests(metafunc):
    """Put the row's id between the brackets of the test's id."""
    if mark := metafunc.definition.get_closest_marker("row"):
        metafunc.fixturenames.append("row")
        metafunc.parametrize("row", mark.args, scope="session")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Show the row under a test that failed."""
    report = yield
    mark = item.get_closest_marker("row")
    if mark and report.failed and mark.args[0] in ROWS:
        report.sections.append(("the row of docs/then_and_now.yaml", in_words(*mark.args)))
    return report


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """Keep the libraries from asking the hub; a folder or a file is all they get."""
    import datasets
    import huggingface_hub

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)


@pytest.fixture
def tokenizer(letters):
    """Return a copy of the tokenizer: a pipeline changes the one that it gets."""
    return copy.deepcopy(letters)


@pytest.fixture(scope="session")
def small_lm(make_llama):
    """Return a Llama of width 64: bitsandbytes' blocks on a CPU are that long."""
    return make_llama(hidden_size=64, intermediate_size=128)


@pytest.fixture
def model(small_lm):
    """Return a copy of the small language model, to be changed at will."""
    return copy.deepcopy(small_lm)


@pytest.fixture(scope="session")
def lm_folder(small_lm, letters, tmp_path_factory):
    """Return a folder that holds the small model in bfloat16 and its tokenizer."""
    folder = tmp_path_factory.mktemp("small_lm")
    copy.deepcopy(small_lm).to(torch.bfloat16).save_pretrained(folder)
    letters.save_pretrained(folder)
    return str(folder)
