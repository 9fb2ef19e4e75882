"""Exercises of lesson 08: scores by hand, whose error, a threshold by cost, a filtered search."""

from collections.abc import Callable, Sequence
from typing import Any

from course_utils import vectorstore
from course_utils.exercises.exercise import Exercise, WrongAnswer, require

SIMILAR = (0.31, 0.35, 0.42, 0.44, 0.47, 0.50, 0.52, 0.55, 0.58, 0.63, 0.66, 0.71)
HAS_ONE = (0, 0, 1, 0, 1, 0, 1, 1, 0, 1, 1, 1)  # whether the handbook answers
CHEAPEST = (0.58, 0.63)  # any threshold between these two
CURVE = f"""\
import numpy as np

from course_utils.rag import threshold

similar = list({SIMILAR})
has_one = list(map(bool, {HAS_ONE}))
"""
WAS_THERE = (True, True, True, False, False, True, False, True, False, False)
WAS_RIGHT = (True, False, True, False, True, False, False, True, False, False)
COUNTS = {"right": 3, "search": 4, "model": 2, "luck": 1}
MEASURED = f"""\
was_there = list({WAS_THERE})
was_right = list({WAS_RIGHT})
"""
SINCE = "2025-01-01"
PACK = "What do I pack for a hut tour?"
SEARCH = """\
from pymilvus import DataType, MilvusClient
from sentence_transformers import SentenceTransformer

from course_utils import models, rag, runtime, vectorstore

embedder = SentenceTransformer(models.find_embedder())
embed = embedder.encode
some = ("community-route-tips", "backpack-fitting", "returns-window-2024", "boot-fitting")
articles = rag.read_handbook(runtime.data_dir() / "handbook")
rows = [
    vars(chunk) | {"topic": article.topic}
    for article in articles
    if article.id in some
    for chunk in rag.chunk_article(article)
]
schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
for name in ("id", "article_id", "text", "updated_at", "topic"):
    schema.add_field(name, DataType.VARCHAR, max_length=4000, is_primary=name == "id")
schema.add_field("embedding", DataType.FLOAT_VECTOR, dim=embedder.get_embedding_dimension())
index = MilvusClient.prepare_index_params()
index.add_index("embedding", index_type="FLAT", metric_type="COSINE")
client = vectorstore.connect(runtime.artifacts_dir() / "milvus" / "small_handbook.db")
client.create_collection("handbook", schema=schema, index_params=index)
vectorstore.ingest(client, "handbook", rows, embed=embed, progress=False)
"""
ASK = f'client, "handbook", embed(["{PACK}"])'
NOT_OTHERS = '("topic", "!=", "community")'
FRESH = f'("updated_at", ">=", "{SINCE}")'


def _check_scores(answer: object) -> None:
    require(
        callable(answer),
        "The answer is a function, from places to a pair of numbers. It will be called with other "
        "places too.",
    )
    for places in ([1, 3, 1, 10, 2], [4, 5], [3]):
        _check_scores_of(answer, places)


def _check_scores_of(answer: Callable[[list[int]], Any], places: list[int]) -> None:
    scores = answer(list(places))
    require(
        isinstance(scores, Sequence) and len(scores) == 2 and not isinstance(scores, str),
        "The function returns a pair: the recall@3 and the MRR.",
    )
    recall, mrr = (float(score) for score in scores)
    right_recall = sum(place <= 3 for place in places) / len(places)
    right_mrr = sum(1 / place for place in places) / len(places)
    below = sum(place < 3 for place in places) / len(places)
    require(
        recall <= 1,
        f"For {places} the recall is {recall:g}. It is a share: the number of questions whose "
        "article is there, divided by that of all questions.",
    )
    require(
        abs(recall - below) > 1e-6 or below == right_recall,
        f"For {places} the third place doesn't count. The first three are 1, 2 and 3.",
    )
    require(
        abs(recall - right_recall) < 1e-6,
        f"For {places} the recall@3 is {right_recall:g} and not {recall:g}. Count the places up to "
        "3, and divide by the number of questions.",
    )
    inverse = len(places) / sum(places)
    require(
        abs(mrr - inverse) > 1e-6 or abs(inverse - right_mrr) < 1e-6,
        f"For {places} that is one over the mean place, in which a single place 10 outweighs all. "
        "The MRR takes one over each place first, and then the mean.",
    )
    require(
        abs(mrr - right_mrr) < 1e-6,
        f"For {places} the MRR is {right_mrr:.3f} and not {mrr:.3f}: the mean of 1/place.",
    )


def _check_errors(answer: object) -> None:
    require(isinstance(answer, dict), "The answer is a dictionary with four counts.")
    lacking = [key for key in COUNTS if key not in answer]
    require(not lacking, f"The dictionary lacks {', '.join(map(repr, lacking))}.")
    counts = {key: int(answer[key]) for key in COUNTS}
    require(
        sum(counts.values()) == len(WAS_THERE),
        f"The four counts sum to {sum(counts.values())}. Each of the ten questions belongs into "
        "exactly one of them.",
    )
    require(
        counts["right"] != sum(WAS_RIGHT),
        "One of these right answers had no fact in its prompt. It proves nothing for the search.",
    )
    require(
        (counts["search"], counts["model"]) != (COUNTS["model"], COUNTS["search"]),
        "Search and model are swapped. If the fact stood in the prompt, the search has done its "
        "part.",
    )
    require(
        counts == COUNTS,
        f"The counts aren't {counts}. Go through the pairs: a fact that was there and an answer "
        "that is wrong is the model's error, a fact that wasn't there and a wrong answer is the "
        "search's.",
    )


def _check_threshold(answer: object) -> None:
    require(
        isinstance(answer, int | float) and not isinstance(answer, bool),
        "The answer is a number, a similarity.",
    )
    value = float(answer)
    require(
        not isinstance(answer, int),
        "That looks like a position in the curve. The threshold stands at that position in "
        "curve.thresholds.",
    )
    require(
        not 0.50 < value <= 0.52,
        "That weighs both mistakes alike, as threshold.choose does. Here a wrong answer costs "
        "three times as much, which asks for more caution.",
    )
    require(
        not 0.35 < value <= 0.42,
        "This one refuses no good question and answers three of the five bad ones. The weights "
        "are swapped: it's the wrong answer that is dear, and 1 - refused is the share of those.",
    )
    require(
        abs(value - 4 / 7) > 1e-6,
        "That is what the cheapest threshold costs, and not the threshold itself.",
    )
    low, high = CHEAPEST
    require(
        low < value <= high,
        f"At {value:g} the desk pays more than it has to. Compute the cost for each threshold of "
        "the curve, and take the one where it is least: np.argmin gives its position.",
    )


def _check_hits(answer: object) -> None:
    require(isinstance(answer, list), "The answer is a list of hits.")
    require(
        not any(isinstance(hit, list) for hit in answer),
        "That is a list of lists, one for each question; there is one question, so take [0].",
    )
    require(
        all(isinstance(hit, vectorstore.Hit) for hit in answer),
        "The answer is a list of hits, as vectorstore.search returns them.",
    )
    require(
        all(hit.fields.get("topic") != "community" for hit in answer),
        "There is a chunk of the community page among them, which other people have written. A "
        "condition on topic leaves it out.",
    )
    require(
        all(hit.fields.get("updated_at", "") >= SINCE for hit in answer),
        "There is a chunk from before 2025 among them. Dates in this form sort as text, so one "
        f'condition is enough: ("updated_at", ">=", "{SINCE}").',
    )
    require(
        len(answer) == 5,
        f"There are {len(answer)} hits, where five were asked for. Conditions belong into the "
        "search (where=[...]): whoever filters afterwards throws away what was found.",
    )
    from course_utils import models

    embedder = models.load_embedder()
    texts = [PACK, *(hit.fields["text"] for hit in answer)]
    vectors = embedder.encode(texts, normalize_embeddings=True, show_progress_bar=False)
    require(
        abs(vectors[1:] @ vectors[0] - [hit.similarity for hit in answer]).max() < 0.01,
        f'The similarities aren\'t those to "{PACK}". Was something else asked?',
    )


EXERCISES = (
    Exercise(
        id="08.1",
        check=_check_scores,
        on_pass="Recall asks whether it is there, MRR how far up.",
        expects="a function from a list of places to a pair of numbers",
        hints=(
            "Recall@3 is a share: how many places are 3 or less, divided by how many there are.",
            "MRR: for each place one divided by it, and the mean of these.",
            "The function returns both: return recall, mrr",
        ),
        solution="""\
def answer(places):
    recall = sum(place <= 3 for place in places) / len(places)
    return recall, sum(1 / place for place in places) / len(places)
""",
        wrong_answers=(
            WrongAnswer("answer = (0.8, 0.587)", "is a function"),
            WrongAnswer(
                "answer = lambda places: (sum(p <= 3 for p in places), 0.5)", "It is a share"
            ),
            WrongAnswer(
                "answer = lambda places: (sum(p < 3 for p in places) / len(places),\n"
                "    sum(1 / p for p in places) / len(places))",
                "the third place doesn't count",
            ),
            WrongAnswer(
                "answer = lambda places: (sum(p <= 3 for p in places) / len(places),\n"
                "    len(places) / sum(places))",
                "one over the mean place",
            ),
            WrongAnswer("answer = lambda places: 0.8", "returns a pair"),
        ),
    ),
    Exercise(
        id="08.2",
        check=_check_errors,
        on_pass="Four errors are the search's, two the model's. Now one knows where to begin.",
        setup=MEASURED,
        expects="a dictionary with four counts",
        hints=(
            "zip(was_there, was_right) gives the pairs.",
            "(True, False): the fact was there, the answer is wrong. Whose error is that?",
            "(False, True) is luck, or another article says the same.",
        ),
        solution="""\
pairs = list(zip(was_there, was_right))
answer = {
    "right": pairs.count((True, True)),
    "search": pairs.count((False, False)),
    "model": pairs.count((True, False)),
    "luck": pairs.count((False, True)),
}
""",
        wrong_answers=(
            WrongAnswer(
                'answer = {"right": 4, "search": 4, "model": 2, "luck": 0}',
                "proves nothing for the search",
            ),
            WrongAnswer('answer = {"right": 3, "search": 2, "model": 4, "luck": 1}', "are swapped"),
            WrongAnswer('answer = {"right": 3, "search": 4, "model": 2}', "lacks 'luck'"),
            WrongAnswer(
                'answer = {"right": 4, "search": 4, "model": 2, "luck": 1}', "exactly one of them"
            ),
        ),
    ),
    Exercise(
        id="08.3",
        check=_check_threshold,
        on_pass="All five bad questions are refused, and with them four of seven good ones: that "
        "is what caution costs.",
        setup=CURVE,
        expects="a number, the threshold",
        hints=(
            "curve = threshold.curve(similar, has_one) holds three arrays of one length: "
            "thresholds, answered, refused.",
            "cost = 3 * (1 - curve.refused) + (1 - curve.answered), an array too.",
            "np.argmin(cost) is the position of the least.",
        ),
        solution="""\
curve = threshold.curve(similar, has_one)
cost = 3 * (1 - curve.refused) + (1 - curve.answered)
answer = float(curve.thresholds[np.argmin(cost)])
""",
        wrong_answers=(
            WrongAnswer(
                "answer = threshold.choose(threshold.curve(similar, has_one))",
                "weighs both mistakes alike",
            ),
            WrongAnswer(
                "curve = threshold.curve(similar, has_one)\n"
                "cost = (1 - curve.refused) + 3 * (1 - curve.answered)\n"
                "answer = float(curve.thresholds[np.argmin(cost)])",
                "The weights are swapped",
            ),
            WrongAnswer(
                "curve = threshold.curve(similar, has_one)\n"
                "cost = 3 * (1 - curve.refused) + (1 - curve.answered)\n"
                "answer = float(cost.min())",
                "not the threshold itself",
            ),
            WrongAnswer(
                "curve = threshold.curve(similar, has_one)\n"
                "answer = int(np.argmin(3 * (1 - curve.refused) + (1 - curve.answered)))",
                "a position in the curve",
            ),
            WrongAnswer("answer = 0.7", "pays more than it has to"),
        ),
    ),
    Exercise(
        id="08.4",
        check=_check_hits,
        on_pass="Who wrote it, and when: two things that a vector doesn't know and a field does.",
        setup=SEARCH,
        expects="a list of hits",
        hints=(
            "vectorstore.search(client, 'handbook', vectors, k=5, where=[...]); the vectors come "
            "from embed([...]).",
            'A condition is (field, operator, value), such as ("topic", "!=", "community"). All '
            "conditions of the list hold together.",
            "The search takes a list of vectors and returns a list of lists; take [0].",
        ),
        solution=f"""\
own = [{NOT_OTHERS}, {FRESH}]
answer = vectorstore.search({ASK}, k=5, where=own)[0]
""",
        wrong_answers=(
            WrongAnswer(f"answer = vectorstore.search({ASK}, k=5)[0]", "the community page"),
            WrongAnswer(
                f"answer = vectorstore.search({ASK}, k=30, where=[{NOT_OTHERS}])[0]",
                "from before 2025",
            ),
            WrongAnswer(
                f"answer = vectorstore.search({ASK}, k=5, where=[{NOT_OTHERS}, {FRESH}])",
                "a list of lists",
            ),
            WrongAnswer(
                f"found = vectorstore.search({ASK}, k=5, where=[{FRESH}])[0]\n"
                'answer = [hit for hit in found if hit.fields["topic"] != "community"]',
                "whoever filters afterwards",
            ),
            WrongAnswer(
                'answer = vectorstore.search(client, "handbook", embed(["gift cards"]), k=5,\n'
                f"    where=[{NOT_OTHERS}, {FRESH}])[0]",
                "Was something else asked",
            ),
        ),
    ),
)
