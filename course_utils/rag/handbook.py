"""The handbook's articles, read with errors that name the file."""

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import yaml

FRONT_MATTER_KEYS = ("id", "title", "topic", "updated_at")


@dataclass(frozen=True)
class Article:
    """One support article."""

    id: str
    title: str
    topic: str
    updated_at: date
    body: str  # Markdown, without the front matter


def read_handbook(folder: Path) -> list[Article]:
    """Read all articles of a folder, sorted by id.

    Raises:
        FileNotFoundError: The folder has no Markdown file.
        ValueError: An article is malformed; the message names the file, the key and the remedy.
    """
    paths = sorted(folder.glob("*.md"))
    if not paths:
        raise FileNotFoundError(f"{folder} holds no .md file; point to a folder of articles")
    return [read_article(path) for path in paths]


def read_article(path: Path) -> Article:
    """Read one Markdown article whose front matter has `id`, `title`, `topic`, `updated_at`.

    Raises:
        ValueError: The file isn't such an article; the message names file, key and remedy.
    """
    try:
        content = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 ({error.reason}); save it as UTF-8") from None
    match = re.fullmatch(r"---\n(.*?)\n---\n(.*)", content, flags=re.DOTALL)
    if match is None:
        raise ValueError(f"{path}: no front matter; start the file with a block between two '---'")
    try:
        fields = yaml.safe_load(match[1])
    except yaml.YAMLError as error:
        line = error.problem_mark.line + 2 if getattr(error, "problem_mark", None) else 1
        raise ValueError(f"{path}, line {line}: front matter isn't YAML; quote the value") from None
    if not isinstance(fields, dict):
        raise ValueError(f"{path}: front matter holds no 'key: value' lines; add them")
    for key in FRONT_MATTER_KEYS:
        if not fields.get(key):
            raise ValueError(f"{path}: front matter lacks '{key}'; add a line '{key}: ...'")
    if type(fields["updated_at"]) is not date:
        raise ValueError(
            f"{path}: updated_at: {fields['updated_at']!r} is not a date; write it as 2026-01-31"
        )
    if fields["id"] != path.stem:
        raise ValueError(f"{path}: id: {fields['id']!r} differs from the file name; make them one")
    body = match[2].strip()
    if not body:
        raise ValueError(f"{path}: the article has no text; write it or delete the file")
    return Article(**{key: fields[key] for key in FRONT_MATTER_KEYS}, body=body)
