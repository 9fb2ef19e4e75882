"""A class works: nbgrader takes the solutions out, and its marks are those of the checks."""

import csv
import os
import shutil
import subprocess
import sys

import nbformat
import notebook_rules
import pytest
import write_solutions

from course_utils import exercises

pytestmark = pytest.mark.slow

CONFIG = notebook_rules.ROOT / "docs" / "nbgrader_config.py"
LESSON = notebook_rules.ROOT / "notebooks" / "01_pandas_data_prep.ipynb"
RIGHT = {
    number: exercise.solution
    for number, exercise in exercises.EXERCISES.items()
    if exercise.lesson == "01"
}
# One wrong, one right, the others untouched.
MIXED = {
    "01.1": exercises.EXERCISES["01.1"].wrong_answers[0].code,
    "01.3": exercises.EXERCISES["01.3"].solution,
}


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Return the folder of an nbgrader course in which anna and ben_b were graded."""
    folder = tmp_path_factory.mktemp("course")
    shutil.copy(CONFIG, folder / "nbgrader_config.py")
    source = folder / "source" / "ps1" / LESSON.name
    source.parent.mkdir(parents=True)
    nbformat.write(write_solutions.solved(notebook_rules.read(LESSON)), source)
    nbgrader(folder, "generate_assignment", "ps1")
    for name, answers in {"anna": RIGHT, "ben_b": MIXED}.items():
        hand_in(folder, name, answers)
    nbgrader(folder, "zip_collect", "ps1")
    nbgrader(folder, "autograde", "ps1")
    nbgrader(folder, "export")
    return folder


def nbgrader(folder, *arguments):
    environment = {name: value for name, value in os.environ.items() if name != "COURSE_STRICT"}
    environment |= {
        "COURSE_ARTIFACTS": str(folder / "artifacts"),
        "JUPYTER_CONFIG_DIR": str(folder / "jupyter" / "config"),
        "JUPYTER_DATA_DIR": str(folder / "jupyter" / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "jupyter" / "runtime"),
    }
    run = subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def hand_in(folder, name, answers):
    released = folder / "release" / "ps1" / LESSON.name
    handed_in = folder / "downloaded" / "ps1" / "archive" / f"{name}_{LESSON.name}"
    handed_in.parent.mkdir(parents=True, exist_ok=True)
    notebook = nbformat.read(released, as_version=4)
    for number, code in answers.items():
        notebook_rules.exercises_of(notebook)[number][0].source = code
    nbformat.write(notebook, handed_in)


def test_what_is_released_has_the_stubs_of_the_lesson_again(course):
    released = nbformat.read(course / "release" / "ps1" / LESSON.name, as_version=4)
    stubs = notebook_rules.exercises_of(released)
    assert list(stubs) == ["01.1", "01.2", "01.3", "01.4"]
    for stub, _ in stubs.values():
        assert stub.source == "answer = ..."
    assert "SOLUTION" not in str(released)


def test_the_source_holds_the_solution(course):
    source = nbformat.read(course / "source" / "ps1" / LESSON.name, as_version=4)
    assert "stock.where" in notebook_rules.exercises_of(source)["01.1"][0].source


@pytest.mark.parametrize(("name", "points"), [("anna", 4), ("ben_b", 1)])
def test_the_marks_are_those_of_the_checks(course, name, points):
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        submission = gradebook.find_submission("ps1", name)
        assert (submission.score, submission.max_score) == (points, 4)
        assert not submission.needs_manual_grade


def test_the_marks_are_exported_as_a_table(course):
    with (course / "grades.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    marks = {row["student_id"]: (row["score"], row["max_score"]) for row in rows}
    assert marks == {"anna": ("4.0", "4.0"), "ben_b": ("1.0", "4.0")}


def test_the_feedback_of_a_wrong_answer_says_why(course):
    graded = nbformat.read(course / "autograded" / "ben_b" / "ps1" / LESSON.name, as_version=4)
    (error,) = notebook_rules.exercises_of(graded)["01.1"][1].outputs
    assert error.ename == "ExerciseFailedError"
    assert "9999 is still in it" in error.evalue


def test_grading_notes_no_progress(course):
    assert not (course / "artifacts" / "progress.json").exists()
