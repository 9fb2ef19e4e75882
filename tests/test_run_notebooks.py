"""The other orders start from nothing, and a doubled lesson is a valid one."""

import nbformat
import notebook_rules
import pytest
import run_notebooks

LESSONS = notebook_rules.NOTEBOOKS[:3]


@pytest.fixture
def runs(monkeypatch, tmp_path):
    """Record the runs in place of them; each leaves a file in its folder of artifacts."""
    runs = []

    def record(path, *, into, artifacts, twice):
        there = sorted(each.name for each in artifacts.glob("*"))
        runs.append((path.stem[:2], there, twice))
        artifacts.mkdir(parents=True, exist_ok=True)
        (artifacts / path.stem[:2]).touch()
        return [f"{path.stem[:2]} has a problem"]

    monkeypatch.setattr(run_notebooks, "EXECUTED", tmp_path)
    monkeypatch.setattr(run_notebooks, "run", record)
    return runs


def test_twice_each_lesson_finds_an_empty_folder(runs):
    problems = run_notebooks.run_in_order(LESSONS, "twice")
    assert runs == [("00", [], True), ("01", [], True), ("02", [], True)]
    assert problems == [f"{number} has a problem" for number in ("00", "01", "02")]


def test_in_reverse_the_first_lesson_finds_what_the_others_made(runs, tmp_path):
    left = tmp_path / "reverse" / "artifacts" / "of a run that was killed"
    left.mkdir(parents=True)
    run_notebooks.run_in_order(LESSONS, "reverse")
    assert runs == [("02", [], False), ("01", ["02"], False), ("00", ["01", "02"], False)]
    assert not left.parent.exists()


def test_a_doubled_lesson_holds_each_cell_twice_in_a_valid_notebook(tmp_path):
    path = tmp_path / LESSONS[0].name
    path.write_bytes(LESSONS[0].read_bytes())
    run_notebooks.double(path)
    cells, doubled = notebook_rules.read(LESSONS[0]).cells, notebook_rules.read(path)
    assert [cell.source for cell in doubled.cells] == [cell.source for cell in cells] * 2
    assert len({cell.id for cell in doubled.cells}) == 2 * len(cells)
    nbformat.validate(doubled)
