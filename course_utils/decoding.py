"""From the model's scores to the next token: temperature, top-k and top-p, step by step.

A model scores every token of its vocabulary. Softmax turns the scores (logits) into
probabilities; sampling draws from them, greedy decoding takes the largest.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd
import torch

from course_utils import generation

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@torch.inference_mode()
def next_token_probabilities(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    prompt: generation.Chat | Sequence[int],
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> pd.Series:
    """Return the probability of each token that sampling could write next, the largest first.

    Args:
        model: A causal language model.
        tokenizer: Its tokenizer.
        prompt: A chat, or token ids such as `generation.encode_chat` returns.
        temperature: As `sampling_probabilities` takes it.
        top_k: As `sampling_probabilities` takes it.
        top_p: As `sampling_probabilities` takes it.

    Returns:
        Probabilities that sum to 1, by the token's text. Two tokens may have the same text,
        such as two that each hold a part of one character.

    Raises:
        ValueError: The prompt is empty or no chat, or a setting lies outside its range.
    """
    is_ids = len(prompt) > 0 and all(isinstance(token, int) for token in prompt)
    ids = list(prompt) if is_ids else generation.encode_chat(tokenizer, prompt)
    input_ids = torch.tensor([ids], device=model.device)  # (1, length)
    logits = model(input_ids=input_ids).logits[0, -1]  # (vocab,), what follows the last token
    probabilities = sampling_probabilities(
        logits, temperature=temperature, top_k=top_k, top_p=top_p
    )
    ordered, tokens = probabilities.sort(descending=True, stable=True)
    count = int((ordered > 0).sum())
    texts = tokenizer.batch_decode(tokens[:count].unsqueeze(1).tolist())
    index = pd.Index(texts, name="token")
    return pd.Series(ordered[:count].double().cpu().numpy(), index=index, name="probability")


def sampling_probabilities(
    logits: torch.Tensor,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> torch.Tensor:
    """Return the probabilities that sampling draws from, in the order that `generate` works.

    First the temperature, then top-k, then top-p on what is left: so a low temperature makes
    top-p keep fewer tokens. Top-p is also called nucleus sampling (Holtzman et al. 2020).

    Args:
        logits: Scores of the tokens, shape (vocab,).
        temperature: Divides the logits; below 1 the large ones gain, above 1 the small ones.
        top_k: Keeps the k largest, and ties with the last of them; all by default.
        top_p: Keeps the fewest, largest first, whose probabilities reach this sum; all by
            default.

    Returns:
        Shape (vocab,), sum 1, dtype float32; 0 where a token can't be drawn.

    Raises:
        ValueError: `temperature` isn't above 0, `top_k` is below 1, or `top_p` isn't above 0
            and at most 1.
    """
    if temperature <= 0:
        raise ValueError(
            f"temperature={temperature} isn't above 0; the limit at 0 is the largest token "
            "alone, which is do_sample=False"
        )
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k={top_k} is below 1; None keeps all tokens")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p={top_p} isn't above 0 and at most 1; None keeps all tokens")
    scores = logits.float() / temperature
    if top_k is not None:
        smallest_kept = scores.topk(min(top_k, len(scores))).values[-1]
        scores = scores.masked_fill(scores < smallest_kept, -torch.inf)
    if top_p is not None and top_p < 1:
        ordered, tokens = scores.softmax(dim=0).sort(descending=True, stable=True)
        sum_before = ordered.cumsum(dim=0) - ordered  # of all larger ones; 0 for the largest
        scores[tokens[sum_before >= top_p]] = -torch.inf
    return scores.softmax(dim=0)
