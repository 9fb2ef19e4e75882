"""Train lesson 04's adapter for a few steps, in as many processes as this was started in.

    torchrun --nproc_per_node 2 -m course_utils.lora.across_processes REPORT.json

The first process writes the report: how many there were, the losses, what each held in memory.
"""

import argparse
import json
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from accelerate import PartialState
from accelerate.utils import gather_object
from transformers import TrainingArguments
from transformers.utils import logging

from course_utils import files, lora, models, noise, runtime
from course_utils.lora import text_to_sql
from course_utils.lora.memory import HeldBytes, HeldBytesCallback


@dataclass(frozen=True)
class Report:
    """What a training in some processes did."""

    processes: int
    steps: int
    tokens: int  # of all processes together
    losses: tuple[float, ...]  # the mean over the answer tokens of each step's rows
    held: tuple[HeldBytes, ...]  # by each process


def train_steps(
    *,
    steps: int = 10,
    rows_per_step: int = 4,
    dropout: float = 0.0,
    average_tokens: bool = True,
) -> Report:
    """Train for a few steps by `lora.train`; every process calls this.

    A step sees the same rows whatever the number of processes: the `Trainer` shuffles alike in
    each and hands the batches out in turn.

    Args:
        steps: Of the optimizer.
        rows_per_step: Of all processes together.
        dropout: Of the adapter; each process draws its own.
        average_tokens: Whether the loss is the mean over the answer tokens of all processes. If
            not, each takes the mean of its own, and the gradients are averaged evenly.

    Raises:
        ValueError: The rows can't be divided evenly among the processes.
    """
    state = PartialState(cpu=runtime.device() == "cpu")
    if rows_per_step % state.num_processes:
        raise ValueError(
            f"rows_per_step={rows_per_step} can't be divided evenly among {state.num_processes} "
            "processes; give a multiple"
        )
    model, tokenizer = models.load_causal_lm(text_to_sql.MODEL, dtype=torch.float32)
    model.set_attn_implementation("eager")
    runtime.set_seed(0)  # A begins alike in each process, and whatever their number
    held = HeldBytesCallback()
    with tempfile.TemporaryDirectory() as nowhere:
        result = lora.train(
            model,
            tokenizer,
            text_to_sql.rows("train"),
            lora_config=replace(text_to_sql.adapter_config(), lora_dropout=dropout),
            training_args=TrainingArguments(
                output_dir=nowhere,
                max_steps=steps,
                per_device_train_batch_size=rows_per_step // state.num_processes,
                average_tokens_across_devices=average_tokens,
                learning_rate=2e-3,
                logging_steps=1,
                save_strategy="no",
                report_to=[],
                use_cpu=runtime.device() == "cpu",
                dataloader_pin_memory=False,
                seed=0,
            ),
            callbacks=[held],
        )
    return Report(
        processes=state.num_processes,
        steps=result.steps,
        tokens=result.tokens,
        losses=tuple(loss for _, loss in result.losses),
        held=tuple(gather_object([held.held])),
    )


def read_report(path: Path) -> Report:
    """Read what the first process wrote."""
    fields = json.loads(path.read_text(encoding="utf-8"))
    held = tuple(HeldBytes(**each) for each in fields.pop("held"))
    losses = tuple(fields.pop("losses"))
    return Report(**fields, losses=losses, held=held)


def main(arguments: list[str] | None = None) -> None:
    """Train by the command line's arguments, and let the first process write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("report", type=Path, help="a JSON file to be written")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--rows-per-step", type=int, default=4)
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--mean-of-means", action="store_true", help="average_tokens=False")
    given = parser.parse_args(arguments)
    noise.hide_known()
    logging.disable_progress_bar()
    report = train_steps(
        steps=given.steps,
        rows_per_step=given.rows_per_step,
        dropout=given.dropout,
        average_tokens=not given.mean_of_means,
    )
    if PartialState().is_main_process:
        files.write_text(given.report, json.dumps(asdict(report)) + "\n")
    PartialState().destroy_process_group()


if __name__ == "__main__":
    main()
