"""The statement is found in whatever a model writes around it, and its parts are told apart."""

import json

import pytest

from course_utils import runtime
from course_utils.sql_eval.errors import QueryFailedError
from course_utils.sql_eval.text import extract_sql, failure_kinds, is_ordered, tokens

QUERY = "SELECT name FROM staff"
ROWS = [
    json.loads(line)
    for line in (runtime.data_dir() / "text_to_sql.jsonl").read_text("utf-8").splitlines()
]


def test_a_quoted_text_and_a_comment_are_one_token_each():
    assert tokens("SELECT 'it''s; --x',\"a b\" -- end") == ["SELECT", "'it''s; --x'", ",", '"a b"']
    assert tokens("a<>1.5||b /* c */", keep_blanks=True) == [
        *("a", "<>", "1.5", "||", "b", " ", "/* c */")
    ]


@pytest.mark.parametrize("text", ["", "a 'b", 'a "b', "/* a", "--", "é € ; \ufeff", "'" * 5_001])
def test_tokens_with_blanks_give_the_text_again(text):
    assert "".join(tokens(text, keep_blanks=True)) == text


@pytest.mark.parametrize(
    ("reply", "sql"),
    [
        (QUERY, QUERY),
        (f"  {QUERY} ;\n", QUERY),
        (f"SQL: {QUERY};", QUERY),
        (f"**SQL query:** {QUERY}", QUERY),
        (f"Sure!\n```sql\n{QUERY};\n```\nThis lists the names.", QUERY),
        (f"```\n{QUERY}\n```", QUERY),
        (f"```{QUERY}```", QUERY),
        (f"```sqlite\n-- names\n{QUERY}", QUERY),
        (f"Select one:\n```sql\n{QUERY}\n\nWHERE wage > 20\n```", f"{QUERY}\n\nWHERE wage > 20"),
        (f"{QUERY};\nThis query lists the names.", QUERY),
        (f"{QUERY}\n\nIt lists the names.", QUERY),
        (f"{QUERY}\nWHERE wage > 20", f"{QUERY}\nWHERE wage > 20"),
        (f"{QUERY}; DROP TABLE staff", QUERY),
        (f"{QUERY}\n```", QUERY),
        (f"The query is `{QUERY}`, I think.", QUERY),
        (f"You can use {QUERY}; to get them.", QUERY),
        (f"Select the names with\n{QUERY}", QUERY),
        ("SELECT 1 WHERE 'a;b' = 'c'; SELECT 2", "SELECT 1 WHERE 'a;b' = 'c'"),
        ("select name from staff", "select name from staff"),
        ("sql: select 1", "select 1"),
        ("WITH a(x) AS (SELECT 1) SELECT x FROM a", "WITH a(x) AS (SELECT 1) SELECT x FROM a"),
        ("With this query you get them:\nSELECT 1", "SELECT 1"),
        ("Run this:\nDROP TABLE staff;", "DROP TABLE staff"),
    ],
)
def test_the_first_statement_of_a_reply_is_found(reply, sql):
    assert extract_sql(reply) == sql


def test_a_reference_query_is_extracted_as_it_is():
    assert [row["id"] for row in ROWS if extract_sql(row["sql"]) != row["sql"]] == []


@pytest.mark.parametrize("reply", ["", "I don't know.", "the selection of names"])
def test_a_reply_without_a_statement_is_an_error(reply):
    with pytest.raises(QueryFailedError, match="the reply holds no SQL statement"):
        extract_sql(reply)


def test_of_a_long_reply_without_a_statement_the_first_60_characters_are_shown():
    with pytest.raises(QueryFailedError, match=f"statement: '{'x' * 60}'; ask for SQL and nothing"):
        extract_sql("x" * 61)


@pytest.mark.parametrize(
    ("sql", "ordered"),
    [
        ("SELECT name FROM staff ORDER BY wage", True),
        ("select name from staff\norder\nby wage limit 1", True),
        ("SELECT name FROM (SELECT name FROM staff ORDER BY wage)", False),
        ("SELECT ROW_NUMBER() OVER (ORDER BY wage) FROM staff", False),
        ("SELECT name FROM staff WHERE name = 'ORDER BY'", False),
        ("SELECT name FROM staff -- ORDER BY wage", False),
        ("WITH a AS (SELECT 1 AS x) SELECT x FROM a ORDER BY x", True),
    ],
)
def test_only_an_order_by_outside_parentheses_orders_the_result(sql, ordered):
    assert is_ordered(sql) is ordered


JOIN = "SELECT hours FROM shifts JOIN staff USING (staff_id) WHERE team = 'desk'"
TOP = "SELECT name FROM staff WHERE team = 'desk' ORDER BY wage DESC LIMIT 3"
COUNT = "SELECT COUNT(*) FROM staff WHERE wage > 20 AND team = 'desk'"


@pytest.mark.parametrize(
    ("prediction", "reference", "kind"),
    [
        ("SELECT hours FROM shifts WHERE team = 'desk'", JOIN, "missing join"),
        (JOIN.replace("staff USING (staff", "crew USING (crew"), JOIN, "other table"),
        (TOP.replace("staff", "shifts"), TOP, "other table"),
        (COUNT.replace("COUNT(*)", "SUM(wage)"), COUNT, "other aggregate"),
        (COUNT.replace("COUNT(*)", "staff_id"), COUNT, "other aggregate"),
        (TOP.replace("name", "staff_id"), TOP, "other column"),
        (TOP.replace("team = 'desk'", "team = 'web'"), TOP, "other value"),
        (COUNT.replace("20", "21"), COUNT, "other value"),
        (COUNT.replace(">", ">="), COUNT, "other comparison"),
        (TOP.replace(" DESC", ""), TOP, "other order or limit"),
        (TOP.replace("LIMIT 3", "LIMIT 2"), TOP, "other order or limit"),
        (
            TOP.replace("BY wage", "BY name").replace("T name", "T wage"),
            TOP,
            "other order or limit",
        ),
        (COUNT.replace("COUNT(*)", "COUNT(*) + COUNT(*)"), COUNT, "other aggregate"),
        ("SELECT `name` FROM staff", "SELECT `wage` FROM staff", "other column"),
        ("SELECT name, name FROM staff", "SELECT name FROM staff", "other"),
        (f"{QUERY} WHERE name IN ({QUERY})", QUERY, "other comparison"),
        (JOIN.replace("hours", "SH.hours").replace("shifts", "shifts AS SH"), JOIN, "other"),
        (TOP.lower().replace("'desk'", "'desk'"), TOP, "other"),
    ],
)
def test_a_failure_is_named_by_the_first_part_that_differs(prediction, reference, kind):
    assert failure_kinds([prediction], [{"sql": reference}]) == [kind]


def test_no_reference_differs_from_itself():
    assert set(failure_kinds([row["sql"] for row in ROWS], ROWS)) == {"other"}


def test_failure_kinds_need_a_prediction_for_each_row():
    with pytest.raises(ValueError, match="0 predictions for 1 rows"):
        failure_kinds([], [{"sql": TOP}])
