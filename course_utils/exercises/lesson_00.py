"""Exercise of lesson 00: search the handbook for something else."""

from course_utils.exercises.exercise import Exercise, WrongAnswer, require


def _check_article(answer: object) -> None:
    require(
        isinstance(answer, str),
        "The answer is text: the article_id of the best hit, found by its field article_id.",
    )
    require(
        "#" not in answer,
        "That is the id of a chunk. A source that a reader can open is an article: its id is the "
        "part before the #, and the hit carries it in the field article_id.",
    )
    require(
        "\n" not in answer and " " not in answer,
        "That is the text of a hit. Cite the article's id instead: it stays the same when "
        "somebody rewrites the text.",
    )
    require(
        answer == "merino-and-wool-care",
        f"The best hit for the jumper isn't {answer!r}. Let the search find it. Embed the "
        "exercise's question and not the one above: a search finds what lies near the vector it is "
        "given.",
    )


SETUP = """\
from pymilvus import DataType, MilvusClient
from sentence_transformers import SentenceTransformer

from course_utils import models, rag, runtime, vectorstore

embedder = SentenceTransformer(models.find_embedder())
client = vectorstore.connect(runtime.artifacts_dir() / "milvus" / "lesson_00.db")
schema = MilvusClient.create_schema()
for name in ("id", "article_id", "text", "updated_at"):
    schema.add_field(name, DataType.VARCHAR, max_length=8192, is_primary=name == "id")
schema.add_field("embedding", DataType.FLOAT_VECTOR, dim=384)
index = client.prepare_index_params()
index.add_index("embedding", index_type="FLAT", metric_type="COSINE")
client.create_collection("handbook", schema=schema, index_params=index)
articles = rag.read_handbook(runtime.data_dir() / "handbook")
rows = [vars(chunk) for article in articles for chunk in rag.chunk_article(article)]
vectorstore.ingest(client, "handbook", rows, embed=embedder.encode, progress=False)
"""

EXERCISES = (
    Exercise(
        id="00.1",
        check=_check_article,
        setup=SETUP,
        expects="text (str), the article_id of the best hit",
        on_pass="You searched by meaning: the article says moths and merino, and the "
        "question says neither.",
        hints=(
            "The cell under 'Search' does the same for another question. It has three steps: "
            "embed the question, search, look at the first hit.",
            "embedder.encode([...]) takes a list and returns one vector for each text in it; "
            "client.search, and vectorstore.search too, returns a list of hits for each vector.",
            "hits[0][0] is the best hit of the first question. Its fields are in ['entity'] if the "
            "hit is client.search's, in .fields if it is vectorstore.search's.",
        ),
        solution="""\
vectors = embedder.encode(["Little insects have eaten holes into my jumper. What should I do?"])
hits = vectorstore.search(client, "handbook", vectors, k=1)
answer = hits[0][0].fields["article_id"]
""",
        wrong_answers=(
            WrongAnswer('answer = "merino-and-wool-care#5"', "the id of a chunk"),
            WrongAnswer(
                'answer = "Merino: washing, pilling, moths. Two days at"', "the text of a hit"
            ),
            WrongAnswer('answer = "repair-service-prices"', "question and not the one above"),
            WrongAnswer('answer = ["merino-and-wool-care"]', "The answer is text"),
        ),
    ),
)
