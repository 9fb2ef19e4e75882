"""A model's reply becomes rows and a line of text; nothing it writes raises."""

import pytest

from course_utils.shop.database import build_database
from course_utils.sql_eval.replies import run_reply


@pytest.fixture(scope="module")
def shop():
    return build_database(seed=1)


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("SELECT 7", "7"),
        ("SELECT 2.50", "2.5"),
        ("SELECT 1.0 / 3", "0.33"),
        ("SELECT 100.0", "100"),
        ("SELECT NULL", "There is no value."),
        ("SELECT name FROM staff WHERE 1 = 0", "No row fits."),
        ("SELECT 1 AS a, NULL AS b", "1 row of a, b: 1 (none)"),
        ("SELECT 1 AS a UNION SELECT 2", "2 rows of a: 1; 2"),
        ("SELECT 'two' || char(10) || 'lines'", "I wrote a query that isn't allowed to run"),
        ("SELECT 'two\nlines'", "two lines"),
        ("SELECT '" + "x" * 99 + "'", "x" * 56 + " ..."),
    ],
)
def test_a_result_is_one_line(shop, sql, text):
    said = run_reply(sql, shop).text
    assert said.startswith(text)
    assert "\n" not in said


def test_a_value_of_60_characters_is_shown_whole_and_one_of_61_is_cut(shop):
    assert run_reply(f"SELECT '{'x' * 60}'", shop).text == "x" * 60
    assert run_reply(f"SELECT '{'x' * 61}'", shop).text == "x" * 56 + " ..."


def test_of_many_rows_the_first_are_shown_and_the_others_counted(shop):
    answer = run_reply("SELECT order_id FROM orders ORDER BY order_id", shop)
    shown = "104201; 104202; 104203; 104204; 104205; and 85 more"
    assert answer.text == f"90 rows of order_id: {shown}"
    assert (answer.ok, len(answer.rows), answer.columns) == (True, 90, ("order_id",))


def test_rows_over_the_limit_are_said_to_be_more(shop):
    answer = run_reply("SELECT 1 AS one FROM orders a, orders b", shop)
    assert answer.text.startswith("over 1,000 rows of one: 1; 1; 1; 1; 1; and over 995 more")


@pytest.mark.parametrize(
    ("reply", "said", "sql"),
    [
        ("I am a language model.", "I couldn't write a query that runs: the reply holds no", ""),
        ("", "I couldn't write a query that runs: the reply holds no", ""),
        ("DROP TABLE orders", "isn't allowed to run: it starts with DROP", "DROP TABLE orders"),
        ("SELECT nam FROM staff", "the nearest column is staff.name", "SELECT nam FROM staff"),
        (
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT SUM(i) FROM n",
            "takes too much work: stopped after",
            None,
        ),
        ("SELECT '\ud800'", "isn't valid Unicode", None),
        ("SELECT 'a\0b'", "null character", None),
    ],
)
def test_what_does_not_run_is_said_in_words(shop, reply, said, sql):
    answer = run_reply(reply, shop)
    assert said in answer.text
    assert not answer.ok
    assert (answer.rows, answer.columns) == ((), ())
    assert answer.sql == (reply if sql is None else sql)
    assert shop.execute("SELECT COUNT(*) FROM orders").fetchone() == (90,)


def test_a_missing_database_is_our_mistake_and_raises(tmp_path):
    with pytest.raises(FileNotFoundError):
        run_reply("SELECT 1", tmp_path / "none.db")
