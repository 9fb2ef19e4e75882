"""The machine, the folders, the stopwatch."""

import random
import re
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from course_utils import runtime


@pytest.fixture
def gpu(monkeypatch):
    """Return a function that makes torch report a GPU of some size."""

    def pretend(total_memory, *, has_bf16=True):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        properties = SimpleNamespace(total_memory=int(total_memory))
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: properties)
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: has_bf16)
        monkeypatch.delenv("COURSE_TIER", raising=False)

    return pretend


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.delenv("COURSE_TIER", raising=False)


def test_without_a_gpu_the_tier_is_cpu_and_weights_are_float32(no_gpu):
    assert (runtime.tier(), runtime.device(), runtime.dtype()) == ("cpu", "cpu", torch.float32)


def test_a_t4_is_small_and_computes_in_float16(gpu):
    gpu(15.8e9, has_bf16=False)
    assert (runtime.tier(), runtime.device()) == ("gpu_small", "cuda")
    assert runtime.dtype() == torch.float16


def test_a_card_of_80_gb_is_large_and_computes_in_bfloat16(gpu):
    gpu(84e9)
    assert runtime.tier() == "gpu_large"
    assert runtime.dtype() == torch.bfloat16


def test_course_tier_chooses_the_cpu_on_a_gpu_machine(gpu, monkeypatch):
    gpu(84e9)
    monkeypatch.setenv("COURSE_TIER", "cpu")
    assert runtime.device() == "cpu"


@pytest.mark.parametrize(
    ("value", "message"), [("tpu", "is not a tier"), ("gpu_small", "torch sees no GPU")]
)
def test_a_wrong_course_tier_says_so(no_gpu, monkeypatch, value, message):
    monkeypatch.setenv("COURSE_TIER", value)
    with pytest.raises(ValueError, match=message):
        runtime.tier()


@pytest.mark.fault(
    "Folders and names",
    breaks="A script or a notebook of one's own runs in another folder than the course's.",
    sees="The course's data, by the same calls.",
    kept="The other folder: nothing is made in it.",
)
def test_the_checkout_is_found_whatever_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert (runtime.project_dir() / "course_utils" / "runtime.py").is_file()
    assert (runtime.data_dir() / "handbook").is_dir()
    assert runtime.constraints_path().is_file()
    assert list(tmp_path.iterdir()) == []


def test_without_a_checkout_data_comes_from_the_package(tmp_path, monkeypatch):
    monkeypatch.setattr(runtime, "PACKAGE_DIR", tmp_path / "site-packages" / "course_utils")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COURSE_ARTIFACTS", raising=False)
    assert runtime.project_dir() is None
    assert runtime.data_dir() == runtime.PACKAGE_DIR / "_data"
    assert runtime.constraints_path() == runtime.PACKAGE_DIR / "_data" / "constraints.txt"
    assert runtime.artifacts_dir() == tmp_path / "artifacts"


def test_artifacts_go_where_the_variable_says(artifacts):
    assert runtime.artifacts_dir() == artifacts
    assert artifacts.is_dir()


@pytest.mark.parametrize(("value", "expected"), [("1", True), ("0", False), ("", False)])
def test_strict_is_on_only_when_asked(monkeypatch, value, expected):
    monkeypatch.setenv("COURSE_STRICT", value)
    assert runtime.strict() is expected


def test_the_same_seed_draws_the_same_numbers():
    def draw():
        runtime.set_seed(7)
        return random.random(), np.random.rand(), torch.rand(1).item()

    assert draw() == draw()


def test_the_stopwatch_measures_each_step():
    watch = runtime.Stopwatch()
    with watch("sleep"):
        time.sleep(0.05)
    with watch("nothing"):
        pass
    assert list(watch.seconds) == ["sleep", "nothing"]
    assert 0.05 <= watch.seconds["sleep"] < 5
    assert watch.total_s == pytest.approx(sum(watch.seconds.values()))


def test_the_stopwatch_keeps_the_time_of_a_step_that_raised():
    watch = runtime.Stopwatch()
    with pytest.raises(KeyError), watch("broken"):
        raise KeyError
    assert "broken" in watch.seconds


def test_peak_memory_grows_with_what_a_process_held():
    code = (
        "from course_utils import runtime\n"
        "before = runtime.peak_memory_bytes()\n"
        "block = bytearray(200_000_000)\n"
        "block[::4096] = b'x' * len(block[::4096])\n"
        "del block\n"
        "print(runtime.peak_memory_bytes() - before)\n"
    )
    grown = int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout)
    assert 150e6 < grown < 250e6


def test_preflight_describes_the_machine(no_gpu):
    line = runtime.preflight(memory_gb=0.001, minutes={"cpu": 2})
    assert line.startswith("tier cpu | device cpu | float32 | ")
    assert line.endswith("| about 2 min")


def test_preflight_makes_up_no_minutes(no_gpu):
    assert runtime.preflight(memory_gb=0.001, minutes={}).endswith("| time not measured here")


@pytest.mark.fault(
    "Disks",
    breaks="A lesson starts with less memory free than it needs at its peak.",
    sees="What it `needs`, what is `free`, and `shut down other notebooks`.",
    kept="The machine: it is refused before anything large is loaded.",
)
def test_preflight_refuses_with_a_remedy_when_memory_is_short(monkeypatch, seen):
    monkeypatch.setattr(runtime, "free_memory_bytes", lambda: 1_500_000_000)
    with pytest.raises(
        MemoryError, match=r"needs 4 GB of memory and 1\.5 GB are free; shut down"
    ) as caught:
        runtime.preflight(memory_gb=4, minutes={})
    seen(caught.value)


def test_show_source_shows_the_function_as_it_is_written():
    assert "os.environ.get(" in runtime.show_source(runtime.strict).data


def test_the_package_imports_without_torch():
    code = "import sys, course_utils, course_utils.rag; print('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout == "False\n", result.stderr


def test_only_runtime_reads_environment_variables():
    read = re.compile(r"os\.environ(?!\[[^]]+\] = )|getenv")  # writing one is no reading
    readers = [
        path.name
        for path in runtime.PACKAGE_DIR.rglob("*.py")
        if read.search(path.read_text(encoding="utf-8"))
    ]
    assert readers == ["runtime.py"]
