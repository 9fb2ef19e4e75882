"""How well a language model predicts a text: the measure that quantization is judged by."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch.nn.functional import cross_entropy

from course_utils.batching import IGNORE_INDEX, PaddingCollator

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@torch.inference_mode()
def perplexity(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    texts: Sequence[str],
    *,
    batch_size: int = 8,
) -> float:
    """Return exp of the mean negative log-likelihood over all predicted tokens of all texts.

    1 is certainty; the size of the vocabulary is guessing. A text's first token has nothing
    to be predicted from, so it isn't counted. The mean runs over tokens, not over texts or
    batches: a mean of batch means would weigh the tokens of short texts more. Compare models
    with the same tokenizer only, as another one cuts the text into other tokens.

    Args:
        model: A causal language model.
        tokenizer: Its tokenizer.
        texts: Each within the model's context.
        batch_size: Texts that go through the model at once; it doesn't change the result
            beyond rounding.

    Raises:
        ValueError: There are no texts, or one is too short or too long to be predicted.
    """
    rows = [tokenizer(text)["input_ids"] for text in texts]
    _check_lengths([len(row) for row in rows], model.config.max_position_embeddings)
    # Padding is read as any token, but it has no label and stands after what is predicted.
    collate = PaddingCollator(pad_id=tokenizer.eos_token_id)
    rows.sort(key=len)  # texts of similar length share a batch: little is computed on padding
    loss_sum, tokens = 0.0, 0
    for start in range(0, len(rows), batch_size):
        batch = collate([{"input_ids": r, "labels": r} for r in rows[start : start + batch_size]])
        batch = {name: tensor.to(model.device) for name, tensor in batch.items()}
        labels = batch.pop("labels")
        logits = model(**batch).logits  # (batch, length, vocab)
        # Text by text: log-probabilities of a whole batch would double the memory.
        for row_logits, row_labels in zip(logits[:, :-1], labels[:, 1:], strict=True):
            loss_sum += cross_entropy(  # the logits at position t predict token t + 1
                row_logits.float(), row_labels, ignore_index=IGNORE_INDEX, reduction="sum"
            ).item()
        tokens += int((labels[:, 1:] != IGNORE_INDEX).sum())
    return math.exp(loss_sum / tokens)


def _check_lengths(lengths: Sequence[int], context: int) -> None:
    if not lengths:
        raise ValueError("texts is empty; pass at least one text")
    for number, length in enumerate(lengths):
        if length < 2:
            raise ValueError(
                f"texts[{number}] has {length} token(s), so none is predicted; leave it out"
            )
        if length > context:
            raise ValueError(
                f"texts[{number}] has {length} tokens and the model reads {context}; cut it"
            )
