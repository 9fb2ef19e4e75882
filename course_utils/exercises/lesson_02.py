"""Exercises of lesson 02: a collate function, a split, a stream."""

import json

from course_utils import runtime
from course_utils.exercises.exercise import Exercise, WrongAnswer, require

SETUP = """\
import json

import torch
from datasets import DatasetDict, load_dataset
from torch.utils.data import DataLoader

from course_utils import runtime
from course_utils.tables import pipeline

shop_folder = runtime.artifacts_dir() / "shop"
pipeline.prepare(runtime.data_dir(), shop_folder)
files = {name: shop_folder / "training" / f"{name}.jsonl" for name in ["train", "dev", "test"]}
rows = [json.loads(line) for line in files["train"].read_text(encoding="utf-8").splitlines()]
cache = str(runtime.artifacts_dir() / "datasets")
"""


def _rows(split: str) -> list[dict]:
    path = runtime.artifacts_dir() / "shop" / "training" / f"{split}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _check_loader(answer: object) -> None:
    import torch
    from torch.utils.data import DataLoader

    require(
        isinstance(answer, DataLoader),
        f"answer is a DataLoader, and this is of type {type(answer).__name__}.",
    )
    require(
        answer.batch_size == 16,
        f"The batch size is {answer.batch_size}, not 16.",
    )
    rows = _rows("train")
    require(
        len(answer.dataset) == len(rows),
        f"The loader is over {len(answer.dataset)} rows, and files['train'] has {len(rows)}.",
    )
    require(
        len(answer) == -(-len(rows) // 16),
        f"It has {len(answer)} batches. With drop_last the last rows are never seen; leave it out.",
    )
    try:
        batch = next(iter(answer))
    except Exception as error:
        require(
            False,
            f"The first batch fails: {type(error).__name__}: {error}. A collate "
            "function gets a list of rows and returns the batch.",
        )
    require(
        isinstance(batch, dict) and {"messages", "labels"} <= set(batch),
        "A batch should be a dictionary with the keys messages and labels; "
        f"this one is {sorted(batch) if isinstance(batch, dict) else type(batch).__name__}. "
        "collate_fn gets a list of rows and returns the batch.",
    )
    require(
        list(batch["messages"]) == [row["text"] for row in rows[:16]],
        "The messages aren't the first 16 of the file. A loader that shuffles gives others, and a "
        "test set that changes its order can't be compared row by row.",
    )
    labels = batch["labels"]
    require(
        isinstance(labels, torch.Tensor),
        f"labels is of type {type(labels).__name__}. A loss function takes a tensor.",
    )
    require(
        labels.dtype == torch.int64 and labels.shape == (16,),
        f"labels has dtype {labels.dtype} and shape {tuple(labels.shape)}; cross-entropy takes one "
        "int64 for each row, shape (16,).",
    )
    names = sorted({row["category"] for row in rows})
    require(
        labels.tolist() == [names.index(row["category"]) for row in rows[:16]],
        "The labels are other positions than those in the sorted list of all categories. A list "
        "made of the batch's own categories numbers them anew in each batch, and the model "
        "learns noise.",
    )


def _check_split(answer: object) -> None:
    import datasets

    require(
        isinstance(answer, datasets.DatasetDict),
        f"answer is of type {type(answer).__name__}. Put the two parts into a "
        "datasets.DatasetDict({...}), which names them and can map both at once.",
    )
    require(
        set(answer) == {"dev", "test"},
        f"The splits are called {sorted(answer)}. train_test_split always says train and test; "
        "put its parts into a DatasetDict under the names asked for, else somebody trains on "
        "your test data.",
    )
    rows = _rows("test")
    n_dev = round(len(rows) * 0.3)
    require(
        len(answer["dev"]) + len(answer["test"]) == len(rows),
        f"{len(answer['dev'])} and {len(answer['test'])} rows don't add up to {len(rows)}: rows "
        "are lost, or stand in both parts.",
    )
    require(
        abs(len(answer["dev"]) - n_dev) <= 1,
        f"dev has {len(answer['dev'])} rows; 30 percent of {len(rows)} are {n_dev}. test_size is "
        "the share of the part that train_test_split calls test.",
    )
    require(
        not set(answer["dev"]["id"]) & set(answer["test"]["id"]),
        "A row is in both parts, so what you choose on dev isn't tested on anything new.",
    )
    whole = datasets.Dataset.from_list(rows)
    drawn = (
        whole.train_test_split(test_size=0.3, seed=7)["test"],
        whole.train_test_split(train_size=0.3, seed=7)["train"],
    )
    require(
        any(set(answer["dev"]["id"]) == set(part["id"]) for part in drawn),
        "These are other rows than seed 7 draws. Without it nobody can draw your split again.",
    )


def _check_stream(answer: object) -> None:
    import datasets

    require(
        isinstance(answer, datasets.IterableDataset),
        f"answer is of type {type(answer).__name__}, not IterableDataset. streaming=True makes "
        "load_dataset read rows while you iterate and store nothing.",
    )
    rows = list(answer.take(6))
    require(
        bool(rows) and {"id", "category"} <= set(rows[0]),
        "The stream is empty or its rows lack id and category; the category is called repairs, and "
        "rows keep their fields.",
    )
    require(
        len(rows) <= 5,
        "The stream goes on after five rows. take(5) ends it.",
    )
    require(
        len(rows) == 5,
        f"Iterating doesn't give 5 rows but {len(rows)}. take before filter takes the first five "
        "of any kind and filters those: filter first.",
    )
    right = [row["id"] for row in _rows("train") if row["category"] == "repairs"][:5]
    require(
        all(row["category"] == "repairs" for row in rows),
        "Not all of these rows are about repairs. take before filter takes the first five of any "
        "kind: the order of the steps counts.",
    )
    require(
        [row["id"] for row in rows] == right,
        "These are repairs, but not the first five of the file.",
    )


EXERCISES = (
    Exercise(
        id="02.1",
        check=_check_loader,
        on_pass="Texts stay texts and labels became a tensor: a collate function decides, not a "
        "guess.",
        expects="a DataLoader",
        setup=SETUP,
        hints=(
            "collate_fn is a function that gets a list of rows (here 16 dictionaries) and returns "
            "what a batch should be.",
            "Make the sorted list of categories once, from all rows, outside of the function.",
            "torch.tensor([names.index(row['category']) for row in batch]) makes the labels.",
        ),
        solution="""\
names = sorted({row["category"] for row in rows})


def collate_messages(batch):
    labels = torch.tensor([names.index(row["category"]) for row in batch])
    return {"messages": [row["text"] for row in batch], "labels": labels}


answer = DataLoader(rows, batch_size=16, collate_fn=collate_messages)
""",
        wrong_answers=(
            WrongAnswer(
                "answer = DataLoader(rows, batch_size=16)", "a dictionary with the keys messages"
            ),
            WrongAnswer(
                "names = sorted({row['category'] for row in rows})\n"
                "make = lambda batch: {'messages': [row['text'] for row in batch],\n"
                "    'labels': torch.tensor([names.index(row['category']) for row in batch])}\n"
                "answer = DataLoader(rows, batch_size=16, collate_fn=make, shuffle=True)",
                "A loader that shuffles",
            ),
            WrongAnswer(
                "def make(batch):\n"
                "    names = sorted({row['category'] for row in batch})\n"
                "    labels = torch.tensor([names.index(row['category']) for row in batch])\n"
                "    return {'messages': [row['text'] for row in batch], 'labels': labels}\n"
                "answer = DataLoader(rows, batch_size=16, collate_fn=make)",
                "numbers them anew in each batch",
            ),
            WrongAnswer(
                "make = lambda batch: {'messages': [row['text'] for row in batch],\n"
                "    'labels': [row['category'] for row in batch]}\n"
                "answer = DataLoader(rows, batch_size=16, collate_fn=make)",
                "takes a tensor",
            ),
            WrongAnswer(
                "make = lambda batch: {'messages': batch['text']}\n"
                "answer = DataLoader(rows, batch_size=16, collate_fn=make)",
                "The first batch fails: TypeError",
            ),
        ),
    ),
    Exercise(
        id="02.2",
        check=_check_split,
        on_pass="Named, seeded and disjoint: anybody can draw the same split again.",
        expects="a DatasetDict",
        setup=SETUP,
        hints=(
            "load_dataset with split='train' gives the Dataset, which has train_test_split.",
            "train_test_split(test_size=0.3, seed=7) returns a dictionary with train and test; "
            "the smaller part is the one called test.",
            "datasets.DatasetDict({'dev': ..., 'test': ...}) gives the parts other names.",
        ),
        solution="""\
import datasets

whole = load_dataset("json", data_files=str(files["test"]), split="train", cache_dir=cache)
halves = whole.train_test_split(test_size=0.3, seed=7)
answer = datasets.DatasetDict({"dev": halves["test"], "test": halves["train"]})
""",
        wrong_answers=(
            WrongAnswer(
                "one = load_dataset('json', data_files=str(files['test']), cache_dir=cache)\n"
                "answer = one['train'].train_test_split(test_size=0.3, seed=7)",
                "always says train and test",
            ),
            WrongAnswer(
                "one = load_dataset('json', data_files=str(files['test']), cache_dir=cache)\n"
                "two = one['train'].train_test_split(test_size=0.3, seed=7)\n"
                "answer = DatasetDict({'dev': two['train'], 'test': two['test']})",
                "the share of the part",
            ),
            WrongAnswer(
                "one = load_dataset('json', data_files=str(files['test']), cache_dir=cache)\n"
                "two = one['train'].train_test_split(test_size=0.3, seed=8)\n"
                "answer = DatasetDict({'dev': two['test'], 'test': two['train']})",
                "other rows than seed 7",
            ),
            WrongAnswer(
                "one = load_dataset('json', data_files=str(files['test']), cache_dir=cache)\n"
                "answer = DatasetDict({'dev': one['train'].select(range(80)), "
                "'test': one['train']})",
                "rows are lost, or stand in both",
            ),
            WrongAnswer(
                "answer = load_dataset('json', data_files=str(files['test']), split='train', "
                "cache_dir=cache)",
                "Put the two parts into a",
            ),
        ),
    ),
    Exercise(
        id="02.3",
        check=_check_stream,
        on_pass="Five rows, and nothing was converted or stored.",
        expects="an IterableDataset",
        setup=SETUP,
        hints=(
            "load_dataset takes streaming=True; with split='train' you get the stream itself.",
            "A stream has filter and take, as a Dataset has filter and select.",
            "First filter, then take(5).",
        ),
        solution="""\
stream = load_dataset("json", data_files=str(files["train"]), split="train", streaming=True)
answer = stream.filter(lambda row: row["category"] == "repairs").take(5)
""",
        wrong_answers=(
            WrongAnswer(
                "whole = load_dataset('json', data_files=str(files['train']), split='train', "
                "cache_dir=cache)\n"
                "answer = whole.filter(lambda row: row['category'] == 'repairs').select(range(5))",
                "not IterableDataset",
            ),
            WrongAnswer(
                "stream = load_dataset('json', data_files=str(files['train']), split='train', "
                "streaming=True)\n"
                "answer = stream.take(5).filter(lambda row: row['category'] == 'repairs')",
                "doesn't give 5 rows",
            ),
            WrongAnswer(
                "stream = load_dataset('json', data_files=str(files['train']), split='train', "
                "streaming=True)\n"
                "answer = stream.take(5)",
                "the order of the steps counts",
            ),
            WrongAnswer(
                "stream = load_dataset('json', data_files=str(files['train']), split='train', "
                "streaming=True)\n"
                "answer = stream.filter(lambda row: row['category'] == 'repairs')",
                "take.5. ends it",
            ),
        ),
    ),
)
