"""Write data/checksums.sha256, as `sha256sum` does: a part of `make data`."""

import hashlib
import sys
from pathlib import Path

from course_utils import runtime

NAME = "checksums.sha256"


def checksums(folder: Path) -> str:
    """Return a line a file, sorted by path: the SHA-256 and the path inside the folder."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != NAME)
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}"
        for path in paths
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the file; return the exit status."""
    folder = runtime.data_dir()
    (folder / NAME).write_text(checksums(folder), encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
