"""Finds the queries that test nothing: those that a wrong query answers as well."""

import re
import sqlite3
from collections.abc import Iterable, Sequence

from course_utils.shop.database import TABLES, Column, answer
from course_utils.shop.sql_shapes import databases


def fault_of(sql: str, tables: Sequence[str]) -> str | None:
    """Return what makes a query a bad test, or None.

    An answer that is empty, zero, one of several by a tie or the same on both databases shows
    nothing; nor does one that a wrong query gives too. A wrong query is found out if it differs
    on either database. The values that a column has may be the same on both.
    """
    answers = [answer(database, sql) for database in databases()]
    for database, rows in zip(databases(), answers, strict=True):
        if not rows or rows[0] in ((None,), (0,)):
            return "the answer is empty"
        if "COUNT(" in sql and rows == [(1,)]:
            return "the count is one, which a guess may hit"
        if "GROUP BY" in sql and "LIMIT" not in sql and "HAVING" not in sql and len(rows) < 2:
            return "there is one group only"
        if "ORDER BY" in sql:
            head, limit, count = sql.partition(" LIMIT ")
            for rest in (", 1", ", 1 DESC"):
                if answer(database, f"{head}{rest}{limit}{count}") != rows:
                    return "a tie decides the answer"
    if answers[0] == answers[1] and "DISTINCT" not in sql:
        return "both databases give the same answer, which may be learned by heart"
    for wrong in wrong_queries(sql, tables):
        if answers == [_answer_or_none(database, wrong) for database in databases()]:
            return f"a wrong query has the same answer: {wrong}"
    return None


def _answer_or_none(database: sqlite3.Connection, sql: str) -> list[tuple] | None:
    try:
        return answer(database, sql)
    except sqlite3.Error:
        return None


_SWAPS = {  # in the style that the course's queries are written in
    " = '": [" <> '"],
    " <> ": [" = "],
    " > ": [" < "],
    " < ": [" > "],
    " >= ": [" < ", " > "],
    " BETWEEN ": [" NOT BETWEEN "],
    " IS NULL": [" IS NOT NULL"],
    " IS NOT NULL": [" IS NULL"],
    " IN (": [" NOT IN ("],
    " NOT IN (": [" IN ("],
    "DISTINCT ": [""],
    " DESC": [""],
    "SUM(": ["AVG(", "MAX(", "COUNT("],
    "AVG(": ["SUM(", "MAX(", "MIN("],
    "MAX(": ["MIN("],
    "MIN(": ["MAX("],
}


def wrong_queries(sql: str, tables: Iterable[str]) -> list[str]:
    """Return the queries that a careless writer may take for this one.

    A condition, HAVING, LIMIT, DISTINCT or join key left out; a comparison, an order or an
    aggregate turned round; another column of the same kind; a boundary that is one off where
    rows lie on it (days, and numbers with few values). Some of them don't even run.
    """
    columns = [column for table in tables for column in TABLES[table]]
    wrong = [*_left_out(sql), *_other_columns(sql, columns), *_other_bounds(sql, columns)]
    for old, news in _SWAPS.items():
        if old != " IN (" or " NOT IN (" not in sql:
            wrong += [sql.replace(old, new) for new in news if old in sql]
    if " ORDER BY " in sql and " DESC" not in sql:
        wrong.append(re.sub(r"( ORDER BY \w+)", r"\1 DESC", sql))
    if "COUNT(*)" in sql:
        names = [column.name for column in columns if column.kind == "number"]
        wrong += [sql.replace("COUNT(*)", f"SUM({name})") for name in names]
    return [each for each in dict.fromkeys(wrong) if each != sql]


def _left_out(sql: str) -> list[str]:
    wrong = [
        re.sub(pattern, "", sql)
        for pattern in (r" WHERE .+?(?= GROUP BY| ORDER BY|$)", r" HAVING .+", r" LIMIT \d+")
    ]
    wrong += [sql.replace(match, "") for match in re.findall(r" USING \(\w+\)", sql)]
    where = re.search(r" WHERE (.+?)(?= GROUP BY| ORDER BY|$)", sql)
    if where:
        parts = re.split(r" AND (?=[a-z])", where[1])
        wrong += [sql.replace(where[1], part) for part in parts]
    return wrong


def _other_columns(sql: str, columns: list[Column]) -> list[str]:
    wrong = []
    selected = re.match(r"SELECT (?:DISTINCT )?(\w+)(?=,| FROM)", sql)
    for column in columns:
        if selected:
            start, end = selected.span(1)
            wrong.append(f"{sql[:start]}{column.name}{sql[end:]}")
        wrong += [
            re.sub(rf"\b{used.name}\b", column.name, sql)
            for used in columns
            if used.kind == column.kind and used.kind not in ("key", "ref")
        ]
    return wrong


def _other_bounds(sql: str, columns: list[Column]) -> list[str]:
    wrong = []
    few = "|".join(c.name for c in columns if c.ties or c.kind == "date") or "-"
    wrong.append(re.sub(rf"\b({few}) ([<>]) (?=['\d])", r"\1 \2= ", sql))
    wrong.append(sql.replace("COUNT(*) > ", "COUNT(*) >= "))
    several = re.search(r" IN \(('[^']+'), ('[^']+')\)", sql)
    if several:
        wrong += [sql.replace(several[0], f" = {value}") for value in several.groups()]
    like = re.search(r" LIKE '(%?)(\w+)%'", sql)
    if like and like[1]:
        wrong += [sql.replace("'%", "'"), sql.replace("'%", "'").replace("%'", "'")]
    elif like and any(c.kind == "text" and f"{c.name} LIKE" in sql for c in columns):
        wrong.append(sql.replace(" LIKE '", " LIKE '%"))
    return wrong
