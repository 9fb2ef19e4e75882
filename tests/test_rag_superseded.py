"""Of two chunks that are nearly equal the older is named, with the newer beside it."""

import numpy as np
import pytest

from course_utils import rag, runtime
from course_utils.rag.superseded import find_superseded


def chunk(article, date):
    return rag.Chunk(f"{article}#0", article, article, date)


OLD, NEW, LATER = chunk("old", "2024-02-12"), chunk("new", "2026-04-01"), chunk("x", "2026-05-01")


def vectors(*degrees):
    radians = np.radians(degrees)
    return np.column_stack([np.cos(radians), np.sin(radians)])


def test_the_older_of_two_near_chunks_is_superseded():
    for chunks in ([OLD, NEW], [NEW, OLD]):
        (pair,) = find_superseded(chunks, vectors(0, 20))
        assert (pair.older, pair.newer) == (OLD, NEW)
        assert pair.similarity == pytest.approx(np.cos(np.radians(20)))


def test_chunks_that_are_far_from_each_other_both_stay():
    assert find_superseded([OLD, NEW], vectors(0, 60)) == []
    assert len(find_superseded([OLD, NEW], vectors(0, 60), min_similarity=0.49)) == 1


def test_chunks_of_one_article_or_of_one_day_both_stay():
    same = rag.Chunk("old#1", "old", "text", "2026-01-01")
    assert find_superseded([OLD, same], vectors(0, 0)) == []
    assert find_superseded([NEW, chunk("other", NEW.updated_at)], vectors(0, 0)) == []


def test_the_nearest_of_several_newer_ones_is_named_and_the_nearest_pair_comes_first():
    pairs = find_superseded([OLD, NEW, LATER], vectors(0, 20, 5), min_similarity=0.9)
    assert [(pair.older.id, pair.newer.id) for pair in pairs] == [
        ("old#0", "x#0"),
        ("new#0", "x#0"),
    ]


def test_a_vector_too_few_is_refused():
    with pytest.raises(ValueError, match="2 chunks and 1 vectors"):
        find_superseded([OLD, NEW], vectors(0))


@pytest.mark.slow
def test_of_the_handbook_the_old_return_window_alone_is_superseded(minilm):
    articles = rag.read_handbook(runtime.data_dir() / "handbook")
    chunks = [chunk for article in articles for chunk in rag.chunk_article(article)]
    embedded = minilm.encode([chunk.text for chunk in chunks], show_progress_bar=False)
    (pair,) = find_superseded(chunks, embedded)
    assert (pair.older.id, pair.newer.id) == ("returns-window-2024#0", "return-policy#0")
