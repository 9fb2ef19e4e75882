"""The shapes of queries, and which tables and columns fit into each.

`data/sql_shapes.yaml` holds the shapes, eight wordings of each, and the words for the shop's
tables and columns; `data/sql_more_tables.yaml` has more tables to train on.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from course_utils import runtime
from course_utils.shop.database import TABLES, UNSEEN_TABLES, Column, build_database
from course_utils.shop.more_tables import read_more_tables

DATABASE_SEEDS = (1, 2)
FILTERS = ("is", "either", "other", "more", "less", "between", "missing", "done")
FILTERS += ("since", "before", "month", "starts", "contains", "equals")


@dataclass(frozen=True)
class Slot:
    """A column with the part that it plays in a query."""

    name: str
    position: int  # of its table among the query's tables
    role: str
    column: Column


@dataclass(frozen=True)
class Frame:
    """A shape whose columns are chosen and whose values are not."""

    shape: str
    tables: tuple[str, ...]
    slots: tuple[Slot, ...]


@cache
def read_shapes() -> dict[str, Any]:
    """Return the keys `spoken`, `tables` and `links`, of all tables, and `shapes`."""
    path = runtime.data_dir() / "sql_shapes.yaml"
    shapes = yaml.safe_load(path.read_text(encoding="utf-8"))
    more = read_more_tables()
    return shapes | {name: shapes[name] | more[name] for name in ("tables", "links")}


@cache
def databases() -> tuple[sqlite3.Connection, ...]:
    """Return the two databases on which every query is tried."""
    return tuple(build_database(seed=seed) for seed in DATABASE_SEEDS)


def frames(shape: str) -> Iterator[Frame]:
    """Yield every choice of tables and columns that a shape allows."""
    spec = read_shapes()["shapes"][shape]
    wanted = [(name, *text.split()) for name, text in spec["slots"].items()]
    for tables in _table_groups(spec.get("tables", "one")):
        if len({table in UNSEEN_TABLES for table in tables}) == 1:
            yield from _fill(shape, tables, wanted, ())


def _table_groups(kind: str) -> list[tuple[str, ...]]:
    links = [tuple(link.split()) for link in read_shapes()["links"]]
    match kind:
        case "one":
            return [(table,) for table in TABLES]
        case "link":
            return links
        case "chain":
            return [(a, b, d) for a, b in links for c, d in links if b == c]
    return [(a, b, d) for n, (a, b) in enumerate(links) for c, d in links[n + 1 :] if a == c]


def _fill(shape: str, tables: tuple, wanted: list, chosen: tuple) -> Iterator[Frame]:
    if len(chosen) == len(wanted):
        yield Frame(shape, tables, chosen)
        return
    name, position, role = wanted[len(chosen)]
    table = tables[int(position)]
    for column in TABLES[table]:
        slot = Slot(name, int(position), role, column)
        taken = any((each.position, each.column) == (slot.position, column) for each in chosen)
        if (not taken or role == "joins") and _fits(table, column, role):
            yield from _fill(shape, tables, wanted, (*chosen, slot))


def _fits(table: str, column: Column, role: str) -> bool:
    words = read_shapes()["tables"][table].get(column.name, {})
    is_key = TABLES[table][0] == column
    match role:
        case "any":
            return not column.gaps
        case "label":
            return column.kind == "text" or is_key
        case "joins" | "equals":
            return is_key
        case "group" | "is" | "either" | "other":
            return column.kind == "category"
        case "unit":
            return column.kind in ("category", "ref")
        case "number" | "more" | "less" | "between":
            return column.kind == "number"
        case "sum" | "top" | "bottom" | "missing" | "done":
            return role in words
        case "contains":
            return column.kind == "text"
        case "starts":
            return column.kind == "text" or column.name in ("sku", "card_code")
    return column.kind == "date"
