"""Ingest is idempotent and resumable; bad rows and vectors are refused before they are stored."""

import subprocess
import sys

import numpy as np
import pytest
from pymilvus import DataType, MilvusClient

from course_utils import vectorstore

DIM = 4
COLOURS = {"red": [1, 0, 0, 0], "crimson": [1, 0.2, 0, 0], "blue": [0, 1, 0, 0], "": [0, 0, 0, 1]}


def embed(texts):
    return np.array([COLOURS[text] for text in texts], dtype=np.float32)


def row(identifier, text, shelf="a"):
    return {"id": identifier, "text": text, "shelf": shelf}


@pytest.fixture
def client(tmp_path):
    uri = tmp_path / "test.db"
    client = vectorstore.connect(uri)
    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=16)
    schema.add_field("text", DataType.VARCHAR, max_length=64)
    schema.add_field("shelf", DataType.VARCHAR, max_length=16)
    schema.add_field("embedding", DataType.FLOAT_VECTOR, dim=DIM)
    index = client.prepare_index_params()
    index.add_index("embedding", index_type="FLAT", metric_type="COSINE")
    client.create_collection("colours", schema=schema, index_params=index)
    yield client
    client.close()
    vectorstore.release(uri)


def stored(client):
    rows = client.query("colours", filter="id != ''", output_fields=["id", "text", "shelf"])
    return sorted((row["id"], row["text"], row["shelf"]) for row in rows)


def ingest(client, rows, **options):
    report = vectorstore.ingest(
        client, "colours", rows, **{"embed": embed, "progress": False, **options}
    )
    return report.added, report.replaced, report.unchanged


def test_rows_are_stored_with_their_fields(client):
    assert ingest(client, [row("1", "red"), row("2", "blue", "b")]) == (2, 0, 0)
    assert stored(client) == [("1", "red", "a"), ("2", "blue", "b")]


def test_a_second_ingest_adds_nothing_and_embeds_nothing(client):
    rows = [row("1", "red"), row("2", "blue")]
    ingest(client, rows)

    def embed_nothing(texts):
        raise AssertionError(f"embedded again: {texts}")

    assert ingest(client, rows, embed=embed_nothing) == (0, 0, 2)
    assert len(stored(client)) == 2


def test_a_changed_text_replaces_its_row_and_its_vector(client):
    ingest(client, [row("1", "red"), row("2", "blue")])
    assert ingest(client, [row("1", "blue"), row("2", "blue")]) == (0, 1, 1)
    assert stored(client) == [("1", "blue", "a"), ("2", "blue", "a")]
    hits = vectorstore.search(client, "colours", embed(["blue"]), k=2)[0]
    assert [round(hit.similarity, 5) for hit in hits] == [1.0, 1.0]


def test_a_changed_field_alone_replaces_its_row(client):
    ingest(client, [row("1", "red")])
    assert ingest(client, [row("1", "red", "top")]) == (0, 1, 0)
    assert stored(client) == [("1", "red", "top")]


def test_an_ingest_that_broke_off_goes_on_where_it_stopped(client):
    rows = [row("1", "red"), row("2", "crimson"), row("3", "blue"), row("4", "red")]
    embedded = []

    def break_at_the_second_batch(texts):
        if embedded:
            raise KeyboardInterrupt
        embedded.extend(texts)
        return embed(texts)

    with pytest.raises(KeyboardInterrupt):
        ingest(client, rows, embed=break_at_the_second_batch, batch_size=2)
    assert len(stored(client)) == 2
    assert ingest(client, rows, batch_size=2) == (2, 0, 2)
    assert [identifier for identifier, *_ in stored(client)] == ["1", "2", "3", "4"]


def test_search_returns_the_most_similar_first_with_its_fields(client):
    ingest(client, [row("1", "blue"), row("2", "crimson", "b"), row("3", "red", "c")])
    hits = vectorstore.search(client, "colours", embed(["red", "blue"]), k=2)
    assert [[hit.id for hit in found] for found in hits] == [["3", "2"], ["1", "2"]]
    assert hits[0][0].fields == {"text": "red", "shelf": "c"}
    assert hits[0][0].similarity == pytest.approx(1.0, abs=1e-6)
    assert hits[0][1].similarity == pytest.approx(1 / np.sqrt(1.04), abs=1e-6)


def test_search_agrees_with_a_plain_matrix_product(client):
    vectors = np.random.default_rng(0).normal(size=(50, DIM)).astype(np.float32)
    rows = [row(str(number), str(number)) for number in range(50)]
    ingest(client, rows, embed=lambda texts: vectors[[int(text) for text in texts]])
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    expected = np.argsort(-(unit[:5] @ unit.T), axis=1)[:, :3]
    hits = vectorstore.search(client, "colours", vectors[:5], k=3)
    assert [[int(hit.id) for hit in found] for found in hits] == expected.tolist()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"id": "1", "text": "red"}], r"rows\[0\] lacks shelf"),
        ([row("1", "red") | {"color": "x"}], r"has color that the collection doesn't know"),
        ([row("1", "red"), row("1", "blue")], r"rows\[1\] repeats the id '1' of rows\[0\]"),
    ],
)
def test_a_bad_row_is_named_before_anything_is_stored(client, rows, message):
    with pytest.raises(ValueError, match=message):
        ingest(client, rows)
    assert stored(client) == []


def test_vectors_of_another_size_are_refused(client):
    with pytest.raises(ValueError, match=r"shape \(1, 3\), the collection takes \(1, 4\)"):
        ingest(client, [row("1", "red")], embed=lambda texts: np.ones((1, 3)))
    with pytest.raises(ValueError, match="use the embedding model"):
        vectorstore.search(client, "colours", np.ones((1, 3)))


def test_a_vector_that_is_no_number_is_refused(client):
    broken = np.array([[1, 0, 0, 0], [np.nan, 0, 0, 0]])
    with pytest.raises(ValueError, match="vector 1 has a value that isn't a finite number"):
        ingest(client, [row("1", "red"), row("2", "blue")], embed=lambda texts: broken)
    assert stored(client) == []


def test_an_absent_collection_is_named_with_those_that_are_there(client):
    with pytest.raises(ValueError, match=r"no collection 'colors' \(there: colours\)"):
        vectorstore.search(client, "colors", np.ones((1, DIM)))


def test_a_collection_without_the_needed_fields_is_refused(client):
    client.create_collection("other", dimension=DIM)
    with pytest.raises(ValueError, match="needs a field 'id' of VARCHAR"):
        vectorstore.ingest(client, "other", [], embed=embed)


OPEN_AND_REPORT = """
import sys
from course_utils import vectorstore
try:
    vectorstore.connect(sys.argv[1])
    print("opened")
except RuntimeError as error:
    print(error)
"""


def open_elsewhere(uri):
    command = [sys.executable, "-c", OPEN_AND_REPORT, str(uri)]
    return subprocess.run(command, capture_output=True, text=True).stdout


def test_a_database_that_another_process_holds_says_which_and_what_to_do(tmp_path):
    uri = tmp_path / "held.db"
    vectorstore.connect(uri)
    try:
        said = open_elsewhere(uri)
        assert "held.db can't be opened" in said
        assert "Shut down the other notebook" in said
    finally:
        vectorstore.release(uri)
    assert open_elsewhere(uri) == "opened\n"
