"""Measure what an index takes on a real server, to hold `sizing` against."""

from pathlib import Path
from typing import Any

import numpy as np
from pymilvus import DataType, MilvusClient

from course_utils.vectorstore.fields import METRIC, VECTOR_FIELD
from course_utils.vectorstore.server import Server

BATCH_ROWS = 5000  # 8 MB of vectors with 384 numbers; a server takes 64 MB in a call


def fill_with_vectors(
    client: MilvusClient, collection: str, *, rows: int, dim: int, seed: int = 0
) -> None:
    """Make a collection anew and fill it with random vectors; nothing but keys stands beside them.

    For sizes alone: an index of random vectors takes as many bytes as one of real vectors, but
    searches them worse.

    Args:
        client: Connected to a server.
        collection: Its name; what it holds is lost.
        rows: How many.
        dim: Numbers in a vector.
        seed: Of the random numbers.
    """
    if client.has_collection(collection):
        client.drop_collection(collection)
    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field(VECTOR_FIELD, DataType.FLOAT_VECTOR, dim=dim)
    client.create_collection(collection, schema=schema)
    numbers = np.random.default_rng(seed)
    for start in range(0, rows, BATCH_ROWS):
        count = min(BATCH_ROWS, rows - start)
        vectors = numbers.standard_normal((count, dim), dtype=np.float32)
        batch = [{"id": start + n, VECTOR_FIELD: vector} for n, vector in enumerate(vectors)]
        client.insert(collection, batch)
    client.flush(collection)  # closes the last segment: only closed ones get an index


def measure_index_bytes(
    server: Server, client: MilvusClient, collection: str, *, kind: str, params: dict[str, Any]
) -> int:
    """Build an index on a collection's vectors and return the bytes of its files.

    A query node reads these files into memory when the collection is loaded, where they are some
    10 % larger: on disk they are compressed. The memory of the server's process is no measure of
    a small index: it keeps what it has freed, and swings by more. FLAT has no files: it loads the
    vectors themselves.

    Args:
        server: Whose folder has the files.
        client: Connected to it.
        collection: With closed segments and without an index; it is left so.
        kind: Such as IVF_SQ8.
        params: The index's own, such as {"nlist": 128}.

    Raises:
        ValueError: The collection has an index already.
    """
    if client.list_indexes(collection):
        raise ValueError(f"collection {collection!r} has an index; drop it first")
    files = server.data / "data" / "index_files"
    before = _files_in(files)
    index = client.prepare_index_params()
    index.add_index(VECTOR_FIELD, index_type=kind, metric_type=METRIC, params=params)
    client.create_index(collection, index)  # returns when it is built
    after = _files_in(files)  # an index that was dropped may lose its files in the meantime
    client.drop_index(collection, VECTOR_FIELD)
    return sum(size for path, size in after.items() if path not in before)


def _files_in(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_size for path in folder.rglob("*") if path.is_file()}
