"""Codes and scales by hand, and agreement with bitsandbytes."""

import bitsandbytes.functional as bnb
import pytest
import torch
from torch import tensor

from course_utils import quantization
from course_utils.quantization import (
    bits_per_weight,
    dequantize,
    double_quantize,
    quantize_absmax,
    quantize_nf4,
)


@pytest.fixture
def weights():
    """Return weights of the size and spread of one of SmolLM2's matrices."""
    return 0.1 * torch.randn(576, 576, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def real_weights():
    """Return a weight matrix of SmolLM2, from the file that `find_causal_lm` converts."""
    from pathlib import Path

    from safetensors import safe_open

    from course_utils import models

    folder = Path(models.find_causal_lm("SmolLM2-135M-Instruct"))
    with safe_open(folder / "model.safetensors", "pt") as file:
        return file.get_tensor("model.layers.15.mlp.down_proj.weight")


def unpack(packed):
    """Return bitsandbytes' codes one by one; it puts two into a byte, the first one high."""
    return torch.stack([packed.flatten() >> 4, packed.flatten() & 15], dim=1).flatten()


def test_eight_bit_codes_are_127ths_of_the_largest_weight():
    quantized = quantize_absmax(tensor([0.5, -1.27, 0.01, 0.0]), block_size=4)
    assert quantized.scales.tolist() == [tensor(1.27).item()]
    assert (quantized.codes.int() - 127).tolist() == [[50, -127, 1, 0]]
    torch.testing.assert_close(dequantize(quantized), tensor([0.5, -1.27, 0.01, 0.0]))


def test_each_block_has_its_own_scale():
    weights = tensor([1.0, -2.0, 0.3, 0.1])
    assert quantize_absmax(weights, block_size=4).scales.tolist() == [2.0]
    torch.testing.assert_close(
        quantize_absmax(weights, block_size=2).scales, tensor([2.0, 0.3]), rtol=0, atol=0
    )


def test_one_large_weight_spoils_the_others_of_its_block_alone():
    weights = tensor([0.1, 0.2, 0.3, 9.0, 0.1, 0.2, 0.3, 0.4])
    back = dequantize(quantize_absmax(weights, block_size=4, bits=4))
    assert back[:4].tolist() == [0, 0, 0, 9]  # a step is 9 / 7
    assert (back[4:] - weights[4:]).abs().max() < 0.03


def test_a_matrix_keeps_its_shape_when_the_last_block_is_short():
    weights = torch.linspace(-1, 1, 15).view(3, 5)
    quantized = quantize_absmax(weights, block_size=4)
    assert quantized.codes.shape == (4, 4)
    assert dequantize(quantized).shape == (3, 5)
    torch.testing.assert_close(dequantize(quantized), weights, rtol=0, atol=1 / 254)


@pytest.mark.parametrize("quantize", [quantize_absmax, quantize_nf4])
def test_zeros_come_back_as_zeros(quantize):
    weights = torch.zeros(2, 64)
    weights[1, 0] = 5
    assert torch.equal(dequantize(quantize(weights)), weights)


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_no_weight_moves_by_more_than_half_a_step(weights, bits):
    quantized = quantize_absmax(weights, bits=bits)
    half_steps = quantized.scales / (2**bits - 2)
    errors = (dequantize(quantized) - weights).abs().view(-1, 64).amax(dim=1)
    assert (errors <= half_steps * (1 + 1e-4)).all()
    assert errors.max() > half_steps.min() / 2


def test_nf4_takes_the_nearest_of_its_levels():
    # Levels around 0.5 are 0.4407 and 0.5626, around -0.4 -0.3949; 0.03 is nearer to 0 than 0.0796.
    quantized = quantize_nf4(tensor([1.0, 0.5, -0.4, 0.03]), block_size=4)
    assert quantized.codes.tolist() == [[15, 12, 3, 7]]
    torch.testing.assert_close(
        dequantize(quantized), tensor([1.0, 0.4407, -0.3949, 0.0]), rtol=0, atol=1e-4
    )


def test_nf4_levels_are_those_of_bitsandbytes():
    table = bnb.get_4bit_type("nf4", device="cpu")
    torch.testing.assert_close(quantization.nf4_levels(), table, rtol=0, atol=1e-6)


def test_dynamic_levels_are_those_of_bitsandbytes():
    assert torch.equal(quantization.dynamic_levels(), bnb.create_dynamic_map())


def test_nf4_beats_evenly_spaced_levels_on_normal_weights_and_loses_on_uniform_ones(weights):
    def error(weights, quantized):
        return (dequantize(quantized) - weights).square().mean().sqrt() / weights.std()

    assert error(weights, quantize_nf4(weights)) < 0.095
    assert error(weights, quantize_absmax(weights, bits=4)) > 0.105
    uniform = 2 * torch.rand(weights.shape, generator=torch.Generator().manual_seed(0)) - 1
    assert error(uniform, quantize_nf4(uniform)) > error(uniform, quantize_absmax(uniform, bits=4))


@pytest.mark.parametrize("block_size", [32, 64, 192])
def test_smaller_blocks_make_smaller_errors(weights, block_size):
    def error(size):
        return (dequantize(quantize_nf4(weights, block_size=size)) - weights).square().mean()

    assert error(block_size) < error(3 * block_size)


def agree_with_bitsandbytes(weights):
    """Hold codes, scales and restored weights to those of bitsandbytes."""
    packed, state = bnb.quantize_4bit(weights, quant_type="nf4")
    quantized = quantize_nf4(weights)
    assert torch.equal(quantized.codes.flatten(), unpack(packed))
    assert torch.equal(quantized.scales, state.absmax)
    torch.testing.assert_close(
        dequantize(quantized), bnb.dequantize_4bit(packed, state), rtol=1e-5, atol=0
    )


def test_nf4_codes_are_those_of_bitsandbytes(weights):
    agree_with_bitsandbytes(weights)


@pytest.mark.slow
def test_nf4_codes_of_a_real_matrix_are_those_of_bitsandbytes(real_weights):
    agree_with_bitsandbytes(real_weights)


def test_rows_as_blocks_are_llm_int8(weights):
    codes, scales, _ = bnb.int8_vectorwise_quant(weights)
    quantized = quantize_absmax(weights, block_size=weights.shape[1])
    assert torch.equal(quantized.scales, scales)
    differences = (quantized.codes.int() - 127 - codes.int()).abs()
    # A tie: a weight halfway between two codes may go either way.
    assert differences.max() <= 1
    assert (differences > 0).float().mean() < 1e-4


def test_blocks_of_64_agree_with_bitsandbytes_but_for_ties(weights):
    quantized = quantize_absmax(weights)
    levels = torch.cat([quantized.levels, tensor([1.0])])  # bitsandbytes wants 256 of them
    codes, state = bnb.quantize_blockwise(weights, code=levels, blocksize=64)
    assert torch.equal(quantized.scales, state.absmax)
    differing = quantized.codes.flatten() != codes.flatten()
    assert differing.float().mean() < 2e-3
    restored = bnb.dequantize_blockwise(codes, state)
    # bitsandbytes' CPU kernel decides within 2e-5 of a midpoint as it happens.
    steps = (dequantize(quantized) - restored).abs().view(-1, 64) / quantized.scales[:, None]
    assert steps.max() < 1.01 / 127


def test_double_quantization_agrees_with_bitsandbytes_but_for_ties(weights):
    quantized = quantize_nf4(weights)
    scales = double_quantize(quantized.scales)
    _, state = bnb.quantize_4bit(weights, quant_type="nf4", compress_statistics=True)
    assert scales.offset == state.offset.item()
    assert torch.equal(scales.scales, state.state2.absmax)
    ours = scales.codes.flatten()[: len(state.absmax)]
    assert (ours != state.absmax).float().mean() < 5e-3
    theirs = bnb.dequantize_blockwise(state.absmax, state.state2) + state.offset
    torch.testing.assert_close(dequantize(scales), theirs, rtol=0, atol=0.03 * state.offset.item())


def test_doubly_quantized_scales_are_off_by_under_three_percent(weights):
    scales = quantize_nf4(weights).scales
    back = dequantize(double_quantize(scales))
    assert back.shape == scales.shape
    assert 0 < (back / scales - 1).abs().max() < 0.03


def test_bits_count_the_scales():
    assert bits_per_weight(32) == 32
    assert bits_per_weight(4, block_size=64) == 4.5
    assert bits_per_weight(4, block_size=64, double_block_size=256) == 4 + 1 / 8 + 1 / 512
    assert bits_per_weight(8, block_size=576) == 8 + 1 / 18


def test_predicted_bits_are_those_that_the_tensors_take(weights):
    quantized = quantize_nf4(weights)
    scales = double_quantize(quantized.scales)
    bits = (
        4 * weights.numel() + 8 * (8 * len(quantized.scales) // 8) + 32 * len(scales.scales)
    ) / weights.numel()
    predicted = bits_per_weight(4, block_size=64, double_block_size=256)
    assert bits == pytest.approx(predicted, abs=1e-3)


@pytest.mark.parametrize(
    ("weights", "options", "message"),
    [
        (torch.ones(4), {"bits": 9}, "bits=9 is out of range; a code here has 2 to 8 bits"),
        (torch.ones(4), {"bits": 1}, "bits=1 is out of range"),
        (torch.ones(4), {"block_size": 0}, "block_size=0 is below 1"),
        (torch.ones(0), {}, "weights is empty"),
        (tensor([1, 2]), {}, r"dtype torch.int64; pass floating-point weights"),
        (tensor([1.0, torch.inf]), {}, "a value that isn't finite"),
        (tensor([1.0, torch.nan]), {}, "a value that isn't finite"),
    ],
)
def test_bad_weights_and_options_are_refused(weights, options, message):
    with pytest.raises(ValueError, match=message):
        quantize_absmax(weights, **options)


def test_double_blocks_without_blocks_are_refused():
    with pytest.raises(ValueError, match="pass block_size as well"):
        bits_per_weight(4, double_block_size=256)
