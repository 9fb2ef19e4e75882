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
        f"The best hit for the jumper isn't {answer!r}. Embed the exercise's question and not the "
        "one above: a search finds what lies near the vector it is given.",
    )


EXERCISES = (
    Exercise(
        id="00.1",
        check=_check_article,
        on_pass="You searched by meaning: the article says moths and merino, and the "
        "question says neither.",
        hints=(
            "The cell under 'Search' does the same for another question. It has three steps: "
            "embed the question, search, look at the first hit.",
            "embedder.encode([...]) takes a list and returns one vector for each text in it; "
            "vectorstore.search returns one list of hits for each vector.",
            "hits[0][0] is the best hit of the first question, and its fields are in .fields.",
        ),
        solution="""\
vectors = embedder.encode(["Little insects have eaten holes into my jumper. What should I do?"])
hits = vectorstore.search(client, "handbook", vectors, k=1)
answer = hits[0][0].fields["article_id"]
""",
        wrong_answers=(
            WrongAnswer("merino-and-wool-care#5", "the id of a chunk"),
            WrongAnswer("Merino: washing, pilling, moths\nTwo days at", "the text of a hit"),
            WrongAnswer("repair-service-prices", "Embed the exercise's question"),
            WrongAnswer(["merino-and-wool-care"], "The answer is text"),
        ),
    ),
)
