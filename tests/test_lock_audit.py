"""Each pinned package is needed, comes from a registry, and has a licence that we know."""

import importlib.metadata
import platform
import re
import sys
import sysconfig
from pathlib import Path

import lock_audit
import pytest
import write_constraints

from course_utils import doctor, runtime

ROOT = runtime.project_dir()


@pytest.fixture(scope="module")
def needed():
    """Return what the course and its extras need on this machine."""
    return sorted(write_constraints.closure())


@pytest.mark.skipif(
    (sys.platform, platform.machine(), sys.version_info[:2]) != ("linux", "x86_64", (3, 11)),
    reason="other machines need other packages; the lock is written on this one",
)
def test_no_package_is_pinned_that_nothing_needs(needed):
    assert sorted(doctor.known_good_versions()) == needed


def test_each_licence_is_allowed_or_has_a_reason(needed):
    assert lock_audit.foreign_licences(needed) == {}


def test_no_reason_is_given_for_a_licence_that_needs_none(needed):
    for name in lock_audit.REASONED:
        assert name in needed
        assert lock_audit.licences(importlib.metadata.distribution(name)) - lock_audit.ALLOWED


@pytest.mark.parametrize(
    ("metadata", "found"),
    [
        ("License-Expression: MIT AND (Apache-2.0 OR BSD-3-Clause)", set()),
        ("License-Expression: MIT AND GPL-3.0-only", {"GPL-3.0-only"}),
        ("Classifier: License :: OSI Approved :: MIT License", set()),
        ("Classifier: License :: Other/Proprietary License", {"Other/Proprietary License"}),
        ("License: Commercial\n ask us", {"Commercial"}),
        ("Summary: nothing said", {"none named"}),
    ],
)
def test_a_licence_is_read_from_each_of_its_places(tmp_path, metadata, found):
    folder = tmp_path / "planted-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.4\nName: planted\n{metadata}\n")
    licences = lock_audit.licences(importlib.metadata.Distribution.at(folder))
    assert licences - lock_audit.ALLOWED == found


def test_no_package_but_setuptools_runs_code_at_start_up():
    folder = Path(sysconfig.get_path("purelib"))
    assert set(lock_audit.startup_code(folder)) <= set(lock_audit.STARTUP_CODE)


def test_a_file_that_runs_code_at_start_up_is_found(tmp_path):
    (tmp_path / "a.pth").write_text("/some/folder\n")
    (tmp_path / "b.pth").write_text("import os; os.getcwd()\n")
    (tmp_path / "sitecustomize.py").write_text("")
    assert list(lock_audit.startup_code(tmp_path)) == ["b.pth", "sitecustomize.py"]


def test_no_package_but_the_course_is_installed_from_an_address_or_a_path(needed):
    assert lock_audit.from_elsewhere(needed) == []


def test_the_tools_of_the_checks_are_pinned_in_the_makefile():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    pins = re.findall(r"^(?:MUTMUT|PIP_AUDIT) := ([\w-]+)==[\d.]+$", makefile, flags=re.MULTILINE)
    assert pins == ["mutmut", "pip-audit"]
