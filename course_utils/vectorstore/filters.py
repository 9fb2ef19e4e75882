"""Conditions given as data; the values never become part of the filter's grammar.

A filter is a small language, and text that a user typed can be a piece of it: in
`f'category == "{typed}"'` the input `x" or category != "` finds every row. Newer servers take
the values apart from the filter (`filter_params`), but neither Milvus Lite 3.2.2 nor a 2.3
server knows that: both call it a syntax error. So the values are written as literals here,
each by the type of its field, in the one form that both read back as the same value.
"""

import math
import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np
from pymilvus import DataType

from course_utils.vectorstore.fields import Fields, unknown_field

Condition = tuple[str, str, Any]  # field, operator, value: ("updated_at", ">=", "2026-01-01")

COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
MEMBERSHIPS = ("in", "not in")
ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
INTEGER_BITS = {
    DataType.INT8: 8,
    DataType.INT16: 16,
    DataType.INT32: 32,
    DataType.INT64: 64,
}


def filter_expression(fields: Fields, where: Sequence[Condition]) -> str:
    """Return the filter that all conditions make together, "" for none.

    Args:
        fields: The collection's fields, by name.
        where: Each a field, an operator and a value; `in` and `not in` take a list of values.

    Raises:
        ValueError: A field isn't there or can't be filtered on, an operator isn't known, or a
            value is outside what its field can hold.
        TypeError: A value has another type than its field.
    """
    return " and ".join(_one(fields, condition) for condition in where)


def id_filter(name: str, ids: Sequence[str]) -> str:
    """Return the filter for the rows with these ids.

    `client.get(ids=...)` and `client.delete(ids=...)` paste the ids between quotes as they
    are: an id with an apostrophe is a syntax error there, and `x'] or id not in ['` is all rows.
    """
    return f"{name} in [{', '.join(_text(name, identifier) for identifier in ids)}]"


def _one(fields: Fields, condition: Condition) -> str:
    try:
        name, operator, value = condition
    except (TypeError, ValueError):
        raise ValueError(
            f"condition {condition!r} isn't (field, operator, value), such as "
            '("category", "==", "returns")'
        ) from None
    if name not in fields:
        raise ValueError(f"condition {condition!r}: {unknown_field(name, fields)}")
    kind = DataType(fields[name]["type"])
    if operator in COMPARISONS:
        if kind == DataType.BOOL and operator not in ("==", "!="):
            raise ValueError(f"condition {condition!r}: true and false have no order")
        return f"{name} {operator} {_literal(name, kind, value)}"
    if operator in MEMBERSHIPS:
        if isinstance(value, str) or not isinstance(value, Sequence | set | frozenset | np.ndarray):
            raise TypeError(f"condition {condition!r}: {operator!r} takes a list of values")
        return f"{name} {operator} [{', '.join(_literal(name, kind, v) for v in value)}]"
    known = ", ".join(COMPARISONS + MEMBERSHIPS)
    raise ValueError(f"condition {condition!r}: no operator {operator!r} (there: {known})")


def _literal(name: str, kind: DataType, value: Any) -> str:
    """Return the value as the filter language writes it for a field of this kind."""
    if isinstance(value, np.generic):
        value = value.item()
    if kind == DataType.VARCHAR:
        return _text(name, value)
    if kind == DataType.BOOL:
        if not isinstance(value, bool):
            raise _wrong_type(name, kind, value)
        return "true" if value else "false"
    if kind in INTEGER_BITS:
        if isinstance(value, bool) or not isinstance(value, int):
            raise _wrong_type(name, kind, value)
        largest = 2 ** (INTEGER_BITS[kind] - 1) - 1
        # The smallest 64-bit number can't be written: a server reads the digits before the sign.
        if not -largest <= value <= largest:
            raise ValueError(f"field {name!r}: {value} is outside {kind.name}")
        return str(value)
    if kind in (DataType.FLOAT, DataType.DOUBLE):
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise _wrong_type(name, kind, value)
        number = float(value)
        if kind == DataType.FLOAT and math.isfinite(number):
            # The stored 0.1 has 32 bits, and Milvus Lite compares it with 64-bit 0.1: unequal.
            with np.errstate(over="ignore"):
                number = float(np.float32(number))
        if not math.isfinite(number):
            raise ValueError(f"field {name!r}: {value} isn't a finite number of {kind.name}")
        return repr(number)
    raise ValueError(f"field {name!r} of {kind.name} can't be filtered on")


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise _wrong_type(name, DataType.VARCHAR, value)
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError(f"field {name!r}: {value!r} isn't valid Unicode text") from None
    return '"' + "".join(ESCAPES.get(character, character) for character in value) + '"'


def _wrong_type(name: str, kind: DataType, value: Any) -> TypeError:
    return TypeError(
        f"field {name!r} holds {kind.name}, and {value!r} is {type(value).__name__}; "
        "give a value of the field's type"
    )
