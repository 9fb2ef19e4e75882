"""LoRA training by lesson 04's recipe: against the processor's limit, and against the notes."""

import tempfile
from typing import Any

import torch
from peft import LoraConfig
from transformers import (
    DataCollatorForSeq2Seq,
    Trainer,
    TrainingArguments,
)

from benchmarks import limits
from benchmarks.comparison import Comparison
from benchmarks.held_out_loss import LOOK_EVERY, StopAtLoss
from benchmarks.measuring import Sample, rates_in_turns, say
from benchmarks.training_operations import count_operations
from course_utils import lora, models, runtime
from course_utils.batching import IGNORE_INDEX
from course_utils.lora import text_to_sql

HELD_OUT_LOSS = 0.6  # lesson 04's recipe is there after about a tenth of its epoch
NOTES_ADAPTER = LoraConfig(
    r=8,
    lora_alpha=16,
    target_modules=["q_proj", "v_proj"],
    lora_dropout=0.05,
    bias="none",
    task_type="CAUSAL_LM",
)


def run(*, small: bool) -> list[Comparison]:
    """Return the rows of the topic."""
    base, tokenizer = models.load_causal_lm(text_to_sql.MODEL, dtype=torch.float32, device="cpu")
    base.set_attn_implementation("eager")
    torch.set_float32_matmul_precision("medium")  # as lesson 04 does
    rows = lora.encode_rows(tokenizer, text_to_sql.rows("train"))
    number = 6 if small else 60
    some = rows[:: len(rows) // number][:number]
    longest = max(len(row["input_ids"]) for row in rows)
    padded = [notes_row(row, longest, tokenizer.pad_token_id) for row in some]
    operations = count_operations(base, text_to_sql.adapter_config(), some)
    tokens = sum(len(row["input_ids"]) for row in some)
    shapes = [tuple(m.weight.shape) for m in base.model.modules() if isinstance(m, torch.nn.Linear)]
    say(f"{operations / tokens / 1e6:.0f} million operations a token; {number} rows")

    def train_ours() -> float:
        train_course(base, tokenizer, some)
        return tokens

    def train_notes() -> float:
        train_by_notes(base, tokenizer, padded)
        return tokens

    measured = rates_in_turns(
        {
            "lora.train": train_ours,
            "the notes": train_notes,
            "square product": limits.square_product(),
            "products in the model's shapes": limits.products(shapes, 2 * tokens // number),
        },
        rounds=1 if small else 3,
    )
    to_giga = operations / tokens / 1e9
    ours = measured["lora.train"]
    giga = Sample(tuple(rate * to_giga for rate in ours.values))
    limit, in_shapes = (
        Sample(tuple(rate / 1e9 for rate in measured[name].values))
        for name in ("square product", "products in the model's shapes")
    )
    return [
        Comparison(
            "training",
            "LoRA training, useful operations",
            "GFLOP/s",
            giga,
            "largest rate of a matrix product",
            limit,
            goal=0.7,
            why_missed="A step has two rows, some 140 tokens: too few for products at their full "
            "rate, as the next line shows; larger steps learn less from each row.",
        ),
        Comparison(
            "training",
            "LoRA training, useful operations",
            "GFLOP/s",
            giga,
            "products of as many tokens with the model's weights",
            in_shapes,
        ),
        Comparison(
            "training",
            "LoRA training",
            "tokens/s",
            ours,
            "the notes' recipe, padding not counted",
            measured["the notes"],
            note=f"The notes' recipe pads each row to {longest} tokens, the longest of the file.",
        ),
        time_to_loss(base, tokenizer, rows, longest, small=small),
    ]


def notes_row(row: dict, length: int, pad_id: int) -> dict[str, list[int]]:
    """Return the row as the notes' recipe has it: padded to one length, the prompt learned too."""
    missing = length - len(row["input_ids"])
    return {
        "input_ids": row["input_ids"] + [pad_id] * missing,
        "attention_mask": [1] * len(row["input_ids"]) + [0] * missing,
        "labels": row["input_ids"] + [IGNORE_INDEX] * missing,
    }


def train_course(base: Any, tokenizer: Any, rows: list, callback: Any = None) -> None:
    """Train by `lora.train` for one epoch, and take the adapter off again."""
    with tempfile.TemporaryDirectory() as nowhere:
        result = lora.train(
            base,
            tokenizer,
            rows,
            lora_config=text_to_sql.adapter_config(),
            training_args=quiet(text_to_sql.recipe(nowhere)),
            callbacks=[callback] if callback else [],
        )
    result.model.unload()


def train_by_notes(base: Any, tokenizer: Any, rows: list, callback: Any = None) -> None:
    """Train the notes' adapter by the plain `Trainer`, rows in random order."""
    with tempfile.TemporaryDirectory() as nowhere:
        arguments = quiet(text_to_sql.recipe(nowhere))
        arguments.train_sampling_strategy = "random"
        model = lora.attach(base, NOTES_ADAPTER)
        Trainer(
            model=model,
            args=arguments,
            train_dataset=rows,
            data_collator=DataCollatorForSeq2Seq(tokenizer, label_pad_token_id=IGNORE_INDEX),
            callbacks=[callback] if callback else [],
        ).train()
    model.unload()


def quiet(arguments: TrainingArguments) -> TrainingArguments:
    """Return the arguments without a progress bar, on the processor."""
    arguments.disable_tqdm = True
    arguments.use_cpu = True
    return arguments


def time_to_loss(
    base: Any, tokenizer: Any, rows: list[dict], longest: int, *, small: bool
) -> Comparison:
    """Train both ways until the answers' loss on held-out rows is the same."""
    held_out = lora.encode_rows(tokenizer, text_to_sql.rows("dev")[:: 27 if small else 2])
    collate = DataCollatorForSeq2Seq(tokenizer, label_pad_token_id=IGNORE_INDEX)
    used = rows[:24] if small else rows
    padded = [notes_row(row, longest, tokenizer.pad_token_id) for row in used]
    took = {}
    for name, train, data in (
        ("lora.train", train_course, used),
        ("the notes", train_by_notes, padded),
    ):
        say(f"to a held-out loss of {HELD_OUT_LOSS}: {name}")
        runtime.set_seed(0)
        stop = StopAtLoss(held_out, collate, HELD_OUT_LOSS)
        train(base, tokenizer, data, stop)
        took[name] = stop
    reached = took["the notes"].loss <= HELD_OUT_LOSS
    return Comparison(
        "training",
        f"time to a held-out loss of {HELD_OUT_LOSS}",
        "s",
        Sample((took["lora.train"].seconds,)),
        "the notes' recipe" + ("" if reached else ", which didn't get there in one epoch"),
        Sample((took["the notes"].seconds,)),
        less_is_better=True,
        goal=3.0,
        note="The clock stands still while the held-out loss is measured, every "
        f"{LOOK_EVERY} steps; both have the same learning rate and seed.",
        why_missed="The notes train two projections of each block instead of seven, so that a "
        "padded token costs them less than one of ours.",
    )
