"""Encoding with MiniLM: against the processor's limit, ONNX Runtime, and other ways to batch.

ONNX Runtime runs the same weights in float32 over the same tokens in the same batches, and its
vectors are compared with the model's before anything is measured.

Operations are counted for the real tokens alone: 2 P a token, P the weights of the blocks' linear
layers, and 4 dim length a token and block for attention, which looks both ways here.
"""

import importlib.util
from collections.abc import Callable

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from benchmarks import limits, onnx_encoding
from benchmarks.comparison import Comparison
from benchmarks.measuring import Sample, rates_in_turns, say
from course_utils import models, rag, runtime
from course_utils.embeddings import finetuned

BATCH = 32  # what `encode` takes by default


def run(*, small: bool) -> list[Comparison]:
    """Return the rows of the topic."""
    embedder = models.load_embedder("all-MiniLM-L6-v2", device="cpu")
    texts = shop_texts()[: 32 if small else 400]
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
        subjects["ONNX Runtime"] = onnx_encoding.encoder(
            embedder, texts, batch_size=BATCH, threads=threads
        )
    else:
        say("no ONNX Runtime: pip install onnx onnxruntime, or make bench, which does")
    measured = rates_in_turns(subjects, rounds=1 if small else 3)
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
