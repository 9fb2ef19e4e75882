"""The shop's clean tables: what the exports would say if nothing had gone wrong.

Customers, products and orders are drawn in `orders`, tickets in `tickets`; `defects` then
breaks them by name and count. One seed makes all, so that a lesson can compare what it cleaned
with the truth.
"""

import json
import random
from pathlib import Path

from course_utils import runtime
from course_utils.shop.orders import make_customers, make_orders, make_products
from course_utils.shop.tables import SEED, Tables, to_frame
from course_utils.shop.tickets import make_tickets


def clean_tables(
    *, seed: int = SEED, parts_dir: Path | None = None, intents_path: Path | None = None
) -> Tables:
    """Return the tables without any defect; the same seed gives the same rows.

    What is missing here is missing in truth: a guest's customer number, the rating that nobody
    gave, the closing time of an open ticket.

    Args:
        seed: Another seed gives another shop of the same size and shape.
        parts_dir: Where `shop_parts.json` and `ticket_parts.json` lie; default: the data folder.
        intents_path: The written messages; default: `intents.jsonl` in `parts_dir`.
    """
    parts_dir = parts_dir or runtime.data_dir()
    intents_path = intents_path or parts_dir / "intents.jsonl"
    parts = json.loads((parts_dir / "shop_parts.json").read_text(encoding="utf-8"))
    ticket_parts = json.loads((parts_dir / "ticket_parts.json").read_text(encoding="utf-8"))
    with intents_path.open(encoding="utf-8") as lines:
        messages = [json.loads(line) for line in lines if line.strip()]

    customers = make_customers(parts["people"], random.Random(f"{seed} customers"))
    products = make_products(parts, random.Random(f"{seed} products"))
    zones = {country: people["zone"] for country, people in parts["people"].items()}
    orders = make_orders(customers, products, zones, random.Random(f"{seed} orders"))
    rng = random.Random(f"{seed} tickets")
    tickets = make_tickets(customers, orders, messages, ticket_parts, rng)
    return Tables(
        customers=to_frame("customers", customers),
        products=to_frame("products", products),
        orders=to_frame("orders", orders),
        tickets=to_frame("tickets", tickets),
    )
