"""Store rows in batches, so that a second run adds nothing and a killed run can go on."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from pymilvus import DataType, MilvusClient
from tqdm.auto import tqdm

from course_utils import files
from course_utils.vectorstore.connection import explain_lost_server
from course_utils.vectorstore.fields import (
    HASH_FIELD,
    ID_FIELD,
    TEXT_FIELD,
    VECTOR_FIELD,
    Fields,
    check_index,
    dimension,
    read_fields,
)
from course_utils.vectorstore.filters import id_filter
from course_utils.vectorstore.rows import content_hash, plain_row, row_problem, vector_problem

# Ids asked for at once: a server takes 0.2 to 0.4 s to answer, for few as for many.
LOOKUP_ROWS = 4000
WHOLE_ROWS = 1000  # the same where all values come back, long texts among them
RUN_AGAIN = (
    "what was stored is kept: start the server, connect and run the ingest again, and it goes on "
    "where it stopped"
)


@dataclass(frozen=True)
class IngestReport:
    """What an ingest did, in rows."""

    added: int
    replaced: int
    unchanged: int
    seconds: float
    set_aside: int = 0


@dataclass(frozen=True)
class _Row:
    """A row to be written."""

    number: int  # its place in the rows given
    values: dict[str, Any]
    known: bool  # the collection holds its id, with other values


@dataclass
class _SetAside:
    """The rows that can't be stored: written to a file, or raised if there is none."""

    path: Path | None
    lines: list[str]

    def add(self, number: int, row: Any, problem: str) -> None:
        if self.path is None:
            raise ValueError(
                f"rows[{number}] {problem}; mend it, or pass set_aside=PATH to store the rest "
                "and write such rows there"
            )
        line = {"row": number, "reason": problem, "values": _printable(row)}
        text = json.dumps(line, ensure_ascii=False)
        self.lines.append(text.translate(files.UNICODE_LINE_BREAKS))

    def write(self) -> None:
        if self.path is not None:
            text = "".join(f"{line}\n" for line in self.lines)
            # Half a surrogate pair can't be written as UTF-8; its JSON escape can.
            files.write_bytes(self.path, text.encode("utf-8", "backslashreplace"))


@explain_lost_server("an ingest", RUN_AGAIN)
def ingest(
    client: MilvusClient,
    collection: str,
    rows: Sequence[dict[str, Any]],
    *,
    embed: Callable[[list[str]], np.ndarray] | None,
    batch_size: int = 256,
    progress: bool = True,
    set_aside: Path | None = None,
) -> IngestReport:
    """Store rows with the vectors of their texts; rows that are there already cost nothing.

    The collection is first asked which ids it holds with the same values; only the other rows
    are embedded and written. So a second run adds nothing, a changed text replaces its row,
    and a run that was killed goes on where it stopped. If the collection has a field
    `content_hash`, it is filled here and compared in place of the texts.

    It goes over the rows three times: for ids that are there twice, for other faults, and to ask,
    embed and write a block at a time. Of a good row it keeps 8 bytes at most, so rows may be read
    from a file as they are asked for.

    Writes by `upsert`: `insert` with a known key replaces the row on Milvus Lite, but a Milvus
    2.3 server keeps both. In a collection with a partition key, where upsert has a fault of its
    own, it deletes known rows and inserts. Another embedding model needs a collection of its
    own: rows whose values are the same keep their old vectors.

    Args:
        client: Connected to Milvus Lite or a server.
        collection: An existing collection with fields `id`, `text` and `embedding`, the last
            indexed with the metric COSINE.
        rows: Each a dict with `id`, `text` and the collection's other fields, without vector.
        embed: Turns n texts into an array of shape (n, dim), such as a model's `encode`. None
            if the rows bring their vectors as `embedding`; this needs the field `content_hash`.
        batch_size: Rows embedded and written at once.
        progress: Whether to show a progress bar over the rows.
        set_aside: A file to be replaced by the rows that can't be stored, as JSON lines with
            `row` (its place in rows), `reason` and `values`. None: the first such row raises,
            before anything is stored, or at the batch whose vector it is.

    Raises:
        ValueError: A row can't be stored and `set_aside` is None; or `embed` returns vectors of
            another shape; or the collection isn't as described; or `batch_size` is below 1.
            Earlier batches stay stored.
        ConnectionError: The server went away. Earlier batches stay stored.
        TimeoutError: The server gave no answer in time. Earlier batches stay stored.
        OSError: Milvus Lite's disk is full. Earlier batches stay stored.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size={batch_size} is below 1; 1 embeds and writes row by row")
    started = time.perf_counter()
    fields = read_fields(client, collection)
    check_index(client, collection)
    if embed is None and HASH_FIELD not in fields:
        raise ValueError(
            f"embed is None, and collection {collection!r} has no field {HASH_FIELD!r} to tell "
            "a changed vector by; add the field, or give embed"
        )
    aside = _SetAside(set_aside, [])
    unfit = _unfit_rows(rows, fields, aside, with_vectors=embed is None)
    aside.write()

    added = replaced = written = 0
    changed = _changed_rows(client, collection, fields, rows, unfit)
    with tqdm(total=len(rows), desc=f"ingest {collection}", disable=not progress) as bar:
        for batch in _batches(changed, batch_size):
            ready = _with_vectors(batch, embed, fields, aside)
            _write(client, collection, ready, fields)
            known = sum(row.known for row in ready)
            added += len(ready) - known
            replaced += known
            written += len(batch)
            bar.update(batch[-1].number + 1 - bar.n)
        bar.update(len(rows) - bar.n)
    seconds = round(time.perf_counter() - started, 2)  # the rest says nothing
    unchanged = len(rows) - len(unfit) - written
    return IngestReport(added, replaced, unchanged, seconds, len(aside.lines))


def _write(client: MilvusClient, collection: str, rows: list[_Row], fields: Fields) -> None:
    """Write rows so that each is there once, whether it was there before or not."""
    if not rows:
        return
    values = [row.values for row in rows]
    if not _has_partition_key(fields):
        client.upsert(collection, values)
        return
    # Upsert chose the partition by a wrong field until early 2024 (milvus-io/milvus, pull request
    # 30772): the row is stored and no filter on the partition key finds it. Insert is right. A
    # kill between the two leaves rows out, and the next run finds and adds them.
    if known := [row.values[ID_FIELD] for row in rows if row.known]:
        client.delete(collection, filter=id_filter(ID_FIELD, known))
    client.insert(collection, values)


def _has_partition_key(fields: Fields) -> bool:
    return any(field.get("is_partition_key") for field in fields.values())


def count_matching(client: MilvusClient, collection: str, expression: str) -> int:
    """Return how many rows an expression matches, those of the last moment counted; "": all."""
    answer = client.query(
        collection, filter=expression, output_fields=["count(*)"], consistency_level="Strong"
    )
    return int(answer[0]["count(*)"])


def _unfit_rows(
    rows: Sequence[dict[str, Any]], fields: Fields, aside: _SetAside, *, with_vectors: bool
) -> set[int]:
    """Set aside the rows that can't be stored; return their places."""
    expected = set(fields) - {HASH_FIELD} - (set() if with_vectors else {VECTOR_FIELD})
    doubted = _repeated_hashes(rows)
    unfit: set[int] = set()
    first: dict[str, int] = {}
    for number, given in enumerate(rows):
        row = plain_row(given)
        problem = row_problem(row, fields, expected)
        if problem is None and row[ID_FIELD] in first:
            problem = (
                f"repeats the id {row[ID_FIELD]!r} of rows[{first[row[ID_FIELD]]}], "
                "and one of them would be lost"
            )
        if problem:
            aside.add(number, given, problem)
            unfit.add(number)
        elif _id_hash(row) in doubted:
            first[row[ID_FIELD]] = number
    return unfit


def _repeated_hashes(rows: Sequence[dict[str, Any]]) -> set[int]:
    """Return the ids' hashes that more than one row has; to keep each id takes 150 bytes a row."""
    hashes = np.fromiter(map(_id_hash, rows), dtype=np.int64, count=len(rows))
    hashes.sort()
    return set(hashes[1:][hashes[1:] == hashes[:-1]].tolist())


def _id_hash(row: dict[str, Any]) -> int:
    return hash(str(row.get(ID_FIELD)))  # as text: a row still unchecked may have a list there


def _changed_rows(
    client: MilvusClient,
    collection: str,
    fields: Fields,
    rows: Sequence[dict[str, Any]],
    unfit: set[int],
) -> Iterator[_Row]:
    """Yield the rows that the collection doesn't hold as they are; ask for a block at a time."""
    fit = ((number, row) for number, row in enumerate(rows) if number not in unfit)
    # An empty collection needs no question a block: on a server they take most of the time of a
    # first ingest. Should another process fill it meanwhile, upsert replaces that one's rows;
    # insert, in a collection with a partition key, would double them, so there it asks.
    asks = _has_partition_key(fields) or count_matching(client, collection, "") > 0
    for block in _batches(fit, LOOKUP_ROWS if HASH_FIELD in fields else WHOLE_ROWS):
        plain = [(number, plain_row(row)) for number, row in block]
        if HASH_FIELD in fields:
            for _, row in plain:
                row[HASH_FIELD] = content_hash(row)
        block_rows = [row for _, row in plain]
        stored = _stored_values(client, collection, fields, block_rows) if asks else {}
        for number, row in plain:
            if not _is_same(stored, row, fields):
                yield _Row(number, row, known=row[ID_FIELD] in stored)


def _stored_values(
    client: MilvusClient, collection: str, fields: Fields, rows: list[dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Return, by id, what the collection holds of these rows: the hash, or all but the vector."""
    compared = [HASH_FIELD] if HASH_FIELD in fields else sorted(set(fields) - {VECTOR_FIELD})
    found = client.query(
        collection,
        filter=id_filter(ID_FIELD, [row[ID_FIELD] for row in rows]),
        output_fields=[ID_FIELD, *compared],
        consistency_level="Strong",  # a server's default misses rows of the last moments
    )
    return {row[ID_FIELD]: row for row in found}


def _is_same(stored: dict[str, dict[str, Any]], row: dict[str, Any], fields: Fields) -> bool:
    there = stored.get(row[ID_FIELD])
    if there is None:
        return False
    if HASH_FIELD in fields:
        return there[HASH_FIELD] == row[HASH_FIELD]
    return all(there.get(n) == _as_stored(v, fields[n]) for n, v in row.items())


def _as_stored(value: Any, field: dict[str, Any]) -> Any:
    """Return the value as it comes back: a FLOAT has 32 bits."""
    if DataType(field["type"]) == DataType.FLOAT and value is not None:
        return float(np.float32(value))
    return value


def _with_vectors(
    batch: list[_Row],
    embed: Callable[[list[str]], np.ndarray] | None,
    fields: Fields,
    aside: _SetAside,
) -> list[_Row]:
    """Return the batch's rows with vectors; those whose vector is unfit are set aside."""
    if embed is None:
        vectors = np.asarray([row.values[VECTOR_FIELD] for row in batch], dtype=np.float32)
    else:
        vectors = np.asarray(embed([row.values[TEXT_FIELD] for row in batch]), dtype=np.float32)
    check_shape(vectors, len(batch), dimension(fields))
    ready = []
    for row, vector in zip(batch, vectors, strict=True):
        problem = vector_problem(vector, fields)
        if problem:
            aside.add(row.number, row.values, problem)
        else:
            ready.append(replace(row, values={**row.values, VECTOR_FIELD: vector.tolist()}))
    if len(ready) < len(batch):
        aside.write()
    return ready


def check_shape(vectors: np.ndarray, count: int, dim: int) -> None:
    """Raise unless the vectors have the shape (count, dim)."""
    if vectors.shape != (count, dim):
        raise ValueError(
            f"vectors have shape {vectors.shape}, the collection takes ({count}, {dim}); "
            "use the embedding model that the collection was made with"
        )


def _batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    items = iter(items)
    while batch := list(islice(items, size)):
        yield batch


def _printable(value: Any) -> Any:
    """Return the value as JSON can hold it; what JSON has no form for becomes its `repr`."""
    if isinstance(value, dict):
        return {str(name): _printable(v) for name, v in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_printable(v) for v in value]
    if isinstance(value, np.generic):
        return _printable(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return repr(value)
    return value if value is None or isinstance(value, str | int | float) else repr(value)
