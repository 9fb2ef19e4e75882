"""Rows L: LoRA with peft."""

import copy

import pytest
import torch
from peft import (
    AutoPeftModelForCausalLM,
    LoraConfig,
    PeftModel,
    PeftModelForCausalLM,
    get_peft_model,
)
from transformers import (
    AutoModelForCausalLM,
    BitsAndBytesConfig,
    GPT2Config,
    GPT2LMHeadModel,
    Trainer,
    TrainingArguments,
)

from then_and_now.listening import listening, mentions

PROBE = torch.tensor([[3, 9, 27, 5, 40]])
ROWS = [{"input_ids": [3, 9, 27, 5], "labels": [3, 9, 27, 5]}] * 2

# peft 0.21 reads an attribute that transformers 5.23 has renamed (row K6).
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")


def config(**options):
    return LoraConfig(
        **{"r": 8, "lora_alpha": 16, "target_modules": ["q_proj", "v_proj"]} | options
    )


def randomize(adapted):
    """Give B values, as a training does; it starts at zero."""
    generator = torch.Generator().manual_seed(1)
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(std=0.5, generator=generator)
    return adapted.eval()


@torch.no_grad()
def logits(model):
    return model(PROBE).logits


def trainable(model):
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


@pytest.fixture
def gpt2():
    """Return a GPT-2 of one small layer."""
    torch.manual_seed(0)
    return GPT2LMHeadModel(
        GPT2Config(vocab_size=64, n_positions=32, n_embd=16, n_layer=1, n_head=2)
    )


@pytest.mark.row("L1")
def test_get_peft_model_attaches_and_merges_nothing(model):
    weight = model.model.layers[0].self_attn.q_proj.weight
    kept, before = weight.clone(), logits(model)
    adapted = get_peft_model(model, config()).eval()
    layer = adapted.base_model.model.model.layers[0].self_attn.q_proj
    assert not layer.merged
    assert layer.lora_B["default"].weight.count_nonzero() == 0
    assert torch.equal(logits(adapted), before)
    assert not torch.allclose(logits(randomize(adapted)), before, atol=1e-2)
    with adapted.disable_adapter():
        assert torch.equal(logits(adapted), before)
    assert torch.equal(layer.base_layer.weight, kept)


@pytest.mark.row("L2")
def test_merge_and_unload_adds_the_scaled_product_to_the_weight(model):
    before = model.model.layers[0].self_attn.q_proj.weight.clone()
    adapted = randomize(get_peft_model(model, config()))
    layer = adapted.base_model.model.model.layers[0].self_attn.q_proj
    product = layer.lora_B["default"].weight @ layer.lora_A["default"].weight
    wanted = logits(adapted)
    merged = adapted.merge_and_unload()
    torch.testing.assert_close(
        merged.model.layers[0].self_attn.q_proj.weight, before + product * 16 / 8
    )
    torch.testing.assert_close(logits(merged), wanted, atol=1e-4, rtol=1e-4)
    assert not [name for name in merged.state_dict() if "lora" in name]


@pytest.mark.row("L3")
def test_the_base_model_is_changed_in_place(model):
    adapted = get_peft_model(model, config())
    assert adapted.base_model.model is model
    assert hasattr(model.model.layers[0].self_attn.q_proj, "lora_A")


@pytest.mark.row("L4")
def test_a_second_wrapping_only_warns(model):
    get_peft_model(model, config())
    with listening() as heard:
        get_peft_model(model, config())
    assert mentions(heard, "modify a model with PEFT for a second time")


@pytest.mark.row("L5")
def test_the_scale_is_alpha_by_r(small_lm):
    scales = []
    for r in (8, 16, 64):
        adapted = get_peft_model(copy.deepcopy(small_lm), config(r=r))
        scales.append(adapted.base_model.model.model.layers[0].self_attn.q_proj.scaling["default"])
    assert scales == [2.0, 1.0, 0.25]


@pytest.mark.row("L6")
def test_rslora_divides_by_the_root_of_r(model):
    adapted = get_peft_model(model, config(r=64, use_rslora=True))
    layer = adapted.base_model.model.model.layers[0].self_attn.q_proj
    assert layer.scaling["default"] == 16 / 8


@pytest.mark.row("L7")
def test_trainable_parameters_grow_with_r_and_the_model_does_not(small_lm):
    base = small_lm.num_parameters()
    for r in (8, 16, 64):
        adapted = get_peft_model(copy.deepcopy(small_lm), config(r=r))
        # Width 64; 2 of 4 key-value heads make v_proj 64 x 32. Two layers.
        assert trainable(adapted) == 2 * r * ((64 + 64) + (64 + 32))
        assert adapted.get_nb_trainable_parameters()[1] - trainable(adapted) == base


@pytest.mark.row("L8")
def test_q_proj_and_v_proj_are_no_names_of_gpt2(gpt2):
    with pytest.raises(ValueError, match=r"Target modules .* not found"):
        get_peft_model(gpt2, config())
    assert trainable(get_peft_model(gpt2, config(target_modules=["c_attn"]))) == 8 * (16 + 48)


@pytest.mark.row("L9")
def test_one_good_and_one_misspelt_target_pass_in_silence(model):
    with listening() as heard:
        adapted = get_peft_model(model, config(target_modules=["q_proj", "vproj"]))
    assert trainable(adapted) == 2 * 8 * (64 + 64)  # q_proj alone
    assert not mentions(heard, "vproj")


@pytest.mark.row("L10")
def test_all_linear_takes_every_matrix_but_the_output(model):
    adapted = get_peft_model(model, config(target_modules="all-linear"))
    found = {n.split(".")[-4] for n, _ in adapted.named_parameters() if "lora_A" in n}
    attention = {"q_proj", "k_proj", "v_proj", "o_proj"}
    assert found == attention | {"gate_proj", "up_proj", "down_proj"}


@pytest.mark.row("L11")
def test_dropout_acts_in_training_alone(model):
    adapted = randomize(get_peft_model(model, config(lora_dropout=0.5)))
    torch.manual_seed(0)
    assert torch.equal(logits(adapted), logits(adapted))
    adapted.train()
    assert not torch.equal(logits(adapted), logits(adapted))


@pytest.mark.row("L12")
def test_bias_says_which_biases_train_along(gpt2):
    def biases(adapted):
        return sum(p.requires_grad for n, p in adapted.named_parameters() if n.endswith("bias"))

    options = {"target_modules": ["c_attn"]}
    assert biases(get_peft_model(copy.deepcopy(gpt2), config(bias="none", **options))) == 0
    assert biases(get_peft_model(copy.deepcopy(gpt2), config(bias="lora_only", **options))) == 1
    everything = sum(name.endswith("bias") for name, _ in gpt2.named_parameters())
    before = logits(gpt2.eval())
    adapted = get_peft_model(gpt2, config(bias="all", **options)).eval()
    assert biases(adapted) == everything
    for name, parameter in adapted.named_parameters():
        if name.endswith("bias"):
            parameter.data += 0.1 * torch.arange(len(parameter))
    with adapted.disable_adapter(), listening():
        assert not torch.allclose(logits(adapted), before, atol=1e-2)


@pytest.mark.row("L13")
def test_a_misspelt_task_type_raises(model):
    with pytest.raises(ValueError, match="Invalid task type"):
        get_peft_model(model, config(task_type="CASUAL_LM"))


@pytest.mark.row("L14")
def test_without_a_task_type_the_wrapper_is_a_plain_one(small_lm):
    plain = get_peft_model(copy.deepcopy(small_lm), config())
    assert type(plain) is PeftModel
    known = get_peft_model(copy.deepcopy(small_lm), config(task_type="CAUSAL_LM"))
    assert type(known) is PeftModelForCausalLM


@pytest.mark.row("L15")
def test_a_misspelt_argument_of_the_config_raises():
    with pytest.raises(TypeError, match="unexpected keyword argument 'lora_aplha'"):
        LoraConfig(lora_aplha=16)


@pytest.mark.row("L16")
def test_the_trainer_turns_the_cache_off_and_generate_uses_it_still(model, tmp_path):
    assert model.config.use_cache
    adapted = get_peft_model(model, config(task_type="CAUSAL_LM"))
    assert adapted.base_model.config is adapted.config
    options = {"use_cpu": True, "max_steps": 1, "save_strategy": "no", "disable_tqdm": True}
    with listening():
        Trainer(
            adapted,
            TrainingArguments(str(tmp_path), report_to=[], **options),
            train_dataset=ROWS,
        ).train()
    assert not adapted.config.use_cache
    assert adapted.generation_config.use_cache
    adapted.eval()
    steps = []
    adapted.base_model.model.model.register_forward_pre_hook(
        lambda _, args, kwargs: steps.append(kwargs["input_ids"].shape[1]), with_kwargs=True
    )
    adapted.generate(input_ids=PROBE, max_new_tokens=3, min_new_tokens=3, do_sample=False)
    assert steps == [5, 1, 1]  # the prompt once, then a token a step: the rest is cached


@pytest.mark.row("L17")
def test_checkpointing_turns_the_cache_off_by_itself(model):
    model.train()
    with listening() as heard:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        output = model(PROBE, use_cache=True)
    assert output.past_key_values is None
    assert mentions(heard, "`use_cache=True` is incompatible with gradient checkpointing")


@pytest.mark.row("L18")
def test_save_pretrained_writes_the_adapter_alone(model, tmp_path):
    get_peft_model(model, config()).save_pretrained(tmp_path)
    saved = {path.name for path in tmp_path.iterdir()}
    assert saved == {"adapter_config.json", "adapter_model.safetensors", "README.md"}
    from safetensors.torch import load_file

    assert all("lora_" in name for name in load_file(tmp_path / "adapter_model.safetensors"))


@pytest.mark.row("L19")
def test_a_reloaded_adapter_is_frozen_unless_asked_for(small_lm, tmp_path):
    get_peft_model(copy.deepcopy(small_lm), config()).save_pretrained(tmp_path)
    frozen = PeftModel.from_pretrained(copy.deepcopy(small_lm), tmp_path)
    assert trainable(frozen) == 0
    open_ = PeftModel.from_pretrained(copy.deepcopy(small_lm), tmp_path, is_trainable=True)
    assert trainable(open_) == 2 * 8 * ((64 + 64) + (64 + 32))


@pytest.mark.row("L20")
def test_the_auto_class_loads_base_and_adapter_from_the_adapters_folder(lm_folder, tmp_path):
    base = AutoModelForCausalLM.from_pretrained(lm_folder, dtype=torch.float32)
    adapted = randomize(get_peft_model(base, config(task_type="CAUSAL_LM")))
    adapted.save_pretrained(tmp_path)
    for loader in (AutoModelForCausalLM, AutoPeftModelForCausalLM):
        loaded = loader.from_pretrained(tmp_path, dtype=torch.float32).eval()
        torch.testing.assert_close(logits(loaded), logits(adapted))


@pytest.mark.row("L21")
def test_merging_into_four_bits_warns_and_shifts_the_outputs(lm_folder):
    base = AutoModelForCausalLM.from_pretrained(
        lm_folder,
        quantization_config=BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4"),
    )
    adapted = randomize(get_peft_model(base, config()))
    before = logits(adapted)
    with listening() as heard:
        merged = adapted.merge_and_unload()
    assert mentions(heard, "Merge lora module to 4-bit linear may get different generations")
    assert (logits(merged) - before).abs().max() > 1e-3


@pytest.mark.row("L22")
def test_merging_into_bfloat16_shifts_the_outputs_in_silence(lm_folder):
    shifts = []
    for dtype in (torch.bfloat16, torch.float32):
        base = AutoModelForCausalLM.from_pretrained(lm_folder, dtype=dtype)
        adapted = randomize(get_peft_model(base, config()))
        before = logits(adapted)
        with listening() as heard:
            merged = adapted.merge_and_unload()
        assert not mentions(heard, "erge")
        shifts.append((logits(merged) - before).abs().max())
    assert shifts[0] > 100 * shifts[1]


@pytest.mark.row("L23")
def test_lora_is_attached_to_a_loaded_model(lm_folder):
    with pytest.raises(AttributeError, match="'str' object has no attribute"):
        get_peft_model(lm_folder, config())
