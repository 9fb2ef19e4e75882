"""What machine this is, where files go, how long a step took.

The only module that reads environment variables:

    COURSE_TIER       cpu, gpu_small or gpu_large, instead of what the machine is found to be
    COURSE_ARTIFACTS  where models, databases and progress go, instead of `artifacts/`
    COURSE_STRICT     1: a failed or unattempted exercise raises, and no progress is noted

`colab.set_up` sets the second one to the Drive folder that it is given. `import course_utils` sets
TELEMETRY_OFF, before the libraries that it concerns are imported.
"""

import inspect
import os
import random
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import torch

Tier = Literal["cpu", "gpu_small", "gpu_large"]
TIERS: tuple[Tier, ...] = ("cpu", "gpu_small", "gpu_large")
TELEMETRY_OFF = {
    # Else each request to the hub names torch's version and the program that started Python,
    # and a list of such programs is fetched for it.
    "HF_HUB_DISABLE_TELEMETRY": "1",
    # Else load_dataset reports each loading to a counter, that of a local file too.
    "HF_UPDATE_DOWNLOAD_COUNTS": "0",
}
GPU_LARGE_BYTES = 30e9  # a 7B model in 16 bits takes 15 GB; the rest is room to train adapters

PACKAGE_DIR = Path(__file__).resolve().parent


def switch_off_telemetry() -> None:
    """Tell the libraries to report nothing; a variable that is set already stays."""
    for name, value in TELEMETRY_OFF.items():
        os.environ.setdefault(name, value)


def project_dir() -> Path | None:
    """Return the root of the course's checkout, or None when only the wheel is installed."""
    root = PACKAGE_DIR.parent
    return root if (root / "pyproject.toml").is_file() and (root / "data").is_dir() else None


def data_dir() -> Path:
    """Return the folder of the committed data: the checkout's, else the copy in the wheel."""
    root = project_dir()
    return root / "data" if root else PACKAGE_DIR / "_data"


def constraints_path() -> Path:
    """Return the file of the known-good versions."""
    root = project_dir()
    return (root or PACKAGE_DIR / "_data") / "constraints.txt"


def artifacts_dir() -> Path:
    """Return the folder for what the learner makes, created if it isn't there.

    Raises:
        OSError: The folder can't be created.
    """
    chosen = os.environ.get("COURSE_ARTIFACTS")
    path = Path(chosen).expanduser() if chosen else (project_dir() or Path.cwd()) / "artifacts"
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(
            error.errno,
            f"{error.strerror}: no folder can be made here; set COURSE_ARTIFACTS to one that can "
            "be written",
            error.filename,
        ) from error
    return path


def environment(changes: dict[str, str]) -> dict[str, str]:
    """Return this process's environment variables, some of them changed, to start another with."""
    return {**os.environ, **changes}


def strict() -> bool:
    """Return whether a failed or unattempted exercise raises."""
    return os.environ.get("COURSE_STRICT", "0") not in {"", "0"}


def in_colab() -> bool:
    """Return whether this is a Colab session."""
    return "google.colab" in sys.modules or "COLAB_RELEASE_TAG" in os.environ


def tier() -> Tier:
    """Return the machine's tier: `cpu`, `gpu_small` (about 16 GB) or `gpu_large`.

    Raises:
        ValueError: COURSE_TIER names no tier, or a GPU tier on a machine without a GPU.
    """
    import torch

    has_gpu = torch.cuda.is_available()
    chosen = os.environ.get("COURSE_TIER")
    if chosen:
        if chosen not in TIERS:
            raise ValueError(f"COURSE_TIER={chosen!r} is not a tier; use one of {', '.join(TIERS)}")
        if chosen != "cpu" and not has_gpu:
            raise ValueError(f"COURSE_TIER={chosen!r}, but torch sees no GPU; unset it or use cpu")
        return chosen
    if not has_gpu:
        return "cpu"
    gpu_bytes = torch.cuda.get_device_properties(0).total_memory
    return "gpu_large" if gpu_bytes >= GPU_LARGE_BYTES else "gpu_small"


def device() -> str:
    """Return the torch device of the tier, `cpu` or `cuda`."""
    return "cpu" if tier() == "cpu" else "cuda"


def dtype() -> "torch.dtype":
    """Return the number format to load weights in: the fastest that the device computes in.

    float32 on a CPU, bfloat16 on a GPU that has it, float16 on an older one (a T4).
    """
    import torch

    if device() == "cpu":
        return torch.float32
    # is_bf16_supported() counts emulation by default, which is slower than float16.
    has_bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if has_bf16 else torch.float16


def set_seed(seed: int) -> None:
    """Seed Python's, NumPy's and torch's random numbers, on every device."""
    import numpy as np
    import torch

    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def free_memory_bytes() -> int:
    """Return the main memory that a new program can have without swapping."""
    import psutil

    return psutil.virtual_memory().available


def peak_memory_bytes() -> int:
    """Return the most main memory that this process has held so far."""
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset
    if sys.platform == "linux":
        # Not getrusage: its maximum includes what the parent held when it started this process.
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024  # the file counts in KiB
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS


@dataclass
class Stopwatch:
    """Wall-clock seconds by step, in the order in which the steps ran.

    >>> watch = Stopwatch()
    >>> with watch("load"):
    ...     pass
    >>> list(watch.seconds)
    ['load']
    """

    seconds: dict[str, float] = field(default_factory=dict)
    _step: str = ""
    _started: float = 0.0

    def __call__(self, step: str) -> "Stopwatch":
        """Name the step that the following `with` block measures."""
        self._step = step
        return self

    def __enter__(self) -> "Stopwatch":
        """Start the clock."""
        self._started = time.perf_counter()
        return self

    def __exit__(self, *exception: object) -> None:
        """Note the seconds; a step that runs again is measured anew."""
        self.seconds[self._step] = time.perf_counter() - self._started

    @property
    def total_s(self) -> float:
        """The sum over all steps."""
        return sum(self.seconds.values())


def preflight(*, memory_gb: float, minutes: dict[Tier, float]) -> str:
    """Describe the machine in one line, and refuse a run that it can't hold.

    Args:
        memory_gb: Main memory that the lesson needs at its peak.
        minutes: Expected minutes by tier, as far as they were measured.

    Raises:
        MemoryError: Less memory is free; the message says what to do.
    """
    free_gb = free_memory_bytes() / 1e9
    if free_gb < memory_gb:
        raise MemoryError(
            f"this lesson needs {memory_gb:g} GB of memory and {free_gb:.1f} GB are free; shut "
            "down other notebooks (Kernel > Shut Down All Kernels), close other programs, run again"
        )
    name = tier()
    expected = f"about {minutes[name]:g} min" if name in minutes else "time not measured here"
    number_format = str(dtype()).removeprefix("torch.")
    return f"tier {name} | device {device()} | {number_format} | {free_gb:.1f} GB free | {expected}"


def show_source(function: Any) -> Any:
    """Show how a helper is written: coloured in a notebook, plain text elsewhere."""
    source = inspect.getsource(function)
    try:
        from IPython.display import Code
    except ImportError:
        return source
    return Code(source, language="python")
