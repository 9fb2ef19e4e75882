"""A query reads, within limits, and by several means; tests/faults has what statements try."""

import inspect
import sqlite3

import pytest

from course_utils import data_files
from course_utils.shop import database as shop_database
from course_utils.sql_eval import runner as sql_runner
from course_utils.sql_eval.errors import (
    QueryError,
    QueryFailedError,
    QueryRefusedError,
    QueryTooExpensiveError,
)
from course_utils.sql_eval.runner import ReadOnlyDatabase, run_query

ROWS = data_files.rows("text_to_sql.jsonl")
ENDLESS = "WITH RECURSIVE t(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM t) "


def test_a_stopped_query_leaves_nothing_behind_in_an_opened_database(shop):
    with ReadOnlyDatabase(shop) as opened:
        with pytest.raises(QueryRefusedError):
            opened.run("WITH a AS (SELECT 1) DELETE FROM staff")
        with pytest.raises(QueryFailedError):
            opened.run("SELECT nope")
        with pytest.raises(QueryTooExpensiveError):
            opened.run(ENDLESS + "SELECT COUNT(*) FROM t", max_seconds=0.01)
        with pytest.raises(QueryFailedError):
            opened.run("SELECT nope")
        assert opened.run("SELECT COUNT(*) FROM staff").rows == [(40,)]


def test_a_result_is_cut_off_after_max_rows(shop):
    result = run_query(shop, ENDLESS + "SELECT x FROM t", max_rows=3)
    assert (result.rows, result.truncated) == ([(1,), (2,), (3,)], True)
    assert not run_query(shop, "SELECT 1 UNION SELECT 2 UNION SELECT 3", max_rows=3).truncated


def test_a_result_that_holds_too_much_is_counted_in_rows_and_bytes(shop):
    message = "the first 12 rows hold 1,080 bytes, over max_bytes=1,000; select fewer rows or"
    with pytest.raises(QueryTooExpensiveError, match=message):
        run_query(shop, f"SELECT '{'x' * 90}' FROM staff", max_bytes=1_000)
    eleven = f"SELECT '{'x' * 90}' FROM staff LIMIT 11"
    assert len(run_query(shop, eleven, max_bytes=990).rows) == 11


def test_the_seconds_are_those_between_start_and_end(shop, monkeypatch):
    monkeypatch.setattr(sql_runner.time, "perf_counter", lambda: 7.0)
    assert run_query(shop, "SELECT 1").seconds == 0.0


def test_a_query_has_the_same_limits_by_both_ways():
    limits = {"max_rows": 1_000, "max_seconds": 1.0, "max_bytes": 1_000_000}
    for function in (run_query, ReadOnlyDatabase.run):
        parameters = inspect.signature(function).parameters
        assert {name: parameters[name].default for name in limits} == limits


def test_columns_come_with_their_names(shop):
    result = run_query(shop, "SELECT team, COUNT(*) AS people FROM staff GROUP BY team LIMIT 1;")
    assert result.columns == ("team", "people")
    assert run_query(shop, "SELECT name FROM staff WHERE 1 = 0").columns == ("name",)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1;",
        "-- first\nSELECT 1 -- last",
        "/* ; DROP TABLE staff */ SELECT 1; -- done",
        "select 1",
        "WITH a AS (SELECT 1 AS x) SELECT x FROM a",
        "SELECT COUNT(DISTINCT UPPER(team)) > 0 FROM staff",
        "SELECT 1 WHERE 'a;b' LIKE '%;%'",
        "SELECT MIN(ROW_NUMBER) FROM (SELECT ROW_NUMBER() OVER (ORDER BY wage) AS ROW_NUMBER "
        "FROM staff)",
    ],
)
def test_ordinary_ways_to_write_a_query_run(shop, sql):
    assert run_query(shop, sql).rows == [(1,)]


def test_all_questions_queries_give_what_they_give_without_limits(shop):
    with ReadOnlyDatabase(shop) as opened:
        for row in ROWS:
            found = [
                tuple(round(value, 6) if isinstance(value, float) else value for value in one)
                for one in opened.run(row["sql"]).rows
            ]
            if "ORDER BY" not in row["sql"]:
                found = sorted(found, key=repr)
            assert found == shop_database.answer(shop, row["sql"]), row["id"]


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT nme FROM staff", "no such column: nme; the nearest column is staff.name"),
        ("SELECT s.nmae FROM staff s", "s.nmae; the nearest column is staff.name"),
        ("SELECT city FROM orders", "no such column: city; city is a column of customers"),
        ("SELECT name FROM stafff", "no such table: stafff; the nearest table is staff"),
        ("SELECT xyzzy FROM staff", "no such column: xyzzy$"),
        ("SELECT name FROM xyzzy", "no such table: xyzzy$"),
        ("SELECT YEAR(hired_on) FROM staff", "no such function: YEAR$"),
        ("SELECT name FORM staff", 'near "staff": syntax error'),
        ("SELECT name FROM staff WHERE name = 'O'Hara'", "syntax error|unrecognized token"),
        ("SELECT CAST(x'ff' AS TEXT)", "Could not decode to UTF-8"),
    ],
)
def test_a_failed_query_names_the_nearest_right_name(shop, sql, message):
    with pytest.raises(QueryFailedError, match=message):
        run_query(shop, sql)


@pytest.mark.parametrize("database", ["memory", "file"])
def test_without_the_authorizer_and_the_first_look_a_write_still_fails(
    shop, shop_file, monkeypatch, database
):
    monkeypatch.setattr(sql_runner, "_check_text", lambda sql: None)
    monkeypatch.setattr(ReadOnlyDatabase, "_authorize", lambda self, *action: sqlite3.SQLITE_OK)
    for sql in ("DELETE FROM staff", "DROP TABLE staff", "CREATE TABLE loot (x)"):
        with pytest.raises(QueryRefusedError, match="attempt to write a readonly database"):
            run_query(shop if database == "memory" else shop_file, sql)
    with pytest.raises(QueryError, match="too many attached databases - max 0"):
        run_query(shop if database == "memory" else shop_file, "ATTACH ':memory:' AS other")


def test_without_the_first_look_the_authorizer_refuses(shop, monkeypatch):
    monkeypatch.setattr(sql_runner, "_check_text", lambda sql: None)
    with pytest.raises(QueryRefusedError, match="it would DELETE from staff"):
        run_query(shop, "DELETE FROM staff")
    with pytest.raises(QueryRefusedError, match="it asks for SQLite's action 19 on user_version"):
        run_query(shop, "PRAGMA user_version = 7")
    with pytest.raises(QueryRefusedError, match="it asks for SQLite's action 24"):
        run_query(shop, "ATTACH ':memory:' AS other")


def test_without_all_else_a_file_opened_read_only_refuses_a_write(shop_file):
    opened = ReadOnlyDatabase(shop_file)
    opened._connection.set_authorizer(None)
    opened._connection.execute("PRAGMA query_only = OFF")
    with pytest.raises(sqlite3.OperationalError, match="attempt to write a readonly database"):
        opened._connection.execute("DELETE FROM staff")
    opened.close()


def test_a_connection_keeps_its_functions_settings_and_guards(shop):
    asked = []
    shop.create_function("double", 1, lambda value: 2 * value)
    shop.set_authorizer(lambda *action: asked.append(action) or sqlite3.SQLITE_OK)
    shop.row_factory = sqlite3.Row
    limit = shop.getlimit(sqlite3.SQLITE_LIMIT_LENGTH)
    with pytest.raises(QueryFailedError, match="no such function: double"):
        run_query(shop, "SELECT double(2)")
    assert type(run_query(shop, "SELECT 1").rows[0]) is tuple
    asked.clear()
    assert shop.execute("SELECT double(2) AS four").fetchone()["four"] == 4
    assert asked
    assert shop.getlimit(sqlite3.SQLITE_LIMIT_LENGTH) == limit
    with shop:
        shop.execute("DELETE FROM staff")
    assert run_query(shop, "SELECT COUNT(*) FROM staff").rows == [(0,)]


def test_a_connection_in_a_transaction_is_refused(shop):
    shop.execute("DELETE FROM staff")
    with pytest.raises(ValueError, match="is in a transaction; commit it or roll it back"):
        run_query(shop, "SELECT 1")


def test_a_connection_to_a_file_with_a_write_ahead_log_is_read(shop_file):
    connection = sqlite3.connect(shop_file)
    connection.execute("PRAGMA journal_mode = WAL")
    assert run_query(connection, "SELECT COUNT(*) FROM staff").rows == [(40,)]
    connection.close()


def test_a_database_with_wide_tables_is_read(tmp_path):
    connection = sqlite3.connect(":memory:")
    connection.execute(f"CREATE TABLE wide ({', '.join(f'column_{n:04}' for n in range(1_500))})")
    assert run_query(connection, "SELECT column_1499 FROM wide").rows == []


def test_a_view_is_read_like_a_table(shop):
    shop.execute("CREATE VIEW desk AS SELECT name FROM staff WHERE team = 'desk'")
    rows = run_query(shop, "SELECT name FROM desk").rows
    assert rows == run_query(shop, "SELECT name FROM staff WHERE team = 'desk'").rows != []


def test_a_path_with_signs_of_a_uri_is_read(shop_content, tmp_path):
    path = tmp_path / "a #1?mode=rw%20.db"
    path.write_bytes(shop_content)
    assert run_query(path, "SELECT COUNT(*) FROM staff").rows == [(40,)]


@pytest.mark.parametrize("limit", ["max_rows", "max_seconds", "max_bytes"])
def test_a_limit_of_nothing_is_refused(shop, limit):
    with pytest.raises(ValueError, match=f"{limit}=0 lets no query run"):
        run_query(shop, "SELECT 1", **{limit: 0})


def test_an_interrupt_by_hand_is_passed_on(shop, monkeypatch):
    def press_ctrl_c():
        raise KeyboardInterrupt

    monkeypatch.setattr(sql_runner, "_STEPS_BETWEEN_CHECKS", 1)
    with ReadOnlyDatabase(shop) as opened:
        clock = iter([1.0, 1.0])  # for the start and the deadline; the next look is a callback's
        monkeypatch.setattr(
            sql_runner.time, "perf_counter", lambda: next(clock, None) or press_ctrl_c()
        )
        with pytest.raises(KeyboardInterrupt):
            opened.run("SELECT COUNT(*) FROM staff")
