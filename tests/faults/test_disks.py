"""A full disk and a read-only one: the remedy is named, what was there stays, a new try works."""

import os
import sqlite3
from contextlib import closing, redirect_stdout
from io import StringIO

import numpy as np
import pytest

from course_utils import exercises, files, runtime
from faults import disks

RIGHT = "merino-and-wool-care"  # the answer of exercise 00.1
BLOCK = bytes(100_000)

# From importing transformers and peft; the lessons hide them.
pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
]

needs_small_disk = pytest.mark.skipif(disks.reason() is not None, reason=str(disks.reason()))


@pytest.fixture
def disk(tmp_path):
    (tmp_path / "disk").mkdir()
    return tmp_path / "disk"


def error_of(call, *arguments, **options):
    """Return the type and the words of the error that a call ends with."""
    try:
        call(*arguments, **options)
    except Exception as error:
        return type(error).__name__, str(error)
    return None, "no error"


def fill(folder):
    """Write until nothing fits."""
    with (folder / "filler").open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            return


def names_in(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != "filler")


def pass_an_exercise(folder, *, spoil):
    """Pass 00.1 where its pass can't be noted; return what was shown, the error, and the file."""
    os.environ["COURSE_ARTIFACTS"] = str(folder)
    exercises.progress_file.note_passed("00.0")
    before = (folder / "progress.json").read_bytes()
    spoil(folder)
    shown = StringIO()
    with redirect_stdout(shown):
        kind, error = error_of(exercises.check, "00.1", RIGHT)
    unchanged = (folder / "progress.json").read_bytes() == before
    halves = [name for name in names_in(folder) if name.endswith(".part")]
    return kind, shown.getvalue() + error, unchanged, halves


def pass_on_a_full_disk(folder):
    return pass_an_exercise(folder, spoil=fill)


def pass_on_a_read_only_disk(folder):
    return pass_an_exercise(folder, spoil=disks.make_read_only)


@needs_small_disk
@pytest.mark.fault(
    "Disks",
    breaks="An exercise is passed, and the disk of the progress file is full.",
    sees="`00.1: passed.`, then `no space left; free some, or set COURSE_ARTIFACTS to a "
    "folder on another disk`.",
    kept="The progress so far; no half file lies beside it.",
)
def test_a_pass_on_a_full_disk_is_shown_and_the_progress_stays(disk, seen):
    kind, shown, unchanged, halves = disks.on_small_disk(pass_on_a_full_disk, disk, size="64k")
    seen(shown)
    assert (kind, unchanged, halves) == ("OSError", True, [])


@needs_small_disk
@pytest.mark.fault(
    "Disks",
    breaks="An exercise is passed, and the folder of the progress file is read-only.",
    sees="`00.1: passed.`, then `the folder can't be written; make it writable, or set "
    "COURSE_ARTIFACTS`.",
    kept="The progress so far.",
)
def test_a_pass_in_a_read_only_folder_is_shown_and_the_progress_stays(disk, seen):
    _, shown, unchanged, halves = disks.on_small_disk(pass_on_a_read_only_disk, disk, size="64k")
    seen(shown)
    assert (unchanged, halves) == (True, [])


def write_weights(folder):
    from safetensors.numpy import save_file

    save_file({"weight": np.ones(50_000, dtype=np.float32)}, folder / "model.safetensors")


def convert_on_a_full_disk(folder):
    target = folder / "models" / "tiny"
    said = error_of(files.build_folder_once, target, write_weights)
    left = names_in(folder / "models")
    disks.grow(folder, "8m")
    files.build_folder_once(target, write_weights)
    return said, left, names_in(target)


@needs_small_disk
@pytest.mark.fault(
    "Disks",
    breaks="The disk fills up while the weights of a model are written; safetensors raises "
    "an error of its own.",
    sees="`no space left; free some, or set COURSE_ARTIFACTS to a folder on another disk`, "
    "and the folder.",
    kept="Nothing half: the space is free again. With room, the same call makes the whole.",
)
def test_a_model_that_does_not_fit_leaves_nothing_and_is_made_later(disk, seen):
    (kind, words), left, made = disks.on_small_disk(convert_on_a_full_disk, disk, size="64k")
    seen(words)
    assert str(disk / "models" / "tiny") in words
    assert (kind, left, made) == ("OSError", [".tiny.lock"], ["model.safetensors"])


def build_in_a_read_only_folder(folder):
    disks.make_read_only(folder)
    return error_of(files.build_folder_once, folder / "models" / "tiny", write_weights)


@needs_small_disk
@pytest.mark.fault(
    "Disks",
    breaks="A model is to be made in a folder that is read-only.",
    sees="`the folder can't be written; make it writable, or set COURSE_ARTIFACTS to a "
    "folder on another disk`",
    kept="The folder.",
)
def test_a_model_in_a_read_only_folder_is_refused(disk, seen):
    kind, words = disks.on_small_disk(build_in_a_read_only_folder, disk, size="64k")
    seen(words)
    assert kind == "OSError"


def write_database(folder):
    with closing(sqlite3.connect(folder / "shop.db")) as connection, connection:
        connection.execute("CREATE TABLE t (x)")
        connection.executemany("INSERT INTO t VALUES (?)", [("x" * 1000,) for _ in range(500)])


def replace_on_a_full_disk(folder):
    target = folder / "tables"
    files.replace_folder(target, lambda part: (part / "old").touch())
    said = error_of(files.replace_folder, target, write_database)
    return said, names_in(target), [name for name in names_in(folder) if name.endswith(".part")]


@needs_small_disk
@pytest.mark.fault(
    "Disks",
    breaks="The disk fills up while cleaned tables take the place of older ones; SQLite "
    "raises an error of its own.",
    sees="`no space left; free some`",
    kept="The older tables, whole.",
)
def test_tables_that_do_not_fit_leave_the_old_ones(disk, seen):
    (kind, words), kept, halves = disks.on_small_disk(replace_on_a_full_disk, disk, size="96k")
    seen(words)
    assert (kind, kept, halves) == ("OSError", ["old"], [])


@pytest.mark.fault(
    "Disks",
    breaks="A file may not grow over a limit, as a quota or `ulimit -f` sets it.",
    sees="`no space left; free some`",
    kept="The old content; no half file lies beside it.",
)
def test_a_file_over_a_quota_leaves_the_old_content(tmp_path, seen):
    resource = pytest.importorskip("resource", reason="Windows has no limit on a file's size")
    path = tmp_path / "note.txt"
    files.write_text(path, "old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        _, words = error_of(files.write_bytes, path, BLOCK)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    seen(words)
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["note.txt"]


@pytest.mark.fault(
    "Disks",
    breaks="COURSE_ARTIFACTS names a file, or a folder within one.",
    sees="The path, and `no folder can be made here; set COURSE_ARTIFACTS to one that can "
    "be written`.",
    kept="The file.",
)
@pytest.mark.parametrize("below", ["", "models"])
def test_artifacts_that_can_be_no_folder_are_named(tmp_path, monkeypatch, below, seen):
    file = tmp_path / "a file"
    file.write_text("text")
    monkeypatch.setenv("COURSE_ARTIFACTS", str(file / below))
    _, words = error_of(runtime.artifacts_dir)
    seen(words)
    assert str(file) in words
    assert file.read_text() == "text"


def ingest_colours(client):
    from course_utils import vectorstore

    rows = [{"id": str(n), "text": f"ticket {n}" * 4, "shelf": "a"} for n in range(10_000)]

    def embed(texts):
        seed = int(texts[0].split("ticket ")[1])
        return np.random.default_rng(seed).normal(size=(len(texts), 4))

    return vectorstore.ingest(client, "colours", rows, embed=embed, batch_size=500, progress=False)


def ingest_on_a_full_disk(folder):
    from test_vectorstore import make_collection

    from course_utils import vectorstore

    uri = folder / "shop.db"
    client = vectorstore.connect(uri)
    make_collection(client, "colours")
    said = error_of(ingest_colours, client)
    client.close()
    vectorstore.release(uri)
    disks.grow(folder, "64m")
    client = vectorstore.connect(uri)
    before = vectorstore.count(client, "colours")
    report = ingest_colours(client)
    return said, before, report.added, vectorstore.count(client, "colours")


@needs_small_disk
@pytest.mark.fault(
    "Disks",
    breaks="The disk fills up during an ingest into Milvus Lite.",
    sees="`no space left during an ingest; free some`, and that a new run `goes on where "
    "it stopped`.",
    kept="The batches before. With room, the next run adds the others: each row stands there once.",
)
def test_an_ingest_onto_a_full_disk_goes_on_with_room(disk, seen):
    (kind, words), before, added, count = disks.on_small_disk(
        ingest_on_a_full_disk, disk, size="512k"
    )
    seen(words)
    assert kind == "OSError"
    assert 0 < before < 10_000
    assert (before + added, count) == (10_000, 10_000)


def open_in_a_read_only_folder(folder):
    from course_utils import vectorstore

    disks.make_read_only(folder)
    return error_of(vectorstore.connect, folder / "shop.db")


@needs_small_disk
@pytest.mark.fault(
    "Disks",
    breaks="A database of Milvus Lite is opened in a read-only folder, which Lite itself "
    "takes for another notebook's lock.",
    sees="`the folder can't be written; make it writable`",
    kept="The folder. Nobody shuts down notebooks in vain.",
)
def test_milvus_lite_in_a_read_only_folder_is_not_taken_for_locked(disk, seen):
    _, words = disks.on_small_disk(open_in_a_read_only_folder, disk, size="64k")
    seen(words)
    assert "other notebook" not in words


def train_on_a_full_disk(folder, model_folder):
    from test_lora import run
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

    model = LlamaForCausalLM.from_pretrained(model_folder)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(model_folder)
    said = error_of(run, model, tokenizer, folder / "run")
    checkpoints = sorted(path.name for path in (folder / "run").glob("checkpoint-*"))
    disks.grow(folder, "64m")
    resumed = run(model, tokenizer, folder / "run", resume=True)
    return said, checkpoints, resumed.losses


@needs_small_disk
@pytest.mark.fault(
    "Disks",
    breaks="The disk fills up while a training writes a checkpoint.",
    sees="`no space left; free some, or set COURSE_ARTIFACTS to a folder on another disk`",
    kept="The checkpoints before. With room, resume=True leads to the same losses as a "
    "training that never broke.",
)
def test_a_checkpoint_that_does_not_fit_costs_no_more_than_its_steps(
    disk, tmp_path, tiny_lm, letters, seen
):
    from test_lora import run

    for saved in (tiny_lm, letters):
        saved.save_pretrained(tmp_path / "model")
    whole = run(tiny_lm, letters, tmp_path / "whole")
    (kind, words), checkpoints, losses = disks.on_small_disk(
        train_on_a_full_disk, disk, tmp_path / "model", size="100k"
    )
    seen(words)
    assert kind == "OSError"
    assert checkpoints
    assert dict(losses) == pytest.approx(dict(whole.losses), abs=1e-6)
