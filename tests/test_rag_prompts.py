"""Whole chunks go into a prompt while its budget lasts, best first."""

import pytest

from course_utils import rag


class Words:
    """A tokenizer for which each word of each message is a token, and the reply's start one."""

    def apply_chat_template(self, chat, *, add_generation_prompt, return_dict):
        tokens = " ".join(message["content"] for message in chat).split()
        tokens += ["assistant:"] * (add_generation_prompt is True)
        return tokens if return_dict is False else {"input_ids": tokens}


def chunk(number, words):
    return rag.Chunk(f"ropes#{number}", "ropes", " ".join(["word"] * words), "2026-01-31")


CHUNKS = [chunk(0, 10), chunk(1, 30), chunk(2, 5)]
EMPTY = len(
    Words().apply_chat_template(
        rag.cited_chat("How old?", []), add_generation_prompt=True, return_dict=False
    )
)


@pytest.mark.parametrize(
    ("room", "kept"),
    [(11, 1), (41, 1), (42, 2), (47, 2), (48, 3), (999, 3)],  # a chunk takes its source's id too
)
def test_the_first_chunks_that_fit_are_kept(room, kept):
    found = rag.within_budget(Words(), "How old?", CHUNKS, max_tokens=EMPTY + room)
    assert found == CHUNKS[:kept]


def test_a_shorter_chunk_does_not_pass_one_that_does_not_fit():
    found = rag.within_budget(Words(), "How old?", CHUNKS, max_tokens=EMPTY + 20)
    assert found == CHUNKS[:1]


def test_a_budget_for_not_even_one_chunk_says_what_to_do():
    with pytest.raises(ValueError, match=r"first chunk, ropes#0, has \d+ tokens .* shorter chunks"):
        rag.within_budget(Words(), "How old?", CHUNKS, max_tokens=EMPTY + 10)


def test_no_chunks_are_an_error_and_no_empty_prompt():
    with pytest.raises(ValueError, match=r"^no chunks to fit; search first, .* without any$"):
        rag.within_budget(Words(), "How old?", [], max_tokens=999)


@pytest.mark.slow
def test_the_budget_counts_what_the_model_is_given(smollm2):
    from course_utils import generation

    _, tokenizer = smollm2
    chat = rag.cited_chat("How old?", CHUNKS[:2])
    exact = len(generation.encode_chat(tokenizer, chat))
    keep = [rag.within_budget(tokenizer, "How old?", CHUNKS, max_tokens=exact - d) for d in (0, 1)]
    assert [len(kept) for kept in keep] == [2, 1]
