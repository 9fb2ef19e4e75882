"""Change lines of four packages on purpose and see whether a unit test notices: `make mutants`.

mutmut makes the mutants: one operator, name, argument or text changed in each. A survivor is a
change that no test noticed. Of each package a sample is drawn, by a fixed seed, since all of
them would take hours. pyproject.toml says which tests run; mutmut runs those that reach the
mutated function, and leaves out what stands outside functions and functions with a decorator.

The survivors' changes go into `mutants/survivors.diff`, to be read; the table into the output.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("tables", "sql_eval", "vectorstore", "rag")
SEED = 20
# mutmut writes the mutants of all files at the start of any run; this is the shortest.
SHORTEST = "course_utils.rag.threshold.x_choose__mutmut_1"
SURVIVED, NO_TEST = 0, 33  # mutmut's exit codes; every other one means that it was noticed


def mutmut(*arguments: str) -> subprocess.CompletedProcess:
    """Run mutmut, one mutant at a time."""
    command = [str(Path(sys.executable).with_name("mutmut")), *arguments]
    with tempfile.TemporaryDirectory() as artifacts:
        environment = os.environ | {"COURSE_ARTIFACTS": artifacts}
        environment.pop("PYTHONPATH", None)  # the mutated copy is what has to be imported
        return subprocess.run(
            command, cwd=ROOT, env=environment, check=True, text=True, capture_output=True
        )


def exit_codes() -> dict[str, int | None]:
    """Return each mutant's name and exit code, None for one that didn't run."""
    codes: dict[str, int | None] = {}
    for path in sorted((ROOT / "mutants" / "course_utils").rglob("*.meta")):
        codes |= json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"]
    return codes


def main(arguments: list[str]) -> int:
    """Run the samples, write the survivors and print the table; return the exit status."""
    parser = argparse.ArgumentParser(description="Which changes does no unit test notice?")
    parser.add_argument("packages", nargs="*", default=PACKAGES, help="none: all four")
    parser.add_argument("--sample", type=int, default=150, help="mutants of each package")
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args(arguments)
    mutmut("run", "--max-children=1", SHORTEST)
    names = sorted(exit_codes())
    drawn = {}
    for package in options.packages:
        of_package = [name for name in names if name.startswith(f"course_utils.{package}.")]
        size = min(options.sample, len(of_package))
        drawn[package] = random.Random(options.seed).sample(of_package, size)
    mutmut("run", "--max-children=1", *(name for sample in drawn.values() for name in sample))
    codes = exit_codes()
    print(f"{date.today():%Y-%m-%d}, seed {options.seed}\n")
    print("| package | mutants | sample | noticed | share |\n|---|---|---|---|---|")
    diffs = []
    for package, sample in drawn.items():
        survivors = [name for name in sorted(sample) if codes[name] in (SURVIVED, NO_TEST)]
        diffs += [mutmut("show", name).stdout for name in survivors]
        of_package = sum(name.startswith(f"course_utils.{package}.") for name in names)
        noticed = len(sample) - len(survivors)
        print(
            f"| `{package}` | {of_package:,} | {len(sample)} | {noticed} "
            f"| {noticed / len(sample):.0%} |"
        )
    path = ROOT / "mutants" / "survivors.diff"
    path.write_text("\n".join(diffs), encoding="utf-8")
    print(f"\n{len(diffs)} survivors: {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
