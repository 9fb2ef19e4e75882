"""Put texts and vectors into Milvus, search them.

The same calls work on Milvus Lite (a folder on this machine) and on a Milvus server: only
the URI differs.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pymilvus import DataType, MilvusClient
from pymilvus.exceptions import ConnectionConfigException
from tqdm.auto import tqdm

ID_FIELD = "id"
TEXT_FIELD = "text"  # what is embedded
VECTOR_FIELD = "embedding"


@dataclass(frozen=True)
class IngestReport:
    """What an ingest did, in rows."""

    added: int
    replaced: int
    unchanged: int
    seconds: float


@dataclass(frozen=True)
class Hit:
    """One row that a search found."""

    id: str
    similarity: float  # cosine: 1 is the same direction, 0 unrelated
    fields: dict[str, Any]


def connect(uri: str | Path) -> MilvusClient:
    """Return `MilvusClient(uri)`; the folder of a local database is created.

    Args:
        uri: A path that ends in `.db` for Milvus Lite, or a server's `http://host:port`.

    Raises:
        RuntimeError: Another process, such as a second notebook, has the local database open.
    """
    uri = str(uri)
    if "://" not in uri:
        Path(uri).parent.mkdir(parents=True, exist_ok=True)
    try:
        return MilvusClient(uri)
    except ConnectionConfigException as error:
        if "Open local milvus failed" not in str(error):
            raise
        raise RuntimeError(
            f"{uri} can't be opened: Milvus Lite serves one process at a time. Shut down the "
            "other notebook that uses it (Kernel > Shut Down Kernel), or connect to another path"
        ) from error


def release(uri: str | Path) -> None:
    """Shut a local database, so that another notebook can open it; a server is left alone.

    Closing a client isn't enough: Milvus Lite serves the folder until the process ends.
    """
    if "://" in str(uri):
        return
    from milvus_lite.server_manager import server_manager_instance

    server_manager_instance.release_server(str(uri))


def ingest(
    client: MilvusClient,
    collection: str,
    rows: Sequence[dict[str, Any]],
    *,
    embed: Callable[[list[str]], np.ndarray],
    batch_size: int = 256,
    progress: bool = True,
) -> IngestReport:
    """Store rows with the vectors of their texts; rows that are there already cost nothing.

    A batch first asks which of its ids the collection holds with the same values, and embeds
    and writes the others alone. So a second run adds nothing, a changed text replaces its row,
    and a run that was killed goes on where it stopped.

    Writes by `upsert`: `insert` with a known key replaces the row on Milvus Lite, but a Milvus
    2.3 server keeps both.

    Args:
        client: Connected to Milvus Lite or a server.
        collection: An existing collection with fields `id`, `text` and `embedding`.
        rows: Each a dict with `id`, `text` and the collection's other fields, without vector.
        embed: Turns n texts into an array of shape (n, dim), such as a model's `encode`.
        batch_size: Rows embedded and written at once.
        progress: Whether to show a progress bar over the batches.

    Raises:
        ValueError: Rows repeat an id or lack a field, or `embed` returns vectors of another
            shape or with values that aren't finite. Rows of earlier batches stay stored.
    """
    started = time.perf_counter()
    schema = _fields(client, collection)
    _check_rows(rows, schema)
    names = [name for name in schema if name != VECTOR_FIELD]
    added = replaced = 0
    starts = range(0, len(rows), batch_size)
    for start in tqdm(starts, desc=f"ingest {collection}", disable=not progress):
        batch = rows[start : start + batch_size]
        ids = [row[ID_FIELD] for row in batch]
        stored = {
            row[ID_FIELD]: row for row in client.get(collection, ids=ids, output_fields=names)
        }
        changed = [
            row
            for row in batch
            if any(stored.get(row[ID_FIELD], {}).get(n) != row[n] for n in names)
        ]
        if not changed:
            continue
        vectors = np.asarray(embed([row[TEXT_FIELD] for row in changed]), dtype=np.float32)
        _check_vectors(vectors, len(changed), schema[VECTOR_FIELD]["params"]["dim"])
        client.upsert(
            collection,
            [{**row, VECTOR_FIELD: v.tolist()} for row, v in zip(changed, vectors, strict=True)],
        )
        known = sum(row[ID_FIELD] in stored for row in changed)
        added += len(changed) - known
        replaced += known
    unchanged = len(rows) - added - replaced
    return IngestReport(added, replaced, unchanged, time.perf_counter() - started)


def search(
    client: MilvusClient, collection: str, vectors: np.ndarray, *, k: int = 5
) -> list[list[Hit]]:
    """Return the k most similar rows for each query vector, best first.

    Args:
        client: Connected to Milvus Lite or a server.
        collection: A collection whose `embedding` is indexed with the COSINE metric.
        vectors: Query vectors, shape (n, dim).
        k: Hits a query.

    Raises:
        ValueError: The vectors have another shape, or values that aren't finite.
    """
    schema = _fields(client, collection)
    vectors = np.asarray(vectors, dtype=np.float32)
    _check_vectors(vectors, len(vectors), schema[VECTOR_FIELD]["params"]["dim"])
    results = client.search(
        collection,
        data=vectors.tolist(),
        anns_field=VECTOR_FIELD,
        limit=k,
        output_fields=[name for name in schema if name not in (ID_FIELD, VECTOR_FIELD)],
    )
    # Under COSINE the library's "distance" is a similarity: larger is nearer.
    return [
        [Hit(hit[ID_FIELD], hit["distance"], dict(hit["entity"])) for hit in hits]
        for hits in results
    ]


def _fields(client: MilvusClient, collection: str) -> dict[str, dict[str, Any]]:
    """Return the collection's fields by name, after checking that the needed ones are there."""
    if not client.has_collection(collection):
        there = ", ".join(client.list_collections()) or "none"
        raise ValueError(f"no collection {collection!r} (there: {there}); create it first")
    fields = {field["name"]: field for field in client.describe_collection(collection)["fields"]}
    for name, kind in (
        (ID_FIELD, DataType.VARCHAR),
        (TEXT_FIELD, DataType.VARCHAR),
        (VECTOR_FIELD, DataType.FLOAT_VECTOR),
    ):
        if name not in fields or fields[name]["type"] != kind:
            raise ValueError(f"collection {collection!r} needs a field {name!r} of {kind.name}")
    return fields


def _check_rows(rows: Sequence[dict[str, Any]], schema: dict[str, dict[str, Any]]) -> None:
    expected = set(schema) - {VECTOR_FIELD}
    seen: dict[str, int] = {}
    for number, row in enumerate(rows):
        if set(row) != expected:
            lacking = ", ".join(sorted(expected - set(row))) or "nothing"
            unknown = ", ".join(sorted(set(row) - expected)) or "nothing"
            raise ValueError(
                f"rows[{number}] lacks {lacking} and has {unknown} that the collection doesn't "
                "know; give each row the collection's fields, without the vector"
            )
        first = seen.setdefault(row[ID_FIELD], number)
        if first != number:
            raise ValueError(
                f"rows[{number}] repeats the id {row[ID_FIELD]!r} of rows[{first}]; "
                "one of them would be lost, so make the ids unique"
            )


def _check_vectors(vectors: np.ndarray, count: int, dim: int) -> None:
    if vectors.shape != (count, dim):
        raise ValueError(
            f"vectors have shape {vectors.shape}, the collection takes ({count}, {dim}); "
            "use the embedding model that the collection was made with"
        )
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        # Milvus Lite stores NaN in silence, and such a row is never found again.
        raise ValueError(f"vector {int(np.argmin(finite))} has a value that isn't a finite number")
