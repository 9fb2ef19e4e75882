"""The run sheet of a class, lesson by lesson: minutes, what to say, what goes wrong, wrong answers.

The minutes are those of the machine, from the summary that executing the lessons leaves, and a
plan for the class. What to say stands in `notes.yml`, written by hand. The wrong answers are the
planted ones, with what the check says to each.
"""

import ast
import inspect
import re
import sys
from functools import cache
from pathlib import Path

import nbformat
import run_page
import yaml

from course_utils import exercises
from course_utils.exercises.exercise import Exercise, WrongAnswer

NOTES = Path(__file__).resolve().parent / "notes.yml"
DOCTOR = "python -m course_utils doctor"
BEFORE = f"""\
# Run sheet

## Before the workshop

Send this line a few days ahead, to be run in the course's environment. It should show all ticks;
if not, the last column has the remedy:

    {DOCTOR}

In a room without a network: run `make wheels`, then give each learner the folders `wheels/` and
`learner/`. Where the course has been set up already, `learner/` alone is enough. Keep `instructor/`
and this sheet for yourself.

The slides open in any browser: arrow keys turn them, `n` shows what was left out of a paragraph.
The solutions are in `instructor/`; learners get one when they ask with `solution("04.2")`.

Nobody has given this workshop yet. The planned minutes and what may go wrong come from writing and
running the lessons: correct them after your first class, in `docs/workshop/notes.yml`.
"""


def notes() -> dict[str, dict]:
    """Return what was written by hand for each lesson, by its number."""
    return yaml.safe_load(NOTES.read_text(encoding="utf-8"))


def text(lessons: list[Path], summary: dict[str, dict]) -> str:
    """Return the run sheet in Markdown.

    Raises:
        KeyError: A lesson has no entry in `notes.yml`.
    """
    by_hand = notes()
    missing = [path.name for path in lessons if path.name[:2] not in by_hand]
    if missing:
        raise KeyError(f"no entry in {NOTES.name} for {', '.join(missing)}")
    sections = [_lesson(path, by_hand[path.name[:2]], summary.get(path.stem)) for path in lessons]
    planned = sum(by_hand[path.name[:2]]["class_minutes"] for path in lessons)
    hours = f"All {len(lessons)} lessons together: {planned / 60:.1f} hours of class, as planned."
    return "\n".join([BEFORE, hours, "", *sections])


def _lesson(path: Path, by_hand: dict, noted: dict | None) -> str:
    head = nbformat.read(path, as_version=4).cells[0].source
    title = head.splitlines()[0].removeprefix("# ")
    question = re.search(r"^\*\*(.+\?)\*\*$", head, re.MULTILINE)
    stated = run_page.STATED.search(head)
    rows = [("class, planned (not timed yet)", by_hand["class_minutes"])]
    if stated:
        rows.append(("machine, as the lesson states it", stated[1]))
    if noted:
        machine = f"machine, as executed on {noted['day']} ({noted['machine']})"
        rows.append((machine, f"{noted['seconds'] / 60:.1f}"))
    lines = [f"## {title}", "", *([f"*{question[1]}*", ""] if question else [])]
    lines += ["| minutes | |", "|---|---:|", *(f"| {name} | {value} |" for name, value in rows), ""]
    for heading, key in (("Say", "say"), ("What goes wrong", "goes_wrong")):
        lines += [f"### {heading}", "", *(f"- {line}" for line in by_hand[key]), ""]
    found = [one for one in exercises.EXERCISES.values() if one.lesson == path.name[:2]]
    for exercise in found:
        lines += _wrong_answers(exercise)
    return "\n".join(lines)


def _wrong_answers(exercise: Exercise) -> list[str]:
    lines = [f"### Exercise {exercise.id}: common wrong answers", ""]
    for wrong in exercise.wrong_answers:
        code = [f"      {line}".rstrip() for line in wrong.code.rstrip().splitlines()]
        lines += [f"- {message(exercise, wrong)}", "", *code, ""]
    return lines


def message(exercise: Exercise, wrong: WrongAnswer) -> str:
    """Return what the check says to a wrong answer, `…` for a value that depends on the answer.

    Without running it, which would take the models: the check's module is read for the message
    in which the expected words stand. If there's none, those words are returned.
    """
    found = {one for one in _messages(exercise.check.__module__) if re.search(wrong.expected, one)}
    words = re.sub(r"\\(.)", r"\1", wrong.expected)
    return found.pop() if len(found) == 1 else f"… {words} …"


@cache
def _messages(module: str) -> tuple[str, ...]:
    """Return the sentences that a module's checks say, with `…` for values."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    said = [call for call in calls if ast.unparse(call.func) not in ("Exercise", "WrongAnswer")]
    texts = {_template(argument) for call in said for argument in call.args}
    return tuple(sorted(text for text in texts if " " in text))


def _template(node: ast.AST) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_template(part) or "…" for part in node.values)
    return ""
