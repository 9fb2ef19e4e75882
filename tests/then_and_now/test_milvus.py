"""Rows M: Milvus through pymilvus, on Milvus Lite and on a server."""

import datetime
import subprocess
import sys
import uuid

import pytest
from pymilvus import Collection, DataType, MilvusClient, connections, utility
from pymilvus.exceptions import (
    ConnectionNotExistException,
    DataNotMatchException,
    MilvusException,
    SchemaNotReadyException,
)

from course_utils import vectorstore
from then_and_now.listening import listening, mentions

CHINESE = "帐篷帐篷帐篷帐"  # 7 characters, 21 bytes
STRONG = {"consistency_level": "Strong"}


@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    """Return the address of a Milvus Lite."""
    return str(tmp_path_factory.mktemp("milvus") / "test.db")


@pytest.fixture(scope="module")
def lite(uri):
    """Return a client of Milvus Lite."""
    client = MilvusClient(uri)
    yield client
    client.close()
    vectorstore.release(uri)


@pytest.fixture(scope="module")
def server(milvus_uri):
    """Return a client of a Milvus server."""
    client = MilvusClient(milvus_uri)
    yield client
    client.close()


@pytest.fixture(scope="module")
def shared(server):
    """Return the name of the one collection on the server: to make one takes seconds there.

    Each test takes ids of its own, ten times the number of its row.
    """
    return make(server)


def row(identifier, text="", vector=(1.0, 0.0), **fields):
    return {"id": identifier, "text": text, "vector": list(vector), "time": 0} | fields


def make(client, *, metric="COSINE", index=True):
    """Create a collection with a name of its own, and return the name."""
    name = f"c{uuid.uuid4().hex}"
    schema = MilvusClient.create_schema(auto_id=False)
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("text", DataType.VARCHAR, max_length=20)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=2)
    schema.add_field("time", DataType.INT64)
    params = client.prepare_index_params()
    params.add_index("vector", index_type="FLAT", metric_type=metric)
    client.create_collection(name, schema=schema, index_params=params if index else None)
    return name


def texts(client, name, identifier=1):
    return [row["text"] for row in client.query(name, filter=f"id == {identifier}", **STRONG)]


def count(client, name):
    return client.query(name, filter="", output_fields=["count(*)"], **STRONG)[0]["count(*)"]


def insert_twice(client, name, identifier=1):
    client.insert(name, [row(identifier, "old", (1, 0))])
    client.insert(name, [row(identifier, "new", (0, 1))])


@pytest.mark.row("M1")
def test_lite_replaces_a_row_with_the_same_key(lite):
    name = make(lite)
    insert_twice(lite, name)
    assert texts(lite, name) == ["new"]
    assert count(lite, name) == 1


@pytest.mark.slow
@pytest.mark.row("M2")
def test_a_server_keeps_both_rows_and_shows_the_old_one(server, shared):
    before = count(server, shared)
    with listening() as heard:
        insert_twice(server, shared, 20)
    assert count(server, shared) == before + 2
    assert texts(server, shared, 20) == ["old"]
    new = server.search(shared, [[0, 1]], filter="id == 20", output_fields=["text"], **STRONG)[0][0]
    assert new["entity"]["text"] == "new"
    assert heard == []
    server.delete(shared, ids=[20])


@pytest.mark.slow
@pytest.mark.row("M3")
def test_upsert_replaces_on_both(lite, server, shared):
    for client, name in ((lite, make(lite)), (server, shared)):
        before = count(client, name)
        client.upsert(name, [row(30, "old")])
        client.upsert(name, [row(30, "new")])
        assert texts(client, name, 30) == ["new"]
        assert count(client, name) == before + 1
        client.delete(name, ids=[30])
        assert count(client, name) == before


@pytest.mark.slow
@pytest.mark.row("M4")
def test_a_server_reads_what_was_written_at_level_strong(lite, server, shared):
    strong, bounded = 0, 2
    assert lite.describe_collection(make(lite))["consistency_level"] == strong
    assert server.describe_collection(shared)["consistency_level"] == bounded
    for number in range(5):
        server.insert(shared, [row(40 + number, str(number))])
        assert texts(server, shared, 40 + number) == [str(number)]


@pytest.mark.row("M5")
def test_rows_outlive_a_hard_exit_without_a_flush(tmp_path):
    path = str(tmp_path / "test.db")
    program = (
        "import os, sys\nfrom pymilvus import MilvusClient\nclient = MilvusClient(sys.argv[1])\n"
        "client.create_collection('kept', dimension=2)\n"
        "client.insert('kept', [{'id': n, 'vector': [1.0, 0.0]} for n in range(50)])\n"
        "os._exit(9)"
    )
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True)
    assert done.returncode == 9
    client = MilvusClient(path)
    client.load_collection("kept")
    assert count(client, "kept") == 50
    client.close()
    vectorstore.release(path)


@pytest.mark.slow
@pytest.mark.row("M6")
def test_a_server_counts_entities_that_are_gone(lite, server, shared):
    def gone_but_counted(client, name):
        client.upsert(name, [row(60 + number) for number in range(5)])
        client.delete(name, ids=[60, 61])
        client.flush(name)
        return client.get_collection_stats(name)["row_count"] - count(client, name)

    assert gone_but_counted(lite, make(lite)) == 0
    # The server clears such rows away in its own time, on a busy machine before it is asked.
    assert any(gone_but_counted(server, shared) >= 2 for _ in range(5))


@pytest.fixture
def orm(uri, lite):
    """Connect in the old way, for the tests of the old classes."""
    with listening():
        connections.connect(uri=uri)
    yield make(lite)
    with listening():
        connections.disconnect("default")


@pytest.mark.row("M7")
def test_the_old_classes_work_and_say_that_they_go(orm):
    with listening() as heard:
        collection = Collection(orm)
        collection.load()
        collection.insert([[1], ["a"], [[1.0, 0.0]], [0]])
        collection.flush()
        assert collection.num_entities == 1
        assert orm in utility.list_collections()
    for name in ("Collection", "Collection.load", "Collection.insert", "Collection.flush"):
        words = f"`{name}` is an ORM-style PyMilvus API and will be removed in PyMilvus 3.1"
        assert mentions(heard, words)


@pytest.mark.row("M8")
def test_a_collection_does_not_connect(uri, lite):
    with listening():
        with pytest.raises(ConnectionNotExistException, match="should create connection first"):
            Collection("nothing")
        connections.connect(uri=uri)
        with pytest.raises(SchemaNotReadyException, match="'nothing' not exist"):
            Collection("nothing")
        connections.disconnect("default")


@pytest.mark.row("M9")
def test_the_client_wants_rows_and_no_columns(lite):
    name = make(lite)
    with listening(), pytest.raises(DataNotMatchException, match="inconsistent with defined"):
        lite.insert(name, [[1], ["a"], [[1.0, 0.0]], [0]])
    assert lite.insert(name, [row(1)])["insert_count"] == 1


@pytest.mark.row("M10")
def test_columns_go_by_their_place(orm):
    with listening():
        collection = Collection(orm)
        with pytest.raises(DataNotMatchException, match="inconsistent with defined schema"):
            collection.insert([[[1.0, 0.0]], [1], ["a"], [0]])


@pytest.mark.row("M11")
def test_a_collection_made_with_an_index_is_loaded(lite):
    name = make(lite)
    assert str(lite.get_load_state(name)["state"]) == "Loaded"
    lite.release_collection(name)
    with listening(), pytest.raises(MilvusException, match="released"):
        lite.search(name, [[1, 0]])
    lite.load_collection(name)
    lite.search(name, [[1, 0]])


@pytest.mark.slow
@pytest.mark.row("M12")
def test_without_an_index_lite_loads_and_a_server_does_not(lite, server):
    lite.load_collection(make(lite, index=False))
    name = make(server, index=False)
    with listening(), pytest.raises(MilvusException, match="index not found"):
        server.load_collection(name)


@pytest.mark.slow
@pytest.mark.row("M13")
def test_a_vector_of_another_length_is_refused(lite, server, shared):
    long = [row(130, vector=(1, 0, 0))]
    with listening(), pytest.raises(MilvusException, match="expected dim 2, got 3"):
        lite.insert(make(lite), long)
    with listening(), pytest.raises(MilvusException, match="should divide the dim"):
        server.insert(shared, long)


@pytest.mark.slow
@pytest.mark.row("M14")
def test_lite_counts_characters_and_a_server_bytes(lite, server, shared):
    name = make(lite)
    lite.insert(name, [row(1, CHINESE)])
    assert texts(lite, name) == [CHINESE]
    with listening(), pytest.raises(MilvusException, match=r"length \(21\).* exceeds max length"):
        server.insert(shared, [row(140, CHINESE)])


@pytest.mark.slow
@pytest.mark.row("M15")
def test_lite_takes_another_metric_at_search_and_a_server_does_not(lite, server, shared):
    name = make(lite)
    lite.insert(name, [row(1, vector=(0, 1))])
    with listening() as heard:
        hit = lite.search(name, [[1, 0]], search_params={"metric_type": "L2"})[0][0]
    assert hit["distance"] == pytest.approx(2)  # with COSINE it would be 0
    assert not mentions(heard, "metric")
    with listening(), pytest.raises(MilvusException, match="metric type not match"):
        server.search(shared, [[1, 0]], search_params={"metric_type": "L2"})


@pytest.mark.slow
@pytest.mark.row("M16")
def test_lite_takes_nan_and_a_server_does_not(lite, server, shared):
    nan = row(160, vector=(float("nan"), 0))
    with listening() as heard:
        assert lite.insert(make(lite), [nan])["insert_count"] == 1
    assert not mentions(heard, "nan")
    with listening(), pytest.raises(MilvusException, match=r"'?NaN'? is not a number"):
        server.insert(shared, [nan])


@pytest.mark.row("M17")
def test_a_time_is_a_whole_number(lite):
    name = make(lite)
    for time in (datetime.datetime(2026, 1, 1), "2026-01-01"):
        with listening(), pytest.raises(DataNotMatchException, match="should be a int64"):
            lite.insert(name, [row(1, time=time)])
    moment = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    lite.insert(name, [row(1, time=int(moment.timestamp()))])


@pytest.mark.row("M18")
def test_the_field_called_distance_is_a_similarity_with_cosine_and_ip(lite):
    scores = {}
    for metric in ("COSINE", "IP", "L2"):
        name = make(lite, metric=metric)
        lite.insert(name, [row(1, vector=(1, 0)), row(2, vector=(0, 1))])
        hits = lite.search(name, [[1, 0]])[0]
        assert [hit["id"] for hit in hits] == [1, 2]  # the nearest first, each time
        scores[metric] = [round(hit["distance"], 3) for hit in hits]
    assert scores == {"COSINE": [1, 0], "IP": [1, 0], "L2": [0, 2]}  # L2 is squared


@pytest.mark.slow
@pytest.mark.row("M19")
def test_a_partial_upsert_works_on_lite_alone(lite, server, shared):
    name = make(lite)
    lite.insert(name, [row(1, "old", (0, 1))])
    lite.upsert(name, [{"id": 1, "text": "new"}], partial_update=True)
    assert lite.query(name, filter="id == 1")[0]["vector"] == [0, 1]
    assert texts(lite, name) == ["new"]
    server.insert(shared, [row(190, "old")])
    with listening(), pytest.raises(MilvusException, match="1100"):
        server.upsert(shared, [{"id": 190, "text": "new"}], partial_update=True)


@pytest.mark.row("M20")
def test_insert_returns_how_many_and_which(lite):
    result = lite.insert(make(lite), [row(1), row(2)])
    assert (result["insert_count"], list(result["ids"])) == (2, [1, 2])
