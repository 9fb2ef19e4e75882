"""Writes that are whole or absent, whatever kills the process halfway.

All functions build beside the target and rename at the end: on one file system a rename
is atomic, so a reader sees the old state or the new one and never a half.
"""

import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, Timeout


def write_text(path: Path, text: str) -> None:
    """Replace the content of `path` with `text` (UTF-8), or leave it as it was."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """Replace the content of `path`, or leave it as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = _part_of(path)
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
    """
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    lock_path = target.with_name(f".{target.name}.lock")
    try:
        with FileLock(lock_path, timeout=wait_s):
            if target.is_dir():
                return target
            for stale in target.parent.glob(f".{target.name}.*.part"):
                shutil.rmtree(stale)
            part = _part_of(target)
            part.mkdir()
            try:
                build(part)
                part.rename(target)
            except BaseException:
                shutil.rmtree(part, ignore_errors=True)
                raise
    except Timeout:
        raise TimeoutError(
            f"another process has been building {target} for over {wait_s:.0f} s; wait for it, "
            "or shut down the notebook that builds it and run this again"
        ) from None
    return target


def _part_of(path: Path) -> Path:
    """Return a new hidden name beside `path`; unlike a temporary file's, its mode is ordinary."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
