"""Rows Q and K: loading, quantized loading, and the preparation for training."""

import pytest
import torch
from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    Trainer,
    TrainingArguments,
)

from then_and_now.listening import listening, mentions

PROBE = torch.tensor([[3, 9, 27, 5, 40]])
NF4 = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}

# peft 0.21 reads an attribute that transformers 5.23 has renamed (row K6).
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")


@pytest.fixture
def load(lm_folder):
    """Return a function that loads the small model, with the arguments of from_pretrained."""

    def load_model(quantization=None, **options):
        config = BitsAndBytesConfig(**quantization) if quantization else None
        return AutoModelForCausalLM.from_pretrained(
            lm_folder, quantization_config=config, **options
        )

    return load_model


def q_proj(model):
    return model.model.layers[0].self_attn.q_proj


def trainable(model):
    return sum(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.row("Q1")
def test_a_misspelt_quant_type_leaves_fp4_and_nobody_says_so(load):
    with listening() as heard:
        config = BitsAndBytesConfig(load_in_4bit=True, bnd_4bit_quant_type="nf4")
        model = load({"load_in_4bit": True, "bnd_4bit_quant_type": "nf4"})
    assert config.bnb_4bit_quant_type == "fp4"
    assert q_proj(model).weight.quant_state.quant_type == "fp4"
    assert not mentions(heard, "bnd_4bit_quant_type")
    assert q_proj(load(NF4)).weight.quant_state.quant_type == "nf4"


@pytest.mark.row("Q2")
def test_a_misspelt_double_quant_is_off_even_when_true(load):
    misspelt = load({"load_in_4bit": True, "bnd_4bit_use_double_quant": True})
    assert not q_proj(misspelt).weight.quant_state.nested
    assert q_proj(load(NF4 | {"bnb_4bit_use_double_quant": True})).weight.quant_state.nested


@pytest.mark.row("Q3")
def test_four_bit_layers_compute_in_float32_whatever_dtype_says(load):
    layer = q_proj(load(NF4, dtype=torch.float16))
    assert layer.compute_dtype == torch.float32
    wanted = q_proj(load(NF4 | {"bnb_4bit_compute_dtype": torch.bfloat16}))
    assert wanted.compute_dtype == torch.bfloat16


@pytest.mark.row("Q4")
def test_q4_is_four_bits(load):
    four, eight = q_proj(load({"load_in_4bit": True})), q_proj(load({"load_in_8bit": True}))
    assert (type(four).__name__, four.weight.dtype) == ("Linear4bit", torch.uint8)
    assert four.weight.numel() == 64 * 64 / 2  # two weights to a byte
    assert (type(eight).__name__, eight.weight.dtype) == ("Linear8bitLt", torch.int8)


@pytest.mark.row("Q5")
def test_four_bit_arguments_do_nothing_in_eight_bits(load):
    options = {
        "load_in_8bit": True,
        "bnb_4bit_use_double_quant": True,
        "bnb_4bit_quant_type": "nf4",
    }
    with listening() as heard:
        model = load(options)
    assert type(q_proj(model)).__name__ == "Linear8bitLt"
    assert BitsAndBytesConfig(**options).quantization_method() == "llm_int8"
    assert not mentions(heard, "bnb_4bit")
    assert torch.equal(q_proj(model).weight, q_proj(load({"load_in_8bit": True})).weight)


@pytest.mark.row("Q6")
def test_both_flags_are_refused():
    with pytest.raises(ValueError, match="both True, but only one can be used"):
        BitsAndBytesConfig(load_in_4bit=True, load_in_8bit=True)


@pytest.mark.row("Q7")
def test_an_unknown_quant_type_fails_at_loading_and_not_before(load):
    BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf5")
    with listening(), pytest.raises(RuntimeError, match="automatic conversion of the weights"):
        load({"load_in_4bit": True, "bnb_4bit_quant_type": "nf5"})


@pytest.mark.row("Q8")
def test_load_in_4bit_is_no_argument_of_from_pretrained(load):
    for name in ("load_in_4bit", "load_in_8bit"):
        with pytest.raises(TypeError, match=f"unexpected keyword argument '{name}'"):
            load(**{name: True})


@pytest.mark.row("Q9")
def test_quantized_models_generate_on_a_cpu(load):
    for config in ({"load_in_8bit": True}, NF4):
        model = load(config, device_map="cpu")
        with listening():
            output = model.generate(PROBE, max_new_tokens=3, min_new_tokens=3, do_sample=False)
        assert output.shape == (1, 8)


@pytest.mark.row("Q10")
def test_the_footprint_is_the_same_with_and_without_double_quantization(load):
    single, double = load(NF4), load(NF4 | {"bnb_4bit_use_double_quant": True})
    assert single.get_memory_footprint() == double.get_memory_footprint()
    states = [q_proj(model).weight.quant_state for model in (single, double)]
    assert [state.absmax.dtype for state in states] == [torch.float32, torch.uint8]
    assert states[0].absmax.numel() == 64 * 64 / 64  # a scale for each block of 64


@pytest.mark.row("Q11")
def test_embeddings_stay_unquantized(load):
    for config in ({"load_in_8bit": True}, NF4):
        assert load(config).model.embed_tokens.weight.dtype == torch.bfloat16


@pytest.mark.row("Q12")
def test_torch_dtype_is_taken_and_called_deprecated(load):
    with listening() as heard:
        assert load(torch_dtype=torch.float16).dtype == torch.float16
    assert mentions(heard, "`torch_dtype` is deprecated! Use `dtype` instead!")


@pytest.mark.row("Q13")
def test_of_dtype_and_torch_dtype_the_first_wins(load):
    with listening() as heard:
        model = load(torch_dtype=torch.float16, dtype=torch.float32)
    assert model.dtype == torch.float32
    assert not mentions(heard, "both")


@pytest.mark.row("Q14")
def test_without_a_dtype_the_checkpoint_decides(load):
    assert load().dtype == torch.bfloat16  # as lm_folder was saved
    assert load(dtype=torch.float32).dtype == torch.float32


@pytest.mark.row("Q15")
def test_low_cpu_mem_usage_does_nothing(load):
    loaded = []
    with listening() as heard:
        for value in (True, False, "nonsense"):
            loaded.append(load(low_cpu_mem_usage=value))
    assert not mentions(heard, "low_cpu_mem_usage")
    assert all(torch.equal(q_proj(m).weight, q_proj(loaded[0]).weight) for m in loaded)


@pytest.mark.row("Q16")
def test_a_model_on_one_device_has_no_device_map(load):
    model = load(device_map="auto")
    assert {parameter.device for parameter in model.parameters()} == {model.device}
    assert not hasattr(model, "hf_device_map")


@pytest.mark.row("Q17")
def test_the_offload_folder_is_not_even_made(load, tmp_path):
    load(device_map="cpu", offload_folder=str(tmp_path / "offload"))
    assert not (tmp_path / "offload").exists()


@pytest.mark.row("Q18")
def test_a_quantized_model_refuses_the_disk(load, tmp_path):
    on_disk = {"model.embed_tokens": "cpu", "model.layers.0": "cpu", "model.layers.1": "disk"}
    on_disk |= {"model.norm": "cpu", "model.rotary_emb": "cpu", "lm_head": "cpu"}
    with pytest.raises(ValueError, match="dispatched on the CPU or the disk"):
        load(NF4, device_map=on_disk, offload_folder=str(tmp_path))


@pytest.mark.row("Q19")
def test_a_misspelt_argument_of_the_model_raises(load):
    with pytest.raises(TypeError, match="unexpected keyword argument 'devicemap'"):
        load(devicemap="cpu")


@pytest.mark.row("Q20")
def test_a_misspelt_argument_of_the_tokenizer_is_swallowed(lm_folder):
    with listening() as heard:
        tokenizer = AutoTokenizer.from_pretrained(lm_folder, paddingside="left")
    assert tokenizer.padding_side == "right"
    assert not mentions(heard, "paddingside")
    assert AutoTokenizer.from_pretrained(lm_folder, padding_side="left").padding_side == "left"


@pytest.mark.row("Q21")
def test_use_fast_false_still_gives_the_fast_tokenizer(lm_folder):
    with listening() as heard:
        slow = AutoTokenizer.from_pretrained(lm_folder, use_fast=False)
    assert slow.is_fast
    assert not mentions(heard, "use_fast")


@pytest.mark.row("K1")
def test_preparing_freezes_casts_and_turns_checkpointing_on(load):
    model = load(NF4)
    assert not model.is_gradient_checkpointing
    with listening():
        assert prepare_model_for_kbit_training(model) is model  # changed in place
    assert trainable(model) == 0
    assert model.model.norm.weight.dtype == torch.float32
    assert model.model.embed_tokens.weight.dtype == torch.float32
    assert model.is_gradient_checkpointing


@pytest.mark.row("K2")
def test_preparing_an_unquantized_model_doubles_and_freezes_it(load):
    model = load()
    before = sum(parameter.nbytes for parameter in model.parameters())
    with listening() as heard:
        prepare_model_for_kbit_training(model)
    assert model.dtype == torch.float32
    assert sum(parameter.nbytes for parameter in model.parameters()) == 2 * before
    assert trainable(model) == 0
    assert not model.is_gradient_checkpointing
    assert heard == []
    with pytest.raises(RuntimeError, match="does not require grad"):
        model(PROBE, labels=PROBE).loss.backward()


@pytest.mark.row("K3")
def test_preparing_after_get_peft_model_freezes_the_adapter(load):
    model = get_peft_model(load(NF4), LoraConfig(target_modules="all-linear"))
    assert trainable(model) == 2 * 2 * 7  # A and B, two layers of seven matrices
    with listening() as heard:
        prepare_model_for_kbit_training(model)
    assert trainable(model) == 0
    assert not mentions(heard, "adapter")


@pytest.mark.row("K4")
def test_lora_trains_a_quantized_model_without_preparing_it(load):
    model = get_peft_model(load(NF4), LoraConfig(target_modules="all-linear"))
    weights = [p for n, p in model.named_parameters() if "lora_B" in n]
    assert {weight.dtype for weight in weights} == {torch.float32}
    model(PROBE, labels=PROBE).loss.backward()
    assert all(weight.grad.abs().sum() > 0 for weight in weights)


@pytest.mark.row("K5")
def test_a_prepared_model_answers_the_same_and_is_larger(load):
    model = load(NF4).eval()
    before = model.get_memory_footprint()
    with torch.no_grad(), listening():
        first = model(PROBE).logits.argmax(-1)
        prepare_model_for_kbit_training(model)
        assert torch.equal(model(PROBE).logits.argmax(-1), first)
    assert model.get_memory_footprint() > before


@pytest.mark.row("K6")
def test_preparing_calls_a_deprecated_method(load):
    with listening() as heard:
        prepare_model_for_kbit_training(load(NF4))
    assert mentions(heard, "activation_checkpointing_enable")
    with listening() as heard:
        quiet = prepare_model_for_kbit_training(load(NF4), use_gradient_checkpointing=False)
    assert heard == []
    assert not quiet.is_gradient_checkpointing


@pytest.mark.row("K7")
def test_the_trainer_refuses_a_quantized_model_without_adapters(load, tmp_path):
    with pytest.raises(ValueError, match="cannot perform fine-tuning on purely quantized models"):
        Trainer(load(NF4), TrainingArguments(str(tmp_path), use_cpu=True))
