"""The shop's customers, products and orders, drawn from written parts.

What is drawn hangs together: an order follows its customer's joining, its fee follows zone and
value as the handbook says, a credit note follows its sale.
"""

import random
from bisect import bisect_right
from datetime import date, datetime, timedelta

from course_utils.shop.tables import EXPORTED_AT, FIRST_DAY, at_hour, random_days

N_CUSTOMERS = 400
N_ORDERS = 1_310
N_REFUNDS = 90

# (fee, goods value from which it is free) of each zone, as the handbook says
SHIPPING = {1: (4.95, 75.0), 2: (8.95, 150.0), 3: (14.95, float("inf"))}
OVERSIZE_FEE = 19.0  # over 20 kg
OVERSIZE_G = 20_000
MONTH_WEIGHTS = (1.2, 0.8, 1.0, 1.2, 1.5, 1.5, 1.2, 0.9, 0.9, 1.0, 1.6, 1.8)
WEEKDAY_WEIGHTS = (1.1, 1.0, 1.0, 1.0, 0.9, 1.2, 1.4)  # people shop on Sunday evening
HOUR_WEIGHTS = (1, 0.4, 0.2, 0.1, 0.1, 0.3, 1, 2, 3, 4, 4, 4, 5, 4, 3, 3, 4, 5, 6, 8, 9, 8, 6, 3)
SUMMER_GOODS = {"tents", "sleeping", "stoves", "water", "poles", "packs"}


def make_customers(people: dict, rng: random.Random) -> list[dict]:
    """Return customers in the order of their numbers, which is the order of joining."""
    numbers = sorted(rng.sample(range(112, 9_800), N_CUSTOMERS))
    countries = rng.choices(
        list(people), [each["share"] for each in people.values()], k=len(numbers)
    )
    # Numbers were given in the order of joining; half of them joined before the export begins.
    joined = sorted(_joined_at(rng) for _ in numbers)
    rows, names = [], set()
    for number, country, joined_at in zip(numbers, countries, joined, strict=True):
        first, last = _name(people[country], names, rng)
        city, postcode = rng.choice(people[country]["cities"].split("|")).split("=")
        rows.append(
            {
                "customer_id": f"{number:06d}",
                "name": f"{first} {last}",
                "email": _email(first, last, number, rng),
                "city": city,
                "postcode": postcode,
                "country": country,
                "birth_year": min(2007, max(1938, round(rng.gauss(1983, 14)))),
                "joined_at": joined_at,
                "trail_club": rng.random() < 0.58,
                "newsletter": rng.random() < 0.41,
            }
        )
    return rows


def _joined_at(rng: random.Random) -> date:
    if rng.random() < 0.55:
        return date(2011, 3, 1) + timedelta(days=round(4_870 * rng.random() ** 0.6))
    return FIRST_DAY + timedelta(days=round(700 * rng.random() ** 1.4))


def _name(people: dict, taken: set, rng: random.Random) -> tuple[str, str]:
    while True:
        name = rng.choice(people["first"].split()), rng.choice(people["last"].split("|"))
        if name not in taken:
            taken.add(name)
            return name


ASCII = str.maketrans(
    {
        **dict(zip("àáâäåéèêëíîïóôöúüûçñ", "aaaaaeeeeiiiooouuucn", strict=True)),
        "ø": "o",
        "æ": "ae",
        "ß": "ss",
        " ": "",
        "'": "",
    }
)


def _email(first: str, last: str, number: int, rng: random.Random) -> str:
    """Return an address under a name reserved for examples (RFC 2606), so it is nobody's."""
    first, last = first.lower().translate(ASCII), last.lower().translate(ASCII)
    local = rng.choice((f"{first}.{last}", f"{first[0]}.{last}", f"{first}{number % 100}", last))
    return f"{local}{number}@example.{rng.choice(('com', 'org', 'net'))}"


def make_products(parts: dict, rng: random.Random) -> list[dict]:
    """Return the written products with numbers, bins and a stock that is low for most."""
    texts = [(category, text) for category, of in parts["products"].items() for text in of]
    numbers = sorted(rng.sample(range(110, 990), len(texts)))
    bins = rng.sample(range(1, 240), len(texts))
    rows = []
    for (category, text), number, bin_number in zip(texts, numbers, bins, strict=True):
        brand, name, price, weight_g, line = text.split("|")
        rows.append(
            {
                "sku": f"{parts['brands'][brand]}-{number * 10:04d}",
                "name": name,
                "brand": brand,
                "line": line,
                "category": category,
                "price": float(price),
                "weight_g": int(weight_g),
                "warehouse_bin": f"{bin_number:03d}",
                "stock": int(rng.paretovariate(0.9) * 4) % 180,
            }
        )
    return rows


def make_orders(
    customers: list[dict], products: list[dict], zones: dict, rng: random.Random
) -> list:
    """Return sales and credit notes in the order of time."""
    days = random_days(rng, N_ORDERS, MONTH_WEIGHTS, WEEKDAY_WEIGHTS, growth=0.35)
    times = sorted(at_hour(rng, day, HOUR_WEIGHTS) for day in days)
    # A few customers order every other week, most once or twice (weights by rank, as words have).
    loyalty = [1 / (rank + 4) ** 0.9 for rank in range(len(customers))]
    rng.shuffle(loyalty)
    popularity = [rng.paretovariate(1.6) / product["price"] ** 0.3 for product in products]
    joined = [customer["joined_at"] for customer in customers]
    seen: set[str] = set()
    sales, number = [], 100_207
    for time in times:
        number += rng.randint(6, 31)  # the export holds a part of the orders
        known = bisect_right(joined, time.date())
        customer = rng.choices(customers[:known], loyalty[:known])[0]
        product = _season_pick(products, popularity, time, rng)
        sale = _sale(customer, product, zones[customer["country"]], time, seen, rng)
        sales.append({"order_id": f"CW-{number}"} | sale)
        seen.add(customer["customer_id"])
    refunds = _refunds(sales, rng)
    return sorted(sales + refunds, key=lambda row: (row["ordered_at"], row["order_id"]))


def _season_pick(products: list, popularity: list, time: datetime, rng: random.Random) -> dict:
    warm = 4 <= time.month <= 8
    weights = [
        weight * (2.2 if (product["category"] in SUMMER_GOODS) == warm else 1)
        for product, weight in zip(products, popularity, strict=True)
    ]
    return rng.choices(products, weights)[0]


def _sale(
    customer: dict, product: dict, zone: int, time: datetime, seen: set, rng: random.Random
) -> dict:
    quantity = rng.choices((1, 2, 3, 4, 6, 12), (70, 17, 5, 4, 2, 2))[0]
    on_sale = rng.random() < (0.35 if time.month in (1, 7, 11) else 0.08)
    unit_price = round(product["price"] * (rng.choice((0.7, 0.8, 0.9)) if on_sale else 1), 2)
    goods = round(unit_price * quantity, 2)
    coupon, discount = _coupon(customer, goods, time, seen, rng)
    fee, free_from = SHIPPING[zone]
    fee = 0.0 if goods >= free_from else fee
    fee += OVERSIZE_FEE if product["weight_g"] * quantity > OVERSIZE_G else 0.0
    age = EXPORTED_AT - time
    status = "cancelled" if rng.random() < 0.04 else "delivered"
    if status == "delivered" and age < timedelta(days=2 + 3 * zone):
        status = "open" if age < timedelta(days=1) else "shipped"
    return {
        "customer_id": customer["customer_id"],
        "ordered_at": time,
        "status": status,
        "sku": product["sku"],
        "quantity": quantity,
        "amount": round(goods - discount + fee, 2),
        "currency": "EUR",
        "shipping_zone": zone,
        "shipping_fee": round(fee, 2),
        "coupon": coupon,
        "payment": _payment(customer["country"], zone, goods, rng),
        "gift_wrap": rng.random() < (0.3 if time.month == 12 else 0.06),
    }


def _coupon(customer: dict, goods: float, time: datetime, seen: set, rng: random.Random) -> tuple:
    """Return a coupon's code, or None, and what it takes off."""
    if customer["customer_id"] not in seen and rng.random() < 0.25:
        return "WELCOME5", min(5.0, goods)
    if time.month == 11 and time.day > 20 and rng.random() < 0.5:
        return "BLACK15", round(goods * 0.15, 2)
    if time.month in (3, 4, 5) and rng.random() < 0.15:
        return "SPRING10", round(goods * 0.1, 2)
    if customer["trail_club"] and goods > 40 and rng.random() < 0.12:
        return "CLUB10", 10.0
    return None, 0.0


def _payment(country: str, zone: int, goods: float, rng: random.Random) -> str:
    options = {"card": 4, "PayPal": 3, "bank transfer": 1, "gift card": 0.4}
    options |= {"NL": {"iDEAL": 9}, "BE": {"Bancontact": 6}}.get(country, {})
    options |= {"pay later": 1.5} if zone == 1 and goods <= 600 else {}
    return rng.choices(list(options), list(options.values()))[0]


def _refunds(sales: list[dict], rng: random.Random) -> list[dict]:
    """Return credit notes: rows of their own, as the bookkeeping exports them, amount negative."""
    old_enough = EXPORTED_AT - timedelta(days=60)
    candidates = [
        sale
        for sale in sales
        if sale["status"] == "delivered"
        and sale["ordered_at"] < old_enough
        and sale["amount"] - sale["shipping_fee"] > 15
    ]
    rows = []
    for sale in rng.sample(candidates, N_REFUNDS):
        # The label costs €6.95 outside zone 1, where the customer doesn't post it at own cost.
        label = 6.95 if sale["shipping_zone"] == 2 else 0.0
        time = sale["ordered_at"] + timedelta(days=rng.randint(9, 55), minutes=rng.randrange(300))
        amount = round(label - (sale["amount"] - sale["shipping_fee"]), 2)
        changed = {"refers_to": sale["order_id"], "ordered_at": time, "status": "refunded"}
        changed |= {"amount": amount, "shipping_fee": 0.0, "coupon": None, "gift_wrap": False}
        rows.append(sale | changed)
    rows.sort(key=lambda row: row["ordered_at"])
    return [row | {"order_id": f"R-{20_417 + 3 * number}"} for number, row in enumerate(rows)]
