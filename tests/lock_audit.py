"""What constraints.txt lets in, as far as the installed packages tell without a network.

Known vulnerabilities aren't among it: `make audit` asks for them where there is a network.
"""

import importlib.metadata
import re
from collections.abc import Iterator
from pathlib import Path

# The forms in which packages write the licences that ask for no more than a notice.
ALLOWED = {
    *("MIT", "MIT License", "MIT-0", "MIT-CMU", "0BSD", "Zlib", "CC0-1.0", "BSL-1.0"),
    *("ISC", "ISC License (ISCL)", "BSD License", "BSD-2-Clause", "BSD-3-Clause"),
    *("3-Clause BSD License", "PSF-2.0", "Python Software Foundation License", "CNRI-Python"),
    *("Apache-2.0", "Apache 2.0", "Apache 2.0 License", "Apache License, Version 2.0"),
    *("Apache Software License", "Apache-2.0 WITH LLVM-exception", "Public Domain"),
}
REASONED = {
    "certifi": "MPL-2.0 holds for its own file, a list of certificates, which we don't change",
    "codespell": "GPL-2.0: a program that is run on the texts; nothing of the course imports it",
    "docutils": "GPL for an Emacs mode alone; the rest is in the public domain or BSD",
    "fqdn": "MPL-2.0 holds for its own files, which we don't change",
    "hypothesis": "MPL-2.0 holds for its own files; the tests alone use it",
    "orjson": "MPL-2.0 holds for its own files, which we don't change",
    "tqdm": "MPL-2.0 holds for its own files, which we don't change",
}
STARTUP_CODE = {
    "distutils-precedence.pth": "setuptools puts its distutils in the place of the one Python lost",
}


def licences(distribution: importlib.metadata.Distribution) -> set[str]:
    """Return the licences that a package names: its expression, else its classifiers, else text."""
    about = distribution.metadata
    if expression := about["License-Expression"]:
        return {part.strip() for part in re.split(r"[()]| AND | OR ", expression)} - {""}
    classifiers = [each.split(" :: ") for each in about.get_all("Classifier") or []]
    if named := {each[-1] for each in classifiers if each[0] == "License"}:
        return named
    text = (about["License"] or "none named").strip().splitlines()[0]
    return set(text.split(" AND "))


def foreign_licences(names: list[str]) -> dict[str, set[str]]:
    """Return the packages with a licence that is neither allowed nor reasoned, and which."""
    found = {name: licences(importlib.metadata.distribution(name)) - ALLOWED for name in names}
    return {name: odd for name, odd in found.items() if odd and name not in REASONED}


def startup_code(site_packages: Path) -> Iterator[str]:
    """Yield the files in a folder of packages that run code whenever Python starts."""
    for path in sorted(site_packages.glob("*.pth")):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        if any(line.startswith(("import ", "import\t")) for line in lines):
            yield path.name
    for name in ("sitecustomize", "usercustomize"):
        yield from (path.name for path in sorted(site_packages.glob(f"{name}*")))


def from_elsewhere(names: list[str]) -> list[str]:
    """Return the packages that weren't installed from a registry but from an address or a path."""
    found = {name: importlib.metadata.distribution(name) for name in names}
    return [name for name, each in found.items() if each.read_text("direct_url.json")]
