"""Where a question goes: to the figures, to the handbook, or to neither.

It is a small classification of its own. Lesson 08 trains a classifier on these examples, on the
vectors that the search needs anyway.
"""

import re
from dataclasses import dataclass

from course_utils import data_files
from course_utils.rag.assistant import Route

# file, the field that holds the text, the splits that train, the route
SOURCES: tuple[tuple[str, str, str, Route], ...] = (
    ("text_to_sql.jsonl", "question", "train", "figures"),
    ("rag_questions.jsonl", "question", "dev", "handbook"),
    ("small_talk.jsonl", "text", "train", "small talk"),
)
FIGURE_WORDS = re.compile(
    r"\b(how many|how much|number of|average|total|sum|count|most|least|highest|lowest|list)\b"
)
SHORT = 7  # words


@dataclass(frozen=True)
class Examples:
    """Texts and where each belongs."""

    texts: list[str]
    routes: list[Route]


def examples(split: str) -> Examples:
    """Return the examples of a split: questions on the tables, on the handbook, small talk.

    The handbook's dev questions train the router, and none of its test questions does.

    Args:
        split: `train` or `test`.

    Raises:
        ValueError: There is no such split.
    """
    if split not in ("train", "test"):
        raise ValueError(f"no split {split!r}; use train or test")
    texts: list[str] = []
    routes: list[Route] = []
    for name, field, trains, route in SOURCES:
        for row in data_files.rows(name):
            is_test = row["split"].startswith("test")  # the tables have three test splits
            if row["split"] == trains if split == "train" else is_test:
                texts.append(row[field])
                routes.append(route)
    return Examples(texts, routes)


def keyword_route(text: str) -> Route:
    """Return a route by its words alone: the baseline that the router has to beat.

    Args:
        text: A question or a remark.
    """
    if FIGURE_WORDS.search(text.lower()):
        return "figures"
    if "?" in text or len(text.split()) > SHORT:
        return "handbook"
    return "small talk"
