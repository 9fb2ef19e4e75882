"""A curve that can be counted by hand, and the threshold that it gives."""

import numpy as np
import pytest

from course_utils.rag import threshold

BEST = [0.2, 0.4, 0.5, 0.8]
ANSWERABLE = [False, True, False, True]


def test_each_threshold_answers_and_refuses_what_lies_on_its_sides():
    curve = threshold.curve(BEST, ANSWERABLE)
    assert np.allclose(curve.thresholds, [0.19, 0.3, 0.45, 0.65, 0.81])
    assert curve.answered.tolist() == [1, 1, 0.5, 0.5, 0]
    assert curve.refused.tolist() == [0, 0.5, 0.5, 1, 1]


def test_the_threshold_with_the_largest_sum_is_chosen_and_of_equals_the_lowest():
    assert threshold.choose(threshold.curve(BEST, ANSWERABLE)) == pytest.approx(0.3)
    assert threshold.choose(threshold.curve([0.1, 0.2, 0.9], [False, False, True])) == 0.55


def test_the_order_of_the_questions_does_not_matter():
    there, back = (threshold.curve(BEST[::s], ANSWERABLE[::s]) for s in (1, -1))
    assert np.array_equal(there.answered, back.answered)
    assert np.array_equal(there.refused, back.refused)


def test_labels_may_be_0_and_1():
    curve = threshold.curve([0, 1], [0, 1])
    assert np.allclose(curve.thresholds, [-0.01, 0.5, 1.01])
    assert (curve.answered.tolist(), curve.refused.tolist()) == ([1, 1, 0], [0, 1, 1])


@pytest.mark.parametrize("answerable", [[True] * 4, [False] * 4])
def test_questions_of_one_kind_give_no_curve(answerable):
    with pytest.raises(ValueError, match=r"^give questions that .* and some that it doesn't$"):
        threshold.curve(BEST, answerable)


def test_lengths_that_differ_are_refused():
    with pytest.raises(ValueError, match="4 similarities and 3 labels"):
        threshold.curve(BEST, ANSWERABLE[:3])
