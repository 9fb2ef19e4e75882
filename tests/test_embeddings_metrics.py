"""The metrics, by hand, and in agreement with the evaluators of sentence-transformers."""

import numpy as np
import pytest
from sentence_transformers.sentence_transformer.evaluation import (
    BinaryClassificationEvaluator,
    EmbeddingSimilarityEvaluator,
    InformationRetrievalEvaluator,
)

from course_utils.embeddings import metrics

INTENTS = ["a", "a", "b", "b"]
# Text 0 is nearest to 1, 1 to 2, 2 to 3, 3 to 2.
SIMILARITY = np.array(
    [[1.0, 0.9, 0.1, 0.0], [0.5, 1.0, 0.8, 0.0], [0.1, 0.2, 1.0, 0.7], [0.0, 0.1, 0.6, 1.0]]
)


class FixedModel:
    """Stands for a model: the evaluators ask it for a text's vector and for cosines."""

    similarity_fn_name = "cosine"

    def __init__(self, vectors):
        self.vectors = vectors
        self.model_card_data = self

    def set_evaluation_metrics(self, *arguments, **options):
        pass

    def encode(self, texts, **options):
        return self.vectors[[int(text) for text in texts]]

    encode_query = encode_document = encode

    def similarity(self, first, second):
        from sentence_transformers.util import cos_sim

        return cos_sim(first, second)


@pytest.fixture(scope="module")
def messages():
    """Return 24 vectors of four intents, not of unit length, each intent around its own centre."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(4, 6))
    vectors = (np.repeat(centres, 6, axis=0) + rng.normal(size=(24, 6))).astype(np.float32)
    return vectors, [str(number // 6) for number in range(24)]


def test_the_nearest_other_text_decides_a_hit():
    assert metrics.hits_at_1(SIMILARITY, INTENTS).tolist() == [True, False, True, True]


def test_a_reference_may_be_as_similar_as_the_text_itself():
    hits = metrics.hits_at_1(SIMILARITY, ["a", "a", "b", "x"], ["b", "a", "b", "b"])
    assert hits.tolist() == [False, True, True, False]


def test_hits_leave_the_similarity_as_it_was():
    similarity = SIMILARITY.copy()
    metrics.hits_at_1(similarity, INTENTS)
    assert np.array_equal(similarity, SIMILARITY)


def test_pairs_count_once_with_the_mean_of_both_directions():
    scores = metrics.pair_scores(SIMILARITY, INTENTS)
    assert scores.positives.tolist() == pytest.approx([0.7, 0.65])
    assert scores.negatives.tolist() == pytest.approx([0.1, 0.0, 0.5, 0.05])
    assert scores.average_precision == 1.0
    # Perfect, and yet: two positive pairs of six cap Spearman.
    assert scores.spearman == pytest.approx(0.8281, abs=1e-3)


def test_a_negative_pair_on_top_halves_the_precision():
    similarity = np.array([[1, 0.5, 0.9], [0.5, 1, 0.1], [0.9, 0.1, 1]])
    assert metrics.pair_scores(similarity, ["a", "a", "b"]).average_precision == 0.5


def test_pair_scores_agree_with_the_library_s_evaluators(messages):
    vectors, intents = messages
    ours = metrics.pair_scores(metrics.cosine_similarity(vectors, vectors), intents)
    rows, columns = np.triu_indices(24, k=1)
    first, second = [str(i) for i in rows], [str(j) for j in columns]
    labels = [int(intents[i] == intents[j]) for i, j in zip(rows, columns, strict=True)]
    model = FixedModel(vectors)
    binary = BinaryClassificationEvaluator(first, second, labels)(model)
    assert ours.average_precision == pytest.approx(binary["cosine_ap"], abs=1e-6)
    graded = EmbeddingSimilarityEvaluator(first, second, labels)(model)
    assert ours.spearman == pytest.approx(graded["spearman_cosine"], abs=1e-6)
    assert 0.2 < ours.average_precision < 0.95


def test_recall_agrees_with_the_library_s_evaluator(messages):
    vectors, intents = messages
    queries, references = range(0, 24, 2), range(1, 24, 2)
    ours = metrics.hits_at_1(
        metrics.cosine_similarity(vectors[::2], vectors[1::2]), intents[::2], intents[1::2]
    ).mean()
    relevant = {
        str(query): {str(r) for r in references if intents[r] == intents[query]}
        for query in queries
    }
    evaluator = InformationRetrievalEvaluator(
        {str(query): str(query) for query in queries},
        {str(reference): str(reference) for reference in references},
        relevant,
        accuracy_at_k=[1],
    )
    assert ours == pytest.approx(evaluator(FixedModel(vectors))["cosine_accuracy@1"])
    assert 0.2 < ours < 1


def test_cosine_does_not_see_length():
    similarity = metrics.cosine_similarity(np.array([[3.0, 0.0], [1.0, 1.0]]), np.eye(2) * 5)
    assert similarity == pytest.approx(np.array([[1, 0], [0.5**0.5, 0.5**0.5]]))


@pytest.mark.parametrize("shapes", [((3,), (2, 3)), ((2, 3), (3,))])
def test_the_vector_of_a_single_text_is_refused_with_what_to_do(shapes):
    with pytest.raises(ValueError, match=r"has shape \(3,\) .* as a list of one"):
        metrics.cosine_similarity(*map(np.ones, shapes))


def test_bm25_prefers_the_text_that_shares_the_rarer_word():
    references = ["my tent tore", "my boots tore", "my stove tore", "a parcel"]
    similarity = metrics.bm25_similarity(["Tent tore!", "nothing in common"], references)
    assert similarity.shape == (2, 4)
    assert similarity[0].argmax() == 0
    assert similarity[0, 1] == similarity[0, 2] > similarity[0, 3] == 0
    assert similarity[1].tolist() == [0, 0, 0, 0]


def test_the_interval_of_equal_values_is_a_point():
    assert metrics.bootstrap_interval([0.5] * 10) == (0.5, 0.5)


def test_the_interval_is_near_the_textbook_s():
    hits = [1] * 60 + [0] * 40
    low, high = metrics.bootstrap_interval(hits)
    # 1.96 standard errors: 1.96 * sqrt(0.6 * 0.4 / 100) = 0.096
    assert low == pytest.approx(0.504, abs=0.015)
    assert high == pytest.approx(0.696, abs=0.015)
    narrower = metrics.bootstrap_interval(hits, confidence=0.5)
    assert low < narrower[0] < narrower[1] < high


def test_texts_of_one_intent_that_fail_together_widen_the_interval():
    hits, intents = [1] * 60 + [0] * 40, [str(number // 20) for number in range(100)]
    alone, together = metrics.bootstrap_interval(hits), metrics.bootstrap_interval(hits, intents)
    assert together[1] - together[0] > 2 * (alone[1] - alone[0])


def test_intents_of_different_size_count_by_their_texts():
    low, high = metrics.bootstrap_interval([1, 1, 1, 0], ["a", "a", "a", "b"])
    assert (low, high) == (0.0, 1.0)
    middle = metrics.bootstrap_interval([1, 1, 1, 0], ["a", "a", "a", "b"], confidence=0.1)
    assert middle == (0.75, 0.75)  # half the draws hold both intents: three hits of four
    assert metrics.bootstrap_interval([1, 0], ["a", "a"]) == (0.5, 0.5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.hits_at_1(SIMILARITY, ["a", "b"]), r"ask for \(2, 2\)"),
        (lambda: metrics.hits_at_1(SIMILARITY, INTENTS, ["a"]), r"ask for \(4, 1\)"),
        (lambda: metrics.pair_scores(SIMILARITY[:3], INTENTS), r"shape \(3, 4\)"),
        (lambda: metrics.pair_scores(SIMILARITY, ["a"] * 4), "every pair is positive"),
        (lambda: metrics.pair_scores(SIMILARITY, list("abcd")), "every pair is negative"),
        (lambda: metrics.bootstrap_interval([]), "0 values"),
        (lambda: metrics.bootstrap_interval([1, 0], ["a"]), "2 values and 1 groups"),
    ],
)
def test_what_does_not_fit_together_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
