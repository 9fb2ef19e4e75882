"""Write the lessons with their exercises solved, for those who teach: a part of `make solutions`.

    python tests/write_solutions.py           all lessons into build/solutions/
    python tests/write_solutions.py 00 07     these

The solution of each exercise is the one that the package holds and the tests run. It stands
between the marks by which `nbgrader generate_assignment` finds what to take out again.
"""

import copy
import sys
from pathlib import Path

import nbformat
import notebook_rules

from course_utils import exercises

SOLUTIONS = notebook_rules.ROOT / "build" / "solutions"
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"


def solved(notebook: notebook_rules.Notebook) -> notebook_rules.Notebook:
    """Return a copy of a lesson with the stub of each exercise replaced by its solution.

    Raises:
        KeyError: The lesson checks an exercise that the package doesn't hold.
        ValueError: A stub cell doesn't have the form that CONTRIBUTING.md describes.
    """
    notebook = copy.deepcopy(notebook)
    for exercise_id, (stub, _) in notebook_rules.exercises_of(notebook).items():
        if exercise_id not in exercises.EXERCISES:
            raise KeyError(f"there is no exercise {exercise_id} in course_utils.exercises")
        lines = stub.source.splitlines()
        if lines.count(notebook_rules.STUB) != 1:
            raise ValueError(
                f"exercise {exercise_id}: the stub cell needs the line "
                f"{notebook_rules.STUB!r} once, and has {stub.source!r}"
            )
        place = lines.index(notebook_rules.STUB)
        solution = exercises.EXERCISES[exercise_id].solution.rstrip().splitlines()
        lines[place : place + 1] = [BEGIN, *solution, END]
        stub.source = "\n".join(lines)
    return notebook


def write(path: Path, *, into: Path = SOLUTIONS) -> Path:
    """Write a lesson with its solutions into a folder, under its own name; return the file."""
    into.mkdir(parents=True, exist_ok=True)
    target = into / path.name
    nbformat.write(solved(notebook_rules.read(path)), target)
    return target


def main(prefixes: list[str]) -> int:
    """Write the lessons whose names start with a prefix, or all; return the exit status."""
    lessons = [
        path for path in notebook_rules.NOTEBOOKS if path.name.startswith(tuple(prefixes) or ("",))
    ]
    if not lessons:
        print(f"no lesson starts with {' or '.join(prefixes)}", file=sys.stderr)
        return 1
    print(*(write(path) for path in lessons), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
