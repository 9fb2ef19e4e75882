"""A Sphinx extension: links that the lessons, as notebooks, do without.

In each lesson the first use of a glossary term leads to the glossary, and everywhere "lesson 04"
leads to that lesson. A button opens the lesson in the JupyterLab that `make lab` started, and one
on Colab if the configuration names a repository on GitHub.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

GLOSSARY = "docs/glossary"
LESSON = re.compile(r"\b[Ll]esson\s+(\d\d)\b")
LAB_URL = "http://localhost:8888/lab/tree/"  # where JupyterLab listens unless the port is taken
COLAB_URL = "https://colab.research.google.com/github/"


@dataclass(frozen=True)
class Term:
    """A term of the glossary, its Chinese, what it means, and the lesson that first uses it."""

    english: str
    chinese: str
    meaning: str
    lesson: str

    @property
    def pattern(self) -> str:
        """What finds the term in a sentence: with a capital or not, in the plural or not."""
        first, rest = self.english[0], re.escape(self.english[1:])
        plural = "" if self.english[-1].isdigit() else "s?"
        return rf"(?<![\w-])[{first.upper()}{first.lower()}]{rest}{plural}(?![\w-])".replace(
            r"\ ", r"\s+"
        )


def read_terms(path: Path) -> list[Term]:
    """Return the terms of a glossary page, in its order.

    Raises:
        ValueError: An entry isn't English, Chinese, and a text that ends in "Lesson NN.".
    """
    body = path.read_text(encoding="utf-8").split("```{glossary}\n", 1)[1].split("\n```", 1)[0]
    terms = []
    for entry in re.split(r"\n\n(?=\S)", body.strip("\n")):
        found = re.fullmatch(r"(.+)\n(.+)\n((?:  .+\n?)+)", entry)
        meaning = " ".join(found[3].split()) if found else ""
        lesson = re.search(r" Lesson (\d\d)\.$", meaning)
        if lesson is None:
            raise ValueError(
                f"{path.name}: an entry is a line in English, one in Chinese, and indented "
                f"sentences that end in 'Lesson NN.'; this one isn't: {entry!r}"
            )
        terms.append(Term(found[1], found[2], meaning[: lesson.start()], lesson[1]))
    return terms


def any_of(terms: list[Term]) -> re.Pattern:
    """Return what finds any of the terms, the longest that fits first.

    So "embedding model" is one term and not a use of "embedding". `number_of` tells which it was.
    """
    by_length = sorted(enumerate(terms), key=lambda one: -len(one[1].english))
    return re.compile("|".join(f"(?P<t{number}>{term.pattern})" for number, term in by_length))


def number_of(found: re.Match) -> int:
    """Return the place in the list of the term that was found."""
    return int(found.lastgroup.removeprefix("t"))


def add_links(app: Sphinx, document: nodes.document) -> None:
    """Put both kinds of links into a page that was read."""
    page = app.env.docname
    lessons = {name.split("/")[1][:2]: name for name in app.env.found_docs if _is_lesson(name)}

    def lesson_link(found: re.Match) -> tuple[str, str] | None:
        name = lessons.get(found[1])
        return None if name in (None, page) else ("doc", f"/{name}")

    _link(document, LESSON, lesson_link)
    if not _is_lesson(page):
        return
    known = [
        term
        for term in read_terms(Path(app.env.doc2path(GLOSSARY)))
        if term.lesson <= page.split("/")[1][:2]  # an earlier use is of the everyday word
    ]
    used = set()

    def first_use(found: re.Match) -> tuple[str, str] | None:
        term = known[number_of(found)]
        if term in used:
            return None
        used.add(term)
        return "term", term.english

    if known:
        _link(document, any_of(known), first_use)


def _is_lesson(page: str) -> bool:
    return page.startswith("notebooks/")


def _link(
    document: nodes.document,
    pattern: re.Pattern,
    target: Callable[[re.Match], tuple[str, str] | None],
) -> None:
    """Make links of those matches in the page's sentences for which there is a target."""
    for text in list(document.findall(nodes.Text)):
        if not _in_sentence(text):
            continue
        parts, done = [], 0
        for found in pattern.finditer(text):
            if reference := target(found):
                parts += [nodes.Text(text[done : found.start()]), _reference(found[0], *reference)]
                done = found.end()
        if parts:
            text.parent.replace(text, [*parts, nodes.Text(text[done:])])


def _in_sentence(text: nodes.Text) -> bool:
    """Return whether a text stands in a paragraph, and neither in code nor in a link."""
    around = list(_parents(text))
    no_sentence = nodes.literal | nodes.literal_block | nodes.reference | addnodes.pending_xref
    return any(isinstance(node, nodes.paragraph) for node in around) and not any(
        isinstance(node, no_sentence | nodes.title) or "output" in node.get("classes", [])
        for node in around
        if isinstance(node, nodes.Element)
    )


def _parents(node: nodes.Node) -> Iterator[nodes.Node]:
    while node.parent is not None:
        node = node.parent
        yield node


def _reference(text: str, kind: str, target: str) -> addnodes.pending_xref:
    return addnodes.pending_xref(
        "",
        nodes.inline("", text, classes=[f"{kind}-link"]),
        refdomain="std",
        reftype=kind,
        reftarget=target,
        refexplicit=True,
        refwarn=True,
    )


def launch_buttons(page: str, repository: str) -> list[dict[str, str]]:
    """Return the buttons that open a lesson to work on, as the theme takes them."""
    buttons = [
        {
            "type": "link",
            "text": "JupyterLab",
            "tooltip": "Open in the JupyterLab that make lab has started",
            "icon": "fas fa-laptop",
            "url": f"{LAB_URL}{page}.ipynb",
        }
    ]
    if repository.startswith("https://github.com/"):
        name = repository.removeprefix("https://github.com/").strip("/").removesuffix(".git")
        buttons.append(
            {
                "type": "link",
                "text": "Colab",
                "tooltip": "Open on Colab, where the first cell installs the course",
                "icon": "_static/images/logo_colab.png",
                "url": f"{COLAB_URL}{name}/blob/main/{page}.ipynb",
            }
        )
    return buttons


def add_launch_buttons(
    app: Sphinx, page: str, template: str, context: dict[str, Any], document: nodes.document | None
) -> None:
    """Give a lesson's page its launch buttons, before the theme draws them."""
    if _is_lesson(page):
        context["header_buttons"].insert(
            0,
            {
                "type": "group",
                "tooltip": "Open this lesson to work on it",
                "icon": "fas fa-rocket",
                "buttons": launch_buttons(page, app.config.course_repository),
                "label": "launch-buttons",
            },
        )


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.add_config_value("course_repository", "", "html")
    app.connect("doctree-read", add_links)
    app.connect("html-page-context", add_launch_buttons, priority=502)  # after the theme's, at 501
    return {"parallel_read_safe": True, "parallel_write_safe": True}
