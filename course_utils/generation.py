"""Chats or texts in, replies out, in batches, with what each call cost."""

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.utils.rnn import pad_sequence
from tqdm.auto import tqdm
from transformers import GenerationConfig, StoppingCriteriaList, TextIteratorStreamer

from course_utils.batch_replies import generate_batch

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
    batch_size: int  # replies that took these seconds together


def generate(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    chats: Sequence[Chat],
    *,
    generation_config: GenerationConfig = DEFAULT_CONFIG,
    batch_size: int = 8,
    progress: bool = True,
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
        progress: Whether to show a progress bar, if there is more than one batch.

    Raises:
        ValueError: A chat is empty, no list of messages, or too long for the model's context
            with the new tokens; the config lacks `max_new_tokens` or asks for several replies
            a chat; the tokenizer has no pad token; or `batch_size` is below 1.
    """
    prompts = {
        f"chats[{number}]": encode_chat(tokenizer, chat)
        for number, chat in enumerate(_checked(chats))
    }
    return _generate_all(model, tokenizer, prompts, generation_config, batch_size, progress)


def complete(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    prompts: Sequence[str],
    *,
    generation_config: GenerationConfig = DEFAULT_CONFIG,
    batch_size: int = 8,
    progress: bool = True,
) -> list[Reply]:
    """Continue each text as it stands, without a chat template; otherwise as `generate`.

    Args:
        model: A causal language model.
        tokenizer: Its tokenizer.
        prompts: Texts, each in the form that the model was trained to continue.
        generation_config: As for `generate`.
        batch_size: How many texts go through the model at once.
        progress: Whether to show a progress bar, if there is more than one batch.

    Raises:
        ValueError: A prompt is empty or no text, or what `generate` refuses.
    """
    if isinstance(prompts, str):
        raise ValueError("prompts must be a list of texts; put a single one into a list")
    for number, prompt in enumerate(prompts):
        if not isinstance(prompt, str) or not prompt:
            raise ValueError(
                f"prompts[{number}] is {prompt!r}; give a text to continue, or use generate for "
                "chats"
            )
    encoded = {
        f"prompts[{number}]": tokenizer(prompt)["input_ids"]
        for number, prompt in enumerate(prompts)
    }
    return _generate_all(model, tokenizer, encoded, generation_config, batch_size, progress)


def new_tokens_per_second(replies: Sequence[Reply]) -> float:
    """Return the new tokens of all replies by the seconds that their batches took.

    Raises:
        ValueError: There is no reply, so no time was measured.
    """
    if not replies:
        raise ValueError("no replies; pass what generate returned for at least one chat")
    seconds = sum(reply.seconds / reply.batch_size for reply in replies)
    return sum(reply.new_tokens for reply in replies) / seconds


def stream(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    chat: Chat,
    *,
    generation_config: GenerationConfig = DEFAULT_CONFIG,
) -> Iterator[str]:
    """Yield the reply to one chat piece by piece, as soon as whole words are there.

    The model runs in a thread of its own. It stops when the reply ends, and also after the
    next token when the reader stops early; the thread has ended when the iterator has.

    Args:
        model: A causal language model.
        tokenizer: Its tokenizer, with a chat template.
        chat: A list of messages; the model writes the next assistant message.
        generation_config: As `generate` takes it, without beam search.

    Raises:
        ValueError: The chat is empty, no list of messages, or too long for the model's context
            with the new tokens. What the model raises while it runs comes out of the iterator.
    """
    prompt = encode_chat(tokenizer, chat)
    _check_context(model, len(prompt), generation_config, name="the chat")
    return _pieces(model, tokenizer, prompt, generation_config)


def encode_chat(tokenizer: "PreTrainedTokenizerBase", chat: Chat) -> list[int]:
    """Return a chat's token ids, ending where the assistant's reply begins.

    Raises:
        ValueError: The chat has no message, or is no list of messages.
    """
    if isinstance(chat, str) or not all(isinstance(message, dict) for message in chat):
        raise ValueError(
            f"{str(chat)[:40]!r} is no chat; a chat is a list of messages, such as "
            '[{"role": "user", "content": "How long is a quote valid?"}]'
        )
    if not chat:
        raise ValueError("a chat needs at least one message, such as a user's question")
    return tokenizer.apply_chat_template(list(chat), add_generation_prompt=True, return_dict=False)


def _checked(chats: Sequence[Chat]) -> Sequence[Chat]:
    """Return the chats, unless they are one chat or one text."""
    if isinstance(chats, str | dict) or any(isinstance(chat, dict) for chat in chats):
        raise ValueError(
            "chats must be a list of chats, each a list of messages; put a single chat into a "
            'list: [[{"role": "user", "content": "How long is a quote valid?"}]]'
        )
    return chats


def _check_context(
    model: "PreTrainedModel", length: int, generation_config: GenerationConfig, *, name: str
) -> None:
    if generation_config.max_new_tokens is None:
        raise ValueError(
            "generation_config has no max_new_tokens, the limit of a reply; set it, such as "
            "GenerationConfig(do_sample=False, max_new_tokens=64)"
        )
    context = model.config.max_position_embeddings
    if length + generation_config.max_new_tokens > context:
        raise ValueError(
            f"{name} has {length} tokens; with max_new_tokens="
            f"{generation_config.max_new_tokens} that exceeds the model's context of "
            f"{context}; shorten the chat or lower max_new_tokens"
        )


def _generate_all(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    prompts: dict[str, list[int]],
    generation_config: GenerationConfig,
    batch_size: int,
    progress: bool,
) -> list[Reply]:
    """Answer the prompts, token ids by the name that an error gives them, in their order."""
    if batch_size < 1:
        raise ValueError(f"batch_size={batch_size} is below 1; 1 answers one prompt at a time")
    if tokenizer.pad_token_id is None:
        raise ValueError(
            "the tokenizer has no pad token to fill the shorter prompts of a batch; set "
            "tokenizer.pad_token = tokenizer.eos_token (the attention mask hides it)"
        )
    if (generation_config.num_return_sequences or 1) != 1:
        raise ValueError(
            f"num_return_sequences={generation_config.num_return_sequences} asks for several "
            "replies to a prompt; leave it at 1 and pass the prompt several times"
        )
    for name, prompt in prompts.items():
        _check_context(model, len(prompt), generation_config, name=name)
    replies: dict[str, Reply] = {}
    by_length = sorted(prompts, key=lambda name: len(prompts[name]))
    batches = [
        by_length[start : start + batch_size] for start in range(0, len(by_length), batch_size)
    ]
    # The longest first: what it frees serves the shorter ones, where a heap that grows batch by
    # batch ends a quarter larger (3.1 GB in place of 2.4 for 324 prompts, 54 at a time).
    batches.reverse()
    for names in tqdm(batches, desc="generate", disable=not progress or len(batches) < 2):
        batch = [prompts[name] for name in names]
        replies.update(
            zip(names, _generate_batch(model, tokenizer, batch, generation_config), strict=True)
        )
    return [replies[name] for name in prompts]


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
    end_ids = _end_ids(model, tokenizer, generation_config)
    # transformers hands the last layer a slice of the hidden states. For a weight that is frozen,
    # as under an adapter, torch would then copy it once for each row: 6 GB for 54 rows of SmolLM2.
    hook = model.get_output_embeddings().register_forward_pre_hook(_contiguous)
    try:
        output = generate_batch(
            model,
            input_ids,
            attention_mask,
            generation_config,
            end_ids=end_ids,
            pad_id=tokenizer.pad_token_id,
        )
    finally:
        hook.remove()
    seconds = time.perf_counter() - started
    replies = []
    for prompt, tokens in zip(prompts, output.tolist(), strict=True):
        # The end token stops a row; after it the row is filled up while others go on.
        end = next((place for place, token in enumerate(tokens) if token in end_ids), len(tokens))
        tokens = tokens[: end + 1]
        text = tokenizer.decode(tokens, skip_special_tokens=True).strip()
        replies.append(Reply(text, len(prompt), len(tokens), seconds, len(prompts)))
    return replies


def _end_ids(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    generation_config: GenerationConfig,
) -> set[int]:
    """Return the tokens that end a reply; a chat model may have several."""
    ends = generation_config.eos_token_id
    if ends is None:
        ends = model.generation_config.eos_token_id
    several = ends if isinstance(ends, list) else [] if ends is None else [ends]
    return {*several, tokenizer.eos_token_id}


def _contiguous(_: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    hidden, *rest = inputs
    return hidden.contiguous(), *rest


def _pieces(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    prompt: list[int],
    generation_config: GenerationConfig,
) -> Iterator[str]:
    streamer = TextIteratorStreamer(tokenizer, skip_prompt=True, skip_special_tokens=True)
    stopped = threading.Event()
    errors: list[BaseException] = []

    def reader_left(input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        return torch.full((len(input_ids),), stopped.is_set(), device=input_ids.device)

    def run() -> None:
        input_ids = torch.tensor([prompt], device=model.device)  # (1, length)
        try:
            model.generate(
                input_ids=input_ids,
                attention_mask=torch.ones_like(input_ids),
                generation_config=generation_config,
                streamer=streamer,
                stopping_criteria=StoppingCriteriaList([reader_left]),
            )
        except BaseException as error:  # carried over to the reader's thread, which raises it
            errors.append(error)
            streamer.end()  # or the reader would wait for ever

    thread = threading.Thread(target=run, name="generation.stream", daemon=True)
    thread.start()
    try:
        for piece in streamer:
            if piece:
                yield piece
    finally:
        stopped.set()
        thread.join()
    if errors:
        raise errors[0]
