"""Each lesson has the form that CONTRIBUTING.md describes, and each rule finds its breach."""

import copy

import nbformat
import notebook_rules
import pytest


@pytest.mark.parametrize("path", notebook_rules.NOTEBOOKS, ids=lambda path: path.stem)
def test_each_lesson_keeps_the_rules(path):
    assert notebook_rules.shape_problems(notebook_rules.read(path)) == []


@pytest.mark.parametrize("path", notebook_rules.NOTEBOOKS, ids=lambda path: path.stem)
def test_each_lesson_is_a_valid_notebook(path):
    nbformat.validate(notebook_rules.read(path))


def test_lesson_00_is_there():
    assert "00_start_here.ipynb" in [path.name for path in notebook_rules.NOTEBOOKS]


HEAD = """\
# 03 · Something

**What does it cost?**

You will

- see
- measure
- decide

*Minutes: 2 on a laptop, not measured on a T4. Memory: 2 GB. Needs: lesson 00.*"""
SECTIONS = [f"{section}\n\nSome words stand here too." for section in notebook_rules.SECTIONS]
CLOSING = ["\n\n".join(SECTIONS[:2]), "\n\n".join(SECTIONS[2:])]


def code(source, *tags):
    return nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)})


@pytest.fixture
def good():
    cells = [
        nbformat.v4.new_markdown_cell(HEAD),
        code("import sys", "setup"),
        nbformat.v4.new_markdown_cell("## Part\n\nIt has a reason, and here is the reason."),
        code("print(runtime.preflight(memory_gb=1, minutes={}))"),
        nbformat.v4.new_markdown_cell("A sentence reads the number that was printed above."),
        code("assert 1 + 1 == 2", "check"),
        nbformat.v4.new_markdown_cell("### Exercise\n\nFind it."),
        code("answer = ...", "exercise"),
        code('check("03.1", answer)', "grade"),
        nbformat.v4.new_markdown_cell(CLOSING[0]),
        code('quiz("03")'),
        nbformat.v4.new_markdown_cell(CLOSING[1]),
    ]
    cells[7].metadata.nbgrader = notebook_rules.stub_metadata("03.1")
    cells[8].metadata.nbgrader = notebook_rules.check_metadata("03.1")
    cells.append(nbformat.v4.new_markdown_cell("Words that nobody needs, for the balance."))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})


def test_a_good_notebook_has_no_problems(good):
    assert notebook_rules.shape_problems(good) == []


def edit(number, old, new):
    def apply(notebook):
        source = notebook.cells[number].source
        assert old in source
        notebook.cells[number].source = source.replace(old, new)

    return apply


def add(cell):
    return lambda notebook: notebook.cells.append(cell)


def untag(number):
    return lambda notebook: notebook.cells[number].metadata.update(tags=[])


def set_output(notebook):
    notebook.cells[3].outputs = [nbformat.v4.new_output("stream", text="hi")]


def set_kernel(notebook):
    notebook.metadata.kernelspec.name = "conda-env-mine"


def set_grading(number, **changes):
    def apply(notebook):
        metadata = notebook.cells[number].metadata
        metadata.nbgrader = {**metadata.get("nbgrader", {}), **changes}

    return apply


LONG_DEF = "def clean(rows):\n" + "    rows = rows\n" * 11
BREACHES = [
    (edit(0, "# 03 · ", "# "), "doesn't start with a title"),
    (edit(0, "**What does it cost?**", "About costs."), "lacks its one question"),
    (edit(0, "- decide\n", ""), "'You will' with 3 or 4 points"),
    (edit(0, "*Minutes", "*Time"), "lacks the line"),
    (edit(11, "## Sources", "## Links"), "section '## Sources' is missing"),
    (edit(11, "## Your own data", "## Sources again"), "section '## Your own data' is missing"),
    (edit(4, "A sentence", "# A second title\n\nA sentence"), "2 headings of level 1"),
    (edit(2, "## Part", "#### Part"), "skips a level"),
    (untag(1), "carries the tag 'setup'"),
    (add(code("!pip install x")), "installs something: !pip install x"),
    (add(code("%conda install x")), "installs something"),
    (edit(3, "runtime.preflight", "str"), "no cell calls runtime.preflight"),
    (add(code("\n".join(f"x{n} = {n}" for n in range(31)))), "a code cell has 31 lines"),
    (add(code(LONG_DEF)), "clean has 12 lines"),
    (lambda n: n.cells.extend(copy.deepcopy(n.cells[5]) for _ in range(3)), "prose cells for"),
    (lambda n: n.cells.extend(code("a = b\n" * 9) for _ in range(9)), "median code cell has 9"),
    (add(code("\n".join(["x = 1 + 2 + 3 + 4"] * 20))), "words of prose for"),
    (set_output, "outputs are committed"),
    (set_kernel, "the kernel isn't python3"),
    (edit(2, "reason,", "path is /home/ann/data,"), "an absolute path: /home/ann"),
    (edit(3, "memory_gb=1", r"memory_gb=open('C:\\x')"), "an absolute path: C:"),
    (untag(5), "no cell carries the tag 'check'"),
    (edit(5, "assert 1 + 1 == 2", "1 + 1 == 2"), "a check cell asserts nothing"),
    (untag(7), "no cell carries the tag 'exercise'"),
    (edit(7, "answer = ...", "answer = 3"), "lacks the one line 'answer = ...': answer = 3"),
    (edit(7, "answer = ...", "if 1:\n    answer = ..."), "lacks the one line 'answer = ...'"),
    (edit(8, "check(", "print("), 'isn\'t check("NN.M", answer) alone: print('),
    (edit(8, "answer)", "answer)\nprint(1)"), 'isn\'t check("NN.M", answer) alone'),
    (untag(8), "after an exercise doesn't carry the tag 'grade'"),
    (lambda n: n.cells.insert(8, code("x = 1")), "after an exercise doesn't carry the tag"),
    (add(code('check("03.2", answer)', "grade")), "1 cells carry the tag 'exercise' and 2 the"),
    (edit(8, "03.1", "04.1"), "exercise 04.1 doesn't belong to lesson 03"),
    (set_grading(7, grade_id="exercise-03-2"), "'nbgrader' of exercise-03-1 isn't"),
    (set_grading(8, points=2), "'nbgrader' of check-03-1 isn't"),
    (set_grading(8, grade_id="exercise-03-1"), "2 cells have the grade_id exercise-03-1"),
    (set_grading(5, grade_id="check-03-9"), "belongs to no exercise has the metadata"),
    (edit(10, 'quiz("03")', 'quiz("04")'), "no cell under '## Quiz' is quiz(\"03\")"),
    (add(code("plt.show()")), "a picture lacks its alternative text: plt.show()"),
    (edit(9, "## Quiz", "## What else"), "no cell under '## Quiz' is quiz(\"03\")"),
]


@pytest.mark.parametrize(("breach", "expected"), BREACHES, ids=[words for _, words in BREACHES])
def test_each_rule_finds_a_planted_breach(good, breach, expected):
    breach(good)
    problems = notebook_rules.shape_problems(good)
    assert any(expected in problem for problem in problems), problems


@pytest.mark.parametrize(
    "text",
    [
        "Loading weights:  40%|████      | 109/272 [00:00<00:00, 160it/s]\r",
        "\rBatches: 100%|██████████| 3/3 [00:01<00:00,  2.50it/s]\n",
        "12it [00:00, 100.0it/s]",
    ],
)
def test_progress_bars_are_no_stray_stderr(good, text):
    good.cells[3].outputs = [nbformat.v4.new_output("stream", name="stderr", text=text)]
    assert notebook_rules.stray_stderr(good) == []


@pytest.mark.parametrize(
    "text",
    [
        "UserWarning: 100% of the labels are masked\n",
        "FutureWarning: torch_dtype is deprecated\n",
        "Batches: 100%|██████████| 3/3 [00:01<00:00]\nSome weights were not used\n",
    ],
)
def test_a_warning_is_stray_stderr(good, text):
    good.cells[3].outputs = [nbformat.v4.new_output("stream", name="stderr", text=text)]
    assert len(notebook_rules.stray_stderr(good)) == 1


def test_stdout_is_no_stray_stderr(good):
    good.cells[3].outputs = [nbformat.v4.new_output("stream", name="stdout", text="Warning\n")]
    assert notebook_rules.stray_stderr(good) == []


def test_every_lesson_has_the_same_set_up_cell():
    setups = {
        notebook_rules.tagged(notebook_rules.read(path), "setup")[0].source
        for path in notebook_rules.NOTEBOOKS
    }
    assert len(setups) == 1
