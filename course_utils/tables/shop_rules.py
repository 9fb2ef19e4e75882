"""The rules that clean customers, products and orders; `ticket_rules` holds the tickets'.

The order matters: exact copies go first, while they are still exact; ids are written in full
before they are looked up; a number is plain before its sign is judged.
"""

from datetime import datetime

import pandas as pd

from course_utils.tables import cells
from course_utils.tables.duplicates import is_worse_copy
from course_utils.tables.rules import Rule, rewrite
from course_utils.tables.shop_values import (
    BRANDS,
    CITIES,
    COUNTRIES,
    COUNTRY_NAMES,
    FOUR_DIGIT_POSTCODES,
    STATUSES,
    TEST_CUSTOMER,
)


def exact_duplicate(why: str) -> Rule:
    """Return the rule that drops rows that repeat an earlier one in every cell."""
    return Rule("", "exact_duplicate", lambda table: table.duplicated(), "drop", why)


def near_duplicate(why: str) -> Rule:
    """Return the rule that drops rows that repeat another but for spaces and capitals."""
    return Rule("", "near_duplicate", is_worse_copy, "drop", why)


def developers_rows() -> Rule:
    """Return the rule that drops what the developers' account did."""
    return Rule(
        "",
        "test_account",
        lambda table: table["customer_id"] == TEST_CUSTOMER,
        "drop",
        "the developers test on the live shop",
    )


def sentinel(column: str, value: object, why: str) -> Rule:
    """Return the rule that blanks a value that stands for a missing one."""
    return Rule(column, "sentinel", lambda table: table[column] == value, "blank", why)


def missing_text(column: str, why: str) -> Rule:
    """Return the rule that blanks words for nothing."""
    return Rule(
        column,
        "missing_text",
        lambda table: cells.is_missing_word(table[column]),
        "blank",
        why,
    )


def unknown_id(column: str, known: pd.Series, why: str) -> Rule:
    """Return the rule that blanks ids that the table which owns them doesn't hold."""
    return Rule(
        column,
        "unknown_id",
        lambda table: ~cells.is_missing(table[column]) & ~table[column].isin(known),
        "blank",
        why,
    )


def mixed_boolean(column: str) -> Rule:
    """Return the rule that writes yes and no."""
    return rewrite(
        column, "mixed_boolean", cells.parse_booleans, why="three systems, three words for yes"
    )


def one_of(column: str, labels: tuple[str, ...]) -> Rule:
    """Return the rule that writes labels with their own capitals and spaces."""
    return rewrite(
        column,
        "case_and_space",
        lambda column_cells: cells.nearest_labels(column_cells, labels, cutoff=1),
        why="typed by hand",
    )


def time_format(column: str, defect: str, name: str, why: str) -> Rule:
    """Return the rule that writes times of this one of `cells.TIME_FORMATS` as ISO text."""
    return rewrite(column, defect, lambda times: cells.parse_times(times, [name]), why=why)


def number_format(column: str, name: str, why: str) -> Rule:
    """Return the rule that writes numbers of this one of `cells.NUMBER_FORMATS` plainly."""
    return rewrite(column, name, lambda numbers: cells.parse_numbers(numbers, [name]), why=why)


def customer_rules() -> tuple[Rule, ...]:
    """Return the rules for the sheet of customers."""
    return (
        exact_duplicate("a page was exported twice"),
        near_duplicate("the old shop system exported it too"),
        developers_rows(),
        rewrite("name", "mojibake", cells.repair_mojibake, why="UTF-8 read as Windows-1252"),
        rewrite("name", "extra_space", cells.collapse_spaces, why="pasted from an e-mail"),
        rewrite("email", "mailto", _without_mailto, why="the spreadsheet makes links of addresses"),
        missing_text("city", "people typed something for nothing"),
        one_of("city", CITIES),
        rewrite("country", "spelling", _country_codes, why="a free text field until 2023"),
        Rule(
            "postcode",
            "number_cell",
            find=lambda table: table["postcode"].map(lambda cell: isinstance(cell, int)),
            repair=_padded_postcodes,
            why="the spreadsheet took digits for a number",
        ),
        sentinel("birth_year", 1900, "the old form wrote 1900 for no answer"),
        sentinel("joined_at", datetime(1900, 1, 1), "an import wrote its calendar's first day"),
        mixed_boolean("trail_club"),
    )


def product_rules() -> tuple[Rule, ...]:
    """Return the rules for the table of products."""
    return (
        exact_duplicate("a page was exported twice"),
        one_of("brand", BRANDS),
        Rule(
            "line",
            "genuine_na",
            find=lambda table: table["line"] == "NA",
            repair="keep",
            why="NA is the North Atlantic line, not a gap",
        ),
        number_format("price", "decimal_comma", "typed on a Dutch keyboard"),
        missing_text("weight_g", "the supplier typed something for nothing"),
        rewrite(
            "weight_g",
            "other_unit",
            cells.kilograms_to_grams,
            why="the supplier's list has kilograms",
        ),
        rewrite(
            "warehouse_bin",
            "zeros_lost",
            lambda bins: cells.pad_ids(bins, 3),
            why="a spreadsheet took digits for a number",
        ),
        sentinel("stock", "9999", "9999 means that the warehouse doesn't count it"),
    )


def order_rules(customers: pd.DataFrame) -> tuple[Rule, ...]:
    """Return the rules for the sheet of orders.

    Args:
        customers: The clean table, whose numbers are those that exist.
    """
    return (
        exact_duplicate("a page was exported twice"),
        Rule(
            "",
            "totals_row",
            find=lambda table: table["order_id"] == "Total",
            repair="drop",
            why="somebody summed the sheet",
        ),
        rewrite(
            "customer_id",
            "number_cell",
            lambda ids: cells.pad_ids(ids, 6),
            why="the spreadsheet took digits for a number",
        ),
        developers_rows(),
        unknown_id("customer_id", customers["customer_id"], "the customer was deleted"),
        time_format(
            "ordered_at", "day_first", "day_first", "the showroom's till writes German dates"
        ),
        time_format("ordered_at", "excel_serial", "serial", "pasted without the cell's format"),
        one_of("status", STATUSES),
        rewrite("sku", "lower_case", cells.upper_case, why="keyed in at the till"),
        Rule(
            "quantity",
            "impossible",
            find=lambda table: ~_numbers(table["quantity"]).between(1, 99),
            repair="blank",
            why="a barcode was scanned into the wrong field",
        ),
        number_format("amount", "thousands_point", "pasted from the Dutch bookkeeping"),
        number_format("amount", "decimal_comma", "pasted from the Dutch bookkeeping"),
        number_format("amount", "currency_text", "typed with the currency"),
        Rule(
            "amount",
            "negative",
            # A credit note (R-) is negative by right.
            find=lambda table: (
                table["order_id"].str.startswith("CW-") & (_numbers(table["amount"]) < 0)
            ),
            repair="blank",
            why="a credit note was keyed in as an order",
        ),
        missing_text("coupon", "each till has its own word for no coupon"),
        mixed_boolean("gift_wrap"),
    )


def _numbers(column_cells: pd.Series) -> pd.Series:
    """Return cells as numbers, with a gap where one isn't plain yet."""
    return pd.to_numeric(column_cells, errors="coerce")


def _without_mailto(emails: pd.Series) -> pd.Series:
    return emails.str.removeprefix("mailto:")


def _country_codes(names: pd.Series) -> pd.Series:
    # Two letters are always similar to something, so only whole words count.
    return cells.nearest_labels(names, COUNTRIES, aliases=COUNTRY_NAMES, cutoff=1)


def _padded_postcodes(found: pd.DataFrame) -> pd.Series:
    four = found["country"].isin(FOUR_DIGIT_POSTCODES)
    five = cells.pad_ids(found["postcode"], 5)
    return five.where(~four, cells.pad_ids(found["postcode"], 4))
