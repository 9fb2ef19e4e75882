"""The handbook, its chunks, and the prompt that cites them.

Retrieval-augmented generation: find the passages that bear on a question, put them into the
prompt, and let the model answer from them (Lewis et al. 2020).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import yaml

FRONT_MATTER_KEYS = ("id", "title", "topic", "updated_at")

INSTRUCTION = "Answer from the handbook in one short sentence."
# A made-up passage, so that it can't answer a real question by accident. It shows the form of
# an answer: a small model follows an example more readily than an instruction.
EXAMPLE = (
    {
        "role": "user",
        "content": "[parking] Parking\nThe car park behind the showroom has 24 places. Two of "
        "them have a charger. Parking is free for 3 hours.\n\nQ: How long can I park for free?",
    },
    {"role": "assistant", "content": "Parking is free for 3 hours."},
)


@dataclass(frozen=True)
class Article:
    """One support article."""

    id: str
    title: str
    topic: str
    updated_at: date
    body: str  # Markdown, without the front matter


@dataclass(frozen=True)
class Chunk:
    """A piece of an article, short enough to embed and to put into a prompt.

    `dataclasses.asdict(chunk)` is its row in the vector store.
    """

    id: str  # article id, "#", number within the article
    article_id: str
    text: str  # starts with the article's title, since a passage often doesn't say what it is about
    updated_at: str  # ISO date, which sorts as text


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


def chunk_article(article: Article, *, max_words: int = 80, overlap_words: int = 15) -> list[Chunk]:
    """Cut an article into chunks: at its headings, then between paragraphs and list items.

    Paragraphs and list items of a section share a chunk as long as they fit. One that is too
    long by itself is cut into windows of nearly equal size that share `overlap_words`, so that
    a sentence at a border stands whole in one of them. Each chunk carries the title and its
    section's heading.

    Args:
        article: As `read_article` returns it.
        max_words: Most words of a chunk, title and heading aside. 80 English words are about
            110 tokens, and the embedding model reads 256.
        overlap_words: Words that a window repeats from the one before it.

    Raises:
        ValueError: `max_words` isn't larger than twice `overlap_words`.
    """
    if overlap_words < 0 or max_words <= 2 * overlap_words:
        raise ValueError(
            f"max_words={max_words} must exceed twice overlap_words={overlap_words}; "
            "raise the one or lower the other"
        )
    texts = [
        "\n".join(filter(None, (article.title, heading, piece)))
        for heading, text in _sections(article.body)
        for piece in _pieces(text, max_words, overlap_words)
    ]
    return [
        Chunk(
            id=f"{article.id}#{number}",
            article_id=article.id,
            text=text,
            updated_at=article.updated_at.isoformat(),
        )
        for number, text in enumerate(texts)
    ]


def evidence_chunk(chunks: Sequence[Chunk], evidence: str) -> Chunk:
    """Return the chunk that holds a sentence, or most of it where a cut goes through.

    Args:
        chunks: Of the article that the sentence is from.
        evidence: The sentence, such as a question's `evidence` in `rag_questions.jsonl`.

    Raises:
        ValueError: No chunk shares a word with it.
    """
    words = set(evidence.split())
    shared = [len(words & set(chunk.text.split())) for chunk in chunks]
    if not any(shared):
        raise ValueError(
            f"no chunk holds {evidence[:60]!r}; pass the chunks of the article that it is from"
        )
    return chunks[shared.index(max(shared))]


def cited_chat(question: str, chunks: Sequence[Chunk]) -> list[dict[str, str]]:
    """Return the chat that asks for an answer from the chunks, each headed by its source."""
    context = "\n\n".join(f"[{chunk.article_id}] {chunk.text}" for chunk in chunks)
    return [
        {"role": "system", "content": INSTRUCTION},
        *EXAMPLE,  # one passage, one question, one answer in the form that we want
        {"role": "user", "content": f"{context}\n\nQ: {question}"},
    ]


def states_facts(answer: str, facts: Sequence[Sequence[str]]) -> bool:
    """Return whether an answer states every fact, each in one of its accepted wordings.

    Case and the kind of white space don't matter. A wording must stand by itself: "5 days"
    isn't in "15 days", and "€5" isn't in "€50".

    Args:
        answer: What a model or a person wrote.
        facts: For each fact its accepted wordings, as in `rag_questions.jsonl`.

    Raises:
        ValueError: There is no fact, or a fact without a wording; nothing could be checked.
    """
    if not facts or not all(facts):
        raise ValueError("no fact to check; a question that no article answers has none")
    text = " ".join(answer.lower().split())
    return all(any(_stands_in(wording, text) for wording in wordings) for wordings in facts)


def _stands_in(wording: str, text: str) -> bool:
    pattern = re.escape(" ".join(wording.lower().split()))
    return re.search(rf"(?<!\w)(?<!\d[.,]){pattern}(?![.,]?\d)(?!\w)", text) is not None


def _sections(body: str) -> list[tuple[str, str]]:
    """Split Markdown at its headings into pairs of heading line ("" before the first) and text."""
    heading, sections = "", []
    for part in re.split(r"^(#{2,4} .*)$", body, flags=re.MULTILINE):
        if re.match(r"#{2,4} ", part):
            heading = part.strip()
        elif part.strip():
            sections.append((heading, part.strip()))
    return sections


def _pieces(text: str, max_words: int, overlap_words: int) -> list[str]:
    """Join neighbouring blocks while they fit; cut a block that doesn't into windows."""
    pieces: list[str] = []
    start = end = words = 0  # of the piece being filled
    for block_start, block_end in _blocks(text):
        block = text[block_start:block_end]
        count = len(block.split())
        if words and words + count > max_words:
            pieces.append(text[start:end])
            words = 0
        if count > max_words:
            pieces += _windows(block, max_words, overlap_words)
            continue
        start = block_start if not words else start
        end, words = block_end, words + count
    return [*pieces, text[start:end]] if words else pieces


def _blocks(text: str) -> list[tuple[int, int]]:
    """Return where each paragraph, table and list item begins and ends."""
    borders = list(re.finditer(r"\n\s*\n|\n(?=\s*(?:[-*]|\d+\.) )", text))
    starts = [0, *(border.end() for border in borders)]
    ends = [*(border.start() for border in borders), len(text)]
    return list(zip(starts, ends, strict=True))


def _windows(text: str, max_words: int, overlap_words: int) -> list[str]:
    spans = [match.span() for match in re.finditer(r"\S+", text)]
    if len(spans) <= max_words:
        return [text]
    step = max_words - overlap_words
    count = -(-(len(spans) - overlap_words) // step)  # ceiling
    # Spread the windows evenly, so that the last one isn't a stub.
    size = -(-(len(spans) + (count - 1) * overlap_words) // count)
    starts = [number * (size - overlap_words) for number in range(count)]
    return [text[spans[start][0] : spans[min(start + size, len(spans)) - 1][1]] for start in starts]
