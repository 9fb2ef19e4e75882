"""A callback that ends a training when the loss on held-out rows is low enough."""

import time
from typing import Any

import torch
from transformers import TrainerCallback

from benchmarks.measuring import say
from course_utils.batching import IGNORE_INDEX

LOOK_EVERY = 20  # steps


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
