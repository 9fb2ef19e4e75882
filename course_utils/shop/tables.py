"""The shop's four tables: their columns and types, and the two years that they cover."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pandas as pd

SEED = 2011  # the year the shop was founded
FIRST_DAY = date(2024, 7, 1)
EXPORTED_AT = datetime(2026, 7, 1)  # two years; what happened later is still missing

# Each table's columns and what a value is: text, time (to the minute), date, int, float, bool.
COLUMNS: Mapping[str, Mapping[str, str]] = {
    "customers": {
        "customer_id": "text",
        "name": "text",
        "email": "text",
        "city": "text",
        "postcode": "text",
        "country": "text",
        "birth_year": "int",
        "joined_at": "date",
        "trail_club": "bool",
        "newsletter": "bool",
    },
    "products": {
        "sku": "text",
        "name": "text",
        "brand": "text",
        "line": "text",
        "category": "text",
        "price": "float",
        "weight_g": "int",
        "warehouse_bin": "text",
        "stock": "int",
    },
    "orders": {
        "order_id": "text",
        "refers_to": "text",
        "customer_id": "text",
        "ordered_at": "time",
        "status": "text",
        "sku": "text",
        "quantity": "int",
        "amount": "float",
        "currency": "text",
        "shipping_zone": "int",
        "shipping_fee": "float",
        "coupon": "text",
        "payment": "text",
        "gift_wrap": "bool",
    },
    "tickets": {
        "ticket_id": "text",
        "created_at": "time",
        "closed_at": "time",
        "channel": "text",
        "customer_id": "text",
        "order_id": "text",
        "category": "text",
        "priority": "text",
        "subject": "text",
        "message": "text",
        "agent": "text",
        "response_minutes": "int",
        "satisfaction": "int",
        "reopened": "bool",
    },
}
KEYS = {"customers": "customer_id", "products": "sku", "orders": "order_id", "tickets": "ticket_id"}
DTYPES = {
    "text": "str",
    "time": "datetime64[us]",
    "date": "datetime64[us]",
    "int": "Int64",
    "float": "float64",
    "bool": "bool",
}


@dataclass(frozen=True)
class Tables:
    """The four tables; columns and types as in `COLUMNS` where they are clean."""

    customers: pd.DataFrame
    products: pd.DataFrame
    orders: pd.DataFrame
    tickets: pd.DataFrame


def to_frame(table: str, rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return rows as a frame with the table's columns and types."""
    kinds = COLUMNS[table]
    frame = pd.DataFrame(rows, columns=list(kinds), dtype=object)
    return frame.astype({column: DTYPES[kind] for column, kind in kinds.items()})


def random_days(
    rng: random.Random, count: int, month_weights: tuple, weekday_weights: tuple, *, growth: float
) -> list[date]:
    """Return days in order, busy months and weekdays more often, `growth` by the last day."""
    n_days = (EXPORTED_AT.date() - FIRST_DAY).days
    days = [FIRST_DAY + timedelta(days=number) for number in range(n_days)]
    weights = [
        month_weights[day.month - 1]
        * weekday_weights[day.weekday()]
        * (1 + growth * number / n_days)
        for number, day in enumerate(days)
    ]
    return sorted(rng.choices(days, weights, k=count))


def at_hour(rng: random.Random, day: date, hour_weights: tuple) -> datetime:
    """Return a minute of the day, in busy hours more often."""
    hour = rng.choices(range(24), hour_weights)[0]
    return datetime(day.year, day.month, day.day, hour, rng.randrange(60))
