"""Write docs/benchmarks.md from docs/benchmarks.json, the figures of one run of `make bench`.

python docs/make_benchmarks.py                          the page, from the committed figures
python docs/make_benchmarks.py build/benchmarks.json    take over the figures of a new run first
"""

import json
import sys
from pathlib import Path

from benchmarks.comparison import Comparison, markdown_table

DOCS = Path(__file__).resolve().parent
FIGURES = DOCS / "benchmarks.json"
PAGE = DOCS / "benchmarks.md"

HEAD = """# Benchmarks

What the course's package does in a second, and in how much memory, held against the machine's own
limits, against other software and against the learner's notes that the course grew out of.

`make bench` measures all of it in about {minutes} minutes. Both sides of a pair run in one process,
in turns, after a warm-up. A figure is the median of the rounds; a ratio above 1 says that the
course is faster or takes less, and *rounds from* gives the smallest and the largest ratio of one
round.
`benchmarks/` holds the programs, `docs/benchmarks.json` the figures of each round.

The figures are of one run, on {day}: {processor}, {cores} cores, {memory_gb} GB, {system}, Python
{python}, with {packages}.
"""

TITLES = {
    "training": "LoRA training",
    "generation": "Generation",
    "encoding": "Encoding",
    "ingest": "Ingest",
    "loading": "Loading",
    "lessons": "The whole course",
}
# What other runs on the same machine showed; it stands below the table of its topic.
OTHER_RUNS = {
    "ingest": (
        "Until 27 November 2026 each ingest asked the server for 1000 ids at a time whether they "
        "are there, and the server takes 0.2 to 0.4 s to answer, for few as for many. A first "
        "ingest then had a rate of 0.30 of the client's `upsert`. Now an empty collection isn't "
        "asked, and another for 4000 at a time, which brought a second ingest of 10,000 rows from "
        "3.7 s to 1.3 s, both run in turns. A first ingest still asks once, whether the collection "
        "is empty: 0.2 to 0.4 s of the second that 10,000 rows take.",
        "Until then it also kept each row's id to tell a repeated one, and with a million rows the "
        "client held 309 MB.",
    ),
}


def page(results: dict) -> str:
    """Return the page on the figures of one run.

    Raises:
        ValueError: The run was made with `--small`, so that its figures mean nothing.
    """
    if results["small"]:
        raise ValueError("these figures are of python -m benchmarks --small; run make bench")
    machine = results["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    minutes = max(1, round(sum(results["seconds"].values()) / 60))
    parts = [HEAD.format(**machine | {"packages": packages, "minutes": minutes})]
    rows = [Comparison.from_json(row) for row in results["rows"]]
    for topic in dict.fromkeys(row.topic for row in rows):
        parts.append(section(TITLES[topic], [row for row in rows if row.topic == topic]))
    return "\n".join(parts)


def section(title: str, rows: list[Comparison]) -> str:
    """Return a topic's table, what is said of it, and a sentence for each goal not reached."""
    said = [row.note for row in rows if row.note]
    missed = [
        f"Goal of {row.goal:g} against {row.against} not reached: {row.ratios.median:.2f}. "
        f"{row.why_missed}"
        for row in rows
        if row.reached is False
    ]
    other_runs = OTHER_RUNS.get(rows[0].topic, ())
    paragraphs = [f"## {title}", markdown_table(rows), *said, *missed, *other_runs]
    return "\n\n".join(paragraphs) + "\n"


def main(arguments: list[str]) -> None:
    """Write the page, after taking over a new run's figures if a file of them is named."""
    source = Path(arguments[0]) if arguments else FIGURES
    text = source.read_text(encoding="utf-8")
    written = page(json.loads(text))
    FIGURES.write_text(text, encoding="utf-8")
    PAGE.write_text(written, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
