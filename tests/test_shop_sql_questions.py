"""The questions of lesson 04: reproducible, apart from each other, even, and worth asking."""

import json
import random
import re
import sqlite3
from collections import Counter, defaultdict

import pytest

from course_utils import runtime
from course_utils.shop import database as shop_database
from course_utils.shop import sql_faults, sql_questions, sql_shapes, sql_wording
from course_utils.shop.database import TABLES, TRAINING_TABLES, UNSEEN_TABLES

HELD_OUT = ("test_values", "test_wordings", "test_tables")
PATH = runtime.data_dir() / "text_to_sql.jsonl"
ROWS = [json.loads(line) for line in PATH.read_text(encoding="utf-8").splitlines()]
SHAPES = sql_shapes.read_shapes()["shapes"]


def split(name):
    return [row for row in ROWS if row["split"] == name]


def literals(row):
    """Return (table.column, value) for each value that a column is compared with."""
    pattern = (
        r"(\w+) (?:=|<>|<|>|>=|LIKE|BETWEEN|IN) "
        r"(\(?(?:'[^']*'|[\d.]+)(?:(?:, | AND )(?:'[^']*'|[\d.]+))*)"
    )
    homes = {column.name: table for table in row["tables"] for column in TABLES[table]}
    return {
        (f"{homes[name]}.{name}", value)
        for name, values in re.findall(pattern, row["sql"])
        for value in re.findall(r"'([^']*)'|([\d.]+)", values)
    }


def columns_of(row):
    """Return the shape with its tables and the columns it names, in their order."""
    names = {column.name for table in row["tables"] for column in TABLES[table]}
    query = re.sub(r"'[^']*'", "", row["sql"])
    used = tuple(word for word in re.findall(r"\w+", query) if word in names)
    return row["shape"], tuple(row["tables"]), used


def test_the_committed_file_is_reproduced_byte_for_byte(tmp_path):
    assert sql_questions.write(tmp_path).read_bytes() == PATH.read_bytes()


def test_another_seed_asks_other_questions():
    other = {row["question"] for row in sql_questions.make_rows(seed=1)}
    assert len(other & {row["question"] for row in ROWS}) < len(ROWS) / 2


def test_the_splits_have_their_sizes():
    counts = Counter(row["split"] for row in ROWS)
    assert counts == {"train": 918, "dev": 108} | dict.fromkeys(HELD_OUT, 108)


def test_a_row_has_its_keys_in_order_and_an_id_of_its_own():
    keys = ["id", "split", "shape", "wording", "tables", "schema", "question", "sql"]
    assert all(list(row) == keys for row in ROWS)
    assert len({row["id"] for row in ROWS}) == len(ROWS)


def test_the_schema_of_a_row_is_that_of_its_tables():
    assert all(row["schema"] == shop_database.schema_of(row["tables"]) for row in ROWS)
    for row in ROWS:
        assert set(row["tables"]) == set(re.findall(r"(?:FROM|JOIN) (\w+)", row["sql"]))


def test_each_of_many_shapes_has_six_wordings_to_train_and_two_held_out():
    assert len(SHAPES) >= 40
    for name, shape in SHAPES.items():
        assert (len(set(shape["train"])), len(set(shape["held_out"]))) == (6, 2), name


def test_no_held_out_wording_is_trained_under_another_shape():
    def plain(wording):
        return re.sub(r"[^a-z{}]+", " ", re.sub(r"\{(np\w*|many)\}", "{np}", wording.lower()))

    trained = {plain(wording) for shape in SHAPES.values() for wording in shape["train"]}
    held_out = {plain(wording) for shape in SHAPES.values() for wording in shape["held_out"]}
    assert trained & held_out == set()


def test_no_question_comes_twice():
    counts = Counter(re.sub(r"\W+", " ", row["question"].lower()) for row in ROWS)
    assert [question for question, count in counts.items() if count > 1] == []


def test_no_query_of_one_split_occurs_in_another():
    splits = defaultdict(set)
    for row in ROWS:
        splits[row["sql"]].add(row["split"])
    assert [sql for sql, names in splits.items() if len(names) > 1] == []


def test_train_asks_the_same_query_in_several_wordings_only_now_and_then():
    counts = Counter(row["sql"] for row in split("train"))
    assert max(counts.values()) <= 3
    assert len(counts) >= 0.95 * len(split("train"))


def test_test_wordings_uses_wordings_that_no_other_split_uses():
    held_out = {row["wording"] for row in split("test_wordings")}
    others = {row["wording"] for row in ROWS if row["split"] != "test_wordings"}
    assert held_out & others == set()
    assert len(held_out) == 2 * len(SHAPES)
    assert len({row["wording"] for row in split("train")}) == 6 * len(SHAPES)


def test_test_tables_uses_tables_that_no_other_split_uses():
    for row in ROWS:
        unseen = {table in UNSEEN_TABLES for table in row["tables"]}
        assert unseen == {row["split"] == "test_tables"}, row["id"]
    assert {table for row in split("test_tables") for table in row["tables"]} == set(UNSEEN_TABLES)


def test_the_tables_to_train_on_occur_in_training_alone():
    for row in ROWS:
        if row["tables"][0] in TRAINING_TABLES:
            assert row["split"] == "train", row["id"]
    trained = {table for row in split("train") for table in row["tables"]}
    assert trained == set(TABLES) - set(UNSEEN_TABLES)


def test_more_training_rows_leave_the_held_out_ones_as_they_are(monkeypatch):
    monkeypatch.setitem(sql_questions.ROWS_PER_SHAPE, "train", 2)
    fewer = [row for row in sql_questions.make_rows() if row["split"] != "train"]
    assert fewer == [row for row in ROWS if row["split"] != "train"]


def test_test_values_uses_columns_that_train_does_not_combine_so():
    trained = {columns_of(row) for row in split("train") + split("dev")}
    assert [row["id"] for row in split("test_values") if columns_of(row) in trained] == []


def test_test_values_compares_with_values_that_train_does_not():
    trained = set().union(*(literals(row) for row in split("train")))
    new = [literals(row) for row in split("test_values")]
    assert sum(map(len, new)) >= 80
    assert set().union(*new) & trained == set()


def test_every_held_out_set_asks_every_shape_twice():
    for name in ("dev", *HELD_OUT):
        assert Counter(row["shape"] for row in split(name)) == dict.fromkeys(SHAPES, 2)


def test_train_leans_on_no_shape_and_no_table():
    train = split("train")
    shapes = Counter(row["shape"] for row in train)
    tables = Counter(table for row in train for table in row["tables"])
    assert max(shapes.values()) / len(train) < 0.02
    assert len(tables) >= 50
    for group in (set(TRAINING_TABLES), set(TABLES) - {*TRAINING_TABLES, *UNSEEN_TABLES}):
        counts = [tables[table] for table in group]
        assert min(counts) / max(counts) > 0.75
    assert max(tables.values()) / tables.total() < 0.035


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_every_answer_says_something(row):
    assert sql_faults.fault_of(row["sql"], row["tables"]) is None


def test_the_two_databases_answer_differently_but_for_the_values_of_a_column():
    same = {
        row["shape"]
        for row in ROWS
        if len({str(shop_database.answer(each, row["sql"])) for each in sql_shapes.databases()})
        == 1
    }
    assert same <= {"distinct", "distinct_more", "count_distinct"}


@pytest.mark.parametrize(
    ("sql", "fault"),
    [
        ("SELECT kind FROM shifts WHERE hours > 99", "the answer is empty"),
        ("SELECT SUM(hours) FROM shifts WHERE hours > 99", "the answer is empty"),
        ("SELECT COUNT(*) FROM shifts WHERE hours > 99", "the answer is empty"),
        ("SELECT COUNT(*) FROM shifts WHERE shift_id = 901", "the count is one"),
        ("SELECT shift_id FROM shifts ORDER BY hours DESC LIMIT 3", "a tie decides"),
        ("SELECT brand FROM products WHERE sku = 'TF-1100'", "both databases give the same"),
        ("SELECT DISTINCT kind FROM shifts WHERE hours > 4", r"wrong query .*: SELECT DISTINCT"),
        ("SELECT SUM(hours) FROM shifts WHERE hours > 1", "wrong query has the same answer"),
        ("SELECT name FROM staff WHERE wage > 0", "wrong query has the same answer"),
    ],
)
def test_a_query_that_shows_nothing_is_refused(sql, fault):
    table = re.search(r"FROM (\w+)", sql)[1]
    assert re.search(fault, sql_faults.fault_of(sql, [table]))


def test_queries_keep_to_one_style():
    keywords = "SELECT|FROM|WHERE|GROUP BY|ORDER BY|HAVING|LIMIT|JOIN|USING|AND|IN|NOT IN|LIKE|DESC"
    for row in ROWS:
        plain = re.sub(r"'[^']*'", "''", row["sql"])
        assert not re.search(rf"\b(?:{keywords.lower()})\b", plain), row["sql"]
        assert not re.search(r"  |;| AS |!=|\s$", plain), row["sql"]


def test_no_query_writes():
    connection = shop_database.build_database(seed=1)
    connection.set_authorizer(
        lambda action, *_: (
            sqlite3.SQLITE_OK
            if action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION)
            else sqlite3.SQLITE_DENY
        )
    )
    for row in ROWS:
        connection.execute(row["sql"]).fetchall()


def test_every_text_in_a_query_is_in_its_question():
    for row in ROWS:
        for text in re.findall(r"'%?([^'%]+)%?'", row["sql"]):
            if not re.fullmatch(r"\d{4}-\d\d-\d\d", text):
                assert text in row["question"], row["id"]


def test_no_template_shows_through():
    marks = re.compile(r"[{}~]|  | ,|\ba [aeio]|\bNone\b|\bthe the\b")
    assert [row["question"] for row in ROWS if marks.search(row["question"])] == []


def test_a_shape_that_no_table_fits_is_named(monkeypatch):
    monkeypatch.setattr(sql_questions, "fault_of", lambda sql, tables: "never good")
    message = r"data/sql_shapes\.yaml, \w+/train/\d: no table gives a row .*; loosen the shape"
    with pytest.raises(ValueError, match=message):
        sql_questions.make_rows()


def test_a_draft_puts_its_values_into_question_and_query():
    frame = next(
        frame
        for frame in sql_shapes.frames("count_more")
        if (frame.tables, frame.slots[0].column.name) == (("shipments",), "weight")
    )
    draft = sql_wording.write_draft(
        frame, "How many {np}?", unseen_values=None, rng=random.Random(0)
    )
    weight = draft.sql.removeprefix("SELECT COUNT(*) FROM shipments WHERE weight > ")
    assert re.fullmatch(rf"How many (shipments|parcels) .* {weight} kg\?", draft.question)


@pytest.mark.slow
def test_a_training_row_costs_at_most_70_tokens_on_average(smollm2):
    _, tokenizer = smollm2
    texts = [f"{row['schema']}\n{row['question']}\n{row['sql']}" for row in split("train")]
    lengths = [len(ids) for ids in tokenizer(texts)["input_ids"]]
    assert sum(lengths) / len(lengths) <= 70
    assert max(lengths) <= 160
