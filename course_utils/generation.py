"""Chat prompts in, replies out, in batches, with what each call cost."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import GenerationConfig

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Message = dict[str, str]  # {"role": "system" | "user" | "assistant", "content": text}
Chat = Sequence[Message]

# Greedy: the same reply at every run. Long enough for two or three sentences.
DEFAULT_CONFIG = GenerationConfig(do_sample=False, max_new_tokens=64)


@dataclass(frozen=True)
class Reply:
    """One reply and what it cost."""

    text: str
    prompt_tokens: int
    new_tokens: int  # the end token included, padding not
    seconds: float  # wall clock of the batch that it was part of


def generate(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    chats: Sequence[Chat],
    *,
    generation_config: GenerationConfig = DEFAULT_CONFIG,
    batch_size: int = 8,
) -> list[Reply]:
    """Answer each chat, in the order given.

    Chats of similar length share a batch, so that little is computed on padding. Padding
    goes on the left: a causal model continues from the last position, which must be a token
    of the prompt.

    Args:
        model: A causal language model.
        tokenizer: Its tokenizer, with a chat template.
        chats: Each a list of messages; the model writes the next assistant message.
        generation_config: The library's own object; greedy with 64 new tokens by default.
        batch_size: How many chats go through the model at once.

    Raises:
        ValueError: A chat is empty, or too long for the model's context with the new tokens.
    """
    prompts = [encode_chat(tokenizer, chat) for chat in chats]
    context = model.config.max_position_embeddings
    for number, prompt in enumerate(prompts):
        if len(prompt) + generation_config.max_new_tokens > context:
            raise ValueError(
                f"chats[{number}] has {len(prompt)} tokens; with max_new_tokens="
                f"{generation_config.max_new_tokens} that exceeds the model's context of "
                f"{context}; shorten the chat or lower max_new_tokens"
            )
    replies: dict[int, Reply] = {}
    by_length = sorted(range(len(prompts)), key=lambda number: len(prompts[number]))
    for start in range(0, len(by_length), batch_size):
        numbers = by_length[start : start + batch_size]
        batch = [prompts[number] for number in numbers]
        replies.update(
            zip(numbers, _generate_batch(model, tokenizer, batch, generation_config), strict=True)
        )
    return [replies[number] for number in range(len(prompts))]


def encode_chat(tokenizer: "PreTrainedTokenizerBase", chat: Chat) -> list[int]:
    """Return a chat's token ids, ending where the assistant's reply begins.

    Raises:
        ValueError: The chat has no message.
    """
    if not chat:
        raise ValueError("a chat needs at least one message, such as a user's question")
    return tokenizer.apply_chat_template(list(chat), add_generation_prompt=True, return_dict=False)


@torch.inference_mode()
def _generate_batch(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    prompts: list[list[int]],
    generation_config: GenerationConfig,
) -> list[Reply]:
    started = time.perf_counter()
    rows = [torch.tensor(prompt, device=model.device) for prompt in prompts]
    pad_left = partial(pad_sequence, batch_first=True, padding_side="left")
    input_ids = pad_left(rows, padding_value=tokenizer.pad_token_id)  # (batch, length)
    attention_mask = pad_left([torch.ones_like(row) for row in rows])  # 0 on padding
    output = model.generate(
        input_ids=input_ids, attention_mask=attention_mask, generation_config=generation_config
    )
    length = input_ids.shape[1]
    seconds = time.perf_counter() - started
    replies = []
    for prompt, tokens in zip(prompts, output[:, length:].tolist(), strict=True):
        # The end token stops a row; after it the row is filled up while others go on.
        if tokenizer.eos_token_id in tokens:
            tokens = tokens[: tokens.index(tokenizer.eos_token_id) + 1]
        text = tokenizer.decode(tokens, skip_special_tokens=True).strip()
        replies.append(Reply(text, len(prompt), len(tokens), seconds))
    return replies
