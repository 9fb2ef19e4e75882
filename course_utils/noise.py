"""Messages of the libraries that say nothing to a learner, hidden one by one.

Each entry names where the message comes from, the words that mark it, and why it may go.
Everything else that a library says is shown.
"""

import logging
import re
import warnings
from dataclasses import dataclass


@dataclass(frozen=True)
class KnownMessage:
    """One message of one logger."""

    logger: str
    words: str
    reason: str
    module: str = ""  # in whose source the words stand, if not in the logger's own


KNOWN = (
    KnownMessage(
        "bitsandbytes.backends.cpu.ops",
        "Failed to load CPU gemm_4bit_forward",
        "On a CPU with AVX512-BF16, bitsandbytes looks for a faster 4-bit kernel on the hub as "
        "soon as it is imported. It works without: the course downloads no compiled code.",
    ),
    KnownMessage(
        "bitsandbytes.autograd._functions",
        "MatMul8bitLt: inputs will be cast from",
        "Each 8-bit layer says so at each forward pass: 210 lines a token with SmolLM2. The cast "
        "is how 8-bit layers work, whatever format the other weights have.",
    ),
    KnownMessage(
        "pymilvus.decorators",
        "RPC error",
        "Where a call fails, pymilvus logs the error and raises it as well. What was raised is "
        "shown or handled where it arrives.",
    ),
    KnownMessage(
        "pymilvus.client.iterator.query_iterator",
        "failed to get mvccTs from milvus server, use client-side ts instead",
        "Milvus Lite has no such timestamp: it serves one process, and the client's own will do.",
    ),
    KnownMessage(
        "milvus_lite.server_manager",
        "Failed to start MilvusLite server",
        "Where another process has the folder, Lite logs a traceback of 20 lines and raises too; "
        "`vectorstore.connect` says what was raised in a sentence.",
    ),
    KnownMessage(
        "grpc._server",
        "Method not implemented!",
        "pymilvus asks Milvus Lite for a call that only servers have, takes the refusal for an "
        "answer and goes on; the traceback comes from Lite's side of the same process.",
        module="pymilvus.grpc_gen.milvus_pb2_grpc",
    ),
)


@dataclass(frozen=True)
class KnownWarning:
    """One message that comes through Python's `warnings`."""

    category: type[Warning]
    words: str  # with which it begins
    module: str  # in whose source they stand
    reason: str


KNOWN_WARNINGS = (
    KnownWarning(
        FutureWarning,
        "`is_gradient_checkpointing` is deprecated",
        "transformers.modeling_utils",
        "peft asks each model for this attribute by the name that it had before transformers 5. "
        "The answer is right, and only peft can ask otherwise.",
    ),
    KnownWarning(
        UserWarning,
        "'pin_memory' argument is set as true but no accelerator is found",
        "torch.utils.data.dataloader",
        "sentence-transformers' `fit` builds its training arguments itself, and without a GPU "
        "torch remarks that pinned memory is of no use. Nothing is pinned then.",
    ),
)


class _Filter(logging.Filter):
    def __init__(self, known: KnownMessage) -> None:
        super().__init__()
        self.known = known

    def filter(self, record: logging.LogRecord) -> bool:
        return self.known.words not in record.getMessage()


def hide_known() -> None:
    """Hide the known messages from now on; call it before the libraries are imported."""
    for known in KNOWN:
        logger = logging.getLogger(known.logger)
        if not any(isinstance(f, _Filter) and f.known == known for f in logger.filters):
            logger.addFilter(_Filter(known))
    for warning in KNOWN_WARNINGS:
        warnings.filterwarnings("ignore", re.escape(warning.words), warning.category)
