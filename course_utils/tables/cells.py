"""Functions that bring a column's cells to one written form.

Each takes a Series of cells and returns a new one of the same length; what it doesn't recognise
stays as it is, so that a later rule or the strict conversion can see it. Numbers and times among
the texts of a workbook are left alone, unless a function says that it reads them.
"""

import difflib
import html
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

SERIAL_ORIGIN = datetime(1899, 12, 30)  # day 0 of Excel's calendar, as it counts after 1900
# Regular expressions, because strptime asks the locale for its words for AM and PM.
TIME_FORMATS: Mapping[str, re.Pattern[str]] = {
    "iso": re.compile(
        r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d) (?P<hour>\d\d):(?P<min>\d\d)"
    ),
    "day_first": re.compile(
        r"(?P<day>\d\d)\.(?P<month>\d\d)\.(?P<year>\d{4}) (?P<hour>\d\d):(?P<min>\d\d)"
    ),
    "month_first": re.compile(
        r"(?P<month>\d\d)/(?P<day>\d\d)/(?P<year>\d{4}) (?P<hour>\d\d):(?P<min>\d\d) "
        r"(?P<half>[AP]M)"
    ),
    "serial": re.compile(r"\d{5}(\.\d+)?"),  # days since 1899-12-30: five digits from 1927 on
}
NUMBER_FORMATS: Mapping[str, re.Pattern[str]] = {
    "decimal_comma": re.compile(r"-?\d+,\d+"),
    "thousands_point": re.compile(r"-?\d{1,3}(\.\d{3})+,\d+"),
    "currency_text": re.compile(r"(€|EUR) ?-?\d+(\.\d+)?|-?\d+(\.\d+)? ?(€|EUR)"),
}
KILOGRAMS = re.compile(r"(\d+(\.\d+)?) ?kg")
INVISIBLE = re.compile("[\u200b\u2060\ufeff]")
# The joiner and the non-joiner (200d, 200c) are part of a word in Persian and in the scripts of
# India, and of emoji of several people. After a Latin letter, or at an end, they are strays.
STRAY_JOINERS = re.compile("(?<![\u0300-\U0010ffff])[\u200c\u200d]+")
ENDS = re.compile(r"^[\s\u200c\u200d]+|[\s\u200c\u200d]+$")
TRUE_WORDS = frozenset({"yes", "y", "true", "1", "x"})
FALSE_WORDS = frozenset({"no", "n", "false", "0"})
MISSING_WORDS = frozenset({"na", "n/a", "-", "none"})


def is_missing(cells: pd.Series) -> pd.Series:
    """Return a mask of the cells that hold nothing: missing or empty text."""
    return cells.isna() | (cells == "")


def is_missing_word(cells: pd.Series) -> pd.Series:
    """Return a mask of the cells in which somebody typed a word for nothing, such as n/a."""
    return _mask(
        cells, lambda cell: isinstance(cell, str) and cell.strip().casefold() in MISSING_WORDS
    )


def differs(before: pd.Series, after: pd.Series) -> pd.Series:
    """Return a mask of the cells that changed; two missing cells are the same."""
    return (before != after) & ~(before.isna() & after.isna())


def repair_mojibake(cells: pd.Series) -> pd.Series:
    """Undo UTF-8 that was read as Windows-1252; a cell that doesn't survive the way back stays."""

    def repair(text: str) -> str:
        try:
            return text.encode("cp1252").decode("utf-8")
        except UnicodeError:
            return text

    return _map_text(cells, repair)


def unescape_html(cells: pd.Series) -> pd.Series:
    """Turn `&amp;` and its like into the characters they stand for."""
    return _map_text(cells, html.unescape)


def strip_invisible(cells: pd.Series) -> pd.Series:
    """Take zero-width characters out, and blanks of all kinds off both ends."""

    def strip(text: str) -> str:
        return ENDS.sub("", STRAY_JOINERS.sub("", INVISIBLE.sub("", text)))

    return _map_text(cells, strip)


def collapse_spaces(cells: pd.Series) -> pd.Series:
    """Make each run of blanks one space, and take them off both ends."""
    return _map_text(cells, lambda text: " ".join(text.split()))


def upper_case(cells: pd.Series) -> pd.Series:
    """Write texts in capitals."""
    return _map_text(cells, str.upper)


def pad_ids(cells: pd.Series, width: int) -> pd.Series:
    """Write whole numbers, and texts of digits, as text with the zeros that ids begin with."""

    def pad(cell: Any) -> Any:
        if isinstance(cell, str):
            return cell.zfill(width) if cell.isdecimal() else cell
        is_whole = _is_number(cell) and cell >= 0 and cell == int(cell)
        return str(int(cell)).zfill(width) if is_whole else cell

    return _map(cells, pad)


def nearest_labels(
    cells: pd.Series,
    labels: Sequence[str],
    *,
    aliases: Mapping[str, str] | None = None,
    cutoff: float = 0.75,
) -> pd.Series:
    """Write each text as the label it means; a text that is near to none stays.

    The comparison goes from strict to lax: the label itself, the label but for capitals and
    spaces, an alias, the most similar label.

    Args:
        cells: Texts, as people typed them.
        labels: The values that the column may have.
        aliases: Words that no similarity finds (`Holland`) and the label each stands for.
        cutoff: Least similarity of 0 to 1 (`difflib`'s ratio); 1 allows no other letter.

    Raises:
        ValueError: An alias stands for something that isn't a label, or two labels differ only in
            capitals and spaces.
    """
    folded = {_fold(label): label for label in labels}
    if len(folded) < len(labels):
        raise ValueError("two labels differ only in capitals and spaces; keep one of them")
    exact = set(labels)
    known = dict(folded)
    for word, label in (aliases or {}).items():
        if label not in exact:
            raise ValueError(f"alias {word!r} stands for {label!r}, which isn't among the labels")
        known.setdefault(_fold(word), label)

    def nearest(text: str) -> str:
        plain = _fold(text)
        if text in exact or not plain:
            return text
        if plain in known:
            return known[plain]
        close = difflib.get_close_matches(plain, folded, n=1, cutoff=cutoff)
        return folded[close[0]] if close else text

    return _map_text(cells, nearest)


def parse_times(cells: pd.Series, formats: Sequence[str]) -> pd.Series:
    """Write times of these formats as ISO text to the minute, `2026-03-01 14:05`.

    No format is guessed: 03/04/2025 is in March or in April, and only who wrote it can say.

    Args:
        cells: Texts; for the format serial also numbers (days since 1899-12-30).
        formats: Names of `TIME_FORMATS`; the first that reads a cell counts. Another cell stays,
            and so does a date that no calendar has.

    Raises:
        ValueError: There is no format of that name.
    """
    _check_names(formats, TIME_FORMATS)

    def parse(cell: Any) -> Any:
        times = (_read_time(cell, name) for name in formats)
        time = next((time for time in times if time is not None), None)
        return cell if time is None else time.isoformat(sep=" ", timespec="minutes")

    return _map(cells, parse)


def parse_numbers(cells: pd.Series, formats: Sequence[str]) -> pd.Series:
    """Write numbers of these formats as plain text with a decimal point, `1249.00`.

    Args:
        cells: Texts; numbers stay numbers.
        formats: Names of `NUMBER_FORMATS`; a cell in none of them stays.

    Raises:
        ValueError: There is no format of that name.
    """
    _check_names(formats, NUMBER_FORMATS)

    def parse(text: str) -> str:
        number = text.strip()
        if not any(NUMBER_FORMATS[name].fullmatch(number) for name in formats):
            return text
        if "," in number:
            number = number.replace(".", "").replace(",", ".")
        return number.replace("€", "").replace("EUR", "").strip()

    return _map_text(cells, parse)


def kilograms_to_grams(cells: pd.Series) -> pd.Series:
    """Write `1.25 kg` as `1250`; a cell without the unit stays."""

    def convert(text: str) -> str:
        match = KILOGRAMS.fullmatch(text.strip())
        return str(round(float(match[1]) * 1000)) if match else text

    return _map_text(cells, convert)


def parse_booleans(cells: pd.Series) -> pd.Series:
    """Write each word for true and false, and 1, 0, True and False, as `yes` and `no`."""

    def parse(cell: Any) -> Any:
        word = str(cell).strip().casefold()
        return "yes" if word in TRUE_WORDS else "no" if word in FALSE_WORDS else cell

    return _map(cells, parse)


def _fold(text: str) -> str:
    return " ".join(text.split()).casefold()


def _is_number(cell: Any) -> bool:
    """Say whether the cell is a number; True and a missing number aren't."""
    return isinstance(cell, int | float) and not isinstance(cell, bool) and cell == cell


def _read_time(cell: Any, name: str) -> datetime | None:
    text = str(cell) if name == "serial" and _is_number(cell) else cell
    match = TIME_FORMATS[name].fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        return None
    if name == "serial":
        time = SERIAL_ORIGIN + timedelta(days=float(text), seconds=30)  # rounds to the minute
        return time.replace(second=0, microsecond=0)
    parts = match.groupdict()
    half = parts.pop("half", None)
    year, month, day, hour, minute = (
        int(parts[part]) for part in ("year", "month", "day", "hour", "min")
    )
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half == "PM" else 0)
    try:
        return datetime(year, month, day, hour, minute)
    except ValueError:
        return None


def _check_names(names: Sequence[str], formats: Mapping[str, Any]) -> None:
    for name in names:
        if name not in formats:
            raise ValueError(f"no format {name!r}; use one of {', '.join(formats)}")


def _map_text(cells: pd.Series, change: Callable[[str], str]) -> pd.Series:
    return _map(cells, lambda cell: change(cell) if isinstance(cell, str) else cell)


def _map(cells: pd.Series, change: Callable[[Any], Any]) -> pd.Series:
    """Change cell by cell; unlike `Series.map`, without guessing another type from the result."""
    dtype = cells.dtype if isinstance(cells.dtype, pd.StringDtype) else object
    return pd.Series(
        [change(cell) for cell in cells], index=cells.index, dtype=dtype, name=cells.name
    )


def _mask(cells: pd.Series, holds: Callable[[Any], bool]) -> pd.Series:
    return pd.Series([holds(cell) for cell in cells], index=cells.index, dtype=bool)
