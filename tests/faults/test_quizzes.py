"""A quiz file that is no quiz is named."""

import json
import shutil

import pytest

from course_utils import exercises, runtime
from course_utils.exercises import quizzes

NO_FEEDBACK = [{"question": "?", "type": "many_choice", "answers": [{"answer": "a"}]}]


@pytest.mark.fault(
    "Exercises and quizzes",
    breaks="The file of a quiz was cut off, or edited into something else.",
    sees="The path, which `isn't a quiz`, why, and the remedy: `bring the file back as the "
    "course has it`.",
    kept="The file as it is, and the other quizzes.",
)
@pytest.mark.parametrize(
    "text", ['[{"question": "Wh', "[1, 2]", '{"a": 1}', json.dumps(NO_FEEDBACK), "\ufeff[]"]
)
def test_a_broken_quiz_is_named(tmp_path, monkeypatch, text, seen):
    shutil.copytree(runtime.data_dir() / "quizzes", tmp_path / "quizzes")
    path = tmp_path / "quizzes" / "00.json"
    path.write_text(text, encoding="utf-8")
    monkeypatch.setattr(runtime, "data_dir", lambda: tmp_path)
    with pytest.raises(ValueError, match=r"00\.json isn't a quiz") as caught:
        exercises.quiz("00")
    seen(caught.value)
    assert path.read_text(encoding="utf-8") == text
    assert quizzes.read("01")
