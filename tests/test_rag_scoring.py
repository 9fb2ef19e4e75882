"""Ranks of articles, checked by eye; and whether the chunks hold the facts."""

import numpy as np
import pytest

from course_utils import rag


def chunk(name, text="text"):
    article, _, _ = name.partition("#")
    return rag.Chunk(name, article, text, "2026-01-31")


CHUNKS = [chunk("a#0"), chunk("a#1"), chunk("b#0"), chunk("c#0")]


def test_articles_are_ranked_by_their_best_chunk():
    similarity = np.array([[0.9, 0.8, 0.7, 0.1], [0.1, 0.2, 0.3, 0.4], [0.1, 0.9, 0.5, 0.95]])
    places = rag.article_ranks(similarity, CHUNKS, [["b"], ["c"], ["a"]])
    assert np.issubdtype(places.dtype, np.integer)
    assert places.tolist() == [2, 1, 2]  # a's second chunk doesn't push b to the third place


def test_a_question_that_needs_two_articles_has_the_place_of_the_later():
    similarity = np.array([[0.9, 0.1, 0.2, 0.8]])
    assert rag.article_ranks(similarity, CHUNKS, [["a", "b"]]).tolist() == [3]
    assert rag.article_ranks(similarity, CHUNKS, [["c", "a"]]).tolist() == [2]


def test_the_order_of_the_chunks_does_not_matter():
    rng = np.random.default_rng(0)
    similarity = rng.normal(size=(20, len(CHUNKS)))
    wanted = [["abc"[number % 3]] for number in range(20)]
    order = [3, 1, 0, 2]
    shuffled = rag.article_ranks(similarity[:, order], [CHUNKS[k] for k in order], wanted)
    assert (rag.article_ranks(similarity, CHUNKS, wanted) == shuffled).all()


@pytest.mark.parametrize("wanted", [[], ["d"]])
def test_a_question_that_no_chunk_could_answer_is_refused(wanted):
    with pytest.raises(ValueError, match=r"question 0 wants .*; give articles of which there are"):
        rag.article_ranks(np.zeros((1, 4)), CHUNKS, [wanted])


def test_a_matrix_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"ask for \(1, 4\)"):
        rag.article_ranks(np.zeros((4, 1)), CHUNKS, [["a"]])


def test_facts_count_only_in_the_right_article():
    chunks = [chunk("a#0", "It takes 5 days."), chunk("b#0", "It costs €3.")]
    assert rag.holds_facts(chunks, ["a"], [["5 days"]])
    assert not rag.holds_facts(chunks, ["b"], [["5 days"]])
    assert rag.holds_facts(chunks, ["a", "b"], [["5 days"], ["€3"]])
    assert not rag.holds_facts(chunks[:1], ["a", "b"], [["5 days"], ["€3"]])


def test_a_fact_does_not_stand_across_two_chunks():
    chunks = [chunk("a#0", "It takes 5"), chunk("a#1", "days.")]
    assert not rag.holds_facts(chunks, ["a"], [["5 days"]])
