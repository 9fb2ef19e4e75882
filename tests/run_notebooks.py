"""Execute every lesson as a learner would, with the network blocked, and look at what it left.

    python tests/run_notebooks.py             all lessons
    python tests/run_notebooks.py 00 07       these

nbmake runs a copy under `build/executed/`, so the lessons in `notebooks/` stay stripped. A
lesson fails if a cell raises, if anything in it tries to leave the machine, or if a cell
writes to stderr more than progress bars.
"""

import shutil
import subprocess
import sys
import time

import notebook_rules

EXECUTED = notebook_rules.ROOT / "build" / "executed"
TIMEOUT_S = 900


def run(path) -> list[str]:
    """Execute one lesson; return its problems."""
    copy = EXECUTED / path.name
    shutil.copy(path, copy)
    offline = notebook_rules.ROOT / "tests" / "offline.py"
    options = ["--nbmake", f"--nbmake-timeout={TIMEOUT_S}", "--overwrite", "-q"]
    nbmake = [sys.executable, "-m", "pytest", *options, str(copy)]
    started = time.perf_counter()
    status = subprocess.run([sys.executable, str(offline), *nbmake], check=False).returncode
    print(f"{path.name}: {time.perf_counter() - started:.0f} s", flush=True)
    problems = [f"{path.name}: exit status {status}"] if status else []
    stray = notebook_rules.stray_stderr(notebook_rules.read(copy))
    return problems + [f"{path.name}, stray stderr: {line}" for line in stray]


def main(prefixes: list[str]) -> int:
    """Execute the lessons whose names start with a prefix, or all; return the exit status."""
    EXECUTED.mkdir(parents=True, exist_ok=True)
    lessons = [
        path for path in notebook_rules.NOTEBOOKS if path.name.startswith(tuple(prefixes) or ("",))
    ]
    if not lessons:
        print(f"no lesson starts with {' or '.join(prefixes)}", file=sys.stderr)
        return 1
    problems = [problem for path in lessons for problem in run(path)]
    print("\n".join(problems) or f"{len(lessons)} lessons ran clean", flush=True)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
