"""Writes that are whole or absent, whatever kills the process halfway.

All functions build beside the target and rename at the end: on one file system a rename
is atomic, so a reader sees the old state or the new one and never a half.
"""

import errno
import json
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NOT_WRITABLE = (errno.EROFS, errno.EACCES, errno.EPERM)
# safetensors, SQLite and Milvus Lite pass a full disk on as an error of their own.
SAY_NO_SPACE = ("No space left on device", "disk is full", "File too large")
# JSON lets them stand in a text, and `str.splitlines` ends a line there.
UNICODE_LINE_BREAKS = {ord(each): f"\\u{ord(each):04x}" for each in "\x85\u2028\u2029"}


@contextmanager
def explain_disk(path: Path) -> Iterator[None]:
    """Turn the errors of a disk that is full or read-only into an `OSError` with the remedy.

    Args:
        path: What is being written.
    """
    try:
        yield
    except Exception as error:
        number = error.errno if isinstance(error, OSError) else None
        if number in NO_SPACE or any(words in str(error) for words in SAY_NO_SPACE):
            said, number = "no space left; free some", number or errno.ENOSPC
        elif number in NOT_WRITABLE and str(error.filename).startswith(str(path.parent)):
            said = "the folder can't be written; make it writable"
        else:
            raise
        remedy = f"{said}, or set COURSE_ARTIFACTS to a folder on another disk"
        raise OSError(number, remedy, str(path)) from error


def write_json_lines(path: Path, rows: Iterable[Any]) -> None:
    """Replace the content of `path` with one JSON value a line (UTF-8), or leave it as it was.

    Raises:
        ValueError: A row can't be written as JSON that comes back the same; the message names it.
    """
    lines = [_json_line(row, f"{path}, row {number}") for number, row in enumerate(rows)]
    write_text(path, "".join(lines))


def _json_line(row: Any, where: str) -> str:
    try:
        line = json.dumps(row, ensure_ascii=False, allow_nan=False)
        line.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{where}: {line[error.start]!r} is half of a character, which no file in UTF-8 can "
            "hold; read the source again with its right encoding, or drop the character"
        ) from error
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where}: no JSON ({error}); use None for a missing value") from error
    return line.translate(UNICODE_LINE_BREAKS) + "\n"


def write_text(path: Path, text: str) -> None:
    """Replace the content of `path` with `text` (UTF-8), or leave it as it was."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """Replace the content of `path`, or leave it as it was.

    Raises:
        OSError: The disk is full or read-only; the message has the remedy.
    """
    part = _part_of(path)
    with explain_disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_bytes(content)
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def build_folder_once(
    target: Path, build: Callable[[Path], None], *, wait_s: float = 600.0
) -> Path:
    """Return `target`, built by `build` if it isn't there yet.

    Two notebooks may ask for the same folder at once: a lock lets one build and the other
    wait. A killed build leaves only a hidden `.part` folder, which the next call removes.

    Args:
        target: The folder to end up with. If it exists, it is complete.
        build: Fills the empty folder it is given; whatever it raises is passed on.
        wait_s: How long to wait for another process that is building, in seconds.

    Raises:
        TimeoutError: Another process still builds after `wait_s`.
        OSError: The disk is full or read-only; the message has the remedy.
    """
    if target.is_dir():
        return target
    with _only_builder(target, wait_s):
        if not target.is_dir():
            _build_part(target, build).rename(target)
    return target


def replace_folder(target: Path, build: Callable[[Path], None], *, wait_s: float = 600.0) -> Path:
    """Return `target`, built anew by `build`; until that is done, the old folder stays.

    A folder can't be renamed onto a full one, so the old one moves aside for a moment. If the
    process is killed in that moment, the next call moves it back first.

    Args:
        target: The folder to end up with; all that it holds is replaced.
        build: Fills the empty folder it is given; whatever it raises is passed on.
        wait_s: How long to wait for another process that is building, in seconds.

    Raises:
        TimeoutError: Another process still builds after `wait_s`.
        OSError: The disk is full or read-only; the message has the remedy.
    """
    with _only_builder(target, wait_s):
        previous = target.with_name(f".{target.name}.previous")
        if previous.is_dir() and not target.is_dir():
            previous.rename(target)
        shutil.rmtree(previous, ignore_errors=True)
        part = _build_part(target, build)
        if target.is_dir():
            target.rename(previous)
        part.rename(target)
        shutil.rmtree(previous, ignore_errors=True)
    return target


@contextmanager
def _only_builder(target: Path, wait_s: float) -> Iterator[None]:
    """Hold the target's lock, and remove what a killed build left."""
    lock = FileLock(target.with_name(f".{target.name}.lock"), timeout=wait_s)
    try:
        with explain_disk(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire()
    except Timeout:
        raise TimeoutError(
            f"another process has been building {target} for over {wait_s:.0f} s; wait for it, "
            "or shut down the notebook that builds it and run this again"
        ) from None
    try:
        for stale in target.parent.glob(f".{target.name}.*.part"):
            shutil.rmtree(stale)
        yield
    finally:
        lock.release()


def _build_part(target: Path, build: Callable[[Path], None]) -> Path:
    """Return a new folder beside the target, filled by `build`, or leave none."""
    part = _part_of(target)
    with explain_disk(target):
        part.mkdir()
        try:
            build(part)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
    return part


def _part_of(path: Path) -> Path:
    """Return a new hidden name beside `path`; unlike a temporary file's, its mode is ordinary."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
