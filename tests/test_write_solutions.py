"""The lessons with their solutions differ from the lessons in the stubs alone."""

import nbformat
import notebook_rules
import pytest
import write_solutions

from course_utils import exercises


def lesson(stub="answer = ...", exercise_id="00.1"):
    cells = [
        nbformat.v4.new_code_cell(stub, metadata={"tags": ["exercise"]}),
        nbformat.v4.new_code_cell(f'check("{exercise_id}", answer)', metadata={"tags": ["grade"]}),
    ]
    return nbformat.v4.new_notebook(cells=cells)


def test_the_solution_stands_between_its_marks_and_other_lines_stay():
    notebook = lesson("# find it\nanswer = ...")
    lines = write_solutions.solved(notebook).cells[0].source.splitlines()
    assert lines[:2] == ["# find it", "### BEGIN SOLUTION"]
    assert "\n".join(lines[2:-1]) == exercises.EXERCISES["00.1"].solution.strip()
    assert lines[-1] == "### END SOLUTION"
    assert notebook.cells[0].source == "# find it\nanswer = ..."


def test_an_exercise_that_the_package_lacks_is_named():
    with pytest.raises(KeyError, match=r"no exercise 99\.9 in course_utils\.exercises"):
        write_solutions.solved(lesson(exercise_id="99.9"))


def test_a_stub_of_another_form_is_named():
    with pytest.raises(ValueError, match=r"00\.1: the stub cell needs the line 'answer = \.\.\.'"):
        write_solutions.solved(lesson("answer = None"))


@pytest.mark.parametrize("path", notebook_rules.NOTEBOOKS, ids=lambda path: path.stem)
def test_only_the_stubs_of_a_lesson_change(path, tmp_path):
    before = notebook_rules.read(path)
    written = write_solutions.write(path, into=tmp_path)
    assert written == tmp_path / path.name
    after = notebook_rules.read(written)
    nbformat.validate(after)
    changed = [cell for cell, other in zip(before.cells, after.cells, strict=True) if cell != other]
    assert changed == notebook_rules.tagged(before, "exercise")
