"""Each exercise is proved both ways, and its progress survives."""

import contextlib
import importlib
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import notebook_rules
import numpy as np
import pandas as pd
import pytest

import course_utils
from course_utils import exercises, runtime, vectorstore
from course_utils.exercises import progress_file
from course_utils.exercises.exercise import NotYetError
from course_utils.exercises.rendering import LessonProgress, Note, ProgressBars

RIGHT = "merino-and-wool-care"  # the answer of 00.1


def marks(exercise):
    return [pytest.mark.slow] if "SentenceTransformer" in exercise.setup else []


SOLVED = [
    pytest.param(exercise, id=exercise.id, marks=marks(exercise))
    for exercise in exercises.EXERCISES.values()
]
PLANTED = [
    pytest.param(exercise, wrong, id=f"{exercise.id}-{number}", marks=marks(exercise))
    for exercise in exercises.EXERCISES.values()
    for number, wrong in enumerate(exercise.wrong_answers)
]


@pytest.fixture(scope="module")
def lesson_names(tmp_path_factory):
    """Return a function from an exercise to the names that its lesson has defined by then."""
    names = {}

    def names_of(exercise):
        if exercise.setup not in names:
            names[exercise.setup] = {}
            exec(exercise.setup, names[exercise.setup])
        return dict(names[exercise.setup])

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_ARTIFACTS", str(tmp_path_factory.mktemp("artifacts")))
        yield names_of
        for defined in names.values():
            if "client" in defined:
                defined["client"].close()
                vectorstore.release(runtime.artifacts_dir() / "milvus" / "lesson_00.db")


@pytest.mark.parametrize("exercise", SOLVED)
def test_each_solution_passes(lesson_names, exercise):
    names = lesson_names(exercise)
    exec(exercise.solution, names)
    exercise.check(names["answer"])


@pytest.mark.parametrize(("exercise", "wrong"), PLANTED)
def test_each_planted_wrong_answer_gets_the_message_meant_for_it(lesson_names, exercise, wrong):
    names = lesson_names(exercise)
    exec(wrong.code, names)
    with pytest.raises(NotYetError, match=wrong.expected):
        exercise.check(names["answer"])


@pytest.mark.parametrize("exercise", exercises.EXERCISES.values(), ids=lambda e: e.id)
@pytest.mark.parametrize("answer", [None, 3, "text", [1], print], ids=lambda a: type(a).__name__)
def test_no_answer_of_an_odd_type_passes(lesson_names, capsys, exercise, answer):
    with pytest.raises(Exception):  # noqa: B017, PT011  check() turns any into "not yet"
        exercise.check(answer)


@pytest.mark.parametrize("exercise", exercises.EXERCISES.values(), ids=lambda e: e.id)
def test_each_exercise_has_hints_a_solution_and_two_wrong_answers(exercise):
    assert len(exercise.hints) >= 2
    assert len(exercise.wrong_answers) >= 2
    assert exercise.expects
    compile(exercise.solution, exercise.id, "exec")


def test_every_module_of_a_lesson_is_registered_and_holds_its_own_exercises():
    folder = runtime.PACKAGE_DIR / "exercises"
    modules = [
        importlib.import_module(f"course_utils.exercises.{path.stem}")
        for path in sorted(folder.glob("lesson_*.py"))
    ]
    assert list(exercises.LESSONS) == modules
    for module in modules:
        number = module.__name__[-2:]
        assert [exercise.lesson for exercise in module.EXERCISES] == [number] * len(
            module.EXERCISES
        )
    assert len(exercises.EXERCISES) == sum(len(module.EXERCISES) for module in modules)


@pytest.mark.parametrize("path", notebook_rules.NOTEBOOKS, ids=lambda path: path.stem)
def test_each_lesson_checks_the_exercises_that_the_package_holds_for_it(path):
    checked = sorted(notebook_rules.exercises_of(notebook_rules.read(path)))
    held = [e.id for e in exercises.EXERCISES.values() if e.lesson == path.name[:2]]
    assert checked == sorted(held)


@pytest.fixture
def only_lesson_00(monkeypatch):
    for exercise_id in list(exercises.EXERCISES):
        if exercise_id != "00.1":
            monkeypatch.delitem(exercises.EXERCISES, exercise_id)


def test_an_untouched_stub_lets_run_all_go_on(artifacts, capsys, only_lesson_00):
    exercises.check("00.1", ...)
    assert "not attempted yet" in capsys.readouterr().out
    exercises.progress()
    assert capsys.readouterr().out == "lesson 00  ░  0 of 1\n"


def test_a_wrong_answer_says_why_and_lets_run_all_go_on(artifacts, capsys):
    exercises.check("00.1", "merino-and-wool-care#0")
    assert capsys.readouterr().out.startswith("00.1: not yet. That is the id of a chunk.")


@pytest.mark.parametrize("answer", [..., "tent-pole-broken"])
def test_under_strict_a_failed_or_untouched_check_raises(artifacts, monkeypatch, answer):
    monkeypatch.setenv("COURSE_STRICT", "1")
    with pytest.raises(exercises.ExerciseFailedError, match=r"^00\.1: not"):
        exercises.check("00.1", answer)


def test_under_strict_a_right_answer_passes_and_no_progress_is_noted(
    artifacts, monkeypatch, capsys
):
    monkeypatch.setenv("COURSE_STRICT", "1")
    exercises.check("00.1", RIGHT)
    assert capsys.readouterr().out.startswith("00.1: passed.")
    assert not (artifacts / "progress.json").exists()


@pytest.mark.fault(
    "Exercises and quizzes",
    breaks="An answer has another type than the exercise asks for: None, a number, a table, "
    "a function.",
    sees="`not yet. The answer is text`: what type it should have.",
    kept="Run All goes on; no pass is noted.",
)
@pytest.mark.parametrize(
    "answer",
    [None, 3, ["a"], b"text", np.zeros(3), pd.DataFrame({"a": [1, 2]}), print, object()],
    ids=lambda answer: type(answer).__name__,
)
def test_an_answer_of_an_odd_type_is_not_yet_right(artifacts, capsys, answer, seen):
    exercises.check("00.1", answer)
    seen(capsys.readouterr().out)
    assert not (artifacts / "progress.json").exists()


@pytest.fixture
def stumbling(monkeypatch):
    """Register 00.2, whose check takes its answer to be text and never asks."""

    def check(answer):
        if answer.upper() != "YES":
            raise NotYetError("Say yes.")

    exercise = exercises.Exercise(
        id="00.2",
        check=check,
        on_pass="Yes.",
        hints=(),
        solution="",
        wrong_answers=(),
        expects="text (str)",
    )
    monkeypatch.setitem(exercises.EXERCISES, "00.2", exercise)


@pytest.mark.fault(
    "Exercises and quizzes",
    breaks="A check stumbles over an answer that nobody foresaw, and raises.",
    sees="`The check can't work with your answer of type list`, Python's words, and what "
    "was `Expected`.",
    kept="Run All goes on; no pass is noted.",
)
def test_an_exception_inside_a_check_names_the_type_that_was_expected(
    artifacts, capsys, stumbling, seen
):
    exercises.check("00.2", [1])
    shown = capsys.readouterr().out
    seen(shown)
    assert not (artifacts / "progress.json").exists()
    assert shown == (
        "00.2: not yet. The check can't work with your answer of type list "
        "(AttributeError: 'list' object has no attribute 'upper'). Expected: text (str).\n"
    )


def test_under_strict_an_exception_inside_a_check_is_shown_as_the_cause(
    artifacts, monkeypatch, stumbling
):
    monkeypatch.setenv("COURSE_STRICT", "1")
    with pytest.raises(exercises.ExerciseFailedError, match="of type list") as failed:
        exercises.check("00.2", [1])
    assert isinstance(failed.value.__cause__, AttributeError)


def noted(artifacts):
    return json.loads((artifacts / "progress.json").read_text())


def test_progress_is_kept_in_a_file_with_the_time_of_the_first_pass(
    artifacts, capsys, monkeypatch, only_lesson_00
):
    exercises.check("00.1", RIGHT)
    first = noted(artifacts)
    age = datetime.now(UTC) - datetime.fromisoformat(first["passed"]["00.1"])
    assert timedelta(0) <= age < timedelta(minutes=1)
    monkeypatch.setattr(progress_file, "_now", lambda: "2031-01-01T00:00:00+00:00")
    exercises.check("00.1", RIGHT)
    assert noted(artifacts) == first
    capsys.readouterr()
    exercises.progress()
    assert capsys.readouterr().out == "lesson 00  █  1 of 1\n"


def test_a_later_wrong_answer_takes_no_pass_away(artifacts):
    exercises.check("00.1", RIGHT)
    exercises.check("00.1", "something-else")
    assert list(noted(artifacts)["passed"]) == ["00.1"]


def test_a_progress_file_without_times_is_read_and_kept(
    artifacts, monkeypatch, only_lesson_00, stumbling, capsys
):
    path = runtime.artifacts_dir() / "progress.json"
    path.write_text('{"passed": ["00.1"]}')
    exercises.progress()
    assert capsys.readouterr().out == "lesson 00  █░  1 of 2\n"
    monkeypatch.setattr(progress_file, "_now", lambda: "2031-01-01T00:00:00+00:00")
    exercises.check("00.2", "yes")
    assert noted(artifacts) == {"passed": {"00.1": None, "00.2": "2031-01-01T00:00:00+00:00"}}


BROKEN = ["[1, 2", "[1, 2]", "{}", '{"passed": 3}', '{"passed": {"00.1": 3}}', '{"passed": [[1]]}']


@pytest.mark.fault(
    "Exercises and quizzes",
    breaks="The progress file was cut off, or edited by hand into something else.",
    sees="`progress.json isn't a progress file; delete it to start anew`",
    kept="The file as it is, so that it can be mended by hand.",
)
@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_progress_file_is_named_and_not_overwritten(artifacts, text, seen):
    path = runtime.artifacts_dir() / "progress.json"
    path.write_text(text)
    for call in (lambda: exercises.check("00.1", RIGHT), exercises.progress):
        with pytest.raises(
            ValueError, match=r"progress\.json isn't a progress file; delete it"
        ) as caught:
            call()
        seen(caught.value)
    assert path.read_text() == text


PASS_MANY = """
import sys
from course_utils.exercises import progress_file
for number in range(40):
    progress_file.note_passed(f"{sys.argv[1]}.{number}")
"""


@pytest.mark.fault(
    "Two notebooks at once",
    breaks="Two notebooks pass forty exercises each, at the same time.",
    sees="In both, each pass.",
    kept="All eighty.",
)
def test_two_notebooks_at_once_lose_no_pass(artifacts):
    commands = [[sys.executable, "-c", PASS_MANY, lesson] for lesson in ("71", "72")]
    processes = [subprocess.Popen(command) for command in commands]
    assert [process.wait(timeout=60) for process in processes] == [0, 0]
    expected = {f"{lesson}.{number}" for lesson in ("71", "72") for number in range(40)}
    assert set(noted(artifacts)["passed"]) == expected


@pytest.mark.fault(
    "Two notebooks at once",
    breaks="Another process holds the progress file's lock and doesn't let go.",
    sees="After ten seconds, that the pass of the exercise `isn't noted; shut down other "
    "notebooks and run the cell again`.",
    kept="The file, and the answer: it passes when the cell runs again.",
)
def test_a_lock_that_nobody_gives_back_is_named(artifacts, monkeypatch, seen):
    from filelock import FileLock

    monkeypatch.setattr(progress_file, "LOCK_WAIT_S", 0.1)
    lock = progress_file.path().with_name(".progress.json.lock")
    with (
        FileLock(lock),
        pytest.raises(TimeoutError, match=r"progress\.json\.lock.*00\.1") as caught,
    ):
        exercises.check("00.1", RIGHT)
    seen(caught.value)
    exercises.check("00.1", RIGHT)
    assert list(noted(artifacts)["passed"]) == ["00.1"]


def test_the_export_holds_the_passes_their_times_and_the_totals(
    artifacts, tmp_path, monkeypatch, capsys, only_lesson_00
):
    monkeypatch.setattr(progress_file, "_now", lambda: "2031-01-01T00:00:00+00:00")
    exercises.check("00.1", RIGHT)
    capsys.readouterr()
    target = tmp_path / "class" / "anna.json"
    exercises.progress(export=target)
    assert capsys.readouterr().out == f"lesson 00  █  1 of 1\nwritten to {target}\n"
    assert json.loads(target.read_text()) == {
        "course_version": course_utils.__version__,
        "exported_at": "2031-01-01T00:00:00+00:00",
        "passed": {"00.1": "2031-01-01T00:00:00+00:00"},
        "lessons": {"00": {"passed": 1, "exercises": 1}},
    }


def test_the_export_of_somebody_new_is_empty_and_takes_a_name_as_text(
    artifacts, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    exercises.progress(export="ben.json")
    content = json.loads((tmp_path / "ben.json").read_text())
    assert content["passed"] == {}
    assert content["lessons"]["00"] == {"passed": 0, "exercises": 1}
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["ben.json"]


@contextlib.contextmanager
def outputs_of_a_kernel():
    """Yield the list of what would be displayed, as in a notebook."""
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import RichOutput, capture_output

    InteractiveShell.instance()
    shown: list[RichOutput] = []
    try:
        with capture_output(stdout=False, stderr=False) as captured:
            yield shown
        shown += captured.outputs
    finally:
        InteractiveShell.clear_instance()


def test_in_a_notebook_one_output_carries_html_and_text(artifacts, capsys, only_lesson_00):
    with outputs_of_a_kernel() as shown:
        exercises.check("00.1", RIGHT)
        exercises.check("00.1", ...)
        exercises.hint("00.1")
        exercises.solution("00.1")
        exercises.progress()
    assert [set(output.data) for output in shown] == [{"text/plain", "text/html"}] * 5
    assert shown[0].data["text/plain"].startswith("00.1: passed. You searched")
    assert "<strong>00.1: passed.</strong>" in shown[0].data["text/html"]
    assert "#007A5A" in shown[0].data["text/html"]
    assert "#888888" in shown[1].data["text/html"]
    assert ">vectors = embedder" in shown[3].data["text/html"]
    assert "1 of 1" in shown[4].data["text/html"]
    assert capsys.readouterr().out == ""


def test_the_html_of_a_note_escapes_its_texts_and_keeps_the_lines_of_code():
    note = Note("<b>", "a < b & c\nd", "#D55E00", code="if a < b:\n    pass\n")
    page = note._repr_html_()
    assert "<strong>&lt;b&gt;</strong>" in page
    assert "a &lt; b &amp; c\nd" in page
    assert ">if a &lt; b:\n    pass</pre>" in page
    assert repr(note) == "<b> a < b & c\nd\nif a < b:\n    pass"


def test_bars_of_long_lessons_stay_short():
    bars = ProgressBars((LessonProgress("00", 1, 4), LessonProgress("01", 20, 40)))
    assert repr(bars).splitlines() == [
        "lesson 00  █░░░  1 of 4",
        f"lesson 01  {'█' * 10}{'░' * 10}  20 of 40",
    ]
    assert "width: 25%" in bars._repr_html_()
    assert "width: 50%" in bars._repr_html_()


def test_hints_come_one_by_one_and_then_point_to_the_solution(capsys, monkeypatch):
    monkeypatch.setattr(exercises, "_hints_shown", {})
    for _ in range(4):
        exercises.hint("00.1")
    lines = capsys.readouterr().out.splitlines()
    assert [line[:11] for line in lines[:3]] == ["Hint 1 of 3", "Hint 2 of 3", "Hint 3 of 3"]
    assert lines[3] == 'That was the last hint. solution("00.1") shows the solution.'


def test_the_solution_prints_as_the_tests_run_it(capsys):
    exercises.solution("00.1")
    heading, _, code = capsys.readouterr().out.partition("\n")
    assert heading == "Solution of 00.1:"
    assert code == exercises.EXERCISES["00.1"].solution


def test_an_unknown_exercise_names_those_there_are():
    with pytest.raises(KeyError, match=r"no exercise '99\.9'; there are 00\.1"):
        exercises.check("99.9", 1)
