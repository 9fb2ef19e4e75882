"""Write the set-up cell into every lesson: part of `make format`.

    python tests/write_setup_cell.py          all lessons
    python tests/write_setup_cell.py PATH ...  these notebooks

The text of the cell stands here, once. Where Colab gets the course from is set in one place
too, as `Repository` under `[project.urls]` in pyproject.toml: pip then builds the course from
that repository. As long as the project names none, the learner uploads the wheel.
"""

import sys
import tomllib
from pathlib import Path

import nbformat
import notebook_rules

UPLOADED_WHEEL = "llm_engineering_course-*.whl"
CELL = """\
import sys

DRIVE_FOLDER = ""  # on Colab: a name such as "llm-course" keeps your files in your Google Drive

if "google.colab" in sys.modules:  # {note}
    %pip install -q --no-deps {address}
    from course_utils import colab

    colab.set_up(drive_folder=DRIVE_FOLDER)  # the packages that Colab lacks; its torch stays

from course_utils import noise

noise.hide_known()  # hides messages that say nothing to you; noise.py gives each its reason"""


def address() -> str:
    """Return what pip installs the course from."""
    project = tomllib.loads((notebook_rules.ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    repository = project.get("urls", {}).get("Repository")
    return f"git+{repository}" if repository else UPLOADED_WHEEL


def cell(address: str) -> str:
    """Return the source of the set-up cell that installs the course from an address."""
    uploaded = address == UPLOADED_WHEEL
    note = (
        "upload the course's wheel first, as the README says" if uploaded else "nothing to upload"
    )
    return CELL.format(address=address, note=note)


def write(path: Path, source: str) -> bool:
    """Put the source into a notebook's set-up cell; say whether that changed the file."""
    notebook = notebook_rules.read(path)
    (setup,) = notebook_rules.tagged(notebook, "setup")
    if setup.source == source:
        return False
    setup.source = source
    nbformat.write(notebook, path)
    return True


def main(arguments: list[str]) -> None:
    """Write the cell into the notebooks that are named, or all."""
    paths = [Path(argument) for argument in arguments] or notebook_rules.NOTEBOOKS
    source = cell(address())
    changed = [path.name for path in paths if write(path, source)]
    print(f"set-up cell written into {', '.join(changed)}" if changed else "set-up cells are equal")


if __name__ == "__main__":
    main(sys.argv[1:])
