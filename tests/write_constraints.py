"""Write constraints.txt from what this environment holds: `make constraints`.

`make setup` leaves the extras `grading`, `site` and `bench` out; this needs them installed.
"""

import importlib.metadata
import sys

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from course_utils import runtime
from course_utils.doctor import DISTRIBUTION

EXTRAS = ("lab", "dev", "grading", "site", "bench")
HEAD = """\
# The known-good set: exact versions that the course's tests ran on. Use it with pip install -c.
# `make constraints` writes this file; run the tests before you commit it.
"""


def closure(extras: tuple[str, ...] = EXTRAS) -> dict[str, str]:
    """Return name and version of all that the course and its extras need, as installed here.

    Walks from the course's own requirements to theirs, as pip does.

    Raises:
        importlib.metadata.PackageNotFoundError: A needed package isn't installed.
    """
    found: dict[str, str] = {}
    todo = [(DISTRIBUTION, extras)]
    seen = set()
    while todo:
        name, wanted_extras = todo.pop()
        if (name, wanted_extras) in seen:
            continue
        seen.add((name, wanted_extras))
        if name != DISTRIBUTION:
            found[canonicalize_name(name)] = Version(importlib.metadata.version(name)).public
        for text in importlib.metadata.requires(name) or []:
            need = Requirement(text)
            if need.marker is None or any(
                need.marker.evaluate({"extra": extra}) for extra in ("", *wanted_extras)
            ):
                todo.append((canonicalize_name(need.name), tuple(sorted(need.extras))))
    return found


def main() -> int:
    """Write the file; return the exit status."""
    try:
        lines = [f"{name}=={version}" for name, version in sorted(closure().items())]
    except importlib.metadata.PackageNotFoundError as error:
        print(
            f'{error.name} is missing: pip install -e ".[lab,dev,grading,site,bench]" first',
            file=sys.stderr,
        )
        return 1
    path = runtime.project_dir() / "constraints.txt"
    path.write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")
    print(f"{path.name}: {len(lines)} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
