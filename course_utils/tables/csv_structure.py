"""How a CSV file is built: its header, its records and the lines on which they start.

pandas reads much that it shouldn't: it fills a short row with missing cells, renames the second
of two equal headers, takes a file with another separator as one column, and ends a cell whose
quote is never closed with the file. These checks say so, and name the line.
"""

import codecs
import csv
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from course_utils.tables.file_checks import TableError

LINE_BREAK = re.compile(r"\r\n|\r|\n")
SHOWN = 3  # faults that a message names; it counts the others
# What csv.reader and pandas.read_csv name and treat alike.
DIALECT_OPTIONS = ("quotechar", "doublequote", "escapechar", "skipinitialspace")
# With one of these, what is a row or a header is the caller's business.
LAYOUT_OPTIONS = (
    "header",
    "names",
    "comment",
    "on_bad_lines",
    "skipfooter",
    "dialect",
    "lineterminator",
    "skip_blank_lines",
)


def records_of(path: Path, options: Mapping[str, Any]) -> Iterator[tuple[int, list[str]]]:
    """Yield each record with the line on which it starts; blank lines are skipped, as in pandas.

    Args:
        path: A CSV file in the encoding that `options` names.
        options: Options of `pandas.read_csv`, as far as `knows_layout` takes them.

    Raises:
        TableError: A quote is never closed; the message names the line where it opens.
    """
    dialect = {key: options[key] for key in DIALECT_OPTIONS if options.get(key) is not None}
    if options.get("quoting") == csv.QUOTE_NONE:  # the others matter in writing only
        dialect["quoting"] = csv.QUOTE_NONE
    separator = options.get("sep") or options.get("delimiter") or ","
    encoding = options.get("encoding") or "utf-8"
    if codecs.lookup(encoding).name == "utf-8":
        encoding = "utf-8-sig"  # pandas drops a byte-order mark too
    ended = False

    def watched() -> Iterator[str]:
        nonlocal ended
        yield from file
        ended = True

    errors = options.get("encoding_errors", "strict")
    with path.open(encoding=encoding, errors=errors, newline="") as file:
        skipped = options.get("skiprows") or 0
        for _ in range(skipped):
            next(file, None)
        reader = csv.reader(watched(), delimiter=separator, **dialect)
        start = skipped + 1
        try:
            for fields in reader:
                if ended:  # the reader asked for another line in the middle of a record
                    opened = skipped + reader.line_num + fields[-1].endswith(("\r", "\n"))
                    opened -= len(LINE_BREAK.findall(fields[-1]))
                    raise TableError(
                        f"{path}, line {opened}: a quote opens and is never closed, so the rest "
                        "of the file is one cell; close it, or double it if it belongs to the text"
                    )
                if fields and not (len(fields) == 1 and fields[0].isspace()):
                    yield start, fields
                start = skipped + reader.line_num + 1
        except csv.Error as error:
            raise TableError(
                f"{path}, the record that starts on line {start}: {error}; most likely a quote "
                "opens there and isn't closed"
            ) from error


def knows_layout(options: Mapping[str, Any]) -> bool:
    """Return whether `csv_records` splits a file as pandas does with these options."""
    separator = options.get("sep", options.get("delimiter", ",")) or ""
    plain_start = isinstance(options.get("skiprows") or 0, int)
    return len(separator) == 1 and plain_start and not any(key in options for key in LAYOUT_OPTIONS)


def check_header(path: Path, line: int, header: Sequence[Any], options: Mapping[str, Any]) -> None:
    """Refuse a header that repeats a name, or that another separator made one column.

    Raises:
        TableError: The message names the line and the column.
    """
    repeated = [name for name, count in Counter(header).items() if count > 1]
    if repeated:
        places = [number for number, name in enumerate(header, 1) if name == repeated[0]]
        raise TableError(
            f"{path}, line {line}: the columns {' and '.join(map(str, places))} are both named "
            f"{repeated[0]!r}; give each a name of its own"
        )
    if len(header) == 1 and "sep" not in options and "delimiter" not in options:
        for separator in (";", "\t", "|"):
            if separator in header[0]:
                raise TableError(
                    f"{path}, line {line}: the header is one column, {header[0]!r}; the "
                    f"separator is another, so pass sep={separator!r}"
                )


def check_widths(path: Path, records: Iterator[tuple[int, list[str]]], width: int) -> int:
    """Go through records, and return how many there are.

    Args:
        path: The file, for the message.
        records: Records with the line on which each starts, as `records_of` yields them.
        width: Fields of the header.

    Raises:
        TableError: Records with more or fewer fields; the message names the first few.
    """
    count, ragged = 0, []
    for line, fields in records:
        count += 1
        if len(fields) != width:
            ragged.append((line, len(fields)))
    if ragged:
        shown = ", ".join(f"line {line} has {found}" for line, found in ragged[:SHOWN])
        rest = f" (and {len(ragged) - SHOWN:,} more rows)" if len(ragged) > SHOWN else ""
        raise TableError(
            f"{path}: the header has {width} fields, {shown}{rest}; a value with a separator or "
            "a line break in it must stand in quotes, so quote it or complete the row"
        )
    return count
