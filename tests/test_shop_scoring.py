"""A cleaning's score counts what was found, what was repaired, and the harm that was done."""

import pandas as pd
import pytest

from course_utils import runtime
from course_utils.shop import defects
from course_utils.shop.clean import clean_tables
from course_utils.shop.scoring import harmed_cells, score_cleaning
from course_utils.shop.tables import COLUMNS
from course_utils.tables import pipeline


@pytest.fixture(scope="module")
def truth():
    return clean_tables()


@pytest.fixture(scope="module")
def planted(truth):
    return defects.plant_defects(truth)[1]


@pytest.fixture(scope="module")
def shop():
    return pipeline.clean_shop(pipeline.read_shop(runtime.data_dir()))


@pytest.fixture
def tables(shop):
    return {table: frame.copy() for table, frame in shop.tables.items()}


def one(score, defect, table, column=""):
    row = score[
        (score["defect"] == defect) & (score["table"] == table) & (score["column"] == column)
    ]
    return row.iloc[0]


def test_the_shops_own_rules_find_and_repair_all_and_harm_nothing(shop, planted, truth):
    score = score_cleaning(shop.tables, shop.findings, planted, truth)
    assert len(score) == len(planted) == 65
    assert score["planted"].tolist() == [each.count for each in planted]
    assert score["found"].tolist() == score["planted"].tolist()
    assert score["repaired"].tolist() == score["planted"].tolist()
    assert score["false_alarms"].sum() == 0
    assert harmed_cells(shop.tables, planted, truth).empty


def test_a_good_cell_that_was_changed_is_harm(tables, shop, planted, truth):
    defective = {key for each in planted if each.table == "tickets" for key in each.keys}
    good = tables["tickets"].index[~tables["tickets"]["ticket_id"].isin(defective)][0]
    before = tables["tickets"].loc[good, "priority"]
    tables["tickets"].loc[good, "priority"] = "urgent" if before != "urgent" else "low"
    harm = harmed_cells(tables, planted, truth)
    assert harm[["table", "key", "column"]].values.tolist() == [
        ["tickets", tables["tickets"].loc[good, "ticket_id"], "priority"]
    ]
    assert harm["expected"].tolist() == [before]
    score = score_cleaning(tables, shop.findings, planted, truth)
    assert score["repaired"].tolist() == score["planted"].tolist()


def test_a_good_row_that_was_dropped_is_harm(tables, planted, truth):
    key = tables["products"].loc[3, "sku"]
    tables["products"] = tables["products"].drop(index=3)
    harm = harmed_cells(tables, planted, truth)
    assert harm.values.tolist() == [["products", key, "", "a row", "no row"]]


def test_a_row_that_nobody_planted_is_harm(tables, planted, truth):
    extra = tables["products"].head(1).assign(sku="ZZ-0000")
    tables["products"] = pd.concat([tables["products"], extra], ignore_index=True)
    harm = harmed_cells(tables, planted, truth)
    assert harm.values.tolist() == [["products", "ZZ-0000", "", "no row", "a row"]]


def test_a_defect_that_stayed_is_not_repaired_and_no_harm(tables, shop, planted, truth):
    each = defects.find_planted(planted, "sentinel", "products", "stock")
    stays = tables["products"]["sku"].isin(each.keys[:3])
    tables["products"].loc[stays, "stock"] = 9999
    others = shop.findings[
        ~((shop.findings["table"] == "products") & (shop.findings["column"] == "stock"))
    ]
    row = one(score_cleaning(tables, others, planted, truth), "sentinel", "products", "stock")
    assert (row["planted"], row["found"], row["repaired"]) == (8, 0, 5)
    assert harmed_cells(tables, planted, truth).empty


def test_a_copy_that_stayed_is_not_repaired_and_no_harm(tables, shop, planted, truth):
    each = defects.find_planted(planted, "near_duplicate", "customers")
    original = tables["customers"][tables["customers"]["customer_id"] == each.keys[0]]
    copy = original.assign(email=original["email"].str.upper())
    tables["customers"] = pd.concat([copy, tables["customers"]], ignore_index=True)
    row = one(score_cleaning(tables, shop.findings, planted, truth), "near_duplicate", "customers")
    assert (row["planted"], row["repaired"]) == (12, 11)
    assert harmed_cells(tables, planted, truth).empty


def test_the_worse_copy_kept_is_harm(tables, planted, truth):
    each = defects.find_planted(planted, "near_duplicate", "customers")
    row = tables["customers"].index[tables["customers"]["customer_id"] == each.keys[0]][0]
    tables["customers"].loc[row, "email"] = tables["customers"].loc[row, "email"].upper()
    harm = harmed_cells(tables, planted, truth)
    assert harm[["key", "column"]].values.tolist() == [[each.keys[0], "email"]]


def test_a_value_restored_wrongly_is_not_repaired(tables, shop, planted, truth):
    each = defects.find_planted(planted, "hours", "tickets", "response_minutes")
    row = tables["tickets"].index[tables["tickets"]["ticket_id"] == each.keys[0]][0]
    tables["tickets"].loc[row, "response_minutes"] += 1
    score = score_cleaning(tables, shop.findings, planted, truth)
    row = one(score, "hours", "tickets", "response_minutes")
    assert row["repaired"] == row["planted"] - 1 == row["found"] - 1


def test_a_finding_in_another_row_is_a_false_alarm(shop, planted, truth):
    each = defects.find_planted(planted, "sentinel", "products", "stock")
    wrong = next(row for row in range(128) if row not in each.rows)
    alarm = ["products", "stock", "sentinel", wrong, "3", "", "blank"]
    findings = pd.concat(
        [shop.findings, pd.DataFrame([alarm], columns=shop.findings.columns)], ignore_index=True
    )
    row = one(
        score_cleaning(shop.tables, findings, planted, truth), "sentinel", "products", "stock"
    )
    assert (row["found"], row["false_alarms"]) == (8, 1)


def test_both_of_two_copies_called_copies_are_one_false_alarm(shop, planted, truth):
    copies = shop.findings[
        (shop.findings["defect"] == "exact_duplicate") & (shop.findings["table"] == "products")
    ]
    findings = pd.concat([shop.findings, copies.head(1)], ignore_index=True)
    row = one(score_cleaning(shop.tables, findings, planted, truth), "exact_duplicate", "products")
    assert (row["found"], row["false_alarms"]) == (8, 1)


def test_a_missing_table_or_column_and_a_row_beyond_the_end_are_refused(shop, planted, truth):
    with pytest.raises(ValueError, match="tables lacks 'orders'; pass all four"):
        harmed_cells({k: shop.tables[k] for k in COLUMNS if k != "orders"}, planted, truth)
    poor = {**shop.tables, "orders": shop.tables["orders"].drop(columns="amount")}
    with pytest.raises(ValueError, match=r"table 'orders' lacks the columns \['amount'\]"):
        score_cleaning(poor, shop.findings, planted, truth)
    findings = shop.findings.assign(row=5_000)
    with pytest.raises(ValueError, match=r"is in row 5000 of 'customers', which has 423 rows"):
        score_cleaning(shop.tables, findings, planted, truth)
