"""Ingest into Milvus: against the client's own calls, and the client's memory by rows.

Both sides store the same rows with the same vectors in the same batches, each into an empty
collection. `ingest` also checks each row and asks the collection whether it holds any; the client's
`upsert` does neither, and its `insert` looks for no earlier row of the same key.

Memory is that of the client's process, which makes each row when it is asked for it and forgets
it: what grows with the rows is what `ingest` keeps of them. A real server holds them.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pymilvus import DataType, MilvusClient

from benchmarks.comparison import Comparison
from benchmarks.measuring import Sample, rates_in_turns, say
from course_utils import runtime, vectorstore
from course_utils.vectorstore import server

DIM = 384
BATCH = 256
COLLECTION = "bench"


class ManyRows(Sequence):
    """Rows that are made when they are asked for."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __len__(self) -> int:
        return self.number

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self[number] for number in range(*place.indices(self.number))]
        if place >= self.number:
            raise IndexError(place)
        text = f"Row {place}: the pole of tent {place % 977} broke in a storm on the pass. " * 3
        return {"id": f"{place:032x}", "text": text, "topic": f"topic {place % 12}"}


VECTORS = np.random.default_rng(0).standard_normal((997, DIM)).astype(np.float32)


def embed(texts: list[str]) -> np.ndarray:
    """Return vectors at no cost, so that the storing alone is measured."""
    return VECTORS[[int(text[4 : text.index(":")]) % len(VECTORS) for text in texts]]


def run(*, small: bool) -> list[Comparison]:
    """Return the rows of the topic."""
    number, rounds = (512, 1) if small else (10_000, 3)
    folder = Path(tempfile.mkdtemp(prefix="bench_ingest"))
    try:
        rows = against_client("Milvus Lite", folder / "lite.db", number, rounds)
        if reason := server.missing():
            say(f"no Milvus server: {reason}")
            return rows
        say("starting a Milvus server")
        with server.start(folder / "server") as running:
            rows += against_client("the server", running.uri, number, rounds)
            sizes = [1000, 2000] if small else [10_000, 100_000, 1_000_000]
            rows += memory(running.uri, sizes)
        return rows
    finally:
        shutil.rmtree(folder)


def against_client(name: str, uri: Path | str, number: int, rounds: int) -> list[Comparison]:
    """Ingest, upsert and insert the same rows, each into a new collection."""
    client = vectorstore.connect(uri)
    rows = ManyRows(number)[:]

    def by_ingest() -> float:
        vectorstore.ingest(client, COLLECTION, rows, embed=embed, batch_size=BATCH, progress=False)
        return number

    def by(call: Callable[..., Any]) -> Callable[[], float]:
        def store() -> float:
            for batch in _batches(rows):
                vectors = embed([row["text"] for row in batch]).tolist()
                ready = zip(batch, vectors, strict=True)
                call(
                    COLLECTION,
                    [row | {"content_hash": "", "embedding": vector} for row, vector in ready],
                )
            return number

        return store

    subjects = {
        "ingest": by_ingest,
        "upsert": by(client.upsert),
        "insert": by(client.insert),
    }
    measured = rates_in_turns(subjects, rounds=rounds, prepare=lambda: new_collection(client))
    # In the collection that its own warm-up has filled.
    new_collection(client)
    again = rates_in_turns({"a second ingest": by_ingest}, rounds=rounds)["a second ingest"]
    client.close()
    vectorstore.release(uri)
    ours = measured["ingest"]
    what = f"rows stored in {name}"
    return [
        Comparison("ingest", what, "rows/s", ours, "MilvusClient.upsert", measured["upsert"]),
        Comparison("ingest", what, "rows/s", ours, "MilvusClient.insert", measured["insert"]),
        Comparison(
            "ingest",
            f"rows of a second ingest into {name}, all there already",
            "rows/s",
            again,
            "the first ingest, without embedding",
            ours,
        ),
    ]


def _batches(rows: list[dict]) -> Iterator[list[dict]]:
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]


def new_collection(client: MilvusClient) -> None:
    """Make the collection anew, empty and loaded."""
    if client.has_collection(COLLECTION):
        client.drop_collection(COLLECTION)
    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("id", DataType.VARCHAR, max_length=32, is_primary=True)
    schema.add_field("text", DataType.VARCHAR, max_length=2000)
    schema.add_field("topic", DataType.VARCHAR, max_length=40)
    schema.add_field("content_hash", DataType.VARCHAR, max_length=32)
    schema.add_field("embedding", DataType.FLOAT_VECTOR, dim=DIM)
    index = MilvusClient.prepare_index_params()
    index.add_index("embedding", index_type="FLAT", metric_type="COSINE")
    client.create_collection(
        COLLECTION, schema=schema, index_params=index, consistency_level="Strong"
    )


def memory(uri: str, sizes: list[int]) -> list[Comparison]:
    """Ingest each number of rows in a process of its own; compare the peaks with the first."""
    peaks = []
    for number in sizes:
        say(f"the client's memory with {number:,} rows")
        command = [sys.executable, "-m", "benchmarks.ingest", uri, str(number)]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        before, peak = map(int, output.split())
        say(f"{before / 1e6:.0f} MB before, {peak / 1e6:.0f} MB at most")
        peaks.append(Sample((peak / 1e6,)))
    return [
        Comparison(
            "ingest",
            f"the client's peak memory with {number:,} rows",
            "MB",
            peak,
            f"with {sizes[0]:,}",
            peaks[0],
            less_is_better=True,
            goal=0.9,
            why_missed="`ingest` keeps a hash of each row's id, so that it can refuse a repeated "
            "one before it stores any.",
        )
        for number, peak in zip(sizes[1:], peaks[1:], strict=True)
    ]


def main(uri: str, number: int) -> None:
    """Ingest so many rows, and print the memory before and at most, in bytes."""
    client = vectorstore.connect(uri)
    new_collection(client)
    vectorstore.ingest(client, COLLECTION, ManyRows(300), embed=embed, progress=False)
    before = runtime.peak_memory_bytes()
    new_collection(client)
    vectorstore.ingest(client, COLLECTION, ManyRows(number), embed=embed, progress=False)
    print(before, runtime.peak_memory_bytes())
    client.drop_collection(COLLECTION)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
