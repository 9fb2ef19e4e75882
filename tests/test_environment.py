"""pyproject.toml, constraints.txt and environment.yml say the same."""

import re
import subprocess
import sys
import tomllib

import pytest
import write_constraints
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

import course_utils
from course_utils import doctor, runtime

ROOT = runtime.project_dir()


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def pins():
    return {canonicalize_name(n): Version(v) for n, v in doctor.known_good_versions().items()}


def requirements(project):
    extras = project["optional-dependencies"].values()
    return [Requirement(text) for text in sum(extras, project["dependencies"])]


def test_the_extras_are_lab_dev_bench_grading_and_site(project):
    assert set(project["optional-dependencies"]) == {"lab", "dev", "bench", "grading", "site"}


def test_every_requirement_has_a_lower_bound_that_its_pin_satisfies(project, pins):
    for requirement in requirements(project):
        assert [spec.operator for spec in requirement.specifier] == [">="], str(requirement)
        assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)])


def test_constraints_are_exact_versions_without_addresses():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = [line for line in lines if not line.startswith("#")]
    assert [line for line in pinned if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []
    names = [canonicalize_name(line.split("==")[0]) for line in pinned]
    assert len(names) == len(set(names))


def test_constraints_pin_all_that_is_installed_with_the_course(pins):
    needed = write_constraints.closure(("lab", "dev", "grading", "site"))
    assert len(needed) > 100
    assert {
        name: version for name, version in needed.items() if str(pins.get(name)) != version
    } == {}


def test_the_conda_environment_installs_the_same(project):
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    python = next(d for d in environment["dependencies"] if str(d).startswith("python"))
    assert SpecifierSet(python.removeprefix("python")) == SpecifierSet(project["requires-python"])
    assert environment["name"] == project["name"]
    pip = next(d["pip"] for d in environment["dependencies"] if isinstance(d, dict))
    assert pip == ["-c constraints.txt", "-e .[lab,dev]"]


def test_the_doctor_asks_for_the_python_that_the_project_asks_for(project):
    specifier = SpecifierSet(project["requires-python"])
    for minor in range(9, 18):
        in_range = doctor.PYTHON_FROM <= (3, minor) < doctor.PYTHON_BELOW
        assert in_range == specifier.contains(f"3.{minor}.1")


def test_the_wheel_carries_the_data_and_the_pins(tmp_path):
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "-w", str(tmp_path)]
    subprocess.run([*build, str(ROOT)], check=True)
    import zipfile

    names = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    assert "course_utils/_data/constraints.txt" in names
    assert "course_utils/_data/handbook/tent-pole-broken.md" in names
    assert "course_utils/_data/quizzes/00.json" in names
    assert "course_utils/exercises/lesson_00.py" in names
    assert not [name for name in names if name.startswith(("tests/", "notebooks/", "artifacts/"))]


@pytest.mark.parametrize(
    "command",
    [
        "make setup",
        "make lab",
        "make test",
        "make doctor",
        "make course",
        "make site",
        "make workshop",
        "make wheels",
        "make bench",
    ],
)
def test_the_commands_of_the_readme_are_targets_of_the_makefile(command):
    assert command in (ROOT / "README.md").read_text(encoding="utf-8")
    target = command.removeprefix("make ")
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)


def test_the_map_of_the_package_names_every_module():
    modules = {path.stem for path in runtime.PACKAGE_DIR.glob("*.py")}
    modules |= {
        "embeddings",
        "exercises",
        "lora",
        "rag",
        "shop",
        "sql_eval",
        "tables",
        "vectorstore",
    }
    named = re.findall(r"^    (\w+) +\w", course_utils.__doc__, flags=re.MULTILINE)
    assert sorted(named) == sorted(modules - {"__init__", "__main__"})


def test_no_file_names_a_registrys_host_or_a_path_of_one_machine():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    hosts = re.compile(r"pypi\.org|pythonhosted|registry\.npmjs|deb\.debian|download\.pytorch")
    found = []
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if path.suffix in {".png", ".xlsx"} or path.name == "test_environment.py":
            continue
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        found += [f"{name}: {match[0]}" for match in hosts.finditer(text)]
    assert found == []


def test_committed_files_stay_under_5_mb():
    listed = subprocess.run(["git", "ls-files", "data"], cwd=ROOT, capture_output=True, text=True)
    sizes = [(ROOT / name).stat().st_size for name in listed.stdout.splitlines()]
    assert sum(sizes) < 5_000_000
