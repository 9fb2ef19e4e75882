"""The rules that clean the tickets."""

import pandas as pd

from course_utils.shop.tables import EXPORTED_AT
from course_utils.tables import cells
from course_utils.tables.duplicates import is_sent_twice
from course_utils.tables.rules import Rule, rewrite
from course_utils.tables.shop_rules import (
    developers_rows,
    exact_duplicate,
    missing_text,
    mixed_boolean,
    near_duplicate,
    one_of,
    sentinel,
    time_format,
    unknown_id,
)
from course_utils.tables.shop_values import CATEGORIES, CHANNELS, HOURS_UNTIL

OLD_DESK = "a part came from the old desk system"
MARKETPLACE = "the marketplace writes American dates"


def ticket_rules(orders: pd.DataFrame, customers: pd.DataFrame) -> tuple[Rule, ...]:
    """Return the rules for the table of tickets.

    Args:
        orders: The clean table, whose numbers are those that exist.
        customers: The clean table, for the same reason.
    """
    return (
        exact_duplicate("two exports overlap"),
        near_duplicate("two systems exported the same ticket"),
        *_text_rules(),
        *_id_rules(orders, customers),
        *_time_rules(),
        Rule(
            "",
            "sent_twice",
            find=_is_sent_twice,
            repair="drop",
            why="the customer clicked twice",
        ),
        *_number_rules(),
    )


def _text_rules() -> tuple[Rule, ...]:
    return (
        rewrite("message", "mojibake", cells.repair_mojibake, why="UTF-8 read as Windows-1252"),
        rewrite(
            "message",
            "html_escaped",
            cells.unescape_html,
            why="the form escapes once too often",
        ),
        rewrite("subject", "invisible", cells.strip_invisible, why="pasted from a web page"),
        one_of("channel", CHANNELS),
        Rule(
            "category",
            "missing_empty",
            find=lambda table: table["category"] == "",
            repair="blank",
            why="nobody filed it",
        ),
        rewrite(
            "category",
            "spelling",
            lambda categories: cells.nearest_labels(categories, CATEGORIES),
            why="typed by hand until the list came",
        ),
        mixed_boolean("reopened"),
    )


def _id_rules(orders: pd.DataFrame, customers: pd.DataFrame) -> tuple[Rule, ...]:
    return (
        rewrite(
            "customer_id",
            "zeros_lost",
            lambda ids: cells.pad_ids(ids, 6),
            why="a part went through a spreadsheet",
        ),
        developers_rows(),
        unknown_id("customer_id", customers["customer_id"], "the customer was deleted"),
        rewrite(
            "order_id",
            "trailing_space",
            lambda ids: ids.str.rstrip(),
            why="pasted from an e-mail",
        ),
        rewrite("order_id", "lower_case", cells.upper_case, why="typed by the customer"),
        unknown_id("order_id", orders["order_id"], "the number of another shop"),
    )


def _time_rules() -> tuple[Rule, ...]:
    return (
        time_format("created_at", "day_first", "day_first", OLD_DESK),
        time_format("created_at", "month_first", "month_first", MARKETPLACE),
        time_format("created_at", "excel_serial", "serial", "a part went through a spreadsheet"),
        time_format("closed_at", "day_first", "day_first", OLD_DESK),
        time_format("closed_at", "month_first", "month_first", MARKETPLACE),
        sentinel("closed_at", "1900-01-01 00:00", "an import wrote its calendar's first day"),
        # From here on all times are ISO text, whose order is that of time.
        Rule(
            "closed_at",
            "year_2062",
            find=lambda table: table["closed_at"] > f"{EXPORTED_AT:%Y-%m-%d %H:%M}",
            repair="blank",
            why="two digits swapped",
        ),
        Rule(
            "closed_at",
            "before_created",
            find=lambda table: (
                (table["closed_at"] != "") & (table["closed_at"] < table["created_at"])
            ),
            repair="blank",
            why="a month typed wrong",
        ),
    )


def _number_rules() -> tuple[Rule, ...]:
    return (
        sentinel("response_minutes", "9999", "9999 meant that nobody measured"),
        Rule(
            "response_minutes",
            "negative",
            find=lambda table: table["response_minutes"].str.startswith("-"),
            repair="blank",
            why="two clocks disagreed",
        ),
        Rule(
            "response_minutes",
            "hours",
            # By the day of the change, not by the point: 3.00 may come without it.
            find=lambda table: (
                (table["created_at"] < HOURS_UNTIL) & (table["response_minutes"] != "")
            ),
            repair=lambda found: _minutes(found["response_minutes"]),
            why="the column held hours before 2025",
        ),
        missing_text("satisfaction", "each form has its own word for no answer"),
        Rule(
            "satisfaction",
            "impossible",
            find=lambda table: (
                (table["satisfaction"] != "")
                & ~pd.to_numeric(table["satisfaction"], errors="coerce").between(1, 10)
            ),
            repair="blank",
            why="the scale ends at 10",
        ),
    )


def _minutes(hours: pd.Series) -> pd.Series:
    """Write hours as minutes; a cell that isn't a number stays for the strict conversion."""
    minutes = (pd.to_numeric(hours, errors="coerce") * 60).round()
    return hours.where(minutes.isna(), minutes.astype("Int64").astype("str"))


def _is_sent_twice(table: pd.DataFrame) -> pd.Series:
    on_form = table[table["channel"] == "form"]
    repeated = is_sent_twice(on_form, sender="customer_id", text="message", sent_at="created_at")
    return repeated.reindex(table.index, fill_value=False)
