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


CHARACTERS = "\n abcdefghijklmnopqrstuvwxyzSELCTFROM(),;*=-?'0123"


@pytest.fixture(scope="session")
def letters():
    """Return a tokenizer with a token a character, which ends and pads with token 2."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocab = {"<unk>": 0, "<start>": 1, "<end>": 2}
    vocab |= {each: 3 + number for number, each in enumerate(dict.fromkeys(CHARACTERS))}
    characters = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    characters.pre_tokenizer = pre_tokenizers.Split(Regex("[\\s\\S]"), behavior="isolated")
    characters.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=characters, eos_token="<end>", pad_token="<end>", unk_token="<unk>"
    )


@pytest.fixture
def tokenizer(letters):
    """Return a copy of the tokenizer: a pipeline changes the one that it gets."""
    return copy.deepcopy(letters)


@pytest.fixture(scope="session")
def small_lm():
    """Return a Llama of two layers of width 64: bitsandbytes' blocks on a CPU are that long."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=64,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
    )
    return LlamaForCausalLM(config).eval()


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
