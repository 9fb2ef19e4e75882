"""What the clean tables must look like, and the rows that don't.

The rules repair the defects that are known; a schema holds the result to what the shop knows of
its tables, and so finds what no rule was written for.
"""

from collections.abc import Mapping, Sequence
from datetime import date

import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from course_utils.shop.tables import COLUMNS, DTYPES, EXPORTED_AT, FIRST_DAY, KEYS
from course_utils.tables import shop_values as values

MAX_SHOWN = 60  # characters of a cell in a reason; a message may be long
# Columns with gaps: missing in truth, or blanked because nobody can know the value any more.
NULLABLE: Mapping[str, tuple[str, ...]] = {
    "customers": ("city", "birth_year", "joined_at"),
    "products": ("weight_g", "stock"),
    "orders": ("refers_to", "customer_id", "quantity", "amount", "coupon"),
    "tickets": (
        "closed_at",
        "customer_id",
        "order_id",
        "category",
        "subject",
        "agent",
        "response_minutes",
        "satisfaction",
    ),
}


def _within_export(since: date = FIRST_DAY) -> pa.Check:
    return pa.Check.in_range(pd.Timestamp(since), pd.Timestamp(EXPORTED_AT))


def _matches(name: str) -> pa.Check:
    return pa.Check.str_matches(values.PATTERNS[name])


CHECKS: Mapping[str, Mapping[str, pa.Check]] = {
    "customers": {
        "customer_id": _matches("customer_id"),
        "name": pa.Check.str_length(3, 60),
        "email": _matches("email"),
        "city": pa.Check.isin(values.CITIES),
        "postcode": pa.Check.str_length(4, 8),
        "country": pa.Check.isin(values.COUNTRIES),
        "birth_year": pa.Check.in_range(1901, EXPORTED_AT.year),
        "joined_at": _within_export(date(2011, 1, 1)),  # the year the shop was founded
    },
    "products": {
        "sku": _matches("sku"),
        "brand": pa.Check.isin(values.BRANDS),
        "line": pa.Check.isin(values.LINES),
        "category": pa.Check.isin(values.PRODUCT_CATEGORIES),
        "price": pa.Check.gt(0),
        "weight_g": pa.Check.in_range(1, 100_000),
        "warehouse_bin": _matches("warehouse_bin"),
        "stock": pa.Check.in_range(0, 9_998),
    },
    "orders": {
        "order_id": _matches("order_id"),
        "refers_to": _matches("sale_id"),
        "customer_id": _matches("customer_id"),
        "ordered_at": _within_export(),
        "status": pa.Check.isin(values.STATUSES),
        "sku": _matches("sku"),
        "quantity": pa.Check.in_range(1, 99),
        "currency": pa.Check.isin(["EUR"]),
        "shipping_zone": pa.Check.in_range(1, 3),
        "shipping_fee": pa.Check.ge(0),
        "coupon": pa.Check.isin(values.COUPONS),
        "payment": pa.Check.isin(values.PAYMENTS),
    },
    "tickets": {
        "ticket_id": _matches("ticket_id"),
        "created_at": _within_export(),
        "closed_at": _within_export(),
        "channel": pa.Check.isin(values.CHANNELS),
        "customer_id": _matches("customer_id"),
        "order_id": _matches("sale_id"),
        "category": pa.Check.isin(values.CATEGORIES),
        "priority": pa.Check.isin(values.PRIORITIES),
        "message": pa.Check.str_length(min_value=1),
        "response_minutes": pa.Check.ge(0),
        "satisfaction": pa.Check.in_range(1, 10),
    },
}
# What several columns of a row must say together; the names are what a learner reads.
ROW_CHECKS: Mapping[str, Sequence[pa.Check]] = {
    "customers": (),
    "products": (),
    "orders": (
        pa.Check(
            lambda table: table["order_id"].str.startswith("R-") == table["refers_to"].notna(),
            name="credit notes alone refer to a sale",
        ),
        pa.Check(
            lambda table: (
                table["amount"].isna() | ((table["amount"] < 0) == table["refers_to"].notna())
            ),
            name="credit notes alone are negative",
        ),
    ),
    "tickets": (
        pa.Check(
            lambda table: table["closed_at"].isna() | (table["closed_at"] >= table["created_at"]),
            name="closed_at is not before created_at",
        ),
    ),
}


def _schema(table: str) -> pa.DataFrameSchema:
    columns = {}
    for column, kind in COLUMNS[table].items():
        columns[column] = pa.Column(
            DTYPES[kind],
            CHECKS[table].get(column),
            nullable=column in NULLABLE[table],
            unique=column == KEYS[table],
        )
    return pa.DataFrameSchema(columns, checks=list(ROW_CHECKS[table]), strict=True, name=table)


SCHEMAS: Mapping[str, pa.DataFrameSchema] = {table: _schema(table) for table in COLUMNS}


def set_aside_invalid(
    frame: pd.DataFrame, schema: pa.DataFrameSchema
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Part the rows that keep to a schema from those that don't.

    Of rows that share a key none is kept: which one is right, the table can't say.

    Args:
        frame: A typed table; it isn't changed.
        schema: One of `SCHEMAS`, or another. All its checks run, so that a row's reasons are
            complete.

    Returns:
        The good rows, and the bad ones with one more column `reason`, such as
        `satisfaction: in_range(1, 10), found 11`; both keep their index.

    Raises:
        ValueError: The index repeats a label, or the table as a whole doesn't fit: a column is
            missing, unknown, or of another dtype.
    """
    if not frame.index.is_unique:
        raise ValueError("the table's index repeats a label; pass frame.reset_index(drop=True)")
    try:
        schema.validate(frame, lazy=True)
    except SchemaErrors as error:
        failures = error.failure_cases
    else:
        return frame.copy(), frame.iloc[:0].assign(reason=pd.Series(dtype="str"))
    _check_whole(failures[failures["index"].isna()], schema)
    reasons: dict[object, list[str]] = {}
    for failure in failures.to_dict("records"):
        of_row = reasons.setdefault(failure["index"], [])
        reason = _reason(failure)
        if reason not in of_row:  # a check of whole rows is reported once a column
            of_row.append(reason)
    bad = frame[frame.index.isin(reasons)]
    texts = ["; ".join(reasons[row]) for row in bad.index]
    return frame.drop(index=bad.index), bad.assign(reason=pd.Series(texts, bad.index, dtype="str"))


def _check_whole(failures: pd.DataFrame, schema: pa.DataFrameSchema) -> None:
    """Refuse a table in which more than single rows is wrong."""
    if failures.empty:
        return
    # Checks that stumble over a missing column say nothing new beside it.
    words = {"column_in_dataframe": "is missing", "column_in_schema": "is unknown"}
    wrong = [
        f"column {failure['failure_case']!r} {words[failure['check']]}"
        if failure["check"] in words
        else f"column {failure['column']!r} should be {failure['check']} and is "
        f"{failure['failure_case']}"
        for failure in failures.to_dict("records")
        if failure["check"] in words or str(failure["check"]).startswith("dtype(")
    ]
    wrong = wrong or [f"{f['check']}: {f['failure_case']}" for f in failures.to_dict("records")]
    raise ValueError(
        f"the table doesn't fit the schema {schema.name!r}: {'; '.join(wrong)}; "
        "give it the schema's columns, converted with to_types"
    )


def _reason(failure: Mapping[str, object]) -> str:
    if failure["schema_context"] == "DataFrameSchema":
        return str(failure["check"])
    case = failure["failure_case"]
    found = "nothing" if pd.isna(case) else str(case)[:MAX_SHOWN]
    return f"{failure['column']}: {failure['check']}, found {found}"
