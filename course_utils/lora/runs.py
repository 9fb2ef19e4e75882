"""Tell whether the checkpoints in a folder belong to the training that is about to start.

The `Trainer` resumes from any checkpoint whose shapes fit: with other rows or another learning
rate it goes on without a word, and a finished run of an old recipe passes for the new one.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from peft import LoraConfig
from transformers import TrainingArguments
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_utils import get_last_checkpoint

from course_utils import files

RUN_FILE = "run.json"
# What changes the course of a training; how often it logs or saves doesn't.
COMPARED = (
    "adam_beta1",
    "adam_beta2",
    "adam_epsilon",
    "gradient_accumulation_steps",
    "learning_rate",
    "lr_scheduler_type",
    "max_grad_norm",
    "max_steps",
    "num_train_epochs",
    "optim",
    "per_device_train_batch_size",
    "seed",
    "train_sampling_strategy",
    "warmup_steps",
    "weight_decay",
)


def check_run(
    training_args: TrainingArguments,
    lora_config: LoraConfig,
    rows: Sequence[Mapping[str, Any]],
    *,
    resume: bool,
) -> str | None:
    """Return the checkpoint to go on from, or none, and record the run beside its checkpoints.

    Args:
        training_args: Its `output_dir` is looked at.
        lora_config: Of the adapter that is trained.
        rows: The tokenized training rows, in order.
        resume: Whether a checkpoint is wanted; without one the training starts afresh.

    Raises:
        FileExistsError: There are checkpoints, new ones would mix with them, and `resume` is
            false.
        ValueError: The checkpoints are of a training with other settings or rows.
    """
    folder = Path(training_args.output_dir)
    checkpoint = _last_whole_checkpoint(folder)
    run = _describe(training_args, lora_config, rows)
    path = folder / RUN_FILE
    if checkpoint is None or not resume:
        if training_args.save_strategy == "no":
            return None
        if checkpoint is not None:
            raise FileExistsError(
                f"{folder} holds {Path(checkpoint).name} of an earlier training; pass "
                "resume=True to go on from it, or delete the folder, or choose another output_dir"
            )
        if training_args.should_save:  # of several processes the first, as for checkpoints
            files.write_text(path, json.dumps(run, indent=2) + "\n")
        return None
    if path.is_file():
        try:
            earlier = dict(json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"{path}, which says of what training {checkpoint} is, can't be read ({error}); "
                f"delete {folder}, or choose another output_dir"
            ) from error
        changed = [
            f"{name} {earlier.get(name)!r}, now {run.get(name)!r}"
            for name in sorted(earlier.keys() | run)
            if earlier.get(name) != run.get(name)
        ]
        if changed:
            raise ValueError(
                f"{checkpoint} is of another training ({'; '.join(changed)}); delete {folder}, "
                "choose another output_dir, or go back to those settings"
            )
    return checkpoint


def _last_whole_checkpoint(folder: Path) -> str | None:
    """Return the newest checkpoint that was written to its end, and delete what was not.

    The `Trainer` writes trainer_state.json last, straight into the folder, and resumes from the
    highest number: a checkpoint that a kill cut short would fail each resumption.
    """
    while folder.is_dir() and (newest := get_last_checkpoint(str(folder))):
        try:
            json.loads((Path(newest) / TRAINER_STATE_NAME).read_text(encoding="utf-8"))
            return newest
        except (FileNotFoundError, ValueError):
            shutil.rmtree(newest)
    return None


def _describe(
    training_args: TrainingArguments, lora_config: LoraConfig, rows: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    arguments = training_args.to_dict()
    tokens = [[list(row["input_ids"]), list(row["labels"])] for row in rows]
    targets = lora_config.target_modules
    return {name: arguments[name] for name in COMPARED} | {
        "rows": len(rows),
        "rows_sha256": hashlib.sha256(json.dumps(tokens).encode()).hexdigest()[:16],
        "r": lora_config.r,
        "lora_alpha": lora_config.lora_alpha,
        "lora_dropout": lora_config.lora_dropout,
        "layers_to_transform": lora_config.layers_to_transform,
        "processes": training_args.world_size,
        "target_modules": targets if isinstance(targets, str) else sorted(targets or []),
    }
