"""A query is right by its rows on every database, and a share comes with its interval."""

import json
import sqlite3

import pandas as pd
import pytest
from scipy.stats import binomtest

from course_utils import runtime, sql_eval
from course_utils.shop import sql_shapes
from course_utils.sql_eval import accuracy, evaluate, same_result

ROWS = [
    json.loads(line)
    for line in (runtime.data_dir() / "text_to_sql.jsonl").read_text("utf-8").splitlines()
]
HELD_OUT = [row for row in ROWS if row["split"] != "train"]


def people(*rows):
    connection = sqlite3.connect(":memory:")
    with connection:
        connection.execute("CREATE TABLE people (name TEXT, age INTEGER)")
        connection.executemany("INSERT INTO people VALUES (?, ?)", rows)
    return connection


FIRST = people(("Ann", 40), ("Bob", 30), ("Cas", 50))
SECOND = people(("Ann", 20), ("Bob", 30), ("Cas", 50), ("Dot", 60))
OVER_35 = "SELECT name FROM people WHERE age > 35"


def row(sql, identifier="a", split="dev"):
    return {"id": identifier, "split": split, "sql": sql}


def judge(prediction, reference, databases=(FIRST, SECOND), **options):
    results = evaluate([prediction], [row(reference)], databases, **options)
    return results.loc[0, "kind"], results.loc[0, "message"]


@pytest.mark.parametrize(
    ("rows", "expected", "ordered", "same"),
    [
        ([(1,), (2,)], [(2,), (1,)], False, True),
        ([(1,), (2,)], [(2,), (1,)], True, False),
        ([(1,), (1,), (2,)], [(1,), (2,), (2,)], False, False),
        ([(0.1 + 0.2,)], [(0.3,)], False, True),
        ([(0.30001,)], [(0.3,)], False, False),
        ([(2,), (10.0,)], [(10,), (2.0,)], False, True),
        ([("1",)], [(1,)], False, False),
        ([(None,), ("a",)], [("a",), (None,)], False, True),
        ([(None,)], [("",)], False, False),
        ([("a", 1)], [(1, "a")], False, False),
        ([], [], True, True),
        ([], [(None,)], False, False),
    ],
)
def test_results_are_the_same_when_they_hold_the_same_rows(rows, expected, ordered, same):
    assert same_result(rows, expected, ordered=ordered) is same


@pytest.mark.parametrize(
    ("prediction", "kind", "message"),
    [
        (OVER_35, "right", ""),
        ("```sql\nSELECT name FROM people WHERE 35 < age;\n```", "right", ""),
        (f"{OVER_35} ORDER BY name DESC", "right", ""),
        ("SELECT name FROM people", "wrong rows", "database 1 of 2: rows: 3, expected 2"),
        ("SELECT name, age FROM people WHERE age > 35", "wrong rows", "columns: 2, expected 1"),
        ("SELECT age FROM people WHERE age > 35", "wrong rows", "2 of 2 rows are missing"),
        ("SELECT nam FROM people", "failed", "the nearest column is people.name"),
        ("I can't do that.", "failed", "the reply holds no SQL statement"),
        ("DROP TABLE people", "refused", "it starts with DROP"),
        ("SELECT 1" + ", 1" * 200, "too expensive", "too many columns"),
    ],
)
def test_each_prediction_gets_its_kind_and_a_message(prediction, kind, message):
    found, said = judge(prediction, OVER_35)
    assert found == kind
    assert message in said
    assert bool(said) is (kind != "right")


def test_a_query_that_is_right_by_luck_on_one_database_is_wrong():
    lucky = "SELECT name FROM people WHERE name <> 'Bob'"
    assert judge(lucky, OVER_35, [FIRST]) == ("right", "")
    assert judge(lucky, OVER_35) == ("wrong rows", "database 2 of 2: rows: 3, expected 2")


def test_the_order_counts_when_the_reference_sorts():
    reference = "SELECT name FROM people ORDER BY age"
    assert judge("SELECT name FROM people ORDER BY age ASC", reference)[0] == "right"
    assert judge("SELECT name FROM people ORDER BY name DESC", reference) == (
        "wrong order",
        "the rows are the reference's, in another order",
    )


def test_a_prediction_with_endless_rows_is_wrong_and_one_without_rows_too_expensive():
    endless = "WITH RECURSIVE t(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM t) SELECT "
    assert (
        judge(f"{endless}x FROM t", OVER_35)[1] == "database 1 of 2: rows: over 1,000, expected 2"
    )
    assert judge(f"{endless}MAX(x) FROM t", OVER_35, max_seconds=0.01)[0] == "too expensive"


def test_every_reference_is_right_about_itself():
    results = evaluate([row["sql"] for row in HELD_OUT], HELD_OUT)
    assert results["kind"].value_counts().to_dict() == {"right": 432}
    assert results["right"].all()
    assert list(results.columns) == ["id", "split", "right", "kind", "message"]
    assert results["id"].tolist() == [row["id"] for row in HELD_OUT]
    assert results["split"].tolist() == [row["split"] for row in HELD_OUT]


def test_the_answer_to_another_question_is_wrong():
    predictions = [row["sql"] for row in HELD_OUT[1:] + HELD_OUT[:1]]
    assert evaluate(predictions, HELD_OUT)["right"].sum() == 0


def test_judging_leaves_the_databases_as_they_are():
    before = [database.serialize() for database in sql_shapes.databases()]
    evaluate(["DELETE FROM staff", "WITH a AS (SELECT 1) DELETE FROM staff"], HELD_OUT[:2])
    assert [database.serialize() for database in sql_shapes.databases()] == before


def test_no_predictions_give_an_empty_table():
    results = evaluate([], [], [FIRST])
    assert list(results.columns) == ["id", "split", "right", "kind", "message"]
    assert accuracy(results).empty


@pytest.mark.parametrize(
    ("predictions", "rows", "databases", "message"),
    [
        ([], [row(OVER_35)], [FIRST], "0 predictions for 1 rows"),
        ([OVER_35], [row(OVER_35)], [], "databases is empty"),
        ([OVER_35], [row("SELECT x FROM people", "b7")], [FIRST], "reference of row 'b7' doesn't"),
        (
            [OVER_35],
            [row("SELECT 1 FROM " + "people, " * 6 + "people")],
            [SECOND],
            "row 'a' returns over 1,000 rows, too many to compare; give it a LIMIT$",
        ),
    ],
)
def test_what_cannot_be_judged_is_an_error(predictions, rows, databases, message):
    with pytest.raises(ValueError, match=message):
        evaluate(predictions, rows, databases)


def results(**counts):
    lines = [
        {"split": split, "right": number < right}
        for split, (right, n) in counts.items()
        for number in range(n)
    ]
    return pd.DataFrame(lines)


def test_accuracy_is_a_share_with_wilson_s_interval():
    table = accuracy(results(dev=(7, 10), test_values=(0, 20), test_tables=(5, 5)))
    assert list(table.index) == ["dev", "test_values", "test_tables"]
    assert table["n"].tolist() == [10, 20, 5]
    assert table["right"].tolist() == [7, 0, 5]
    assert table["share"].tolist() == [0.7, 0.0, 1.0]
    assert table.loc["dev", ["low", "high"]].tolist() == pytest.approx(
        [0.396778, 0.892209], abs=1e-6
    )
    assert table["low"].iloc[1] == 0.0
    assert table["high"].iloc[2] == 1.0


@pytest.mark.parametrize(("right", "n"), [(0, 1), (1, 1), (3, 60), (54, 108), (107, 108)])
def test_the_interval_agrees_with_scipy(right, n):
    line = accuracy(results(dev=(right, n))).loc["dev"]
    expected = binomtest(right, n).proportion_ci(0.95, method="wilson")
    assert (line["low"], line["high"]) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_accuracy_by_another_column():
    table = accuracy(results(dev=(1, 2)).assign(shape=["join", "count"]), by="shape")
    assert table["share"].to_dict() == {"join": 1.0, "count": 0.0}
    with pytest.raises(ValueError, match=r"no column 'shap'; use one of split, right"):
        accuracy(results(dev=(1, 2)), by="shap")


def test_all_that_a_lesson_needs_is_in_one_module():
    assert [name for name in sql_eval.__all__ if not hasattr(sql_eval, name)] == []
