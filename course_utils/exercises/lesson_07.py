"""Exercises of lesson 07: a schema with its index, ids that stay, conditions, an API search."""

from collections.abc import Callable
from typing import Any

from course_utils import vectorstore
from course_utils.exercises.exercise import Exercise, WrongAnswer, require

DIM = 384
MILVUS = """\
from pymilvus import DataType, MilvusClient

from course_utils import vectorstore
"""
SCHEMA = """\
schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
schema.add_field("id", DataType.VARCHAR, max_length=32, is_primary=True)
schema.add_field("text", DataType.VARCHAR, max_length=2000)
schema.add_field("name", DataType.VARCHAR, max_length=100)
schema.add_field("price", DataType.{price})
schema.add_field("embedding", DataType.FLOAT_VECTOR, dim={dim})
index = MilvusClient.prepare_index_params()
index.add_index("embedding", index_type="{index_type}", metric_type="{metric}")
answer = (schema, index)
"""
MONDAY = (
    {"sku": "J-1", "name": "Rain jacket", "size": "M", "text": "Rain jacket, waterproff"},
    {"sku": "J-2", "name": "Rain jacket", "size": "L", "text": "Rain jacket, waterproff"},
)
NEXT_MONDAY = tuple({**row, "text": "Rain jacket, waterproof"} for row in reversed(MONDAY))
VISITOR = 'o\'Brien "Bob"'
API = """\
import shutil

import numpy as np
from pymilvus import DataType, MilvusClient
from sentence_transformers import SentenceTransformer

from course_utils import docstrings, models, runtime, vectorstore

embedder = SentenceTransformer(models.find_embedder())
chosen = docstrings.harvest(["pymilvus.MilvusClient", "pandas.DataFrame"])
chosen = [entry for entry in chosen if entry.docstring][:200]
schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
for name in ("id", "text", "name", "kind", "library", "version"):
    schema.add_field(name, DataType.VARCHAR, max_length=2000, is_primary=name == "id")
schema.add_field("embedding", DataType.FLOAT_VECTOR, dim=384)
index = MilvusClient.prepare_index_params()
index.add_index("embedding", index_type="FLAT", metric_type="COSINE")
api = vectorstore.connect(runtime.artifacts_dir() / "milvus" / "small_api.db")
api.create_collection("api", schema=schema, index_params=index)
rows = [
    {
        "id": entry.name,
        "text": f"{entry.name} {' '.join(entry.docstring.split()[:40])}",
        "name": entry.name,
        "kind": entry.kind,
        "library": entry.library,
        "version": entry.version,
    }
    for entry in chosen
]
vectorstore.ingest(api, "api", rows, embed=embedder.encode, progress=False)
"""
ASK = 'embedder.encode(["update existing data in a collection or add it"])'


def _check_schema(answer: object) -> None:
    from pymilvus import CollectionSchema, DataType

    require(
        isinstance(answer, tuple | list) and len(answer) == 2,
        "The answer is a pair: (schema, index).",
    )
    schema, index = answer
    require(
        isinstance(schema, CollectionSchema),
        "The first of the pair is a schema, as MilvusClient.create_schema makes it.",
    )
    require(
        not schema.enable_dynamic_field,
        "enable_dynamic_field is on, so a misspelt field is stored beside the others, and nobody "
        "is told.",
    )
    fields = {each.name: each for each in schema.fields}
    lacking = [n for n in ("id", "text", "name", "price", "embedding") if n not in fields]
    require(not lacking, f"The schema lacks {', '.join(lacking)}.")
    key = fields["id"]
    require(
        key.is_primary and key.dtype == DataType.VARCHAR and not schema.auto_id,
        "The field id should be the key (is_primary=True) and a text that the rows bring: only "
        "then does a corrected row find the one to replace.",
    )
    require(
        fields["price"].dtype in (DataType.FLOAT, DataType.DOUBLE, DataType.INT32, DataType.INT64),
        'The price isn\'t a number. As text "9" comes after "50", and a filter for less than 50 '
        "leaves it out.",
    )
    vector = fields["embedding"]
    require(
        vector.dtype == DataType.FLOAT_VECTOR and vector.params.get("dim") == DIM,
        f"The embedding should be a FLOAT_VECTOR of {DIM} numbers, as the model makes them; one of "
        "another length is refused at the first insert.",
    )
    params = [each.to_dict() for each in index]
    require(
        len(params) == 1 and params[0]["field_name"] == "embedding",
        "The index isn't on the field embedding, and a server can't search without one.",
    )
    require(
        params[0]["metric_type"] == "COSINE",
        f"The metric is {params[0]['metric_type']}. A cosine is asked for, whatever the length of "
        "the vectors: that is COSINE. (IP gives it for vectors of length 1 alone, L2 never.)",
    )
    require(
        params[0]["index_type"] == "FLAT",
        f"{params[0]['index_type']} may miss rows. The exact index compares with every row.",
    )


def _check_key(answer: Callable[[dict[str, str]], str]) -> None:
    require(callable(answer), "The answer is a function that takes a row and returns its id.")
    first = [answer(dict(row)) for row in MONDAY]
    second = [answer(dict(row)) for row in NEXT_MONDAY]
    require(
        all(isinstance(identifier, str) for identifier in first),
        "The id should be text: the key of the collection is a VARCHAR.",
    )
    require(
        len(set(first)) == len(MONDAY),
        "Both sizes of the jacket get the same id, so the ingest puts one of them aside. The name "
        "isn't unique.",
    )
    require(
        sorted(first) == sorted(second),
        "Next week's ids are other ones, so the old rows stay beside the new. Something in the key "
        "changed with the correction: the text, perhaps.",
    )
    require(
        first == second[::-1],
        "The ids are the same two, on the wrong rows: they depend on the order of the list.",
    )
    require(
        all(len(identifier.encode()) <= 32 for identifier in first),
        "An id is longer than 32 bytes, and the field takes no more. A hash has always 32.",
    )


def _check_conditions(answer: Any) -> None:
    require(
        not isinstance(answer, str),
        "That is a filter as text. What the visitor typed stands in it between quotation marks, "
        "and has some of its own. Give conditions as data.",
    )
    require(
        isinstance(answer, list | tuple)
        and all(isinstance(each, tuple | list) and len(each) == 3 for each in answer),
        "The answer is a list of conditions, each (field, operator, value).",
    )
    conditions = [tuple(each) for each in answer]
    fields = [name for name, _, _ in conditions]
    known = {"source", "name", "topic", "updated_at"}
    require(set(fields) <= known, f"There is no such field: {', '.join(set(fields) - known)}.")
    require(known <= set(fields), f"Nothing is said on {', '.join(sorted(known - set(fields)))}.")
    require(
        fields.count("topic") == 1,
        "Two conditions on topic must both hold, and no row has two topics: nothing is ever found. "
        'One condition with "in" and a list means either.',
    )
    of = {name: (operator, value) for name, operator, value in conditions}
    require(
        all(operator != "=" for operator, _ in of.values()), 'Equal is "==" here, as in Python.'
    )
    require(of["source"] == ("==", "handbook"), "The source should equal handbook.")
    require(
        of["name"] == ("==", VISITOR),
        "The name isn't what the visitor typed, letter by letter. Leave out nothing and mark "
        "nothing: as data every character is a character.",
    )
    operator, value = of["topic"]
    require(
        operator == "in" and not isinstance(value, str) and set(value) == {"repairs", "warranty"},
        'The topic should be "in" the list of repairs and warranty.',
    )
    operator, day = of["updated_at"]
    require(
        day == "2025-06-01",
        "The day isn't written as the rows have it, 2025-06-01. Texts are compared letter by "
        "letter, so only this form sorts as time does.",
    )
    require(operator == ">=", 'Not older than the day means on it or after it: ">=".')


def _check_api(answer: Any) -> None:
    require(
        not (isinstance(answer, list) and answer and isinstance(answer[0], list)),
        "That is a list of lists: a search takes many questions and returns the hits of each. "
        "Take the first.",
    )
    require(
        isinstance(answer, list) and all(isinstance(hit, vectorstore.Hit) for hit in answer),
        "The answer is a list of hits, as vectorstore.search returns them for one question.",
    )
    require(len(answer) == 5, f"There are {len(answer)} hits, and k=5 gives five.")
    others = sorted({hit.fields["library"] for hit in answer} - {"pymilvus"})
    require(
        not others,
        f"There are entries of {', '.join(others)} among them. A condition on the field library "
        "leaves those out before the five are chosen.",
    )
    names = [hit.fields["name"] for hit in answer]
    require(
        any("upsert" in name for name in names),
        f"The call isn't among them: {', '.join(names)}. Say what happens to "
        "data that exists already, in the library's words: it speaks of data in a collection, and "
        "hardly of rows.",
    )


EXERCISES = (
    Exercise(
        id="07.1",
        check=_check_schema,
        on_pass="A key that the rows bring, a number to filter on, a vector of the model's length.",
        setup=MILVUS,
        expects="a pair (schema, index)",
        hints=(
            "Begin with MilvusClient.create_schema, as above; five calls of add_field follow.",
            "A price is DataType.FLOAT or DOUBLE.",
            'The index: add_index("embedding", index_type="FLAT", metric_type="COSINE").',
        ),
        solution=SCHEMA.format(price="FLOAT", dim=DIM, index_type="FLAT", metric="COSINE"),
        wrong_answers=(
            WrongAnswer(
                SCHEMA.format(
                    price="VARCHAR, max_length=10", dim=DIM, index_type="FLAT", metric="COSINE"
                ),
                "The price isn't a number",
            ),
            WrongAnswer(
                SCHEMA.format(price="FLOAT", dim=768, index_type="FLAT", metric="COSINE"),
                "of another length is refused",
            ),
            WrongAnswer(
                SCHEMA.format(price="FLOAT", dim=DIM, index_type="FLAT", metric="L2"),
                "The metric is L2",
            ),
            WrongAnswer(
                SCHEMA.format(price="FLOAT", dim=DIM, index_type="HNSW", metric="COSINE"),
                "HNSW may miss rows",
            ),
            WrongAnswer(
                SCHEMA.format(price="FLOAT", dim=DIM, index_type="FLAT", metric="COSINE").replace(
                    "enable_dynamic_field=False", "enable_dynamic_field=True"
                ),
                "a misspelt field is stored",
            ),
        ),
    ),
    Exercise(
        id="07.2",
        check=_check_key,
        on_pass="The key is made of what stays; the text may change as it likes.",
        setup=MILVUS,
        expects="a function from a row to text",
        hints=(
            "Which of the values is the same in both weeks and different for the two rows?",
            "vectorstore.row_id takes the parts of the key, first the source: "
            'row_id("supplier", ...).',
        ),
        solution='def answer(row):\n    return vectorstore.row_id("supplier", row["sku"])\n',
        wrong_answers=(
            WrongAnswer('answer = lambda row: vectorstore.row_id(row["text"])', "same id"),
            WrongAnswer('answer = lambda row: vectorstore.row_id(row["name"])', "same id"),
            WrongAnswer(
                'answer = lambda row: vectorstore.row_id(row["sku"], row["text"])',
                "Next week's ids are other ones",
            ),
            WrongAnswer("answer = vectorstore.content_hash", "Next week's ids are other ones"),
            WrongAnswer(
                "from itertools import count\n"
                "numbers = count()\n"
                "answer = lambda row: str(next(numbers) % 2)",
                "depend on the order",
            ),
            WrongAnswer('answer = vectorstore.row_id("J-1")', "a function"),
        ),
    ),
    Exercise(
        id="07.3",
        check=_check_conditions,
        on_pass="Four conditions, and the quotation marks are just characters.",
        setup=MILVUS,
        expects="a list of conditions",
        hints=(
            "Four conditions: on source, name, topic and updated_at.",
            'Either of two topics is one condition: ("topic", "in", [...]).',
            "In Python the visitor's text can stand between three quotation marks, or as "
            "'o\\'Brien \"Bob\"'.",
        ),
        solution="""\
answer = [
    ("source", "==", "handbook"),
    ("name", "==", 'o\\'Brien "Bob"'),
    ("topic", "in", ["repairs", "warranty"]),
    ("updated_at", ">=", "2025-06-01"),
]
""",
        wrong_answers=(
            WrongAnswer(
                'answer = \'source == "handbook" and updated_at >= "2025-06-01"\'',
                "Give conditions as data",
            ),
            WrongAnswer(
                "answer = [('source', '==', 'handbook'), ('name', '==', 'o\\'Brien \"Bob\"'),\n"
                "    ('topic', '==', 'repairs'), ('topic', '==', 'warranty'),\n"
                "    ('updated_at', '>=', '2025-06-01')]",
                "nothing is ever found",
            ),
            WrongAnswer(
                "answer = [('source', '==', 'handbook'), ('name', '==', 'o\\'Brien \"Bob\"'),\n"
                "    ('topic', 'in', ['repairs', 'warranty']),\n"
                "    ('updated_at', '>=', '1 June 2025')]",
                "sorts as time does",
            ),
            WrongAnswer(
                "answer = [('source', '==', 'handbook'), ('name', '==', 'oBrien Bob'),\n"
                "    ('topic', 'in', ['repairs', 'warranty']),\n"
                "    ('updated_at', '>=', '2025-06-01')]",
                "letter by letter",
            ),
            WrongAnswer(
                "answer = [('source', '=', 'handbook'), ('name', '=', 'o\\'Brien \"Bob\"'),\n"
                "    ('topic', 'in', ['repairs', 'warranty']),\n"
                "    ('updated_at', '>=', '2025-06-01')]",
                'Equal is "=="',
            ),
        ),
    ),
    Exercise(
        id="07.4",
        check=_check_api,
        on_pass="Found without knowing its name. That is what the search is for.",
        setup=API,
        expects="a list of hits",
        hints=(
            "vectorstore.search(api, 'api', vectors, k=5, where=[...]) as in the function ask.",
            'The condition: ("library", "==", "pymilvus").',
            "The search is close to the words. pymilvus writes of data in a collection that is "
            "updated; try those.",
            "The search takes a list of vectors and returns a list of lists; take [0].",
        ),
        solution=(
            'asked_api = ["update existing data in a collection or add it"]\n'
            'only_milvus = [("library", "==", "pymilvus")]\n'
            "answer = vectorstore.search(\n"
            '    api, "api", embedder.encode(asked_api), k=5, where=only_milvus\n'
            ")[0]\n"
        ),
        wrong_answers=(
            WrongAnswer(
                'answer = vectorstore.search(api, "api", embedder.encode(["drop the columns of a '
                'table"]), k=5)[0]',
                "entries of pandas",
            ),
            WrongAnswer(
                f'answer = vectorstore.search(api, "api", {ASK}, k=5,\n'
                '    where=[("library", "==", "pymilvus")])',
                "a list of lists",
            ),
            WrongAnswer(
                f'answer = vectorstore.search(api, "api", {ASK}, k=1,\n'
                '    where=[("library", "==", "pymilvus")])[0]',
                "There are 1 hits",
            ),
            WrongAnswer(
                'answer = vectorstore.search(api, "api", embedder.encode(["manage users and '
                'passwords"]), k=5,\n    where=[("library", "==", "pymilvus")])[0]',
                "The call isn't among them",
            ),
            WrongAnswer('answer = ["pymilvus.MilvusClient.upsert"]', "a list of hits"),
        ),
    ),
)
