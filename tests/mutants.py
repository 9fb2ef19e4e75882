"""Change lines of four packages on purpose and see whether a unit test notices: `make mutants`.

mutmut makes the mutants, each with one operator, name, argument or text changed, and runs those
tests of pyproject.toml that reach the changed function. It leaves out what stands outside
functions, and functions with a decorator. Of each package a sample is drawn, by a fixed seed, since
all of them would take hours.

A mutant that survives this runs once more, with all tests of its package but those that load a
model or start a server. To mutmut, what a fixture of a whole module does counts for the first test
alone that asks for it. A survivor is a change that
none of them noticed; they go into `mutants/survivors.diff`, to be read. One that was noticed isn't
run again as long as `mutants/` is there.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import tomllib
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MUTATED = ROOT / "mutants"
PACKAGES = ("tables", "sql_eval", "vectorstore", "rag")
SEED = 20
# mutmut writes the mutants of all files at the start of any run; this is the shortest.
SHORTEST = "course_utils.rag.threshold.x_choose__mutmut_1"
# Tests of a package that stand among the faults.
FAULTS = {"tables": ["test_broken_files.py"], "sql_eval": ["test_hostile_sql.py"]}
UNNOTICED = (0, 33, None)  # mutmut's codes: survived, no test reached it, not run


def run(command: list[str], folder: Path, **more: str) -> subprocess.CompletedProcess:
    """Run a command with artifacts of its own, and with the mutated package in its folder."""
    with tempfile.TemporaryDirectory() as artifacts:
        environment = os.environ | {"COURSE_ARTIFACTS": artifacts} | more
        environment.pop("PYTHONPATH", None)
        return subprocess.run(command, cwd=folder, env=environment, text=True, capture_output=True)


def mutmut(*arguments: str) -> str:
    """Return what mutmut prints; it runs one mutant at a time."""
    done = run([str(Path(sys.executable).with_name("mutmut")), *arguments], ROOT)
    if done.returncode:
        raise RuntimeError(f"mutmut {arguments[0]} failed:\n{done.stdout[-2000:]}{done.stderr}")
    return done.stdout


def exit_codes() -> dict[str, int | None]:
    """Return each mutant's name and exit code, None for one that didn't run."""
    codes: dict[str, int | None] = {}
    for path in sorted((MUTATED / "course_utils").rglob("*.meta")):
        codes |= json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"]
    return codes


def survives(name: str, package: str) -> bool:
    """Return whether all tests of the mutant's package pass on it."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["mutmut"]
    tests = MUTATED / "tests"
    files = sorted(tests.glob(f"test_{package}*.py"), key=lambda path: "pipeline" in path.name)
    files = [tests / "faults" / name for name in FAULTS.get(package, [])] + files
    of_package = [str(path) for path in files]
    options = ["--rootdir=.", "-x", "-q", *settings["pytest_add_cli_args"]]
    command = [sys.executable, "-m", "pytest", *options, *of_package]
    return run(command, MUTATED, MUTANT_UNDER_TEST=name).returncode == 0


def survivors_of(drawn: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return by package the drawn mutants that no test notices."""
    codes = exit_codes()
    waiting = [name for names in drawn.values() for name in names if codes[name] in UNNOTICED]
    if waiting:
        mutmut("run", "--max-children=1", *waiting)
        codes = exit_codes()
    return {
        package: [name for name in names if codes[name] in UNNOTICED and survives(name, package)]
        for package, names in drawn.items()
    }


def main(arguments: list[str]) -> int:
    """Run the samples, write the survivors and print the table; return the exit status."""
    parser = argparse.ArgumentParser(description="Which changes does no unit test notice?")
    parser.add_argument("packages", nargs="*", default=PACKAGES, help="none: all four")
    parser.add_argument("--sample", type=int, default=100, help="mutants of each package")
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args(arguments)
    mutmut("run", "--max-children=1", SHORTEST)
    names = sorted(exit_codes())
    of_package = {
        package: [name for name in names if name.startswith(f"course_utils.{package}.")]
        for package in options.packages
    }
    drawn = {
        package: sorted(random.Random(options.seed).sample(all_, min(options.sample, len(all_))))
        for package, all_ in of_package.items()
    }
    survivors = survivors_of(drawn)
    print(f"{date.today():%Y-%m-%d}, seed {options.seed}\n")
    print("| package | mutants | sample | noticed |\n|---|---|---|---|")
    for package, sample in drawn.items():
        share = 1 - len(survivors[package]) / len(sample)
        print(f"| `{package}` | {len(of_package[package]):,} | {len(sample)} | {share:.0%} |")
    diffs = [mutmut("show", name) for names in survivors.values() for name in names]
    (MUTATED / "survivors.diff").write_text("\n".join(diffs), encoding="utf-8")
    print(f"\n{len(diffs)} survivors, to be read in mutants/survivors.diff")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
