"""The embedding model that lesson 05 makes: found where the lesson left it, else made here.

messages   the shop's messages of one split, with their intents
recipe     the arguments that won in lesson 05
teach      train a model on the messages by that recipe
save, find, load
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from sentence_transformers import SentenceTransformer, SentenceTransformerTrainingArguments
from sentence_transformers.sentence_transformer import losses

from course_utils import data_files, files, models, runtime
from course_utils.embeddings import pairs, training

PAIRS_AN_INTENT = 60


@dataclass(frozen=True)
class Messages:
    """Texts of one split, and the intent of each."""

    texts: list[str]
    intents: list[str]


def messages(split: str) -> Messages:
    """Return the messages of a split of `intents.jsonl`.

    Args:
        split: `train`, `dev`, `test_seen`, `test_unseen` or `test_indirect`.

    Raises:
        ValueError: There is no such split.
    """
    rows = data_files.split_rows("intents.jsonl", split)
    return Messages([row["text"] for row in rows], [row["intent"] for row in rows])


def recipe(output_dir: Path | str, *, seed: int = 0) -> SentenceTransformerTrainingArguments:
    """Return the arguments that won in lesson 05; the lesson explains each.

    Args:
        output_dir: For checkpoints; this recipe writes none.
        seed: Decides the batches and the dropout.
    """
    return SentenceTransformerTrainingArguments(
        output_dir=str(output_dir),
        max_steps=60,
        per_device_train_batch_size=32,
        learning_rate=5e-5,
        warmup_steps=0.1,
        batch_sampler=pairs.OneIntentABatch,
        seed=seed,
        logging_steps=10,
        save_strategy="no",
        report_to="none",
        dataloader_pin_memory=False,
        use_cpu=runtime.device() == "cpu",
        disable_tqdm=True,
    )


def teach(model: SentenceTransformer, *, seed: int = 0) -> training.FineTuneReport:
    """Train a model in place on the messages of `train`, about a minute on a laptop.

    Args:
        model: The model to train.
        seed: Decides pairs, batches and dropout.
    """
    train = messages("train")
    runtime.set_seed(seed)
    dataset = pairs.anchor_dataset(
        train.texts, train.intents, max_per_intent=PAIRS_AN_INTENT, seed=seed
    )
    loss = losses.MultipleNegativesRankingLoss(model)
    with tempfile.TemporaryDirectory() as nowhere:
        return training.fine_tune(model, dataset, loss=loss, args=recipe(nowhere, seed=seed))


def save(model: SentenceTransformer) -> Path:
    """Write a model where `find` looks, whole or not at all; an older one is replaced.

    Args:
        model: Fine-tuned from the tier's embedding model.

    Returns:
        The folder.
    """
    return files.replace_folder(_folder(), lambda part: model.save_pretrained(str(part)))


def find() -> str:
    """Return the folder of the fine-tuned model, made by `teach` if lesson 05 hasn't saved one."""

    def build(part: Path) -> None:
        model = models.load_embedder()
        teach(model)
        model.save_pretrained(str(part))

    return str(files.build_folder_once(_folder(), build))


def load(*, device: str | None = None) -> SentenceTransformer:
    """Load the fine-tuned model, made by `teach` if lesson 05 hasn't saved one.

    Args:
        device: `cpu` or `cuda`; the tier's by default.
    """
    return models.load_embedder(find(), device=device)


def _folder() -> Path:
    return runtime.artifacts_dir() / "models" / f"{models.default_embedder()}-messages"
