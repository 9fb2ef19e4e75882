"""Read CSV files, Excel sheets and JSON lines, or say which line is wrong and what to do.

Nothing is guessed: a CSV's cells stay the text that they are, and a sheet's cells keep the types
that they have. Numbers, dates and missing values are made of them later, in `cells`.
"""

import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd

from course_utils import runtime
from course_utils.tables import csv_structure, file_checks
from course_utils.tables.file_checks import TableError

__all__ = ["RAW", "TableError", "read_csv", "read_csv_in_chunks", "read_excel", "read_jsonl"]

# Each cell as the text it is: 007 stays 007, and the text NA isn't a missing value.
RAW = {"dtype": "str", "keep_default_na": False}
SAMPLE_ROWS = 1_000  # rows from which the size in memory is estimated
PEAK_FACTOR = 1.7  # bytes held while pandas reads, for each byte of the table (measured)


def read_csv(
    path: str | Path,
    *,
    columns: Sequence[str] = (),
    free_bytes: int | None = None,
    **options: Any,
) -> pd.DataFrame:
    """Read a CSV file whose every row is whole; cells stay text.

    Args:
        path: The file.
        columns: Columns that must be there; others may be.
        free_bytes: Memory that reading may take; default: what the machine has free.
        **options: Options of `pandas.read_csv`, such as `sep`, `encoding` or `usecols`; they win
            over `RAW`. With `header`, `names`, `comment` or `on_bad_lines`, or a separator of
            more than one character, rows aren't checked for their number of fields.

    Raises:
        TableError: The file isn't there, isn't a CSV file, has another encoding or separator,
            a header without one of the columns or with one twice, a row with too many or too
            few fields, or a quote that is never closed.
        MemoryError: Reading would take more than `free_bytes`, by the first rows.
    """
    path = Path(path)
    lines = _check_csv(path, columns, options)
    n_rows = lines  # at most
    if csv_structure.knows_layout(options):
        records = csv_structure.records_of(path, options)
        _, header = next(records)
        records = islice(records, options.get("nrows"))
        n_rows = csv_structure.check_widths(path, records, len(header))
    if min(n_rows, options.get("nrows") or n_rows) > SAMPLE_ROWS:
        _check_memory(path, n_rows, free_bytes, options)
    frame = _pandas_csv(path, options)
    file_checks.check_columns(str(path), [*frame.columns, *frame.index.names], columns)
    return frame


def read_csv_in_chunks(
    path: str | Path, *, rows: int = 50_000, columns: Sequence[str] = (), **options: Any
) -> Iterator[pd.DataFrame]:
    """Read a CSV file of any size as tables of at most `rows` rows; the index counts on.

    The file, its encoding and its header are checked at once, each row when its chunk is read.

    Args:
        path: The file.
        rows: Rows of a chunk; memory grows with this and not with the file.
        columns: Columns that must be there.
        **options: As for `read_csv`.

    Raises:
        TableError: As for `read_csv`.
        ValueError: `rows` is below 1.
    """
    if rows < 1:
        raise ValueError(f"rows={rows}: a chunk has at least one row")
    path = Path(path)
    _check_csv(path, columns, options)
    return _chunks(path, rows, columns, options)


def read_excel(
    path: str | Path, *, sheet: str, columns: Sequence[str] = (), **options: Any
) -> pd.DataFrame:
    """Read one sheet of an Excel workbook; cells keep their types, and an empty cell is missing.

    A cell that shows an error, such as #DIV/0!, is missing too: the workbook holds no value.

    Args:
        path: The workbook (.xlsx).
        sheet: The sheet's name, as on its tab.
        columns: Columns that must be there.
        **options: Options of `pandas.read_excel`, such as `skiprows` or `usecols`.

    Raises:
        TableError: The file isn't there or isn't a workbook, or the sheet isn't there, is empty,
            lacks a column or has one twice.
    """
    path = Path(path)
    file_checks.check_file(path)
    kind = file_checks.kind_of(path)
    if kind != "an Excel workbook":
        remedy = {
            "text": "read_csv reads text",
            "a broken zip archive": "export or download it again",
            file_checks.OLD_EXCEL: "save it as .xlsx without a password",
        }.get(kind, "save it as .xlsx")
        raise TableError(f"{path} is no .xlsx workbook but {kind}; {remedy}")
    options = {"dtype": object, "keep_default_na": False, "na_values": [""], **options}
    with _broken_workbook(path), pd.ExcelFile(path, engine="openpyxl") as book:
        if not book.sheet_names:
            raise EOFError("it has no sheet")
        if sheet not in book.sheet_names:
            there = ", ".join(map(repr, file_checks.nearest_first(sheet, book.sheet_names)))
            raise TableError(
                f"{path}: no sheet {sheet!r}; pass one of its sheets (nearest first: {there})"
            )
        where = f"{path}, sheet {sheet!r}"
        if "header" not in options and "names" not in options:
            _check_sheet_header(book, sheet, where, options)
        frame = pd.read_excel(book, sheet_name=sheet, **options)
    file_checks.check_columns(where, [*frame.columns, *frame.index.names], columns)
    return frame


def read_jsonl(path: str | Path, *, fields: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Read a file with one JSON object a line (UTF-8); blank lines are skipped.

    Args:
        path: The file.
        fields: Fields that each object must have.

    Raises:
        TableError: The file isn't there or is empty, or a line isn't UTF-8, isn't a JSON object
            or lacks a field.
    """
    path = Path(path)
    file_checks.check_file(path)
    file_checks.check_encoding(path)
    rows = []
    with path.open(encoding="utf-8-sig", newline="\n") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            row = _json_object(line, f"{path}, line {number}", is_first=not rows)
            file_checks.check_columns(f"{path}, line {number}", list(row), fields, kind="field")
            rows.append(row)
    if not rows:
        raise TableError(f"{path} has only blank lines; export or download it again")
    return rows


def _check_csv(path: Path, columns: Sequence[str], options: Mapping[str, Any]) -> int:
    """Check all but the rows; return how many lines the file has."""
    for option in ("chunksize", "iterator"):
        if option in options:
            raise ValueError(f"{option} makes no table; use read_csv_in_chunks(path, rows=...)")
    file_checks.check_file(path)
    kind = file_checks.kind_of(path)
    if kind != "text":
        remedy = {
            "an Excel workbook": "read it with read_excel(path, sheet=...)",
            file_checks.OLD_EXCEL: "save it as .xlsx and use read_excel(path, sheet=...)",
            "a Parquet file": "read it with pandas.read_parquet(path)",
            "a web page": "download the file itself, perhaps after signing in",
            "a zip archive": "unpack it and read the file inside",
            "a gzip archive": "unpack it and read the file inside",
        }.get(kind, "export or download it again")
        raise TableError(f"{path} is no CSV file but {kind}; {remedy}")
    lines = file_checks.check_encoding(
        path,
        encoding=options.get("encoding") or "utf-8",
        errors=options.get("encoding_errors") or "strict",
    )
    if not csv_structure.knows_layout(options):
        return lines
    first = next(csv_structure.records_of(path, options), None)
    if first is None:
        raise TableError(f"{path} has only blank lines; export or download it again")
    line, header = first
    csv_structure.check_header(path, line, header, options)
    usecols = options.get("usecols")
    named = () if usecols is None or callable(usecols) else usecols
    wanted = [*columns, *(name for name in named if isinstance(name, str))]
    file_checks.check_columns(f"{path}, line {line}", header, wanted)
    return lines


def _check_memory(
    path: Path, n_rows: int, free_bytes: int | None, options: Mapping[str, Any]
) -> None:
    free_bytes = runtime.free_memory_bytes() if free_bytes is None else free_bytes
    sample = _pandas_csv(path, {**options, "nrows": SAMPLE_ROWS})
    needed = sample.memory_usage(deep=True).sum() / len(sample) * n_rows * PEAK_FACTOR
    if needed > free_bytes:
        raise MemoryError(
            f"{path}: reading {n_rows:,} rows would take about {needed / 1e6:,.1f} MB and "
            f"{free_bytes / 1e6:,.1f} MB are free; take pieces with read_csv_in_chunks, or only "
            "the columns you need with usecols=[...]"
        )


def _pandas_csv(path: Path, options: Mapping[str, Any]) -> pd.DataFrame:
    try:
        return pd.read_csv(path, **{**RAW, **options})
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise TableError(f"{path}: {error}") from error


def _chunks(
    path: Path, rows: int, columns: Sequence[str], options: Mapping[str, Any]
) -> Iterator[pd.DataFrame]:
    records = None
    if csv_structure.knows_layout(options):
        records = csv_structure.records_of(path, options)
        _, header = next(records)
        records = islice(records, options.get("nrows"))
    with pd.read_csv(path, chunksize=rows, **{**RAW, **options}) as reader:
        while True:
            if records is not None:
                # Looked at before pandas fills the short rows of this chunk.
                csv_structure.check_widths(path, islice(records, rows), len(header))
            try:
                chunk = next(reader)
            except StopIteration:
                return
            except pd.errors.ParserError as error:
                raise TableError(f"{path}: {error}") from error
            file_checks.check_columns(str(path), [*chunk.columns, *chunk.index.names], columns)
            yield chunk


@contextmanager
def _broken_workbook(path: Path) -> Iterator[None]:
    """Turn what a damaged part of a workbook raises, whichever it is, into a `TableError`."""
    try:
        yield
    except TableError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, SyntaxError) as error:
        # A syntax error is the XML parser's; openpyxl looks for a missing part by its key.
        raise TableError(
            f"{path} is a damaged workbook ({error}); export or download it again"
        ) from error


def _check_sheet_header(
    book: pd.ExcelFile, sheet: str, where: str, options: Mapping[str, Any]
) -> None:
    first = pd.read_excel(
        book, sheet_name=sheet, header=None, nrows=1, dtype=object, skiprows=options.get("skiprows")
    )
    if first.empty:
        raise TableError(f"{where} is empty; pass the sheet with the rows")
    header = first.iloc[0].dropna().tolist()
    for number, name in enumerate(header):
        if name in header[:number]:
            raise TableError(
                f"{where}: two columns are named {name!r}; give each a name of its own"
            )


def _json_object(line: str, where: str, *, is_first: bool) -> dict[str, Any]:
    if is_first and line.lstrip().startswith("["):
        raise TableError(
            f"{where}: a JSON array opens, but each line must hold one object; read the file with "
            "json.loads(path.read_text()), or write each object on a line of its own"
        )
    try:
        value = json.loads(line)
    except json.JSONDecodeError as error:
        raise TableError(
            f"{where}, column {error.colno}: not JSON ({error.msg}); each line must hold one "
            "whole object, so correct the line"
        ) from error
    except (ValueError, RecursionError) as error:  # thousands of digits, or of open brackets
        raise TableError(
            f"{where}: JSON that Python can't hold ({error}); correct the line or remove it"
        ) from error
    if not isinstance(value, dict):
        raise TableError(
            f"{where}: {line.strip()[:60]!r} is JSON but no object; write the line as {{...}}"
        )
    return value
