"""The network is really cut: a process that has no device but the loopback."""

import subprocess
import sys
from pathlib import Path

import pytest

from course_utils import runtime

ASK = """
from course_utils import models, noise

noise.hide_known()
print(models.default_causal_lm(), models.find_embedder("all-MiniLM-L6-v2"), sep="\\n")
try:
    models.load_causal_lm("Qwen/Qwen2.5-0.5B-Instruct")
except models.ModelNotFoundError as error:
    print(error)
"""


CUT = "import offline\nassert offline.enter_empty_network()\n"


def run_python(code):
    """Run code in a process that can import the tests' modules."""
    prelude = f"import sys\nsys.path.insert(0, {str(runtime.project_dir() / 'tests')!r})\n"
    return subprocess.run([sys.executable, "-c", prelude + code], capture_output=True, text=True)


def network_can_be_cut():
    return run_python(CUT).returncode == 0


@pytest.mark.skipif(not network_can_be_cut(), reason="no network namespace can be made here")
@pytest.mark.fault(
    "No network",
    breaks="The network is cut, and a model is asked for that only the hub has.",
    sees="It `isn't on this machine and the hub doesn't answer; connect to a network, or "
    "choose one of SmolLM2-135M-Instruct`.",
    kept="The two models of the course: they are found on the disk.",
)
def test_without_a_network_the_models_on_disk_are_found_and_others_named(seen):
    default, embedder, said = run_python(CUT + ASK).stdout.splitlines()
    seen(said)
    assert default == "SmolLM2-135M-Instruct"
    assert (Path(embedder) / "model.safetensors").is_file()
