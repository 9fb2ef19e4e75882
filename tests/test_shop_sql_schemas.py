"""The tables that a question is about are found, also those that no training question names."""

import json

import pytest

from course_utils import runtime
from course_utils.shop import sql_schemas
from course_utils.shop.database import UNSEEN_TABLES, schema_of


@pytest.fixture(scope="module")
def index(minilm):
    return sql_schemas.SchemaIndex(minilm)


def test_tables_are_joined_by_the_keys_that_they_share_the_holder_first():
    found = sql_schemas.joinable(["orders", "customers", "order_lines", "staff"])
    assert found == [
        ("orders",),
        ("customers",),
        ("order_lines",),
        ("staff",),
        ("orders", "customers"),
        ("order_lines", "orders"),
        ("order_lines", "orders", "customers"),
    ]


def test_a_table_that_holds_two_keys_joins_both():
    found = sql_schemas.joinable(["purchases", "suppliers", "products"])
    assert ("purchases", "products", "suppliers") in found


def test_no_set_of_tables_comes_twice():
    found = sql_schemas.joinable(list(sql_schemas.TABLES))
    assert len(found) == len(set(found)) == 112


def test_an_unknown_table_is_named():
    with pytest.raises(KeyError, match="no table 'cheese'"):
        sql_schemas.joinable(["cheese"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("question", "tables"),
    [
        ("How many orders were paid by card?", ("orders",)),
        ("What is the average price of tents?", ("products",)),
        ("How many orders were placed by customers in Oslo?", ("orders", "customers")),
        ("How many staff work in the warehouse?", ("staff",)),
    ],
)
def test_the_nearest_schema_is_the_one_that_is_asked_about(index, question, tables):
    [nearest] = index.nearest(question)
    assert nearest.tables == tables
    assert nearest.text == schema_of(tables)
    assert 0.3 < nearest.score < 1


@pytest.mark.slow
def test_the_nearest_come_first(index):
    scores = [schema.score for schema in index.nearest("shifts at night", k=4)]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) == 4


@pytest.mark.slow
def test_only_the_tables_asked_for_are_chosen_among(minilm):
    index = sql_schemas.SchemaIndex(minilm, UNSEEN_TABLES)
    [nearest] = index.nearest("How many orders were paid by card?")
    assert set(nearest.tables) <= set(UNSEEN_TABLES)


@pytest.mark.slow
@pytest.mark.parametrize(("split", "share"), [("test_values", 0.9), ("test_tables", 0.85)])
def test_the_tables_that_held_out_questions_need_are_mostly_in_the_schema(index, split, share):
    lines = (runtime.data_dir() / "text_to_sql.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if row["split"] == split]
    chosen = [set(index.nearest(row["question"])[0].tables) for row in rows]
    covered = sum(set(row["tables"]) <= tables for row, tables in zip(rows, chosen, strict=True))
    assert covered / len(rows) > share


@pytest.mark.slow
@pytest.mark.parametrize(("question", "k"), [("", 1), ("  ", 1), ("orders", 0)])
def test_an_empty_question_or_none_to_find_is_refused(index, question, k):
    with pytest.raises(ValueError, match="give a question and a k of 1 or more"):
        index.nearest(question, k=k)


def test_no_tables_are_refused(minilm):
    with pytest.raises(ValueError, match="tables is empty"):
        sql_schemas.SchemaIndex(minilm, [])
