"""Execute every lesson as a learner would, with the network blocked, and look at what it left.

    python tests/run_notebooks.py             all lessons
    python tests/run_notebooks.py 00 07       these
    python tests/run_notebooks.py --solutions each exercise solved, under COURSE_STRICT=1

nbmake runs a copy under `build/executed/`, so the lessons in `notebooks/` stay stripped, and
`summary.json` beside the copies says what each took. The course's pages are made of both. A
lesson fails if a cell raises, if anything in it tries to leave the machine, or if a cell
writes to stderr more than progress bars. With its solutions in place, it also fails if an
exercise's check doesn't pass.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import execution_summary
import notebook_rules
import write_solutions

EXECUTED = notebook_rules.ROOT / "build" / "executed"
TIMEOUT_S = 900


def run(path: Path, *, into: Path = EXECUTED, strict: bool = False) -> list[str]:
    """Execute a copy of one lesson in the folder `into`; return its problems."""
    into.mkdir(parents=True, exist_ok=True)
    copy = into / path.name
    shutil.copy(path, copy)
    environment = {**os.environ, "COURSE_STRICT": "1" if strict else "0"}
    offline = notebook_rules.ROOT / "tests" / "offline.py"
    options = ["--nbmake", f"--nbmake-timeout={TIMEOUT_S}", "--overwrite", "-q"]
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


def main(arguments: list[str]) -> int:
    """Execute the lessons whose names start with a prefix, or all; return the exit status."""
    parser = argparse.ArgumentParser(description="Execute lessons with the network blocked.")
    parser.add_argument("prefixes", nargs="*", help="such as 00 07; none: all lessons")
    parser.add_argument("--solutions", action="store_true", help="with each exercise solved")
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
    else:
        problems = [problem for path in lessons for problem in run(path)]
    print("\n".join(problems) or f"{len(lessons)} lessons ran clean", flush=True)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
