"""What a training holds in memory, predicted for any size and measured on a real run.

A weight that trains costs four times: itself, its gradient, and the two averages that AdamW
keeps of it. A weight that rests costs once. That is why LoRA is cheap, and what ZeRO and FSDP
divide among processes (Rajbhandari et al. 2020). Activations come on top; they grow with the
batch and aren't counted here.
"""

from dataclasses import dataclass
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

ADAM_STATES = 2  # AdamW's averages of the gradient and of its square


@dataclass(frozen=True)
class HeldBytes:
    """What one process holds, in bytes."""

    weights: float
    gradients: float
    optimizer: float

    @property
    def total(self) -> float:
        """All three together."""
        return self.weights + self.gradients + self.optimizer


def predict_held(
    resting: int,
    training: int,
    *,
    processes: int = 1,
    zero_stage: int = 0,
    resting_bytes: float = 4,
    training_bytes: float = 4,
) -> HeldBytes:
    """Return what each process holds of a training.

    Args:
        resting: Weights that don't train: all of the base's under LoRA, else none.
        training: Weights that train.
        processes: Among which it is divided.
        zero_stage: 0: each process has a copy of all (DDP). 1 divides the optimizer's state, 2 the
            gradients too, 3 the weights too, as FSDP does. Numbers are of the moment between two
            layers: stage 3 gathers a layer's weights whole while it computes.
        resting_bytes: For each weight that rests: 4 for float32, 2 for bfloat16, 0.5 for nf4.
        training_bytes: For each weight that trains, its gradient, and each of AdamW's averages.

    Raises:
        ValueError: There is no process, or no such stage.
    """
    if processes < 1:
        raise ValueError(f"processes={processes}; one is the least")
    if zero_stage not in (0, 1, 2, 3):
        raise ValueError(f"zero_stage={zero_stage}; ZeRO has the stages 1, 2 and 3, and 0 is none")
    trained = training * training_bytes
    of_weights, of_gradients, of_optimizer = (
        processes if zero_stage >= stage else 1 for stage in (3, 2, 1)
    )
    return HeldBytes(
        weights=(resting * resting_bytes + trained) / of_weights,
        gradients=trained / of_gradients,
        optimizer=ADAM_STATES * trained / of_optimizer,
    )


def count_held(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> HeldBytes:
    """Return what this process holds now: of weights that are divided, its own part.

    Args:
        model: In a training, after a backward pass.
        optimizer: The model's, after a step; it makes its state at the first.
    """
    parameters = list(model.parameters())
    averages = (
        value
        for state in optimizer.state.values()
        for value in state.values()
        if isinstance(value, torch.Tensor) and value.ndim  # the step's number has no dimension
    )
    return HeldBytes(
        weights=sum(map(_bytes_here, parameters)),
        gradients=sum(_bytes_here(p.grad) for p in parameters if p.grad is not None),
        optimizer=sum(map(_bytes_here, averages)),
    )


class HeldBytesCallback(TrainerCallback):
    """Count what the process holds in a `Trainer` after each optimizer's step; see `held`."""

    def __init__(self) -> None:
        self.held: HeldBytes | None = None

    def on_optimizer_step(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **given: Any,
    ) -> None:
        """Count; the `Trainer` calls this while the gradients are still there."""
        self.held = count_held(given["model"], given["optimizer"])


def _bytes_here(tensor: torch.Tensor) -> int:
    local = tensor.to_local() if hasattr(tensor, "to_local") else tensor  # FSDP's DTensor
    return local.numel() * local.element_size()
