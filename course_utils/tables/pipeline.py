"""From the shop's messy files to clean tables, a database and training texts, in one call.

`clean_shop` does the work in memory; `prepare` reads, writes, and does nothing where nothing
changed.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm.auto import tqdm

from course_utils.files import replace_folder
from course_utils.shop.tables import COLUMNS, DTYPES
from course_utils.tables import reading
from course_utils.tables.conversion import to_types
from course_utils.tables.export import read_back, write_folder
from course_utils.tables.rules import Rule, clean_table
from course_utils.tables.shop_rules import customer_rules, order_rules, product_rules
from course_utils.tables.ticket_rules import ticket_rules
from course_utils.tables.validation import SCHEMAS, set_aside_invalid

INPUTS = ("tickets.csv", "products.csv", "orders.xlsx")
SHEETS = ("orders", "customers")  # of orders.xlsx; the other tables are CSV files
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class CleanShop:
    """The four tables, and all that was done to them."""

    tables: dict[str, pd.DataFrame]  # typed, valid; rows in the order of the raw table
    findings: pd.DataFrame  # table, column, defect, row, before, after, action
    set_aside: dict[str, pd.DataFrame]  # raw rows with their reason; index: row positions


@dataclass(frozen=True)
class Prepared:
    """What `prepare` wrote, as it stands in the folder; findings and rows set aside are text."""

    tables: dict[str, pd.DataFrame]
    findings: pd.DataFrame
    set_aside: dict[str, pd.DataFrame]
    folder: Path
    fresh: bool  # False: the folder was there already, from the same files


def read_shop(source: Path) -> dict[str, pd.DataFrame]:
    """Return the cells of the shop's four tables as they stand in the files.

    A reader's guesses are off: `NA` is a product line, and an id is no number. Empty cells are
    "" in the CSV files and missing in the workbook, whose cells keep their types.

    Raises:
        TableError: A file can't be read, or a table lacks a column.
    """
    tables = {}
    for table, columns in COLUMNS.items():
        if table in SHEETS:
            path = source / "orders.xlsx"
            tables[table] = reading.read_excel(path, sheet=table, columns=list(columns))
        else:
            tables[table] = reading.read_csv(source / f"{table}.csv", columns=list(columns))
    return tables


def clean_shop(raw: Mapping[str, pd.DataFrame], *, progress: bool = False) -> CleanShop:
    """Return the shop's tables cleaned, typed and valid, with a log of every change.

    A row whose cells no rule and no strict conversion understands, or that breaks the table's
    schema, is set aside with the reason.

    Args:
        raw: The four tables' cells, as `read_shop` returns them.
        progress: Whether to show a progress bar over the tables.

    Raises:
        ValueError: A table or a column is missing.
    """
    lacking = [table for table in COLUMNS if table not in raw]
    if lacking:
        raise ValueError(f"raw lacks {', '.join(lacking)}; pass what read_shop returns")
    tables: dict[str, pd.DataFrame] = {}
    set_aside, findings = {}, []
    # Customers before orders before tickets: a rule that looks ids up needs the table that owns
    # them to be clean.
    for table in tqdm(COLUMNS, desc="clean the tables", disable=not progress):
        cleaned = clean_table(raw[table], _rules(table, tables))
        typed, unconvertible = to_types(cleaned.frame, COLUMNS[table])
        reasons = _conversion_reasons(table, unconvertible)
        typed = typed.drop(index=reasons.index)
        # A bool column without its gaps can be bool again.
        typed = typed.astype({column: DTYPES[kind] for column, kind in COLUMNS[table].items()})
        good, bad = set_aside_invalid(typed, SCHEMAS[table])
        reasons = pd.concat([cleaned.set_aside["reason"], reasons, bad["reason"]]).sort_index()
        rows = raw[table].reset_index(drop=True).loc[reasons.index]
        set_aside[table] = rows.assign(reason=reasons)
        tables[table] = good.reset_index(drop=True)
        findings.append(cleaned.findings.assign(table=table))
    log = pd.concat(findings, ignore_index=True)
    return CleanShop(tables, log[["table", *log.columns.drop("table")]], set_aside)


def prepare(source: Path, target: Path, *, progress: bool = True) -> Prepared:
    """Read the shop's files, clean them, and fill a folder with the results.

    It holds `tables/*.parquet`, `shop.db` (SQLite), `training/{train,dev,test}.jsonl`,
    `set_aside/*.csv` (rows with their reason, and `changed_cells.csv` with all findings), and
    `manifest.json`, which says what it was made from. The folder appears whole or stays as it
    was; from the same files the same code writes the same bytes.

    Args:
        source: The folder with `tickets.csv`, `products.csv` and `orders.xlsx`.
        target: The folder to make. If it was made from the same files and by the same code,
            and nothing in it has changed, it is read and not made again.
        progress: Whether to show a progress bar.

    Raises:
        FileNotFoundError: A file is missing in `source`.
        ValueError: `target` holds something else, which would be lost.
    """
    source, target = Path(source), Path(target)
    origin = {"code": _code_hash(), "inputs": _input_hashes(source)}
    manifest = _read_manifest(target)
    fresh = manifest is None or not _is_current(target, manifest, origin)
    if fresh:
        _check_replaceable(target, manifest)
        shop = clean_shop(read_shop(source), progress=progress)

        def build(folder: Path) -> None:
            write_folder(folder, shop.tables, shop.findings, shop.set_aside)
            manifest = json.dumps(origin | {"outputs": _hashes(folder)}, indent=2)
            (folder / MANIFEST).write_text(manifest + "\n", encoding="utf-8", newline="\n")

        replace_folder(target, build)
    tables, findings, set_aside = read_back(target)
    return Prepared(tables, findings, set_aside, target, fresh)


def _rules(table: str, clean: Mapping[str, pd.DataFrame]) -> tuple[Rule, ...]:
    if table == "customers":
        return customer_rules()
    if table == "products":
        return product_rules()
    if table == "orders":
        return order_rules(clean["customers"])
    return ticket_rules(clean["orders"], clean["customers"])


def _conversion_reasons(table: str, unconvertible: pd.DataFrame) -> pd.Series:
    """Return a text for each row with cells that couldn't be converted; index: row positions."""
    reasons: dict[int, list[str]] = {}
    for row, column, cell in unconvertible.itertuples(index=False):
        text = f"{column}: {cell!r} isn't written as {COLUMNS[table][column]}"
        reasons.setdefault(row, []).append(text)
    return pd.Series({row: "; ".join(texts) for row, texts in reasons.items()}, dtype="str")


def _input_hashes(source: Path) -> dict[str, str]:
    lacking = [name for name in INPUTS if not (source / name).is_file()]
    if lacking:
        raise FileNotFoundError(f"{source} lacks {', '.join(lacking)}; `make data` writes them")
    return {name: _sha256(source / name) for name in INPUTS}


def _code_hash() -> str:
    """Return the hash of this package's modules: a rule that was changed makes all anew."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()


def _read_manifest(target: Path) -> dict[str, Any] | None:
    """Return the manifest that `prepare` wrote, None where there is none."""
    try:
        manifest = json.loads((target / MANIFEST).read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return manifest if {"code", "inputs", "outputs"} == set(manifest) else None


def _is_current(target: Path, manifest: dict[str, Any], origin: dict[str, Any]) -> bool:
    hashes = _hashes(target)
    return all(manifest[name] == origin[name] for name in origin) and all(
        hashes.get(name) == value for name, value in manifest["outputs"].items()
    )


def _check_replaceable(target: Path, manifest: dict[str, Any] | None) -> None:
    """Refuse to replace files that others put into the folder."""
    ours = manifest["outputs"] if manifest else {}
    others = [name for name in _hashes(target) if name not in ours]
    if others:
        raise ValueError(
            f"{target} holds {others[0]} and {len(others) - 1} other files that prepare didn't "
            "write and would remove; move them, or choose another folder"
        )


def _hashes(folder: Path) -> dict[str, str]:
    """Return the hash of each file by its path in the folder, without the manifest's own."""
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    return {
        name: _sha256(path)
        for name, path in sorted(paths.items())
        if path.is_file() and name != MANIFEST
    }


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
