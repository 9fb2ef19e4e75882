"""One quick lesson, copied into another folder and run twice in one kernel."""

import notebook_rules
import pytest
import run_notebooks

LESSON = next(path for path in notebook_rules.NOTEBOOKS if path.name.startswith("01_"))
FOLDER = "my copy, 我的副本 🏔"


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """Return the folder of the copy, the problems of its run, and the executed notebook."""
    folder = tmp_path_factory.mktemp("elsewhere") / FOLDER
    artifacts = folder / "artifacts of mine 产物"
    problems = run_notebooks.run(LESSON, into=folder, artifacts=artifacts, twice=True)
    return folder, problems, notebook_rules.read(folder / LESSON.name)


@pytest.mark.fault(
    "Folders and names",
    breaks="A lesson's notebook is copied out of the course, into a folder with blanks, "
    "Chinese and an emoji in its name, and opened there.",
    sees="The lesson, with the course's data; each of its checks passes.",
    kept="The artifacts are where COURSE_ARTIFACTS says, in a folder with such a name too.",
)
def test_a_lesson_in_another_folder_finds_its_data(executed):
    folder, problems, _ = executed
    assert problems == []
    assert sorted(path.name for path in folder.iterdir()) == [
        LESSON.name,
        "artifacts of mine 产物",
        "summary.json",
    ]
    assert (folder / "artifacts of mine 产物" / "shop" / "shop.db").is_file()


@pytest.mark.fault(
    "Folders and names",
    breaks="Run All is chosen a second time, in a kernel that has all names of the first.",
    sees="The same again; each check passes a second time.",
    kept="What the first run made: it is found, or made anew, and never doubled.",
)
def test_a_lesson_runs_twice_in_one_kernel(executed):
    _, problems, notebook = executed
    code = [cell for cell in notebook_rules.code_cells(notebook) if cell.source.strip()]
    counts = [cell.execution_count for cell in code]
    assert problems == []
    assert counts == list(range(1, len(code) + 1))
    half = len(notebook.cells) // 2
    assert [c.source for c in notebook.cells[:half]] == [c.source for c in notebook.cells[half:]]
