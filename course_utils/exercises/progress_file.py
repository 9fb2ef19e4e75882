"""The file of passed exercises: an id and the time of its first pass, nothing else.

Two notebooks may pass exercises at once, so each change reads and writes under a lock.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

import course_utils
from course_utils import files, runtime
from course_utils.exercises.rendering import LessonProgress

LOCK_WAIT_S = 10.0  # the work under the lock takes milliseconds

Passed = dict[str, str | None]  # id: ISO time of the first pass, None if the file didn't note it


def path() -> Path:
    """Return the place of the progress file, whether or not it is there."""
    return runtime.artifacts_dir() / "progress.json"


def read() -> Passed:
    """Return what was passed, and when.

    Raises:
        ValueError: The file isn't a progress file.
    """
    file = path()
    if not file.exists():
        return {}
    try:
        passed = json.loads(file.read_text(encoding="utf-8"))["passed"]
        if isinstance(passed, list):  # the form before times were noted
            passed = dict.fromkeys(passed)
        good = all(
            isinstance(key, str) and isinstance(time, str | None) for key, time in passed.items()
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        good = False
    if not good:
        raise ValueError(f"{file} isn't a progress file; delete it to start anew")
    return passed


def note_passed(exercise_id: str) -> None:
    """Note the first pass of an exercise; a later one changes nothing.

    Raises:
        ValueError: The file isn't a progress file; it stays as it is.
        TimeoutError: Another process holds the lock.
        OSError: The disk is full or read-only; the file stays as it is.
    """
    lock = path().with_name(".progress.json.lock")
    try:
        with files.explain_disk(path()), FileLock(lock, timeout=LOCK_WAIT_S):
            passed = read()
            if exercise_id in passed:
                return
            passed[exercise_id] = _now()
            text = json.dumps({"passed": dict(sorted(passed.items()))}, indent=1) + "\n"
            files.write_text(path(), text)
    except Timeout:
        raise TimeoutError(
            f"another process has held {lock} for over {LOCK_WAIT_S:.0f} s, so the pass of "
            f"{exercise_id} isn't noted; shut down other notebooks and run the cell again"
        ) from None


def export(target: Path, passed: Passed, lessons: Sequence[LessonProgress]) -> None:
    """Write what was passed, when, and the totals, as JSON for a class.

    Args:
        target: The file to write; its name is all that says whose progress it is.
        passed: What `read` returned.
        lessons: The totals of each lesson.
    """
    content = {
        "course_version": course_utils.__version__,
        "exported_at": _now(),
        "passed": passed,
        "lessons": {
            row.lesson: {"passed": row.passed, "exercises": row.exercises} for row in lessons
        },
    }
    files.write_text(target, json.dumps(content, indent=1) + "\n")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
