"""Tables that are there to train on, beside those of the shop that the lessons clean and ask.

A model that trains on few tables learns their names by heart and writes them for any other
schema. `data/sql_more_tables.yaml` has forty, with the words that questions use for them.
"""

from functools import cache
from typing import Any

import yaml

from course_utils import runtime


@cache
def read_more_tables() -> dict[str, Any]:
    """Return the keys `tables` (columns, size, names and words of each) and `links`."""
    path = runtime.data_dir() / "sql_more_tables.yaml"
    return yaml.safe_load(path.read_text(encoding="utf-8"))
