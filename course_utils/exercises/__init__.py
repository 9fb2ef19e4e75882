"""Check, hint, solution, progress: how a learner proves what they learned.

    check("00.1", answer)   says what is right, or which property isn't and why it matters
    hint("00.1")            one hint more at each call
    solution("00.1")        the tested solution
    progress()              a bar for each lesson

Each lesson's exercises stand in a module of their own, `lesson_NN`.
"""

import json

from course_utils import files, runtime
from course_utils.exercises import lesson_00
from course_utils.exercises.exercise import Exercise, NotYetError

EXERCISES: dict[str, Exercise] = {exercise.id: exercise for exercise in lesson_00.EXERCISES}

_hints_shown: dict[str, int] = {}


class ExerciseFailedError(AssertionError):
    """Under COURSE_STRICT=1: an exercise is failed or unattempted."""


def check(exercise_id: str, answer: object) -> None:
    """Say whether an answer is right, and note it in the progress file if it is.

    Args:
        exercise_id: Such as "00.1".
        answer: What the exercise asks for. `...`, as the stub leaves it, counts as unattempted.

    Raises:
        ExerciseFailedError: Only under COURSE_STRICT=1: failed or unattempted.
        KeyError: There is no such exercise.
    """
    exercise = _find(exercise_id)
    if answer is ...:
        return _not_passed(f"{exercise_id}: not attempted yet. Replace the ... and run the cell.")
    try:
        exercise.check(answer)
    except NotYetError as reason:
        return _not_passed(f"{exercise_id}: not yet. {reason}")
    _note_passed(exercise_id)
    print(f"{exercise_id}: passed. {exercise.on_pass}")
    return None


def hint(exercise_id: str) -> None:
    """Print the next hint; after the last one, say where the solution is."""
    hints = _find(exercise_id).hints
    shown = _hints_shown.get(exercise_id, 0)
    if shown == len(hints):
        print(f'That was the last hint. solution("{exercise_id}") prints the solution.')
        return
    _hints_shown[exercise_id] = shown + 1
    print(f"Hint {shown + 1} of {len(hints)}: {hints[shown]}")


def solution(exercise_id: str) -> None:
    """Print the solution, as the course's own tests run it."""
    print(_find(exercise_id).solution)


def progress() -> None:
    """Print a bar for each lesson: exercises passed so far, of all there are."""
    passed = _read_passed()
    for lesson in sorted({exercise.lesson for exercise in EXERCISES.values()}):
        ids = [exercise.id for exercise in EXERCISES.values() if exercise.lesson == lesson]
        done = sum(exercise_id in passed for exercise_id in ids)
        print(f"lesson {lesson}  {'█' * done}{'░' * (len(ids) - done)}  {done} of {len(ids)}")


def _find(exercise_id: str) -> Exercise:
    if exercise_id not in EXERCISES:
        raise KeyError(f"there is no exercise {exercise_id!r}; there are {', '.join(EXERCISES)}")
    return EXERCISES[exercise_id]


def _not_passed(message: str) -> None:
    if runtime.strict():
        raise ExerciseFailedError(message)
    print(message)


def _read_passed() -> list[str]:
    path = runtime.artifacts_dir() / "progress.json"
    if not path.exists():
        return []
    try:
        return json.loads(path.read_text(encoding="utf-8"))["passed"]
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{path} isn't a progress file; delete it to start anew") from None


def _note_passed(exercise_id: str) -> None:
    passed = sorted({*_read_passed(), exercise_id})
    text = json.dumps({"passed": passed}, indent=1) + "\n"
    files.write_text(runtime.artifacts_dir() / "progress.json", text)
