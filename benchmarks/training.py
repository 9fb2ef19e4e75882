"""LoRA training by lesson 04's recipe: against the processor's limit, and against the notes.

Operations are counted for the real tokens alone, two for a multiplication with its addition:

    frozen weights   forward 2 P a token, P the weights of all 30 blocks; backward 2 P' a token,
                     P' those of the blocks from the first adapted one on. A frozen weight needs
                     no gradient of its own, and the gradient stops at the first adapter, before
                     which q, k and v pass none on.
    adapters         6 r (in + out) a token and layer: forward, and backward to input and weight
    attention        forward 2 dim (length + 1) a token and block, the causal half; backward twice
                     that, from the first adapted block on
    logits           4 dim vocab a labelled token, forward and backward

Norms, activations and the optimizer aren't counted: they take time, and are part of the loss
against the limit.
"""

import tempfile
import time
from collections.abc import Sequence
from typing import Any

import torch
from peft import LoraConfig
from transformers import (
    DataCollatorForSeq2Seq,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from benchmarks import limits
from benchmarks.comparison import Comparison
from benchmarks.measuring import Sample, rates_in_turns, say
from course_utils import lora, models, runtime
from course_utils.batching import IGNORE_INDEX
from course_utils.lora import text_to_sql

HELD_OUT_LOSS = 0.5  # the base model starts above 2; a query is mostly right at about 0.2
LOOK_EVERY = 10  # steps
NOTES_ADAPTER = LoraConfig(
    r=8,
    lora_alpha=16,
    target_modules=["q_proj", "v_proj"],
    lora_dropout=0.05,
    bias="none",
    task_type="CAUSAL_LM",
)


def run(*, small: bool, million: bool = False) -> list[Comparison]:
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


def count_operations(base: Any, config: LoraConfig, rows: Sequence[dict]) -> float:
    """Return the operations of one pass of training over the rows; the module has the formula."""
    first = min(config.layers_to_transform)
    forward = backward = adapters = 0
    for number, block in enumerate(base.model.layers):
        for name, layer in block.named_modules():
            if isinstance(layer, torch.nn.Linear):
                kind = name.split(".")[-1]
                forward += 2 * layer.weight.numel()
                passes_on = number > first or kind not in ("q_proj", "k_proj", "v_proj")
                if number >= first and passes_on:
                    backward += 2 * layer.weight.numel()
                if number in config.layers_to_transform and kind in config.target_modules:
                    adapters += 6 * config.r * (layer.in_features + layer.out_features)
    blocks = len(base.model.layers)
    dim, vocab = base.config.hidden_size, base.config.vocab_size
    attention = 2 * dim * (blocks + 2 * (blocks - first))
    lengths = [len(row["input_ids"]) for row in rows]
    labelled = sum(label != IGNORE_INDEX for row in rows for label in row["labels"])
    return (
        sum(lengths) * float(forward + backward + adapters)
        + attention * sum(length * (length + 1) for length in lengths)
        + 4.0 * dim * vocab * labelled
    )


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


class StopAtLoss(TrainerCallback):
    """Stops at a held-out loss; its clock stands still while that is measured."""

    def __init__(self, rows: list[dict], collate: Any, target: float) -> None:
        self.batches = [collate(rows[start : start + 12]) for start in range(0, len(rows), 12)]
        self.target = target
        self.seconds, self.loss = 0.0, float("inf")

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Start the clock."""
        self._since = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any, **kwargs: Any) -> None:
        """Look at the loss every few steps."""
        if state.global_step % LOOK_EVERY and state.global_step < state.max_steps:
            return
        self.seconds += time.perf_counter() - self._since
        model.eval()
        with torch.no_grad():
            losses = [model(**batch).loss.item() for batch in self.batches]
        model.train()
        counts = [(batch["labels"] != IGNORE_INDEX).sum().item() for batch in self.batches]
        self.loss = sum(a * b for a, b in zip(losses, counts, strict=True)) / sum(counts)
        say(f"step {state.global_step}, {self.seconds:.0f} s, held-out loss {self.loss:.3f}")
        control.should_training_stop = self.loss <= self.target
        self._since = time.perf_counter()


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
