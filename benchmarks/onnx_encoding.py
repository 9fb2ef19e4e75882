"""MiniLM in ONNX Runtime: the same weights in float32, exported here, over the same tokens.

sentence-transformers' own `backend="onnx"` can't be used: it needs optimum-onnx, whose last
release, 0.1.0, asks for transformers below 4.58, and the course has 5.
"""

import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from benchmarks.measuring import say


class HiddenStates(torch.nn.Module):
    """The transformer, returning the hidden states alone, as the export needs it."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: torch.Tensor, mask: torch.Tensor, types: torch.Tensor) -> torch.Tensor:
        """Return the last hidden states, shape (batch, length, dim)."""
        output = self.model(input_ids=ids, attention_mask=mask, token_type_ids=types)
        return output.last_hidden_state


def encoder(
    embedder: SentenceTransformer, texts: list[str], *, batch_size: int, threads: int
) -> Callable[[], float]:
    """Export the model, hold its vectors against the embedder's, and return what encodes."""
    import onnxruntime

    session = onnxruntime.InferenceSession(
        export(embedder), sess_options=_options(threads), providers=["CPUExecutionProvider"]
    )
    by_length = sorted(range(len(texts)), key=lambda number: -len(texts[number]))

    def encode() -> np.ndarray:
        vectors = np.empty((len(texts), embedder.get_embedding_dimension()), np.float32)
        for start in range(0, len(texts), batch_size):
            numbers = by_length[start : start + batch_size]
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
