"""The shop's database: its tables, and values to fill them with.

The text-to-SQL questions run on it. The same tables are filled from any seed, so that a query
which is right by luck on one database is found out on another. The key that joins two tables
has the same name in both, so that `JOIN customers USING (customer_id)` is all a join needs.
"""

import random
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from course_utils.shop.more_tables import read_more_tables

FIRST_DAY = date(2023, 1, 1)
DAYS = 1_096  # three years, up to the end of 2025


@dataclass(frozen=True)
class Column:
    """A column, and how its values are drawn."""

    name: str
    kind: str  # key, ref, text, category, number or date
    values: tuple = ()  # a category's values; first key; lowest, highest, step of a number
    after: str = ""  # a date: the column it follows by a few days
    gaps: float = 0.0  # share of rows in which it is still empty
    ties: bool = False  # a number with so few values that its boundaries matter


SKU_OF_BRAND = dict(
    zip(
        ["Tarnfell", "Norrvik", "Brekka", "Oldmoor", "Pinehall", "Quarrow"],
        ["TF", "NV", "BR", "OM", "PH", "QR"],
        strict=True,
    )
)
COUNTRY_OF_CITY = {
    "Utrecht": "Netherlands",
    "Zwolle": "Netherlands",
    "Ghent": "Belgium",
    "Namur": "Belgium",
    "Cologne": "Germany",
    "Bremen": "Germany",
    "Lille": "France",
    "Oslo": "Norway",
    "Graz": "Austria",
    "Aarhus": "Denmark",
}
PRICE_OF_CATEGORY = {"ropes": 0.3, "stoves": 0.4, "lamps": 0.2, "mats": 0.3, "boots": 0.6}
# One line a table: columns between semicolons, each a name, a kind and what the kind needs.
# "few" is a number with few values; "date?" may be empty, and follows the date that it names.
_SPEC = """
products: sku key; product text; brand in Tarnfell|Norrvik|Brekka|Oldmoor|Pinehall|Quarrow; \
category in tents|packs|jackets|boots|ropes|stoves|lamps|mats; price number 9.95 389.95 1; \
stock number 0 240 1
customers: customer_id key 301; name text; \
city in Utrecht|Zwolle|Ghent|Namur|Cologne|Bremen|Lille|Oslo|Graz|Aarhus; \
country in Netherlands|Belgium|Germany|France|Norway|Austria|Denmark; points number 0 1900 1; \
joined_on date
orders: order_id key 104201; customer_id ref; placed_on date; \
status in open|packed|shipped|cancelled|refunded; \
payment in card|iDEAL|PayPal|Bancontact|bank transfer; total number 8.5 640 0.05
order_lines: line_id key 1; order_id ref; sku ref; \
colour in red|blue|green|black|grey|orange; quantity few 1 9 1
returns: return_id key 20401; order_id ref; sku ref; \
reason in too small|too big|damaged|faulty|late|unwanted; refund number 6 310 0.05; \
received_on date?
repairs: repair_id key 3301; customer_id ref; job in zip|patch|resole|reproofing|pole|refill; \
cost number 9 140 0.5; finished_on date?
tickets: ticket_id key 7001; customer_id ref; \
topic in shipping|returns|payment|sizing|warranty|points; channel in chat|phone|email|form; \
messages few 1 14 1; closed_on date?
reviews: review_id key 501; sku ref; language in Dutch|German|English|French|Danish; \
stars few 1 5 1; votes number 0 160 1; posted_on date
suppliers: supplier_id key 11; supplier text; \
country in Netherlands|Belgium|Germany|France|Norway|Austria|Denmark; grade in A|B|C|D; \
lead_days number 3 95 1
purchases: purchase_id key 8001; supplier_id ref; sku ref; \
transport in truck|train|ship|plane|van; pieces number 10 600 1; arrived_on date?
shipments: shipment_id key 60001; order_id ref; \
carrier in Veerpost|Rapido|Nordlog|Bodex|Sprintkoerier; weight number 0.2 24 0.1; \
shipped_on date; delivered_on date? shipped_on
gift_cards: card_code key 4801 G-; design in mountain|forest|river|snow|campfire; \
amount few 10 500 5; balance number 0.5 500 0.05; sold_on date; used_on date? sold_on
staff: staff_id key 1; name text; team in warehouse|desk|workshop|buying|web; \
contract in full-time|part-time|seasonal|trainee; wage number 14.5 38 0.05; hired_on date
shifts: shift_id key 901; staff_id ref; worked_on date; \
kind in early|late|night|weekend|standby; hours few 3 10 1
campaigns: campaign_id key 41; title text; channel in email|print|radio|social|search; \
budget number 200 9000 10; clicks number 40 12000 1; started_on date
bins: bin_code key 201 B-; sku ref; aisle in A|B|C|D|E|F; pieces number 0 320 1; counted_on date?
visits: visit_id key 90001; device in phone|tablet|laptop|desktop; \
source in search|newsletter|Instagram|adverts|blogs; pages few 1 24 1; visited_on date
invoices: invoice_id key 5501; supplier_id ref; kind in goods|freight|customs|storage|packaging; \
amount number 60 7400 0.5; due_on date; paid_on date? due_on
guides: guide_id key 71; name text; language in Dutch|German|English|French|Italian; \
fee number 120 390 1; certified_on date
trips: trip_id key 1301; guide_id ref; region in Ardennes|Eifel|Vosges|Alps|Dolomites; \
level in easy|moderate|hard|expert; price number 80 1400 0.5; starts_on date
bookings: booking_id key 2201; trip_id ref; guest text; agency in Alpin|Rondom|Rondreis|Bergweg; \
seats few 1 8 1; paid_on date?
gear: gear_id key 801; item text; kind in kayak|ski|bike|sledge|axe; day_rate number 6 85 0.5; \
bought_on date
rentals: rental_id key 6601; gear_id ref; trip_id ref; \
pickup in depot|station|trailhead|hut|showroom; days few 1 14 1; returned_on date?
used_items: item_id key 7701; title text; grade in mint|good|fair|worn; price number 5 260 0.5; \
listed_on date; sold_on date? listed_on
"""


def _column(text: str) -> Column:
    name, kind, *rest = text.split(maxsplit=2)
    words = rest[0].split() if rest else []
    match kind:
        case "key" if words:
            return Column(name, "key", (int(words[0]), "".join(words[1:])))
        case "in":
            return Column(name, "category", tuple(rest[0].split("|")))
        case "number" | "few":
            return Column(name, "number", tuple(map(float, words)), ties=kind == "few")
        case "date?":
            return Column(name, "date", after="".join(words), gaps=0.3)
    return Column(name, kind)


_MORE = read_more_tables()["tables"]
_LINES = dict(line.split(": ") for line in _SPEC.strip().split("\n"))
_LINES |= {name: table["columns"] for name, table in _MORE.items()}
TABLES: dict[str, tuple[Column, ...]] = {
    name: tuple(_column(part) for part in line.split("; ")) for name, line in _LINES.items()
}
TRAINING_TABLES = tuple(_MORE)
UNSEEN_TABLES = ("guides", "trips", "bookings", "gear", "rentals", "used_items")
SIZES = {"products": 48, "customers": 60, "orders": 90, "suppliers": 26, "staff": 40}
SIZES |= {"campaigns": 38, "guides": 24, "trips": 50, "gear": 36}
SIZES |= {"order_lines": 240, "returns": 160, "purchases": 240, "rentals": 240, "used_items": 110}
SIZES |= {name: table["size"] for name, table in _MORE.items()}
DEFAULT_SIZE = 140  # rows; large enough for five groups that differ, small enough to read

_WORDS = "Skarn|Birk|Linn|Torv|Eldra|Fjell|Heide|Kvist|Maar|Ostre|Pell|Rinde|Sund|Ulver|Vinne"
_TITLES = ("Spring|Summer|Autumn|Winter|Easter", "sale|launch|letter|club|tour|outlet|weekend|news")
_USED = (
    "Blue|Old|Light|Warm|Red|Small|Big|Green|Grey|Classic|Patched",
    "tent|pack|jacket|stove|lamp|rope|mat|helmet|tarp|sleeping bag",
)
_PEOPLE = (
    "Anouk|Bram|Cato|Daan|Esther|Finn|Greta|Hugo|Ilse|Joris|Karin|Lars|Maud|Oskar|Pien|Ruben|Sanne",
    "Aalders|Bakker|Claes|Dekker|Evers|Fischer|Hansen|Jansen|Kramer|Lambert|Meyer|Nilsen|Peeters",
)
_FIRMS = ("Nordwall|Havik|Linden|Berger|Moss", "Textiles|Metal|Leather|Trading|Foam|Cord")
_GEAR = ("River|Snow|Trail|Ridge|Lake|Peak", "One|Pro|Lite|Max|Duo|Solo|Junior|Tour")
_PARTS = dict.fromkeys(("customers", "staff", "guides", "bookings"), _PEOPLE)
_PARTS |= {"campaigns": _TITLES, "used_items": _USED, "suppliers": _FIRMS, "gear": _GEAR}
_PARTS |= {name: table["names"] for name, table in _MORE.items() if "names" in table}


def schema_of(tables: Iterable[str]) -> str:
    """Return the line that a prompt shows of these tables: `staff(staff_id, name), shifts(...)`.

    Raises:
        KeyError: There is no such table.
    """
    lines = []
    for table in tables:
        if table not in TABLES:
            raise KeyError(f"no table '{table}' in the shop; use one of {', '.join(TABLES)}")
        lines.append(f"{table}({', '.join(column.name for column in TABLES[table])})")
    return "; ".join(lines)


def build_database(path_or_memory: Path | str = ":memory:", seed: int = 0) -> sqlite3.Connection:
    """Create and fill all tables; the same seed gives the same rows.

    Args:
        path_or_memory: A file that doesn't exist yet, or ":memory:".
        seed: Another seed gives other rows under the same keys, names and categories.

    Raises:
        FileExistsError: The file is there already.
    """
    if path_or_memory != ":memory:" and Path(path_or_memory).exists():
        raise FileExistsError(f"{path_or_memory} exists; delete it or choose another path")
    # A chat in JupyterLab asks from a thread of its own; SQLite itself lets one call in at a time.
    connection = sqlite3.connect(path_or_memory, check_same_thread=False)
    keys: dict[str, list] = {}
    with connection:
        for table, columns in TABLES.items():
            rng = random.Random(f"{seed} {table}")
            rows = _rows(table, columns, keys, rng)
            keys[columns[0].name] = [row[columns[0].name] for row in rows]
            connection.execute(_create(table, columns))
            marks = ", ".join("?" * len(columns))
            values = [tuple(row.values()) for row in rows]
            connection.executemany(f"INSERT INTO {table} VALUES ({marks})", values)
    return connection


def _create(table: str, columns: tuple[Column, ...]) -> str:
    types = {"number": "NUMERIC", "key": "PRIMARY KEY", "ref": "NOT NULL"}
    lines = [f"{each.name} {types.get(each.kind, 'TEXT')}" for each in columns]
    return f"CREATE TABLE {table} ({', '.join(lines)})"


def _rows(table: str, columns: tuple[Column, ...], keys: dict, rng: random.Random) -> list[dict]:
    size = SIZES.get(table, DEFAULT_SIZE)
    shared = [each for each in columns if each.kind in ("ref", "category")]
    shares = {each.name: _shares(each, keys, rng) for each in shared}
    texts = _texts(table, size, rng) if table in _PARTS else []
    rows = []
    for number in range(size):
        row: dict[str, Any] = {}
        level = 0.0
        for column in columns:
            if column.name in shares:
                values, weights, levels = shares[column.name]
                picked = rng.choices(range(len(values)), weights)[0]
                row[column.name] = values[picked]
                level += levels[picked]
            else:
                text = texts[number] if texts else ""
                row[column.name] = _value(column, number, text, level, row, rng)
        rows.append(_plausible(table, number, row, rng))
    return rows


def _shares(column: Column, keys: dict, rng: random.Random) -> tuple[Sequence, list, list]:
    """Return a column's values, how often each comes, and how high the row's numbers then are.

    Few come often and many seldom, as with customers and products; some customers never order.
    The levels let a group lead in number and not in sum, so that the two can be told apart.
    """
    values = keys[column.name] if column.kind == "ref" else column.values
    ranks = rng.sample(range(1, len(values) + 1), len(values))
    weights = [1 / (rank + 1) for rank in ranks]
    if column.kind == "ref":
        weights = [0.0 if rng.random() < 0.15 else weight for weight in weights]
    return values, weights, [rng.uniform(-1, 1) for _ in values]


def _value(
    column: Column, number: int, text: str, level: float, row: dict, rng: random.Random
) -> Any:
    if column.gaps and rng.random() < column.gaps:
        return None
    match column.kind:
        case "key" if column.values:
            first, prefix = column.values
            return f"{prefix}{first + number}" if prefix else first + number
        case "text" | "key":  # the one key without values is a product's, and follows its brand
            return text
        case "number":
            low, high, step = column.values
            share = rng.random()
            share += max(-1.0, min(1.0, level)) * share * (1 - share)
            steps = round((high - low) / step * share)
            return round(low + steps * step, 2)
    if column.after:
        return (date.fromisoformat(row[column.after]) + timedelta(rng.randint(1, 25))).isoformat()
    return (FIRST_DAY + timedelta(rng.randrange(DAYS))).isoformat()


def _texts(table: str, size: int, rng: random.Random) -> list[str]:
    """Return names for a table's rows, in an order that depends on the seed."""
    first, second = (part.split("|") for part in _PARTS[table])
    names = [f"{one} {two}" for one in first for two in second]
    return rng.sample(names, size)


def _plausible(table: str, number: int, row: dict, rng: random.Random) -> dict:
    """Mend what independent columns can't know of each other."""
    if table == "products":
        brands, kinds = list(SKU_OF_BRAND), TABLES["products"][3].values
        brand, kind = brands[number // len(kinds)], kinds[number % len(kinds)]
        price = int(row["price"] * PRICE_OF_CATEGORY.get(kind, 1.0)) + 0.95
        words = _WORDS.split("|")
        name = f"{words[7 * number % len(words)]} {kind.removesuffix('s')}"
        row |= {"sku": f"{SKU_OF_BRAND[brand]}-{1100 + 10 * number}", "product": name}
        row |= {"brand": brand, "category": kind, "price": price}
    if table == "customers":
        row["country"] = COUNTRY_OF_CITY[row["city"]]
    if table == "gift_cards":
        share = 1.0 if row["used_on"] is None else rng.uniform(0.02, 0.95)
        row["balance"] = round(row["amount"] * share, 2)
    return row


def answer(connection: sqlite3.Connection, sql: str) -> list[tuple]:
    """Run a query and return its rows in a form that compares: sorted unless it sorts itself."""
    rows = [
        tuple(round(value, 6) if isinstance(value, float) else value for value in row)
        for row in connection.execute(sql)
    ]
    return rows if "ORDER BY" in sql else sorted(rows, key=repr)
