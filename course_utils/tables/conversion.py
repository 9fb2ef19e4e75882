"""The strict step from cells in one written form to typed columns."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from course_utils.shop.tables import DTYPES

INTEGER = re.compile(r"-?\d+")
NUMBER = re.compile(r"-?\d+(\.\d+)?")
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d")
DATE = re.compile(r"\d{4}-\d\d-\d\d")


def to_types(frame: pd.DataFrame, kinds: Mapping[str, str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Convert cells in their one written form to types, and list those in any other form.

    Nothing is guessed. Times are ISO text to the minute, dates to the day, or both as a workbook
    gives them; numbers are plain with a point; booleans are `yes` and `no`; texts are texts.
    Empty text is a missing value.

    Args:
        frame: Cells, as `rules.clean_table` leaves them.
        kinds: Each column's kind: text, time, date, int, float or bool
            (as in `shop.tables.COLUMNS`).

    Returns:
        The typed table, with the columns in the order of `kinds` and the dtypes of
        `shop.tables.DTYPES`, and the cells that couldn't be converted (`row` as in the index,
        `column`, `cell`), which are missing in it. The dtype bool has no missing value: an empty
        cell is listed too, and its column's dtype is `boolean`.

    Raises:
        ValueError: The columns aren't those of `kinds`, or a kind is unknown.
    """
    _check_kinds(frame, kinds)
    typed, failed = {}, []
    for column, kind in kinds.items():
        values = []
        for row, cell in frame[column].items():
            try:
                values.append(_convert(cell, kind))
            except ValueError:
                values.append(None)
                failed.append((row, column, cell))
        dtype = "boolean" if kind == "bool" and None in values else DTYPES[kind]
        typed[column] = pd.Series(values, index=frame.index, dtype=object).astype(dtype)
    unconvertible = pd.DataFrame(failed, columns=["row", "column", "cell"], dtype=object)
    return pd.DataFrame(typed, index=frame.index), unconvertible


def _check_kinds(frame: pd.DataFrame, kinds: Mapping[str, str]) -> None:
    lacking = [column for column in kinds if column not in frame.columns]
    unknown = [column for column in frame.columns if column not in kinds]
    if lacking or unknown:
        raise ValueError(
            f"the table lacks the columns {lacking} and has {unknown} without a kind; "
            "give each column of the table its kind"
        )
    for column, kind in kinds.items():
        if kind not in DTYPES:
            raise ValueError(
                f"column {column!r} is of the unknown kind {kind!r}; use one of {', '.join(DTYPES)}"
            )


def _convert(cell: Any, kind: str) -> Any:
    """Return the value, None for a missing one.

    Raises:
        ValueError: The cell is written in another form.
    """
    if kind == "bool":
        return _convert_bool(cell)
    if cell is None or cell is pd.NaT or cell is pd.NA or cell != cell or cell == "":
        return None
    if kind == "text":
        if isinstance(cell, str):
            return cell
    elif kind in ("time", "date"):
        return _convert_time(cell, kind)
    elif isinstance(cell, str):
        if (INTEGER if kind == "int" else NUMBER).fullmatch(cell):
            return int(cell) if kind == "int" else float(cell)
    elif isinstance(cell, int | float | np.number) and not isinstance(cell, bool):
        if kind == "float":
            return float(cell)
        if float(cell).is_integer():
            return int(cell)
    raise ValueError(f"{cell!r} isn't written as {kind}")


def _convert_bool(cell: Any) -> bool:
    if isinstance(cell, str) and cell in ("yes", "no"):
        return cell == "yes"
    if isinstance(cell, bool | np.bool_):
        return bool(cell)
    raise ValueError(f"{cell!r} isn't written as bool")


def _convert_time(cell: Any, kind: str) -> datetime:
    if isinstance(cell, str):
        if not (TIME if kind == "time" else DATE).fullmatch(cell):
            raise ValueError(f"{cell!r} isn't written as {kind}")
        return datetime.fromisoformat(cell)
    if isinstance(cell, datetime) and (kind == "time" or cell.time() == datetime.min.time()):
        return cell
    raise ValueError(f"{cell!r} isn't written as {kind}")
