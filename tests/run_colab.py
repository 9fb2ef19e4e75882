"""Run lessons as on Colab, each alone in an empty folder: `make colab`. Some minutes each.

    python tests/run_colab.py                lessons 00, 03 and 07
    python tests/run_colab.py 00             this one
    python tests/run_colab.py --venv FOLDER  with an environment that is there already

A new environment gets what stands in COLAB_HAS and nothing of the course. Its torch then
says of itself that it is an older build than the course asks for, as Colab's may be: whoever
replaced it would be seen. Each kernel starts with a stand-in for `google.colab`.

The first lesson finds the wheel uploaded into its folder; the others get it from an address, in a
folder with nothing in it. Its set-up cell is run once with a network, for pip. Then the whole
lesson is run in a new kernel without one, as after a restart of the session.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import notebook_rules
import write_setup_cell
from nbclient import NotebookClient

LESSONS = ("00", "03", "07")
FOLDER = notebook_rules.ROOT / "build" / "colab"
STAND_IN = notebook_rules.ROOT / "tests" / "colab_stand_in"
# Of the course's requirements, what Colab has too, in older releases; torch comes pinned.
COLAB_HAS = ("numpy==2.2.6", "pandas==2.2.3", "matplotlib", "ipykernel", "ipywidgets")
COLABS_TORCH = "2.12.1+colab"
TIMEOUT_S = 900


def make_environment(venv: Path) -> Path:
    """Return the Python of an environment that holds what Colab has, made if it isn't there."""
    python = venv / "bin" / "python"
    if not python.exists():
        print("==> a new environment with what Colab has", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        constraints = (notebook_rules.ROOT / "constraints.txt").read_text()
        torch = next(line for line in constraints.splitlines() if line.startswith("torch=="))
        pip(python, "install", torch, *COLAB_HAS)
    pretend_older_torch(python)
    return python


def pip(python: Path, *arguments: str) -> None:
    subprocess.run([python, "-m", "pip", arguments[0], "--quiet", *arguments[1:]], check=True)


def ask(python: Path, expression: str) -> str:
    """Return what an expression over `importlib.metadata as m` comes to in the environment."""
    code = f"import importlib.metadata as m, pathlib, sys; print({expression})"
    command = [python, "-I", "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def pretend_older_torch(python: Path) -> None:
    """Write COLABS_TORCH over the version that the installed torch gives to pip."""
    version = ask(python, "m.version('torch')")
    if version == COLABS_TORCH:
        return
    record = Path(ask(python, "m.distribution('torch').locate_file('.')"))
    old = record / f"torch-{version}.dist-info"
    new = record / f"torch-{COLABS_TORCH}.dist-info"
    old.rename(new)
    for name in ("METADATA", "RECORD"):
        text = (new / name).read_text(encoding="utf-8")
        text = text.replace(f"\nVersion: {version}\n", f"\nVersion: {COLABS_TORCH}\n", 1)
        (new / name).write_text(text.replace(old.name, new.name), encoding="utf-8")


def torch_files(python: Path) -> dict[str, float]:
    """Return when each Python file of torch was written, and the version that pip sees."""
    folder = Path(ask(python, "m.distribution('torch').locate_file('torch')"))
    times = {str(path): path.stat().st_mtime for path in folder.rglob("*.py")}
    version = ask(python, "m.version('torch')")
    return times | {f"version {version}": 0.0}


def build_wheel() -> Path:
    """Build the course's wheel; return its path."""
    target = FOLDER / "wheel"
    shutil.rmtree(target, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir"]
    subprocess.run([*command, str(target), str(notebook_rules.ROOT)], check=True)
    return next(target.glob("*.whl"))


def make_kernel(python: Path) -> dict[str, str]:
    """Install the kernel `colab` that has imported `google.colab`; return its environment."""
    kernel = FOLDER / "jupyter" / "kernels" / "colab"
    startup = FOLDER / "ipython" / "profile_default" / "startup"
    for folder in (kernel, startup):
        folder.mkdir(parents=True, exist_ok=True)
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "Colab's stand-in", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    (startup / "00_colab.py").write_text("import google.colab\n", encoding="utf-8")
    mine = {name: text for name, text in os.environ.items() if not name.startswith("COURSE_")}
    return mine | {
        "IPYTHONDIR": str(FOLDER / "ipython"),
        "JUPYTER_PATH": str(FOLDER / "jupyter"),
        "PYTHONPATH": str(STAND_IN),
        "PATH": os.pathsep.join([str(python.parent), os.environ["PATH"]]),
    }


def execute(path: Path, folder: Path) -> None:
    """Execute a notebook in a folder, in place: in a process of its own, see `run`."""
    notebook = notebook_rules.read(path)
    client = NotebookClient(
        notebook,
        timeout=TIMEOUT_S,
        kernel_name="colab",
        resources={"metadata": {"path": str(folder)}},
    )
    try:
        client.execute()
    finally:
        nbformat.write(notebook, path)


def run(path: Path, python: Path, *, address: str, upload: Path | None) -> list[str]:
    """Run a lesson as on Colab; return its problems."""
    number = path.name[:2]
    folder = FOLDER / "session"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    if upload:
        shutil.copy(upload, folder)
    environment = make_kernel(python)
    pip(python, "uninstall", "--yes", "llm-engineering-course")
    before = torch_files(python)

    whole = FOLDER / path.name
    shutil.copy(path, whole)
    write_setup_cell.write(whole, write_setup_cell.cell(address))
    lesson = notebook_rules.read(whole)
    lesson.cells = notebook_rules.tagged(lesson, "setup")
    setup = FOLDER / f"{number}_setup.ipynb"
    nbformat.write(lesson, setup)

    offline = str(notebook_rules.ROOT / "tests" / "offline.py")
    problems = []
    for name, notebook, before_it in (("set-up", setup, []), ("lesson", whole, [offline])):
        step = [sys.executable, __file__, "--execute", str(notebook), str(folder)]
        command = [sys.executable, *before_it, *step] if before_it else step
        started = time.perf_counter()
        status = subprocess.run(command, env=environment).returncode
        print(f"{number} {name}: {time.perf_counter() - started:.0f} s", flush=True)
        if status:
            return [f"{path.name}, {name}: exit status {status}"]
        stray = notebook_rules.stray_stderr(notebook_rules.read(notebook))
        problems += [f"{path.name}, {name}, stray stderr: {line}" for line in stray]
    if torch_files(python) != before:
        problems.append(f"{path.name}: the torch that was there was replaced")
    installed = Path(ask(python, "m.distribution('llm-engineering-course').locate_file('.')"))
    if not (installed / "course_utils" / "_data" / "handbook").is_dir():
        problems.append(f"{path.name}: the wheel brought no data")
    if not (folder / "artifacts").is_dir():
        problems.append(f"{path.name}: nothing was made in the session's folder")
    return problems


def main(arguments: list[str]) -> int:
    """Run the lessons; return the exit status."""
    parser = argparse.ArgumentParser(description="Run lessons as on Colab.")
    parser.add_argument("numbers", nargs="*", help=f"none: {' '.join(LESSONS)}")
    parser.add_argument("--venv", type=Path, default=FOLDER / "venv")
    parser.add_argument("--execute", nargs=2, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.execute:
        execute(*options.execute)
        return 0
    python = make_environment(options.venv.absolute())
    wheel = build_wheel()
    numbers = tuple(options.numbers) or LESSONS
    problems = []
    for place, path in enumerate(p for p in notebook_rules.NOTEBOOKS if p.name[:2] in numbers):
        if place == 0:
            found = run(path, python, address=write_setup_cell.UPLOADED_WHEEL, upload=wheel)
        else:
            found = run(path, python, address=wheel.as_uri(), upload=None)
        problems += found
    print("\n".join(problems) or f"{len(numbers)} lessons ran as on Colab", flush=True)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
