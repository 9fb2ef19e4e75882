"""Run SQL that a model wrote: it can read, within limits, and nothing else.

Several means stand behind each other, so that a hole in one isn't a hole in the whole:

1. The statement never meets your connection. A database file is opened again with `mode=ro`;
   a connection's database is copied into memory first.
2. `PRAGMA query_only` lets SQLite refuse every write.
3. An authorizer, which SQLite asks about each action while it compiles a statement, allows
   reading the database's own tables and calling listed functions.
4. A progress handler stops a statement that runs too long; limits bound its size, the size of
   each value, and what it returns.

What this doesn't bound: the time and memory that SQLite takes to compile a statement, before it
runs (subqueries written on purpose to expand exponentially), and the temporary files in which
it sorts. SQL from people who mean harm belongs in a process of its own that can be killed.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_utils.sql_eval.errors import QueryTooExpensiveError, explained, refused
from course_utils.sql_eval.text import tokens

# Nothing random and nothing that makes large values from small ones, such as printf or hex.
_FUNCTIONS = (
    "avg count group_concat max min string_agg sum total "
    "cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank "
    "row_number abs ceil ceiling coalesce floor ifnull iif nullif round sign typeof "
    "concat concat_ws glob instr length like lower ltrim replace rtrim substr substring trim "
    "upper date datetime julianday strftime time"
)
ALLOWED_FUNCTIONS = frozenset(_FUNCTIONS.split())
MAX_SQL_BYTES = 10_000
_LIMITS = {
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: MAX_SQL_BYTES,
    sqlite3.SQLITE_LIMIT_COLUMN: 100,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 100,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 10,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 25_000,  # steps of the compiled program
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 20,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 100,
    sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER: 0,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}
_STEPS_BETWEEN_CHECKS = 100  # few, since a single step may work through a large text
_WRITES = {
    sqlite3.SQLITE_INSERT: "INSERT into",
    sqlite3.SQLITE_UPDATE: "UPDATE",
    sqlite3.SQLITE_DELETE: "DELETE from",
}


@dataclass(frozen=True)
class QueryResult:
    """What a query returned."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    truncated: bool  # whether there were more rows than `max_rows`
    seconds: float


def run_query(
    database: sqlite3.Connection | Path | str,
    sql: str,
    *,
    max_rows: int = 1_000,
    max_seconds: float = 1.0,
    max_bytes: int = 1_000_000,
) -> QueryResult:
    """Run one SELECT and return its rows; the database stays as it is.

    Args:
        database: The path of a SQLite file, or a connection, whose main database is copied.
        sql: One statement; comments and one closing semicolon are fine.
        max_rows: Rows to return; more are cut off, and `truncated` says so.
        max_seconds: When to stop, in seconds of wall time.
        max_bytes: The most text and blobs that the rows may hold together. A single value,
            also one on the way, may hold a tenth of it.

    Raises:
        QueryRefusedError: It isn't one SELECT over the database's tables and allowed functions.
        QueryTooExpensiveError: It went over a limit; the message says which.
        QueryFailedError: SQLite can't run it; the message has the nearest right name.
        FileNotFoundError: There is no such file.
        ValueError: A limit isn't positive, the file is no database, or the connection is in a
            transaction, of which a copy would hold a half.
    """
    with ReadOnlyDatabase(database) as opened:
        return opened.run(sql, max_rows=max_rows, max_seconds=max_seconds, max_bytes=max_bytes)


class ReadOnlyDatabase:
    """A database opened for many queries; `run_query` opens it for one.

    Use it in a `with` block, which closes it.
    """

    def __init__(self, database: sqlite3.Connection | Path | str):
        self._refusal = ""  # the first action that the authorizer denied
        self._late = False
        self._connection = _open(database)
        try:
            # SQLite reads the schema here, so that the limits below don't bind the tables.
            self.columns = _columns_by_table(self._connection)
            for limit, value in _LIMITS.items():
                self._connection.setlimit(limit, value)
            self._connection.execute("PRAGMA query_only = ON")
            self._connection.set_authorizer(self._authorize)
        except sqlite3.DatabaseError as error:
            self.close()
            raise ValueError(f"{database} can't be read as a SQLite database: {error}") from error

    def __enter__(self) -> "ReadOnlyDatabase":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, or drop the copy."""
        self._connection.close()

    def run(
        self,
        sql: str,
        *,
        max_rows: int = 1_000,
        max_seconds: float = 1.0,
        max_bytes: int = 1_000_000,
    ) -> QueryResult:
        """Run one SELECT; see `run_query`."""
        for name, limit in (("rows", max_rows), ("seconds", max_seconds), ("bytes", max_bytes)):
            if limit <= 0:
                raise ValueError(f"max_{name}={limit} lets no query run; give a number over 0")
        _check_text(sql)
        max_value_bytes = max(max_bytes // 10, 1)
        self._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, max_value_bytes)
        started = time.perf_counter()
        try:
            with self._stopped_after(max_seconds), closing(self._connection.cursor()) as cursor:
                cursor.execute(sql)
                rows, truncated = _fetch(cursor, max_rows, max_bytes)
                columns = tuple(column[0] for column in cursor.description)
        except (sqlite3.Error, MemoryError) as error:
            if self._late:
                raise QueryTooExpensiveError(
                    f"stopped after {time.perf_counter() - started:.2f} s, over max_seconds="
                    f"{max_seconds}; look for a join without a condition or a recursion without "
                    "an end, or raise max_seconds"
                ) from error
            if self._refusal:
                raise refused(self._refusal) from error
            if getattr(error, "sqlite_errorname", "") == "SQLITE_INTERRUPT":
                # Not by the deadline: Python turns a Ctrl-C inside a callback into this.
                raise KeyboardInterrupt from error
            raise explained(
                error, sql, columns=self.columns, max_value_bytes=max_value_bytes
            ) from error
        return QueryResult(columns, rows, truncated, time.perf_counter() - started)

    @contextmanager
    def _stopped_after(self, max_seconds: float) -> Iterator[None]:
        deadline = time.perf_counter() + max_seconds
        self._late, self._refusal = False, ""

        def is_late() -> bool:
            self._late = time.perf_counter() > deadline
            return self._late

        self._connection.set_progress_handler(is_late, _STEPS_BETWEEN_CHECKS)
        try:
            yield
        finally:
            self._connection.set_progress_handler(None, 0)

    def _authorize(self, action: int, first: str | None, second: str | None, *_: Any) -> int:
        allowed, refusal = False, f"it asks for SQLite's action {action} on {first}"
        if action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE):
            allowed = True
        elif action == sqlite3.SQLITE_READ:
            # No column at all: SQLite asks this about subqueries, under any name, as well.
            counts_only = second == "" and not str(first).lower().startswith("sqlite_")
            allowed = first in self.columns or counts_only
            refusal = f"it reads {first}, which is no table of the database"
        elif action == sqlite3.SQLITE_FUNCTION:
            allowed = str(second).lower() in ALLOWED_FUNCTIONS
            refusal = f"the function {second} isn't among ALLOWED_FUNCTIONS"
        elif action == sqlite3.SQLITE_UPDATE and first == "sqlite_master":
            refusal = "it reads a virtual table, such as json_each or pragma_table_info"
        elif action in _WRITES:
            refusal = f"it would {_WRITES[action]} {first}"
        if not allowed:
            self._refusal = self._refusal or refusal
        return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


def _open(database: sqlite3.Connection | Path | str) -> sqlite3.Connection:
    if not isinstance(database, sqlite3.Connection):
        path = Path(database)
        if not path.is_file():
            raise FileNotFoundError(f"{path} isn't there; give the path of a SQLite file")
        return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
    if database.in_transaction:  # `backup` would wait for its end without a limit
        raise ValueError("the connection is in a transaction; commit it or roll it back first")
    copy = sqlite3.connect(":memory:", isolation_level=None)
    database.backup(copy)
    return copy


def _columns_by_table(connection: sqlite3.Connection) -> dict[str, list[str]]:
    query = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')"
    names = [name for (name,) in connection.execute(query).fetchall()]
    return {name: _columns(connection, name) for name in names}


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    quoted = table.replace('"', '""')
    return [column[1] for column in connection.execute(f'PRAGMA table_info("{quoted}")')]


def _check_text(sql: str) -> None:
    """Refuse what SQLite shouldn't even compile; it asks no authorizer about EXPLAIN."""
    try:
        size = len(sql.encode())
    except UnicodeEncodeError as error:
        raise refused(f"character {error.start} isn't valid Unicode") from error
    if size > MAX_SQL_BYTES:
        raise QueryTooExpensiveError(
            f"the statement has {size:,} bytes, over the limit of {MAX_SQL_BYTES:,}; shorten it"
        )
    if "\0" in sql:
        raise refused(f"character {sql.index(chr(0))} is a null character")
    words = tokens(sql)
    if not words:
        raise refused("it holds no statement")
    if words[0].upper() not in ("SELECT", "WITH"):
        raise refused(f"it starts with {words[0][:40].upper()}")


def _fetch(cursor: sqlite3.Cursor, max_rows: int, max_bytes: int) -> tuple[list[tuple], bool]:
    rows: list[tuple] = []
    size = 0
    for row in cursor:
        if len(rows) == max_rows:
            return rows, True
        texts = [value.encode() if isinstance(value, str) else value for value in row]
        size += sum(len(value) for value in texts if isinstance(value, bytes))
        if size > max_bytes:
            raise QueryTooExpensiveError(
                f"the first {len(rows) + 1:,} rows hold {size:,} bytes, over max_bytes="
                f"{max_bytes:,}; select fewer rows or columns, or raise max_bytes"
            )
        rows.append(row)
    return rows, False
