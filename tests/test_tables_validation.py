"""A schema parts good rows from bad ones with readable reasons, and refuses a wrong table."""

import pandas as pd
import pandera.pandas as pa
import pytest
from pandas.testing import assert_frame_equal

from course_utils.shop import defects
from course_utils.shop.clean import clean_tables
from course_utils.shop.tables import COLUMNS, KEYS
from course_utils.tables.validation import NULLABLE, SCHEMAS, set_aside_invalid


@pytest.fixture(scope="module")
def best():
    truth = clean_tables()
    return defects.repaired_tables(truth, defects.plant_defects(truth)[1])


@pytest.fixture
def tickets(best):
    closed = best.tickets[best.tickets["closed_at"].notna()]
    return closed.head(5).reset_index(drop=True)


@pytest.mark.parametrize("table", COLUMNS)
def test_the_clean_tables_are_valid(best, table):
    good, bad = set_aside_invalid(getattr(best, table), SCHEMAS[table])
    assert_frame_equal(good, getattr(best, table))
    assert bad.empty
    assert "reason" in bad


@pytest.mark.parametrize("table", COLUMNS)
def test_gaps_are_allowed_where_there_are_gaps_and_nowhere_else(best, table):
    frame = getattr(best, table)
    with_gaps = {column for column in frame if frame[column].isna().any()}
    # Every ticket of this export was answered; the next one's may not be.
    assert set(NULLABLE[table]) - with_gaps <= {"agent"}
    assert with_gaps <= set(NULLABLE[table])


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("satisfaction", 11, "satisfaction: in_range(1, 10), found 11"),
        ("response_minutes", -3, "response_minutes: greater_than_or_equal_to(0), found -3"),
        ("message", None, "message: not_nullable, found nothing"),
        ("customer_id", "112", r"customer_id: str_matches('^\d{6}$'), found 112"),
        (
            "priority",
            "soon",
            "priority: isin(('low', 'normal', 'high', 'urgent')), found soon",
        ),
        ("created_at", pd.Timestamp(2062, 1, 1), "closed_at is not before created_at; created_at:"),
    ],
)
def test_a_bad_cell_sets_its_row_aside_with_the_reason(tickets, column, value, reason):
    tickets.loc[2, column] = value
    good, bad = set_aside_invalid(tickets, SCHEMAS["tickets"])
    assert good.index.tolist() == [0, 1, 3, 4]
    assert bad.index.tolist() == [2]
    assert bad.loc[2, "reason"].startswith(reason)
    assert_frame_equal(bad.drop(columns="reason"), tickets.loc[[2]])


def test_a_row_has_all_its_reasons_and_each_once(tickets):
    tickets.loc[1, "satisfaction"] = 11
    tickets.loc[1, "closed_at"] = tickets.loc[1, "created_at"] - pd.Timedelta(minutes=1)
    _, bad = set_aside_invalid(tickets, SCHEMAS["tickets"])
    assert bad["reason"].tolist() == [
        "closed_at is not before created_at; satisfaction: in_range(1, 10), found 11"
    ]


def test_of_rows_that_share_a_key_none_is_kept(tickets):
    tickets.loc[3, "ticket_id"] = tickets.loc[0, "ticket_id"]
    good, bad = set_aside_invalid(tickets, SCHEMAS["tickets"])
    assert bad.index.tolist() == [0, 3]
    assert good.index.tolist() == [1, 2, 4]


@pytest.mark.parametrize(
    ("order_id", "change", "reason"),
    [
        ("CW", {"amount": -5.0}, "credit notes alone are negative"),
        ("R-", {"amount": 5.0}, "credit notes alone are negative"),
        ("CW", {"refers_to": "CW-100236"}, "credit notes alone refer to a sale"),
    ],
)
def test_signs_and_references_tell_a_sale_from_a_credit_note(best, order_id, change, reason):
    frame = best.orders[best.orders["order_id"].str.startswith(order_id)].head(3)
    row = frame.index[1]
    for column, value in change.items():
        frame.loc[row, column] = value
    _, bad = set_aside_invalid(frame, SCHEMAS["orders"])
    assert bad.index.tolist() == [row]
    assert reason in bad["reason"][row]


def test_a_long_cell_is_cut_in_the_reason():
    schema = pa.DataFrameSchema({"text": pa.Column("str", pa.Check.str_length(max_value=9))})
    _, bad = set_aside_invalid(pd.DataFrame({"text": ["x" * 500]}), schema)
    assert bad["reason"][0].endswith(", found " + "x" * 60)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="closed_at"), "'tickets': column 'closed_at' is missing"),
        (lambda t: t.assign(mood="good"), "column 'mood' is unknown"),
        (
            lambda t: t.astype({"satisfaction": "float64"}),
            r"column 'satisfaction' should be dtype\('Int64'\) and is float64",
        ),
        (lambda t: t.set_index(t.index // 2), r"index repeats a label; pass frame.reset_index"),
    ],
)
def test_a_table_that_is_wrong_as_a_whole_is_refused(tickets, change, message):
    with pytest.raises(ValueError, match=message):
        set_aside_invalid(change(tickets), SCHEMAS["tickets"])


def test_the_argument_is_not_changed(tickets):
    tickets.loc[2, "satisfaction"] = 11
    copy = tickets.copy()
    set_aside_invalid(tickets, SCHEMAS["tickets"])
    assert_frame_equal(tickets, copy)


def test_the_keys_are_unique_in_the_schemas():
    for table, key in KEYS.items():
        assert SCHEMAS[table].columns[key].unique
