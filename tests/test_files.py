"""Writes are whole or absent."""

import multiprocessing
import os
import signal
import time

import pytest

from course_utils import files


def test_write_text_replaces_the_content(tmp_path):
    path = tmp_path / "new folder" / "note.txt"
    files.write_text(path, "one\n")
    files.write_text(path, "zwei, três\n")
    assert path.read_bytes() == "zwei, três\n".encode()


def test_a_written_file_has_the_mode_that_open_gives(tmp_path):
    (tmp_path / "plain").write_text("")
    files.write_text(tmp_path / "ours", "")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.fault(
    "Half-written files",
    breaks="A text can't be written, because half a character stands in it.",
    sees="Python's own error.",
    kept="The old content, and no file beside it.",
)
def test_write_text_leaves_the_old_content_when_the_new_one_fails(tmp_path):
    path = tmp_path / "note.txt"
    files.write_text(path, "old")
    with pytest.raises(UnicodeEncodeError):
        files.write_text(path, "\ud800")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["note.txt"]


def test_build_folder_once_builds_once(tmp_path):
    calls = []

    def build(folder):
        calls.append(folder)
        (folder / "model").write_text("weights")

    target = tmp_path / "models" / "tiny"
    assert files.build_folder_once(target, build) == target
    assert files.build_folder_once(target, build) == target
    assert len(calls) == 1
    assert (target / "model").read_text() == "weights"


def test_build_folder_once_leaves_nothing_when_the_build_raises(tmp_path):
    def build(folder):
        (folder / "half").write_text("...")
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        files.build_folder_once(tmp_path / "tiny", build)
    assert not list(tmp_path.glob("*.part"))
    assert not list(tmp_path.glob(".*.part"))
    assert not (tmp_path / "tiny").exists()


def _build_slowly(folder):
    (folder / "half").write_text("...")
    (folder.parent / "started").touch()
    time.sleep(60)


def _build_and_count(folder):
    with (folder.parent / "builds").open("a") as file:
        file.write("built\n")
    time.sleep(0.5)
    (folder / "whole").write_text("all of it")


def _wait_for(condition, *, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


@pytest.mark.fault(
    "Killed in the midst",
    breaks="The process that builds a model's folder is killed.",
    sees="On the next run, the folder built from the start.",
    kept="Nothing of the half: the folder is whole or not there.",
)
def test_a_killed_build_leaves_nothing_that_the_next_one_trips_over(tmp_path):
    spawn = multiprocessing.get_context("spawn")
    target = tmp_path / "tiny"
    process = spawn.Process(target=files.build_folder_once, args=(target, _build_slowly))
    process.start()
    _wait_for((tmp_path / "started").exists)
    os.kill(process.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
    process.join()
    assert not target.exists()

    files.build_folder_once(target, _build_and_count)
    assert [p.name for p in target.iterdir()] == ["whole"]
    assert not list(tmp_path.glob(".*.part"))


@pytest.mark.fault(
    "Two notebooks at once",
    breaks="Two notebooks ask for a model that has yet to be converted, at the same moment.",
    sees="In both, the model: one builds and the other waits.",
    kept="The folder, built once.",
)
def test_two_processes_at_once_build_once(tmp_path):
    spawn = multiprocessing.get_context("spawn")
    target = tmp_path / "tiny"
    processes = [
        spawn.Process(target=files.build_folder_once, args=(target, _build_and_count))
        for _ in range(2)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert (tmp_path / "builds").read_text() == "built\n"
    assert (target / "whole").read_text() == "all of it"


@pytest.mark.fault(
    "Two notebooks at once",
    breaks="The other notebook doesn't end its building, and holds the lock.",
    sees="`another process has been building` the folder for so long: wait, or `shut down "
    "the notebook that builds it`.",
    kept="What the other builds.",
)
def test_waiting_for_another_build_ends_with_advice(tmp_path, seen):
    from filelock import FileLock

    with (
        FileLock(tmp_path / ".tiny.lock"),
        pytest.raises(TimeoutError, match="shut down the notebook that builds it") as caught,
    ):
        files.build_folder_once(tmp_path / "tiny", _build_and_count, wait_s=0.1)
    seen(caught.value)


def _fill(text):
    return lambda folder: (folder / "content").write_text(text)


def test_replace_folder_replaces_all_that_was_there(tmp_path):
    target = tmp_path / "tables"
    assert files.replace_folder(target, _fill("one")) == target
    (target / "extra").touch()
    files.replace_folder(target, _fill("two"))
    assert [path.name for path in target.iterdir()] == ["content"]
    assert (target / "content").read_text() == "two"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".tables.lock", "tables"]


def test_replace_folder_leaves_the_old_one_when_the_build_raises(tmp_path):
    def build(folder):
        (folder / "half").write_text("...")
        raise RuntimeError("disk full")

    files.replace_folder(tmp_path / "tables", _fill("old"))
    with pytest.raises(RuntimeError, match="disk full"):
        files.replace_folder(tmp_path / "tables", build)
    assert [path.name for path in (tmp_path / "tables").iterdir()] == ["content"]
    assert not list(tmp_path.glob(".*.part"))


@pytest.mark.fault(
    "Killed in the midst",
    breaks="The kill falls between the two renames, when the old folder has another name, "
    "and the next try fails as well.",
    sees="The second failure.",
    kept="The old folder, under its own name again.",
)
def test_replace_folder_brings_back_what_a_kill_left_aside(tmp_path):
    def build(folder):
        raise RuntimeError("disk full")

    target = tmp_path / "tables"
    files.replace_folder(target, _fill("old"))
    target.rename(tmp_path / ".tables.previous")
    with pytest.raises(RuntimeError, match="disk full"):
        files.replace_folder(target, build)
    assert (target / "content").read_text() == "old"


@pytest.mark.fault(
    "Killed in the midst",
    breaks="The process that replaces a folder by a newer one is killed.",
    sees="On the next run, the newer folder.",
    kept="The old folder, whole, until the new one is.",
)
def test_a_killed_replacement_leaves_the_old_folder_whole(tmp_path):
    spawn = multiprocessing.get_context("spawn")
    target = tmp_path / "tables"
    files.replace_folder(target, _fill("old"))
    process = spawn.Process(target=files.replace_folder, args=(target, _build_slowly))
    process.start()
    _wait_for((tmp_path / "started").exists)
    os.kill(process.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
    process.join()
    assert (target / "content").read_text() == "old"
    files.replace_folder(target, _fill("new"))
    assert (target / "content").read_text() == "new"
    assert not list(tmp_path.glob(".*.part"))
