"""What a kill or a bad copy left half is named or made again; what was whole stays."""

import json
import signal
import subprocess
import sys
import time

import pytest
from test_lora import run

from course_utils import files, models, vectorstore
from course_utils.exercises import progress_file

pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
]
needs_sigkill = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
SMOLLM2 = "SmolLM2-135M-Instruct"


@pytest.mark.fault(
    "Half-written files",
    breaks="The weights of a converted model are cut short, as by a copy that broke off.",
    sees="The folder whose weights `can't be read`, and the remedy: `delete that folder: "
    "what the course made, it makes again`.",
    kept="The folder, until you delete it.",
)
def test_weights_that_are_cut_short_are_named(tmp_path, tiny_lm, letters, seen):
    folder = tmp_path / "mine"
    for saved in (tiny_lm, letters):
        saved.save_pretrained(folder)
    weights = folder / "model.safetensors"
    cut = weights.read_bytes()[:-1000]
    weights.write_bytes(cut)
    with pytest.raises(ValueError, match=r"the weights in .*mine can't be read") as caught:
        models.load_causal_lm(str(folder))
    seen(caught.value)
    assert weights.read_bytes() == cut


def cut_state(checkpoint):
    state = checkpoint / "trainer_state.json"
    state.write_text(state.read_text()[:40])


def drop_what_comes_after_the_weights(checkpoint):
    for name in ("trainer_state.json", "optimizer.pt", "scheduler.pt", "rng_state.pth"):
        (checkpoint / name).unlink()


@pytest.mark.fault(
    "Half-written files",
    breaks="A training was killed while it wrote a checkpoint, of which a half is left; the "
    "library would resume from it and fail each time.",
    sees="With resume=True, the rest of the training, from the last whole checkpoint.",
    kept="The whole checkpoints, and the result: loss by loss that of a training that never broke.",
)
@pytest.mark.parametrize("damage", [cut_state, drop_what_comes_after_the_weights])
def test_half_a_checkpoint_is_passed_over(tiny_lm, letters, tmp_path, damage):
    folder = tmp_path / "run"
    whole = run(tiny_lm, letters, folder)
    assert sorted(path.name for path in folder.glob("checkpoint-*"))[-1] == "checkpoint-6"
    damage(folder / "checkpoint-6")
    resumed = run(tiny_lm, letters, folder, resume=True)
    assert dict(resumed.losses) == pytest.approx(dict(whole.losses), abs=1e-6)
    assert json.loads((folder / "checkpoint-6" / "trainer_state.json").read_text())


@pytest.mark.fault(
    "Half-written files",
    breaks="The note of what training the checkpoints are of was overwritten.",
    sees="run.json, `which says of what training` the checkpoint is, and the remedy: "
    "`delete` the folder, `or choose another output_dir`.",
    kept="The checkpoints, until you delete them.",
)
def test_a_broken_note_of_a_run_is_named(tiny_lm, letters, tmp_path, seen):
    run(tiny_lm, letters, tmp_path)
    (tmp_path / "run.json").write_text("[1, 2")
    with pytest.raises(ValueError, match=r"run\.json, which says") as caught:
        run(tiny_lm, letters, tmp_path, resume=True)
    seen(caught.value)
    assert (tmp_path / "checkpoint-6").is_dir()


@pytest.mark.fault(
    "Half-written files",
    breaks="A file lies where Milvus Lite wants its folder, as an older Lite left one.",
    sees="The path, which `is a file`, and the remedy: `move the file away`, `or give "
    "another path`.",
    kept="The file.",
)
def test_a_file_in_place_of_a_local_database_is_not_taken_for_locked(tmp_path, seen):
    path = tmp_path / "shop.db"
    path.write_bytes(b"SQLite format 3\0" * 10)
    with pytest.raises(ValueError, match=r"shop\.db is a file") as caught:
        vectorstore.connect(path)
    seen(caught.value)
    assert path.read_bytes() == b"SQLite format 3\0" * 10


# The new content is written and doesn't take its place any more.
PASS_AND_DIE = """
import os
import signal
from pathlib import Path
from course_utils.exercises import progress_file

Path.replace = lambda self, target: os.kill(os.getpid(), signal.SIGKILL)
progress_file.note_passed("00.2")
"""


@needs_sigkill
@pytest.mark.fault(
    "Killed in the midst",
    breaks="A notebook is killed while it notes a passed exercise, with the lock in its hand.",
    sees="In the next notebook, the next pass, noted at once.",
    kept="All passes before. The lock goes with the process.",
)
def test_a_kill_while_a_pass_is_noted_loses_no_other(artifacts):
    progress_file.note_passed("00.1")
    killed = subprocess.run([sys.executable, "-c", PASS_AND_DIE], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert list(progress_file.read()) == ["00.1"]
    progress_file.note_passed("00.3")
    assert list(progress_file.read()) == ["00.1", "00.3"]


CONVERT = """
from course_utils import models

models.find_causal_lm("SmolLM2-135M-Instruct")
"""


@needs_sigkill
@pytest.mark.slow
@pytest.mark.fault(
    "Killed in the midst",
    breaks="The conversion of the language model is killed while its weights are written.",
    sees="On the next run, the conversion from the start.",
    kept="Nothing of the half is taken for the model, and nothing of it stays on the disk.",
)
def test_a_killed_conversion_is_made_again(artifacts):
    target = artifacts / "models" / SMOLLM2
    process = subprocess.Popen([sys.executable, "-c", CONVERT])
    while process.poll() is None and not list(target.parent.glob(f".{SMOLLM2}.*.part/*")):
        time.sleep(0.02)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert not target.exists()

    def convert_quickly(folder):
        (folder / "config.json").write_text("{}")

    files.build_folder_once(target, convert_quickly)  # the real one would take half a minute more
    assert [path.name for path in target.iterdir()] == ["config.json"]
    assert not list(target.parent.glob(".*.part"))
