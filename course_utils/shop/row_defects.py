"""Rows that don't belong: each function returns the cells in which one more row differs.

It gets the exported row that the new one starts from, and all rows so far.
"""

import random
from datetime import datetime, timedelta
from typing import Any

from course_utils.shop.cell_defects import extra_space, retouched

Row = dict[str, Any]

TEST_CUSTOMER = "000001"
TEST_MESSAGES = (
    "test",
    "test 2",
    "Testing the new form, please ignore",
    "TEST - do not answer",
    "asdf asdf asdf",
    "Does the umlaut survive now? äöü ß €",
    "checking whether the confirmation mail goes out",
    "test ticket for the training of Monday, leave open",
    "lorem ipsum",
    "1234567890",
    "please delete, only checking the attachment limit",
    "test from phone",
    "dry run of the marketplace link",
    "Hello world",
    "test test, one two",
    "Ignore me, I'm the new chatbot test",
    "retest after fix",
    "staging?? or is this live",
    "Trying line breaks\nsecond line\nthird line",
    "last test for today",
)


def _next_id(key: str) -> str:
    """Return the number after this one, which the clean tables leave free."""
    prefix, number = key.rsplit("-", 1)
    return f"{prefix}-{int(number) + 1}"


def copy(row: Row, rows: list[Row], rng: random.Random) -> Row:
    """Return no difference."""
    return {}


def near_copy(row: Row, rows: list[Row], rng: random.Random) -> Row:
    """Return the ticket's text with other capitals or spaces."""
    return {
        "message": retouched(row["message"], rng),
        "subject": extra_space(row["subject"], rng) if row["subject"] else "",
    }


def second_click(row: Row, rows: list[Row], rng: random.Random) -> Row:
    """Return what a second click on the form's button makes: a ticket of its own."""
    created_at = datetime.fromisoformat(row["created_at"]) + timedelta(minutes=rng.randint(1, 3))
    return {
        "ticket_id": _next_id(row["ticket_id"]),
        "created_at": f"{created_at:%Y-%m-%d %H:%M}",
        "message": row["message"] + rng.choice(("", " ", ".", "!", " thx")),
        "satisfaction": "",
    }


def test_ticket(row: Row, rows: list[Row], rng: random.Random) -> Row:
    """Return what the developers' account writes."""
    used = {each["message"] for each in rows}
    return {
        "ticket_id": _next_id(row["ticket_id"]),
        "customer_id": TEST_CUSTOMER,
        "order_id": "",
        "subject": rng.choice(("test", "Test", "TEST", "")),
        "message": rng.choice([text for text in TEST_MESSAGES if text not in used]),
        "satisfaction": "",
    }


def test_order(row: Row, rows: list[Row], rng: random.Random) -> Row:
    """Return what the developers' account buys."""
    changed = {"order_id": _next_id(row["order_id"]), "customer_id": TEST_CUSTOMER, "quantity": 1}
    return changed | {"amount": 0.01, "shipping_fee": 0.0, "status": "cancelled", "coupon": None}


def test_customer(row: Row, rows: list[Row], rng: random.Random) -> Row:
    """Return the developers' account."""
    changed = {"customer_id": TEST_CUSTOMER, "name": "Test Tester", "birth_year": 2000}
    return changed | {"email": "test@example.com"}


def near_copy_of_customer(row: Row, rows: list[Row], rng: random.Random) -> Row:
    """Return what another system made of the customer."""
    return {"email": row["email"].upper() + rng.choice(("", " "))}


def totals(row: Row, rows: list[Row], rng: random.Random) -> Row:
    """Return the sheet's last row: its sum skips amounts that are text, as SUM does."""
    empty = dict.fromkeys(name for name in row if not name.startswith("_"))
    amounts = [each["amount"] for each in rows if isinstance(each["amount"], float)]
    return empty | {"order_id": "Total", "amount": round(sum(amounts), 2)}
