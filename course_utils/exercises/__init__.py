"""Check, hint, solution, progress, quiz: how a learner proves what they learned.

    check("00.1", answer)   says what is right, or which property isn't and why it matters
    hint("00.1")            one hint more at each call
    solution("00.1")        the tested solution
    progress()              a bar for each lesson
    quiz("00")              a lesson's questions, each option with its explanation

Each lesson's exercises stand in a module of their own, `lesson_NN`, listed in LESSONS.
"""

from pathlib import Path

from course_utils import runtime
from course_utils.exercises import (
    lesson_00,
    lesson_01,
    lesson_02,
    lesson_03,
    lesson_04,
    lesson_05,
    lesson_06,
    lesson_07,
    lesson_08,
    lesson_09,
    progress_file,
    quizzes,
    rendering,
)
from course_utils.exercises.exercise import Exercise, NotYetError
from course_utils.exercises.rendering import LessonProgress, Note, ProgressBars

LESSONS = (
    lesson_00,
    lesson_01,
    lesson_02,
    lesson_03,
    lesson_04,
    lesson_05,
    lesson_06,
    lesson_07,
    lesson_08,
    lesson_09,
)

EXERCISES: dict[str, Exercise] = {
    exercise.id: exercise for lesson in LESSONS for exercise in lesson.EXERCISES
}

_hints_shown: dict[str, int] = {}


class ExerciseFailedError(AssertionError):
    """Under COURSE_STRICT=1: an exercise is failed or unattempted."""


def check(exercise_id: str, answer: object) -> None:
    """Say whether an answer is right, and note it in the progress file if it is.

    Under COURSE_STRICT=1, for graders and tests, an answer that isn't right raises, and no
    progress is noted: it would be the grader's and not the learner's.

    Args:
        exercise_id: Such as "00.1".
        answer: What the exercise asks for. `...`, as the stub leaves it, counts as unattempted.

    Raises:
        ExerciseFailedError: Only under COURSE_STRICT=1: failed or unattempted.
        KeyError: There is no such exercise.
        ValueError: The answer passed, and the progress file is broken.
        OSError: The answer passed, and that can't be noted; the message has the remedy.
    """
    exercise = _find(exercise_id)
    if answer is ...:
        text = "Replace the ... by your code, run that cell, then this one."
        return _not_passed(
            Note(f"{exercise_id}: not attempted yet.", text, rendering.NOT_ATTEMPTED)
        )
    try:
        exercise.check(answer)
    except NotYetError as reason:
        return _not_passed(Note(f"{exercise_id}: not yet.", str(reason), rendering.NOT_YET))
    except Exception as error:  # whatever a check does to an answer of a type it doesn't foresee
        text = _unexpected(exercise, answer, error)
        return _not_passed(Note(f"{exercise_id}: not yet.", text, rendering.NOT_YET), error)
    # Shown first: a pass that can't be noted, on a full disk, is a pass.
    rendering.show(Note(f"{exercise_id}: passed.", exercise.on_pass, rendering.PASSED))
    if not runtime.strict():
        progress_file.note_passed(exercise_id)
    return None


def hint(exercise_id: str) -> None:
    """Show the next hint; after the last one, say where the solution is."""
    hints = _find(exercise_id).hints
    shown = _hints_shown.get(exercise_id, 0)
    if shown == len(hints):
        text = f'solution("{exercise_id}") shows the solution.'
        rendering.show(Note("That was the last hint.", text, rendering.HELP))
        return
    _hints_shown[exercise_id] = shown + 1
    label = f"Hint {shown + 1} of {len(hints)}:"
    rendering.show(Note(label, hints[shown], rendering.HELP))


def solution(exercise_id: str) -> None:
    """Show the solution, as the course's own tests run it."""
    code = _find(exercise_id).solution
    rendering.show(Note(f"Solution of {exercise_id}:", "", rendering.HELP, code=code))


def progress(*, export: Path | str | None = None) -> None:
    """Show a bar for each lesson: exercises passed so far, of all there are.

    Args:
        export: A file to write the progress to, for a class: what was passed, when, and the
            totals. Nothing is sent anywhere; the file's name says whose it is.
    """
    passed = progress_file.read()
    lessons = tuple(
        LessonProgress(number, sum(exercise_id in passed for exercise_id in ids), len(ids))
        for number, ids in _ids_by_lesson().items()
    )
    target = None if export is None else Path(export).expanduser()
    if target is not None:
        progress_file.export(target, passed, lessons)
    rendering.show(ProgressBars(lessons, exported=target))


def quiz(lesson: str) -> None:
    """Show a lesson's questions: to click in a notebook, with the answers below elsewhere.

    Args:
        lesson: Its number, such as "00".

    Raises:
        KeyError: There is no quiz for this lesson.
    """
    questions = quizzes.read(lesson)
    if rendering.in_notebook():
        quizzes.display(questions)
    else:
        print(quizzes.as_text(questions))


def _find(exercise_id: str) -> Exercise:
    if exercise_id not in EXERCISES:
        raise KeyError(f"there is no exercise {exercise_id!r}; there are {', '.join(EXERCISES)}")
    return EXERCISES[exercise_id]


def _ids_by_lesson() -> dict[str, list[str]]:
    ids: dict[str, list[str]] = {}
    for exercise in sorted(EXERCISES.values(), key=lambda exercise: exercise.lesson):
        ids.setdefault(exercise.lesson, []).append(exercise.id)
    return ids


def _unexpected(exercise: Exercise, answer: object, error: Exception) -> str:
    found = f"The check can't work with your answer of type {type(answer).__name__}"
    expected = f" Expected: {exercise.expects}." if exercise.expects else ""
    return f"{found} ({type(error).__name__}: {error}).{expected}"


def _not_passed(note: Note, cause: Exception | None = None) -> None:
    if runtime.strict():
        raise ExerciseFailedError(repr(note)) from cause
    rendering.show(note)
