"""Put texts and vectors into Milvus, search them.

The same calls work on Milvus Lite (a folder on this machine) and on a Milvus server: only
the URI differs. Milvus Lite lets pass what a server refuses (NaN, another metric, text over
the limit), and a server keeps both rows of a key that is inserted twice; so the calls here
check first, write by `upsert`, and say what is wrong with which row.

    connection   open and release a database
    fields       a collection's fields and index, checked
    rows         ids, hashes, and what keeps a row from being stored
    ingesting    batches that can be repeated and resumed
    filters      conditions given as data, never pasted into a filter
    searching    search, count, delete
    sizing       bytes of an index by formula, query nodes for them, and their price
    measuring    the bytes of a real index on a server
    server       a real Milvus server on this machine, from the wheel `milvus`
"""

from course_utils.vectorstore.connection import connect, release
from course_utils.vectorstore.fields import HASH_FIELD, ID_FIELD, TEXT_FIELD, VECTOR_FIELD
from course_utils.vectorstore.filters import Condition, filter_expression
from course_utils.vectorstore.ingesting import IngestReport, ingest
from course_utils.vectorstore.rows import content_hash, row_id
from course_utils.vectorstore.searching import Hit, count, delete, delete_stale, search

__all__ = [
    "HASH_FIELD",
    "ID_FIELD",
    "TEXT_FIELD",
    "VECTOR_FIELD",
    "Condition",
    "Hit",
    "IngestReport",
    "connect",
    "content_hash",
    "count",
    "delete",
    "delete_stale",
    "filter_expression",
    "ingest",
    "release",
    "row_id",
    "search",
]
