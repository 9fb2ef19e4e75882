"""Read SQL as tokens: enough to find a statement's parts, not to judge it.

Whether a statement is allowed is SQLite's own verdict, in `runner`. Here it is only cut up.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from course_utils.sql_eval.errors import QueryFailedError

# Quotes and comments that nobody closed go on to the end, as in SQLite. Possessive repeats
# keep a long unclosed quote from costing quadratic time.
_TOKEN = re.compile(
    r"""
      '(?:[^']|'')*+(?:'|\Z)  |  "(?:[^"]|"")*+(?:"|\Z)  |  `[^`]*+(?:`|\Z)  |  \[[^]]*+(?:]|\Z)
    | --[^\n]*  |  /\*.*?(?:\*/|\Z)  |  \s+
    | \d+(?:\.\d+)?(?![\w.])  |  [\w$]+  |  <>|<=|>=|!=|==|\|\|  |  .
    """,
    re.VERBOSE | re.DOTALL,
)
_AGGREGATES = frozenset({"AVG", "COUNT", "DISTINCT", "GROUP_CONCAT", "MAX", "MIN", "SUM", "TOTAL"})
_COMPARISONS = "= == < > <= >= <> != LIKE IN BETWEEN IS NOT NULL OR"
_KEYWORDS = (
    "ALL AND AS ASC BY CASE CROSS DESC ELSE END EXCEPT EXISTS FROM FULL GROUP HAVING INNER "
    "INTERSECT JOIN LEFT LIMIT NATURAL OFFSET ON ORDER OUTER RIGHT SELECT THEN UNION USING "
    "VALUES WHEN WHERE WITH"
)
_NO_COLUMNS = frozenset([*_KEYWORDS.split(), *_COMPARISONS.split()])
_OTHER_STATEMENTS = (
    "ALTER|ANALYZE|ATTACH|BEGIN|COMMIT|CREATE|DELETE|DETACH|DROP|EXPLAIN|INSERT|PRAGMA|REINDEX|"
    "REPLACE|ROLLBACK|SAVEPOINT|UPDATE|VACUUM|VALUES"
)
_QUERY = r"(?:SELECT\b|WITH\s+(?:RECURSIVE\s+)?[\w\"`]+\s*(?:\([^)]*\)\s*)?AS\b)"
_LINE = rf"^[ \t>]*(?:[\w *]{{1,40}}:[*\s]*)?(?P<sql>{_QUERY}|(?:{_OTHER_STATEMENTS})\b)"
# The likeliest place first. Capitals before small letters, since prose may start a line with
# "Select" as well.
_STARTS = (
    re.compile(_LINE, re.MULTILINE),
    re.compile(rf"(?P<sql>\b{_QUERY})"),
    re.compile(_LINE, re.MULTILINE | re.IGNORECASE),
)
_FENCED = re.compile(r"```[ \t]*(?:sql\w*\b)?(.*?)(?:```|\Z)", re.DOTALL | re.IGNORECASE)


def tokens(sql: str, *, keep_blanks: bool = False) -> list[str]:
    """Cut SQL into tokens; a quoted text is one token, its quotes included.

    Args:
        sql: Any text; nothing is refused.
        keep_blanks: Whether white space and comments are tokens too, so that joining the tokens
            gives the text again.
    """
    found = _TOKEN.findall(sql)
    if keep_blanks:
        return found
    return [token for token in found if not token.isspace() and token[:2] not in ("--", "/*")]


def is_ordered(sql: str) -> bool:
    """Return whether a query sorts its result: an ORDER BY outside all parentheses.

    One inside a subquery or a window says nothing about the order of the rows that come out.
    """
    depth = 0
    for token in tokens(sql):
        depth += (token == "(") - (token == ")")
        if depth == 0 and token.upper() == "ORDER":
            return True
    return False


def extract_sql(text: str) -> str:
    """Return the first SQL statement of a model's reply, without its semicolon.

    Looks into code fences first, then for a line that starts with a statement, after a label
    such as "SQL:" too, then for SELECT or WITH in the middle of a line. The statement ends at a
    semicolon or, outside a fence, at an empty line. Statements that aren't queries are returned
    as well: it's for `run_query` to refuse them.

    Raises:
        QueryFailedError: The reply holds no statement.
    """
    fenced = [match[1] for match in _FENCED.finditer(text)]
    for place in (*fenced, text):
        for pattern in _STARTS:
            if match := pattern.search(place):
                start = match.start("sql")
                in_backticks = place[:start].endswith("`")
                rest = place[start:].partition("`" if in_backticks else "```")[0]
                return _first_statement(rest, ends_at_empty_line=place is text)
    raise QueryFailedError(
        f"the reply holds no SQL statement: {text[:60]!r}; ask for SQL and nothing else"
    )


def failure_kinds(predictions: Sequence[str], rows: Sequence[dict[str, Any]]) -> list[str]:
    """Say in what each wrong query differs first from its reference, by comparing their words.

    The kinds, in the order tried: `missing join`, `other table`, `other aggregate`,
    `other column`, `other value`, `other comparison`, `other order or limit`, `other`. Only the
    text is compared, so a right query that is written otherwise gets a kind too: pass the wrong
    ones alone.

    Args:
        predictions: SQL, one for each row; take it out of a reply with `sql_eval.extract_sql`.
        rows: Each with the reference under `sql`.

    Raises:
        ValueError: There aren't as many predictions as rows.
    """
    if len(predictions) != len(rows):
        raise ValueError(
            f"{len(predictions)} predictions for {len(rows)} rows; give one for each row"
        )
    pairs = zip(predictions, rows, strict=True)
    return [_failure_kind(_parts(prediction), _parts(row["sql"])) for prediction, row in pairs]


def _first_statement(text: str, *, ends_at_empty_line: bool) -> str:
    found = []
    for token in tokens(text, keep_blanks=True):
        is_empty_line = token.isspace() and token.count("\n") > 1
        if token == ";" or (ends_at_empty_line and is_empty_line):
            break
        found.append(token)
    return "".join(found).strip()


def _failure_kind(prediction: dict[str, Counter], reference: dict[str, Counter]) -> str:
    if set(prediction["table"]) < set(reference["table"]):
        return "missing join"
    for kind, expected in reference.items():
        repeats_count = kind not in ("table", "column")  # a column may be named once more
        found = prediction[kind]
        if found != expected if repeats_count else set(found) != set(expected):
            return f"other {kind}"
    return "other"


def _parts(sql: str) -> dict[str, Counter]:
    """Return what a query names, sorted into the parts that `failure_kinds` compares."""
    kinds = ("table", "aggregate", "column", "value", "comparison", "order or limit")
    parts: dict[str, Counter] = {kind: Counter() for kind in kinds}
    words = ["", *tokens(sql), ""]
    limited = ordered = False
    for before, token, after in zip(words, words[1:], words[2:], strict=False):
        upper = token.upper()
        ordered = (ordered or upper == "ORDER") and token not in ("(", ")")
        limited = limited or upper in ("LIMIT", "OFFSET")
        if upper in _AGGREGATES:
            parts["aggregate"][upper] += 1
        elif upper in _COMPARISONS.split():
            parts["comparison"][upper] += 1
        elif token[0:1] == "'" or token[0:1].isdigit():
            parts["order or limit" if limited else "value"][token] += 1
        elif upper in ("ORDER", "DESC", "LIMIT", "OFFSET"):
            parts["order or limit"][upper] += 1
        elif before.upper() in ("FROM", "JOIN") and token != "(":
            parts["table"][token.lower()] += 1
        elif _names_column(before, token, after, parts["table"]):
            parts["column"][token.lower()] += 1
            if ordered:
                parts["order or limit"][token.lower()] += 1
    return parts


def _names_column(before: str, token: str, after: str, tables: Counter) -> bool:
    """Return whether a word is a column: no keyword, function, table, or alias of one."""
    is_word = token[0:1].isalpha() or token[0:1] in ("_", '"', "`", "[")
    is_alias = before.upper() == "AS" or before.lower() in tables
    return is_word and token.upper() not in _NO_COLUMNS and after not in ("(", ".") and not is_alias
