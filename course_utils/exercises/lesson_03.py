"""Exercises of lesson 03: absmax by hand, the bytes of a large model, a config for training."""

from course_utils.exercises.exercise import Exercise, WrongAnswer, require

# Two blocks of three. Divided by the scale and multiplied by 7 they are 7, -3.6, 0.6 and
# 7, 3.75, -0.75, so rounding, cutting off and a shared scale all give different numbers.
WEIGHTS = (0.70, -0.36, 0.06, 2.80, 1.50, -0.30)
RESTORED = (0.70, -0.40, 0.10, 2.80, 1.60, -0.40)
CODES = (7, -4, 1, 7, 4, -1)
ONE_SCALE = (0.80, -0.40, 0.00, 2.80, 1.60, -0.40)
CUT_OFF = (0.70, -0.30, 0.00, 2.80, 1.20, 0.00)

LINEAR, REST = 6.5, 1.1  # billions of weights
GIGABYTES = (LINEAR * (4 + 8 / 64 + 32 / (64 * 256)) + REST * 16) / 8
TOLERANCE_GB = 0.01


def _check_restored(answer: object) -> None:
    import torch

    require(
        isinstance(answer, torch.Tensor),
        f"The answer is a tensor, and this is of type {type(answer).__name__}.",
    )
    require(
        answer.numel() == len(WEIGHTS),
        f"It has {answer.numel()} numbers, and there are {len(WEIGHTS)} weights.",
    )
    given = answer.detach().double().flatten()

    def is_near(values: tuple[float, ...]) -> bool:
        return torch.allclose(given, torch.tensor(values, dtype=torch.float64), atol=0.005)

    require(
        not is_near(CODES),
        "Those are the codes. They alone say nothing: 7 stands for 0.70 in one block and for 2.80 "
        "in the other. Divide by 7 and multiply by the scale.",
    )
    require(
        not is_near(WEIGHTS),
        "Those are the weights as they were. Nothing was rounded, so nothing was saved.",
    )
    require(
        not is_near(ONE_SCALE),
        "All six share one scale, 2.80, and the small weights of the first block pay for it: 0.06 "
        "became 0. Each block of three has a scale of its own.",
    )
    require(
        not is_near(CUT_OFF),
        "The digits were cut off instead of rounded, which makes all weights smaller in absolute "
        "value. Take the nearest code.",
    )
    require(
        torch.isclose(given.abs().max(), torch.tensor(2.80, dtype=torch.float64), atol=0.005).item()
        and torch.isclose(given[0], torch.tensor(0.70, dtype=torch.float64), atol=0.005).item(),
        "The largest weight of a block should come back exactly: it is the scale, and its code is "
        "7. With 4 bits there are 7 steps on each side of zero, so that zero itself is a level.",
    )
    require(
        is_near(RESTORED),
        f"The six are {[round(value, 2) for value in given.tolist()]}, which fits no rounding to "
        "sevenths of the scale of each block: with 4 bits the codes run from -7 to 7.",
    )


def _check_gigabytes(answer: object) -> None:
    require(
        isinstance(answer, int | float) and not isinstance(answer, bool),
        f"The answer is a number of GB, and this is of type {type(answer).__name__}.",
    )

    def is_near(gigabytes: float) -> bool:
        return abs(answer - gigabytes) < TOLERANCE_GB

    require(
        answer < 1000,
        "That looks like bytes, bits or MB. Weights times bits are bits; 8 bits are a byte and "
        "10⁹ bytes a GB.",
    )
    require(
        not is_near((LINEAR + REST) * 4 / 8),
        "Four bits for every weight is what the name says and nobody gets: the embedding stays in "
        "16 bits, and the scales need room.",
    )
    require(
        not is_near((LINEAR + REST) * (4 + 8 / 64 + 32 / (64 * 256)) / 8),
        "All weights are counted as quantized. The 1.1 billion outside the linear layers stay in "
        "bfloat16, 16 bits each.",
    )
    require(
        not is_near((LINEAR * 4 + REST * 16) / 8),
        "The scales are missing: one for each block of 64 weights. They are the bits that "
        "get_memory_footprint leaves out too.",
    )
    require(
        not is_near((LINEAR * 4.5 + REST * 16) / 8),
        "The scales are counted with 32 bits each, 0.5 bits a weight. Double quantization stores "
        "them in 8 bits, with a float32 for each 256 of them.",
    )
    require(
        not is_near(GIGABYTES * 1e9 / 2**30),
        "Those are GiB, of 2³⁰ bytes. The lesson counts GB, of 10⁹ bytes.",
    )
    require(
        is_near(GIGABYTES),
        f"{answer:g} GB isn't it. Add up the linear weights times the bits of each, scales "
        "included, and the others times 16; then divide by 8.",
    )


def _check_config(answer: object) -> None:
    import torch
    from transformers import BitsAndBytesConfig

    require(
        isinstance(answer, BitsAndBytesConfig),
        f"The answer is a BitsAndBytesConfig, and this is of type {type(answer).__name__}.",
    )
    require(
        not answer.load_in_8bit,
        "It loads in 8 bits, and there the bnb_4bit_... arguments do nothing.",
    )
    require(
        answer.load_in_4bit,
        "Neither load_in_4bit nor load_in_8bit is set. The library would take 4 bits in silence; "
        "say what you mean.",
    )
    require(
        answer.bnb_4bit_quant_type == "nf4",
        f"Its levels are those of {answer.bnb_4bit_quant_type}, the default. Was an argument left "
        "out or misspelt? The class drops names that it doesn't know.",
    )
    require(
        answer.bnb_4bit_use_double_quant,
        "Its scales stay in float32, half a bit a weight. Double quantization makes an eighth of "
        "it.",
    )
    require(
        answer.bnb_4bit_compute_dtype == torch.bfloat16,
        f"It multiplies in {str(answer.bnb_4bit_compute_dtype).removeprefix('torch.')}, not in "
        "bfloat16. The default is float32, whatever dtype the model is loaded with.",
    )


EXERCISES = (
    Exercise(
        id="03.1",
        check=_check_restored,
        on_pass="One scale for each block, and the largest weight of each comes back exactly.",
        setup="import torch\n",
        expects="a tensor of six numbers",
        hints=(
            "blocks = weights.view(2, 3) puts each block into a row.",
            "The scale of each row is blocks.abs().amax(dim=1, keepdim=True).",
            "The codes are (blocks / scales * 7).round(): 7 steps on each side of zero.",
        ),
        solution="""\
blocks = torch.tensor([0.70, -0.36, 0.06, 2.80, 1.50, -0.30]).view(2, 3)
scales = blocks.abs().amax(dim=1, keepdim=True)
codes = (blocks / scales * 7).round()
answer = (codes / 7 * scales).flatten()
""",
        wrong_answers=(
            WrongAnswer(
                "w = torch.tensor([0.70, -0.36, 0.06, 2.80, 1.50, -0.30])\n"
                "answer = (w / w.abs().max() * 7).round() / 7 * w.abs().max()",
                "All six share one scale",
            ),
            WrongAnswer("answer = torch.tensor([7, -4, 1, 7, 4, -1])", "Those are the codes"),
            WrongAnswer(
                "b = torch.tensor([0.70, -0.36, 0.06, 2.80, 1.50, -0.30]).view(2, 3)\n"
                "s = b.abs().amax(dim=1, keepdim=True)\n"
                "answer = (b / s * 7).trunc() / 7 * s",
                "cut off instead of rounded",
            ),
            WrongAnswer(
                "b = torch.tensor([0.70, -0.36, 0.06, 2.80, 1.50, -0.30]).view(2, 3)\n"
                "s = b.amax(dim=0)\n"
                "answer = (b / s * 7).round() / 7 * s * 0.9",
                "should come back exactly",
            ),
            WrongAnswer(
                "answer = torch.tensor([0.70, -0.36, 0.06, 2.80, 1.50, -0.30])",
                "Nothing was rounded",
            ),
            WrongAnswer("answer = [0.7, -0.4, 0.1, 2.8, 1.6, -0.4]", "of type list"),
        ),
    ),
    Exercise(
        id="03.2",
        check=_check_gigabytes,
        on_pass="5.55 GB, against 15.2 in bfloat16: it fits where the other wouldn't.",
        setup="from course_utils import quantization\n",
        expects="a number of GB",
        hints=(
            "quantization.bits_per_weight(4, block_size=64, double_block_size=256) is what a "
            "linear weight takes.",
            "6.5 billion weights take that, the other 1.1 billion take 16 bits.",
        ),
        solution="""\
linear = quantization.bits_per_weight(4, block_size=64, double_block_size=256)
answer = (6.5e9 * linear + 1.1e9 * 16) / 8 / 1e9
""",
        wrong_answers=(
            WrongAnswer("answer = 7.6 * 4 / 8", "Four bits for every weight"),
            WrongAnswer(
                "answer = 7.6 * quantization.bits_per_weight(4, block_size=64, "
                "double_block_size=256) / 8",
                "outside the linear layers",
            ),
            WrongAnswer("answer = (6.5 * 4 + 1.1 * 16) / 8", "scales are missing"),
            WrongAnswer(
                "answer = (6.5 * quantization.bits_per_weight(4, block_size=64) + 1.1 * 16) / 8",
                "with 32 bits each",
            ),
            WrongAnswer("answer = (6.5e9 * 4.126953125 + 1.1e9 * 16) / 8 / 2**30", "Those are GiB"),
            WrongAnswer("answer = (6.5e9 * 4.126953125 + 1.1e9 * 16) / 8", "looks like bytes"),
        ),
    ),
    Exercise(
        id="03.3",
        check=_check_config,
        on_pass="That is the config of QLoRA, which lesson 04 trains on.",
        setup="import torch\nfrom transformers import BitsAndBytesConfig\n",
        expects="a BitsAndBytesConfig",
        hints=(
            "Four arguments: one load_in_..., three bnb_4bit_...",
            "The three are bnb_4bit_quant_type, bnb_4bit_use_double_quant and "
            "bnb_4bit_compute_dtype.",
            "models.quantization_config takes the same arguments and tells when one is misspelt.",
        ),
        solution="""\
answer = BitsAndBytesConfig(
    load_in_4bit=True,
    bnb_4bit_quant_type="nf4",
    bnb_4bit_use_double_quant=True,
    bnb_4bit_compute_dtype=torch.bfloat16,
)
""",
        wrong_answers=(
            WrongAnswer(
                "answer = BitsAndBytesConfig(load_in_4bit=True, bnd_4bit_quant_type='nf4',\n"
                "    bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=torch.bfloat16)",
                "left out or misspelt",
            ),
            WrongAnswer(
                "answer = BitsAndBytesConfig(load_in_8bit=True, bnb_4bit_quant_type='nf4')",
                "loads in 8 bits",
            ),
            WrongAnswer(
                "answer = BitsAndBytesConfig(bnb_4bit_quant_type='nf4')",
                "Neither load_in_4bit nor load_in_8bit",
            ),
            WrongAnswer(
                "answer = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type='nf4',\n"
                "    bnb_4bit_compute_dtype=torch.bfloat16)",
                "stay in float32",
            ),
            WrongAnswer(
                "answer = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type='nf4',\n"
                "    bnb_4bit_use_double_quant=True)",
                "multiplies in float32",
            ),
            WrongAnswer("answer = {'load_in_4bit': True}", "of type dict"),
        ),
    ),
)
