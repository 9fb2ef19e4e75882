"""Quantization by hand: how weights become 8-bit and 4-bit codes, and what the codes cost.

Each method here cuts the weights into blocks, divides a block by its largest absolute value
(the scale) and stores for each weight the number of the nearest level. The methods differ in
the levels alone. bitsandbytes does the same in compiled code, and the tests hold the codes of
both to be equal.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

# The share of a normal distribution below the outermost quantile, before NF4's levels are
# scaled to end at 1. The last of 15 or 16 equally likely values would lie at infinity, so the
# tail is cut by the mean of 1/30 and 1/32.
NF4_OUTERMOST = 1 - (1 / 30 + 1 / 32) / 2


@dataclass(frozen=True)
class Quantized:
    """Weights as codes: `levels[code] * scale + offset` gives one back, with an error."""

    codes: Tensor  # uint8, shape (blocks, block_size); the last block is filled up with zeros
    scales: Tensor  # float32, shape (blocks,): the largest absolute value of each block
    levels: Tensor  # float32, sorted, from -1 to 1: what each code stands for
    shape: torch.Size  # of the weights
    offset: float = 0.0  # what was subtracted first


def quantize_absmax(weights: Tensor, *, block_size: int = 64, bits: int = 8) -> Quantized:
    """Quantize to evenly spaced levels: with 8 bits, `round(weight / scale * 127)`.

    The levels are symmetric, so that zero stays zero; one of the 2 ** bits codes is not used.
    With rows as blocks this is what LLM.int8() does to weights (Dettmers et al. 2022, section 2).

    Args:
        weights: Any shape; blocks run through it row by row.
        block_size: Weights that share a scale.
        bits: Bits a code, 2 to 8.

    Raises:
        ValueError: There are no weights, one isn't finite, or an option is out of range.
    """
    if not 2 <= bits <= 8:
        raise ValueError(f"bits={bits} is out of range; a code here has 2 to 8 bits")
    steps = 2 ** (bits - 1) - 1  # on each side of zero: 127 with 8 bits
    return _quantize(weights, torch.arange(-steps, steps + 1) / steps, block_size)


def quantize_nf4(weights: Tensor, *, block_size: int = 64) -> Quantized:
    """Quantize to the 16 levels of NormalFloat4, close together where most weights lie.

    Args:
        weights: Any shape; blocks run through it row by row.
        block_size: Weights that share a scale.

    Raises:
        ValueError: There are no weights, one isn't finite, or `block_size` is below 1.
    """
    return _quantize(weights, nf4_levels(), block_size)


def nf4_levels() -> Tensor:
    """Return NormalFloat4's 16 levels: quantiles of the normal distribution, scaled to -1 to 1.

    If weights are normally distributed, each level is used about equally often. Zero has to be
    a level, so the two sides are built apart: 7 levels below zero, 8 above (Dettmers et al.
    2023, section 3; the values are in appendix E).

    Returns:
        Sorted levels, float32, shape (16,).
    """
    below = torch.linspace(NF4_OUTERMOST, 0.5, 8, dtype=torch.float64)[:-1]  # 0.5 is the zero
    above = torch.linspace(NF4_OUTERMOST, 0.5, 9, dtype=torch.float64)[:-1]
    quantiles = [-torch.special.ndtri(below), torch.zeros(1), torch.special.ndtri(above)]
    levels = torch.cat(quantiles).sort().values
    return (levels / levels.max()).float()


def dequantize(quantized: Quantized) -> Tensor:
    """Return the weights that the codes stand for, float32, in their old shape."""
    blocks = quantized.levels[quantized.codes.int()] * quantized.scales[:, None]
    weights = blocks.flatten()[: quantized.shape.numel()] + quantized.offset
    return weights.reshape(quantized.shape)


def double_quantize(scales: Tensor, *, block_size: int = 256) -> Quantized:
    """Quantize the scales themselves to 8 bits; `dequantize` gives them back.

    Scales are all positive, so their mean is subtracted first: otherwise half of the levels
    would lie idle (Dettmers et al. 2023, section 3, "Double Quantization").

    Args:
        scales: One a block of weights, shape (blocks,).
        block_size: Scales that share a scale of their own.

    Raises:
        ValueError: There are no scales, one isn't finite, or `block_size` is below 1.
    """
    mean = scales.mean()
    return _quantize(scales - mean, dynamic_levels(), block_size, offset=mean.item())


def dynamic_levels() -> Tensor:
    """Return the 256 levels of the dynamic 8-bit type that bitsandbytes gives to scales.

    Seven powers of ten, and the larger the power, the more levels: 1 between 0.0000001 and
    0.000001, 64 between 0.1 and 1. So small values keep a small relative error (Dettmers 2016,
    "8-Bit Approximations for Parallelism in Deep Learning").

    Returns:
        Sorted levels, float32, shape (256,).
    """
    positive = []
    for power in range(7):
        bounds = torch.linspace(0.1, 1, 2**power + 1)
        positive.append((bounds[:-1] + bounds[1:]) / 2 * 10.0 ** (power - 6))
    levels = torch.cat(positive)
    return torch.cat([-levels, torch.tensor([0.0, 1.0]), levels]).sort().values


def bits_per_weight(
    bits: float, *, block_size: int | None = None, double_block_size: int | None = None
) -> float:
    """Predict the bits that a weight takes, its share of the scales included.

    Args:
        bits: Bits of a code, or of a plain number format such as 16.
        block_size: Weights that share a float32 scale; none for a plain format.
        double_block_size: Scales that share a float32 scale, when they are quantized to 8 bits.

    Raises:
        ValueError: `double_block_size` is given without `block_size`.
    """
    if block_size is None:
        if double_block_size is not None:
            raise ValueError("double_block_size quantizes scales; pass block_size as well")
        return float(bits)
    if double_block_size is None:
        return bits + 32 / block_size
    return bits + 8 / block_size + 32 / (block_size * double_block_size)


def _quantize(weights: Tensor, levels: Tensor, block_size: int, offset: float = 0.0) -> Quantized:
    """Store for each weight the number of the level that is nearest after scaling."""
    _check(weights, block_size)
    flat = weights.detach().float().flatten()
    blocks = pad(flat, (0, -len(flat) % block_size)).view(-1, block_size)
    scales = blocks.abs().amax(dim=1)
    inverse = 1 / scales.clamp(min=1e-38)  # a block of zeros must not divide by zero
    midpoints = (levels[:-1] + levels[1:]) / 2  # from one on, the next level is nearer
    codes = torch.bucketize(blocks * inverse[:, None], midpoints.to(flat.device))
    return Quantized(codes.to(torch.uint8), scales, levels.to(flat.device), weights.shape, offset)


def _check(weights: Tensor, block_size: int) -> None:
    if block_size < 1:
        raise ValueError(f"block_size={block_size} is below 1; pass at least one weight a block")
    if not weights.numel():
        raise ValueError("weights is empty; pass a tensor with at least one number")
    if not weights.is_floating_point():
        raise ValueError(
            f"weights have dtype {weights.dtype}; pass floating-point weights, not codes"
        )
    if not weights.isfinite().all():
        raise ValueError("weights hold a value that isn't finite; its whole block would be lost")
