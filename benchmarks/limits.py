"""What the machine can do at most, measured in the same run: products and reading."""

from collections.abc import Callable

import torch

SIDE = 2048  # of square matrices: large enough for the best rate, 50 MB for the three
READ_BYTES = 1_000_000_000  # more than any cache holds


def square_product() -> Callable[[], float]:
    """Return a function that multiplies two matrices and returns the operations that it took.

    The rate is that of torch's present setting: after `set_float32_matmul_precision("medium")`
    it is that of bfloat16 where the processor has units for it.
    """
    left, right = torch.randn(SIDE, SIDE), torch.randn(SIDE, SIDE)

    def multiply() -> float:
        for _ in range(4):
            torch.mm(left, right)
        return 4 * 2.0 * SIDE**3

    return multiply


def products(shapes: list[tuple[int, int]], positions: int) -> Callable[[], float]:
    """Return a function that multiplies `positions` rows by a weight of each shape (out, in)."""
    weights = [torch.randn(shape) for shape in shapes]
    rows = {width: torch.randn(positions, width) for _, width in shapes}

    @torch.inference_mode()
    def multiply() -> float:
        for weight in weights:
            torch.nn.functional.linear(rows[weight.shape[1]], weight)
        return sum(2.0 * positions * weight.numel() for weight in weights)

    return multiply


def read_memory() -> Callable[[], float]:
    """Return a function that reads memory once, on all threads, and returns the bytes."""
    numbers = torch.ones(READ_BYTES // 4)

    def read() -> float:
        numbers.sum()
        return float(numbers.nbytes)

    return read
