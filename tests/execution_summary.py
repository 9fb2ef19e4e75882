"""What executing the lessons cost and showed, kept in `summary.json` beside the executed copies.

`run_notebooks.py` writes it, one entry a lesson; the course's pages read it.
"""

import datetime
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import notebook_rules
import psutil

NAME = "summary.json"
POLL_S = 0.3


def watch_kernel(process: subprocess.Popen) -> int:
    """Wait for a process to end; return the most memory that a kernel below it held, in bytes.

    On Linux and Windows the system keeps the maximum, so no peak falls between two looks. On
    macOS it's the largest of what was seen. Processes that a lesson starts aren't counted.
    """
    peak = 0
    while process.poll() is None:
        try:
            children = psutil.Process(process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            children = []
        peak = max([peak, *(_peak_bytes(child) for child in children if _is_kernel(child))])
        try:
            process.wait(timeout=POLL_S)
        except subprocess.TimeoutExpired:
            continue
    return peak


def _is_kernel(process: psutil.Process) -> bool:
    try:
        return any("ipykernel_launcher" in word for word in process.cmdline())
    except psutil.Error:  # it ended meanwhile
        return False


def _peak_bytes(process: psutil.Process) -> int:
    try:
        if sys.platform == "linux":
            status = Path(f"/proc/{process.pid}/status").read_text()
            return int(status.split("VmHWM:")[1].split()[0]) * 1024  # the file counts in KiB
        memory = process.memory_info()
        return getattr(memory, "peak_wset", memory.rss)
    except (psutil.Error, OSError, IndexError):  # it ended meanwhile
        return 0


def checks(notebook: notebook_rules.Notebook) -> tuple[int, int]:
    """Return how many check cells of an executed lesson passed, and how many it has."""
    cells = notebook_rules.tagged(notebook, "check")
    passed = [
        cell.execution_count is not None
        and not any(output.output_type == "error" for output in cell.outputs)
        for cell in cells
    ]
    return sum(passed), len(passed)


def entry(copy: Path, *, seconds: float, peak_bytes: int, problems: list[str]) -> dict:
    """Return what the summary says of one executed lesson."""
    passed, number = checks(notebook_rules.read(copy))
    python = platform.python_version()
    return {
        "seconds": round(seconds, 1),
        "peak_bytes": peak_bytes,
        "checks_passed": passed,
        "checks": number,
        "problems": problems,
        "day": datetime.date.today().isoformat(),
        "machine": f"{platform.system()}, {os.cpu_count()} cores, Python {python}",
    }


def note(copy: Path, new: dict) -> None:
    """Put the entry of one lesson into the summary beside its executed copy."""
    known = read(copy.parent) | {copy.stem: new}
    text = json.dumps(dict(sorted(known.items())), indent=2)
    (copy.parent / NAME).write_text(f"{text}\n", encoding="utf-8")


def read(folder: Path) -> dict[str, dict]:
    """Return the summary of a folder of executed lessons, empty if there is none."""
    path = folder / NAME
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
