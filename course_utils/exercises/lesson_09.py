"""Exercises of lesson 09: the same batch, memory by process, rows by process, an index to fit."""

from collections.abc import Callable
from numbers import Integral
from typing import Any

from course_utils.exercises.exercise import Exercise, WrongAnswer, require

ROWS_PER_STEP = 32
GPUS = 8
ROWS_AT_ONCE = 2
WEIGHTS = 13 * 10**9
USABLE_BYTES = 60e9
VECTORS, DIM, NODE_BYTES, NODES = 10**8, 768, 64e9, 4

ARGUMENTS = """\
from transformers import TrainingArguments
"""
MEMORY = """\
from course_utils.lora.memory import predict_held
"""
SIZING = """\
from course_utils.vectorstore import sizing
"""
PLAN = """\
size = sizing.index_bytes(10**8, 768, "{kind}")
answer = ("{kind}", sizing.plan(size, node_bytes=64e9, replicas={replicas}))
"""


def _check_batch(answer: Any) -> None:
    from transformers import TrainingArguments

    require(
        isinstance(answer, TrainingArguments),
        f"The answer is an object of TrainingArguments; yours is of type {type(answer).__name__}.",
    )
    at_once = answer.per_device_train_batch_size
    require(
        at_once <= ROWS_AT_ONCE,
        f"A process is to hold {at_once} rows at once, and there is room for two: it runs out of "
        "memory at the first step. per_device_train_batch_size is of one process.",
    )
    rows = at_once * GPUS * answer.gradient_accumulation_steps
    require(
        rows == ROWS_PER_STEP,
        f"A step sees {rows} rows: {at_once} at once, times {GPUS} processes, times "
        f"{answer.gradient_accumulation_steps} for gradient_accumulation_steps. It should be "
        f"{ROWS_PER_STEP} as before, or the losses aren't the same.",
    )
    require(
        answer.average_tokens_across_devices,
        "average_tokens_across_devices is off, so each process takes the mean over its own tokens "
        "and the loss isn't that of one process.",
    )


def _check_processes(answer: Any) -> None:
    from course_utils.lora.memory import predict_held

    require(
        isinstance(answer, Integral) and not isinstance(answer, bool) and answer >= 1,
        f"The answer is a whole number of processes, an int, and yours is {answer!r}; "
        "math.ceil rounds up.",
    )
    held = predict_held(0, WEIGHTS, processes=answer, zero_stage=3).total
    require(
        held <= USABLE_BYTES,
        f"With {answer} each process holds {held / 1e9:.0f} GB, and 60 may be taken. Count the "
        "weights, the gradients and both averages of AdamW, in float32: 16 bytes for each weight.",
    )
    fewer = predict_held(0, WEIGHTS, processes=max(1, answer - 1), zero_stage=3).total
    require(
        answer == 1 or fewer > USABLE_BYTES,
        f"It fits, but one process fewer does as well, with {fewer / 1e9:.0f} GB each. Stage 3 "
        "divides all of it, so nothing is held whole.",
    )


def _check_own_rows(answer: Callable[[list[int], int, int], list[int]]) -> None:
    require(callable(answer), "The answer is a function of rows, rank and count.")
    for total, count in ((12, 3), (7, 2), (10, 4), (5, 1)):
        rows = list(range(100, 100 + total))
        given = [answer(list(rows), rank, count) for rank in range(count)]
        require(
            all(part is not None for part in given),
            "Your function returns None. Return the list of rows of the process.",
        )
        parts = [list(part) for part in given]
        together = [row for part in parts for row in part]
        case = f"{total} rows for {count} processes"
        require(
            count == 1 or any(part != parts[0] for part in parts),
            f"{case}: each gets the same rows. Nothing in it depends on the rank.",
        )
        lost = [number for number, row in enumerate(rows) if row not in together]
        require(
            not lost,
            f"{case}: nobody has row {', '.join(map(str, lost))}, counted from 0. Ranks begin at 0 "
            "too, and what is left when rows can't be divided evenly belongs to somebody too.",
        )
        require(
            len(together) == total,
            f"{case}: together they have {len(together)} rows, so some are there twice. In an "
            "evaluation those would count twice.",
        )
        sizes = [len(part) for part in parts]
        require(
            max(sizes) - min(sizes) <= 1,
            f"{case}: they have {sizes} rows. The slowest decides how long it takes, so no process "
            "should have two more than another. Hand the rows out in turn.",
        )


def _check_index(answer: Any) -> None:
    from course_utils.vectorstore import sizing

    require(
        isinstance(answer, tuple | list)
        and len(answer) == 2
        and isinstance(answer[0], str)
        and isinstance(answer[1], sizing.Cluster),
        "The answer is a pair: the kind, as a text, and the Cluster that sizing.plan returns.",
    )
    kind, cluster = answer
    require(
        kind in sizing.KINDS, f"{kind!r} is no kind of index; use one of {', '.join(sizing.KINDS)}."
    )
    size = sizing.index_bytes(VECTORS, DIM, kind)
    two = sizing.plan(size, node_bytes=NODE_BYTES, replicas=2)
    require(
        two.query_nodes <= NODES,
        f"{kind} takes {size / 1e9:.0f} GB, and {two.query_nodes} nodes with two replicas: whole "
        "vectors are too much for four. Take a kind that rounds them.",
    )
    require(
        kind == "IVF_SQ8",
        "IVF_PQ fits, and keeps 48 bytes of a vector of 3,072. Another kind fits too and keeps a "
        "byte of each number, so it finds more of the right rows.",
    )
    require(
        abs(cluster.bytes_in_memory / size - 2) < 0.1,
        f"The plan holds {cluster.bytes_in_memory / 1e9:.0f} GB in memory, and two replicas of "
        f"{kind} for 10**8 vectors of 768 numbers are {2 * size / 1e9:.0f}. Look at the replicas "
        "of sizing.plan, and at the rows and numbers of sizing.index_bytes.",
    )
    require(
        cluster.query_nodes == two.query_nodes,
        f"The plan has {cluster.query_nodes} nodes, and it takes {two.query_nodes} of 64 GB each, "
        "of which 70 % count. node_bytes is the whole 64e9; sizing.plan takes the 70 % itself.",
    )


EXERCISES = (
    Exercise(
        id="09.1",
        check=_check_batch,
        on_pass="32 rows a step, in eight processes, and never more than two at once in one.",
        setup=ARGUMENTS,
        expects="an object of TrainingArguments",
        hints=(
            "The global batch is the rows of a process, times the processes, times the batches "
            "that are added up for a step.",
            "Two rows in eight processes are sixteen; gradient_accumulation_steps does the rest.",
        ),
        solution="""\
answer = TrainingArguments(
    output_dir="run",
    per_device_train_batch_size=2,
    gradient_accumulation_steps=2,
    use_cpu=True,
)
""",
        wrong_answers=(
            WrongAnswer(
                'answer = TrainingArguments("run", per_device_train_batch_size=32, use_cpu=True)',
                "room for two",
            ),
            WrongAnswer(
                'answer = TrainingArguments("run", per_device_train_batch_size=2, use_cpu=True)',
                "A step sees 16 rows",
            ),
            WrongAnswer(
                'answer = TrainingArguments("run", per_device_train_batch_size=2,\n'
                "    gradient_accumulation_steps=16, use_cpu=True)",
                "A step sees 256 rows",
            ),
            WrongAnswer(
                'answer = TrainingArguments("run", per_device_train_batch_size=2,\n'
                "    gradient_accumulation_steps=2, average_tokens_across_devices=False,\n"
                "    use_cpu=True)",
                "mean over its own tokens",
            ),
        ),
    ),
    Exercise(
        id="09.2",
        check=_check_processes,
        on_pass="13 billion weights, 16 bytes each, are 208 GB: 52 in each of four.",
        setup=MEMORY,
        expects="a whole number",
        hints=(
            "predict_held(0, 13 * 10**9, processes=..., zero_stage=3).total",
            "Try numbers from 1 on until the total is at most 60e9.",
        ),
        solution="""\
answer = 1
while predict_held(0, 13 * 10**9, processes=answer, zero_stage=3).total > 60e9:
    answer += 1
""",
        wrong_answers=(
            WrongAnswer("answer = 1", "holds 208 GB"),
            WrongAnswer("answer = 3", "holds 69 GB"),
            WrongAnswer("answer = 8", "one process fewer does as well"),
            WrongAnswer("answer = 208 / 60", "a whole number"),
        ),
    ),
    Exercise(
        id="09.3",
        check=_check_own_rows,
        on_pass="Each row once, whatever the numbers.",
        expects="a function of rows, rank and count",
        hints=(
            "The process 0 of two could take the rows 0, 2, 4 and so on, and the process 1 the "
            "others.",
            "A slice has a start and a step: rows[start::step].",
        ),
        solution="def answer(rows, rank, count):\n    return rows[rank::count]\n",
        wrong_answers=(
            WrongAnswer("answer = lambda rows, rank, count: rows", "Nothing in it depends"),
            WrongAnswer(
                "def answer(rows, rank, count):\n"
                "    size = len(rows) // count\n"
                "    return rows[rank * size : (rank + 1) * size]",
                "nobody has row 6",
            ),
            WrongAnswer(
                "def answer(rows, rank, count):\n    rows[rank::count]",
                "returns None",
            ),
            WrongAnswer(
                "from torch.utils.data import DistributedSampler\n"
                "answer = lambda rows, rank, count: [\n"
                "    rows[n] for n in DistributedSampler(rows, count, rank, shuffle=False)]",
                "some are there twice",
            ),
            WrongAnswer(
                "def answer(rows, rank, count):\n"
                "    size = len(rows) // count\n"
                "    end = None if rank == count - 1 else (rank + 1) * size\n"
                "    return rows[rank * size : end]",
                "no process should have two more",
            ),
        ),
    ),
    Exercise(
        id="09.4",
        check=_check_index,
        on_pass="A byte for each number: 78 GB, twice, on four nodes.",
        setup=SIZING,
        expects="a pair of text and Cluster",
        hints=(
            "sizing.index_bytes(10**8, 768, kind) for each of sizing.KINDS.",
            "sizing.plan(size, node_bytes=64e9, replicas=2).query_nodes should be at most 4.",
            "Two kinds fit. Which of them rounds less?",
        ),
        solution=PLAN.format(kind="IVF_SQ8", replicas=2),
        wrong_answers=(
            WrongAnswer(PLAN.format(kind="HNSW", replicas=2), "whole vectors are too much"),
            WrongAnswer(PLAN.format(kind="IVF_PQ", replicas=2), "finds more of the right rows"),
            WrongAnswer(PLAN.format(kind="IVF_SQ8", replicas=1), "holds 78 GB in memory"),
            WrongAnswer(
                'answer = ("IVF_SQ8", 4)',
                "The answer is a pair",
            ),
            WrongAnswer(
                PLAN.format(kind="IVF_SQ8", replicas=2).replace("64e9", "32e9"),
                "The plan has 8 nodes",
            ),
        ),
    ),
)
