"""Messages of the libraries that say nothing to a learner, hidden one by one.

Each entry names the logger, the words that mark the message, and why it may go. Everything
else that a library says is shown.
"""

import logging
from dataclasses import dataclass


@dataclass(frozen=True)
class KnownMessage:
    """One message of one logger."""

    logger: str
    words: str
    reason: str


KNOWN = (
    KnownMessage(
        "bitsandbytes.backends.cpu.ops",
        "Failed to load CPU gemm_4bit_forward",
        "On a CPU with AVX512-BF16, bitsandbytes looks for a faster 4-bit kernel on the hub as "
        "soon as it is imported. It works without: the course downloads no compiled code.",
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
