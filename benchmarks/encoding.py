"""Encoding with MiniLM: against the processor's limit, ONNX Runtime, and other ways to batch.

ONNX Runtime runs the same weights in float32, exported here, over the same tokens in the same
batches, and its vectors are compared with the model's before anything is measured.
sentence-transformers' own `backend="onnx"` can't be used: it needs optimum-onnx, whose last release,
0.1.0, asks for transformers below 4.58, and the course has 5.

Operations are counted for the real tokens alone: 2 P a token, P the weights of the blocks' linear
layers, and 4 dim length a token and block for attention, which looks both ways here.
"""

import importlib.util
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from benchmarks import limits
from benchmarks.comparison import Comparison
from benchmarks.measuring import Sample, rates_in_turns, say
from course_utils import models, rag, runtime
from course_utils.embeddings import finetuned

BATCH = 32  # what `encode` takes by default


def run(*, small: bool, million: bool = False) -> list[Comparison]:
    """Return the rows of the topic."""
    embedder = models.load_embedder("all-MiniLM-L6-v2", device="cpu")
    texts = shop_texts()[: 32 if small else 600]
    operations = count_operations(embedder, texts)
    threads = torch.get_num_threads()
    encode = encoder(embedder, texts)
    subjects = {
        "encode": encode,
        "one by one": lambda: sum(embedder.encode(text).ndim for text in texts[::4]),
        "batch of 8": encoder(embedder, texts, batch_size=8),
        "batch of 128": encoder(embedder, texts, batch_size=128),
        "rows as they come": lambda: encode_unsorted(embedder, texts),
        "square product": limits.square_product(),
    }
    if threads > 1:
        subjects["one thread"] = on_one_thread(encode, threads)
    if importlib.util.find_spec("onnxruntime") and importlib.util.find_spec("onnx"):
        subjects["ONNX Runtime"] = onnx_encoder(embedder, texts, threads)
    else:
        say("no ONNX Runtime: pip install onnx onnxruntime, or make bench, which does")
    measured = rates_in_turns(subjects, rounds=1 if small else 5)
    ours = measured["encode"]
    names = {
        "ONNX Runtime": "ONNX Runtime, the same weights and batches",
        "one by one": "one text a call, as in the notes",
        "rows as they come": "batches in the order given, not sorted by length",
        "batch of 8": "batches of 8",
        "batch of 128": "batches of 128",
        "one thread": "one thread",
    }
    rows = [
        Comparison("encoding", "texts encoded", "texts/s", ours, against, measured[name])
        for name, against in names.items()
        if name in measured
    ]
    giga = Sample(tuple(rate * operations / len(texts) / 1e9 for rate in ours.values))
    limit = Sample(tuple(rate / 1e9 for rate in measured["square product"].values))
    limited = Comparison(
        "encoding",
        "useful operations",
        "GFLOP/s",
        giga,
        "largest rate of a matrix product",
        limit,
        note="The processor's limit is that of float32, in which vectors are computed.",
    )
    return [limited, *rows]


def shop_texts() -> list[str]:
    """Return texts of all lengths: the handbook's chunks and customers' messages, mixed."""
    chunks = [
        chunk.text
        for article in rag.read_handbook(runtime.data_dir() / "handbook")
        for chunk in rag.chunk_article(article)
    ]
    texts = chunks + finetuned.messages("train").texts
    order = np.random.default_rng(0).permutation(len(texts))
    return [texts[number] for number in order]


def count_operations(embedder: SentenceTransformer, texts: list[str]) -> float:
    """Return the operations of encoding the texts; the module has the formula."""
    model = embedder[0].model
    per_token = sum(
        2.0 * layer.weight.numel()
        for layer in model.encoder.modules()
        if isinstance(layer, torch.nn.Linear)
    )
    lengths = [len(ids) for ids in embedder.tokenizer(texts, truncation=True)["input_ids"]]
    config = model.config
    attention = 4.0 * config.hidden_size * config.num_hidden_layers
    return per_token * sum(lengths) + attention * sum(length**2 for length in lengths)


def encoder(
    embedder: SentenceTransformer, texts: list[str], *, batch_size: int = BATCH
) -> Callable[[], float]:
    """Return a function that encodes the texts, and returns how many they are."""
    return lambda: len(embedder.encode(texts, batch_size=batch_size, show_progress_bar=False))


def encode_unsorted(embedder: SentenceTransformer, texts: list[str]) -> float:
    """Encode batch by batch in the order given: `encode` would sort by length across all."""
    for start in range(0, len(texts), BATCH):
        embedder.encode(texts[start : start + BATCH], show_progress_bar=False)
    return len(texts)


def on_one_thread(work: Callable[[], float], threads: int) -> Callable[[], float]:
    """Return the work with torch on one thread, and on all of them again afterwards."""

    def alone() -> float:
        torch.set_num_threads(1)
        try:
            return work()
        finally:
            torch.set_num_threads(threads)

    return alone


class HiddenStates(torch.nn.Module):
    """The transformer, returning the hidden states alone, as the export needs it."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: torch.Tensor, mask: torch.Tensor, types: torch.Tensor) -> torch.Tensor:
        """Return the last hidden states, shape (batch, length, dim)."""
        output = self.model(input_ids=ids, attention_mask=mask, token_type_ids=types)
        return output.last_hidden_state


def onnx_encoder(
    embedder: SentenceTransformer, texts: list[str], threads: int
) -> Callable[[], float]:
    """Export the model, hold its vectors against the embedder's, and return what encodes."""
    import onnxruntime

    session = onnxruntime.InferenceSession(
        export(embedder), sess_options=_options(threads), providers=["CPUExecutionProvider"]
    )
    by_length = sorted(range(len(texts)), key=lambda number: -len(texts[number]))

    def encode() -> np.ndarray:
        vectors = np.empty((len(texts), embedder.get_embedding_dimension()), np.float32)
        for start in range(0, len(texts), BATCH):
            numbers = by_length[start : start + BATCH]
            rows = embedder.tokenizer(
                [texts[number] for number in numbers],
                padding=True,
                truncation=True,
                return_tensors="np",
            )
            names = ("input_ids", "attention_mask", "token_type_ids")
            feeds = zip(("ids", "mask", "types"), (rows[name] for name in names), strict=True)
            [hidden] = session.run(None, {name: array.astype(np.int64) for name, array in feeds})
            mask = rows["attention_mask"][..., None]
            pooled = (hidden * mask).sum(axis=1) / mask.sum(axis=1)
            vectors[numbers] = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
        return vectors

    difference = np.abs(encode() - embedder.encode(texts)).max()
    if difference > 1e-4:
        raise RuntimeError(f"ONNX Runtime's vectors differ from the model's by {difference:.1e}")
    say(f"ONNX Runtime's vectors are the model's, up to {difference:.0e}")
    return lambda: len(encode())


def _options(threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # leave the cores
    return options


def export(embedder: SentenceTransformer) -> bytes:
    """Return the transformer as ONNX, in float32, for any batch and length."""
    model = embedder[0].model
    before = model.config._attn_implementation
    model.set_attn_implementation("eager")
    ids = torch.ones(2, 8, dtype=torch.long)
    axes = {name: {0: "batch", 1: "length"} for name in ("ids", "mask", "types", "hidden")}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the older exporter, which needs no further package
        path = Path(folder) / "model.onnx"
        torch.onnx.export(
            HiddenStates(model).eval(),
            (ids, ids, ids),
            str(path),
            input_names=["ids", "mask", "types"],
            output_names=["hidden"],
            dynamic_axes=axes,
            dynamo=False,
        )
        model.set_attn_implementation(before)
        return path.read_bytes()
