"""Ids and hashes are stable; each row that a database refuses, or keeps unfindable, is named."""

import numpy as np
import pytest
from pymilvus import DataType

from course_utils.vectorstore import content_hash, row_id
from course_utils.vectorstore.rows import plain_row, row_problem, vector_problem

FIELDS = {
    "id": {"type": DataType.VARCHAR, "params": {"max_length": 8}},
    "text": {"type": DataType.VARCHAR, "params": {"max_length": 20}},
    "pages": {"type": DataType.INT8, "params": {}},
    "price": {"type": DataType.FLOAT, "params": {}},
    "open": {"type": DataType.BOOL, "params": {}},
    "note": {"type": DataType.VARCHAR, "params": {"max_length": 8}, "nullable": True},
    "embedding": {"type": DataType.FLOAT_VECTOR, "params": {"dim": 2}},
}
GOOD = {"id": "1", "text": "red", "pages": 3, "price": 0.1, "open": True, "note": None}


def problem(**changed):
    return row_problem(plain_row(GOOD | changed), FIELDS, set(FIELDS) - {"embedding"})


def test_an_id_is_the_same_in_each_run_and_depends_on_the_key_alone():
    assert row_id("tickets", "T-1042") == "ae41c5a9d101b13ce26a6b6bb4e81fcd"
    assert row_id("tickets", 7) == row_id("tickets", "7")


def test_keys_of_other_parts_have_other_ids():
    assert len({row_id("ab", "c"), row_id("a", "bc"), row_id("abc"), row_id("a", "b", "c")}) == 4


def test_an_id_needs_a_key():
    with pytest.raises(ValueError, match="row_id needs a key"):
        row_id()


def test_the_hash_changes_with_any_value_and_not_with_order_or_id():
    first = content_hash({"id": "1", "text": "red", "pages": 3})
    assert first == content_hash({"pages": 3, "text": "red", "id": "2", "content_hash": "x"})
    assert first != content_hash({"id": "1", "text": "blue", "pages": 3})
    assert first != content_hash({"id": "1", "text": "red", "pages": 4})


def test_the_hash_counts_a_vector_as_32_bit_floats():
    row = {"id": "1", "text": "red", "embedding": [0.1, 1]}
    assert content_hash(row) == content_hash(row | {"embedding": np.float32([0.1, 1])})
    assert content_hash(row) != content_hash(row | {"embedding": [0.2, 1]})


def test_a_good_row_has_no_problem():
    assert problem() is None
    assert problem(price=float(np.finfo(np.float32).max)) is None
    assert problem(pages=np.int64(3), price=np.float64(2), open=np.bool_(False), note="x") is None


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"text": ""}, "has an empty 'text'"),
        ({"text": " \n"}, "has an empty 'text'"),
        ({"id": ""}, "has an empty 'id'"),
        ({"text": None}, "has a 'text' that is None"),
        ({"text": 5}, "has a 'text' that is int (5), not text"),
        ({"text": float("nan")}, "has a 'text' that is float (nan), not text"),
        ({"text": "\ud800"}, "has a 'text' that isn't valid Unicode text"),
        ({"pages": 1.0}, "has a 'pages' that is float (1.0), not a whole number"),
        ({"pages": True}, "has a 'pages' that is bool (True), not a whole number"),
        ({"pages": -129}, "has a 'pages' that is -129, outside INT8"),
        ({"pages": 128}, "has a 'pages' that is 128, outside INT8"),
        ({"price": "1.5"}, "has a 'price' that is str ('1.5'), not a number"),
        ({"price": float("nan")}, "has a 'price' that is nan, not a finite number of FLOAT"),
        ({"price": 1e39}, "has a 'price' that is 1e+39, not a finite number of FLOAT"),
        ({"open": 1}, "has a 'open' that is int, not bool"),
    ],
)
def test_a_value_that_its_field_cannot_hold_is_named(changed, message):
    assert problem(**changed) == message


def test_the_limit_counts_bytes_as_a_server_does():
    assert problem(text="x" * 20) is None
    assert problem(text="x" * 21) == (
        "has a 'text' that takes 21 bytes, over the field's max_length of 20"
    )
    assert problem(text="中" * 6) is None  # three bytes each
    assert "takes 21 bytes" in problem(text="中" * 7)


def test_missing_and_unknown_fields_are_named_with_the_nearest():
    row = {name: value for name, value in GOOD.items() if name != "price"} | {"prices": 1}
    said = row_problem(row, FIELDS, set(FIELDS) - {"embedding"})
    assert said.startswith("lacks price and has prices that the collection doesn't know: ")
    assert said.endswith("did you mean 'price'? (there: id, note, open, pages, price, text)")
    assert problem(prices=1).startswith("has prices that the collection doesn't know: ")


@pytest.mark.parametrize(
    ("vector", "message"),
    [
        ([1.0, 0.0], None),
        ([1.0, 0.0, 0.0], "has a vector of shape (3,), and the collection takes (2,)"),
        ([[1.0, 0.0]], "has a vector of shape (1, 2), and the collection takes (2,)"),
        ([float("nan"), 0.0], "has a vector with a value that isn't a finite number"),
        ([float("inf"), 0.0], "has a vector with a value that isn't a finite number"),
        ([0.0, 0.0], "has a vector of zeros, which has no cosine"),
        (["a", "b"], "has a vector with values that aren't numbers"),
        (None, "has a vector of shape (), and the collection takes (2,)"),
    ],
)
def test_a_vector_that_could_not_be_found_again_is_named(vector, message):
    assert vector_problem(vector, FIELDS) == message
