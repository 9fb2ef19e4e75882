"""Train a LoRA adapter on pairs of prompt and answer, with transformers' own `Trainer`.

A pair becomes one row of tokens, and only the answer's tokens have labels: the model learns to
answer, not to write questions. `lora.adapters`, whose functions are here too, puts the adapter
on the model, saves it and merges it.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from peft import LoraConfig, PeftModel
from transformers import DataCollatorForSeq2Seq, Trainer, TrainerCallback, TrainingArguments

from course_utils import files
from course_utils.batching import IGNORE_INDEX
from course_utils.lora.adapters import (
    attach,
    load_adapter,
    merge,
    predict_parameters,
    save_adapter,
)
from course_utils.lora.encoding import (
    PROMPT,
    encode,
    encode_rows,
    prompt_of,
)
from course_utils.lora.plot import LossPlot
from course_utils.lora.runs import check_run

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

__all__ = [
    "PROMPT",
    "AnswerTrainer",
    "LossPlot",
    "TrainResult",
    "attach",
    "encode",
    "encode_rows",
    "load_adapter",
    "merge",
    "predict_parameters",
    "prompt_of",
    "save_adapter",
    "train",
]


@dataclass(frozen=True)
class TrainResult:
    """A trained model and what its training cost."""

    model: PeftModel  # ready to generate
    losses: tuple[tuple[int, float], ...]  # step and mean loss since the entry before
    eval_losses: tuple[tuple[int, float], ...]  # step and loss on `eval_rows`
    steps: int  # all of the training's, those before a resumption included
    tokens: int  # went through the model in these steps, padding left out
    seconds: float  # of this call alone


class AnswerTrainer(Trainer):
    """A `Trainer` that computes logits only where there is a label.

    The last layer makes a number for each of 49,152 tokens at each position, about a fifth of
    SmolLM2's work, and at the prompt's positions cross-entropy ignores them. Loss and gradients
    are those of `Trainer`, up to rounding.
    """

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """Return the mean loss of the labelled tokens; the `Trainer` calls this."""
        if not isinstance(model, PeftModel) or return_outputs:
            # Wrapped for several processes: only its own forward exchanges the gradients.
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        base = model.get_base_model()
        tokens = {name: tensor for name, tensor in inputs.items() if name != "labels"}
        hidden = base.get_decoder()(**tokens).last_hidden_state  # (batch, length, dim)
        targets = inputs["labels"][:, 1:]  # position i predicts token i + 1
        labelled = targets != IGNORE_INDEX
        logits = base.get_output_embeddings()(hidden[:, :-1][labelled])  # (labelled, vocab)
        count = labelled.sum() if num_items_in_batch is None else num_items_in_batch
        loss = torch.nn.functional.cross_entropy(logits.float(), targets[labelled], reduction="sum")
        return loss / count


def train(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    rows: Sequence[Mapping[str, Any]],
    *,
    lora_config: LoraConfig | None,
    training_args: TrainingArguments,
    eval_rows: Sequence[Mapping[str, Any]] | None = None,
    callbacks: Sequence[TrainerCallback] = (),
    resume: bool = False,
) -> TrainResult:
    """Attach an adapter to a model and train it with `AnswerTrainer`.

    With `resume` it goes on from the last checkpoint in `training_args.output_dir`, to the
    same result as without the interruption; where there is none, it starts. Checkpoints of
    other settings or rows are refused.

    Args:
        model: The base model, quantized or not, or what `attach` returned.
        tokenizer: The model's.
        rows: With `schema`, `question` and `sql`, or tokenized by one of the functions here.
        lora_config: The library's own object; None if the model has its adapter already.
        training_args: The library's own object.
        eval_rows: Held-out rows; `training_args.eval_strategy` says when their loss is taken.
        callbacks: The library's own, such as `LossPlot()`.
        resume: Whether to go on from a checkpoint.

    Raises:
        ValueError: There are no rows or no parameters to train, `eval_rows` and
            `eval_strategy` come one without the other, the adapter is given twice or not at
            all, or a checkpoint is of another training.
        FileExistsError: `output_dir` has checkpoints and `resume` is false.
        OSError: A checkpoint can't be written. Earlier ones stay, to resume from.
    """
    data = _tokenized(tokenizer, rows, "rows")
    eval_data = None if eval_rows is None else _tokenized(tokenizer, eval_rows, "eval_rows")
    if (eval_data is None) != (training_args.eval_strategy == "no"):
        raise ValueError(
            f"eval_strategy={str(training_args.eval_strategy.value)!r} with eval_rows "
            f"{'None' if eval_data is None else 'given'}: the Trainer wouldn't evaluate; give "
            'both, such as eval_strategy="epoch", or neither'
        )
    model = _with_adapter(model, lora_config)
    checkpoint = check_run(
        training_args, model.peft_config[model.active_adapter], data, resume=resume
    )
    trainer = AnswerTrainer(
        model=model,
        args=training_args,
        train_dataset=data,
        eval_dataset=eval_data,
        data_collator=DataCollatorForSeq2Seq(tokenizer, label_pad_token_id=IGNORE_INDEX),
        processing_class=tokenizer,
        callbacks=list(callbacks),
    )
    started = time.perf_counter()
    with files.explain_disk(Path(training_args.output_dir)):
        trainer.train(resume_from_checkpoint=checkpoint)
    seconds = time.perf_counter() - started
    model.eval()
    state = trainer.state
    epochs = state.epoch or 0.0
    return TrainResult(
        model=model,
        losses=_history(state.log_history, "loss"),
        eval_losses=_history(state.log_history, "eval_loss"),
        steps=state.global_step,
        tokens=round(epochs * sum(len(row["input_ids"]) for row in data)),
        seconds=seconds,
    )


def _tokenized(
    tokenizer: "PreTrainedTokenizerBase", rows: Sequence[Mapping[str, Any]], name: str
) -> list[Mapping[str, Any]]:
    if not len(rows):
        raise ValueError(f"{name} is empty; pass rows with schema, question and sql")
    return list(rows) if "input_ids" in rows[0] else encode_rows(tokenizer, rows)


def _with_adapter(model: "PreTrainedModel", lora_config: LoraConfig | None) -> PeftModel:
    if lora_config is not None:
        model = attach(model, lora_config)
    elif not isinstance(model, PeftModel):
        raise ValueError("the model has no adapter; pass lora_config=LoraConfig(...)")
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ValueError(
            "no parameter of the adapter trains. prepare_model_for_kbit_training freezes it when "
            "it comes after attach, and load_adapter unless trainable=True"
        )
    return model


def _history(log: list[dict[str, Any]], key: str) -> tuple[tuple[int, float], ...]:
    return tuple((entry["step"], entry[key]) for entry in log if key in entry)
