"""Put a LoRA adapter on a model, count it first, save it, load it, merge it.

`lora` trains it. The adapters are peft's own; each function here adds a check that peft leaves
out and whose absence costs a training run.
"""

import difflib
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.tuners_utils import BaseTunerLayer, check_target_module_exists
from peft.utils import SAFETENSORS_WEIGHTS_NAME

from course_utils import files

if TYPE_CHECKING:
    from transformers import PreTrainedModel

BASE_FILE = "base_weights.json"  # beside the adapter: some of the weights that it was trained on
SAMPLES = 256  # weights of the embedding that tell one base model from another
# bfloat16 keeps 8 bits of a number; the embedding is as good as never quantized further.
BFLOAT16_STEP = 2**-8
# What these options add isn't two thin matrices a layer.
UNCOUNTED = ("use_dora", "lora_bias", "modules_to_save", "trainable_token_indices")


def predict_parameters(model: "PreTrainedModel", lora_config: LoraConfig) -> int:
    """Return how many parameters the adapter will train, before anything is attached.

    Each targeted linear layer keeps its weight, of shape (out, in), and gets two thin matrices
    beside it: A of shape (r, in) and B of shape (out, r). That is r * (in + out) parameters
    (Hu et al. 2021, section 4.1).

    Args:
        model: Without adapters. A 4-bit layer counts by the shape that it stands for.
        lora_config: The library's own object.

    Raises:
        ValueError: A name in `target_modules` matches nothing, a target isn't linear, the model
            has adapters, or the config has an option that adds other parameters.
    """
    _check_attachable(model, lora_config)
    for option in UNCOUNTED:
        if getattr(lora_config, option, None):
            raise ValueError(
                f"{option}={getattr(lora_config, option)!r} trains more than the two matrices of "
                "each layer, which are all that is counted here; leave it out, or attach the "
                "adapter and read model.print_trainable_parameters()"
            )
    if lora_config.bias != "none":
        raise ValueError(
            f"bias={lora_config.bias!r} trains the layers' own biases as well, which aren't "
            'counted here; pass bias="none"'
        )
    total = 0
    for name, module in _targets(model, lora_config):
        if not isinstance(module, torch.nn.Linear):
            raise ValueError(
                f"target {name} is a {type(module).__name__}, and only linear layers are counted; "
                f"target some of {', '.join(_linear_names(model))}"
            )
        total += _rank(name, lora_config) * (module.in_features + module.out_features)
    return total


def attach(model: "PreTrainedModel", lora_config: LoraConfig) -> PeftModel:
    """Return `get_peft_model(model, lora_config)` after checking what it would do.

    peft puts its layers into the model it is given, so `model` changes. Its outputs don't yet:
    B starts at zero. A 4-bit model goes through `prepare_model_for_kbit_training` before this;
    called after it, that function freezes the adapter too.

    Args:
        model: Without adapters, in any number format.
        lora_config: The library's own object.

    Raises:
        ValueError: A name in `target_modules` matches nothing (peft is content if another one
            matches, and trains less than was asked for), or the model has adapters already.
    """
    _check_attachable(model, lora_config)
    return get_peft_model(model, lora_config)


def save_adapter(model: PeftModel, folder: Path) -> Path:
    """Write the adapter, and by what its base model is known again; an older one is replaced.

    Args:
        model: With an adapter. The base model's weights aren't written.
        folder: What it holds already is lost.

    Returns:
        `folder`.

    Raises:
        TypeError: The model has no adapter to save, for example because it was merged.
    """
    if not isinstance(model, PeftModel):
        raise TypeError(
            f"{type(model).__name__} has no adapter; save a merged model with "
            "model.save_pretrained(folder), which writes all its weights"
        )
    return files.replace_folder(Path(folder), lambda part: write_adapter(model, part))


def write_adapter(model: PeftModel, folder: Path) -> None:
    """Write the files of `save_adapter` into a folder that is there; killed, it leaves a half.

    Args:
        model: With an adapter.
        folder: Such as the one that `files.build_folder_once` hands to its `build`.
    """
    model.save_pretrained(str(folder))
    files.write_text(folder / BASE_FILE, json.dumps(_sample(model.get_base_model())) + "\n")


def load_adapter(base: "PreTrainedModel", folder: Path, *, trainable: bool = False) -> PeftModel:
    """Put a saved adapter on its base model; `base` changes.

    An adapter fits each model of the same shapes and answers nonsense on the wrong one, so the
    base's weights are compared with those that it was trained on. They may have another number
    format: an adapter that was trained on a 4-bit model loads on the same model in float32.

    Args:
        base: Without adapters.
        folder: As `save_adapter` wrote it. peft's own folders load too, without the comparison.
        trainable: Whether its training goes on; frozen by default, as in peft.

    Raises:
        FileNotFoundError: There is no adapter in the folder.
        ValueError: The adapter belongs to another model, or the model has adapters already.
    """
    folder = Path(folder)
    if not (folder / "adapter_config.json").is_file():
        raise FileNotFoundError(
            f"{folder}: no adapter_config.json here; pass a folder that save_adapter wrote"
        )
    # peft would look for a pickle next, and then on the hub.
    if not (folder / SAFETENSORS_WEIGHTS_NAME).is_file():
        raise FileNotFoundError(
            f"{folder}: no {SAFETENSORS_WEIGHTS_NAME} here; pass a folder that save_adapter wrote"
        )
    _check_without_adapters(base)
    if (folder / BASE_FILE).is_file():
        saved = torch.tensor(json.loads((folder / BASE_FILE).read_text(encoding="utf-8")))
        here = torch.tensor(_sample(base))
        if not torch.allclose(here, saved, rtol=BFLOAT16_STEP, atol=1e-6):
            raise ValueError(
                f"{folder}: the adapter was trained on a model with other weights than this "
                f"{type(base).__name__}; load the model that it belongs to first"
            )
    return PeftModel.from_pretrained(base, str(folder), is_trainable=trainable)


def merge(model: PeftModel) -> "PreTrainedModel":
    """Return the base model with the adapter added into its weights: W + alpha / r * B A.

    The result is an ordinary model that needs no peft and is as fast as the base. The adapter
    is gone from `model`, so save it first.

    Raises:
        TypeError: The model has no adapter.
        ValueError: The base is quantized. The sum would be rounded to 8 or 4 bits again, and
            the answers shift.
    """
    if not isinstance(model, PeftModel):
        raise TypeError(f"{type(model).__name__} has no adapter; merge what attach returned")
    if getattr(model.get_base_model(), "is_quantized", False):
        raise ValueError(
            "the base model is quantized, and merging would round the sum to its few bits again; "
            "save the adapter, load the base without quantization, load_adapter, then merge"
        )
    return model.merge_and_unload()


def _check_attachable(model: "PreTrainedModel", lora_config: LoraConfig) -> None:
    _check_without_adapters(model)
    wanted = lora_config.target_modules
    if wanted is None:
        raise ValueError(
            "target_modules is not set; pass some of "
            f'{", ".join(_linear_names(model))}, or "all-linear"'
        )
    if isinstance(wanted, str):
        if not any(_targets(model, lora_config)):
            raise ValueError(
                f"target_modules={wanted!r} matches no module; a string is a pattern for the "
                f'whole name, such as r".*\\.q_proj"; the linear layers are '
                f"{', '.join(_linear_names(model))}"
            )
        return
    modules = [name for name, _ in model.named_modules()]
    for target in sorted(wanted):
        if not any(name == target or name.endswith(f".{target}") for name in modules):
            there = _linear_names(model)
            near = difflib.get_close_matches(target, there, n=2, cutoff=0.5)
            meant = f"did you mean {' or '.join(near)}? " if near else ""
            raise ValueError(
                f"target_modules: no module is called {target!r}; {meant}"
                f"The linear layers are {', '.join(there)}"
            )


def _check_without_adapters(model: "PreTrainedModel") -> None:
    if any(isinstance(module, BaseTunerLayer) for module in model.modules()):
        raise ValueError(
            "the model has adapters already, because peft changes the model that it is given; "
            "load the base model again (or take them off with model.unload())"
        )


def _targets(
    model: "PreTrainedModel", lora_config: LoraConfig
) -> Iterator[tuple[str, torch.nn.Module]]:
    """Yield name and module of each layer that peft will target."""
    if lora_config.target_modules == "all-linear":
        output = model.get_output_embeddings()  # peft leaves it out
        linear = {
            name
            for name, module in model.named_modules()
            if isinstance(module, torch.nn.Linear) and module is not output
        }
        lora_config = replace(lora_config, target_modules=linear)
    for name, module in model.named_modules():
        if check_target_module_exists(lora_config, name):
            yield name, module


def _linear_names(model: "PreTrainedModel") -> list[str]:
    """Return the last part of the name of each linear layer, in the order of the model."""
    names = [n for n, module in model.named_modules() if isinstance(module, torch.nn.Linear)]
    return list(dict.fromkeys(name.rpartition(".")[2] for name in names))


def _rank(name: str, lora_config: LoraConfig) -> int:
    for pattern, rank in lora_config.rank_pattern.items():
        if re.fullmatch(rf"(.*\.)?({pattern})", name):
            return rank
    return lora_config.r


def _sample(model: "PreTrainedModel") -> list[float]:
    """Return some weights of the input embedding, spread over all of it, and its shape."""
    weight = model.get_input_embeddings().weight.detach()
    rows = torch.linspace(0, weight.shape[0] - 1, SAMPLES).long().tolist()
    columns = [number % weight.shape[1] for number in range(SAMPLES)]
    values = weight.cpu()[rows, columns].float().tolist()
    return [float(size) for size in weight.shape] + values
