"""Slides of a lesson, made of its own cells: a heading and a lead, a short cell, its output.

nbconvert's exporter makes the slides; the template in `slides/` shows them without reveal.js,
which would come from the web. What is left out of a paragraph stands in the notes (key n).
"""

import copy
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import build_pages
import nbformat
from nbconvert.exporters import SlidesExporter
from nbformat import v4

HERE = Path(__file__).resolve().parent
MAX_LEAD_WORDS = 45
MAX_CODE_LINES = 24  # a longer cell is read in the notebook, not from a wall
MAX_OUTPUT_LINES = 14
MAX_LINES = 17  # code and its output together; more are two slides
MAX_TABLE_ROWS = 10  # of an output; the rest is read in the notebook
MAX_TABLE_LETTERS = 1100  # of a table in the prose; more are several slides

# They are for the notebook; a check repeats what the prose states.
LEFT_OUT_TAGS = {"setup", "check", "grade", "exercise"}
LEFT_OUT_SECTIONS = ("Set-up", "Quiz", "Your own data", "Sources")
WHOLE_SECTIONS = ("Exercise", "What the notes say", "What you can do now")
LEFT_OUT_CALLS = re.compile(r"^(progress|quiz|hint|solution)\(", re.MULTILINE)
SHOWS_PICTURE = re.compile(r"SVG\(.*\)$")  # the picture says it all
HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)

Cell = nbformat.NotebookNode


def of(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return the slides of an executed lesson, as a notebook whose cells say where they stand."""
    lesson = build_pages.without_widgets(copy.deepcopy(notebook))
    slides = list(_with_one_note(_slides(_parts(lesson))))
    for number, cell in enumerate(slides):
        cell.id = f"cell-{number}"  # not a random one: the same lesson makes the same page
    title = HEADING.match(lesson.cells[0].source)
    return v4.new_notebook(cells=slides, metadata={"title": title[2] if title else ""})


def to_html(notebook: nbformat.NotebookNode) -> str:
    """Return the slides of an executed lesson as one page that needs no other file."""
    exporter = SlidesExporter(
        template_name="slides",
        extra_template_basedirs=[str(HERE)],
        exclude_input_prompt=True,
        exclude_output_prompt=True,
    )
    return exporter.from_notebook_node(of(notebook))[0]


def _parts(lesson: nbformat.NotebookNode) -> list[Cell]:
    """Return the cells worth showing, prose cut at its headings."""
    parts, shown = [], True
    for cell in lesson.cells:
        if cell.cell_type == "markdown":
            for text in _at_headings(cell.source):
                if heading := HEADING.match(text):
                    shown = heading[2] not in LEFT_OUT_SECTIONS
                if shown:
                    parts.append(v4.new_markdown_cell(text))
        elif shown and cell.cell_type == "code" and _worth_showing(cell):
            parts.append(cell)
    return parts


def _at_headings(text: str) -> list[str]:
    fenced, pieces = False, [[]]
    for line in text.splitlines():
        fenced ^= line.startswith("```")
        if HEADING.match(line) and not fenced and pieces[-1]:
            pieces.append([])
        pieces[-1].append(line)
    return ["\n".join(piece).strip() for piece in pieces]


def _worth_showing(cell: Cell) -> bool:
    left_out = LEFT_OUT_TAGS & set(cell.metadata.get("tags", []))
    imports = all(re.match(r"(import|from|\s|\)|$)", line) for line in cell.source.splitlines())
    return not left_out and not imports and not LEFT_OUT_CALLS.search(cell.source)


def _slides(parts: list[Cell]) -> Iterator[Cell]:
    section = ""
    for index, part in enumerate(parts):
        after = parts[index + 1] if index + 1 < len(parts) else None
        if part.cell_type == "code":
            before = parts[index - 1] if index else part
            alone = before.cell_type == "code" or "\n|" in before.source  # a table fills a slide
            yield from _of_code(part, new_slide=alone, section=section)
            continue
        heading = HEADING.match(part.source)
        section = heading[2] if heading else section
        lead, rest = _lead(part.source, before_code=after is not None and after.cell_type == "code")
        if index == 0 or not _reads_back(part, after):
            if rest and not HEADING.match(part.source):  # it reads what the slide before shows
                yield _note(rest)
                rest = ""
            for text in _with_short_tables(lead):
                yield v4.new_markdown_cell(text, metadata=_place("slide"))
        else:
            rest = part.source
        if rest:
            yield _note(rest)


def _with_one_note(cells: Iterable[Cell]) -> Iterator[Cell]:
    """Yield the cells with all that is noted for a slide in one note at its end."""
    noted: list[str] = []
    for cell in cells:
        kind = cell.metadata.slideshow.slide_type
        if kind == "slide" and noted:
            yield _note("\n\n".join(noted))
            noted = []
        if kind == "notes":
            noted.append(cell.source)
        else:
            yield cell
    if noted:
        yield _note("\n\n".join(noted))


def _reads_back(part: Cell, after: Cell | None) -> bool:
    """Return whether prose only reads the output before it: no heading, and no cell after it."""
    return not HEADING.match(part.source) and (after is None or after.cell_type == "markdown")


def _lead(text: str, *, before_code: bool) -> tuple[str, str]:
    """Cut a text into what stands on the slide and what is for the notes."""
    heading = HEADING.match(text)
    if heading and (len(heading[1]) == 1 or heading[2].startswith(WHOLE_SECTIONS)):
        return text, ""
    head, body = (heading[0], text[heading.end() :].strip()) if heading else ("", text)
    # A list or a table stays with the line that announces it.
    paragraphs = re.split(r"(?<!:)\n\n+|\n\n+(?![-|>\d])", body) if body else []
    chosen = -1 if before_code and not heading else 0
    lead = paragraphs.pop(chosen) if paragraphs else ""
    short = _first_sentences(lead)
    rest = [*paragraphs, lead] if short != lead else paragraphs
    return "\n\n".join(filter(None, [head, short])), "\n\n".join(rest)


def _with_short_tables(text: str) -> list[str]:
    """Cut a text in the midst of a table that no screen holds; the heading is said again."""
    table = re.search(r"^\|.+\n\|[-:| ]+\n((?:\|.+(?:\n|$))+)", text, re.MULTILINE)
    if not table or len(table[1]) <= MAX_TABLE_LETTERS:
        return [text]
    head = table[0][: table.start(1) - table.start()]
    screens: list[list[str]] = [[]]
    for row in table[1].splitlines():
        if len("".join([*screens[-1], row])) > MAX_TABLE_LETTERS and screens[-1]:
            screens.append([])
        screens[-1].append(row)
    heading = HEADING.match(text)
    first, *later = [head + "\n".join(rows) for rows in screens]
    later = ["\n\n".join(filter(None, [heading and heading[0], rows])) for rows in later]
    later[-1] += "\n" + text[table.end() :]
    return [text[: table.start()] + first, *later]


def _first_sentences(text: str) -> str:
    """Return as many sentences as a slide bears, at least one; lists and tables stay whole."""
    if re.search(r"^([-|>]|\d\.)", text, re.MULTILINE):
        return text
    sentences = re.split(r"(?<=[.?!:])\s+(?=[A-Z`*\"])", text)
    kept = sentences[:1]
    for sentence in sentences[1:]:
        if len(" ".join([*kept, sentence]).split()) > MAX_LEAD_WORDS:
            break
        kept.append(sentence)
    return " ".join(kept)


def _of_code(cell: Cell, *, new_slide: bool, section: str) -> Iterator[Cell]:
    """Yield the slides of a code cell: all on one if it fits, else the code, then its outputs."""
    outputs = [_shortened(output) for output in cell.outputs if _readable(output)]
    has_picture = any(_is_picture(output) for output in outputs)
    code_lines = len(cell.source.splitlines())
    code = not SHOWS_PICTURE.match(cell.source)
    code &= 0 < code_lines <= (MAX_CODE_LINES // 2 if has_picture else MAX_CODE_LINES)
    fits = not has_picture and code_lines + sum(map(_height, outputs)) <= MAX_LINES
    if code:
        shown = v4.new_code_cell(cell.source, outputs=outputs if fits else [])
        shown.metadata = _place("slide" if new_slide else "-")
        yield shown
        new_slide = True
    for group in [] if code and fits else _screens(outputs):
        if new_slide:  # it stands apart from the sentence before it, so it needs a name
            yield v4.new_markdown_cell(f"#### {section}", metadata=_place("slide"))
        alone = v4.new_code_cell("", outputs=group)
        alone.metadata = _place("-") | {"transient": {"remove_source": True}}
        yield alone
        new_slide = True


def _screens(outputs: list[Cell]) -> list[list[Cell]]:
    """Group outputs by what a screen holds: a picture alone, texts and tables up to a height."""
    groups: list[list[Cell]] = []
    for output in outputs:
        last = groups[-1] if groups else []
        crowded = sum(map(_height, [*last, output])) > MAX_OUTPUT_LINES
        if not last or crowded or any(map(_is_picture, [*last, output])):
            groups.append([output])
        else:
            last.append(output)
    return groups


def _readable(output: Cell) -> bool:
    if output.output_type == "stream":
        return output.name == "stdout"
    return output.output_type == "error" or not {"application/javascript"} & set(output.data)


def _is_picture(output: Cell) -> bool:
    return bool({"image/png", "image/svg+xml"} & set(output.get("data", {})))


def _height(output: Cell) -> int:
    if output.output_type == "stream":
        return len(output.text.splitlines())
    if output.output_type == "error":
        return 2
    rows = output.data.get("text/html", "").count("<tr")  # a row is higher than a line
    return rows * 3 // 2 if rows else len(output.data.get("text/plain", "").splitlines()) + 1


def _shortened(output: Cell) -> Cell:
    """Return an output with at most the lines that a slide bears; of an error its last line."""
    if output.output_type == "error":
        text = f"{output.ename}: {output.evalue}"
        return v4.new_output("stream", text=_first_lines(text))
    html = output.get("data", {}).get("text/html", "")
    if output.output_type == "stream":
        output.text = _first_lines(output.text)
    elif 'class="highlight"' in html:  # the source of a helper
        output.data = {"text/plain": _first_lines(output.data["text/plain"])}
    elif html:
        output.data["text/html"] = _first_rows(html)
    elif not {"image/png", "image/svg+xml"} & set(output.data):
        output.data = {"text/plain": _first_lines(output.data.get("text/plain", ""))}
    return output


def _first_rows(html: str) -> str:
    rows = list(re.finditer(r"<tr\b.*?</tr>", html, re.DOTALL))
    if len(rows) <= MAX_TABLE_ROWS + 1:  # with its head
        return html
    columns = rows[-1][0].count("<t") - 1
    return (
        html[: rows[MAX_TABLE_ROWS].end()]
        + f"<tr>{'<td>…</td>' * columns}</tr>"
        + html[rows[-1].end() :]
    )


def _first_lines(text: str) -> str:
    lines = text.splitlines()
    return "\n".join([*lines[:MAX_OUTPUT_LINES], *(["…"] if len(lines) > MAX_OUTPUT_LINES else [])])


def _place(kind: str) -> nbformat.NotebookNode:
    return nbformat.NotebookNode(slideshow=nbformat.NotebookNode(slide_type=kind))


def _note(text: str) -> Cell:
    return v4.new_markdown_cell(text, metadata=_place("notes"))
