"""How good a cleaning of the shop's tables is, defect by defect, against what was planted."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from course_utils.shop.defects import Planted, repaired_tables
from course_utils.shop.tables import COLUMNS, KEYS, Tables


def score_cleaning(
    tables: Mapping[str, pd.DataFrame],
    findings: pd.DataFrame,
    planted: Sequence[Planted],
    truth: Tables,
) -> pd.DataFrame:
    """Return how often each planted defect was found and repaired, one row a defect.

    Rows are compared by key: of two equal rows either may be called the copy.

    Args:
        tables: The cleaned tables, with the columns and types of `shop.tables.COLUMNS`.
        findings: The log of the cleaning: `table`, `column`, `defect`, `row` (position in the
            messy table, from 0). A finding counts under its defect's own name and column.
        planted: As `defects.plant_defects` returns them.
        truth: The tables before defects were planted.

    Returns:
        `table`, `column`, `defect`, `planted` (rows), `found` (of those), `false_alarms` (findings
        in other rows), `repaired` (rows that are now as the best honest cleaning leaves them).

    Raises:
        ValueError: A table or a column is missing, or a finding is in a row that isn't there.
    """
    _check_tables(tables)
    best = repaired_tables(truth, planted)
    keys = {table: _messy_keys(table, planted, truth) for table in COLUMNS}
    rows = []
    for each in planted:
        is_its = (
            (findings["table"] == each.table)
            & (findings["column"] == each.column)
            & (findings["defect"] == each.name)
        )
        found = Counter(_key_of(row, keys[each.table], each) for row in findings["row"][is_its])
        hits = (found & Counter(each.keys)).total()
        rows.append(
            {
                "table": each.table,
                "column": each.column,
                "defect": each.name,
                "planted": each.count,
                "found": hits,
                "false_alarms": found.total() - hits,
                "repaired": _count_repaired(tables[each.table], each, best),
            }
        )
    return pd.DataFrame(rows)


def harmed_cells(
    tables: Mapping[str, pd.DataFrame], planted: Sequence[Planted], truth: Tables
) -> pd.DataFrame:
    """Return where a cleaning did harm: what differs from the best honest one without a defect.

    A defect that is still there isn't harm; a good cell that was changed, a good row that was
    dropped, or a row that nobody planted is.

    Returns:
        `table`, `key`, `column` ("" for a whole row), `expected`, `found`; empty for a cleaning
        that did no harm.

    Raises:
        ValueError: A table or a column is missing.
    """
    _check_tables(tables)
    best = repaired_tables(truth, planted)
    harm: list[tuple[str, Any, str, Any, Any]] = []
    for table in COLUMNS:
        key = KEYS[table]
        explained = {(k, p.column) for p in planted if p.table == table for k in p.keys}
        expected = {row[key]: row for row in getattr(best, table).to_dict("records")}
        groups: dict[Any, list[dict[str, Any]]] = {}
        for row in tables[table].to_dict("records"):
            groups.setdefault(row[key], []).append(row)
        for name in [name for name in expected if name not in groups]:
            harm.append((table, name, "", "a row", "no row"))
        for name, rows in groups.items():
            extra = len(rows) - (name in expected)
            if extra and (name, "") not in explained:
                harm += [(table, name, "", "no row", "a row")] * extra
            if name not in expected:
                continue
            # Of copies that stayed, the best one counts.
            wrong = _least_wrong(rows, expected[name])
            harm += [
                (table, name, column, expected[name][column], found)
                for column, found in wrong.items()
                if (name, column) not in explained
            ]
    return pd.DataFrame(harm, columns=["table", "key", "column", "expected", "found"], dtype=object)


def _least_wrong(rows: list[dict[str, Any]], expected: dict[str, Any]) -> dict[str, Any]:
    """Return the cells that differ in the row that differs least."""
    differing = [
        {column: row[column] for column in expected if not _same(row[column], expected[column])}
        for row in rows
    ]
    return min(differing, key=len)


def _same(value: Any, other: Any) -> bool:
    return bool(pd.isna(value) and pd.isna(other)) or (
        not pd.isna(value) and not pd.isna(other) and value == other
    )


def _messy_keys(table: str, planted: Sequence[Planted], truth: Tables) -> list[str]:
    """Return the true key of each row of the messy table: added rows stand between the others."""
    added = {
        row: key
        for each in planted
        if each.table == table and not each.column
        for row, key in zip(each.rows, each.keys, strict=True)
    }
    others = iter(getattr(truth, table)[KEYS[table]])
    n_rows = len(getattr(truth, table)) + len(added)
    return [added[row] if row in added else next(others) for row in range(n_rows)]


def _key_of(row: int, keys: list[str], each: Planted) -> str:
    if not 0 <= row < len(keys):
        raise ValueError(
            f"a finding of {each.name!r} is in row {row} of {each.table!r}, which has "
            f"{len(keys)} rows; give positions in the messy table, from 0"
        )
    return keys[row]


def _count_repaired(frame: pd.DataFrame, each: Planted, best: Tables) -> int:
    key = KEYS[each.table]
    expected = getattr(best, each.table).set_index(key, drop=False)
    if not each.column:
        left = Counter(frame[key]) - Counter(expected.index)
        return each.count - (left & Counter(each.keys)).total()
    cells = dict(zip(frame[key], frame[each.column], strict=True))
    return sum(
        name in cells and _same(cells[name], expected.at[name, each.column]) for name in each.keys
    )


def _check_tables(tables: Mapping[str, pd.DataFrame]) -> None:
    for table, kinds in COLUMNS.items():
        if table not in tables:
            raise ValueError(f"tables lacks {table!r}; pass all four cleaned tables")
        lacking = [column for column in kinds if column not in tables[table].columns]
        if lacking:
            raise ValueError(f"table {table!r} lacks the columns {lacking}; score clean tables")
