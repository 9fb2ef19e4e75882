"""A query reads, within limits; whatever else a statement tries, the database stays as it is."""

import inspect
import json
import sqlite3
import time

import pytest

from course_utils import runtime
from course_utils.shop import database as shop_database
from course_utils.sql_eval import runner as sql_runner
from course_utils.sql_eval.errors import (
    QueryError,
    QueryFailedError,
    QueryRefusedError,
    QueryTooExpensiveError,
)
from course_utils.sql_eval.runner import ReadOnlyDatabase, run_query

ROWS = [
    json.loads(line)
    for line in (runtime.data_dir() / "text_to_sql.jsonl").read_text("utf-8").splitlines()
]
ENDLESS = "WITH RECURSIVE t(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM t) "
LONG_TEXT = "WITH RECURSIVE t(x) AS (SELECT 'a' UNION ALL SELECT x || x FROM t LIMIT 40) "
SWOLLEN = "SELECT wage AS x FROM staff"  # each level writes the one below out four times
for _ in range(7):
    SWOLLEN = f"SELECT x + x + x + x AS x FROM ({SWOLLEN})"

REFUSED = [
    ("INSERT INTO staff (staff_id) VALUES (99)", "it starts with INSERT"),
    ("REPLACE INTO staff (staff_id) VALUES (1)", "it starts with REPLACE"),
    ("UPDATE staff SET wage = 0", "it starts with UPDATE"),
    ("DELETE FROM staff", "it starts with DELETE"),
    ("/* only a SELECT */ DELETE FROM staff", "it starts with DELETE"),
    ("-- SELECT\nDELETE FROM staff", "it starts with DELETE"),
    ("DROP TABLE staff", "it starts with DROP"),
    ("ALTER TABLE staff RENAME TO crew", "it starts with ALTER"),
    ("CREATE TABLE loot (x)", "it starts with CREATE"),
    ("CREATE TABLE loot AS SELECT * FROM staff", "it starts with CREATE"),
    ("CREATE TEMP TABLE loot (x)", "it starts with CREATE"),
    ("CREATE TRIGGER t AFTER INSERT ON staff BEGIN SELECT 1; END", "it starts with CREATE"),
    ("CREATE VIRTUAL TABLE loot USING fts5(x)", "it starts with CREATE"),
    ("ATTACH DATABASE '{folder}/loot.db' AS loot", "it starts with ATTACH"),
    ("DETACH DATABASE main", "it starts with DETACH"),
    ("VACUUM", "it starts with VACUUM"),
    ("VACUUM INTO '{folder}/loot.db'", "it starts with VACUUM"),
    ("PRAGMA user_version = 7", "it starts with PRAGMA"),
    ("PRAGMA query_only = OFF", "it starts with PRAGMA"),
    ("REINDEX", "it starts with REINDEX"),
    ("ANALYZE", "it starts with ANALYZE"),
    ("BEGIN EXCLUSIVE", "it starts with BEGIN"),
    ("COMMIT", "it starts with COMMIT"),
    ("SAVEPOINT a", "it starts with SAVEPOINT"),
    ("EXPLAIN SELECT 1", "it starts with EXPLAIN"),
    (";EXPLAIN SELECT 1", "it starts with ;"),
    ("\ufeffEXPLAIN SELECT 1", "it starts with \ufeff"),
    ("VALUES (1)", "it starts with VALUES"),
    ("ＳＥＬＥＣＴ 1", "it starts with ＳＥＬＥＣＴ"),  # noqa: RUF001
    ("", "it holds no statement"),
    ("  -- nothing\n", "it holds no statement"),
    ("WITH a AS (SELECT 1) DELETE FROM staff", "it would DELETE from staff"),
    ("WITH a AS (SELECT 1) UPDATE staff SET wage = 0", "it would UPDATE staff"),
    ("WITH a AS (SELECT 1) INSERT INTO staff (wage) SELECT 1", "it would INSERT into staff"),
    ("SELECT 1; DROP TABLE staff", "it holds more than one statement"),
    ("SELECT 1; SELECT 2", "it holds more than one statement"),
    ("SELECT name FROM staff WHERE name = ''; DROP TABLE staff; --'", "more than one statement"),
    ("SELECT 1\0; DROP TABLE staff", "character 8 is a null character"),
    ("SELECT '\ud800'", "character 8 isn't valid Unicode"),
    ("SELECT load_extension('{folder}/loot.so')", "the function load_extension isn't among"),
    ("SELECT writefile('{folder}/loot', 'x')", "no such function: writefile"),
    ("SELECT readfile('/etc/hostname')", "no such function: readfile"),
    ("SELECT fts3_tokenizer('simple')", "the function fts3_tokenizer isn't among"),
    ("SELECT randomblob(1000000000)", "the function randomblob isn't among"),
    ("SELECT zeroblob(1000000000)", "the function zeroblob isn't among"),
    ("SELECT printf('%.*c', 1000000000, 'x')", "the function printf isn't among"),
    ("SELECT name FROM staff ORDER BY RANDOM()", "the function random isn't among"),
    ("SELECT name FROM pragma_table_info('staff')", "it reads a virtual table"),
    ("SELECT * FROM pragma_database_list", "it reads a virtual table"),
    ("SELECT value FROM json_each('[1]')", "it reads a virtual table"),
    ("SELECT sql FROM sqlite_master", "it reads sqlite_master, which is no table"),
    ("SELECT COUNT(*) FROM sqlite_master", "it reads sqlite_master, which is no table"),
    ("SELECT COUNT(*) FROM pragma_table_info('staff')", "it reads a virtual table"),
    ("SELECT (SELECT sql FROM sqlite_schema LIMIT 1)", "it reads sqlite_master, which is no"),
    (
        "SELECT name FROM staff WHERE wage > ?",
        r"^it has a parameter \(\? or :name\) and no value for it; only one SELECT",
    ),
    ("SELECT name FROM staff WHERE wage > :wage", "it has a parameter"),
]
TOO_EXPENSIVE = [
    (ENDLESS + "SELECT COUNT(*) FROM t", r"stopped after 0\.\d\d s, over max_seconds=0.05"),
    (ENDLESS + "SELECT x FROM t ORDER BY x", "over max_seconds"),
    ("SELECT COUNT(*) FROM orders, orders, orders, orders", "a join without a condition"),
    ("SELECT COUNT(*) FROM orders a, orders b, orders c, orders d", "a join without a condition"),
    (LONG_TEXT + "SELECT MAX(LENGTH(x)) FROM t", "a value has over 100,000 bytes"),
    ("SELECT GROUP_CONCAT(a.name) FROM customers a, customers b, customers c", "100,000 bytes"),
    (
        "SELECT REPLACE(REPLACE(REPLACE(a, 'a', b), 'a', b), 'a', b) FROM "
        f"(SELECT '{'a' * 90}' AS a, '{'a' * 90}' AS b)",
        "100,000 bytes",
    ),
    (
        "WITH RECURSIVE t(x) AS (SELECT 'a' UNION ALL SELECT x || x FROM t LIMIT 17) "
        "SELECT a.x FROM t a, t b",
        "rows hold 1,0.* bytes, over max_bytes=1,000,000",
    ),
    ("SELECT 1 -- " + "x" * 10_000, "the statement has 10,012 bytes, over the limit of 10,000"),
    ("SELECT 1 WHERE 1 IN (" + "1, " * 50_000 + "1)", "the statement has 150,023 bytes"),
    ("SELECT " + "(" * 2_000 + "1" + ")" * 2_000, "parser stack overflow|maximum depth"),
    ("SELECT 1" + " + 1" * 200, "maximum depth 100"),
    ("SELECT 1" + " UNION SELECT 1" * 20, "too many terms in compound SELECT"),
    ("SELECT 1" + ", 1" * 200, "too many columns in result set"),
    ("SELECT COUNT(*) FROM staff" + ", staff" * 64, "at most 64 tables in a join"),
    ("SELECT COALESCE(1" + ", 1" * 50 + ")", "too many arguments"),
    (SWOLLEN, "it compiles to too many steps"),
    ("SELECT name FROM staff WHERE name LIKE '" + "%a" * 60 + "'", "pattern too complex"),
]


@pytest.fixture(scope="module")
def content():
    connection = shop_database.build_database(seed=1)
    yield connection.serialize()
    connection.close()


@pytest.fixture
def shop(content):
    connection = sqlite3.connect(":memory:")
    connection.deserialize(content)
    yield connection
    connection.close()


@pytest.fixture
def path(content, tmp_path):
    (tmp_path / "shop.db").write_bytes(content)
    return tmp_path / "shop.db"


@pytest.mark.parametrize(("sql", "message"), REFUSED)
def test_a_hostile_statement_is_refused_and_changes_nothing(shop, path, sql, message):
    sql = sql.replace("{folder}", str(path.parent))
    before, on_disk = shop.serialize(), path.read_bytes()
    for database in (shop, path):
        with pytest.raises(QueryError, match=message) as caught:
            run_query(database, sql)
        if "no such function" not in message:
            assert isinstance(caught.value, QueryRefusedError)
    assert (shop.serialize(), path.read_bytes()) == (before, on_disk)
    assert [file.name for file in path.parent.iterdir()] == ["shop.db"]
    assert run_query(shop, "SELECT COUNT(*) FROM staff").rows == [(40,)]


@pytest.mark.parametrize(("sql", "message"), TOO_EXPENSIVE)
def test_a_statement_over_a_limit_is_stopped(shop, sql, message):
    started = time.perf_counter()
    with pytest.raises(QueryTooExpensiveError, match=message):
        run_query(shop, sql, max_seconds=0.05 if "max_sec" in message or "join w" in message else 5)
    assert time.perf_counter() - started < 3


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
    shop, path, monkeypatch, database
):
    monkeypatch.setattr(sql_runner, "_check_text", lambda sql: None)
    monkeypatch.setattr(ReadOnlyDatabase, "_authorize", lambda self, *action: sqlite3.SQLITE_OK)
    for sql in ("DELETE FROM staff", "DROP TABLE staff", "CREATE TABLE loot (x)"):
        with pytest.raises(QueryRefusedError, match="attempt to write a readonly database"):
            run_query(shop if database == "memory" else path, sql)
    with pytest.raises(QueryError, match="too many attached databases - max 0"):
        run_query(shop if database == "memory" else path, "ATTACH ':memory:' AS other")


def test_without_the_first_look_the_authorizer_refuses(shop, monkeypatch):
    monkeypatch.setattr(sql_runner, "_check_text", lambda sql: None)
    with pytest.raises(QueryRefusedError, match="it would DELETE from staff"):
        run_query(shop, "DELETE FROM staff")
    with pytest.raises(QueryRefusedError, match="it asks for SQLite's action 19 on user_version"):
        run_query(shop, "PRAGMA user_version = 7")
    with pytest.raises(QueryRefusedError, match="it asks for SQLite's action 24"):
        run_query(shop, "ATTACH ':memory:' AS other")


def test_without_all_else_a_file_opened_read_only_refuses_a_write(path):
    opened = ReadOnlyDatabase(path)
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


def test_a_connection_to_a_file_with_a_write_ahead_log_is_read(path):
    connection = sqlite3.connect(path)
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


def test_a_path_that_holds_no_database_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent\.db isn't there"):
        run_query(tmp_path / "absent.db", "SELECT 1")
    (tmp_path / "text.db").write_text("not a database, " * 100, encoding="utf-8")
    with pytest.raises(ValueError, match=r"text\.db can't be read as a SQLite database"):
        run_query(tmp_path / "text.db", "SELECT 1")
    assert not (tmp_path / "absent.db").exists()


def test_a_path_with_signs_of_a_uri_is_read(content, tmp_path):
    path = tmp_path / "a #1?mode=rw%20.db"
    path.write_bytes(content)
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
