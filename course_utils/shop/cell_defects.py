"""How a single cell is broken: each function takes the clean value and returns the export's cell.

Where cleaning can restore the value, the way back loses nothing: the tests go it.
"""

import random
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

Change = Callable[[Any, random.Random], Any]

SERIAL_ORIGIN = datetime(1899, 12, 30)  # day 0 of Excel's calendar, as it counts after 1900
ODD_TEXT = re.compile(r"[\x00-\x1f\x7f-\xa0\xad]")
NOTHING = ("NA", "n/a", "-", "none")  # what people and programs write for a missing value
HTML_ESCAPES = {"&": "&amp;", "'": "&#39;", '"': "&quot;", "<": "&lt;", ">": "&gt;"}
TRUE_WORDS, FALSE_WORDS = ("Y", "1", "TRUE", "Yes", "x"), ("N", "0", "FALSE", "No")
CATEGORY_TYPOS = {
    "delivery": ("delivry", "Delivery ", "delievery"),  # codespell:ignore
    "order change": ("order-change", "orderchange", "Order Change"),
    "returns": ("Retruns", "return", "RETURNS"),  # codespell:ignore
    "refunds": ("refund", "re-funds", "Refunds"),
    "payment": ("payement", "paymnet", "Payments"),  # codespell:ignore
    "gift cards": ("giftcards", "gift card", "Gift Cards"),
    "account": ("acount", "Account", "accounts"),  # codespell:ignore
    "trail club": ("trailclub", "Trail Club", "trial club"),
    "repairs": ("repair", "Repairs", "reparis"),
    "advice": ("advise", "Advice", "advcie"),
    "stock": ("Stock", "stcok", "stock "),
    "rental and second hand": ("rental & second hand", "rental and 2nd hand", "Rental/second hand"),
}
COUNTRY_NAMES = {
    "NL": ("Nederland", "The Netherlands", "Holland", "nl"),
    "BE": ("België", "Belgium", "Be"),
    "DE": ("Deutschland", "Germany", "GER"),
}


def always(*cells: Any) -> Change:
    """Write one of these cells, whatever the value was."""
    return lambda value, rng: rng.choice(cells)


def random_id(prefix: str, low: int, high: int) -> Change:
    """Write an id that no table holds; the range is the caller's care."""
    return lambda value, rng: f"{prefix}{rng.randrange(low, high)}"


def from_list(options: dict[str, tuple[str, ...]]) -> Change:
    """Write one of the value's known misspellings."""
    return lambda value, rng: rng.choice(options[value])


def day_first(value: datetime, rng: random.Random) -> str:
    """Write 31.12.2025 18:05."""
    return value.strftime("%d.%m.%Y %H:%M")


def month_first(value: datetime, rng: random.Random) -> str:
    """Write 12/31/2025 06:05 PM, without asking the locale for its word for PM."""
    half = "AM" if value.hour < 12 else "PM"
    hour = (value.hour - 1) % 12 + 1
    return f"{value:%m/%d/%Y} {hour:02d}:{value.minute:02d} {half}"


def excel_serial(value: datetime, rng: random.Random) -> float:
    """Write the days since the end of 1899; five decimals are precise to a second."""
    return round((value - SERIAL_ORIGIN) / timedelta(days=1), 5)


def serial_text(value: datetime, rng: random.Random) -> str:
    """Write the serial number as text, for a CSV file."""
    return f"{excel_serial(value, rng):.5f}"


def year_2062(value: datetime, rng: random.Random) -> str:
    """Swap two digits of 2026."""
    return value.replace(year=2062).strftime("%Y-%m-%d %H:%M")


def months_earlier(value: datetime, rng: random.Random) -> str:
    """Write a time three to ten months before."""
    return f"{value - timedelta(days=rng.randint(90, 300)):%Y-%m-%d %H:%M}"


def hours(value: int, rng: random.Random) -> str:
    """Write minutes as hours with two decimals, which still tell the minute."""
    return f"{value / 60:.2f}"


def decimal_comma(value: float, rng: random.Random) -> str:
    """Write 89,95."""
    return f"{value:.2f}".replace(".", ",")


def thousands_point(value: float, rng: random.Random) -> str:
    """Write 1.249,00."""
    return f"{value:,.2f}".translate(str.maketrans(",.", ".,"))


def currency_text(value: float, rng: random.Random) -> str:
    """Write the currency next to the number."""
    return rng.choice(("€ {:.2f}", "€{:.2f}", "{:.2f} EUR", "EUR {:.2f}")).format(value)


def negated(value: float, rng: random.Random) -> float:
    """Turn the sign."""
    return -value


def kilograms(value: int, rng: random.Random) -> str:
    """Write grams as kilograms with the unit."""
    return f"{value / 1000:g} kg"


def case_and_space(value: str, rng: random.Random) -> str:
    """Change capitals, or add a space at an end."""
    forms = (value.upper(), value.capitalize(), f" {value}", f"{value} ", f"{value.upper()} ")
    return rng.choice([form for form in forms if form != value])


def extra_space(value: str, rng: random.Random) -> str:
    """Add spaces before, after, or inside."""
    return rng.choice((f"  {value}", f"{value} ", value.replace(" ", "  ", 1) + " "))


def lower(value: str, rng: random.Random) -> str:
    """Lose the capitals."""
    return value.lower()


def trailing_space(value: str, rng: random.Random) -> str:
    """Add a space that nobody sees."""
    return value + rng.choice((" ", "  ", "\t"))


def invisible(value: str, rng: random.Random) -> str:
    """Add a character that nobody sees and `strip` doesn't take off everywhere."""
    return rng.choice(("\u200b{}", "{}\u200b", "\ufeff{}", "{}\u00a0")).format(value)


def zeros_lost(value: str, rng: random.Random) -> str:
    """Write the digits as a number would print."""
    return str(int(value))


def number_cell(value: str, rng: random.Random) -> int:
    """Store the digits as a number, as a spreadsheet does unasked."""
    return int(value)


def mojibake(value: str, rng: random.Random) -> str:
    """Read the bytes of UTF-8 as Windows-1252, which most programs call Latin-1."""
    return value.encode("utf-8").decode("cp1252")


def can_be_mojibake(value: str | None) -> bool:
    """Say whether the text has a character that breaks, and breaks into visible ones only."""
    if value is None or value.isascii():
        return False
    try:
        return not ODD_TEXT.search(mojibake(value, random.Random(0)).replace("\n", ""))
    except UnicodeDecodeError:
        return False


def html_escaped(value: str, rng: random.Random) -> str:
    """Escape as a web form does, once too often."""
    return "".join(HTML_ESCAPES.get(character, character) for character in value)


def can_be_escaped(value: str | None) -> bool:
    """Say whether escaping would change the text."""
    return value is not None and any(character in HTML_ESCAPES for character in value)


def mixed_bool(value: bool, rng: random.Random) -> str:
    """Write yes or no in another way."""
    return rng.choice(TRUE_WORDS if value else FALSE_WORDS)


def mailto(value: str, rng: random.Random) -> str:
    """Write the link that a spreadsheet made of the address."""
    return f"mailto:{value}"


def retouched(text: str, rng: random.Random) -> str:
    """Return the text with other capitals or spaces, never the same."""
    forms = (text.upper(), text.lower(), text.replace(" ", "  "), f" {text} \n", f"{text}  ")
    return rng.choice([form for form in forms if form != text])
