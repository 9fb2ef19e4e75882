"""Find rows, count them, delete them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pymilvus import MilvusClient

from course_utils.vectorstore.connection import explain_lost_server
from course_utils.vectorstore.fields import (
    ID_FIELD,
    VECTOR_FIELD,
    check_index,
    dimension,
    ensure_loaded,
    read_fields,
)
from course_utils.vectorstore.filters import Condition, filter_expression, id_filter
from course_utils.vectorstore.ingesting import LOOKUP_ROWS, check_shape, count_matching

AGAIN = "start it again, connect again and repeat the call"


@dataclass(frozen=True)
class Hit:
    """One row that a search found."""

    id: str
    similarity: float  # cosine: 1 is the same direction, 0 unrelated
    fields: dict[str, Any]


@explain_lost_server("a search", AGAIN)
def search(
    client: MilvusClient,
    collection: str,
    vectors: np.ndarray,
    *,
    k: int = 5,
    where: Sequence[Condition] = (),
    search_params: dict[str, Any] | None = None,
    consistency_level: str | None = None,
) -> list[list[Hit]]:
    """Return the k most similar rows for each query vector, best first.

    Args:
        client: Connected to Milvus Lite or a server.
        collection: A collection whose `embedding` is indexed with the COSINE metric.
        vectors: Query vectors, shape (n, dim).
        k: Hits a query.
        where: Conditions that all hits meet, each (field, operator, value), such as
            ("updated_at", ">=", "2026-01-01") or ("category", "in", ["returns", "refunds"]).
        search_params: How wide the index looks: {"ef": 64} for HNSW, {"nprobe": 16} for IVF.
        consistency_level: "Strong" waits until all rows written so far are seen; None takes the
            collection's own level, and a server's default misses rows of the last moments.

    Raises:
        ValueError: The vectors have another shape, or values that aren't finite; a condition
            doesn't fit the collection; its index is missing or has another metric.
        TypeError: A condition's value has another type than its field.
        ConnectionError: The server went away.
        TimeoutError: The server gave no answer in time.
    """
    fields = read_fields(client, collection)
    check_index(client, collection)
    vectors = np.asarray(vectors, dtype=np.float32)
    check_shape(vectors, len(vectors), dimension(fields))
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        raise ValueError(f"vector {int(np.argmin(finite))} has a value that isn't a finite number")
    if len(vectors) == 0:
        return []
    level = {} if consistency_level is None else {"consistency_level": consistency_level}
    results = client.search(
        collection,
        data=vectors.tolist(),
        anns_field=VECTOR_FIELD,
        limit=k,
        filter=filter_expression(fields, where),
        search_params={"params": search_params or {}},
        output_fields=[name for name in fields if name not in (ID_FIELD, VECTOR_FIELD)],
        **level,
    )
    # Under COSINE the library's "distance" is a similarity: larger is nearer.
    return [
        [Hit(hit[ID_FIELD], hit["distance"], dict(hit["entity"])) for hit in hits]
        for hits in results
    ]


@explain_lost_server("a count", AGAIN)
def count(client: MilvusClient, collection: str, *, where: Sequence[Condition] = ()) -> int:
    """Return how many rows the collection holds, or how many meet the conditions.

    `get_collection_stats` and the ORM's `num_entities` count what segments hold: on a server
    nothing before a flush, and rows that were deleted or replaced for long after it.
    """
    fields = read_fields(client, collection)
    ensure_loaded(client, collection)
    return count_matching(client, collection, filter_expression(fields, where))


@explain_lost_server("a delete", AGAIN)
def delete(client: MilvusClient, collection: str, ids: Sequence[str]) -> int:
    """Delete the rows with these ids; return how many there were.

    Ids that aren't there are passed over. `client.delete(ids=...)` counts them too, and pastes
    the ids into a filter.
    """
    read_fields(client, collection)
    ensure_loaded(client, collection)
    if isinstance(ids, str):
        raise TypeError("ids is one text; give a list of ids")
    deleted = 0
    ids = list(dict.fromkeys(ids))
    for start in range(0, len(ids), LOOKUP_ROWS):
        which = id_filter(ID_FIELD, ids[start : start + LOOKUP_ROWS])
        deleted += count_matching(client, collection, which)
        client.delete(collection, filter=which)
    return deleted


@explain_lost_server("a delete", AGAIN)
def delete_stale(
    client: MilvusClient,
    collection: str,
    *,
    keep: Collection[str],
    where: Sequence[Condition] = (),
) -> int:
    """Delete the rows that meet the conditions and aren't to be kept; return how many.

    An ingest replaces rows and adds some, and takes none away: when an article gets shorter,
    its last chunks stay. Call this after the ingest, with the ids of all rows of the source.

    Args:
        client: Connected to Milvus Lite or a server.
        collection: An existing collection.
        keep: The ids that stay.
        where: Which rows the call is about, such as [("source", "==", "handbook")].

    Raises:
        ValueError: `keep` is empty, which would delete all; drop the collection for that.
    """
    keep = set(keep)
    if not keep:
        raise ValueError("keep is empty, and every row would go; use client.drop_collection")
    fields = read_fields(client, collection)
    ensure_loaded(client, collection)
    iterator = client.query_iterator(
        collection,
        batch_size=LOOKUP_ROWS,
        filter=filter_expression(fields, where),
        output_fields=[ID_FIELD],
        consistency_level="Strong",
    )
    stale: list[str] = []
    while batch := iterator.next():
        stale += [row[ID_FIELD] for row in batch if row[ID_FIELD] not in keep]
    iterator.close()
    return delete(client, collection, stale)
