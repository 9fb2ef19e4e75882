"""The whole course: minutes and memory of each lesson, as `make course` noted them."""

import json

from benchmarks.comparison import Comparison
from benchmarks.measuring import Sample, say
from course_utils import runtime

BUDGET_MINUTES = 30.0  # for the course on two cores


def run(*, small: bool) -> list[Comparison]:
    """Return a row for each lesson's minutes and memory, and their sum against the budget."""
    path = (runtime.project_dir() or runtime.PACKAGE_DIR) / "build" / "executed" / "summary.json"
    if not path.is_file():
        say("no build/executed/summary.json: run make course first")
        return []
    summary = json.loads(path.read_text(encoding="utf-8"))
    rows = []
    for lesson, noted in summary.items():
        minutes = Sample((noted["seconds"] / 60,))
        memory = Sample((noted["peak_bytes"] / 1e9,))
        rows.append(Comparison("lessons", f"{lesson}, minutes", "min", minutes))
        rows.append(Comparison("lessons", f"{lesson}, peak memory", "GB", memory))
    total = sum(noted["seconds"] for noted in summary.values()) / 60
    rows.append(
        Comparison(
            "lessons",
            "all lessons",
            "min",
            Sample((total,)),
            "the budget",
            Sample((BUDGET_MINUTES,)),
            less_is_better=True,
            goal=1.0,
            why_missed="The lessons that train take longer on this machine than they were "
            "planned to.",
        )
    )
    return rows
