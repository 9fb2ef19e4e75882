"""The shop's database is the same for the same seed, plausible, and tells right from wrong."""

import hashlib
import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest

from course_utils import sql_eval
from course_utils.shop import database as shop_database
from course_utils.shop import sql_faults
from course_utils.shop.database import TABLES, TRAINING_TABLES, UNSEEN_TABLES


@pytest.fixture(scope="module")
def shop():
    return shop_database.build_database(seed=1)


def dump(connection, tables=TABLES):
    """Return all rows as text that doesn't depend on the version of SQLite."""
    return "\n".join(
        repr(row) for table in tables for row in connection.execute(f"SELECT * FROM {table}")
    )


def rows(connection, sql):
    return connection.execute(sql).fetchall()


def test_the_same_seed_gives_the_same_database_on_every_machine(shop):
    assert dump(shop) == dump(shop_database.build_database(seed=1))
    digest = hashlib.sha256(dump(shop).encode()).hexdigest()
    assert digest[:16] == "908df5dc2150fc19"


def test_tables_to_train_on_leave_the_shops_own_as_they_are(shop):
    """Their rows decide what the held-out questions' answers are."""
    own = [table for table in TABLES if table not in TRAINING_TABLES]
    digest = hashlib.sha256(dump(shop, own).encode()).hexdigest()
    assert digest[:16] == "4c533d4ede75ea6e"


def test_a_database_in_a_file_holds_what_the_one_in_memory_holds(shop, tmp_path):
    path = tmp_path / "shop.db"
    shop_database.build_database(path, seed=1).close()
    assert dump(sqlite3.connect(path)) == dump(shop)


def test_a_database_is_not_written_over(tmp_path):
    path = tmp_path / "shop.db"
    path.touch()
    with pytest.raises(FileExistsError, match=r"shop\.db exists; delete it or choose another path"):
        shop_database.build_database(path)


@pytest.mark.parametrize("table", TABLES)
def test_another_seed_gives_other_rows_under_the_same_keys(shop, table):
    other = shop_database.build_database(seed=2)
    key = TABLES[table][0].name
    assert rows(shop, f"SELECT {key} FROM {table}") == rows(other, f"SELECT {key} FROM {table}")
    assert rows(shop, f"SELECT * FROM {table}") != rows(other, f"SELECT * FROM {table}")


def test_another_thread_can_ask_as_a_chat_in_jupyterlab_does(shop):
    with ThreadPoolExecutor(max_workers=1) as pool:
        asked = pool.submit(sql_eval.run_query, shop, "SELECT COUNT(*) FROM orders")
        assert asked.result().rows == [(90,)]


def test_a_schema_is_one_line():
    assert shop_database.schema_of(["staff", "shifts"]) == (
        "staff(staff_id, name, team, contract, wage, hired_on); "
        "shifts(shift_id, staff_id, worked_on, kind, hours)"
    )


def test_the_schema_of_a_table_that_is_not_there_says_so():
    with pytest.raises(KeyError, match="no table 'stuff' in the shop; use one of products, "):
        shop_database.schema_of(["stuff"])


def test_the_schema_names_the_columns_that_the_database_has(shop):
    for table in TABLES:
        names = [name for _, name, *_ in rows(shop, f"PRAGMA table_info({table})")]
        assert shop_database.schema_of([table]) == f"{table}({', '.join(names)})"


def test_tables_are_many_and_short():
    assert len(TABLES) - len(UNSEEN_TABLES) - len(TRAINING_TABLES) >= 12
    assert len(UNSEEN_TABLES) >= 4
    assert len(TRAINING_TABLES) == 40
    assert {len(columns) for columns in TABLES.values()} <= {5, 6, 7}


def test_the_tables_to_train_on_give_nothing_away_of_the_held_out_ones():
    """A model that has met a table's or column's name in training has not met it unseen."""
    more = {column.name for name in TRAINING_TABLES for column in TABLES[name]} | {*TRAINING_TABLES}
    unseen = {column.name for name in UNSEEN_TABLES for column in TABLES[name]} | {*UNSEEN_TABLES}
    assert more & unseen == set()


def test_every_reference_leads_to_a_row_and_some_rows_have_none(shop):
    homes = {columns[0].name: table for table, columns in TABLES.items()}
    for table, columns in TABLES.items():
        for key in (column.name for column in columns if column.kind == "ref"):
            home = homes[key]
            lost = f"SELECT * FROM {table} WHERE {key} NOT IN (SELECT {key} FROM {home})"
            lone = f"SELECT * FROM {home} WHERE {key} NOT IN (SELECT {key} FROM {table})"
            assert rows(shop, lost) == []
            assert rows(shop, lone)


def test_tables_that_join_share_no_column_but_their_key():
    homes = {columns[0].name: table for table, columns in TABLES.items()}
    for columns in TABLES.values():
        names = {column.name for column in columns}
        for key in (column.name for column in columns if column.kind == "ref"):
            assert names & {column.name for column in TABLES[homes[key]]} == {key}


@pytest.mark.parametrize(
    "nonsense",
    [
        "SELECT * FROM shipments WHERE delivered_on <= shipped_on",
        "SELECT * FROM used_items WHERE sold_on <= listed_on",
        "SELECT * FROM gift_cards WHERE balance > amount",
        "SELECT * FROM gift_cards WHERE used_on IS NULL AND balance <> amount",
        "SELECT * FROM customers WHERE city = 'Ghent' AND country <> 'Belgium'",
        "SELECT * FROM products WHERE brand = 'Tarnfell' AND sku NOT LIKE 'TF-%'",
        "SELECT product FROM products GROUP BY product, brand HAVING COUNT(*) > 1",
        "SELECT * FROM reviews WHERE stars NOT IN (1, 2, 3, 4, 5)",
    ],
)
def test_no_row_is_nonsense(shop, nonsense):
    assert rows(shop, nonsense) == []


def test_an_answer_is_sorted_unless_the_query_sorts(shop):
    kinds = [("early",), ("late",), ("night",), ("standby",), ("weekend",)]
    query = "SELECT DISTINCT kind FROM shifts"
    assert shop_database.answer(shop, query) == kinds
    assert shop_database.answer(shop, f"{query} ORDER BY kind DESC") == kinds[::-1]


def test_an_answer_forgives_the_last_digits_of_a_sum():
    connection = sqlite3.connect(":memory:")
    assert shop_database.answer(connection, "SELECT 0.1 + 0.2") == [(0.3,)]


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("SELECT kind FROM shifts WHERE hours > 5", "SELECT kind FROM shifts"),
        ("SELECT kind FROM shifts WHERE hours > 5", "SELECT kind FROM shifts WHERE hours < 5"),
        ("SELECT kind FROM shifts WHERE hours > 5", "SELECT kind FROM shifts WHERE hours >= 5"),
        ("SELECT kind FROM shifts WHERE hours > 5", "SELECT hours FROM shifts WHERE hours > 5"),
        (
            "SELECT COUNT(*) FROM shifts WHERE kind = 'late' AND worked_on >= '2024-05-01'",
            "SELECT COUNT(*) FROM shifts WHERE kind = 'late'",
        ),
        (
            "SELECT COUNT(*) FROM shifts WHERE kind = 'late' AND worked_on >= '2024-05-01'",
            "SELECT COUNT(*) FROM shifts WHERE worked_on >= '2024-05-01'",
        ),
        (
            "SELECT COUNT(*) FROM shifts WHERE worked_on BETWEEN '2024-05-01' AND '2024-05-31'",
            "SELECT SUM(hours) FROM shifts WHERE worked_on BETWEEN '2024-05-01' AND '2024-05-31'",
        ),
        ("SELECT AVG(hours) FROM shifts", "SELECT SUM(hours) FROM shifts"),
        ("SELECT COUNT(DISTINCT kind) FROM shifts", "SELECT COUNT(kind) FROM shifts"),
        (
            "SELECT kind FROM shifts ORDER BY hours DESC LIMIT 3",
            "SELECT kind FROM shifts ORDER BY hours LIMIT 3",
        ),
        (
            "SELECT kind FROM shifts ORDER BY hours LIMIT 3",
            "SELECT kind FROM shifts ORDER BY hours DESC LIMIT 3",
        ),
        (
            "SELECT kind FROM shifts ORDER BY hours LIMIT 3",
            "SELECT kind FROM shifts ORDER BY hours",
        ),
        (
            "SELECT kind FROM shifts WHERE kind IN ('late', 'night')",
            "SELECT kind FROM shifts WHERE kind = 'late'",
        ),
        (
            "SELECT kind FROM shifts GROUP BY kind HAVING COUNT(*) > 20",
            "SELECT kind FROM shifts GROUP BY kind",
        ),
        (
            "SELECT name FROM staff WHERE staff_id NOT IN (SELECT staff_id FROM shifts)",
            "SELECT name FROM staff WHERE staff_id IN (SELECT staff_id FROM shifts)",
        ),
        (
            "SELECT wage FROM staff WHERE name LIKE '%Bakker%'",
            "SELECT wage FROM staff WHERE name LIKE 'Bakker'",
        ),
        (
            "SELECT wage FROM staff WHERE name LIKE 'B%'",
            "SELECT wage FROM staff WHERE name LIKE '%B%'",
        ),
        (
            "SELECT AVG(wage) FROM staff WHERE team = 'web'",
            "SELECT AVG(wage) FROM staff WHERE contract = 'web'",
        ),
        (
            "SELECT team, AVG(wage) FROM staff GROUP BY team",
            "SELECT contract, AVG(wage) FROM staff GROUP BY contract",
        ),
        (
            "SELECT COUNT(*) FROM shifts JOIN staff USING (staff_id) WHERE team = 'web'",
            "SELECT COUNT(*) FROM shifts JOIN staff WHERE team = 'web'",
        ),
    ],
)
def test_what_a_careless_writer_may_take_for_a_query_is_listed(right, wrong):
    tables = [table for table in TABLES if f" {table} " in f"{right} "]
    assert wrong in sql_faults.wrong_queries(right, tables)


def test_a_query_is_not_among_its_wrong_ones():
    right = "SELECT kind FROM shifts WHERE hours > 5"
    assert right not in sql_faults.wrong_queries(right, ["shifts"])
