"""Find the tables that a question in plain words is about, out of all that the shop has.

A prompt with all 64 tables would be longer than most that a small model has learned from. So
the tables are chosen first, by what their names and columns mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from course_utils.shop.database import TABLES, schema_of

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

# More tables mean more words, some of which always fit; one that isn't needed misleads whoever
# writes the query. The value is the best on the dev split.
TABLE_COST = 0.01


@dataclass(frozen=True)
class Schema:
    """Tables that can answer a question together."""

    tables: tuple[str, ...]
    text: str  # as a prompt shows them
    score: float  # how near to the question: the mean of two cosines, less TABLE_COST a join


class SchemaIndex:
    """All tables, and all twos and threes that join, ready to be searched by meaning.

    Each is embedded twice: by its name, and by its columns with the categories that they hold,
    since people ask for tents and not for products of a category. Only the tables' definitions
    are used, no question, so that a new table is found from the start.
    """

    def __init__(self, embedder: "SentenceTransformer", tables: Sequence[str] = tuple(TABLES)):
        """Embed the names, columns and categories of the tables.

        Args:
            embedder: The tier's embedding model.
            tables: Those to choose among; all of the shop's by default.

        Raises:
            ValueError: `tables` is empty.
            KeyError: There is no such table.
        """
        if not tables:
            raise ValueError("tables is empty; give one or more names, or leave it out for all")
        self._embedder = embedder
        self._texts = {group: schema_of(group) for group in joinable(tables)}
        names = [" and ".join(group).replace("_", " ") for group in self._texts]
        held = ["; ".join(map(_with_categories, group)) for group in self._texts]
        self._vectors = (self._encode(names) + self._encode(held)) / 2

    def nearest(self, question: str, *, k: int = 1) -> list[Schema]:
        """Return the `k` schemas that are nearest to a question, the nearest first.

        Args:
            question: In plain words.
            k: How many.

        Raises:
            ValueError: The question is empty, or `k` isn't positive.
        """
        if not question.strip() or k < 1:
            raise ValueError(f"question={question!r}, k={k}: give a question and a k of 1 or more")
        scores = (self._vectors @ self._encode([question])[0]).tolist()
        found = [
            Schema(group, text, score - TABLE_COST * (len(group) - 1))
            for (group, text), score in zip(self._texts.items(), scores, strict=True)
        ]
        return sorted(found, key=lambda schema: -schema.score)[:k]

    def _encode(self, texts: list[str]):
        return self._embedder.encode(texts, normalize_embeddings=True, show_progress_bar=False)


def joinable(tables: Sequence[str]) -> list[tuple[str, ...]]:
    """Return each table alone, and all twos and threes of them that share keys.

    A table comes before the one whose key it holds, which is the order that `JOIN` is written
    in: order lines, orders, customers.

    Args:
        tables: Names of the shop's tables.

    Raises:
        KeyError: There is no such table.
    """
    schema_of(tables)  # names the one that isn't there
    keys = {table: TABLES[table][0].name for table in tables}
    holds = {table: {column.name for column in TABLES[table]} for table in tables}
    links = [(a, b) for a in tables for b in tables if a != b and keys[b] in holds[a]]
    chains = [(a, b, d) for a, b in links for c, d in links if b == c and a != d]
    forks = [(a, b, d) for a, b in links for c, d in links if a == c and b < d]
    return [(table,) for table in tables] + links + chains + forks


def _with_categories(table: str) -> str:
    parts = [
        f"{column.name} {' or '.join(column.values)}" if column.kind == "category" else column.name
        for column in TABLES[table]
    ]
    return f"{table}: {', '.join(parts)}".replace("_", " ")
