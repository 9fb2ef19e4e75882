"""How many operations a pass of LoRA training over some rows takes.

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

from collections.abc import Sequence
from typing import Any

import torch
from peft import LoraConfig

from course_utils.batching import IGNORE_INDEX


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
