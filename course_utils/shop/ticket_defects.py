"""Every defect that is planted in the tickets, with its count and how exports come to have it."""

from datetime import datetime
from functools import partial

from course_utils.shop import cell_defects as cells
from course_utils.shop import row_defects as added
from course_utils.shop.defects import Defect, Row

HOURS_UNTIL = datetime(2025, 1, 1)  # before it, response_minutes holds hours

_tickets = partial(Defect, "tickets")


def _is_direct(row: Row) -> bool:
    return row["channel"] != "marketplace"


def _is_marketplace(row: Row) -> bool:
    return row["channel"] == "marketplace"


def _is_late(row: Row) -> bool:
    """Say whether no systematic defect touches the ticket, so that a copy shows its own only."""
    return row["created_at"] >= HOURS_UNTIL and row["channel"] != "marketplace"


def _is_closed_late(row: Row) -> bool:
    return _is_late(row) and row["closed_at"] is not None


def _is_closed_in_2026(row: Row) -> bool:
    return _is_closed_late(row) and row["closed_at"].year == 2026


def _is_answered_late(row: Row) -> bool:
    return row["created_at"] >= HOURS_UNTIL and row["response_minutes"] is not None


def _is_answered_early(row: Row) -> bool:
    return row["created_at"] < HOURS_UNTIL and row["response_minutes"] is not None


TICKETS = (
    _tickets(
        "message",
        "mojibake",
        55,
        "restore",
        "UTF-8 read as Windows-1252",
        fits=lambda row: cells.can_be_mojibake(row["message"]),
        change=cells.mojibake,
    ),
    _tickets(
        "closed_at",
        "year_2062",
        12,
        "blank",
        "two digits swapped",
        fits=_is_closed_in_2026,
        change=cells.year_2062,
    ),
    _tickets(
        "closed_at",
        "before_created",
        20,
        "blank",
        "a month typed wrong",
        fits=_is_closed_late,
        change=cells.months_earlier,
    ),
    _tickets(
        "closed_at",
        "sentinel",
        35,
        "blank",
        "an import wrote its calendar's first day",
        fits=_is_closed_late,
        change=cells.always("1900-01-01 00:00"),
    ),
    _tickets(
        "closed_at",
        "day_first",
        60,
        "restore",
        "a part came from the old desk system",
        fits=_is_closed_late,
        change=cells.day_first,
    ),
    _tickets(
        "created_at",
        "day_first",
        110,
        "restore",
        "a part came from the old desk system",
        fits=_is_direct,
        change=cells.day_first,
    ),
    _tickets(
        "created_at",
        "excel_serial",
        40,
        "restore",
        "a part went through a spreadsheet",
        fits=_is_direct,
        change=cells.serial_text,
    ),
    _tickets(
        "", "exact_duplicate", 45, "drop", "two exports overlap", fits=_is_late, add=added.copy
    ),
    _tickets(
        "",
        "near_duplicate",
        40,
        "drop",
        "two systems exported the same ticket",
        fits=_is_late,
        add=added.near_copy,
    ),
    _tickets(
        "",
        "sent_twice",
        25,
        "drop",
        "the customer clicked twice",
        fits=lambda row: _is_late(row) and row["channel"] == "form",
        add=added.second_click,
    ),
    _tickets(
        "",
        "test_account",
        18,
        "drop",
        "the developers test on the live shop",
        fits=_is_late,
        add=added.test_ticket,
    ),
    _tickets(
        "response_minutes",
        "sentinel",
        50,
        "blank",
        "9999 meant that nobody measured",
        fits=_is_answered_late,
        change=cells.always("9999"),
    ),
    _tickets(
        "response_minutes",
        "negative",
        10,
        "blank",
        "two clocks disagreed",
        fits=_is_answered_late,
        change=cells.always("-1", "-3", "-12"),
    ),
    _tickets(
        "satisfaction",
        "impossible",
        15,
        "blank",
        "the scale ends at 10",
        fits=lambda row: row["satisfaction"] is not None,
        change=cells.always("11", "12", "99", "-1"),
    ),
    _tickets(
        "satisfaction",
        "missing_text",
        60,
        "blank",
        "each form has its own word for no answer",
        fits=lambda row: row["satisfaction"] is None,
        change=cells.always(*cells.NOTHING),
    ),
    _tickets("category", "missing_empty", 40, "blank", "nobody filed it", change=cells.always("")),
    _tickets(
        "category",
        "spelling",
        90,
        "restore",
        "typed by hand until the list came",
        change=cells.from_list(cells.CATEGORY_TYPOS),
    ),
    _tickets(
        "channel", "case_and_space", 80, "restore", "typed by hand", change=cells.case_and_space
    ),
    _tickets(
        "message",
        "html_escaped",
        40,
        "restore",
        "the form escapes once too often",
        fits=lambda row: cells.can_be_escaped(row["message"]),
        change=cells.html_escaped,
    ),
    _tickets(
        "subject",
        "invisible",
        24,
        "restore",
        "pasted from a web page",
        fits=lambda row: row["subject"] is not None,
        change=cells.invisible,
    ),
    _tickets(
        "order_id",
        "lower_case",
        40,
        "restore",
        "typed by the customer",
        fits=lambda row: row["order_id"] is not None,
        change=cells.lower,
    ),
    _tickets(
        "order_id",
        "trailing_space",
        35,
        "restore",
        "pasted from an e-mail",
        fits=lambda row: row["order_id"] is not None,
        change=cells.trailing_space,
    ),
    _tickets(
        "order_id",
        "unknown_id",
        20,
        "blank",
        "the number of another shop",
        fits=lambda row: row["order_id"] is not None,
        change=cells.random_id("CW-", 300_000, 900_000),
    ),
    _tickets(
        "customer_id",
        "zeros_lost",
        60,
        "restore",
        "a part went through a spreadsheet",
        fits=lambda row: row["customer_id"] is not None,
        change=cells.zeros_lost,
    ),
    _tickets(
        "reopened",
        "mixed_boolean",
        120,
        "restore",
        "three systems, three words for yes",
        change=cells.mixed_bool,
    ),
    _tickets(
        "response_minutes",
        "hours",
        None,
        "restore",
        "the column held hours before 2025",
        fits=_is_answered_early,
        change=cells.hours,
    ),
    _tickets(
        "created_at",
        "month_first",
        None,
        "restore",
        "the marketplace writes American dates",
        fits=_is_marketplace,
        change=cells.month_first,
    ),
    _tickets(
        "closed_at",
        "month_first",
        None,
        "restore",
        "the marketplace writes American dates",
        fits=lambda row: _is_marketplace(row) and row["closed_at"] is not None,
        change=cells.month_first,
    ),
)
