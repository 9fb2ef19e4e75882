"""A row is read when it is asked for, by any process; a broken file is named by its line."""

import json
import pickle

import pytest
from torch.utils.data import DataLoader

from course_utils.loading import JsonlDataset, load_jsonl

ROWS = [{"id": n, "text": f"tent {n} für 2"} for n in range(5)]


def read_id(row):
    return row["id"]


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a JSONL file: rows are encoded, text and bytes are kept."""

    def write_file(*lines, name="rows.jsonl", end="\n"):
        path = tmp_path / name
        encoded = [
            line
            if isinstance(line, bytes)
            else (line if isinstance(line, str) else json.dumps(line, ensure_ascii=False)).encode()
            for line in lines
        ]
        path.write_bytes(b"".join(line + end.encode() for line in encoded))
        return path

    return write_file


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_dataset_reads_the_rows_by_number(write, end):
    dataset = JsonlDataset(write(*ROWS, end=end))
    assert len(dataset) == 5
    assert [dataset[4], dataset[0], dataset[2]] == [ROWS[4], ROWS[0], ROWS[2]]
    assert [dataset[-1], dataset[-5]] == [ROWS[4], ROWS[0]]
    assert list(dataset) == ROWS


def test_a_last_line_without_its_end_and_a_byte_order_mark_are_read(write):
    path = write(b"\xef\xbb\xbf" + b'{"id": 1}\n{"id": 2}', end="")
    assert list(JsonlDataset(path)) == [{"id": 1}, {"id": 2}]


@pytest.mark.parametrize("index", [5, -6])
def test_a_row_outside_the_file_is_an_index_error(write, index):
    dataset = JsonlDataset(write(*ROWS))
    with pytest.raises(IndexError, match=rf"rows\.jsonl: row {index} of 5"):
        dataset[index]


def test_blank_lines_are_no_rows_but_count_as_lines(write):
    dataset = JsonlDataset(write("", ROWS[0], "  ", "", ROWS[1], "{oops"))
    assert len(dataset) == 3
    assert dataset[1] == ROWS[1]
    with pytest.raises(ValueError, match=r"rows\.jsonl, line 6: .*Expecting property name"):
        dataset[2]


def test_the_transform_makes_the_item(write):
    assert list(JsonlDataset(write(*ROWS), transform=read_id)) == [0, 1, 2, 3, 4]


def test_an_open_dataset_can_be_pickled(write):
    dataset = JsonlDataset(write(*ROWS), transform=read_id)
    assert dataset[1] == 1
    assert list(pickle.loads(pickle.dumps(dataset))) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("start_method", ["fork", "spawn"])
def test_workers_read_the_same_rows_in_the_same_order(write, start_method):
    import multiprocessing

    if start_method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {start_method} on this system")
    # Many rows: with a read position shared after a fork, some come out wrong or broken.
    path = write(*[{"id": n, "text": "x" * (n % 97)} for n in range(2000)])
    dataset = JsonlDataset(path, transform=read_id)
    assert dataset[0] == 0  # the parent has the file open
    loader = DataLoader(dataset, batch_size=50, num_workers=2, multiprocessing_context=start_method)
    assert [n for batch in loader for n in batch.tolist()] == list(range(2000))


def test_a_broken_line_that_a_worker_meets_is_named(write):
    dataset = JsonlDataset(write(*ROWS, "{oops"))
    with pytest.raises(ValueError, match=r"rows\.jsonl, line 6: not a row of JSONL"):
        list(DataLoader(dataset, batch_size=2, num_workers=1, collate_fn=list))


def test_a_file_that_was_changed_in_use_is_refused(write):
    dataset = JsonlDataset(write(*ROWS))
    write(*ROWS[:3])
    with pytest.raises(ValueError, match=r"rows\.jsonl: the file changed .*make the dataset again"):
        dataset[4]


def test_a_dataset_of_a_missing_or_empty_file_is_refused(tmp_path, write):
    with pytest.raises(FileNotFoundError, match=r"absent\.jsonl"):
        JsonlDataset(tmp_path / "absent.jsonl")
    with pytest.raises(ValueError, match=r"rows\.jsonl: the file has no rows"):
        JsonlDataset(write("", " "))


def test_loading_returns_what_the_library_returns(write, tmp_path):
    path, cache = write(*ROWS), tmp_path / "cache"
    by_split = load_jsonl(path, cache_dir=cache)
    assert {name: list(rows) for name, rows in by_split.items()} == {"train": ROWS}
    assert list(load_jsonl(path, split="train[:40%]", cache_dir=cache)) == ROWS[:2]


def test_streaming_reads_the_rows_and_writes_nothing(write, tmp_path):
    streamed = load_jsonl(write(*ROWS), split="train", streaming=True, cache_dir=tmp_path / "cache")
    assert list(streamed) == ROWS
    assert list(tmp_path.rglob("*.arrow")) == []


def test_files_are_loaded_by_split(write, tmp_path):
    files = {"train": write(*ROWS[:3]), "dev": write(*ROWS[3:], name="dev.jsonl")}
    loaded = load_jsonl(files, cache_dir=tmp_path / "cache")
    assert {name: rows["id"][:] for name, rows in loaded.items()} == {
        "train": [0, 1, 2],
        "dev": [3, 4],
    }
    files["dev"].write_text("oops", encoding="utf-8")
    with pytest.raises(ValueError, match=r"dev\.jsonl, line 1"):
        load_jsonl(files, cache_dir=tmp_path / "cache")


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            (ROWS[0], "", '{"id": 3, "te'),
            r"rows\.jsonl, line 3: .*\(Unterminated string .* column 11\)",
        ),
        ((ROWS[0], "{'id': 3}"), "line 2: .*Expecting property name"),
        ((ROWS[0], "[1, 2]"), "line 2: .*it holds a list, not an object"),
        (("帐篷".encode("gbk"),), "line 1: .*can't decode byte.*UTF-8"),
        ((), r"rows\.jsonl: the file has no rows"),
        (({"version": 1, "data": ROWS},), r"'data' holds 5 rows; .*field=\"data\""),
        ((json.dumps({"data": ROWS}, indent=1),), r"'data' holds 5 rows; .*field=\"data\""),
        ((json.dumps(ROWS),), "the file is one JSON list, not JSONL"),
        ((json.dumps({"id": 1}, indent=1),), "the file is one JSON document, not JSONL"),
    ],
)
def test_a_file_that_is_no_jsonl_is_named_before_it_is_loaded(
    write, tmp_path, lines, message, streaming
):
    with pytest.raises(ValueError, match=message):
        load_jsonl(write(*lines), cache_dir=tmp_path / "cache", streaming=streaming)
    assert not (tmp_path / "cache").exists()


def test_rows_that_hold_lists_of_objects_are_rows(write, tmp_path):
    rows = [{"messages": [{"role": "user", "content": "Hi"}]}] * 2
    assert list(load_jsonl(write(*rows), split="train", cache_dir=tmp_path / "cache")) == rows


def test_loading_asks_no_server_and_leaves_the_setting_as_it_was(write, tmp_path, monkeypatch):
    import datasets

    asked = []
    monkeypatch.setattr(datasets.load, "get_session", lambda: asked.append("server"))
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(datasets.config, "HF_UPDATE_DOWNLOAD_COUNTS", True)
    path = write(*ROWS)
    load_jsonl(path, cache_dir=tmp_path / "cache")
    assert asked == []
    assert datasets.config.HF_UPDATE_DOWNLOAD_COUNTS is True
    datasets.load_dataset("json", data_files=str(path), cache_dir=str(tmp_path / "other"))
    assert asked == ["server"]  # the library's own call does ask
