"""The text-to-SQL adapter that lesson 04 makes, found or made here, and what it answers.

rows       questions of one split, with schema and SQL
recipe     the arguments of lesson 04's full run, beside `adapter_config`
teach      train an adapter by that recipe
find, load
answer     question and schema -> SQL -> rows, read-only, with failures in words
"""

import sqlite3
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from peft import LoraConfig, PeftModel
from transformers import GenerationConfig, TrainingArguments

from course_utils import data_files, files, generation, lora, models, runtime
from course_utils.embeddings.training import fast_products
from course_utils.lora import adapters
from course_utils.sql_eval.replies import SqlAnswer, run_reply

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

MODEL = "SmolLM2-135M-Instruct"
LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
MAX_NEW_TOKENS = 48  # the longest reference has 43 tokens, and the end token follows
MAX_QUESTION_CHARACTERS = 400


def rows(split: str) -> list[dict[str, Any]]:
    """Return the rows of a split of `text_to_sql.jsonl`.

    Args:
        split: `train`, `dev`, `test_values`, `test_wordings` or `test_tables`.

    Raises:
        ValueError: There is no such split.
    """
    return data_files.split_rows("text_to_sql.jsonl", split)


def adapter_config() -> LoraConfig:
    """Return the adapter of lesson 04; the lesson explains each argument."""
    return LoraConfig(
        r=8,
        lora_alpha=16,
        target_modules=LINEAR,
        layers_to_transform=list(range(10, 30)),
        lora_dropout=0.0,
        bias="none",
        task_type="CAUSAL_LM",
    )


def recipe(output_dir: Path | str, *, seed: int = 0) -> TrainingArguments:
    """Return the arguments of lesson 04's full run; the lesson explains each.

    Args:
        output_dir: For checkpoints; this recipe writes none.
        seed: Decides the rows' order and where the adapter starts.
    """
    return TrainingArguments(
        output_dir=str(output_dir),
        num_train_epochs=1,
        per_device_train_batch_size=2,
        learning_rate=2e-3,
        lr_scheduler_type="linear",
        warmup_steps=3,
        train_sampling_strategy="group_by_length",
        logging_steps=100,
        save_strategy="no",
        eval_strategy="no",
        report_to=[],
        use_cpu=runtime.device() == "cpu",
        dataloader_pin_memory=False,
        seed=seed,
    )


def teach(
    model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", *, seed: int = 0
) -> lora.TrainResult:
    """Train an adapter on the rows of `train`, about three minutes on a laptop.

    Args:
        model: Without adapters; it changes.
        tokenizer: The model's.
        seed: Decides the rows' order and where the adapter starts.
    """
    runtime.set_seed(seed)
    with tempfile.TemporaryDirectory() as nowhere, fast_products():
        return lora.train(
            model,
            tokenizer,
            rows("train"),
            lora_config=adapter_config(),
            training_args=recipe(nowhere, seed=seed),
        )


def find() -> Path:
    """Return the adapter's folder, made by `teach` if lesson 04 hasn't saved one."""

    def build(part: Path) -> None:
        base, tokenizer = _load_base(None)
        adapters.write_adapter(teach(base, tokenizer).model, part)

    folder = runtime.artifacts_dir() / "lesson_04" / "adapter"
    return files.build_folder_once(folder, build, wait_s=1800)


def load(*, device: str | None = None) -> tuple[PeftModel, "PreTrainedTokenizerBase"]:
    """Load the model with the adapter, made by `teach` if lesson 04 hasn't saved one.

    Args:
        device: `cpu` or `cuda`; the tier's by default.
    """
    folder = find()
    base, tokenizer = _load_base(device)
    return lora.load_adapter(base, folder), tokenizer


def answer(
    question: str,
    schema: str,
    *,
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    database: sqlite3.Connection | Path | str,
) -> SqlAnswer:
    """Let the model write a query, run it read-only, and say what came of it.

    What the model writes is never trusted and never raises; see `run_reply`.

    Args:
        question: In plain words. It goes into the prompt, on one line, and nowhere else.
        schema: The tables that it is about, as `sql_schemas.SchemaIndex` finds them.
        model: What `load` returned.
        tokenizer: The model's.
        database: As `sql_eval.run_query` takes it.

    Raises:
        ValueError: The question is empty.
    """
    question = " ".join(question.split())
    if not question:
        raise ValueError("the question is empty; ask for a figure, such as the number of orders")
    if len(question) > MAX_QUESTION_CHARACTERS:
        said = f"That is too long for me: ask in at most {MAX_QUESTION_CHARACTERS} characters."
        return SqlAnswer(said)
    prompt = lora.prompt_of({"schema": schema, "question": question})
    greedy = GenerationConfig(
        do_sample=False, max_new_tokens=MAX_NEW_TOKENS, pad_token_id=tokenizer.pad_token_id
    )
    [reply] = generation.complete(model, tokenizer, [prompt], generation_config=greedy)
    return run_reply(reply.text, database)


def _load_base(device: str | None) -> tuple["PreTrainedModel", "PreTrainedTokenizerBase"]:
    model, tokenizer = models.load_causal_lm(MODEL, dtype=torch.float32, device=device)
    model.set_attn_implementation("eager")  # plain attention, which suits short rows on a CPU
    return model, tokenizer
