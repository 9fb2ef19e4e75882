"""Judge model-written SQL by what it returns: execution accuracy.

Two queries may be written differently and both be right, so their texts aren't compared. Both
run, on more than one database, and their rows are. The query runs through `runner`, whose
names are here too: it can read, within limits, and nothing else.
"""

import math
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any, Literal

import pandas as pd

from course_utils.shop import sql_shapes
from course_utils.sql_eval.errors import (
    QueryError,
    QueryFailedError,
    QueryRefusedError,
    QueryTooExpensiveError,
)
from course_utils.sql_eval.runner import QueryResult, ReadOnlyDatabase, run_query
from course_utils.sql_eval.text import extract_sql, failure_kinds, is_ordered

__all__ = [
    "Execution",
    "QueryError",
    "QueryFailedError",
    "QueryRefusedError",
    "QueryResult",
    "QueryTooExpensiveError",
    "ReadOnlyDatabase",
    "accuracy",
    "evaluate",
    "extract_sql",
    "failure_kinds",
    "is_ordered",
    "run_query",
    "same_result",
]

Kind = Literal["right", "wrong rows", "wrong order", "failed", "refused", "too expensive"]
FLOAT_DECIMALS = 6  # sums of the same numbers in another order differ in the last digits
_Z_95 = 1.959963984540054  # the normal distribution's 97.5 % quantile


@dataclass(frozen=True)
class Execution:
    """How one predicted query did, on all databases together."""

    id: str
    split: str
    right: bool
    kind: Kind
    message: str  # what went wrong, or nothing


def same_result(
    rows: Sequence[tuple[Any, ...]], expected: Sequence[tuple[Any, ...]], *, ordered: bool
) -> bool:
    """Return whether two results hold the same rows.

    The columns' names don't count, their order does; floats are rounded to 6 decimals.

    Args:
        rows: What the query returned.
        expected: What the reference returned.
        ordered: Whether the order of the rows counts, as `is_ordered` says of the reference.
    """
    found, wanted = _rounded(rows), _rounded(expected)
    return found == wanted if ordered else Counter(found) == Counter(wanted)


def evaluate(
    predictions: Sequence[str],
    rows: Sequence[dict[str, Any]],
    databases: Sequence[sqlite3.Connection] | None = None,
    *,
    max_seconds: float = 1.0,
) -> pd.DataFrame:
    """Run each predicted query beside its reference, and say how it did.

    A query is right if it gives the reference's rows on every database: on one alone, a wrong
    query is often right by luck. Its first failure is what counts, in the order of the
    databases; a refused query is reported, not raised.

    Args:
        predictions: A model's replies, one for each row; `extract_sql` takes the SQL out.
        rows: Questions with `id`, `split` and the reference `sql`.
        databases: Where to run them; by default the shop filled from two seeds.
        max_seconds: The time limit of one query on one database.

    Returns:
        One line for each row: `id`, `split`, `right`, `kind` and `message`. The kinds are right,
        wrong rows, wrong order, failed, refused and too expensive.

    Raises:
        ValueError: There aren't as many predictions as rows, there is no database, or a
            reference gives no result of its own.
    """
    if len(predictions) != len(rows):
        raise ValueError(
            f"{len(predictions)} predictions for {len(rows)} rows; give one for each row"
        )
    databases = sql_shapes.databases() if databases is None else databases
    if not databases:
        raise ValueError("databases is empty; give one or more, or None for the shop's two")
    with ExitStack() as stack:
        opened = [stack.enter_context(ReadOnlyDatabase(database)) for database in databases]
        references: dict[str, list[QueryResult]] = {}
        executions = []
        for prediction, row in zip(predictions, rows, strict=True):
            if row["sql"] not in references:
                references[row["sql"]] = _run_reference(row, opened)
            kind, message = _judge(
                prediction, row["sql"], references[row["sql"]], opened, max_seconds
            )
            executions.append(Execution(row["id"], row["split"], kind == "right", kind, message))
    columns = list(Execution.__dataclass_fields__)
    return pd.DataFrame([asdict(execution) for execution in executions], columns=columns)


def accuracy(results: pd.DataFrame, *, by: str = "split") -> pd.DataFrame:
    """Return the share of right queries in each group, with its 95 % interval.

    The interval is Wilson's (1927): unlike the share plus or minus two standard errors, it
    holds near 0 and 1 and never leaves them. It says how far another draw of questions may lie,
    not another training run.

    Args:
        results: What `evaluate` returned.
        by: The column to group by.

    Returns:
        One line for each group, in the order of appearance: `n`, `right`, `share`, `low`, `high`.
    """
    if by not in results:
        raise ValueError(f"results has no column {by!r}; use one of {', '.join(results.columns)}")
    table = results.groupby(by, sort=False)["right"].agg(n="size", right="sum")
    intervals = [_wilson(right, n) for right, n in zip(table["right"], table["n"], strict=True)]
    table["share"] = table["right"] / table["n"]
    table["low"] = [low for low, _ in intervals]
    table["high"] = [high for _, high in intervals]
    return table


def _rounded(rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [
        tuple(round(value, FLOAT_DECIMALS) if isinstance(value, float) else value for value in row)
        for row in rows
    ]


def _run_reference(row: dict[str, Any], databases: list[ReadOnlyDatabase]) -> list[QueryResult]:
    try:
        results = [database.run(row["sql"]) for database in databases]
    except QueryError as error:
        raise ValueError(f"the reference of row {row['id']!r} doesn't run: {error}") from error
    if any(result.truncated for result in results):
        raise ValueError(
            f"the reference of row {row['id']!r} returns over {len(results[0].rows):,} rows, too "
            "many to compare; give it a LIMIT"
        )
    return results


def _judge(
    prediction: str,
    reference: str,
    expected: list[QueryResult],
    databases: list[ReadOnlyDatabase],
    max_seconds: float,
) -> tuple[Kind, str]:
    try:
        sql = extract_sql(prediction)
        results = [database.run(sql, max_seconds=max_seconds) for database in databases]
    except QueryRefusedError as error:
        return "refused", str(error)
    except QueryTooExpensiveError as error:
        return "too expensive", str(error)
    except QueryFailedError as error:
        return "failed", str(error)
    for number, difference in enumerate(_differences(results, expected), start=1):
        if difference:
            return "wrong rows", f"database {number} of {len(databases)}: {difference}"
    if is_ordered(reference):
        pairs = zip(results, expected, strict=True)
        if not all(same_result(one.rows, other.rows, ordered=True) for one, other in pairs):
            return "wrong order", "the rows are the reference's, in another order"
    return "right", ""


def _differences(results: list[QueryResult], expected: list[QueryResult]) -> Iterator[str]:
    for result, wanted in zip(results, expected, strict=True):
        more = "over " if result.truncated else ""
        if len(result.columns) != len(wanted.columns):
            yield f"columns: {len(result.columns)}, expected {len(wanted.columns)}"
        elif result.truncated or len(result.rows) != len(wanted.rows):
            yield f"rows: {more}{len(result.rows):,}, expected {len(wanted.rows):,}"
        elif not same_result(result.rows, wanted.rows, ordered=False):
            missing = Counter(_rounded(wanted.rows)) - Counter(_rounded(result.rows))
            yield f"{missing.total():,} of {len(wanted.rows):,} rows are missing"
        else:
            yield ""


def _wilson(right: int, n: int) -> tuple[float, float]:
    """Return the Wilson score interval of a share, at 95 %."""
    share, z2 = right / n, _Z_95**2
    center = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z_95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, center - half), min(1.0, center + half)
