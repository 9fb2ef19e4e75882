"""A collection's fields and index, checked before they are used."""

import difflib
from collections.abc import Iterable
from typing import Any

from pymilvus import DataType, MilvusClient
from pymilvus.client.types import LoadState
from pymilvus.exceptions import MilvusException

ID_FIELD = "id"
TEXT_FIELD = "text"  # what is embedded
VECTOR_FIELD = "embedding"
HASH_FIELD = "content_hash"  # optional; with it, an ingest needn't read the texts to compare
METRIC = "COSINE"

NO_SUCH_COLLECTION = 100  # Milvus's error code

Fields = dict[str, dict[str, Any]]  # as `describe_collection` gives them, by name


def read_fields(client: MilvusClient, collection: str) -> Fields:
    """Return the collection's fields by name.

    Raises:
        ValueError: There is no such collection, or it lacks a field that `vectorstore` needs.
    """
    try:
        description = client.describe_collection(collection)
    except MilvusException as error:
        if error.code != NO_SUCH_COLLECTION:
            raise
        there = ", ".join(client.list_collections()) or "none"
        raise ValueError(
            f"no collection {collection!r} (there: {there}); create it first"
        ) from error
    fields = {field["name"]: field for field in description["fields"]}
    for name, kind in (
        (ID_FIELD, DataType.VARCHAR),
        (TEXT_FIELD, DataType.VARCHAR),
        (VECTOR_FIELD, DataType.FLOAT_VECTOR),
    ):
        if name not in fields or fields[name]["type"] != kind:
            raise ValueError(f"collection {collection!r} needs a field {name!r} of {kind.name}")
    if not fields[ID_FIELD].get("is_primary"):
        raise ValueError(f"field {ID_FIELD!r} of collection {collection!r} isn't its primary key")
    return fields


def dimension(fields: Fields) -> int:
    """Return the length of the collection's vectors."""
    return int(fields[VECTOR_FIELD]["params"]["dim"])


def check_index(client: MilvusClient, collection: str) -> None:
    """Raise unless the vectors have an index with the metric COSINE; load the collection.

    Milvus Lite searches without an index and with any metric, in silence; a server doesn't.

    Raises:
        ValueError: The collection has no index, or one that measures something else.
    """
    metric = client.describe_index(collection, _index_name(client, collection))["metric_type"]
    if metric != METRIC:
        raise ValueError(
            f"the index of collection {collection!r} measures {metric}, and a similarity needs "
            f"{METRIC}; make the collection again with metric_type={METRIC!r}"
        )
    ensure_loaded(client, collection)


def ensure_loaded(client: MilvusClient, collection: str) -> None:
    """Load the collection into memory, unless it is there.

    Milvus Lite opens a folder with its collections released; a server that starts again loads
    by itself those that were loaded, in a few seconds that are waited for here.

    Raises:
        ValueError: The collection has no index.
    """
    if client.get_load_state(collection)["state"] != LoadState.Loaded:
        _index_name(client, collection)
        client.load_collection(collection)


def _index_name(client: MilvusClient, collection: str) -> str:
    names = client.list_indexes(collection, field_name=VECTOR_FIELD)
    if not names:
        raise ValueError(
            f"collection {collection!r} has no index on {VECTOR_FIELD!r}; give create_collection "
            "index_params, or call client.create_index"
        )
    return names[0]


def unknown_field(name: str, known: Iterable[str]) -> str:
    """Return the sentence that says a field isn't there, with the nearest name that is."""
    known = sorted(known)
    nearest = difflib.get_close_matches(str(name), known, n=1)
    guess = f"; did you mean {nearest[0]!r}?" if nearest else ""
    return f"no field {name!r}{guess} (there: {', '.join(known)})"
