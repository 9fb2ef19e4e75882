"""Chunks that a later article says anew: the older of two that are nearly alike."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from course_utils.rag.chunking import Chunk


@dataclass(frozen=True)
class Superseded:
    """A chunk and the later one that speaks of the same thing."""

    older: Chunk
    newer: Chunk
    similarity: float  # cosine of the two


def find_superseded(
    chunks: Sequence[Chunk], vectors: np.ndarray, *, min_similarity: float = 0.8
) -> list[Superseded]:
    """Return the chunks to which a chunk of a later article is nearly equal, the nearest first.

    A handbook keeps its old articles, and a search finds old and new alike: they use the same
    words. Near and later doesn't prove a contradiction, so look at the pairs before you drop
    the older ones; at a low `min_similarity` most say different things on one subject.

    Args:
        chunks: Of all articles.
        vectors: Of the chunks, with length 1, shape (n, dim).
        min_similarity: The cosine from which two chunks count as nearly equal.

    Raises:
        ValueError: There isn't one vector for each chunk.
    """
    if len(vectors) != len(chunks):
        raise ValueError(f"{len(chunks)} chunks and {len(vectors)} vectors; give each chunk one")
    articles = np.array([chunk.article_id for chunk in chunks])
    dates = np.array([chunk.updated_at for chunk in chunks])
    similarity = vectors @ vectors.T
    newer = (articles[:, None] != articles) & (dates[:, None] < dates)  # column is the newer one
    similarity = np.where(newer, similarity, -1.0)
    nearest = similarity.argmax(axis=1)
    found = [
        Superseded(chunk, chunks[nearest[row]], float(similarity[row, nearest[row]]))
        for row, chunk in enumerate(chunks)
        if similarity[row, nearest[row]] >= min_similarity
    ]
    return sorted(found, key=lambda pair: -pair.similarity)
