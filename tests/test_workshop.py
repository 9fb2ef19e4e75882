"""The folder of a workshop, made from lessons with made-up outputs; nothing is executed."""

import re

import build_workshop
import execution_summary
import nbformat
import notebook_rules
import pytest
import run_sheet
import slides
import write_solutions
from nbformat import v4

from course_utils import exercises

PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
LESSONS = [path for path in notebook_rules.NOTEBOOKS if path.name[:2] in ("00", "06")]


@pytest.fixture(scope="module")
def solved(tmp_path_factory):
    """Return a folder of two solved lessons, as if executed, with a summary."""
    folder = tmp_path_factory.mktemp("solved")
    for path in LESSONS:
        notebook = write_solutions.solved(notebook_rules.read(path))
        for number, cell in enumerate(notebook_rules.code_cells(notebook), start=1):
            cell.outputs = [v4.new_output("stream", name="stdout", text=f"output {number}\n")]
            cell.execution_count = number
        nbformat.write(notebook, folder / path.name)
        took = {"seconds": 90.0, "peak_bytes": 15e8, "checks_passed": 7, "checks": 7}
        about = {"problems": [], "day": "2026-01-31", "machine": "a laptop"}
        execution_summary.note(folder / path.name, took | about)
    return folder


@pytest.fixture(scope="module")
def built(solved, tmp_path_factory):
    """Return the folder of the workshop and what was wrong with it, after a second run."""
    folder = tmp_path_factory.mktemp("workshop")
    (folder / "wheels").mkdir()
    (folder / "wheels" / "kept.whl").touch()
    (folder / "learner").mkdir()
    (folder / "learner" / "of_last_year.ipynb").touch()
    build_workshop.build(lessons=LESSONS, solved=solved, target=folder)
    first = contents(folder)
    problems = build_workshop.build(lessons=LESSONS, solved=solved, target=folder)
    assert contents(folder) == first
    return folder, problems


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def slide_notebook(*cells):
    return slides.of(v4.new_notebook(cells=[v4.new_markdown_cell("# 09 · A title"), *cells]))


def kinds(notebook):
    return [cell.metadata.slideshow.slide_type for cell in notebook.cells]


def test_the_slides_load_nothing_from_the_web_and_the_wheels_stay(built):
    folder, problems = built
    assert problems == []
    assert (folder / "wheels" / "kept.whl").is_file()


def test_learners_get_the_lessons_as_they_are_and_a_page_to_begin_with(built):
    folder, _ = built
    assert {path.name for path in (folder / "learner").iterdir()} == {
        "START.md",
        *(path.name for path in LESSONS),
    }
    for path in LESSONS:
        assert (folder / "learner" / path.name).read_bytes() == path.read_bytes()
    assert run_sheet.DOCTOR in (folder / "learner" / "START.md").read_text(encoding="utf-8")


def test_instructors_get_solutions_and_outputs(built):
    folder, _ = built
    notebook = notebook_rules.read(folder / "instructor" / LESSONS[0].name)
    stub, _ = notebook_rules.exercises_of(notebook)["00.1"]
    assert exercises.EXERCISES["00.1"].solution.strip() in stub.source
    assert stub.outputs[0].text.startswith("output")


def test_the_slides_show_the_lesson_and_no_solution(built):
    folder, _ = built
    page = (folder / "slides" / LESSONS[0].name).with_suffix(".html").read_text(encoding="utf-8")
    assert page.count("<section") > 40
    assert "What will I have built?" in page
    assert "<pre>output 7</pre>" in page
    assert "BEGIN SOLUTION" not in page


def test_a_lesson_that_was_not_executed_or_has_changed_is_refused(solved, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"run_notebooks\.py --solutions"):
        build_workshop.build(lessons=LESSONS, solved=tmp_path, target=tmp_path)
    changed = notebook_rules.read(solved / LESSONS[0].name)
    changed.cells[-1].source += "\n"
    nbformat.write(changed, tmp_path / LESSONS[0].name)
    with pytest.raises(ValueError, match="has changed since it was executed"):
        build_workshop.build(lessons=LESSONS[:1], solved=tmp_path, target=tmp_path)


def test_no_lesson_gives_its_solutions_away():
    problems = [build_workshop.solutions_in(path) for path in notebook_rules.NOTEBOOKS]
    assert problems == [[] for _ in notebook_rules.NOTEBOOKS]


def test_a_solved_exercise_among_the_learners_lessons_is_found(tmp_path):
    path = write_solutions.write(LESSONS[0], into=tmp_path)
    stub, given = build_workshop.solutions_in(path)
    assert "00.1 isn't a stub" in stub
    assert "holds the solution of 00.1" in given


def test_the_run_sheet_has_minutes_words_and_wrong_answers(built):
    folder, _ = built
    sheet = (folder / "run_sheet.md").read_text(encoding="utf-8")
    assert run_sheet.DOCTOR in sheet
    assert "| machine, as executed on 2026-01-31 (a laptop) | 1.5 |" in sheet
    assert run_sheet.notes()["06"]["say"][0] in sheet
    assert 'answer = "merino-and-wool-care#5"' in sheet
    assert "That is the id of a chunk." in sheet
    assert "## 07" not in sheet


@pytest.mark.parametrize("path", notebook_rules.NOTEBOOKS, ids=lambda path: path.stem)
def test_each_lesson_has_words_for_the_run_sheet(path):
    of_lesson = run_sheet.notes()[path.name[:2]]
    assert of_lesson["class_minutes"] > 0
    for key in ("say", "goes_wrong"):
        assert 3 <= len(of_lesson[key]) <= 6


def test_a_message_is_found_in_the_check_or_named_by_its_words():
    stock = exercises.EXERCISES["01.1"]
    assert run_sheet.message(stock, stock.wrong_answers[3]) == (
        "The entries are of type …, not numbers, so nobody can add them up. "
        "pd.to_numeric makes numbers of text."
    )
    unknown = exercises.exercise.WrongAnswer("answer = 1", r"take\(5\) ends it")
    assert run_sheet.message(stock, unknown) == "… take(5) ends it …"


def test_most_wrong_answers_come_with_their_whole_message():
    found = [
        run_sheet.message(exercise, wrong)
        for exercise in exercises.EXERCISES.values()
        for wrong in exercise.wrong_answers
    ]
    fragments = [text for text in found if re.fullmatch("… .+ …", text)]
    assert len(fragments) < len(found) / 4


def test_prose_that_reads_an_output_stands_in_its_notes():
    code = v4.new_code_cell("print(1)", outputs=[v4.new_output("stream", text="1\n")])
    read = "One came out.\n\nNow the next:"
    cells = [code, v4.new_markdown_cell(read), v4.new_code_cell("2"), v4.new_markdown_cell("End.")]
    made = slide_notebook(*cells)
    assert kinds(made) == ["slide", "-", "notes", "slide", "-", "notes"]
    assert [made.cells[index].source for index in (2, 3, 5)] == [
        "One came out.",
        "Now the next:",
        "End.",
    ]


def test_a_long_paragraph_is_cut_after_a_sentence_and_kept_in_the_notes():
    sentence = "This sentence has six words. "
    made = slide_notebook(v4.new_markdown_cell(f"## Long\n\n{sentence * 20}".strip()))
    slide, note = made.cells[1:]
    assert len(slide.source.split()) <= slides.MAX_LEAD_WORDS + 2
    assert slide.source.endswith("words.")
    assert note.source.count("sentence") == 20


def test_a_slide_has_one_note_of_all_that_was_left_out():
    before = v4.new_markdown_cell("## See\n\nLook.\n\nA detail.")
    after = v4.new_markdown_cell("It was one.")
    made = slide_notebook(before, v4.new_code_cell("print(1)"), after)
    assert kinds(made) == ["slide", "slide", "-", "notes"]
    assert made.cells[-1].source == "A detail.\n\nIt was one."


def test_a_list_stays_with_the_line_that_announces_it():
    prose = "## See\n\nTwo kinds:\n\n- one,\n- another.\n\nLater more."
    made = slide_notebook(v4.new_markdown_cell(prose))
    assert made.cells[1].source.endswith("Two kinds:\n\n- one,\n- another.")
    assert made.cells[2].source == "Later more."


def test_a_diagram_stands_beneath_its_sentence_without_the_call_that_shows_it():
    picture = v4.new_output("execute_result", data={"image/svg+xml": "<svg></svg>"})
    code = v4.new_code_cell("SVG(filename=folder / 'a.svg')", outputs=[picture])
    made = slide_notebook(v4.new_markdown_cell("## See\n\nHere it is:"), code)
    assert kinds(made) == ["slide", "slide", "-"]
    assert made.cells[-1].source == ""


def test_a_picture_has_a_slide_of_its_own_and_a_long_output_is_cut():
    text = v4.new_output("stream", text="".join(f"{number}\n" for number in range(99)))
    picture = v4.new_output("display_data", data={"image/png": PNG})
    code = v4.new_code_cell("show()", outputs=[text, picture])
    made = slide_notebook(v4.new_markdown_cell("## See"), code)
    assert kinds(made) == ["slide", "slide", "-", "slide", "-", "slide", "-"]
    shown = [cell.outputs for cell in made.cells if cell.cell_type == "code"]
    assert [len(outputs) for outputs in shown] == [0, 1, 1]
    assert len(shown[1][0].text.splitlines()) == slides.MAX_OUTPUT_LINES + 1


def test_setup_checks_exercise_stubs_and_closing_sections_make_no_slides():
    tagged = [
        v4.new_code_cell("1", metadata={"tags": [tag]})
        for tag in ("setup", "check", "exercise", "grade")
    ]
    closing = [v4.new_markdown_cell("## Quiz\n\nFive."), v4.new_code_cell("2")]
    imports = v4.new_code_cell("import json\nfrom pathlib import (\n    Path,\n)")
    made = slide_notebook(*tagged, imports, *closing, v4.new_code_cell("progress()"))
    assert [cell.source for cell in made.cells] == ["# 09 · A title"]


def test_a_table_that_no_screen_holds_becomes_several_slides_with_its_head_on_each():
    rows = [f"| claim {number} | {'today ' * 30}|" for number in range(12)]
    table = "\n".join(["| the notes | today |", "|---|---|", *rows])
    prose = f"## What the notes say\n\nThey claim:\n\n{table}\n\nLive:"
    made = slide_notebook(v4.new_markdown_cell(prose), v4.new_code_cell("filter(None, [])"))
    texts = [cell.source for cell in made.cells if cell.cell_type == "markdown"][1:]
    assert len(texts) == 3
    assert [text.splitlines()[0] for text in texts] == ["## What the notes say"] * 3
    assert all("| the notes | today |\n|---|---|\n| claim" in text for text in texts)
    assert [row for text in texts for row in text.splitlines() if row in rows] == rows
    assert ["They claim:" in text for text in texts] == [True, False, False]
    assert texts[-1].endswith("Live:")
    assert kinds(made)[-1] == "slide"


def test_a_long_table_among_the_outputs_keeps_its_head_and_its_first_rows():
    rows = "".join(f"<tr><td>{number}</td><td>x</td></tr>" for number in range(30))
    html = f"<table><tr><th>a</th><th>b</th></tr>{rows}</table>"
    output = v4.new_output("display_data", data={"text/html": html, "text/plain": "a table"})
    made = slide_notebook(v4.new_markdown_cell("## See"), v4.new_code_cell("t", outputs=[output]))
    shown = made.cells[-1].outputs[0].data["text/html"]
    assert shown.count("<tr>") == 1 + slides.MAX_TABLE_ROWS + 1
    assert shown.endswith("<td>9</td><td>x</td></tr><tr><td>…</td><td>…</td></tr></table>")


def test_the_source_of_a_helper_is_shown_as_text_and_cut():
    source = "".join(f"line {number}\n" for number in range(40))
    data = {"text/html": '<div class="highlight">' + source, "text/plain": source}
    output = v4.new_output("execute_result", data=data)
    made = slide_notebook(v4.new_markdown_cell("## See"), v4.new_code_cell("f", outputs=[output]))
    assert set(made.cells[-1].outputs[0].data) == {"text/plain"}
    assert made.cells[-1].outputs[0].data["text/plain"].endswith("line 13\n…")
