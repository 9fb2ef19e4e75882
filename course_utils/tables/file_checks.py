"""What a file is, looked at before it is read: there, of the right kind, in the right encoding.

No check holds more than a piece of the file in memory.
"""

import codecs
import difflib
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

BLOCK_BYTES = 1 << 20
OLD_EXCEL = "an old Excel workbook (.xls), or one with a password"  # both begin alike


class TableError(ValueError):
    """A file can't be read as the table that it should be."""


def check_file(path: Path) -> None:
    """Refuse a path that isn't a file with something in it.

    Raises:
        TableError: The file isn't there, is a folder, or is empty.
    """
    if path.is_dir():
        raise TableError(f"{path} is a folder; give the path of a file in it")
    if not path.exists():
        raise TableError(f"{path} isn't there; {_files_beside(path)}")
    if path.stat().st_size == 0:
        raise TableError(f"{path} is empty (0 bytes); export or download it again")


def kind_of(path: Path) -> str:
    """Return what the first bytes say that the file is; "text" if they say nothing."""
    with path.open("rb") as file:
        start = file.read(256)
    if start.startswith(b"PK\x03\x04"):
        try:
            with zipfile.ZipFile(path) as archive:
                is_workbook = "xl/workbook.xml" in archive.namelist()
        except zipfile.BadZipFile:
            return "a broken zip archive"
        return "an Excel workbook" if is_workbook else "a zip archive"
    for magic, kind in (
        (b"PAR1", "a Parquet file"),
        (b"\xd0\xcf\x11\xe0", OLD_EXCEL),
        (b"\x1f\x8b", "a gzip archive"),
        (b"SQLite format 3\x00", "an SQLite database"),
    ):
        if start.startswith(magic):
            return kind
    is_page = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<!doctype", b"<html"))
    return "a web page" if is_page else "text"


def check_encoding(path: Path, *, encoding: str = "utf-8", errors: str = "strict") -> int:
    """Decode the whole file once, and return how many lines it has.

    Args:
        path: The file.
        encoding: A name that Python knows.
        errors: As for `open`; with "replace" no byte is refused.

    Raises:
        TableError: Bytes that the encoding doesn't know; the message names the line, the offset
            and the bytes, and shows what other encodings would read there.
    """
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    # UTF-16 without its mark is valid UTF-8, with a null character beside each letter.
    decodes_any_null = codecs.lookup(encoding).name == "utf-8" and errors == "strict"
    lines, read, block, last = 1, 0, b"", ""
    with path.open("rb") as file:
        try:
            while block := file.read(BLOCK_BYTES):
                if b"\x00" in block and decodes_any_null:
                    place = read + block.index(b"\x00")
                    raise TableError(
                        f"{path}: byte {place} is a null character; {_other_encodings(block, 0)}"
                    )
                read += len(block)
                text = decoder.decode(block)
                lines += text.count("\n")
                last = text or last
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            # The decoder works on the bytes that it kept back and the block together.
            offset = read - len(error.object) + error.start
            lines += error.object[: error.start].decode(encoding, errors="replace").count("\n")
            bad = error.object[error.start : error.end].hex(" ")
            raise TableError(
                f"{path}, line {lines}: byte {offset} (0x{bad}) is not {encoding}; "
                + _other_encodings(error.object, error.start)
            ) from error
    return lines - last.endswith("\n")


def check_columns(
    where: str, names: Sequence[Any], wanted: Sequence[str], *, kind: str = "column"
) -> None:
    """Refuse names that lack a wanted one.

    Raises:
        TableError: The message names the nearest of the names that are there.
    """
    for name in wanted:
        if name not in names:
            nearest = nearest_first(name, names)
            there = ", ".join(map(repr, nearest[:12])) + (", ..." if len(nearest) > 12 else "")
            raise TableError(
                f"{where}: no {kind} {name!r}; correct the name here or in the file "
                f"(there, nearest first: {there})"
            )


def nearest_first(name: str, names: Sequence[Any]) -> list[str]:
    """Return the names, the most alike first."""

    def unlikeness(other: str) -> float:
        pair = (name.casefold().strip(), other.casefold().strip())
        return -difflib.SequenceMatcher(None, *pair).ratio()

    return sorted(map(str, names), key=unlikeness)


def _files_beside(path: Path) -> str:
    if not path.parent.is_dir():
        return f"there is no folder {path.parent} either; the path starts in {Path.cwd()}"
    names = [other.name for other in path.parent.glob(f"*{path.suffix}") if other.is_file()]
    there = ", ".join(nearest_first(path.name, names)[:8]) or "none"
    return f"{path.suffix or 'all'} files in {path.parent}: {there}"


def _other_encodings(content: bytes, place: int) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return 'it looks like UTF-16, so pass encoding="utf-16"'
    if (null := content[:200].find(b"\x00")) >= 0:
        order = "le" if null % 2 else "be"
        return f'it looks like UTF-16 without its mark, so pass encoding="utf-16-{order}"'
    line_start = content.rfind(b"\n", 0, place) + 1
    line_end = content.find(b"\n", place)
    around = content[max(line_start, place - 12) : line_end if line_end >= 0 else None][:30]
    readings = []
    for encoding in ("cp1252", "gbk"):
        try:
            codecs.getincrementaldecoder(encoding)().decode(content)
        except UnicodeDecodeError:
            continue
        readings.append(f"{encoding} reads {around.decode(encoding, errors='replace').strip()!r}")
    if not readings:
        return "save it as UTF-8, or pass the encoding it was written in, encoding=..."
    return f'{", ".join(readings)}: pass the one that reads right, as in encoding="cp1252"'
