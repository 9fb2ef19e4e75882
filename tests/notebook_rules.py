"""What every lesson must look like, as functions from a notebook to the list of its problems.

The rules are those of CONTRIBUTING.md. `test_notebook_shape.py` holds each lesson to them,
and shows for each rule that it finds a planted breach.
"""

import ast
import itertools
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

MAX_CODE_LINES = 30
MAX_MEDIAN_CODE_LINES = 8
MAX_DEF_LINES = 10
SECTIONS = (
    "## What the notes say",
    "## Quiz",
    "## What you can do now",
    "## Your own data",
    "## Sources",
)

STUB = "answer = ..."  # also the code_stub of docs/nbgrader_config.py
CHECK = re.compile(r'check\("(\d\d\.\d)", answer\)')

PICTURE = re.compile(r"\bplt\.show\(|\bSVG\(|\bLossPlot\(")
MIN_ALT_WORDS = 8

# A progress bar as tqdm writes it to stderr: a percentage or a count, and a rate.
PROGRESS_BAR = re.compile(r"\d+%\|.*\||\d+it \[.*\]|^\s*\d+%", flags=re.DOTALL)

Notebook = nbformat.NotebookNode


def read(path: Path) -> Notebook:
    """Read a notebook as it is on disk, without repairing it."""
    return nbformat.read(path, as_version=nbformat.NO_CONVERT)


def code_cells(notebook: Notebook) -> list[Notebook]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def prose_cells(notebook: Notebook) -> list[Notebook]:
    return [cell for cell in notebook.cells if cell.cell_type == "markdown"]


def tagged(notebook: Notebook, tag: str) -> list[Notebook]:
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", [])]


def prose(notebook: Notebook) -> str:
    return "\n\n".join(cell.source for cell in prose_cells(notebook))


def python_of(cell: Notebook) -> str:
    """Return a cell's source with notebook magics made into comments, fit for `ast`."""
    return re.sub(r"^(\s*)([%!].*)$", r"\1pass  # \2", cell.source, flags=re.MULTILINE)


def lines_of(cell: Notebook) -> int:
    return sum(bool(line.strip()) for line in cell.source.splitlines())


def number_of(notebook: Notebook) -> str:
    """Return the lesson's number as its title has it, or an empty text."""
    title = re.match(r"# (\d\d) · ", notebook.cells[0].source if notebook.cells else "")
    return title[1] if title else ""


def stub_metadata(exercise_id: str) -> dict:
    """Return what nbgrader needs to know of an exercise's stub: learners replace it."""
    return _nbgrader_metadata("exercise", exercise_id, grade=False)


def check_metadata(exercise_id: str) -> dict:
    """Return what nbgrader needs to know of an exercise's check: it is worth a point."""
    return _nbgrader_metadata("check", exercise_id, grade=True) | {"points": 1}


def _nbgrader_metadata(kind: str, exercise_id: str, *, grade: bool) -> dict:
    return {
        "cell_type": "code",
        "grade": grade,
        "grade_id": f"{kind}-{exercise_id.replace('.', '-')}",
        "locked": grade,
        "schema_version": 3,
        "solution": not grade,
        "task": False,
    }


def exercises_of(notebook: Notebook) -> dict[str, tuple[Notebook, Notebook]]:
    """Return the stub cell and the check cell of each exercise, by the id that it checks."""
    pairs = itertools.pairwise(code_cells(notebook))
    return {
        found[1]: (stub, check)
        for stub, check in pairs
        if "exercise" in stub.metadata.get("tags", []) and (found := CHECK.fullmatch(check.source))
    }


def head_problems(notebook: Notebook) -> Iterator[str]:
    """Title, question, "You will" list, and the line of minutes, memory and needs."""
    first = notebook.cells[0].source if notebook.cells else ""
    if not re.match(r"# \d\d · \S", first):
        yield "the first cell doesn't start with a title such as '# 00 · Start here'"
    if not re.search(r"^\*\*.+\?\*\*$", first, flags=re.MULTILINE):
        yield "the first cell lacks its one question, bold, on a line of its own"
    aims = re.search(r"You will\n\n((?:- .+\n)+)", first)
    if aims is None or not 3 <= len(aims[1].splitlines()) <= 4:
        yield "the first cell lacks 'You will' with 3 or 4 points"
    needs = re.search(
        r"^\*Minutes: .*laptop.*T4.* Memory: .*GB.* Needs: .+\*$", first, re.MULTILINE
    )
    if needs is None:
        yield "the first cell lacks the line '*Minutes: laptop, T4. Memory: GB. Needs: ...*'"


def section_problems(notebook: Notebook) -> Iterator[str]:
    """The closing sections stand in their order; headings step down one level at a time."""
    text = prose(notebook)
    found = [text.find(f"{section}") for section in SECTIONS]
    for section, position in zip(SECTIONS, found, strict=True):
        if position < 0:
            yield f"section '{section}' is missing"
    if min(found) >= 0 and found != sorted(found):
        yield f"the sections {', '.join(SECTIONS)} stand in another order"
    levels = [len(marks) for marks in re.findall(r"^(#+) ", text, flags=re.MULTILINE)]
    if levels.count(1) != 1:
        yield f"{levels.count(1)} headings of level 1; the title is the only one"
    if any(after > before + 1 for before, after in itertools.pairwise(levels)):
        yield "a heading skips a level"


def setup_problems(notebook: Notebook) -> Iterator[str]:
    """The set-up cell is the first code cell, and nothing is installed elsewhere."""
    code = code_cells(notebook)
    setup = tagged(notebook, "setup")
    if not code or setup != code[:1]:
        yield "the first code cell, and only it, carries the tag 'setup'"
    for cell in code:
        if cell not in setup and re.search(
            r"^\s*[!%]\s*(pip|conda|uv)\b", cell.source, re.MULTILINE
        ):
            yield f"a cell outside the set-up installs something: {cell.source.splitlines()[0]}"
    if not any("runtime.preflight(" in cell.source for cell in code):
        yield "no cell calls runtime.preflight(...)"


def word_problems(notebook: Notebook) -> Iterator[str]:
    """As much prose as code, in cells and in words."""
    code, text = code_cells(notebook), prose_cells(notebook)
    code = [cell for cell in code if "grade" not in cell.metadata.get("tags", [])]  # one fixed line
    if len(text) < len(code):
        yield f"{len(text)} prose cells for {len(code)} code cells"
    prose_words = sum(len(cell.source.split()) for cell in text)
    code_words = sum(len(cell.source.split()) for cell in code)
    if prose_words < code_words:
        yield f"{prose_words} words of prose for {code_words} of code"


def length_problems(notebook: Notebook) -> Iterator[str]:
    """Short cells, short functions."""
    code = code_cells(notebook)
    lengths = [lines_of(cell) for cell in code] or [0]
    if statistics.median(lengths) > MAX_MEDIAN_CODE_LINES:
        yield f"the median code cell has {statistics.median(lengths)} lines"
    if max(lengths) > MAX_CODE_LINES:
        yield f"a code cell has {max(lengths)} lines"
    for cell in code:
        for node in ast.walk(ast.parse(python_of(cell))):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                length = node.end_lineno - node.lineno + 1
                if length > MAX_DEF_LINES:
                    yield f"{node.name} has {length} lines; it belongs into the package"


def file_problems(notebook: Notebook) -> Iterator[str]:
    """Kernel, stripped outputs, no path of one machine, a check after what the prose states."""
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        yield "the kernel isn't python3"
    for cell in code_cells(notebook):
        if cell.outputs or cell.execution_count is not None:
            yield "outputs are committed; run make format"
            break
    for cell in notebook.cells:
        path = re.search(
            r"(?<![\w.:/])(/(home|Users|root|tmp|work|content)/|[A-Z]:\\)", cell.source
        )
        if path:
            yield f"an absolute path: {cell.source[path.start() : path.start() + 40]}"
    checks = tagged(notebook, "check")
    if not checks:
        yield "no cell carries the tag 'check'"
    for cell in checks:
        if not any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(python_of(cell)))):
            yield f"a check cell asserts nothing: {cell.source.splitlines()[0]}"


def exercise_problems(notebook: Notebook) -> Iterator[str]:
    """Each exercise is a stub that Run All passes over, and a check in the next code cell."""
    code = code_cells(notebook)
    if not tagged(notebook, "exercise"):
        yield "no cell carries the tag 'exercise'"
    for cell, following in zip(code, [*code[1:], None], strict=True):
        tags = cell.metadata.get("tags", [])
        if "exercise" in tags:
            if cell.source.splitlines().count(STUB) != 1:
                yield f"an exercise lacks the one line '{STUB}': {cell.source.splitlines()[0]}"
            if following is None or "grade" not in following.metadata.get("tags", []):
                yield "the code cell after an exercise doesn't carry the tag 'grade'"
        if "grade" in tags and not CHECK.fullmatch(cell.source):
            yield f'a grade cell isn\'t check("NN.M", answer) alone: {cell.source}'
    stubs, grades = len(tagged(notebook, "exercise")), len(tagged(notebook, "grade"))
    if stubs != grades:
        yield f"{stubs} cells carry the tag 'exercise' and {grades} the tag 'grade'"


def grading_problems(notebook: Notebook) -> Iterator[str]:
    """The metadata that nbgrader reads fits the exercises, and its ids are unique."""
    found = [
        cell.metadata.nbgrader["grade_id"] for cell in notebook.cells if "nbgrader" in cell.metadata
    ]
    for grade_id in sorted({grade_id for grade_id in found if found.count(grade_id) > 1}):
        yield f"{found.count(grade_id)} cells have the grade_id {grade_id}"
    exercises = exercises_of(notebook)
    for exercise_id, (stub, check) in exercises.items():
        if not exercise_id.startswith(f"{number_of(notebook)}."):
            yield f"exercise {exercise_id} doesn't belong to lesson {number_of(notebook)}"
        for cell, expected in (
            (stub, stub_metadata(exercise_id)),
            (check, check_metadata(exercise_id)),
        ):
            if cell.metadata.get("nbgrader") != expected:
                yield f"the metadata 'nbgrader' of {expected['grade_id']} isn't {expected}"
    if len(found) > 2 * len(exercises):
        yield "a cell that belongs to no exercise has the metadata 'nbgrader'"


def quiz_problems(notebook: Notebook) -> Iterator[str]:
    """The lesson's quiz is shown by a cell of its own under the heading Quiz."""
    call = f'quiz("{number_of(notebook)}")'
    heading = ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            headings = re.findall(r"^#+ .+", cell.source, flags=re.MULTILINE)
            heading = headings[-1] if headings else heading
        elif cell.source == call and heading == "## Quiz":
            return
    yield f"no cell under '## Quiz' is {call}"


def picture_problems(notebook: Notebook) -> Iterator[str]:
    """A cell that shows a picture says in its metadata what is to be seen, for who can't see it."""
    for cell in code_cells(notebook):
        if PICTURE.search(cell.source) and len(alternative_text(cell).split()) < MIN_ALT_WORDS:
            yield f"a picture lacks its alternative text: {cell.source.splitlines()[0]}"


def alternative_text(cell: Notebook) -> str:
    """Return what MyST-NB puts in the place of a cell's picture, or an empty text."""
    return cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")


RULES = (
    head_problems,
    section_problems,
    setup_problems,
    word_problems,
    length_problems,
    file_problems,
    exercise_problems,
    grading_problems,
    quiz_problems,
    picture_problems,
)


def shape_problems(notebook: Notebook) -> list[str]:
    """Return all that is wrong with a lesson's form."""
    return [problem for rule in RULES for problem in rule(notebook)]


def stray_stderr(notebook: Notebook) -> list[str]:
    """Return what an executed notebook's cells wrote to stderr, progress bars aside."""
    stray = []
    for cell in code_cells(notebook):
        for output in cell.outputs:
            if output.output_type != "stream" or output.name != "stderr":
                continue
            for line in re.split(r"[\r\n]+", output.text):
                if line.strip() and not PROGRESS_BAR.search(line):
                    stray.append(line)
    return stray


def calls_of(notebook: Notebook) -> set[str]:
    """Return the dotted names that the code cells call, and their last parts."""
    names = set()
    for cell in code_cells(notebook):
        for node in ast.walk(ast.parse(python_of(cell))):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                names.update({name, name.rsplit(".", 1)[-1], ".".join(name.split(".")[-2:])})
    return names


def statement_runs(tree: ast.AST, length: int) -> set[str]:
    """Return each run of `length` statements in a body, with names and constants left out.

    Two runs are equal when they do the same, whatever the variables are called.
    """
    runs = set()
    for node in ast.walk(tree):
        for body in (getattr(node, "body", None), getattr(node, "orelse", None)):
            if not isinstance(body, list):
                continue
            shapes = [_shape(statement) for statement in body if not _is_text(statement)]
            for start in range(len(shapes) - length + 1):
                runs.add("\n".join(shapes[start : start + length]))
    return runs


def _is_text(statement: ast.AST) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _shape(statement: ast.AST) -> str:
    text = ast.dump(statement)
    return re.sub(r"(id|arg|name)='\w+'", r"\1=_", text)
