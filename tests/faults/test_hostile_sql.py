"""Whatever a statement tries, it reads within limits or is refused, and the database stays."""

import pytest

from course_utils.sql_eval.errors import QueryError, QueryRefusedError, QueryTooExpensiveError
from course_utils.sql_eval.runner import run_query

ENDLESS = "WITH RECURSIVE t(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM t) "
LONG_TEXT = "WITH RECURSIVE t(x) AS (SELECT 'a' UNION ALL SELECT x || x FROM t LIMIT 40) "
SWOLLEN = "SELECT wage AS x FROM staff"  # each level writes the one below out four times
for _ in range(7):
    SWOLLEN = f"SELECT x + x + x + x AS x FROM ({SWOLLEN})"


@pytest.fixture
def refused(shop, shop_file):
    """Return a function that runs a statement on a connection and a file, and says what it heard.

    It checks that both are as they were, and that no other file is there.
    """

    def refused(sql, *, error=QueryRefusedError, **limits):
        sql = sql.replace("{folder}", str(shop_file.parent))
        before, on_disk = shop.serialize(), shop_file.read_bytes()
        said = set()
        for database in (shop, shop_file):
            with pytest.raises(error) as caught:
                run_query(database, sql, **limits)
            said.add(type(caught.value).__name__)
        assert len(said) == 1
        assert (shop.serialize(), shop_file.read_bytes()) == (before, on_disk)
        assert [file.name for file in shop_file.parent.iterdir()] == ["shop.db"]
        assert run_query(shop, "SELECT COUNT(*) FROM staff").rows == [(40,)]
        return str(caught.value)

    return refused


@pytest.mark.fault(
    "Hostile SQL",
    breaks="A model writes a statement that changes rows: INSERT, REPLACE, UPDATE, DELETE, "
    "also behind a comment or a WITH.",
    sees="What it would do, and that `only one SELECT over the database's tables may run`.",
    kept="Every byte of the database.",
)
@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("INSERT INTO staff (staff_id) VALUES (99)", "it starts with INSERT"),
        ("REPLACE INTO staff (staff_id) VALUES (1)", "it starts with REPLACE"),
        ("UPDATE staff SET wage = 0", "it starts with UPDATE"),
        ("DELETE FROM staff", "it starts with DELETE"),
        ("/* only a SELECT */ DELETE FROM staff", "it starts with DELETE"),
        ("-- SELECT\nDELETE FROM staff", "it starts with DELETE"),
        ("WITH a AS (SELECT 1) DELETE FROM staff", "it would DELETE from staff"),
        ("WITH a AS (SELECT 1) UPDATE staff SET wage = 0", "it would UPDATE staff"),
        ("WITH a AS (SELECT 1) INSERT INTO staff (wage) SELECT 1", "it would INSERT into staff"),
    ],
)
def test_a_statement_that_writes_is_refused(refused, seen, sql, words):
    said = refused(sql)
    seen(said)
    assert words in said


@pytest.mark.fault(
    "Hostile SQL",
    breaks="A statement changes the tables themselves: DROP, ALTER, CREATE, a trigger.",
    sees="The word that `it starts with`, and that only one SELECT may run.",
    kept="Every byte of the database.",
)
@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE staff",
        "ALTER TABLE staff RENAME TO crew",
        "CREATE TABLE loot (x)",
        "CREATE TABLE loot AS SELECT * FROM staff",
        "CREATE TEMP TABLE loot (x)",
        "CREATE TRIGGER t AFTER INSERT ON staff BEGIN SELECT 1; END",
        "CREATE VIRTUAL TABLE loot USING fts5(x)",
        "REINDEX",
        "ANALYZE",
    ],
)
def test_a_statement_that_changes_the_schema_is_refused(refused, seen, sql):
    said = refused(sql)
    seen(said)
    assert f"it starts with {sql.split()[0]}" in said


@pytest.mark.fault(
    "Hostile SQL",
    breaks="A statement opens or writes another file: ATTACH, VACUUM INTO.",
    sees="The word that `it starts with`, and that only one SELECT may run.",
    kept="The folder: no file is made in it.",
)
@pytest.mark.parametrize(
    "sql",
    [
        "ATTACH DATABASE '{folder}/loot.db' AS loot",
        "DETACH DATABASE main",
        "VACUUM",
        "VACUUM INTO '{folder}/loot.db'",
    ],
)
def test_a_statement_that_reaches_for_another_file_is_refused(refused, seen, sql):
    said = refused(sql)
    seen(said)
    assert f"it starts with {sql.split()[0]}" in said


@pytest.mark.fault(
    "Hostile SQL",
    breaks="A statement turns a guard off, locks the database, or asks for its plan: PRAGMA, "
    "BEGIN, EXPLAIN, also after a semicolon or an invisible character.",
    sees="The word that `it starts with`, and that only one SELECT may run.",
    kept="The settings, and the database without a lock.",
)
@pytest.mark.parametrize(
    ("sql", "word"),
    [
        ("PRAGMA user_version = 7", "PRAGMA"),
        ("PRAGMA query_only = OFF", "PRAGMA"),
        ("BEGIN EXCLUSIVE", "BEGIN"),
        ("COMMIT", "COMMIT"),
        ("SAVEPOINT a", "SAVEPOINT"),
        ("EXPLAIN SELECT 1", "EXPLAIN"),
        (";EXPLAIN SELECT 1", ";"),
        ("\ufeffEXPLAIN SELECT 1", "\ufeff"),
        ("VALUES (1)", "VALUES"),
        ("ＳＥＬＥＣＴ 1", "ＳＥＬＥＣＴ"),  # noqa: RUF001
    ],
)
def test_a_statement_that_is_no_query_is_refused(refused, seen, sql, word):
    said = refused(sql)
    seen(said)
    assert f"it starts with {word}" in said


@pytest.mark.fault(
    "Hostile SQL",
    breaks="A second statement hides behind the first, or after a quote that ends early.",
    sees="`it holds more than one statement`",
    kept="Every byte of the database: the first doesn't run either.",
)
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1; DROP TABLE staff",
        "SELECT 1; SELECT 2",
        "SELECT name FROM staff WHERE name = ''; DROP TABLE staff; --'",
    ],
)
def test_a_second_statement_is_refused(refused, seen, sql):
    seen(refused(sql))


@pytest.mark.fault(
    "Hostile SQL",
    breaks="A statement is empty, holds a null character or half a character, or has a parameter.",
    sees="What is wrong with it, and that `only one SELECT over the database's tables may run`.",
    kept="The session.",
)
@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("", "it holds no statement"),
        ("  -- nothing\n", "it holds no statement"),
        ("SELECT 1\0; DROP TABLE staff", "character 8 is a null character"),
        ("SELECT '\ud800'", "character 8 isn't valid Unicode"),
        (
            "SELECT name FROM staff WHERE wage > ?",
            "it has a parameter (? or :name) and no value for it; only one SELECT",
        ),
        ("SELECT name FROM staff WHERE wage > :wage", "it has a parameter"),
    ],
)
def test_a_statement_of_odd_text_is_refused(refused, seen, sql, words):
    said = refused(sql)
    seen(said)
    assert words in said


@pytest.mark.fault(
    "Hostile SQL",
    breaks="A query loads an extension, or calls a function that makes chance or large "
    "values: load_extension, randomblob, zeroblob, printf.",
    sees="The function that `isn't among ALLOWED_FUNCTIONS`.",
    kept="The process: nothing is loaded.",
)
@pytest.mark.parametrize(
    ("sql", "function"),
    [
        ("SELECT load_extension('{folder}/loot.so')", "load_extension"),
        ("SELECT fts3_tokenizer('simple')", "fts3_tokenizer"),
        ("SELECT randomblob(1000000000)", "randomblob"),
        ("SELECT zeroblob(1000000000)", "zeroblob"),
        ("SELECT printf('%.*c', 1000000000, 'x')", "printf"),
        ("SELECT name FROM staff ORDER BY RANDOM()", "random"),
    ],
)
def test_a_function_outside_the_list_is_refused(refused, seen, sql, function):
    said = refused(sql)
    seen(said)
    assert f"the function {function} " in said


@pytest.mark.fault(
    "Hostile SQL",
    breaks="A query reads or writes files by SQLite's shell functions.",
    sees="`no such function`",
    kept="The files of the machine.",
)
@pytest.mark.parametrize(
    "sql", ["SELECT writefile('{folder}/loot', 'x')", "SELECT readfile('/etc/hostname')"]
)
def test_the_functions_of_sqlites_shell_are_not_there(refused, seen, sql):
    seen(refused(sql, error=QueryError))


@pytest.mark.fault(
    "Hostile SQL",
    breaks="A query asks for the schema or the settings in place of the tables' rows.",
    sees="That `it reads` a virtual table or sqlite_master.",
    kept="What the schema's text tells; the tables' names reach the model by its prompt.",
)
@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT name FROM pragma_table_info('staff')", "a virtual table"),
        ("SELECT * FROM pragma_database_list", "a virtual table"),
        ("SELECT value FROM json_each('[1]')", "a virtual table"),
        ("SELECT sql FROM sqlite_master", "sqlite_master, which is no table"),
        ("SELECT COUNT(*) FROM sqlite_master", "sqlite_master, which is no table"),
        ("SELECT COUNT(*) FROM pragma_table_info('staff')", "a virtual table"),
        ("SELECT (SELECT sql FROM sqlite_schema LIMIT 1)", "sqlite_master, which is no"),
    ],
)
def test_what_is_no_table_of_the_database_is_not_read(refused, seen, sql, words):
    said = refused(sql)
    seen(said)
    assert f"it reads {words}" in said


@pytest.mark.fault(
    "Hostile SQL",
    breaks="A query never ends: a recursion without an end, four tables joined without a "
    "condition.",
    sees="`stopped after` so many seconds, `over max_seconds`, and `a join without a "
    "condition or a recursion without an end`.",
    kept="The session; the next query runs.",
)
@pytest.mark.parametrize(
    "sql",
    [
        ENDLESS + "SELECT COUNT(*) FROM t",
        ENDLESS + "SELECT x FROM t ORDER BY x",
        "SELECT COUNT(*) FROM orders, orders, orders, orders",
        "SELECT COUNT(*) FROM orders a, orders b, orders c, orders d",
    ],
)
def test_a_query_without_an_end_is_stopped(refused, seen, sql):
    seen(refused(sql, error=QueryTooExpensiveError, max_seconds=0.05))


@pytest.mark.fault(
    "Hostile SQL",
    breaks="A query builds a giant value, such as a text that doubles forty times.",
    sees="`a value has over 100,000 bytes, a tenth of max_bytes`",
    kept="The memory.",
)
@pytest.mark.parametrize(
    "sql",
    [
        LONG_TEXT + "SELECT MAX(LENGTH(x)) FROM t",
        "SELECT GROUP_CONCAT(a.name) FROM customers a, customers b, customers c",
        "SELECT REPLACE(REPLACE(REPLACE(a, 'a', b), 'a', b), 'a', b) FROM "
        f"(SELECT '{'a' * 90}' AS a, '{'a' * 90}' AS b)",
    ],
)
def test_a_giant_value_is_stopped(refused, seen, sql):
    seen(refused(sql, error=QueryTooExpensiveError, max_seconds=60))


@pytest.mark.fault(
    "Hostile SQL",
    breaks="A query returns more text than a notebook can hold.",
    sees="How many bytes its first `rows hold`, `over max_bytes=1,000,000`.",
    kept="The memory.",
)
def test_a_giant_result_is_stopped(refused, seen):
    sql = LONG_TEXT.replace("40", "17") + "SELECT a.x FROM t a, t b"
    seen(refused(sql, error=QueryTooExpensiveError, max_seconds=60))


@pytest.mark.fault(
    "Hostile SQL",
    breaks="A statement is so long or so nested that compiling it is the attack.",
    sees="The limit that it went over, and the advice to write it shorter.",
    kept="The session.",
)
@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT 1 -- " + "x" * 10_000, "the statement has 10,012 bytes, over the limit of 10,000"),
        ("SELECT 1 WHERE 1 IN (" + "1, " * 50_000 + "1)", "the statement has 150,023 bytes"),
        ("SELECT 1" + " + 1" * 200, "maximum depth 100"),
        ("SELECT 1" + " UNION SELECT 1" * 20, "too many terms in compound SELECT"),
        ("SELECT 1" + ", 1" * 200, "too many columns in result set"),
        ("SELECT COUNT(*) FROM staff" + ", staff" * 64, "at most 64 tables in a join"),
        ("SELECT COALESCE(1" + ", 1" * 50 + ")", "too many arguments"),
        (SWOLLEN, "it compiles to too many steps"),
        ("SELECT name FROM staff WHERE name LIKE '" + "%a" * 60 + "'", "pattern too complex"),
        ("SELECT " + "(" * 2_000 + "1" + ")" * 2_000, ""),  # its words differ by SQLite's version
    ],
)
def test_a_statement_that_is_too_long_or_too_nested_is_refused(refused, sql, words):
    said = refused(sql, error=QueryTooExpensiveError, max_seconds=60)
    assert words in said
    assert "shorte" in said


@pytest.mark.fault(
    "Hostile SQL",
    breaks="The path of the database is wrong, or its file is no database.",
    sees="The path, and `a SQLite` file or database that it should be.",
    kept="No empty database is made under the wrong name.",
)
def test_a_path_that_holds_no_database_is_named(tmp_path, seen):
    with pytest.raises(FileNotFoundError, match=r"absent\.db isn't there") as caught:
        run_query(tmp_path / "absent.db", "SELECT 1")
    seen(caught.value)
    (tmp_path / "text.db").write_text("not a database, " * 100, encoding="utf-8")
    with pytest.raises(ValueError, match=r"text\.db can't be read as a SQLite") as caught:
        run_query(tmp_path / "text.db", "SELECT 1")
    seen(caught.value)
    assert not (tmp_path / "absent.db").exists()
