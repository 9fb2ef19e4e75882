"""The shop's tickets: written messages, put into a customer's mouth at a plausible moment.

A ticket's text is one of the written messages, often with an opener, a sentence of context that
fits its group, and a closing. Parts are drawn from written lists, and no text stands twice.
"""

import random
import re
from bisect import bisect_left, bisect_right
from datetime import date, datetime, timedelta
from typing import Any

from course_utils.shop.tables import EXPORTED_AT, at_hour, random_days

N_TICKETS = 2_880
MAX_TRIES = 60
MONTH_WEIGHTS = (1.4, 0.9, 1.0, 1.1, 1.2, 1.2, 1.1, 0.9, 0.9, 1.0, 1.4, 1.7)
WEEKDAY_WEIGHTS = (1.5, 1.2, 1.1, 1.0, 1.0, 0.8, 0.6)
HOUR_WEIGHTS = (1, 0.4, 0.2, 0.2, 0.2, 0.4, 1, 3, 6, 7, 7, 6, 6, 6, 5, 5, 6, 6, 6, 7, 8, 7, 5, 3)
WEEKDAY_HOURS = range(8, 20)  # when chat and phone are staffed
SATURDAY_HOURS = range(9, 17)

# group: (category, share, the months in which it is asked twice as often, share with an order,
# share that is urgent or high)
GROUPS: dict[str, tuple[str, float, tuple[int, ...], float, float]] = {
    "delivery": ("delivery", 9, (11, 12), 0.8, 0.2),
    "parcel_trouble": ("delivery", 8, (11, 12, 1), 0.95, 0.5),
    "order_change": ("order change", 6, (11, 12), 0.95, 0.45),
    "returns": ("returns", 8, (1, 2), 0.8, 0.05),
    "wrong_goods": ("returns", 7, (1, 12), 0.95, 0.2),
    "refunds": ("refunds", 7, (1, 2), 0.9, 0.35),
    "payment": ("payment", 6, (11, 12), 0.4, 0.3),
    "price": ("payment", 6, (1, 7, 11), 0.5, 0.1),
    "gift_cards": ("gift cards", 5, (12, 1), 0.1, 0.1),
    "account": ("account", 5, (), 0.0, 0.15),
    "loyalty": ("trail club", 5, (3, 9), 0.2, 0.05),
    "defects": ("repairs", 7, (3, 4, 5, 9), 0.6, 0.15),
    "advice": ("advice", 6, (4, 5, 6, 10), 0.0, 0.02),
    "care": ("advice", 5, (9, 10, 3), 0.1, 0.02),
    "stock": ("stock", 6, (5, 6, 11), 0.15, 0.05),
    "circular": ("rental and second hand", 5, (1, 2, 6, 7), 0.05, 0.1),
}
# how many days old the order is, at least and at most
ORDER_AGES = {
    "delivery": (1, 15),
    "parcel_trouble": (2, 20),
    "order_change": (0, 4),
    "wrong_goods": (3, 40),
    "returns": (3, 60),
    "refunds": (10, 80),
    "defects": (30, 700),
}
# channel: (share, median minutes to the first response, median minutes from there to the end)
CHANNELS = {
    "email": (44, 310, 700),
    "form": (24, 380, 800),
    "chat": (20, 4, 25),
    "phone": (7, 3, 14),
    "marketplace": (5, 620, 1500),
}
STAFFED = ("chat", "phone")
AGENTS = ("Joris", "Marieke", "Tijn", "Fatima", "Lena", "Koen", "Saskia", "Yusuf", "Wies")
GREETED = re.compile(
    r"(hi|hiya|hello|hey|heya|hoi|good ?\w+|dear|sorry|apolog\w+|ok|oh|oops|hmm|morning|so)\b",
    re.IGNORECASE,
)
ORDER_ID = re.compile(r"CW-\d{6}")


def make_tickets(
    customers: list[dict], orders: list[dict], messages: list[dict], parts: dict, rng: random.Random
) -> list[dict[str, Any]]:
    """Return tickets in the order of time, each with a text of its own.

    Args:
        customers: Rows of the customers table.
        orders: Rows of the orders table, in the order of time.
        messages: Written messages, each with `group` and `text`.
        parts: The lists of `ticket_parts.json`.
        rng: Where the choices come from.

    Raises:
        ValueError: The parts are too few to make each text different.
    """
    decks = _decks(messages, rng)
    sales = [order for order in orders if order["order_id"].startswith("CW-")]
    times = [sale["ordered_at"] for sale in sales]
    by_id = {customer["customer_id"]: customer for customer in customers}
    joined = [customer["joined_at"] for customer in customers]
    days = random_days(rng, N_TICKETS, MONTH_WEIGHTS, WEEKDAY_WEIGHTS, growth=0.4)
    moments = sorted(_moment(day, rng) for day in days)
    taken: set[str] = set()
    rows, number = [], 500_312
    for created_at, channel in moments:
        number += rng.randint(2, 9)  # leaves a number free after each
        group = _group(created_at, rng)
        core = _draw(decks[group], channel, rng)
        order = None
        if ORDER_ID.search(core) or rng.random() < GROUPS[group][3]:
            order = _recent_order(sales, times, created_at, group, rng)
        customer = by_id[order["customer_id"]] if order else None
        if customer is None and rng.random() < 0.62:
            customer = customers[rng.randrange(bisect_right(joined, created_at.date()))]
        text = _unique_text(core, group, channel, customer, order, parts, taken, rng)
        row = {"ticket_id": f"T-{number}", "created_at": created_at, "channel": channel}
        row |= {"customer_id": customer["customer_id"] if customer else None}
        row |= {"order_id": order["order_id"] if order else None, "message": text}
        row |= {"category": GROUPS[group][0], "subject": None}
        if channel not in STAFFED:
            row["subject"] = rng.choice(parts["subjects"][group])
        rows.append(row | _handling(row, group, rng))
    return rows


def _decks(messages: list[dict], rng: random.Random) -> dict[str, list[str]]:
    """Return each group's messages, shuffled; they are dealt from the front and put back last."""
    decks: dict[str, list[str]] = {group: [] for group in GROUPS}
    for message in messages:
        if message["group"] not in decks:
            raise ValueError(
                f"no category for the group {message['group']!r} of a message; "
                "add it to tickets.GROUPS"
            )
        decks[message["group"]].append(message["text"])
    for group, deck in decks.items():
        if not deck:
            raise ValueError(f"no message of the group {group!r}; add some to intents.jsonl")
        rng.shuffle(deck)
    return decks


def _draw(deck: list[str], channel: str, rng: random.Random) -> str:
    """Deal the next message; a phone note was typed by the desk, so it begins with a capital."""
    fitting = (
        number
        for number, text in enumerate(deck)
        if channel != "phone" or not (text[0].islower() or ":)" in text)
    )
    text = deck.pop(next(fitting, 0))
    deck.insert(len(deck) - rng.randrange(5), text)  # nearly last, so that rounds differ
    return text


def _moment(day: date, rng: random.Random) -> tuple[datetime, str]:
    channel = rng.choices(list(CHANNELS), [each[0] for each in CHANNELS.values()])[0]
    if channel in STAFFED and day.weekday() == 6:
        channel = "form"  # the desk is closed on Sunday
    if channel not in STAFFED:
        return at_hour(rng, day, HOUR_WEIGHTS), channel
    hours = SATURDAY_HOURS if day.weekday() == 5 else WEEKDAY_HOURS
    weights = tuple(weight * (hour in hours) for hour, weight in enumerate(HOUR_WEIGHTS))
    return at_hour(rng, day, weights), channel


def _group(created_at: datetime, rng: random.Random) -> str:
    weights = [
        share * (2 if created_at.month in busy else 1) for _, share, busy, _, _ in GROUPS.values()
    ]
    return rng.choices(list(GROUPS), weights)[0]


def _recent_order(
    sales: list[dict], times: list[datetime], created_at: datetime, group: str, rng: random.Random
) -> dict | None:
    """Return a sale that the ticket may be about, or None in the first weeks of the export."""
    newest, oldest = ORDER_AGES.get(group, (0, 45))
    start = bisect_left(times, created_at - timedelta(days=oldest))
    end = bisect_left(times, created_at - timedelta(days=newest))
    return sales[rng.randrange(start, end)] if end - start >= 3 else None


def _unique_text(
    core: str,
    group: str,
    channel: str,
    customer: dict | None,
    order: dict | None,
    parts: dict,
    taken: set[str],
    rng: random.Random,
) -> str:
    if order:
        core = ORDER_ID.sub(order["order_id"], core)
    for _ in range(MAX_TRIES):
        text = _text(core, group, channel, customer, parts, rng)
        plain = re.sub(r"\W+", " ", text).lower().strip()
        if plain not in taken:
            taken.add(plain)
            return text
    raise ValueError(f"no new text for {core!r}; add parts for {group!r} to ticket_parts.json")


def _text(
    core: str, group: str, channel: str, customer: dict | None, parts: dict, rng: random.Random
) -> str:
    """Return the message with an opener, a sentence of context and a closing, or some of them."""
    casual = core[0].islower()
    likely = {"email": 0.8, "form": 0.45, "marketplace": 0.4, "chat": 0.3, "phone": 0.0}[channel]
    opener = closing = context = ""
    if not GREETED.match(core) and rng.random() < likely:
        opener = rng.choice(parts["casual_openers" if casual else "openers"])
    if rng.random() < (0.35 if channel == "chat" else 0.5):
        context = rng.choice(parts["context"][group])
        context = context.lower().rstrip(".") if casual else context
    if rng.random() < likely:
        closing = _closing(parts["casual_closings" if casual else "closings"], customer, rng)
    body = core
    if context:
        body = f"{core} {context}" if core[-1] in ".?!)" else f"{core}. {context}"
    if channel == "email":
        return "\n\n".join(part for part in (opener, body, closing) if part)
    if closing and body[-1].isalnum():
        body += "."
    return " ".join(part for part in (opener, body, closing.replace("\n", " ")) if part)


def _closing(closings: list[str], customer: dict | None, rng: random.Random) -> str:
    known = [text for text in closings if customer or "{" not in text]
    closing = rng.choice(known)
    if customer is None:
        return closing
    first_name = customer["name"].split()[0]
    fields = {key: customer[key] for key in ("name", "city", "email")}
    return closing.format(first_name=first_name, **fields)


def _handling(row: dict, group: str, rng: random.Random) -> dict[str, Any]:
    """Return what the desk did with the ticket, and what is still missing at the export."""
    angry = len(re.findall(r"!!|\?\?|\b[A-Z]{5,}\b", row["message"])) > 0
    pressing = rng.random() < GROUPS[group][4] + (0.25 if angry else 0)
    priority = rng.choice(("high", "high", "urgent")) if pressing else None
    priority = priority or rng.choices(("normal", "low"), (4, 1))[0]
    _, median, to_end = CHANNELS[row["channel"]]
    season = 1.7 if row["created_at"].month in (11, 12, 1) else 1.0
    hurry = {"urgent": 0.4, "high": 0.7, "normal": 1.0, "low": 1.5}[priority]
    response = max(1, round(median * season * hurry * rng.lognormvariate(0, 0.7)))
    handling = max(2, round(to_end * rng.lognormvariate(0, 0.9)))
    closed_at = row["created_at"] + timedelta(minutes=response + handling)
    answered = row["created_at"] + timedelta(minutes=response) < EXPORTED_AT
    closed = closed_at < EXPORTED_AT
    reopened = closed and rng.random() < 0.07
    slow = min(4.0, response / (median * season) - 1)
    score = rng.gauss(7.9, 1.5) - max(0.0, slow) - (1.5 if reopened else 0) - (1 if angry else 0)
    rated = closed and rng.random() < 0.46
    return {
        "closed_at": closed_at if closed else None,
        "priority": priority,
        "agent": rng.choice(AGENTS) if answered else None,
        "response_minutes": response if answered else None,
        "satisfaction": min(10, max(1, round(score))) if rated else None,
        "reopened": reopened,
    }
