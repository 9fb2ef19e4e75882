"""The page "Run summary": what each lesson promises, and what its execution took and showed."""

import re
from pathlib import Path

import nbformat

# In a lesson's heading: minutes on a laptop, and memory, as in "8 to 10" and "about 3 GB".
STATED = re.compile(
    r"Minutes: ((?:under )?[\d.]+(?: to [\d.]+)?) .*Memory: ((?:about |up to )?[\d.]+) GB"
)
HEAD = ("lesson", "exercises", "minutes, stated", "GB, stated", "minutes", "GB", "checks passed")
RULE = ("---", *["---:"] * (len(HEAD) - 1))
ABOUT = """\
Each lesson's page is what one execution left, from a clean kernel and with the network blocked.
*Stated* is what the lesson's heading says for a laptop without a GPU. Minutes are wall time, with
starting and stopping. GB are the most memory that the lesson's own process held. A check is a cell
that holds the text's statements to what the run found."""


def text(copies: list[Path], summary: dict[str, dict]) -> str:
    """Return the page in Markdown, from the executed lessons and what the runner noted of them."""
    rows = [_row(copy, summary.get(copy.stem)) for copy in copies]
    noted = [summary[copy.stem] for copy in copies if copy.stem in summary]
    where = "The execution left no figures."
    if noted:
        days = ", ".join(sorted({one["day"] for one in noted}))
        where = f"Executed on {days}. {'; '.join(sorted({one['machine'] for one in noted}))}."
    if len(noted) == len(copies):
        minutes = f"{sum(one['seconds'] for one in noted) / 60:.1f}"
        passed, checks = (sum(one[key] for one in noted) for key in ("checks_passed", "checks"))
        exercises = sum(row[1] for row in rows)
        rows.append(("together", exercises, "", "", minutes, "", f"{passed} of {checks}"))
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in (HEAD, RULE, *rows)]
    return "\n\n".join(["# Run summary", ABOUT, where, "\n".join(lines)]) + "\n"


def _row(copy: Path, noted: dict | None) -> tuple:
    cells = nbformat.read(copy, as_version=4).cells
    title = cells[0].source.splitlines()[0].removeprefix("# ")
    exercises = sum("exercise" in cell.metadata.get("tags", []) for cell in cells)
    stated = STATED.search(cells[0].source)
    taken = ("not noted",) * 3
    if noted:
        minutes, memory = f"{noted['seconds'] / 60:.1f}", f"{noted['peak_bytes'] / 1e9:.1f}"
        taken = (minutes, memory, f"{noted['checks_passed']} of {noted['checks']}")
    link = f"[{title}](/notebooks/{copy.name})"
    return (link, exercises, *(stated.groups() if stated else ("", "")), *taken)
