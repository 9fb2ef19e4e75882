"""Exercises of lesson 05: nearest by cosine, a ceiling, a loss by hand, arguments of a run."""

import math
from functools import cache

import numpy as np

from course_utils.exercises.exercise import Exercise, WrongAnswer, require

TEXT = "My parcel was handed over, says the tracking. Nobody here has seen it."
MODEL = """\
import numpy as np
from course_utils import models
from course_utils.embeddings import finetuned, metrics

model = models.load_embedder()
train = finetuned.messages("train")
"""
POSITIVES, NEGATIVES = 10, 90
# Cosine, label, margin: near and far pairs of both kinds, on both sides of each margin.
CASES = [
    (cosine, label, margin)
    for cosine in (0.9, 0.6, 0.4, 0.1, -0.2)
    for label in (1, 0)
    for margin in (0.5, 1.0)
]


@cache
def _nearest() -> tuple[str, str]:
    """Return the nearest training message by the real model, and the farthest."""
    from course_utils import models
    from course_utils.embeddings import finetuned, metrics

    model = models.load_embedder()
    texts = finetuned.messages("train").texts
    similarity = metrics.cosine_similarity(model.encode([TEXT]), model.encode(texts))[0]
    return texts[int(similarity.argmax())], texts[int(similarity.argmin())]


def _check_nearest(answer: object) -> None:
    require(
        not isinstance(answer, int | np.integer),
        "That is a place in the list. The answer is the text that stands there.",
    )
    require(
        not isinstance(answer, float | np.floating | np.ndarray),
        "That is a similarity or a list of them. argmax says at which place the largest stands, "
        "and train.texts has the text there.",
    )
    require(isinstance(answer, str), "The answer is a message, a text.")
    nearest, farthest = _nearest()
    require(
        answer != farthest,
        "That is the farthest message. A cosine is a similarity: the largest is the nearest. A "
        "distance would be the other way round.",
    )
    require(answer != TEXT, "That is the question itself. Search among train.texts.")
    require(answer == nearest, "Another message is nearer by the cosine of the model's vectors.")


def ceiling(positives: int, negatives: int) -> float:
    """Return Spearman of a similarity that puts every positive pair above every negative one."""
    from scipy import stats

    labels = [0] * negatives + [1] * positives
    return float(stats.spearmanr(np.arange(len(labels)), labels).statistic)


def _check_ceiling(answer: object) -> None:
    require(
        isinstance(answer, int | float | np.floating) and not isinstance(answer, bool),
        "The answer is a number. stats.spearmanr returns an object; its `statistic` is the number.",
    )
    require(
        not math.isclose(answer, 1.0, abs_tol=1e-6),
        "1 would need similarities with only two values, as the labels have. A model's "
        "similarities all differ, so most of the order is decided where the labels are equal.",
    )
    require(answer > 0, "It is negative: your order puts the positive pairs below the negative.")
    require(
        abs(answer - ceiling(50, 50)) > 0.005,
        "That is the ceiling with as many positive pairs as negative. Here there are 10 and 90.",
    )
    require(
        abs(answer - ceiling(POSITIVES, NEGATIVES)) < 0.005,
        f"{answer:.3f} isn't what 100 different similarities give with the ten largest positive.",
    )


def contrastive(cosine: float, label: int, margin: float) -> float:
    """Return ContrastiveLoss of one pair."""
    distance = 1 - cosine
    return 0.5 * (label * distance**2 + (1 - label) * max(0.0, margin - distance) ** 2)


def _check_contrastive(answer: object) -> None:
    require(callable(answer), "The answer is a function of cosine, label and margin.")
    try:
        found = {case: float(answer(*case)) for case in CASES}
    except TypeError as error:
        require(False, f"It can't be called as answer(0.4, 0, 0.5): {error}.")
    wanted = {case: contrastive(*case) for case in CASES}
    require(
        not all(math.isclose(found[case], 2 * wanted[case], abs_tol=1e-9) for case in CASES),
        "It is twice the library's: the half in front of the sum is missing.",
    )
    positives = [case for case in CASES if case[1] == 1]
    require(
        all(math.isclose(found[case], wanted[case], abs_tol=1e-9) for case in positives),
        "A positive pair costs half the square of its distance, which is 1 - cosine: nothing for "
        "two equal texts.",
    )
    far = [case for case in CASES if case[1] == 0 and 1 - case[0] > case[2]]
    require(
        all(found[case] == 0 for case in far),
        "A negative pair that is farther apart than the margin must cost nothing: max(0, ...). "
        "Without it the square grows again, and the loss would pull such a pair together.",
    )
    require(
        any(found[case] > 0 for case in CASES if case[1] == 0),
        "No negative pair costs anything. Those nearer than the margin should: margin - distance.",
    )
    wrong = [case for case in CASES if not math.isclose(found[case], wanted[case], abs_tol=1e-9)]
    require(
        not wrong,
        f"For cosine, label, margin = {wrong[:1]} it gives another value than the library's loss. "
        "The negative's part is (margin - distance) squared, with the distance and not the cosine.",
    )


def _check_arguments(answer: object) -> None:
    from sentence_transformers import SentenceTransformerTrainingArguments

    from course_utils.embeddings import pairs

    require(
        isinstance(answer, SentenceTransformerTrainingArguments),
        "The answer is a SentenceTransformerTrainingArguments, and this is of type "
        f"{type(answer).__name__}.",
    )
    require(
        answer.per_device_train_batch_size <= 32,
        f"{answer.per_device_train_batch_size} pairs without an intent twice need as many intents, "
        "and train has 32.",
    )
    require(
        answer.per_device_train_batch_size == 32,
        f"A batch has {answer.per_device_train_batch_size} pairs, so a text is told from "
        f"{answer.per_device_train_batch_size - 1} others. With 32 it sees every intent.",
    )
    require(
        answer.max_steps == 40,
        f"max_steps is {answer.max_steps}; the run should have 40 (-1 leaves it to the epochs).",
    )
    require(
        answer.get_warmup_steps(40) < 40,
        f"warmup_steps={answer.warmup_steps:g} is longer than the run of 40 steps: the learning "
        "rate would never arrive.",
    )
    require(
        answer.get_warmup_steps(40) == 4,
        f"The warm-up takes {answer.get_warmup_steps(40)} steps of 40; a tenth is 4. A number "
        "below 1 is a share of the run.",
    )
    require(
        answer.batch_sampler is pairs.OneIntentABatch,
        "Two pairs of one intent can meet in a batch, and the loss pushes them apart. No two "
        "equal texts in a batch, as NO_DUPLICATES has it, isn't enough: equal intents must not "
        "meet. pairs.OneIntentABatch keeps them apart.",
    )


ARGUMENTS = (
    "answer = SentenceTransformerTrainingArguments(output_dir=str(work), "
    "per_device_train_batch_size={size}, max_steps={steps}, warmup_steps={warmup}, "
    "batch_sampler={sampler})"
)


def _arguments(
    *,
    size: int = 32,
    steps: int = 40,
    warmup: float = 0.1,
    sampler: str = "pairs.OneIntentABatch",
) -> str:
    return ARGUMENTS.format(size=size, steps=steps, warmup=warmup, sampler=sampler)


SIMILARITY = "metrics.cosine_similarity(model.encode([text]), model.encode(train.texts))[0]"
NEAREST_SETUP = MODEL + f'text = "{TEXT}"\n'

EXERCISES = (
    Exercise(
        id="05.1",
        check=_check_nearest,
        on_pass="Two calls to encode, one product, one argmax: that is a search by meaning.",
        setup=NEAREST_SETUP,
        expects="text (str), a message of train",
        hints=(
            "encode the text and the messages; metrics.cosine_similarity takes two matrices, so "
            "give the text as a list of one.",
            "argmax of the row of similarities is the place of the nearest message.",
        ),
        solution=f"""\
similarity = {SIMILARITY}
answer = train.texts[similarity.argmax()]
""",
        wrong_answers=(
            WrongAnswer(f"answer = {SIMILARITY}.argmax()", "a place in the list"),
            WrongAnswer(f"answer = {SIMILARITY}.max()", "That is a similarity"),
            WrongAnswer(f"answer = train.texts[{SIMILARITY}.argmin()]", "the farthest message"),
            WrongAnswer("answer = text", "the question itself"),
            WrongAnswer("answer = train.texts[0]", "Another message is nearer"),
        ),
    ),
    Exercise(
        id="05.2",
        check=_check_ceiling,
        on_pass="Half of 1, for a perfect model: a Spearman of 0.5 says little, AP would say 1.",
        setup="import numpy as np\nfrom scipy import stats\n",
        expects="number (float)",
        hints=(
            "100 different similarities: np.arange(100). Which of them belong to the positives?",
            "The labels in the same order: 90 zeros, then 10 ones.",
        ),
        solution="answer = stats.spearmanr(np.arange(100), [0] * 90 + [1] * 10).statistic\n",
        wrong_answers=(
            WrongAnswer("answer = 1.0", "only two values"),
            WrongAnswer(
                "answer = stats.spearmanr(np.arange(100), [0] * 50 + [1] * 50).statistic",
                "as many positive pairs as negative",
            ),
            WrongAnswer(
                "answer = stats.spearmanr(np.arange(100), [1] * 10 + [0] * 90).statistic",
                "below the negative",
            ),
            WrongAnswer(
                "answer = stats.spearmanr(np.arange(100), [0] * 90 + [1] * 10)", "`statistic`"
            ),
            WrongAnswer("answer = 0.1", "the ten largest positive"),
        ),
    ),
    Exercise(
        id="05.3",
        check=_check_contrastive,
        on_pass="And margin 0.5 makes answer(0.4, 0, 0.5) zero: that negative teaches nothing.",
        expects="a function of cosine, label and margin",
        hints=(
            "distance = 1 - cosine. A positive pair costs 0.5 * distance ** 2.",
            "A negative pair costs 0.5 * max(0, margin - distance) ** 2.",
        ),
        solution="""\
def answer(cosine, label, margin):
    distance = 1 - cosine
    return 0.5 * distance**2 if label else 0.5 * max(0, margin - distance) ** 2
""",
        wrong_answers=(
            WrongAnswer(
                "answer = lambda cosine, label, margin: 0.5 * (label * (1 - cosine) ** 2"
                " + (1 - label) * (margin - (1 - cosine)) ** 2)",
                "must cost nothing",
            ),
            WrongAnswer(
                "answer = lambda cosine, label, margin: label * (1 - cosine) ** 2"
                " + (1 - label) * max(0, margin - 1 + cosine) ** 2",
                "half in front",
            ),
            WrongAnswer(
                "answer = lambda cosine, label, margin: 0.5 * (label * cosine ** 2"
                " + (1 - label) * max(0, margin - 1 + cosine) ** 2)",
                "nothing for two equal texts",
            ),
            WrongAnswer(
                "answer = lambda cosine, label, margin: 0.5 * label * (1 - cosine) ** 2",
                "No negative pair costs anything",
            ),
            WrongAnswer("answer = 0.0", "The answer is a function"),
        ),
    ),
    Exercise(
        id="05.4",
        check=_check_arguments,
        on_pass="Every other positive of a batch is a true negative, and the rate gets its peak.",
        setup="""\
from sentence_transformers import SentenceTransformerTrainingArguments
from sentence_transformers.sentence_transformer.training_args import BatchSamplers
from course_utils import runtime
from course_utils.embeddings import pairs

work = runtime.artifacts_dir() / "lesson_05"
""",
        expects="a SentenceTransformerTrainingArguments",
        hints=(
            "max_steps decides the length of the run, warmup_steps below 1 is a share of it.",
            "batch_sampler takes the class itself: pairs.OneIntentABatch.",
        ),
        solution=_arguments() + "\n",
        wrong_answers=(
            WrongAnswer(_arguments(sampler="BatchSamplers.NO_DUPLICATES"), "equal intents must"),
            WrongAnswer(_arguments(sampler="BatchSamplers.BATCH_SAMPLER"), "can meet in a batch"),
            WrongAnswer(_arguments(warmup=100), "never arrive"),
            WrongAnswer(_arguments(warmup=10), "a tenth is 4"),
            WrongAnswer(_arguments(size=64), "train has 32"),
            WrongAnswer(_arguments(steps=-1), "should have 40"),
        ),
    ),
)
