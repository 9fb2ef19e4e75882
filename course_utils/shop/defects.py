"""Breaks the shop's clean tables by name and count, as exports get broken.

Each defect says what it does and what honest cleaning can do about it. Sampled defects never
share a row, so that each can be checked alone; the systematic ones (a channel's date format, a
column in another unit) hit every row of their kind, and no cell is broken twice.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from course_utils.shop.tables import COLUMNS, KEYS, SEED, Tables

Repair = Literal["restore", "blank", "drop", "keep"]
Row = dict[str, Any]
MARKS = "_marks"  # the defects of a row while the tables are made
SPREADSHEET_TABLES = ("orders", "customers")  # their cells keep types; a CSV holds text only


@dataclass(frozen=True)
class Defect:
    """One kind of defect, as `defect_catalogue` lists them."""

    table: str
    column: str  # "" where whole rows are the defect
    name: str
    count: int | None  # rows to draw; None: every row that fits
    repair: Repair  # restore the value, blank the cell, drop the row, or keep it as it is
    why: str  # how it comes about in real exports
    fits: Callable[[Row], bool] = lambda row: True  # on the clean row
    change: Callable[[Any, random.Random], Any] | None = None  # clean value to exported cell
    # the exported row, all rows so far, to the cells in which one more row differs
    add: Callable[[Row, list[Row], random.Random], Row] | None = None


@dataclass(frozen=True)
class Planted:
    """A defect as it stands in the messy tables."""

    name: str
    table: str
    column: str  # "" where whole rows are the defect
    keys: tuple[str, ...]  # the rows' true keys; those of added rows are as written
    rows: tuple[int, ...]  # their positions in the messy table, from 0
    repair: Repair
    why: str

    @property
    def count(self) -> int:
        """Return how many rows have it."""
        return len(self.rows)


def plant_defects(tables: Tables, *, seed: int = SEED) -> tuple[Tables, list[Planted]]:
    """Return the tables as they are exported, and what is wrong with them.

    The messy tables hold cells, not values: text for the two CSV files, text, numbers and times
    for the workbook. All columns are of dtype object.

    Args:
        tables: As `shop.clean_tables` returns them.
        seed: Another seed breaks other rows.

    Raises:
        ValueError: Fewer rows fit a defect than it asks for.
    """
    from course_utils.shop.defect_catalogue import DEFECTS  # it needs this module's Defect

    messy, planted = {}, []
    for table in COLUMNS:
        rows = _break_table(getattr(tables, table), DEFECTS[table], seed)
        columns = list(COLUMNS[table])
        messy[table] = pd.DataFrame(
            [[row[column] for column in columns] for row in rows], columns=columns, dtype=object
        )
        planted += [_planted(defect, rows) for defect in DEFECTS[table]]
    return Tables(**messy), planted


def repaired_tables(tables: Tables, planted: Sequence[Planted]) -> Tables:
    """Return what the best honest cleaning of the messy tables ends up with.

    That is the truth, less the cells whose value nobody can know any more: they are missing.
    """
    repaired = {table: getattr(tables, table).copy() for table in COLUMNS}
    for each in planted:
        if each.repair == "blank":
            frame = repaired[each.table]
            frame.loc[frame[KEYS[each.table]].isin(each.keys), each.column] = None
    return Tables(**repaired)


def find_planted(planted: Sequence[Planted], name: str, table: str, column: str = "") -> Planted:
    """Return the planted defect of that name, table and column.

    Raises:
        KeyError: There is none; the message lists those of the table.
    """
    for each in planted:
        if (each.name, each.table, each.column) == (name, table, column):
            return each
    there = ", ".join(f"{each.name}({each.column})" for each in planted if each.table == table)
    raise KeyError(f"no '{name}({column})' planted in '{table}'; use one of {there or 'none'}")


def export_cell(value: Any, kind: str, *, spreadsheet: bool) -> Any:
    """Return how the export writes a value that nothing happened to."""
    if pd.isna(value):
        return None if spreadsheet else ""
    if kind == "bool":
        return "yes" if value else "no"
    if kind in ("time", "date"):
        value = value.to_pydatetime()
        text = value.strftime("%Y-%m-%d %H:%M" if kind == "time" else "%Y-%m-%d")
        return value if spreadsheet else text
    if kind == "text" or spreadsheet:
        return {"int": int, "float": float, "text": str}[kind](value)
    return f"{value:.2f}" if kind == "float" else str(int(value))


def _break_table(frame: pd.DataFrame, defects: Sequence[Defect], seed: int) -> list[Row]:
    table = defects[0].table
    kinds = COLUMNS[table]
    clean = [_plain(row) for row in frame.to_dict("records")]
    is_sheet = table in SPREADSHEET_TABLES
    rows = [
        {
            **{name: export_cell(row[name], kinds[name], spreadsheet=is_sheet) for name in kinds},
            **{MARKS: {}, "_key": row[KEYS[table]]},
        }
        for row in clean
    ]
    touched: set[int] = set()
    added: list[Row] = []
    for defect in defects:
        rng = random.Random(f"{seed} {table} {defect.name} {defect.column}")
        for number in _choose(defect, clean, touched, rng):
            if defect.add:
                extra = rows[number] | defect.add(rows[number], rows + added, rng)
                added.append(extra | {MARKS: {defect: True}, "_key": extra[KEYS[table]]})
                continue
            if defect.change:
                cell = defect.change(clean[number][defect.column], rng)
                rows[number][defect.column] = cell
            rows[number][MARKS][defect] = True
    return _insert(rows, added, random.Random(f"{seed} {table} places"))


def _plain(row: Row) -> Row:
    """Return the row with None for each missing value, which predicates can test."""
    return {name: None if pd.isna(value) else value for name, value in row.items()}


def _choose(
    defect: Defect, clean: list[Row], touched: set[int], rng: random.Random
) -> Sequence[int]:
    fitting = [number for number, row in enumerate(clean) if defect.fits(row)]
    if defect.count is None:
        return fitting
    free = [number for number in fitting if number not in touched]
    if len(free) < defect.count:
        raise ValueError(
            f"table '{defect.table}', defect '{defect.name}' in '{defect.column}': only "
            f"{len(free)} rows fit of {defect.count}; lower its count in defect_catalogue"
        )
    chosen = sorted(rng.sample(free, defect.count))
    touched.update(chosen)
    return chosen


def _insert(rows: list[Row], added: list[Row], rng: random.Random) -> list[Row]:
    """Put each added row somewhere below the first; a totals row goes to the end."""
    last = [row for row in added if any(defect.name == "totals_row" for defect in row[MARKS])]
    for row in added:
        if not any(row is each for each in last):
            rows.insert(rng.randrange(1, len(rows)), row)
    return rows + last


def _planted(defect: Defect, rows: list[Row]) -> Planted:
    positions = tuple(number for number, row in enumerate(rows) if defect in row[MARKS])
    return Planted(
        name=defect.name,
        table=defect.table,
        column=defect.column,
        keys=tuple(rows[number]["_key"] for number in positions),
        rows=positions,
        repair=defect.repair,
        why=defect.why,
    )
