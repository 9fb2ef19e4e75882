"""Pairs of prompt and answer as rows of tokens, with labels for the answer alone.

The prompt of the course's task: the tables' columns, then the question, and the SQL follows.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from course_utils.batching import IGNORE_INDEX

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# Comments of SQL: few tokens, and a form that models know from code.
PROMPT = "-- {schema}\n-- {question}\n"


def prompt_of(row: Mapping[str, Any]) -> str:
    """Return the prompt of a row with `schema` and `question`; its SQL begins where it ends.

    Every name of the schema gets a space before it. To a tokenizer a word with a space is
    another token than the word without, and in SQL most names follow one: so the model can copy
    the token that it has read.
    """
    schema = row["schema"].replace("(", " ( ").replace(")", " )")
    return PROMPT.format(schema=schema, question=row["question"])


def encode(tokenizer: "PreTrainedTokenizerBase", prompt: str, answer: str) -> dict[str, list[int]]:
    """Return one training row: prompt, answer, end token, and labels for the last two alone.

    The two are tokenized apart, as they are when the model answers: there the prompt ends
    before the answer's first token is known. The end token has a label too, or the model never
    learns to stop.

    Args:
        tokenizer: The model's.
        prompt: Ends where the answer begins.
        answer: Put right behind the prompt, so its first character may have to be a space.

    Returns:
        `input_ids` and `labels` of the same length; the prompt's labels are `IGNORE_INDEX`.

    Raises:
        ValueError: The prompt or the answer is empty.
    """
    for name, text in (("prompt", prompt), ("answer", answer)):
        if not text.strip():
            raise ValueError(f"the {name} is empty; give a row of training both texts")
    before = tokenizer(prompt)["input_ids"]
    after = tokenizer(answer, add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
    return {"input_ids": before + after, "labels": [IGNORE_INDEX] * len(before) + after}


def encode_rows(
    tokenizer: "PreTrainedTokenizerBase", rows: Sequence[Mapping[str, Any]]
) -> list[dict[str, list[int]]]:
    """Return `encode` of each row with `schema`, `question` and `sql`."""
    return [encode(tokenizer, prompt_of(row), row["sql"]) for row in rows]
