"""A killed ingest, or a killed server, loses nothing and doubles nothing."""

import random
import shutil
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from pymilvus import DataType, MilvusClient

from course_utils import vectorstore
from course_utils.vectorstore import server

ROWS = [{"id": vectorstore.row_id(n), "text": f"ticket {n}"} for n in range(120)]
BATCH = 4
BATCHES = len(ROWS) // BATCH
KILLS = 5

INGEST = """
import sys
import time
import numpy as np
from course_utils import vectorstore

rows = [{"id": vectorstore.row_id(n), "text": f"ticket {n}"} for n in range(120)]

def embed(texts):
    print("batch", flush=True)
    time.sleep(0.01)
    return np.ones((len(texts), 4))

client = vectorstore.connect(sys.argv[1])
vectorstore.ingest(client, "tickets", rows, embed=embed, batch_size=4, progress=False)
"""


def create(client):
    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=32)
    schema.add_field("text", DataType.VARCHAR, max_length=64)
    schema.add_field("content_hash", DataType.VARCHAR, max_length=32)
    schema.add_field("embedding", DataType.FLOAT_VECTOR, dim=4)
    index = client.prepare_index_params()
    index.add_index("embedding", index_type="FLAT", metric_type="COSINE")
    if client.has_collection("tickets"):
        client.drop_collection("tickets")
    client.create_collection("tickets", schema=schema, index_params=index)


def embed(texts):
    return np.ones((len(texts), 4))


def ingest(client, **options):
    options = {"embed": embed, "batch_size": BATCH, "progress": False} | options
    return vectorstore.ingest(client, "tickets", ROWS, **options)


def stored_rows(client):
    found = client.query(
        "tickets",
        filter='id != ""',
        output_fields=["id", "text"],
        consistency_level="Strong",
    )
    return sorted((row["id"], row["text"]) for row in found)


def every_row_once():
    return sorted((row["id"], row["text"]) for row in ROWS)


def kill_an_ingest_at_a_random_batch(uri, chance):
    """Return how many batches the ingest began before it was killed."""
    process = subprocess.Popen([sys.executable, "-c", INGEST, str(uri)], stdout=subprocess.PIPE)
    begun = 0
    for _ in range(chance.randint(1, BATCHES // KILLS)):
        begun += bool(process.stdout.readline())
    time.sleep(chance.uniform(0, 0.02))
    process.kill()
    process.stdout.close()
    assert process.wait() == -9
    return begun


def kill_five_ingests_and_resume(uri):
    chance = random.Random(2026)
    for _ in range(KILLS):
        assert kill_an_ingest_at_a_random_batch(uri, chance) > 0
    client = vectorstore.connect(uri)
    report = ingest(client)
    assert report.unchanged > 0  # the killed runs had stored something
    assert report.added + report.unchanged == len(ROWS)
    assert report.replaced == 0
    assert stored_rows(client) == every_row_once()
    assert vectorstore.count(client, "tickets") == len(ROWS)
    assert ingest(client).unchanged == len(ROWS)
    client.close()


@pytest.mark.fault(
    "Killed in the midst",
    breaks="An ingest into Milvus Lite is killed (kill -9) five times, each at a random moment.",
    sees="The end of the process.",
    kept="What was stored; the sixth run stores the rest, and each row stands there once.",
)
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
def test_five_killed_ingests_into_milvus_lite_leave_every_row_once(tmp_path):
    uri = tmp_path / "tickets.db"
    client = vectorstore.connect(uri)
    create(client)
    client.close()
    vectorstore.release(uri)
    try:
        kill_five_ingests_and_resume(uri)
    finally:
        vectorstore.release(uri)


@pytest.mark.fault(
    "Killed in the midst",
    breaks="An ingest into a Milvus server is killed five times, each at a random moment.",
    sees="The end of the process.",
    kept="What was stored; the sixth run stores the rest, and each row stands there once.",
)
@pytest.mark.slow
def test_five_killed_ingests_into_a_server_leave_every_row_once(milvus_uri):
    client = vectorstore.connect(milvus_uri)
    create(client)
    kill_five_ingests_and_resume(milvus_uri)


def ingest_while_the_server_is_killed(running, chance, seen):
    batches = 0
    kill_at = chance.randint(1, BATCHES // KILLS)

    def embed_until_the_kill(texts):
        nonlocal batches
        batches += 1
        if batches == kill_at:
            # Somewhere between here and a few batches on, in the midst of a write or not.
            threading.Timer(chance.uniform(0, 0.02), running.kill).start()
        time.sleep(0.005)
        return embed(texts)

    with pytest.raises(
        ConnectionError, match="went away during an ingest; what was stored is"
    ) as caught:
        ingest(vectorstore.connect(running.uri), embed=embed_until_the_kill)
    seen(caught.value)


@pytest.mark.fault(
    "Killed in the midst",
    breaks="The Milvus server itself is killed and started again, five times, each in the "
    "midst of an ingest.",
    sees="That the server `went away during an ingest`, and that a new run `goes on where "
    "it stopped`.",
    kept="What was stored; each row stands there once in the end.",
)
@pytest.mark.slow
def test_five_kills_of_the_server_leave_every_row_once(tmp_path, seen):
    if reason := server.missing():
        pytest.skip(f"no Milvus server: {reason}")
    chance = random.Random(2026)
    folder = tmp_path / "data"
    running = server.start(folder)
    try:
        create(vectorstore.connect(running.uri))
        for _ in range(KILLS):
            ingest_while_the_server_is_killed(running, chance, seen)
            running = server.start(folder)
        client = vectorstore.connect(running.uri)
        report = ingest(client)
        assert report.added + report.unchanged == len(ROWS)
        assert report.unchanged > 0
        assert report.replaced == 0
        assert stored_rows(client) == every_row_once()
        assert vectorstore.count(client, "tickets") == len(ROWS)
    finally:
        running.stop()
        shutil.rmtree(folder)  # half a gigabyte
