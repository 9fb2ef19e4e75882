"""llama.cpp on the GGUF file of the wheel, from the package `xllamacpp`, which comes compiled."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch


def server(gguf: Path, *, slots: int) -> Any:
    """Return llama.cpp with the model in a file, ready for so many chats at once."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(gguf)
    params.n_parallel = slots
    params.n_ctx = 256 * slots
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = torch.get_num_threads()
    params.cpuparams.poll = params.cpuparams_batch.poll = 0  # idle threads leave the cores
    params.cache_prompt = False
    params.verbosity = 0
    return xllamacpp.Server(params)


def answer_all(server: Any, chats: Sequence[list], new_tokens: int) -> float:
    """Answer the chats at the same time; return the number of new tokens."""

    def answer(chat: list) -> int:
        reply = server.handle_chat_completions(
            {
                "messages": chat,
                "max_tokens": new_tokens,
                "temperature": 0.0,
                "ignore_eos": True,
                "cache_prompt": False,
            }
        )
        return reply["usage"]["completion_tokens"]

    with ThreadPoolExecutor(max_workers=len(chats)) as pool:
        return float(sum(pool.map(answer, chats)))
