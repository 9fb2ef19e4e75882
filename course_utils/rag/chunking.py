"""Articles cut into chunks: at headings, then between paragraphs, then into windows."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from course_utils.rag.handbook import Article


@dataclass(frozen=True)
class Chunk:
    """A piece of an article, short enough to embed and to put into a prompt.

    `dataclasses.asdict(chunk)` is its row in the vector store.
    """

    id: str  # article id, "#", number within the article
    article_id: str
    text: str  # starts with the article's title, since a passage often doesn't say what it is about
    updated_at: str  # ISO date, which sorts as text


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
