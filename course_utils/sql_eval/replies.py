"""Turn a model's reply into rows and one line of plain text; a failure is a line too."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_utils.sql_eval.errors import (
    QueryError,
    QueryFailedError,
    QueryRefusedError,
    QueryTooExpensiveError,
)
from course_utils.sql_eval.runner import QueryResult, run_query
from course_utils.sql_eval.text import extract_sql

SHOWN_ROWS = 5
SHOWN_CHARACTERS = 60  # of one value
REASONS = {
    QueryRefusedError: "I wrote a query that isn't allowed to run",
    QueryTooExpensiveError: "I wrote a query that takes too much work",
    QueryFailedError: "I couldn't write a query that runs",
}


@dataclass(frozen=True)
class SqlAnswer:
    """What came of a question about figures."""

    text: str  # one line for a reader: the result, or why there is none
    sql: str = ""  # as the model wrote it; empty if it wrote none
    ok: bool = False  # whether the query ran, which doesn't say that it is the right one
    columns: tuple[str, ...] = ()
    rows: Sequence[tuple[Any, ...]] = ()


def run_reply(reply: str, database: sqlite3.Connection | Path | str) -> SqlAnswer:
    """Run the SQL of a model's reply with `run_query`, read-only and within its limits.

    Nothing that a model writes raises: a query that is refused, goes over a limit or doesn't
    run is an answer that says so.

    Args:
        reply: What the model wrote.
        database: As `run_query` takes it.

    Raises:
        FileNotFoundError: There is no such database.
        ValueError: It is no database, or a connection in the middle of a transaction.
    """
    sql = ""
    try:
        sql = extract_sql(reply)
        result = run_query(database, sql)
    except QueryError as error:
        return SqlAnswer(f"{REASONS[type(error)]}: {error}.", sql)
    return SqlAnswer(in_words(result), sql, True, result.columns, result.rows)


def in_words(result: QueryResult) -> str:
    """Return a result as one line: a single value by itself, else the first rows of it."""
    if not result.rows:
        return "No row fits."
    if len(result.rows) == len(result.columns) == 1:
        return "There is no value." if result.rows[0][0] is None else _cell(result.rows[0][0])
    shown = [" ".join(map(_cell, row)) for row in result.rows[:SHOWN_ROWS]]
    more = len(result.rows) - len(shown)
    over = "over " if result.truncated else ""
    rest = f"; and {over}{more:,} more" if more else ""
    count = f"{over}{len(result.rows):,} row{'s' if len(result.rows) > 1 else ''}"
    return f"{count} of {', '.join(map(_cell, result.columns))}: {'; '.join(shown)}{rest}"


def _cell(value: Any) -> str:
    if value is None:
        return "(none)"
    text = f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
    text = " ".join(text.split())
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 4] + " ..."
