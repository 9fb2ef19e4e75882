"""The summary of an execution: minutes, memory and checks by lesson."""

import subprocess
import sys

import execution_summary
import nbformat
from nbformat import v4


def executed(*checks, tmp_path):
    """Write a lesson whose check cells passed, failed or were never reached."""
    outputs = {"passed": [], "failed": [v4.new_output("error", ename="AssertionError")]}
    cells = [
        v4.new_code_cell(
            "assert True",
            metadata={"tags": ["check"]},
            outputs=outputs.get(state, []),
            execution_count=None if state == "not reached" else 1,
        )
        for state in checks
    ]
    path = tmp_path / "42_example.ipynb"
    nbformat.write(v4.new_notebook(cells=[v4.new_code_cell("1", execution_count=1), *cells]), path)
    return path


def test_a_check_counts_as_passed_when_it_ran_and_raised_nothing(tmp_path):
    path = executed("passed", "failed", "not reached", tmp_path=tmp_path)
    entry = execution_summary.entry(path, seconds=1.26, peak_bytes=5, problems=["one"])
    assert (entry["checks_passed"], entry["checks"]) == (1, 3)
    assert (entry["seconds"], entry["peak_bytes"], entry["problems"]) == (1.3, 5, ["one"])


def test_the_summary_keeps_the_entries_of_other_lessons(tmp_path):
    assert execution_summary.read(tmp_path) == {}
    execution_summary.note(tmp_path / "07_b.ipynb", {"seconds": 1})
    execution_summary.note(tmp_path / "02_a.ipynb", {"seconds": 2})
    execution_summary.note(tmp_path / "07_b.ipynb", {"seconds": 3})
    assert execution_summary.read(tmp_path) == {"02_a": {"seconds": 2}, "07_b": {"seconds": 3}}


def test_the_peak_is_the_kernels_and_not_that_of_other_processes(tmp_path):
    hold = "import sys, time; held = bytearray({mb} * 10**6); time.sleep(1.5)"
    kernel = [sys.executable, "-c", hold.format(mb=60), "ipykernel_launcher"]
    other = [sys.executable, "-c", hold.format(mb=200)]
    start_both = (
        "import subprocess\n"
        f"both = [subprocess.Popen(command) for command in ({kernel!r}, {other!r})]\n"
        "[process.wait() for process in both]"
    )
    with subprocess.Popen([sys.executable, "-c", start_both]) as process:
        peak = execution_summary.watch_kernel(process)
    assert 60e6 < peak < 200e6
