"""Each exercise is proved both ways, and its progress survives."""

import json

import pytest

from course_utils import exercises, rag, runtime, vectorstore
from course_utils.exercises.exercise import NotYetError

PLANTED = [
    pytest.param(exercise, wrong, id=f"{exercise.id}-{number}")
    for exercise in exercises.EXERCISES.values()
    for number, wrong in enumerate(exercise.wrong_answers)
]


@pytest.mark.parametrize(("exercise", "wrong"), PLANTED)
def test_each_planted_wrong_answer_gets_the_message_meant_for_it(exercise, wrong):
    with pytest.raises(NotYetError, match=wrong.expected):
        exercise.check(wrong.answer)


@pytest.mark.parametrize("exercise", exercises.EXERCISES.values(), ids=lambda e: e.id)
def test_each_exercise_has_hints_a_solution_and_two_wrong_answers(exercise):
    assert len(exercise.hints) >= 2
    assert len(exercise.wrong_answers) >= 2
    compile(exercise.solution, exercise.id, "exec")


@pytest.mark.slow
def test_the_solution_of_00_1_finds_its_article(artifacts, minilm, capsys):
    from pymilvus import DataType, MilvusClient

    uri = artifacts / "handbook.db"
    client = vectorstore.connect(uri)
    schema = MilvusClient.create_schema()
    for name in ("id", "article_id", "text", "updated_at"):
        schema.add_field(name, DataType.VARCHAR, max_length=8192, is_primary=name == "id")
    schema.add_field("embedding", DataType.FLOAT_VECTOR, dim=384)
    index = client.prepare_index_params()
    index.add_index("embedding", index_type="FLAT", metric_type="COSINE")
    client.create_collection("handbook", schema=schema, index_params=index)
    articles = rag.read_handbook(runtime.data_dir() / "handbook")
    rows = [vars(chunk) for article in articles for chunk in rag.chunk_article(article)]
    vectorstore.ingest(client, "handbook", rows, embed=minilm.encode, progress=False)
    try:
        names = {"embedder": minilm, "client": client, "vectorstore": vectorstore}
        exec(exercises.EXERCISES["00.1"].solution, names)
    finally:
        client.close()
        vectorstore.release(uri)
    exercises.check("00.1", names["answer"])
    assert capsys.readouterr().out.startswith("00.1: passed.")


def test_an_untouched_stub_lets_run_all_go_on(artifacts, capsys):
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


def test_progress_is_kept_in_a_file(artifacts, capsys):
    exercises.check("00.1", "merino-and-wool-care")
    exercises.check("00.1", "merino-and-wool-care")
    capsys.readouterr()
    exercises.progress()
    assert capsys.readouterr().out == "lesson 00  █  1 of 1\n"
    assert json.loads((artifacts / "progress.json").read_text()) == {"passed": ["00.1"]}


def test_a_later_wrong_answer_takes_no_pass_away(artifacts, capsys):
    exercises.check("00.1", "merino-and-wool-care")
    exercises.check("00.1", "something-else")
    assert json.loads((artifacts / "progress.json").read_text()) == {"passed": ["00.1"]}


def test_a_broken_progress_file_is_named_and_not_overwritten(artifacts):
    path = runtime.artifacts_dir() / "progress.json"
    path.write_text("[1, 2")
    with pytest.raises(ValueError, match=r"progress\.json isn't a progress file; delete it"):
        exercises.check("00.1", "merino-and-wool-care")
    assert path.read_text() == "[1, 2"


def test_hints_come_one_by_one_and_then_point_to_the_solution(capsys, monkeypatch):
    monkeypatch.setattr(exercises, "_hints_shown", {})
    for _ in range(4):
        exercises.hint("00.1")
    lines = capsys.readouterr().out.splitlines()
    assert [line[:11] for line in lines[:3]] == ["Hint 1 of 3", "Hint 2 of 3", "Hint 3 of 3"]
    assert lines[3] == 'That was the last hint. solution("00.1") prints the solution.'


def test_the_solution_prints_as_the_tests_run_it(capsys):
    exercises.solution("00.1")
    assert capsys.readouterr().out.strip() == exercises.EXERCISES["00.1"].solution.strip()


def test_an_unknown_exercise_names_those_there_are():
    with pytest.raises(KeyError, match=r"no exercise '99\.9'; there are 00\.1"):
        exercises.check("99.9", 1)
