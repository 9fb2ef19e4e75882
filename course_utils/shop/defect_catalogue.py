"""Every defect that is planted, with its count and how exports come to have it.

The tickets' stand in `ticket_defects`.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import partial

from course_utils.shop import cell_defects as cells
from course_utils.shop import row_defects as added
from course_utils.shop.defects import Defect, Row
from course_utils.shop.ticket_defects import TICKETS

_customers = partial(Defect, "customers")
_products = partial(Defect, "products")
_orders = partial(Defect, "orders")


def _is_sale(row: Row) -> bool:
    return row["order_id"].startswith("CW-")


CUSTOMERS = (
    _customers(
        "name",
        "mojibake",
        16,
        "restore",
        "UTF-8 read as Windows-1252",
        fits=lambda row: cells.can_be_mojibake(row["name"]),
        change=cells.mojibake,
    ),
    _customers(
        "postcode",
        "number_cell",
        20,
        "restore",
        "the spreadsheet took digits for a number",
        fits=lambda row: row["postcode"].isdigit() and row["postcode"][0] == "0",
        change=cells.number_cell,
    ),
    _customers(
        "",
        "test_account",
        1,
        "drop",
        "the developers test on the live shop",
        add=added.test_customer,
    ),
    _customers("", "exact_duplicate", 10, "drop", "a page was exported twice", add=added.copy),
    _customers(
        "",
        "near_duplicate",
        12,
        "drop",
        "the old shop system exported it too",
        add=added.near_copy_of_customer,
    ),
    _customers(
        "birth_year",
        "sentinel",
        20,
        "blank",
        "the old form wrote 1900 for no answer",
        change=cells.always(1900),
    ),
    _customers(
        "joined_at",
        "sentinel",
        14,
        "blank",
        "an import wrote its calendar's first day",
        change=cells.always(datetime(1900, 1, 1)),
    ),
    _customers(
        "city",
        "missing_text",
        12,
        "blank",
        "people typed something for nothing",
        change=cells.always(*cells.NOTHING),
    ),
    _customers(
        "city", "case_and_space", 40, "restore", "typed by hand", change=cells.case_and_space
    ),
    _customers(
        "name", "extra_space", 25, "restore", "pasted from an e-mail", change=cells.extra_space
    ),
    _customers(
        "country",
        "spelling",
        45,
        "restore",
        "a free text field until 2023",
        fits=lambda row: row["country"] in cells.COUNTRY_NAMES,
        change=cells.from_list(cells.COUNTRY_NAMES),
    ),
    _customers(
        "email",
        "mailto",
        14,
        "restore",
        "the spreadsheet makes links of addresses",
        change=cells.mailto,
    ),
    _customers(
        "trail_club",
        "mixed_boolean",
        60,
        "restore",
        "three systems, three words for yes",
        change=cells.mixed_bool,
    ),
)

PRODUCTS = (
    _products(
        "weight_g",
        "other_unit",
        8,
        "restore",
        "the supplier's list has kilograms",
        fits=lambda row: row["weight_g"] >= 1000,
        change=cells.kilograms,
    ),
    _products(
        "warehouse_bin",
        "zeros_lost",
        16,
        "restore",
        "a spreadsheet took digits for a number",
        fits=lambda row: row["warehouse_bin"][0] == "0",
        change=cells.zeros_lost,
    ),
    _products(
        "",
        "exact_duplicate",
        8,
        "drop",
        "a page was exported twice",
        fits=lambda row: row["line"] != "NA",
        add=added.copy,
    ),
    _products(
        "weight_g",
        "missing_text",
        8,
        "blank",
        "the supplier typed something for nothing",
        change=cells.always(*cells.NOTHING),
    ),
    _products(
        "stock",
        "sentinel",
        8,
        "blank",
        "9999 means that the warehouse doesn't count it",
        change=cells.always("9999"),
    ),
    _products(
        "brand", "case_and_space", 14, "restore", "typed by hand", change=cells.case_and_space
    ),
    _products(
        "price",
        "decimal_comma",
        30,
        "restore",
        "typed on a Dutch keyboard",
        change=cells.decimal_comma,
    ),
    _products(
        "line",
        "genuine_na",
        None,
        "keep",
        "NA is the North Atlantic line, not a gap",
        fits=lambda row: row["line"] == "NA",
    ),
)

ORDERS = (
    _orders(
        "amount",
        "thousands_point",
        10,
        "restore",
        "pasted from the Dutch bookkeeping",
        fits=lambda row: row["amount"] >= 1000,
        change=cells.thousands_point,
    ),
    _orders("", "exact_duplicate", 20, "drop", "a page was exported twice", add=added.copy),
    _orders(
        "",
        "test_account",
        8,
        "drop",
        "the developers test on the live shop",
        fits=_is_sale,
        add=added.test_order,
    ),
    _orders(
        "amount",
        "negative",
        12,
        "blank",
        "a credit note was keyed in as an order",
        fits=_is_sale,
        change=cells.negated,
    ),
    _orders(
        "amount",
        "decimal_comma",
        70,
        "restore",
        "pasted from the Dutch bookkeeping",
        fits=lambda row: abs(row["amount"]) < 1000,
        change=cells.decimal_comma,
    ),
    _orders(
        "amount",
        "currency_text",
        40,
        "restore",
        "typed with the currency",
        change=cells.currency_text,
    ),
    _orders(
        "ordered_at",
        "day_first",
        80,
        "restore",
        "the showroom's till writes German dates",
        change=cells.day_first,
    ),
    _orders(
        "ordered_at",
        "excel_serial",
        40,
        "restore",
        "pasted without the cell's format",
        change=cells.excel_serial,
    ),
    _orders(
        "status", "case_and_space", 60, "restore", "typed by hand", change=cells.case_and_space
    ),
    _orders(
        "customer_id",
        "number_cell",
        70,
        "restore",
        "the spreadsheet took digits for a number",
        change=cells.number_cell,
    ),
    _orders(
        "customer_id",
        "unknown_id",
        12,
        "blank",
        "the customer was deleted",
        change=cells.random_id("00", 9_900, 9_999),
    ),
    _orders("sku", "lower_case", 30, "restore", "keyed in at the till", change=cells.lower),
    _orders(
        "coupon",
        "missing_text",
        60,
        "blank",
        "each till has its own word for no coupon",
        fits=lambda row: row["coupon"] is None,
        change=cells.always(*cells.NOTHING),
    ),
    _orders(
        "quantity",
        "impossible",
        10,
        "blank",
        "a barcode was scanned into the wrong field",
        change=cells.always(0, 999),
    ),
    _orders(
        "gift_wrap",
        "mixed_boolean",
        90,
        "restore",
        "three systems, three words for yes",
        change=cells.mixed_bool,
    ),
    _orders("", "totals_row", 1, "drop", "somebody summed the sheet", add=added.totals),
)

DEFECTS: Mapping[str, tuple[Defect, ...]] = {
    "customers": CUSTOMERS,
    "products": PRODUCTS,
    "orders": ORDERS,
    "tickets": TICKETS,
}
