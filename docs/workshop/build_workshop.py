"""Make the folder of a workshop: `make workshop`, into `build/workshop/`.

    learner/       the lessons as they are in notebooks/, without outputs and solutions
    instructor/    the lessons solved and executed
    slides/        a page a lesson, made of its own cells; the exercises in it are unsolved
    run_sheet.md   minutes, what to say, what goes wrong, the common wrong answers

Nothing is executed here. `make wheels` adds the folder `wheels/`, which this leaves alone.
"""

import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(ROOT / "docs"), str(ROOT / "tests")]

import build_pages
import nbformat
import notebook_rules
import remote_assets
import run_sheet
import slides
import write_solutions

from course_utils import exercises

SOLVED = ROOT / "build" / "executed" / "solutions"
TARGET = ROOT / "build" / "workshop"
REMEDY = "run make workshop, or: python tests/run_notebooks.py --solutions"
START = f"""\
# Start here

1. Install. With a network, in the course's folder: `make setup`. Without one, beside the folder
   `wheels/` that you were given: `sh wheels/install.sh`, on Windows `wheels\\install.bat`.
2. Check this machine, in the environment that was installed: `{run_sheet.DOCTOR}`
3. Open the first lesson: `jupyter lab 00_start_here.ipynb`

An exercise is a cell `answer = ...`, to be replaced, and the next cell checks it. Stuck?
`hint("00.1")` gives a hint, once more the next.
"""


def build(*, lessons: list[Path], solved: Path, target: Path) -> list[str]:
    """Make the folder from the lessons and their solved, executed copies; return what is wrong.

    Raises:
        FileNotFoundError: A lesson hasn't been executed with its solutions.
        ValueError: A copy isn't what the lesson and its solutions say today, or it failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        for path in lessons:
            write_solutions.write(path, into=Path(folder))
        copies = build_pages.executed_lessons(Path(folder), solved, remedy=REMEDY)
    learner, instructor, decks = (
        _emptied(target / name) for name in ("learner", "instructor", "slides")
    )
    problems = []
    for lesson, copy in zip(lessons, copies, strict=True):
        problems += solutions_in(lesson)
        shutil.copy(lesson, learner)
        notebook = nbformat.read(copy, as_version=4)
        nbformat.write(build_pages.without_widgets(notebook), instructor / lesson.name)
        (decks / f"{lesson.stem}.html").write_text(slides.to_html(notebook), encoding="utf-8")
    (learner / "START.md").write_text(START, encoding="utf-8")
    sheet = run_sheet.text(lessons, build_pages.read_summary(solved))
    (target / "run_sheet.md").write_text(sheet, encoding="utf-8")
    return problems + list(remote_assets.find(decks))


def solutions_in(lesson: Path) -> list[str]:
    """Return what a lesson gives away: a stub that is filled in, a solution in any of its cells."""
    notebook = notebook_rules.read(lesson)
    sources = "\n".join(cell.source for cell in notebook.cells)
    stubs = notebook_rules.exercises_of(notebook)
    problems = [
        f"{lesson.name}: exercise {number} isn't a stub"
        for number, (stub, _) in stubs.items()
        if notebook_rules.STUB not in stub.source.splitlines()
    ]
    given = [number for number in stubs if exercises.EXERCISES[number].solution.strip() in sources]
    return problems + [f"{lesson.name} holds the solution of {number}" for number in given]


def _emptied(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def main() -> int:
    """Make the folder; return the exit status."""
    try:
        problems = build(lessons=notebook_rules.NOTEBOOKS, solved=SOLVED, target=TARGET)
    except (FileNotFoundError, KeyError, ValueError) as error:
        problems = [str(error)]
    print("\n".join(problems) or f"the workshop is in {TARGET.relative_to(ROOT)}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
