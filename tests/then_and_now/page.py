"""The rows and the page's text, from docs/make_then_and_now.py."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_SPEC = importlib.util.spec_from_file_location(
    "make_then_and_now", ROOT / "docs" / "make_then_and_now.py"
)
maker = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(maker)

TOPICS = maker.read_topics()
ROWS = {row["id"]: row for topic in TOPICS for row in topic["rows"]}


def in_words(row_id: str) -> str:
    """Return a row as lines of text, for the report of a failed test."""
    return "\n".join(f"{key}: {value}" for key, value in ROWS[row_id].items())
