"""What was found, and what was answered: retrieval and generation scored apart."""

import re
from collections.abc import Sequence

import numpy as np

from course_utils.rag.chunking import Chunk


def article_ranks(
    similarity: np.ndarray, chunks: Sequence[Chunk], wanted: Sequence[Sequence[str]]
) -> np.ndarray:
    """Return for each question the place at which all the articles that it needs are found.

    Articles are ranked by their best chunk. Two chunks of one article don't take two places,
    so that cutting into more pieces neither helps nor harms by itself. A question that needs
    two articles has the place of the later one.

    Args:
        similarity: Of each question to each chunk, shape (n, m).
        chunks: The m chunks.
        wanted: For each of the n questions the ids of the articles that it needs.

    Returns:
        Places from 1, shape (n,). `(places <= 3).mean()` is recall@3, and `(1 / places).mean()`
        the mean reciprocal rank (Voorhees 1999).

    Raises:
        ValueError: The shape doesn't fit, or a question wants no article, or one without chunks.
    """
    if similarity.shape != (len(wanted), len(chunks)):
        raise ValueError(
            f"similarity has shape {similarity.shape}; {len(wanted)} questions and {len(chunks)} "
            f"chunks ask for ({len(wanted)}, {len(chunks)})"
        )
    names, of_chunk = np.unique([chunk.article_id for chunk in chunks], return_inverse=True)
    best = np.full((len(wanted), len(names)), -np.inf)
    np.maximum.at(best.T, of_chunk, similarity.T)
    place_of = np.argsort(np.argsort(-best, axis=1, kind="stable"), axis=1) + 1
    column = {str(name): number for number, name in enumerate(names)}
    places = np.empty(len(wanted), dtype=int)
    for number, articles in enumerate(wanted):
        if not articles or any(article not in column for article in articles):
            raise ValueError(
                f"question {number} wants {list(articles)}; give articles of which there are chunks"
            )
        places[number] = max(place_of[number, column[article]] for article in articles)
    return places


def holds_facts(
    chunks: Sequence[Chunk], articles: Sequence[str], facts: Sequence[Sequence[str]]
) -> bool:
    """Return whether the chunks of the right articles state every fact.

    If they do and the answer is wrong, the model erred; if they don't, the search did.

    Args:
        chunks: What stood in the prompt.
        articles: The ids of the articles that answer; a fact elsewhere is another fact.
        facts: As `states_facts` takes them.

    Raises:
        ValueError: There is no fact, or a fact without a wording.
    """
    return states_facts(" | ".join(c.text for c in chunks if c.article_id in articles), facts)


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
