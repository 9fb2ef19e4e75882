"""The prepared folder: how clean tables are written as files, and read back."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from course_utils import files
from course_utils.shop.tables import COLUMNS, KEYS
from course_utils.tables import splitting

SQL_TYPES = {
    "text": "TEXT",
    "time": "TEXT",  # SQLite has no type for times; ISO text sorts and compares as they do
    "date": "TEXT",
    "int": "INTEGER",
    "float": "REAL",
    "bool": "INTEGER",  # 1 and 0
}
SPLIT_SHARES = {"train": 0.8, "dev": 0.1, "test": 0.1}
TIME_FORMS = {"time": "%Y-%m-%d %H:%M", "date": "%Y-%m-%d"}
REFERENCES = {
    ("orders", "customer_id"): "customers (customer_id)",
    ("orders", "refers_to"): "orders (order_id)",
    ("orders", "sku"): "products (sku)",
    ("tickets", "customer_id"): "customers (customer_id)",
    ("tickets", "order_id"): "orders (order_id)",
}


def write_folder(
    folder: Path,
    tables: Mapping[str, pd.DataFrame],
    findings: pd.DataFrame,
    set_aside: Mapping[str, pd.DataFrame],
) -> None:
    """Write all files into an empty folder; the same tables give the same bytes."""
    for name in ("tables", "set_aside", "training"):
        (folder / name).mkdir()
    for table, frame in tables.items():
        frame.to_parquet(folder / "tables" / f"{table}.parquet", index=False)
    _write_database(folder / "shop.db", tables)
    for table, rows in set_aside.items():
        _write_csv(folder / "set_aside" / f"{table}.csv", rows.rename_axis("row").reset_index())
    _write_csv(folder / "set_aside" / "changed_cells.csv", findings)
    for split, rows in _training_rows(tables).items():
        files.write_json_lines(folder / "training" / f"{split}.jsonl", rows)


def read_back(
    folder: Path,
) -> tuple[dict[str, pd.DataFrame], pd.DataFrame, dict[str, pd.DataFrame]]:
    """Return the tables with their types, and the findings and the rows set aside as text."""
    tables = {table: pd.read_parquet(folder / "tables" / f"{table}.parquet") for table in COLUMNS}
    findings = _read_csv(folder / "set_aside" / "changed_cells.csv")
    set_aside = {
        table: _read_csv(folder / "set_aside" / f"{table}.csv").set_index("row")
        for table in COLUMNS
    }
    return tables, findings, set_aside


def _training_rows(tables: Mapping[str, pd.DataFrame]) -> dict[str, list[dict[str, str]]]:
    """Return the filed tickets as texts with labels; near-copies are all in one split."""
    tickets = tables["tickets"].dropna(subset=["category"])
    groups = splitting.group_by_shared_text(list(tickets["message"]))
    rows = pd.DataFrame(
        {
            "id": tickets["ticket_id"],
            "text": tickets["message"],
            "category": tickets["category"],
            "group": [f"g{number:04d}" for number in groups],
        }
    )
    if rows["group"].nunique() < len(SPLIT_SHARES):
        return {"train": rows.to_dict("records"), "dev": [], "test": []}  # a shop of few tickets
    parts = splitting.split_by_group(rows, groups, shares=SPLIT_SHARES, stratify="category")
    return {name: part.to_dict("records") for name, part in parts.items()}


def _write_database(path: Path, tables: Mapping[str, pd.DataFrame]) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for table, kinds in COLUMNS.items():
            columns = ", ".join(_declared(table, column, kind) for column, kind in kinds.items())
            connection.execute(f"CREATE TABLE {table} ({columns})")
            marks = ", ".join("?" * len(kinds))
            values = [
                [_sql_value(cell, kinds[column]) for cell in tables[table][column]]
                for column in kinds
            ]
            connection.executemany(
                f"INSERT INTO {table} VALUES ({marks})", zip(*values, strict=True)
            )


def _declared(table: str, column: str, kind: str) -> str:
    parts = [column, SQL_TYPES[kind]]
    if column == KEYS[table]:
        parts.append("PRIMARY KEY NOT NULL")
    if (table, column) in REFERENCES:
        parts.append(f"REFERENCES {REFERENCES[table, column]}")
    return " ".join(parts)


def _sql_value(cell: Any, kind: str) -> Any:
    if pd.isna(cell):
        return None
    if kind in TIME_FORMS:
        return cell.strftime(TIME_FORMS[kind])
    return {"text": str, "int": int, "float": float, "bool": int}[kind](cell)


def _write_csv(path: Path, frame: pd.DataFrame) -> None:
    frame.map(_cell_text).to_csv(path, index=False, lineterminator="\n", encoding="utf-8")


def _cell_text(cell: Any) -> str:
    if pd.isna(cell):
        return ""
    return f"{cell:%Y-%m-%d %H:%M}" if isinstance(cell, datetime) else str(cell)


def _read_csv(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype="str", keep_default_na=False).astype({"row": "int64"})
