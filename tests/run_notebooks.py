"""Execute every lesson as a learner would, with the network blocked, and look at what it left.

    python tests/run_notebooks.py             all lessons
    python tests/run_notebooks.py 00 07       these
    python tests/run_notebooks.py --solutions each exercise solved, under COURSE_STRICT=1
    python tests/run_notebooks.py --reverse   the last lesson first, from nothing at the start
    python tests/run_notebooks.py --twice     each alone, from nothing that another lesson made, and
                                              then once more in the same kernel: Run All, and again

nbmake runs a copy under `build/executed/`, so the lessons in `notebooks/` stay stripped, and
`summary.json` beside the copies says what each took. The course's pages are made of both. A
lesson fails if a cell raises, if anything in it tries to leave the machine, or if a cell
writes to stderr more than progress bars. With its solutions in place, it also fails if an
exercise's check doesn't pass. The other orders leave `artifacts/` alone: each has an empty folder
of its own under `build/executed/`, which is removed at the end.
"""

import argparse
import copy as copying
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import execution_summary
import nbformat
import notebook_rules
import write_solutions

EXECUTED = notebook_rules.ROOT / "build" / "executed"
TIMEOUT_S = 900
ORDERS = {
    "reverse": "the last lesson first, from an empty folder of artifacts",
    "twice": "each alone, from an empty folder of artifacts, and once more in the same kernel",
}


def run(
    path: Path,
    *,
    into: Path = EXECUTED,
    strict: bool = False,
    artifacts: Path | None = None,
    twice: bool = False,
) -> list[str]:
    """Execute a copy of one lesson; return its problems.

    Args:
        path: The lesson.
        into: The folder of the executed copy, in which its kernel runs too.
        strict: Whether an exercise that isn't passed counts as a problem.
        artifacts: Where it makes and looks for artifacts; by default where the course does.
        twice: Whether all cells run a second time in the same kernel.
    """
    into.mkdir(parents=True, exist_ok=True)
    copy = into / path.name
    shutil.copy(path, copy)
    if twice:
        double(copy)
    environment = {**os.environ, "COURSE_STRICT": "1" if strict else "0"}
    if artifacts is not None:
        environment["COURSE_ARTIFACTS"] = str(artifacts)
    offline = notebook_rules.ROOT / "tests" / "offline.py"
    options = ["--nbmake", f"--nbmake-timeout={TIMEOUT_S}", "--overwrite", "-q"]
    options += ["-p", "no:cacheprovider"]  # its cache would lie beside the copy
    nbmake = [sys.executable, "-m", "pytest", *options, str(copy)]
    command = [sys.executable, str(offline), *nbmake]
    started = time.perf_counter()
    with subprocess.Popen(command, env=environment) as process:
        peak_bytes = execution_summary.watch_kernel(process)
    seconds = time.perf_counter() - started
    problems = [f"{path.name}: exit status {process.returncode}"] if process.returncode else []
    stray = notebook_rules.stray_stderr(notebook_rules.read(copy))
    problems += [f"{path.name}, stray stderr: {line}" for line in stray]
    entry = execution_summary.entry(copy, seconds=seconds, peak_bytes=peak_bytes, problems=problems)
    execution_summary.note(copy, entry)
    passed = f"{entry['checks_passed']} of {entry['checks']} checks passed"
    print(f"{path.name}: {seconds:.0f} s, {peak_bytes / 1e9:.1f} GB, {passed}", flush=True)
    return problems


def double(path: Path) -> None:
    """Write a notebook's cells a second time below themselves."""
    notebook = notebook_rules.read(path)
    again = copying.deepcopy(notebook.cells)
    for cell in again:
        cell.id = f"{cell.id}-again"[-64:]  # the most that the format allows
    notebook.cells += again
    nbformat.write(notebook, path)


def run_in_order(lessons: list[Path], order: str) -> list[str]:
    """Run lessons in reverse, or each twice, apart from `artifacts/`; return their problems."""
    into = EXECUTED / order
    shutil.rmtree(into, ignore_errors=True)
    problems = []
    twice = order == "twice"
    for path in lessons if twice else reversed(lessons):
        if twice:
            shutil.rmtree(into / "artifacts", ignore_errors=True)
        problems += run(path, into=into, artifacts=into / "artifacts", twice=twice)
    shutil.rmtree(into / "artifacts", ignore_errors=True)
    return problems


def main(arguments: list[str]) -> int:
    """Execute the lessons whose names start with a prefix, or all; return the exit status."""
    parser = argparse.ArgumentParser(description="Execute lessons with the network blocked.")
    parser.add_argument("prefixes", nargs="*", help="such as 00 07; none: all lessons")
    parser.add_argument("--solutions", action="store_true", help="with each exercise solved")
    for order, what in ORDERS.items():
        parser.add_argument(
            f"--{order}", dest="orders", action="append_const", const=order, help=what
        )
    options = parser.parse_args(arguments)
    lessons = [
        path
        for path in notebook_rules.NOTEBOOKS
        if path.name.startswith(tuple(options.prefixes) or ("",))
    ]
    if not lessons:
        print(f"no lesson starts with {' or '.join(options.prefixes)}", file=sys.stderr)
        return 1
    if options.solutions:
        solved = [write_solutions.write(path) for path in lessons]
        into = EXECUTED / "solutions"
        problems = [problem for path in solved for problem in run(path, into=into, strict=True)]
    elif options.orders:
        problems = [each for order in options.orders for each in run_in_order(lessons, order)]
    else:
        problems = [problem for path in lessons for problem in run(path)]
    print("\n".join(problems) or f"{len(lessons)} lessons ran clean", flush=True)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
