"""Ingest is idempotent and resumable; bad rows and vectors are refused before they are stored."""

import json
import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest
from pymilvus import DataType, MilvusClient, MilvusException

from course_utils import vectorstore
from course_utils.vectorstore import ingesting
from course_utils.vectorstore.filters import id_filter

DIM = 4
COLOURS = {"red": [1, 0, 0, 0], "crimson": [1, 0.2, 0, 0], "blue": [0, 1, 0, 0], "": [0, 0, 0, 1]}


def embed(texts):
    return np.array([COLOURS[text] for text in texts], dtype=np.float32)


def row(identifier, text, shelf="a"):
    return {"id": identifier, "text": text, "shelf": shelf}


def make_collection(client, name, *, metric="COSINE", index=True, **fields):
    if client.has_collection(name):
        client.drop_collection(name)
    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=64)
    schema.add_field("text", DataType.VARCHAR, max_length=64)
    for field, options in (
        {"shelf": {"datatype": DataType.VARCHAR, "max_length": 16}} | fields
    ).items():
        schema.add_field(field, **options)
    schema.add_field("embedding", DataType.FLOAT_VECTOR, dim=DIM)
    params = client.prepare_index_params()
    params.add_index("embedding", index_type="FLAT", metric_type=metric)
    client.create_collection(
        name, schema=schema, index_params=params if index else None, consistency_level="Strong"
    )


HASH = {"content_hash": {"datatype": DataType.VARCHAR, "max_length": 32}}


@pytest.fixture(
    scope="module", params=["Milvus Lite", pytest.param("a server", marks=pytest.mark.slow)]
)
def connection(request, tmp_path_factory):
    uri = tmp_path_factory.mktemp("milvus") / "test.db"
    if request.param == "a server":
        uri = request.getfixturevalue("milvus_uri")
    client = vectorstore.connect(uri)
    make_collection(client, "colours")
    yield client
    client.close()
    vectorstore.release(uri)


@pytest.fixture
def client(connection):
    # To make a collection takes half a second, to empty one takes none.
    connection.load_collection("colours")
    connection.delete("colours", filter='id != ""')
    return connection


def stored(client):
    rows = client.query("colours", filter='id != ""', output_fields=["id", "text", "shelf"])
    return sorted((row["id"], row["text"], row["shelf"]) for row in rows)


def ingest(client, rows, *, collection="colours", **options):
    options = {"embed": embed, "progress": False} | options
    report = vectorstore.ingest(client, collection, rows, **options)
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
    assert vectorstore.count(client, "colours") == 2
    hits = vectorstore.search(client, "colours", embed(["blue"]), k=2)[0]
    assert [round(hit.similarity, 5) for hit in hits] == [1.0, 1.0]


def test_a_changed_field_alone_replaces_its_row(client):
    ingest(client, [row("1", "red")])
    assert ingest(client, [row("1", "red", "top")]) == (0, 1, 0)
    assert stored(client) == [("1", "red", "top")]


def test_a_condition_on_the_partition_key_finds_each_row_wherever_it_moved(client):
    key = {"shelf": {"datatype": DataType.VARCHAR, "max_length": 16, "is_partition_key": True}}
    make_collection(client, "shelves", **key)
    rows = [row(f"r{n}", "red", shelf="abcde"[n % 5]) for n in range(50)]
    assert ingest(client, rows, collection="shelves") == (50, 0, 0)
    rows[0]["shelf"] = "e"
    assert ingest(client, rows, collection="shelves") == (0, 1, 49)
    found = [
        vectorstore.count(client, "shelves", where=[("shelf", "==", shelf)]) for shelf in "abcde"
    ]
    assert found == [9, 10, 10, 10, 11]
    assert ingest(client, rows, collection="shelves") == (0, 0, 50)
    client.drop_collection("shelves")


@pytest.mark.fault(
    "Killed in the midst",
    breaks="An ingest is interrupted by hand between two batches.",
    sees="The interrupt.",
    kept="The stored batch; the next run adds the rest alone.",
)
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


class Fetched(Sequence):
    """Rows that note when they are asked for."""

    def __init__(self, rows):
        self.rows = rows
        self.places = []

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, place):
        self.places.append(place)
        return self.rows[place]


def test_after_the_check_rows_are_read_again_block_by_block(client, monkeypatch):
    monkeypatch.setattr(ingesting, "WHOLE_ROWS", 2)
    rows = Fetched([row(str(number), "red") for number in range(5)])
    read_by_then = []

    def note_and_embed(texts):
        read_by_then.append(rows.places[-1])
        return embed(texts)

    assert ingest(client, rows, embed=note_and_embed, batch_size=2) == (5, 0, 0)
    assert read_by_then == [1, 3, 5]  # the last look finds no row 5


def test_only_a_collection_with_rows_is_asked_which_it_holds(client, monkeypatch):
    rows = [row(str(number), "red") for number in range(4)]
    asked = filters_asked(client, monkeypatch)
    monkeypatch.setattr(ingesting, "WHOLE_ROWS", 2)
    assert ingest(client, rows) == (4, 0, 0)
    assert asked == [""]
    assert ingest(client, [row("0", "blue"), *rows[1:]]) == (0, 1, 3)
    assert asked[2:] == [id_filter("id", ["0", "1"]), id_filter("id", ["2", "3"])]


def test_hashes_are_asked_for_in_larger_blocks_than_whole_rows(client, monkeypatch):
    make_collection(client, "other", **HASH)
    rows = [row(str(number), "red") for number in range(5)]
    ingest(client, rows, collection="other")
    asked = filters_asked(client, monkeypatch)
    monkeypatch.setattr(ingesting, "WHOLE_ROWS", 2)
    monkeypatch.setattr(ingesting, "LOOKUP_ROWS", 4)
    assert ingest(client, rows, collection="other") == (0, 0, 5)
    assert asked[1:] == [id_filter("id", ["0", "1", "2", "3"]), id_filter("id", ["4"])]


def filters_asked(client, monkeypatch):
    asked, query = [], client.query

    def note(collection, **options):
        asked.append(options["filter"])
        return query(collection, **options)

    monkeypatch.setattr(client, "query", note)
    return asked


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


@pytest.mark.fault(
    "Unfit rows and vectors",
    breaks="A row lacks a field, has one too many, or has the id of another.",
    sees="The row by its place, `rows[`, and what is wrong with it.",
    kept="The collection: rows before it aren't stored either.",
)
@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [{"id": "1", "text": "red"}],
            r"rows\[0\] lacks shelf; mend it, .* and write such rows there$",
        ),
        ([row("1", "red") | {"color": "x"}], r"has color that the collection doesn't know"),
        ([row("1", "red"), row("1", "blue")], r"rows\[1\] repeats the id '1' of rows\[0\]"),
    ],
)
def test_a_bad_row_is_named_before_anything_is_stored(client, rows, message, seen):
    with pytest.raises(ValueError, match=message) as caught:
        ingest(client, rows)
    seen(caught.value)
    assert stored(client) == []


@pytest.mark.fault(
    "Unfit rows and vectors",
    breaks="The vectors come from another embedding model, of another dimension.",
    sees="Both shapes, `the collection takes (1, 4)`, and `use the embedding model that "
    "the collection was made with`.",
    kept="The collection: nothing is stored.",
)
def test_vectors_of_another_size_are_refused(client, seen):
    advice = "use the embedding model that the collection was made with"
    message = rf"shape \(1, 3\), the collection takes \(1, 4\); {advice}$"
    with pytest.raises(ValueError, match=message) as caught:
        ingest(client, [row("1", "red")], embed=lambda texts: np.ones((1, 3)))
    seen(caught.value)
    assert stored(client) == []
    with pytest.raises(ValueError, match=message) as caught:
        vectorstore.search(client, "colours", np.ones((1, 3)))
    seen(caught.value)


@pytest.mark.fault(
    "Unfit rows and vectors",
    breaks="A model returns NaN for one text; Milvus Lite would store it, and no search "
    "would find it.",
    sees="The row, which `has a vector with a value that isn't a finite number`, and `pass "
    "set_aside=PATH to store the rest`.",
    kept="The collection: nothing is stored.",
)
def test_a_vector_that_is_no_number_is_refused(client, seen):
    broken = np.array([[1, 0, 0, 0], [np.nan, 0, 0, 0]])
    with pytest.raises(
        ValueError, match=r"rows\[1\] has a vector with a value that isn't a finite"
    ) as caught:
        ingest(client, [row("1", "red"), row("2", "blue")], embed=lambda texts: broken)
    seen(caught.value)
    assert stored(client) == []


@pytest.mark.parametrize("batch_size", [0, -1])
def test_a_batch_of_no_rows_is_refused(client, batch_size):
    """A negative step would store nothing, and report nothing."""
    with pytest.raises(ValueError, match=f"batch_size={batch_size} is below 1"):
        ingest(client, [row("1", "red")], batch_size=batch_size)


@pytest.mark.fault(
    "Unfit rows and vectors",
    breaks="The name of a collection is misspelt.",
    sees="`no collection 'colors'`, and those that are `there`.",
    kept="The database: no collection is made.",
)
def test_an_absent_collection_is_named_with_those_that_are_there(client, seen):
    # A server that the tests share may hold other tests' collections beside this one.
    named = r"no collection 'colors' \(there: (\w+, )*colours(, \w+)*\)"
    with pytest.raises(ValueError, match=named) as caught:
        vectorstore.search(client, "colors", np.ones((1, DIM)))
    seen(caught.value)
    assert not client.has_collection("colors")


def test_a_collection_without_the_needed_fields_is_refused(client):
    if client.has_collection("other"):
        client.drop_collection("other")
    client.create_collection("other", dimension=DIM)
    with pytest.raises(ValueError, match="needs a field 'id' of VARCHAR"):
        vectorstore.ingest(client, "other", [], embed=embed)


def set_aside_lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.fault(
    "Unfit rows and vectors",
    breaks="Among good rows are a text too long in bytes though not in characters, an empty "
    "one, a number, an id twice, a missing field.",
    sees="Each such row in a file, with its place and the reason, such as `takes 66 bytes, "
    "over the field's max_length of 64`.",
    kept="The good rows are stored, and the values of the others stand in the file.",
)
def test_rows_that_cannot_be_stored_are_set_aside_and_the_rest_is_stored(client, tmp_path, seen):
    rows = [
        row("1", "red"),
        row("2", "蓝" * 22),  # 22 characters, 66 bytes, and the field takes 64
        row("3", ""),
        row("4", 5),
        row("5", "blue", "b"),
        row("5", "red"),
        {"id": "6", "text": "red"},
        row("7", "red", float("nan")),
    ]
    path = tmp_path / "aside" / "rows.jsonl"
    report = vectorstore.ingest(
        client, "colours", rows, embed=embed, progress=False, set_aside=path
    )
    assert (report.added, report.set_aside) == (2, 6)
    assert stored(client) == [("1", "red", "a"), ("5", "blue", "b")]
    lines = set_aside_lines(path)
    assert [(line["row"], line["reason"]) for line in lines] == [
        (1, "has a 'text' that takes 66 bytes, over the field's max_length of 64"),
        (2, "has an empty 'text'"),
        (3, "has a 'text' that is int (5), not text"),
        (5, "repeats the id '5' of rows[4], and one of them would be lost"),
        (6, "lacks shelf"),
        (7, "has a 'shelf' that is float (nan), not text"),
    ]
    seen(lines[0]["reason"])
    assert lines[0]["values"] == row("2", "蓝" * 22)
    assert "蓝" * 22 in path.read_text(encoding="utf-8")  # readable, without escapes
    assert lines[5]["values"]["shelf"] == "nan"


def test_ids_with_one_hash_are_told_apart(client, tmp_path, monkeypatch):
    monkeypatch.setattr(ingesting, "_id_hash", lambda row: 7)
    path = tmp_path / "rows.jsonl"
    rows = [row("1", "red"), row("2", "blue"), row("3", "red"), row("2", "red")]
    assert ingest(client, rows, set_aside=path) == (3, 0, 0)
    [line] = set_aside_lines(path)
    assert line["reason"] == "repeats the id '2' of rows[1], and one of them would be lost"


def test_half_a_character_is_set_aside_and_comes_back(client, tmp_path):
    path = tmp_path / "rows.jsonl"
    ingest(client, [row("1", "\ud800")], set_aside=path)
    assert set_aside_lines(path)[0]["values"]["text"] == "\ud800"


def test_numpys_values_are_set_aside_as_plain_numbers(client, tmp_path):
    path = tmp_path / "rows.jsonl"
    ingest(client, [row("1", np.int64(5)), row("2", np.array([1, 2]))], set_aside=path)
    assert [line["values"]["text"] for line in set_aside_lines(path)] == [5, [1, 2]]


@pytest.mark.fault(
    "Unfit rows and vectors",
    breaks="With a file for them, a vector is NaN and another is all zeros, which has no "
    "direction.",
    sees="Both rows in the file, with the reason.",
    kept="The rows with good vectors are stored.",
)
def test_a_row_whose_vector_is_unfit_is_set_aside(client, tmp_path):
    vectors = np.array([[1, 0, 0, 0], [np.nan, 0, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0]])
    rows = [row(str(number), "red") for number in range(4)]
    path = tmp_path / "rows.jsonl"
    report = vectorstore.ingest(
        client, "colours", rows, embed=lambda texts: vectors, progress=False, set_aside=path
    )
    assert (report.added, report.set_aside) == (2, 2)
    assert [identifier for identifier, *_ in stored(client)] == ["0", "3"]
    assert [line["row"] for line in set_aside_lines(path)] == [1, 2]


def test_a_run_without_bad_rows_empties_the_file_of_the_last(client, tmp_path):
    path = tmp_path / "rows.jsonl"
    ingest(client, [row("1", "")], set_aside=path)
    assert len(set_aside_lines(path)) == 1
    ingest(client, [row("1", "red")], set_aside=path)
    assert path.read_text() == ""


def test_a_batch_of_unfit_vectors_alone_writes_nothing(client, tmp_path):
    report = vectorstore.ingest(
        client,
        "colours",
        [row("1", "red")],
        embed=lambda texts: np.zeros((1, DIM)),
        progress=False,
        set_aside=tmp_path / "rows.jsonl",
    )
    assert (report.added, report.set_aside) == (0, 1)


def test_rows_with_their_own_vectors_are_stored_and_each_vector_is_checked(client, tmp_path):
    make_collection(client, "other", **HASH)
    good, changed = [1.0, 0, 0, 0], [0, 1.0, 0, 0]
    rows = [
        row("1", "red") | {"embedding": good},
        row("2", "red") | {"embedding": [1.0, 0, 0]},
        row("3", "red") | {"embedding": [float("nan"), 0, 0, 0]},
    ]
    path = tmp_path / "rows.jsonl"
    assert ingest(client, rows, embed=None, set_aside=path, collection="other") == (1, 0, 0)
    assert [line["reason"] for line in set_aside_lines(path)] == [
        "has a vector of shape (3,), and the collection takes (4,)",
        "has a vector with a value that isn't a finite number",
    ]
    assert ingest(client, rows[:1], embed=None, collection="other") == (0, 0, 1)
    assert ingest(
        client, [row("1", "red") | {"embedding": changed}], embed=None, collection="other"
    ) == (0, 1, 0)


def test_rows_with_their_own_vectors_need_a_hash_to_be_compared_by(client):
    with pytest.raises(ValueError, match="has no field 'content_hash'"):
        ingest(client, [], embed=None)


def test_a_hash_in_the_collection_is_filled_and_compared(client):
    make_collection(client, "other", **HASH)
    rows = [row("1", "red"), row("2", "blue")]
    assert ingest(client, rows, collection="other") == (2, 0, 0)
    there = client.query("other", filter='id == "1"', output_fields=["content_hash"])
    assert there[0]["content_hash"] == vectorstore.content_hash(rows[0])
    assert ingest(client, rows, collection="other") == (0, 0, 2)
    assert ingest(client, [row("1", "blue"), row("2", "blue", "b")], collection="other") == (
        0,
        2,
        0,
    )
    assert vectorstore.count(client, "other") == 2


def test_a_number_of_32_bits_counts_as_unchanged(client):
    make_collection(client, "other", price={"datatype": DataType.FLOAT})
    assert ingest(client, [row("1", "red") | {"price": 0.1}], collection="other") == (1, 0, 0)
    assert ingest(client, [row("1", "red") | {"price": 0.1}], collection="other") == (0, 0, 1)
    assert vectorstore.count(client, "other", where=[("price", "==", 0.1)]) == 1


@pytest.mark.fault(
    "Injected text",
    breaks="An id that is to be deleted holds quotes, or a filter that all rows meet.",
    sees="How many rows were deleted: the one with that id.",
    kept="All other rows.",
)
def test_ids_with_quotes_are_stored_found_and_deleted(client):
    odd = ["x'] or id not in ['", 'a"b', "back\\slash", "单 号"]
    rows = [row(identifier, "red") for identifier in odd]
    assert ingest(client, rows) == (4, 0, 0)
    assert ingest(client, rows) == (0, 0, 4)
    assert vectorstore.delete(client, "colours", [odd[0], "not there"]) == 1
    assert sorted(identifier for identifier, *_ in stored(client)) == sorted(odd[1:])


HOSTILE = ["plain", 'x" or shelf != "', "x' or '", "\\", 'a\\"', "new\nline", "架子", "{x}"]


@pytest.mark.fault(
    "Injected text",
    breaks="What somebody typed goes into a search as the value of a filter, and tries to "
    'close the quotes: x" or shelf != "',
    sees="The rows with exactly that value, which are those that were asked for.",
    kept="The condition: no other row is found, counted or shown.",
)
def test_a_search_keeps_to_its_conditions_whatever_their_values_hold(client):
    ingest(client, [row(str(number), "red", shelf) for number, shelf in enumerate(HOSTILE)])
    for number, shelf in enumerate(HOSTILE):
        where = [("shelf", "==", shelf)]
        hits = vectorstore.search(client, "colours", embed(["red"]), k=9, where=where)[0]
        assert [hit.id for hit in hits] == [str(number)]
        assert vectorstore.count(client, "colours", where=[("shelf", "in", [shelf])]) == 1
        assert vectorstore.count(client, "colours", where=[("shelf", "!=", shelf)]) == 7


def test_an_unknown_field_is_refused_with_the_nearest_name(client):
    with pytest.raises(ValueError, match="no field 'shelve'; did you mean 'shelf'"):
        vectorstore.search(client, "colours", embed(["red"]), where=[("shelve", "==", "a")])


def test_rows_that_a_source_no_longer_has_are_deleted(client):
    ingest(client, [row("1", "red"), row("2", "red"), row("3", "red"), row("4", "red", "b")])
    gone = vectorstore.delete_stale(
        client, "colours", keep=["1", "2"], where=[("shelf", "==", "a")]
    )
    assert gone == 1
    assert [identifier for identifier, *_ in stored(client)] == ["1", "2", "4"]
    with pytest.raises(ValueError, match="every row would go"):
        vectorstore.delete_stale(client, "colours", keep=[])


@pytest.mark.fault(
    "Unfit rows and vectors",
    breaks="A collection measures by another metric than the lesson's similarity; Milvus "
    "Lite would search it in silence.",
    sees="What it `measures`, and to `make the collection again with metric_type='COSINE'`.",
    kept="The collection.",
)
def test_an_index_with_another_metric_is_refused(client, seen):
    make_collection(client, "other", metric="L2")
    for call in (
        lambda: ingest(client, [row("1", "red")], collection="other"),
        lambda: vectorstore.search(client, "other", embed(["red"])),
    ):
        with pytest.raises(
            ValueError, match="measures L2, and a similarity needs COSINE"
        ) as caught:
            call()
        seen(caught.value)


def test_a_missing_index_is_named(client):
    make_collection(client, "other", index=False)
    with pytest.raises(ValueError, match="has no index on 'embedding'; give create_collection"):
        vectorstore.search(client, "other", embed(["red"]))


def test_a_released_collection_is_loaded_again(client):
    ingest(client, [row("1", "red")])
    client.release_collection("colours")
    assert len(vectorstore.search(client, "colours", embed(["red"]))[0]) == 1
    client.release_collection("colours")
    assert vectorstore.count(client, "colours") == 1


def test_a_search_without_queries_finds_nothing(client):
    assert vectorstore.search(client, "colours", np.empty((0, DIM))) == []


@pytest.mark.fault(
    "Milvus",
    breaks="No Milvus server runs at the address.",
    sees="`no Milvus server answers at`, and three ways on: `start one "
    "(vectorstore.server.start), correct the address, or give a path that ends in "
    ".db`.",
    kept="The session: the call ends after ten seconds at most.",
)
def test_an_address_where_no_server_answers_says_so(seen):
    with pytest.raises(ConnectionError, match=r"at http://127\.0\.0\.1:1;") as caught:
        vectorstore.connect("http://127.0.0.1:1")
    seen(caught.value)


def test_a_server_that_is_no_longer_ready_says_so(client, monkeypatch):
    rows = [row("1", "red"), row("2", "blue")]
    upsert = client.upsert

    def refuse_the_second(collection, values):
        if vectorstore.count(client, collection):
            raise MilvusException(1, "service not ready[standalone=1]: Abnormal")
        return upsert(collection, values)

    with monkeypatch.context() as patch:
        patch.setattr(client, "upsert", refuse_the_second)
        with pytest.raises(ConnectionError, match=r"no longer ready .* goes on where it stopped"):
            ingest(client, rows, batch_size=1)
    assert [identifier for identifier, *_ in stored(client)] == ["1"]
    assert ingest(client, rows) == (1, 0, 1)


@pytest.mark.fault(
    "Milvus",
    breaks="The address lacks http://, so that it would be taken for a path.",
    sees="`is neither a path that ends in .db (Milvus Lite) nor an address such as "
    "http://localhost:19530`",
    kept="The folder: nothing is made in it.",
)
def test_a_uri_that_is_neither_path_nor_address_is_refused(seen):
    with pytest.raises(ValueError, match=r"'localhost:19530' is neither") as caught:
        vectorstore.connect("localhost:19530")
    seen(caught.value)


def test_a_local_database_is_left_without_pings_and_a_server_is_not(tmp_path, monkeypatch):
    from course_utils.vectorstore import connection

    given = []

    class Client:
        def __init__(self, uri, **options):
            given.append(options)

        def get_server_version(self, timeout):
            return "2"

    monkeypatch.setattr(connection, "MilvusClient", Client)
    vectorstore.connect("http://127.0.0.1:1")
    vectorstore.connect(tmp_path / "new" / "folder" / "a.db")
    options = [each["grpc_options"] for each in given]
    assert "grpc.keepalive_time_ms" not in options[0]
    assert options[1] == {"grpc.keepalive_time_ms": 2**31 - 1}
    assert (tmp_path / "new" / "folder").is_dir()


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


@pytest.mark.fault(
    "Two notebooks at once",
    breaks="A second notebook opens a database of Milvus Lite that the first still has open.",
    sees="The database that `can't be opened`: `Shut down the other notebook that uses it`.",
    kept="The database, which opens as soon as the first lets go.",
)
def test_a_database_that_another_process_holds_says_which_and_what_to_do(tmp_path, seen):
    uri = tmp_path / "held.db"
    vectorstore.connect(uri)
    try:
        said = open_elsewhere(uri)
        seen(said)
        assert "held.db can't be opened" in said
    finally:
        vectorstore.release(uri)
    assert open_elsewhere(uri) == "opened\n"


IDLE = """
import sys
import time
from course_utils import vectorstore

client = vectorstore.connect(sys.argv[1])
time.sleep(35)
client.list_collections()
time.sleep(0.5)
"""


@pytest.mark.slow
def test_a_local_database_left_alone_for_half_a_minute_says_nothing(tmp_path):
    command = [sys.executable, "-c", IDLE, str(tmp_path / "idle.db")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stderr == ""
