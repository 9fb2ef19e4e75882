"""What exercises say, as a small block of HTML in a notebook and as plain text elsewhere.

The text keeps the colour of the theme, so it is legible in a light and in a dark one. The colour
of the border only repeats what the words say.
"""

import html
import sys
from dataclasses import dataclass
from pathlib import Path

PASSED = "#007A5A"
NOT_YET = "#D55E00"
NOT_ATTEMPTED = "#888888"
HELP = "#0072B2"

BAR_CHARACTERS = 20  # a longer bar would break the line; lessons with fewer exercises get one each


@dataclass(frozen=True, repr=False)
class Note:
    """One message: a label, a text, and code where there is some."""

    label: str
    text: str
    colour: str
    code: str = ""

    def __repr__(self) -> str:
        """Return the plain text."""
        sentence = " ".join(part for part in (self.label, self.text) if part)
        return "\n".join(part for part in (sentence, self.code.rstrip("\n")) if part)

    def _repr_html_(self) -> str:
        style = 'style="white-space: pre; overflow-x: auto;"'  # scroll a long line, don't break it
        code = f"<pre {style}>{html.escape(self.code.rstrip())}</pre>" if self.code else ""
        return (
            f'<div style="border-left: 4px solid {self.colour}; padding: 0.3em 0.8em; '
            'margin: 0.3em 0;">'
            f"<strong>{html.escape(self.label)}</strong> "
            f'<span style="white-space: pre-wrap;">{html.escape(self.text)}</span>{code}</div>'
        )


@dataclass(frozen=True)
class LessonProgress:
    """How many of a lesson's exercises are passed."""

    lesson: str
    passed: int
    exercises: int


@dataclass(frozen=True, repr=False)
class ProgressBars:
    """A bar for each lesson, and where the progress was written to, if it was."""

    lessons: tuple[LessonProgress, ...]
    exported: Path | None = None

    def __repr__(self) -> str:
        """Return the plain text, a line for each lesson."""
        lines = [
            f"lesson {row.lesson}  {_bar(row)}  {row.passed} of {row.exercises}"
            for row in self.lessons
        ]
        return "\n".join(lines + ([f"written to {self.exported}"] if self.exported else []))

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>lesson {html.escape(row.lesson)}</td>"
            '<td><div style="width: 12em; background: var(--jp-border-color2, #bbbbbb);">'
            f'<div style="width: {100 * row.passed / row.exercises:.0f}%; height: 0.8em; '
            f'background: {PASSED};"></div></div></td>'
            f"<td>{row.passed} of {row.exercises}</td></tr>"
            for row in self.lessons
        )
        exported = f"<p>written to {html.escape(str(self.exported))}</p>" if self.exported else ""
        return f"<table><tbody>{rows}</tbody></table>{exported}"


def in_notebook() -> bool:
    """Return whether IPython runs this code: only then can HTML be shown."""
    ipython = sys.modules.get("IPython")  # whoever runs under it has imported it
    return ipython is not None and ipython.get_ipython() is not None


def show(shown: Note | ProgressBars) -> None:
    """Display both forms, of which a notebook picks the HTML; print the text elsewhere."""
    if not in_notebook():
        print(shown)
        return
    from IPython.display import display

    display(shown)


def _bar(row: LessonProgress) -> str:
    length = min(row.exercises, BAR_CHARACTERS)
    filled = row.passed * length // row.exercises
    return "█" * filled + "░" * (length - filled)
