"""The course's pages, built from lessons with made-up outputs; nothing is executed."""

import json
import re

import build_pages
import execution_summary
import nbformat
import notebook_rules
import page_links
import pytest
import remote_assets
import run_page
from nbformat import v4

from course_utils import runtime

ROOT = runtime.project_dir()
PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
WIDGET = {build_pages.WIDGET: {"model_id": "1"}, "text/plain": "Loading:   0%|  | 0/9"}


def outputs():
    """Return an output of each kind that the lessons have."""
    shown = [{"text/html": "<p>a table</p>", "text/plain": "t"}, {"image/png": PNG}, WIDGET]
    shown += [
        {"application/javascript": "var quiz = 1;"},
        {"text/latex": "$r^2$", "text/plain": "r"},
    ]
    text = f"wrote {ROOT}/artifacts/model\n"
    return [
        v4.new_output("stream", name="stdout", text=text),
        v4.new_output("stream", name="stderr", text="50%|#####     | 1/2"),
        *(v4.new_output("display_data", data=data) for data in shown),
    ]


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """Return a folder with every lesson, its first code cell as if executed, and a summary."""
    folder = tmp_path_factory.mktemp("executed")
    for number, path in enumerate(notebook_rules.NOTEBOOKS):
        notebook = notebook_rules.read(path)
        first = notebook_rules.code_cells(notebook)[0]
        first.outputs, first.execution_count = outputs(), 1
        notebook.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": {}}}
        nbformat.write(notebook, folder / path.name)
        took = {"seconds": 60.0 * (number + 1), "peak_bytes": 15e8, "checks_passed": 7, "checks": 7}
        about = {"problems": [], "day": "2026-01-31", "machine": "a laptop"}
        execution_summary.note(folder / path.name, took | about)
    return folder


@pytest.fixture(scope="module", params=["course", "site"])
def built(request, executed, tmp_path_factory):
    """Return the kind of pages, what was wrong with them, and their folder."""
    folder = tmp_path_factory.mktemp(request.param)
    problems = build_pages.build(
        request.param,
        lessons=ROOT / "notebooks",
        executed=executed,
        pages=folder / "sources",
        target=folder / "html",
    )
    return request.param, problems, folder / "html"


@pytest.mark.slow
def test_the_pages_build_without_a_warning_and_load_nothing_from_the_web(built):
    _, problems, folder = built
    assert problems == []
    assert len(list(folder.rglob("*.html"))) > len(notebook_rules.NOTEBOOKS)


@pytest.mark.slow
def test_each_lesson_has_neighbours_glossary_links_and_a_launch_button(built):
    _, _, folder = built
    for path in notebook_rules.NOTEBOOKS:
        page = (folder / "notebooks" / f"{path.stem}.html").read_text(encoding="utf-8")
        assert 'class="left-prev"' in page
        assert 'class="right-next"' in page
        assert "glossary.html#term-" in page
        assert f"{page_links.LAB_URL}notebooks/{path.name}" in page
        assert "wrote artifacts/model" in page
        assert "Loading:" not in page
        assert "<msup>" in page  # a formula, without a script


@pytest.mark.slow
def test_the_first_use_of_a_term_is_linked_and_no_other(built):
    _, _, folder = built
    page = (folder / "notebooks" / "00_start_here.html").read_text(encoding="utf-8")
    assert page.count('href="../docs/glossary.html#term-language-model"') == 1
    assert 'href="07_milvus_ingest.html"' in page


@pytest.mark.slow
def test_the_site_has_the_api_without_solutions_and_the_reader_has_none(built):
    kind, _, folder = built
    api = {path.stem for path in folder.glob("api/*.html")}
    if kind == "course":
        assert api == set()
    else:
        assert {"course_utils.rag", "course_utils.lora.runs"} <= api
        assert [name for name in api if "lesson_" in name] == []
        assert "read_handbook" in (folder / "api" / "course_utils.rag.html").read_text("utf-8")


@pytest.mark.parametrize(
    "planted",
    [
        '<script src="https://cdn.example/x.js"></script>',
        '<link rel="stylesheet" href="//fonts.example/a.css">',
        '<img src="http://example.com/a.png">',
        '<img srcset="https://example.com/a.png 2x">',
        "<style>@import 'https://example.com/a.css';</style>",
        '<p style="background: url(https://example.com/a.png)">',
        '<script>import("https://example.com/x.js")</script>',
        '<script type="module">import x from "https://example.com/x.js"</script>',
        '<script>script.src = "https://example.com/x.js"</script>',
        '<svg><image href="https://example.com/a.png"/></svg>',
        '<iframe src="https://example.com"></iframe>',
    ],
)
def test_what_would_load_from_the_web_is_found(tmp_path, planted):
    (tmp_path / "page.html").write_text(f"<html><body>{planted}</body></html>", encoding="utf-8")
    assert len(list(remote_assets.find(tmp_path))) == 1


def test_links_to_click_and_local_files_are_no_remote_assets(tmp_path):
    harmless = (
        '<a href="https://example.com">a link</a> <img src="a.png"> <script src="x.js"></script>'
        '<link rel="canonical" href="https://example.com"> <img src="data:image/png;base64,AA">'
        '<svg xmlns="http://www.w3.org/2000/svg"><use href="#a"/></svg>'
    )
    (tmp_path / "page.html").write_text(harmless, encoding="utf-8")
    (tmp_path / "a.css").write_text("p { background: url(a.png) }", encoding="utf-8")
    assert list(remote_assets.find(tmp_path)) == []
    (tmp_path / "a.css").write_text("@font-face { src: url('https://e.org/f') }", encoding="utf-8")
    assert list(remote_assets.find(tmp_path)) == ["a.css loads https://e.org/f"]


@pytest.fixture
def one_lesson(tmp_path):
    """Return folders with one lesson and its executed copy."""
    cells = [v4.new_markdown_cell("# 42 · Example"), v4.new_code_cell("answer = 42", id="a")]
    for name in ("lessons", "executed"):
        (tmp_path / name).mkdir()
        nbformat.write(v4.new_notebook(cells=cells), tmp_path / name / "42_example.ipynb")
    return tmp_path / "lessons", tmp_path / "executed"


def test_a_lesson_that_was_not_executed_is_named(one_lesson):
    lessons, executed = one_lesson
    assert build_pages.executed_lessons(lessons, executed) == [executed / "42_example.ipynb"]
    (executed / "42_example.ipynb").unlink()
    with pytest.raises(FileNotFoundError, match=r"42_example.*hasn't been executed; run make"):
        build_pages.executed_lessons(lessons, executed)


def test_a_lesson_that_changed_since_is_refused(one_lesson):
    lessons, executed = one_lesson
    notebook = nbformat.read(lessons / "42_example.ipynb", as_version=4)
    notebook.cells[1].source = "answer = 43"
    nbformat.write(notebook, lessons / "42_example.ipynb")
    with pytest.raises(ValueError, match="has changed since it was executed"):
        build_pages.executed_lessons(lessons, executed)


def test_a_lesson_whose_execution_failed_is_refused(one_lesson):
    lessons, executed = one_lesson
    execution_summary.note(executed / "42_example.ipynb", {"problems": ["exit status 1"]})
    with pytest.raises(ValueError, match="exit status 1; mend it"):
        build_pages.executed_lessons(lessons, executed)


def test_the_run_summary_sums_minutes_and_checks(executed):
    copies = sorted(executed.glob("*.ipynb"))[:2]
    text = run_page.text(copies, execution_summary.read(executed))
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    first = (
        "| [00 · Start here](/notebooks/00_start_here.ipynb) "
        "| 1 | 1 | about 2 | 1.0 | 1.5 | 7 of 7 |"
    )
    assert rows[2] == first
    assert "| under 1 | about 1 |" in rows[3]
    assert rows[-1] == "| together | 5 |  |  | 3.0 |  | 14 of 14 |"
    assert "Executed on 2026-01-31. a laptop." in text


@pytest.mark.parametrize("path", notebook_rules.NOTEBOOKS, ids=lambda path: path.stem)
def test_the_run_summary_can_read_each_heading(path):
    assert run_page.STATED.search(notebook_rules.read(path).cells[0].source)


def test_the_run_summary_says_where_it_has_no_figures(executed):
    text = run_page.text(sorted(executed.glob("*.ipynb"))[:1], {})
    assert "left no figures" in text
    assert "| not noted | not noted | not noted |" in text
    assert "together" not in text


def test_colab_has_a_button_only_if_the_repository_is_on_github():
    assert [b["text"] for b in page_links.launch_buttons("notebooks/00_a", "")] == ["JupyterLab"]
    lab, colab = page_links.launch_buttons("notebooks/00_a", "https://github.com/you/course.git")
    assert lab["url"] == "http://localhost:8888/lab/tree/notebooks/00_a.ipynb"
    assert colab["url"].endswith("/github/you/course/blob/main/notebooks/00_a.ipynb")


def test_progress_bars_and_this_machines_folders_go_and_all_else_stays():
    notebook = v4.new_notebook(cells=[v4.new_code_cell("x", outputs=outputs())])
    notebook.metadata["widgets"] = {}
    before = len(outputs())
    left = build_pages.without_widgets(notebook)
    assert "widgets" not in left.metadata
    assert len(left.cells[0].outputs) == before - 1
    assert str(ROOT) not in json.dumps(left)
    assert left.cells[0].outputs[0].text == "wrote artifacts/model\n"
    assert re.search("a table", json.dumps(left))
