"""Questions to the shop's database with the queries that answer them.

Shapes and wordings are combined into rows, and a row is kept only if its answer says something:
it isn't empty, no tie decides it, and none of the queries that a careless writer would take for
it gives the same answer on both of two differently filled databases.
"""

import json
import random
from collections import Counter
from pathlib import Path

from course_utils import files
from course_utils.shop.database import TRAINING_TABLES, UNSEEN_TABLES, schema_of
from course_utils.shop.sql_faults import fault_of
from course_utils.shop.sql_shapes import Frame, frames, read_shapes
from course_utils.shop.sql_wording import Draft, write_draft

SEED = 20260131
SPLITS = ("train", "dev", "test_values", "test_wordings", "test_tables")
ROWS_PER_SHAPE = {"test_tables": 2, "test_values": 2, "test_wordings": 2, "dev": 2, "train": 17}


class _Book:
    """What has been written so far, so that splits stay apart and tables even."""

    def __init__(self) -> None:
        self.rows: list[dict] = []
        self.questions: set[str] = set()
        self.queries: Counter[str] = Counter()  # in the split being written
        self.closed_queries: set[str] = set()  # in the splits before it
        self.reserved_frames: set[Frame] = set()
        self.reserved_literals: set[tuple[str, str]] = set()
        self.table_use: Counter[str] = Counter()
        self.frame_use: Counter[tuple] = Counter()

    def open(self, split: str) -> None:
        self.split = split
        self.closed_queries |= set(self.queries)
        for counter in (self.queries, self.table_use, self.frame_use):
            counter.clear()

    def cost(self, frame: Frame) -> float:
        """Return how much the frame's tables and columns have been used already."""
        tables = sum(self.table_use[table] for table in frame.tables) / len(frame.tables)
        here = sum(self.frame_use[frame.shape, table] for table in frame.tables)
        columns = sum(
            self.frame_use[frame.shape, frame.tables[slot.position], slot.name, slot.column.name]
            for slot in frame.slots
        )
        return tables + 3 * here + columns

    def add(self, frame: Frame, wording: str, draft: Draft) -> None:
        self.questions.add(draft.question.lower())
        self.queries[draft.sql] += 1
        for slot in frame.slots:
            table = frame.tables[slot.position]
            self.frame_use[frame.shape, table, slot.name, slot.column.name] += 1
        for table in frame.tables:
            # A table to train on is there to be one of many; the shop's own matter most.
            self.table_use[table] += 3 if table in TRAINING_TABLES else 1
            self.frame_use[frame.shape, table] += 1
        if self.split == "test_values":
            self.reserved_frames.add(frame)
            self.reserved_literals |= set(draft.literals)
        row = {"id": "", "split": self.split, "shape": frame.shape, "wording": wording}
        row |= {"tables": list(frame.tables), "schema": schema_of(frame.tables)}
        self.rows.append(row | {"question": draft.question, "sql": draft.sql})


def make_rows(seed: int = SEED) -> list[dict]:
    """Return all rows of `data/text_to_sql.jsonl`, the same for the same seed.

    The held-out splits are written first and keep their questions, queries and, for
    `test_values`, their columns and values to themselves.

    Returns:
        Rows with the keys id, split, shape, wording, tables, schema, question and sql.
    """
    rng = random.Random(seed)
    book = _Book()
    choices = {shape: list(frames(shape)) for shape in read_shapes()["shapes"]}
    narrow_first = sorted(choices, key=lambda shape: len(_shop_tables(choices[shape])))
    for split, count in ROWS_PER_SHAPE.items():
        book.open(split)
        for shape in narrow_first:
            group = "held_out" if split == "test_wordings" else "train"
            wordings = list(enumerate(read_shapes()["shapes"][shape][group]))
            rng.shuffle(wordings)
            usable = [each for each in choices[shape] if _usable(each, split, book)]
            for number in range(count):
                index, wording = wordings[number % len(wordings)]
                _add_row(usable, f"{shape}/{group}/{index}", wording, book, rng)
    return _numbered(book.rows, seed)


def _shop_tables(choices: list[Frame]) -> set[tuple[str, ...]]:
    return {frame.tables for frame in choices if frame.tables[0] not in TRAINING_TABLES}


def _usable(frame: Frame, split: str, book: _Book) -> bool:
    if split != "train" and frame.tables[0] in TRAINING_TABLES:
        return False
    unseen = frame.tables[0] in UNSEEN_TABLES
    return unseen == (split == "test_tables") and frame not in book.reserved_frames


def _add_row(
    usable: list[Frame], wording_id: str, wording: str, book: _Book, rng: random.Random
) -> None:
    """Add a row from the least used frame that gives a good one.

    Raises:
        ValueError: No frame does; the message names the wording.
    """
    unseen_values = None if book.split == "test_tables" else book.split == "test_values"
    for repeats in (0, 1, 2):  # the same query again, in other words, only if there is no new one
        order = {frame: (book.cost(frame), rng.random()) for frame in usable}
        for frame in sorted(usable, key=order.__getitem__):
            for _ in range(30):
                draft = write_draft(frame, wording, unseen_values=unseen_values, rng=rng)
                if _is_new(draft, book, repeats) and not fault_of(draft.sql, frame.tables):
                    book.add(frame, wording_id, draft)
                    return
    raise ValueError(
        f"data/sql_shapes.yaml, {wording_id}: no table gives a row for split '{book.split}' that "
        "passes fault_of; loosen the shape or lower ROWS_PER_SHAPE"
    )


def _is_new(draft: Draft, book: _Book, repeats: int) -> bool:
    return (
        draft.question.lower() not in book.questions
        and draft.sql not in book.closed_queries
        and book.queries[draft.sql] <= repeats
        and (book.split == "test_values" or book.reserved_literals.isdisjoint(draft.literals))
    )


def _numbered(rows: list[dict], seed: int) -> list[dict]:
    numbered = []
    for split in SPLITS:
        part = [row for row in rows if row["split"] == split]
        random.Random(f"{seed} {split}").shuffle(part)  # more training rows don't move the others
        numbered += [row | {"id": f"{split}-{n:04d}"} for n, row in enumerate(part, start=1)]
    return numbered


def write(folder: Path, seed: int = SEED) -> Path:
    """Write `text_to_sql.jsonl` into the folder and return its path."""
    path = folder / "text_to_sql.jsonl"
    lines = [json.dumps(row, ensure_ascii=False) for row in make_rows(seed)]
    files.write_text(path, "\n".join(lines) + "\n")
    return path
