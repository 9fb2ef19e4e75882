"""Batches from tokenized rows, and what an order of the rows costs in padding."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.data import Sampler

IGNORE_INDEX = -100  # cross-entropy skips these labels


@dataclass(frozen=True)
class PaddingCollator:
    """Make a batch of tokenized rows, padded on the right to the longest of them.

    The `collate_fn` of a `DataLoader`. The mask is 0 on padding and nowhere else, even where
    the padding token is also a real one (SmolLM2 ends each turn with it), and the labels of
    padding are `IGNORE_INDEX`, so that no loss is computed there.
    """

    pad_id: int
    multiple_of: int = 1  # pads further, up to a multiple of this; 8 suits a GPU's tensor cores

    def __post_init__(self) -> None:
        if self.multiple_of < 1:
            raise ValueError(f"multiple_of={self.multiple_of} is below 1; 1 pads to the longest")

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        """Return `input_ids`, `attention_mask` and, where the rows have them, `labels`.

        Args:
            rows: Each with `input_ids` and, in all rows or in none, `labels` of the same length.
                Other keys are left out.

        Returns:
            Tensors of int64, shape (batch, length).

        Raises:
            ValueError: A row isn't tokenized, is empty, is padded already, or its labels don't
                fit its tokens.
        """
        with_labels = _is_row(rows[0]) and "labels" in rows[0]
        for number, row in enumerate(rows):
            _check_row(number, row, with_labels=with_labels)
        longest = max(len(row["input_ids"]) for row in rows)
        length = -(-longest // self.multiple_of) * self.multiple_of  # rounded up
        batch = {
            "input_ids": _padded([row["input_ids"] for row in rows], length, self.pad_id),
            "attention_mask": _padded([[1] * len(row["input_ids"]) for row in rows], length, 0),
        }
        if with_labels:
            batch["labels"] = _padded([row["labels"] for row in rows], length, IGNORE_INDEX)
        return batch


class BucketBatchSampler(Sampler[list[int]]):
    """Batches of rows of similar length, in random order.

    The `batch_sampler` of a `DataLoader`. Sorting all rows by length would save the most
    padding, but then each epoch would repeat the same batches, from the shortest to the
    longest. Here the rows are shuffled, cut into pools of several batches, and sorted within
    each pool; then the batches are shuffled.
    """

    def __init__(
        self,
        lengths: Sequence[int],
        *,
        batch_size: int,
        pool_batches: int = 20,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        """Prepare the batches of epoch 0.

        Args:
            lengths: The length of each row, in tokens.
            batch_size: Rows a batch.
            pool_batches: Batches a pool. 1 is a plain shuffle; more saves more padding and
                leaves less to chance.
            seed: Of the shuffles; the epoch is added to it.
            drop_last: Whether to leave out the batch that has fewer rows than the others.

        Raises:
            ValueError: `lengths` is empty, or a size is below 1.
        """
        if not len(lengths):
            raise ValueError("lengths is empty; pass the length of each row of the dataset")
        for name, value in (("batch_size", batch_size), ("pool_batches", pool_batches)):
            if value < 1:
                raise ValueError(f"{name}={value} is below 1; pass a whole number of at least 1")
        self._lengths = lengths
        self._batch_size = batch_size
        self._pool_size = pool_batches * batch_size
        self._seed = seed
        self._drop_last = drop_last
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch's order; without this call each epoch has the same."""
        self._epoch = epoch

    def __len__(self) -> int:
        rows = len(self._lengths)
        return rows // self._batch_size if self._drop_last else -(-rows // self._batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        generator = torch.Generator().manual_seed(self._seed + self._epoch)
        order = torch.randperm(len(self._lengths), generator=generator).tolist()
        batches = []
        for start in range(0, len(order), self._pool_size):
            pool = sorted(order[start : start + self._pool_size], key=self._lengths.__getitem__)
            batches += [
                pool[first : first + self._batch_size]
                for first in range(0, len(pool), self._batch_size)
            ]
        if self._drop_last and len(batches[-1]) < self._batch_size:
            batches.pop()
        for position in torch.randperm(len(batches), generator=generator).tolist():
            yield batches[position]


def padded_share(lengths: Sequence[int], batches: Iterable[Sequence[int]]) -> float:
    """Return the share of the positions in padded batches that is padding, from 0 to under 1.

    A model computes padding like any other token and then throws the result away.

    Args:
        lengths: The length of each row, in tokens.
        batches: For each batch the numbers of its rows, such as a `BucketBatchSampler`.

    Raises:
        ValueError: There are no batches, or one is empty or holds only rows of length 0.
    """
    tokens = positions = 0
    for number, batch in enumerate(batches):
        sizes = [lengths[row] for row in batch]
        if not any(sizes):
            raise ValueError(f"batch {number} has no tokens; leave empty rows and batches out")
        tokens += sum(sizes)
        positions += max(sizes) * len(sizes)
    if not positions:
        raise ValueError("there are no batches; an iterator that was used up gives none")
    return 1 - tokens / positions


def _is_row(row: object) -> bool:
    return isinstance(row, Mapping) and "input_ids" in row


def _check_row(number: int, row: Mapping[str, Any], *, with_labels: bool) -> None:
    if not _is_row(row):
        has = ", ".join(map(str, row)) if isinstance(row, Mapping) else type(row).__name__
        raise ValueError(
            f"rows[{number}] has no 'input_ids' (it has: {has}); tokenize the rows first, or keep "
            "them as they are with DataLoader(..., collate_fn=list)"
        )
    ids = row["input_ids"]
    if not len(ids):
        raise ValueError(f"rows[{number}] has no tokens; remove empty rows before batching")
    if torch.as_tensor(ids).ndim != 1:
        raise ValueError(
            f"rows[{number}]['input_ids'] is no flat list; tokenize without return_tensors"
        )
    if not all(row.get("attention_mask", [1])):
        raise ValueError(
            f"rows[{number}] is padded already; tokenize without padding, the collator pads"
        )
    if ("labels" in row) != with_labels:
        raise ValueError(
            f"rows[{number}] has {'no ' if with_labels else ''}'labels', unlike rows[0]; give "
            "labels to all rows or to none"
        )
    if with_labels and len(row["labels"]) != len(ids):
        raise ValueError(
            f"rows[{number}] has {len(row['labels'])} labels for {len(ids)} tokens; make one label "
            f"a token, {IGNORE_INDEX} where no loss is wanted"
        )


def _padded(lists: list[Any], length: int, value: int) -> torch.Tensor:
    batch = torch.full((len(lists), length), value, dtype=torch.long)
    for number, items in enumerate(lists):
        batch[number, : len(items)] = torch.as_tensor(items, dtype=torch.long)
    return batch
