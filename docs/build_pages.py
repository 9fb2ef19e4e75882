"""Make the course's pages from the executed lessons, with Sphinx: `make course`, `make site`.

    python docs/build_pages.py course    the reader: lessons, glossary, run summary
    python docs/build_pages.py site      the same, with the API reference and all other pages

Nothing is executed here. A warning fails the build, and so does a page that would load
something from the web: both must read offline, from the disk.
"""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import remote_assets
import run_page

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
EXECUTED = ROOT / "build" / "executed"
REMEDY = "run make course, or: python tests/run_notebooks.py"
WIDGET = "application/vnd.jupyter.widget-view+json"


def executed_lessons(lessons: Path, executed: Path, *, remedy: str = REMEDY) -> list[Path]:
    """Return the executed copy of each lesson.

    Raises:
        FileNotFoundError: A lesson has no executed copy.
        ValueError: A copy isn't what the lesson says today, or its execution failed.
    """
    copies = []
    summary = read_summary(executed)
    for lesson in sorted(lessons.glob("*.ipynb")):
        copy = executed / lesson.name
        if not copy.is_file():
            raise FileNotFoundError(f"{lesson.name} hasn't been executed; {remedy} {lesson.stem}")
        if _sources(copy) != _sources(lesson):
            raise ValueError(f"{lesson.name} has changed since it was executed; {remedy}")
        if problems := summary.get(lesson.stem, {}).get("problems"):
            raise ValueError(f"{'; '.join(problems)}; mend it, then {remedy}")
        copies.append(copy)
    return copies


def _sources(path: Path) -> list[str]:
    return [cell.source for cell in nbformat.read(path, as_version=4).cells]


def read_summary(executed: Path) -> dict[str, dict]:
    """Return what tests/run_notebooks.py noted of each lesson, empty if it noted nothing."""
    path = executed / "summary.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def without_widgets(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Take the live widgets out of an executed lesson, and this machine's folders.

    The widgets are progress bars, stored as they were before the first step. To show them
    a page would load scripts from the web.
    """
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            kept = [output for output in cell.outputs if WIDGET not in output.get("data", {})]
            cell.outputs = [_without_root(output) for output in kept]
    return notebook


def _without_root(output: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Name files as seen from the course's folder, wherever that lies."""
    as_json = json.dumps(output, ensure_ascii=False)
    root = json.dumps(str(ROOT), ensure_ascii=False)[1:-1]
    shorter = as_json.replace(f"{root}/", "").replace(root, ".")
    return nbformat.from_dict(json.loads(shorter))


def lay_out(kind: str, into: Path, copies: list[Path], summary: dict[str, dict]) -> None:
    """Write the sources of the pages into an empty folder, in the repository's own layout."""
    shutil.rmtree(into, ignore_errors=True)
    (into / "notebooks").mkdir(parents=True)
    (into / "docs").mkdir()
    for copy in copies:
        notebook = without_widgets(nbformat.read(copy, as_version=4))
        nbformat.write(notebook, into / "notebooks" / copy.name)
    shutil.copy(DOCS / f"{kind}.md", into / "index.md")
    (into / "docs" / "run.md").write_text(run_page.text(copies, summary), encoding="utf-8")
    shutil.copy(DOCS / "glossary.md", into / "docs")
    if kind == "site":
        for page in set(DOCS.glob("*.md")) - {DOCS / "site.md", DOCS / "course.md"}:
            shutil.copy(page, into / "docs")
        shutil.copytree(DOCS / "images", into / "docs" / "images")
        (into / "data").mkdir()
        shutil.copy(ROOT / "data" / "README.md", into / "data")
        shutil.copy(ROOT / "data" / "LICENSE", into / "data")


def build(kind: str, *, lessons: Path, executed: Path, pages: Path, target: Path) -> list[str]:
    """Make the pages of one kind; return what is wrong with them."""
    copies = executed_lessons(lessons, executed)
    lay_out(kind, pages, copies, read_summary(executed))
    shutil.rmtree(target, ignore_errors=True)
    strict = ["--fail-on-warning", "--keep-going", "--quiet", "--fresh-env"]
    places = [
        "-c",
        str(DOCS),
        "-d",
        str(pages.parent / f"doctrees-{kind}"),
        str(pages),
        str(target),
    ]
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-t", kind, *strict, *places]
    status = subprocess.run(command, cwd=ROOT).returncode
    problems = [f"Sphinx: exit status {status}"] if status else []
    return problems + list(remote_assets.find(target))


def main(arguments: list[str]) -> int:
    """Make the pages of one kind; return the exit status."""
    parser = argparse.ArgumentParser(description="Make pages from the executed lessons.")
    parser.add_argument("kind", choices=["course", "site"])
    kind = parser.parse_args(arguments).kind
    target = ROOT / "build" / kind
    try:
        problems = build(
            kind,
            lessons=ROOT / "notebooks",
            executed=EXECUTED,
            pages=ROOT / "build" / "pages" / kind,
            target=target,
        )
    except (FileNotFoundError, ValueError) as error:
        problems = [str(error)]
    print("\n".join(problems) or f"open {target.relative_to(ROOT) / 'index.html'}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
