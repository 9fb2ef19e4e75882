"""Run the benchmarks: `python -m benchmarks`, see the package's docstring."""

import argparse
import importlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import TOPICS, machine
from benchmarks.comparison import Comparison, aligned_table
from course_utils import files, noise, runtime

FOLDER = Path("build")


def main(arguments: list[str]) -> int:
    """Run the topics asked for; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("topics", nargs="*", help=f"of {', '.join(TOPICS)}; all by default")
    parser.add_argument("--small", action="store_true", help="tiny sizes; the figures mean nothing")
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)  # of a topic's own process
    options = parser.parse_args(arguments)
    if unknown := [topic for topic in options.topics if topic not in TOPICS]:
        parser.error(f"no topic {unknown[0]!r}; use {', '.join(TOPICS)}")
    if options.write:
        return run_here(options)
    return run_apart(options)


def run_here(options: argparse.Namespace) -> int:
    """Run one topic in this process, and write its rows."""
    noise.hide_known()
    [topic] = options.topics
    module = importlib.import_module(f"benchmarks.{topic}")
    rows = module.run(small=options.small)
    text = json.dumps([row.as_json() for row in rows])
    files.write_text(options.write, text)
    return 0


def run_apart(options: argparse.Namespace) -> int:
    """Run each topic in a process of its own, print the table, write the JSON beside it."""
    described = machine.describe()
    print(f"{described['processor']}, {described['cores']} cores, load {described['load_before']}")
    rows: list[Comparison] = []
    failed, seconds = [], {}
    flags = ["--small"] if options.small else []
    with tempfile.TemporaryDirectory() as folder:
        for topic in options.topics or TOPICS:
            print(f"==> {topic}", flush=True)
            path = Path(folder) / f"{topic}.json"
            command = [sys.executable, "-m", "benchmarks", topic, "--write", str(path)]
            started = time.perf_counter()
            subprocess.run([*command, *flags], check=False)
            seconds[topic] = round(time.perf_counter() - started)
            if path.is_file():
                plain = json.loads(path.read_text(encoding="utf-8"))
                rows += [Comparison.from_json(row) for row in plain]
            else:
                failed.append(topic)
    results = {"machine": described, "small": options.small, "seconds": seconds}
    results["rows"] = [row.as_json() for row in rows]
    # A run of some topics leaves the figures of the last whole run alone.
    target = FOLDER / f"{'_'.join(['benchmarks', *options.topics])}.json"
    files.write_text(
        (runtime.project_dir() or Path.cwd()) / target,
        json.dumps(results, indent=2, ensure_ascii=False) + "\n",
    )
    print(aligned_table(rows))
    print(f"{sum(seconds.values()) / 60:.1f} minutes; {target} has the figures of each round")
    if failed:
        print(f"failed: {', '.join(failed)}; the messages stand above")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
