"""Puts values into a shape's query, and says it in one of the written wordings."""

import calendar
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache

from course_utils.shop.database import TABLES, Column
from course_utils.shop.sql_shapes import FILTERS, Frame, Slot, databases, read_shapes

# calendar.month_name would follow the machine's language.
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


@dataclass(frozen=True)
class Condition:
    """A filter with its values: as SQL, as words, and as the slots a wording may use."""

    sql: str
    phrase: str  # "~" stands for the rows that are filtered
    said: dict[str, str]
    literals: tuple[tuple[str, str], ...]  # (column, value) pairs, to keep splits apart


def _condition(table: str, slot: Slot, unseen_values: bool | None, rng: random.Random) -> Condition:
    words = read_shapes()["tables"][table][slot.column.name]
    name = slot.column.name
    match slot.role:
        case "is" | "either" | "other":
            return _category(table, slot, words, unseen_values, rng)
        case "more" | "less" | "between":
            return _number(table, slot, words, rng)
        case "missing" | "done":
            sql = f"{name} IS NULL" if slot.role == "missing" else f"{name} IS NOT NULL"
            return Condition(sql, rng.choice(words[slot.role]), {}, ())
        case "since" | "before" | "month":
            return _date(table, slot, words, rng)
    value = rng.choice(_known(table, name))
    if slot.role == "equals":
        literal = value if isinstance(value, int) else f"'{value}'"
        return Condition(f"{name} = {literal}", "~", {"v": str(value)}, ((name, str(value)),))
    if slot.role == "contains":
        value = value.split()[1]
        sql = f"{name} LIKE '%{value}%'"
    else:
        value = value[: rng.choice((2, 4, 5))] if "-" in value else value[: rng.choice((1, 2))]
        sql = f"{name} LIKE '{value}%'"
    return Condition(sql, "~", {"v": value}, ((name, value),))


def _category(
    table: str, slot: Slot, words: dict, unseen_values: bool | None, rng: random.Random
) -> Condition:
    values = list(slot.column.values)
    kept_back = len(values) * 2 // 5
    if unseen_values is not None:
        values = values[-kept_back:] if unseen_values else values[:-kept_back]
    picked = rng.sample(values, min(len(values), 2 if slot.role == "either" else 1))
    name = slot.column.name
    said = " or ".join(read_shapes()["spoken"].get(value, value) for value in picked)
    post = rng.choice([words["post"], words.get("alt", words["post"])]).format(v=said)
    phrase = f"~ {post}"
    before_noun = slot.name == "g" or rng.random() < 0.5  # "chat tickets closed since" reads well
    if slot.role == "is" and "also" in words and before_noun:
        phrase = words["also"].format(v=said)
    sql = {
        "is": f"{name} = '{picked[0]}'",
        "other": f"{name} <> '{picked[0]}'",
        "either": f"{name} IN ({', '.join(repr(value) for value in picked)})",
    }[slot.role]
    literals = tuple((f"{table}.{name}", value) for value in picked)
    return Condition(sql, phrase, {"v": said, "post": post}, literals)


def _number(table: str, slot: Slot, words: dict, rng: random.Random) -> Condition:
    name, role = slot.column.name, slot.role
    values = [_rounded(slot.column, value) for value in rng.sample(_known(table, name), 2)]
    low, high = sorted(values)
    unit = words.get("unit", "{}")
    a, b, n = unit.format(low), unit.format(high), unit.format(values[0])
    if unit.endswith(("kg", "days")) and role == "between":
        a = str(low)
    phrase = rng.choice(words[role]).replace("{a}", a).replace("{b}", b).replace("{n}", n)
    if role == "between":
        sql, used = f"{name} BETWEEN {low} AND {high}", (low, high)
    else:
        sql, used = f"{name} {'>' if role == 'more' else '<'} {values[0]}", (values[0],)
    return Condition(sql, phrase, {}, tuple((f"{table}.{name}", str(value)) for value in used))


def _date(table: str, slot: Slot, words: dict, rng: random.Random) -> Condition:
    name, role = slot.column.name, slot.role
    value = rng.choice(_known(table, name))
    day = date.fromisoformat(value)
    if role == "month":
        said = f"{MONTHS[day.month - 1]} {day.year}"
        first, last = (
            day.replace(day=number).isoformat()
            for number in (1, calendar.monthrange(day.year, day.month)[1])
        )
        sql = f"{name} BETWEEN '{first}' AND '{last}'"
        literals = tuple((f"{table}.{name}", each) for each in (first, last))
        return Condition(sql, f"~ {words['rel']} in {said}", {"v": said}, literals)
    spelled = f"{day.day} {MONTHS[day.month - 1]} {day.year}"
    said = rng.choice((value, spelled, spelled))
    sql = f"{name} {'>=' if role == 'since' else '<'} '{value}'"
    return Condition(sql, "~", {"v": said}, ((f"{table}.{name}", value),))


@cache
def _known(table: str, column: str) -> list:
    """Return the values that the column has in the first database."""
    rows = databases()[0].execute(f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL")
    return [value for (value,) in rows]


def _rounded(column: Column, value: float) -> int:
    """Return the value as people say it: 1,237 clicks are 1,000, 7 stars are 7."""
    highest = column.values[1]
    steps = {30: 1, 100: 5, 400: 10, 1000: 50, 2000: 100}
    step = next((step for limit, step in steps.items() if highest <= limit), 500)
    if column.ties:
        return max(2, int(value))  # nobody says "over 1 pages"
    return max(step, round(value / step) * step)


@dataclass(frozen=True)
class Draft:
    """A question with its query, not yet tried out."""

    question: str
    sql: str
    literals: tuple[tuple[str, str], ...]


def write_draft(
    frame: Frame, wording: str, *, unseen_values: bool | None, rng: random.Random
) -> Draft:
    """Put values into a frame and say it in the given wording.

    Args:
        frame: The shape with its tables and columns.
        wording: A template from the shape's `train` or `held_out`.
        unseen_values: Draw a category's value from those kept back for `test_values` (True),
            from the others (False), or from all (None).
        rng: Where the draws come from.
    """
    spec = read_shapes()
    words = [spec["tables"][table] for table in frame.tables]
    nouns = [rng.choice(each["nouns"]) for each in words]
    conditions = {
        slot.name: _condition(frame.tables[slot.position], slot, unseen_values, rng)
        for slot in frame.slots
        if slot.role in FILTERS
    }
    rows, row = (_rows_spoken_of(frame, nouns, conditions, number) for number in (1, 0))
    filtered_by_g = nouns[0][1]
    if "g" in conditions:
        filtered_by_g = conditions["g"].phrase.replace("~", filtered_by_g)
    said = {"np": rows, "np1": row, "np_g": filtered_by_g, "many": nouns[0][1], "one": nouns[0][0]}
    said |= {"parent": nouns[1][0], "parents": nouns[1][1]} if len(nouns) > 1 else {}
    query = {"from": _joined(frame.tables), "k": str(rng.randint(2, 6))}
    if len(frame.tables) == 2:
        query["from_parent"] = _joined(frame.tables[::-1])
    query |= {"child_table": frame.tables[0], "parent_table": frame.tables[-1]}
    for slot in frame.slots:
        column_words = words[slot.position].get(slot.column.name, {})
        said |= _column_words(slot, column_words, rows, row, rng)
        query[slot.name] = slot.column.name
    for name, condition in conditions.items():
        said |= condition.said
        query[name] = condition.sql
    said["k"] = query["k"]
    literals = [pair for condition in conditions.values() for pair in condition.literals]
    if "{count}" in wording or "{mean_said}" in wording:
        bounds = _having(frame, words[0], rng)
        query |= bounds
        said |= bounds
        literals += [(f"{frame.tables[0]} having", text) for text in bounds.values()]
    sql = spec["shapes"][frame.shape]["sql"].format_map(query)
    return Draft(wording.format_map(said), sql, tuple(literals))


def _rows_spoken_of(
    frame: Frame, nouns: list, conditions: dict[str, Condition], number: int
) -> str:
    """Return the noun with its filters, and with the rows that it is joined to if they have any."""
    phrases = [nouns[0][number], *(noun[1] for noun in nouns[1:])]
    for slot in sorted(frame.slots, key=lambda slot: slot.role in ("more", "missing", "done")):
        if slot.name in conditions:
            phrase = conditions[slot.name].phrase
            phrases[slot.position] = phrase.replace("~", phrases[slot.position])
    links = read_shapes()["links"]
    said = phrases[0]
    if any(slot.position and slot.name in conditions for slot in frame.slots):
        for position in range(1, len(frame.tables)):
            table = frame.tables[position]
            link = links.get(f"{frame.tables[0]} {table}")
            link = link or links[f"{frame.tables[position - 1]} {table}"]
            said = f"{said} {link} {phrases[position]}"
    return said


def _joined(tables: Sequence[str]) -> str:
    """Return what stands after FROM; each table shares a key with one before it."""
    said = tables[0]
    for position, table in enumerate(tables[1:], start=1):
        names = [column.name for column in TABLES[table]]
        keys = [
            column.name
            for other in tables[:position]
            for column in TABLES[other]
            if column.name in names and "key" in (column.kind, _kind(table, column.name))
        ]
        said += f" JOIN {table} USING ({keys[0]})"
    return said


def _kind(table: str, name: str) -> str:
    return next(column.kind for column in TABLES[table] if column.name == name)


def _column_words(
    slot: Slot, words: dict, rows: str, row: str, rng: random.Random
) -> dict[str, str]:
    said = {slot.name: words.get("nouns", ""), f"{slot.name}_1": words.get("noun", "")}
    match slot.role:
        case "unit":
            said[slot.name] = words.get("entities", words["nouns"])
        case "sum":
            said["sum"] = rng.choice(words["sum"]).replace("~", rows)
        case "top" | "bottom":
            phrase = rng.choice(words[slot.role])
            said[slot.role] = phrase.replace("~", rows)
            said[f"{slot.role}1"] = phrase.replace("~", row)
        case "number":
            article = "an" if re.match(r"[aeiou]|hour", words["noun"]) else "a"
            said["a_num"] = f"{article} {words['noun']}"
        case "date" | "since" | "before" | "month":
            said |= {"rel": words["rel"], "part": words["part"]}
            for adjective in ("last", "recent"):
                most = {"last": "the last", "recent": "the most recent"}[adjective]
                said[f"when_{adjective}"] = words["when"].replace("~", f"{most} {row}")
    return said


def _having(frame: Frame, words: dict, rng: random.Random) -> dict[str, str]:
    """Return bounds that split the groups: on their size, and on their mean."""
    columns = {slot.name: slot.column for slot in frame.slots}
    group = columns["group"].name
    number = columns["num"].name if "num" in columns else "0"
    query = f"SELECT COUNT(*), AVG({number}) FROM {frame.tables[0]} GROUP BY {group}"
    counts, means = zip(*databases()[0].execute(query), strict=True)
    if "num" not in columns:
        return {"count": str(rng.choice(counts))}
    mean = f"{float(f'{rng.choice(means):.2g}'):g}"  # two digits, as people round
    return {"mean": mean, "mean_said": words[number].get("unit", "{}").format(mean)}
