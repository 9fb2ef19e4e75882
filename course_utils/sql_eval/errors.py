"""Say why a query gave no result, and what to do: SQLite's own message alone often doesn't."""

import re
from difflib import get_close_matches

_OVER_A_LIMIT = re.compile("too (many|large|big|complex)|at most|stack overflow")


class QueryError(ValueError):
    """A query gave no result."""


class QueryRefusedError(QueryError):
    """The statement would do something other than read the database's tables."""


class QueryTooExpensiveError(QueryError):
    """The statement went over a limit on time, size or memory."""


class QueryFailedError(QueryError):
    """SQLite can't run the statement: its syntax or a name is wrong."""


def explained(
    error: Exception, sql: str, *, columns: dict[str, list[str]], max_value_bytes: int
) -> QueryError:
    """Return the error to raise for the one that SQLite raised.

    Args:
        error: A `sqlite3.Error`, or the MemoryError of a statement with too large a program.
        sql: The statement.
        columns: The columns of each table, for the nearest right name.
        max_value_bytes: The limit on a single value.
    """
    said, code = str(error), getattr(error, "sqlite_errorname", "")
    if "one statement at a time" in said:
        return refused("it holds more than one statement")
    if "too many SQL variables" in said or "variable number must be" in said:
        return refused("it has a parameter (? or :name) and no value for it")
    if code == "SQLITE_READONLY":
        return refused(said)
    if said == "string or blob too big":
        return QueryTooExpensiveError(
            f"a value has over {max_value_bytes:,} bytes, a tenth of max_bytes; "
            "select shorter values, or raise max_bytes"
        )
    if isinstance(error, MemoryError):
        return QueryTooExpensiveError("it compiles to too many steps; write a shorter statement")
    if _OVER_A_LIMIT.search(said):
        return QueryTooExpensiveError(f"{said}; write a shorter, less nested statement")
    return QueryFailedError(said + _hint(said, columns, sql))


def refused(what: str) -> QueryRefusedError:
    """Return the error that says what was refused, and what is allowed."""
    return QueryRefusedError(f"{what}; only one SELECT over the database's tables may run")


def _hint(said: str, columns: dict[str, list[str]], sql: str) -> str:
    """Return the nearest right name for one that SQLite doesn't know, or nothing."""
    kind, _, name = said.removeprefix("no such ").partition(": ")
    if kind == "table":
        nearest = get_close_matches(name, columns, n=1)
        return f"; the nearest table is {nearest[0]}" if nearest else ""
    if kind != "column":
        return ""
    bare = name.rpartition(".")[2]
    homes = [table for table, names in columns.items() if bare in names]
    if homes:
        return f"; {bare} is a column of {', '.join(homes)}"
    words = re.findall(r"\w+", sql.lower())
    read = {table: names for table, names in columns.items() if table.lower() in words}
    for tables in (read, columns):
        homes_of = {column: table for table, names in tables.items() for column in names}
        if nearest := get_close_matches(bare, homes_of, n=1):
            return f"; the nearest column is {homes_of[nearest[0]]}.{nearest[0]}"
    return ""
