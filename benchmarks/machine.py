"""What a run was made on: the processor, its cores, the versions, the date."""

import datetime
import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

import psutil

PACKAGES = (
    "torch",
    "transformers",
    "peft",
    "sentence-transformers",
    "bitsandbytes",
    "pymilvus",
    "milvus-lite",
    "milvus",
    "xllamacpp",
    "onnxruntime",
)


def describe() -> dict[str, Any]:
    """Return the machine and the versions, in plain values."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "system": platform.system(),
        "python": platform.python_version(),
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
        "day": datetime.date.today().isoformat(),
        "load_before": round(psutil.getloadavg()[0], 2),
    }


def processor() -> str:
    """Return the processor's name and which units for products of small numbers it has."""
    try:
        info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    lines = dict(line.split(":", 1) for line in info.splitlines() if ":" in line)
    values = {name.strip(): value.strip() for name, value in lines.items()}
    name = values.get("model name", platform.machine())
    units = [
        unit
        for unit in ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
        if unit in values.get("flags", "").split()
    ]
    return f"{name} ({', '.join(units)})" if units else name


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
