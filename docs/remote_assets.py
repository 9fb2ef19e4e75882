"""Find what a page would load from the web: the course's pages read offline, from the disk."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

# Attributes that make a browser load something, and the tags on which they do; None: on any.
PICTURES = ("image", "use")  # inside SVG
LOADING = {
    "href": ("link", *PICTURES),
    "xlink:href": PICTURES,
    "src": None,
    "srcset": None,
    "data": ("object",),
    "poster": None,
}


class _Loaded(HTMLParser):
    """Collects the addresses of what a page loads: scripts, styles, pictures, not links."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        of = dict(attributes)
        for name, tags in LOADING.items():
            if of.get(name) and (tags is None or tag in tags) and of.get("rel") != "canonical":
                self.addresses.append(of[name])
        self.addresses += _in_styles(of.get("style") or "")

    def handle_data(self, data: str) -> None:
        self.addresses += _in_styles(data) if self.cdata_elem == "style" else []
        if self.cdata_elem == "script":
            self.addresses += re.findall(r"""\bimport\b[^;"']*["']([^"']+)""", data)
            self.addresses += re.findall(r"""\.src\s*=\s*["']([^"']+)""", data)


def _in_styles(text: str) -> list[str]:
    return re.findall(r"""(?:url\(\s*|@import\s+)["']?([^"')\s]+)""", text)


def find(folder: Path) -> Iterator[str]:
    """Yield each address on the web that a page or a style sheet below a folder would load."""
    for path in sorted([*folder.rglob("*.html"), *folder.rglob("*.css")]):
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".css":
            addresses = _in_styles(text)
        else:
            page = _Loaded()
            page.feed(text)
            addresses = page.addresses
        for address in addresses:
            if re.match(r"(https?:)?//", address):
                yield f"{path.relative_to(folder)} loads {address}"
