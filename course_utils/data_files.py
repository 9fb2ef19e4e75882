"""The rows of the committed JSONL files in `data/`, by split."""

import json
from typing import Any

from course_utils import runtime


def rows(name: str) -> list[dict[str, Any]]:
    """Return all rows of a file in `data/`, such as `intents.jsonl`."""
    # Not splitlines: it also breaks a line at characters that may stand in a text.
    with (runtime.data_dir() / name).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def split_rows(name: str, split: str) -> list[dict[str, Any]]:
    """Return the rows of one split of a file in `data/`.

    Args:
        name: The file's name.
        split: A value of its field `split`.

    Raises:
        ValueError: There is no such split.
    """
    every = rows(name)
    chosen = [row for row in every if row["split"] == split]
    if not chosen:
        there = ", ".join(dict.fromkeys(row["split"] for row in every))
        raise ValueError(f"no split {split!r} in {name}; use one of {there}")
    return chosen
