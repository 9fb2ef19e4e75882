"""Write docs/then_and_now.md from the rows in docs/then_and_now.yaml.

    make data

A test in tests/then_and_now/ proves each row, but for those that say why they weren't run.
"""

from collections import Counter
from pathlib import Path

import yaml

DOCS = Path(__file__).resolve().parent
ROWS = DOCS / "then_and_now.yaml"
PAGE = DOCS / "then_and_now.md"
TESTS = "tests/then_and_now/"

# What a row's `severity` means, the worst first.
SEVERITIES = {
    "silent": "runs without an error or a warning, and does something else than the line says "
    "or than you'd expect",
    "removed": "worked once, and raises an error today",
    "changed": "works, and gives another type or another result than it used to",
    "deprecated": "works, and is announced to go, by a warning or in the documentation",
    "misleading": "the code may run, but the words about it are wrong or leave out what matters",
    "raises": "raises an error, now as then: you can't miss it",
    "holds": "true today",
}

HEAD = """# Then and now

This course grew out of one learner's notes, written in Chinese for older versions of the libraries.
Here is each of their claims, and each argument that code of that time uses and today's libraries
have renamed or dropped: what happens now, and what to write instead.

`make data` writes this page from `docs/then_and_now.yaml`, and `tests/then_and_now` proves each row
at the versions in `constraints.txt`, on a CPU and without a network. When a library changes, the test
that fails has the row's number in its name.

Each row begins with its number and ends with one word for how bad it is:

{words}

A row that begins with *elsewhere* isn't from the notes: it is from other code of their time, or
stands for a mistake next to theirs. In brackets stand the notes' own words.

{skipped} rows can't be shown by a small test on a CPU. They say so, and why.

{overview}
"""


def read_topics() -> list[dict]:
    """Return the topics, each with its rows, as they stand in the YAML file."""
    return yaml.safe_load(ROWS.read_text(encoding="utf-8"))


def table(head: tuple[str, ...], rows: list[tuple]) -> str:
    """Return a Markdown table; a bar within a cell is escaped."""
    lines = [head, ("---",) * len(head), *rows]
    cells = [[str(cell).strip().replace("|", "\\|") for cell in line] for line in lines]
    return "\n".join("| " + " | ".join(line) + " |" for line in cells)


def then_cell(row: dict) -> str:
    """Return what the notes say, with their own words where the row quotes them."""
    text = row["then"]
    if row.get("elsewhere"):
        text = f"*elsewhere:* {text}"
    if "original" in row:
        text += f" ({row['original']})"
    return text


def today_cell(row: dict) -> str:
    """Return what happens today, with the reason if the row wasn't run."""
    if "not_run" in row:
        return f"{row['today']} **Not run here:** {row['not_run']}"
    return row["today"]


def overview(topics: list[dict]) -> str:
    """Return a table that counts each topic's rows by severity."""
    rows = []
    for topic in topics:
        counts = Counter(row["severity"] for row in topic["rows"])
        link = topic["topic"].lower().replace(".", "").replace(" ", "-")
        name = f"[{topic['topic']}](#{link})"
        shown = [counts[word] or "" for word in SEVERITIES]
        rows.append((name, topic["lesson"], len(topic["rows"]), *shown))
    total = Counter(row["severity"] for topic in topics for row in topic["rows"])
    rows.append(("all", "", total.total(), *(total[word] for word in SEVERITIES)))
    return table(("topic", "lesson", "rows", *SEVERITIES), rows)


def section(topic: dict) -> str:
    """Return a topic's part of the page."""
    rows = [
        (row["id"], then_cell(row), today_cell(row), row.get("write", ""), row["severity"])
        for row in topic["rows"]
    ]
    proof = f"Lesson {topic['lesson']}. Proof: `{TESTS}{topic['tests']}`."
    head = ("row", "the notes", "today", "write", "how bad")
    return f"\n## {topic['topic']}\n\n{proof}\n\n{table(head, rows)}\n"


def page() -> str:
    """Return the whole page."""
    topics = read_topics()
    head = HEAD.format(
        words="\n".join(f"- **{word}**: {meaning}." for word, meaning in SEVERITIES.items()),
        skipped=sum("not_run" in row for topic in topics for row in topic["rows"]),
        overview=overview(topics),
    )
    return head + "".join(section(topic) for topic in topics)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
