"""The prompt that cites its chunks, and how many chunks fit into it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from course_utils.rag.chunking import Chunk

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

INSTRUCTION = "Answer from the handbook in one short sentence."
# A made-up passage, so that it can't answer a real question by accident. It shows the form of
# an answer: a small model follows an example more readily than an instruction.
EXAMPLE = (
    {
        "role": "user",
        "content": "[parking] Parking\nThe car park behind the showroom has 24 places. Two of "
        "them have a charger. Parking is free for 3 hours.\n\nQ: How long can I park for free?",
    },
    {"role": "assistant", "content": "Parking is free for 3 hours."},
)


def cited_chat(question: str, chunks: Sequence[Chunk]) -> list[dict[str, str]]:
    """Return the chat that asks for an answer from the chunks, each headed by its source."""
    context = "\n\n".join(f"[{chunk.article_id}] {chunk.text}" for chunk in chunks)
    return [
        {"role": "system", "content": INSTRUCTION},
        *EXAMPLE,  # one passage, one question, one answer in the form that we want
        {"role": "user", "content": f"{context}\n\nQ: {question}"},
    ]


def within_budget(
    tokenizer: "PreTrainedTokenizerBase", question: str, chunks: Sequence[Chunk], *, max_tokens: int
) -> list[Chunk]:
    """Return the first chunks whose prompt has at most `max_tokens` tokens, whole chunks only.

    Each token of a prompt costs time, and a model has a limit. A chunk that is cut off in the
    middle could lose the sentence that it was found for. The first that doesn't fit ends the
    list: a shorter one behind it fits the question less.

    Args:
        tokenizer: The language model's, with its chat template.
        question: As it goes into `cited_chat`.
        chunks: Best first.
        max_tokens: Of the whole prompt: instruction, example, chunks, question, markers.

    Raises:
        ValueError: There is no chunk, or not even the first one fits.
    """
    if not chunks:
        raise ValueError("no chunks to fit; search first, and don't ask the model without any")
    kept = 0
    for count in range(1, len(chunks) + 1):
        chat = cited_chat(question, chunks[:count])
        tokens = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=False)
        if len(tokens) > max_tokens:
            break
        kept = count
    if not kept:
        raise ValueError(
            f"the prompt with the first chunk, {chunks[0].id}, has {len(tokens)} tokens and "
            f"max_tokens is {max_tokens}; raise it, or cut the articles into shorter chunks"
        )
    return list(chunks[:kept])
