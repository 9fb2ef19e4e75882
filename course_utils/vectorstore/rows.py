"""A row's id, its hash, and what keeps it from being stored."""

import hashlib
import json
import math
import numbers
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from pymilvus import DataType

from course_utils.vectorstore.fields import (
    HASH_FIELD,
    ID_FIELD,
    TEXT_FIELD,
    VECTOR_FIELD,
    Fields,
    unknown_field,
)
from course_utils.vectorstore.filters import INTEGER_BITS

HASH_CHARACTERS = 32  # 128 bits: two of a billion rows collide with odds of about 1 in 10**21


def row_id(*key: str | int) -> str:
    """Return an id of 32 hexadecimal characters for what a row is known by.

    Give the parts that stay when the text is corrected, such as ("tickets", "T-1042") or
    ("handbook", "returns", "3"): then a changed text replaces its row. A text that nothing
    else names is its own key, and the same text twice is one row.

    Raises:
        ValueError: No part was given.
    """
    if not key:
        raise ValueError("row_id needs a key: the parts that name the row, or its text")
    return _hash(json.dumps([str(part) for part in key]))


def content_hash(row: Mapping[str, Any]) -> str:
    """Return 32 hexadecimal characters that change when any value of the row does.

    The id and an earlier hash are left out; a vector counts as its 32-bit floats.
    """
    counted = {name: row[name] for name in sorted(row) if name not in (ID_FIELD, HASH_FIELD)}
    if VECTOR_FIELD in counted:
        counted[VECTOR_FIELD] = np.asarray(counted[VECTOR_FIELD], np.float32).tobytes().hex()
    return _hash(json.dumps(counted))


def plain_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row with numpy's scalars as Python's, as pandas rows need."""
    return {n: v.item() if isinstance(v, np.generic) else v for n, v in row.items()}


def row_problem(row: Any, fields: Fields, expected: Iterable[str]) -> str | None:
    """Return what keeps the row from being stored, as the rest of a sentence, or None.

    Args:
        row: The row, as `plain_row` gives it.
        fields: The collection's fields, by name.
        expected: The names that the row must have, and no others.
    """
    expected = set(expected)
    if set(row) != expected:
        lacking = ", ".join(sorted(expected - set(row)))
        lacks = f"lacks {lacking}" if lacking else ""
        unknown = sorted(map(str, set(row) - expected))
        if not unknown:
            return lacks
        has = f"has {', '.join(unknown)} that the collection doesn't know"
        both = f"{lacks} and {has}" if lacks else has
        return f"{both}: {unknown_field(unknown[0], expected)}"
    for name in sorted(expected - {VECTOR_FIELD}):
        problem = _value_problem(row[name], fields[name])
        if problem:
            return f"has a {name!r} that {problem}"
    if not row[ID_FIELD]:
        return f"has an empty {ID_FIELD!r}"
    if not row[TEXT_FIELD].strip():
        return f"has an empty {TEXT_FIELD!r}"
    return vector_problem(row[VECTOR_FIELD], fields) if VECTOR_FIELD in expected else None


def vector_problem(vector: Any, fields: Fields) -> str | None:
    """Return what keeps the vector from being stored and found, or None."""
    dim = fields[VECTOR_FIELD]["params"]["dim"]
    try:
        vector = np.asarray(vector, dtype=np.float32)
    except (TypeError, ValueError):
        return "has a vector with values that aren't numbers"
    if vector.shape != (dim,):
        return f"has a vector of shape {vector.shape}, and the collection takes ({dim},)"
    if not np.isfinite(vector).all():
        # Milvus Lite stores NaN in silence, and the row has no rank in any search.
        return "has a vector with a value that isn't a finite number"
    if not vector.any():
        # Zero has no direction: Lite gives it the cosine 0 to all, a server never finds it.
        return "has a vector of zeros, which has no cosine"
    return None


def _value_problem(value: Any, field: dict[str, Any]) -> str | None:
    kind = DataType(field["type"])
    if value is None:
        return None if field.get("nullable") else "is None"
    if kind == DataType.VARCHAR:
        return _text_problem(value, int(field["params"]["max_length"]))
    if kind == DataType.BOOL:
        return None if isinstance(value, bool) else f"is {type(value).__name__}, not bool"
    if kind in INTEGER_BITS:
        if isinstance(value, bool) or not isinstance(value, int):
            return f"is {type(value).__name__} ({value!r:.40}), not a whole number"
        half = 2 ** (INTEGER_BITS[kind] - 1)
        return None if -half <= value < half else f"is {value}, outside {kind.name}"
    if kind in (DataType.FLOAT, DataType.DOUBLE):
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            return f"is {type(value).__name__} ({value!r:.40}), not a number"
        largest = float(np.finfo(np.float32 if kind == DataType.FLOAT else np.float64).max)
        if not math.isfinite(value) or abs(value) > largest:
            return f"is {value}, not a finite number of {kind.name}"
    return None


def _text_problem(value: Any, max_length: int) -> str | None:
    if not isinstance(value, str):
        return f"is {type(value).__name__} ({value!r:.40}), not text"
    try:
        size = len(value.encode("utf-8"))
    except UnicodeEncodeError:
        return "isn't valid Unicode text"
    if size > max_length:
        # A server counts bytes, Milvus Lite characters: what passes here passes on both.
        return f"takes {size} bytes, over the field's max_length of {max_length}"
    return None


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:HASH_CHARACTERS]
