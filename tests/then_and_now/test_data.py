"""Rows D and B: load_dataset of datasets, and DataLoader of torch."""

import importlib
import json

import datasets
import pytest
import torch
from datasets import Dataset, DatasetDict, load_dataset
from sentence_transformers import InputExample
from torch.utils.data import DataLoader

from then_and_now.listening import listening, mentions

ROWS = [{"id": number, "text": f"tent {number}"} for number in range(10)]
PAIRS = [InputExample(texts=["a tent", "a tarp"], label=1.0)] * 4


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Keep what the library caches in the test's own folder."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_UPDATE_DOWNLOAD_COUNTS", False)
    datasets.disable_progress_bars()
    yield
    datasets.enable_progress_bars()


@pytest.fixture
def jsonl(tmp_path):
    """Return the path of a file of ten rows, one a line."""
    path = tmp_path / "data" / "rows.jsonl"
    path.parent.mkdir()
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    return str(path)


@pytest.mark.row("D1")
def test_all_rows_land_in_train(jsonl, tmp_path):
    loaded = load_dataset("json", data_files=jsonl)
    assert isinstance(loaded, DatasetDict)
    assert {name: len(split) for name, split in loaded.items()} == {"train": 10}
    array = tmp_path / "array.json"
    array.write_text(json.dumps(ROWS), encoding="utf-8")
    assert load_dataset("json", data_files=str(array))["train"].to_list() == ROWS


@pytest.mark.row("D2")
def test_nested_rows_are_one_row_unless_the_field_is_named(tmp_path):
    nested = tmp_path / "nested.json"
    nested.write_text(json.dumps({"data": ROWS}), encoding="utf-8")
    with listening() as heard:
        assert len(load_dataset("json", data_files=str(nested), split="train")) == 1
    assert not mentions(heard, "data")
    named = load_dataset("json", data_files=str(nested), field="data", split="train")
    assert len(named) == 10


@pytest.mark.row("D3")
def test_with_a_split_the_result_is_the_data_set_itself(jsonl):
    assert isinstance(load_dataset("json", data_files=jsonl, split="train"), Dataset)
    assert len(load_dataset("json", data_files=jsonl, split="train[:20%]")) == 2


@pytest.mark.row("D4")
def test_there_is_no_test_split_unless_one_was_made(jsonl):
    with pytest.raises(ValueError, match=r'Unknown split "test"\. Should be one of \[\'train\'\]'):
        load_dataset("json", data_files=jsonl, split="test")
    with pytest.raises(KeyError, match="test"):
        load_dataset("json", data_files=jsonl)["test"]
    both = load_dataset("json", data_files={"train": jsonl, "test": jsonl})
    assert list(both) == ["train", "test"]


@pytest.mark.row("D5")
def test_train_test_split_is_a_method_of_the_data_set_alone(jsonl):
    loaded = load_dataset("json", data_files=jsonl)
    with pytest.raises(AttributeError, match="'DatasetDict' object has no attribute 'train_test"):
        loaded.train_test_split(test_size=0.1)
    stream = load_dataset("json", data_files=jsonl, split="train", streaming=True)
    assert not hasattr(stream, "train_test_split")
    parts = loaded["train"].train_test_split(test_size=0.1, seed=42)
    assert {name: len(part) for name, part in parts.items()} == {"train": 9, "test": 1}


@pytest.mark.row("D6")
def test_a_split_takes_a_quarter_and_is_repeatable_with_a_seed_alone():
    rows = Dataset.from_dict({"id": list(range(1000))})
    first, second = rows.train_test_split(), rows.train_test_split()
    assert len(first["test"]) == 250
    assert first["test"]["id"][:] != second["test"]["id"][:]
    seeded = [rows.train_test_split(seed=42)["test"]["id"][:] for _ in range(2)]
    assert seeded[0] == seeded[1]


@pytest.mark.row("D7")
def test_the_name_of_a_subset_does_nothing_for_files(jsonl):
    with listening() as heard:
        loaded = load_dataset("json", name="nonsense", data_files=jsonl)
    assert loaded["train"].to_list() == ROWS
    assert not mentions(heard, "nonsense")


@pytest.mark.row("D8")
def test_a_file_as_path_is_looked_for_elsewhere(jsonl, tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="Couldn't find any data file"):
        load_dataset(jsonl)
    monkeypatch.chdir(tmp_path / "data")
    with pytest.raises(ConnectionError, match=r"Couldn't reach 'rows\.jsonl' on the Hub"):
        load_dataset("rows.jsonl")
    assert load_dataset(str(tmp_path / "data"))["train"].num_rows == 10  # a folder will do


@pytest.mark.row("D9")
def test_load_dataset_comes_from_datasets_and_loads_no_batches(jsonl):
    assert not hasattr(importlib.import_module("transformers"), "load_dataset")
    loaded = load_dataset("json", data_files=jsonl, split="train")
    assert not isinstance(loaded, DataLoader)
    assert loaded[0] == ROWS[0]
    batches = DataLoader(loaded, batch_size=4)
    assert [len(batch["id"]) for batch in batches] == [4, 4, 2]


@pytest.mark.row("D10")
def test_a_data_sets_own_script_is_not_run(tmp_path):
    folder = tmp_path / "myds"
    folder.mkdir()
    (folder / "myds.py").write_text("raise SystemExit\n", encoding="utf-8")
    with pytest.raises(RuntimeError, match="Dataset scripts are no longer supported"):
        load_dataset(str(folder / "myds.py"))
    with pytest.raises(RuntimeError, match="Dataset scripts are no longer supported"):
        load_dataset(str(folder))


@pytest.mark.row("D11")
def test_trust_remote_code_is_only_logged(jsonl):
    with listening() as heard:
        loaded = load_dataset("json", data_files=jsonl, trust_remote_code=True)
    assert loaded["train"].num_rows == 10
    assert mentions(heard, "`trust_remote_code` is not supported anymore")


@pytest.mark.row("D12")
def test_old_arguments_of_load_dataset_raise(jsonl):
    for name in ("use_auth_token", "task", "ignore_verifications"):
        with pytest.raises(TypeError, match=f"unexpected keyword argument '{name}'"):
            load_dataset("json", data_files=jsonl, **{name: True})
    load_dataset("json", data_files=jsonl, token="a", verification_mode="no_checks")


@pytest.mark.row("D13")
def test_load_metric_and_list_datasets_are_gone():
    for name in ("load_metric", "list_metrics", "list_datasets", "inspect_dataset"):
        assert not hasattr(datasets, name)


@pytest.mark.row("D14")
def test_a_column_is_no_list(jsonl):
    loaded = load_dataset("json", data_files=jsonl, split="train")
    assert not isinstance(loaded["id"], list)
    with pytest.raises(TypeError, match="Column is not JSON serializable"):
        json.dumps(loaded["id"])
    assert isinstance(loaded["id"][:], list)
    assert loaded[:2]["id"] == [0, 1]


@pytest.mark.row("D15")
def test_a_file_in_gbk_loads_and_can_not_be_read_without_its_encoding(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(json.dumps({"text": "帐篷"}, ensure_ascii=False).encode("gbk"))
    with listening() as heard:
        broken = load_dataset("json", data_files=str(path), split="train")
    assert broken.num_rows == 1
    assert not mentions(heard, "utf")
    with pytest.raises(UnicodeDecodeError):
        broken[0]
    loaded = load_dataset("json", data_files=str(path), encoding="gbk", split="train")
    assert loaded[0] == {"text": "帐篷"}


@pytest.mark.row("D16")
def test_map_adds_what_is_computed(jsonl):
    loaded = load_dataset("json", data_files=jsonl, split="train")
    longer = loaded.map(lambda row: {"length": len(row["text"])})
    assert longer[0] == ROWS[0] | {"length": 6}
    assert loaded.column_names == ["id", "text"]  # a new data set; the old one stays


@pytest.mark.row("B1")
def test_a_loader_of_input_examples_can_not_be_iterated():
    with pytest.raises(TypeError, match=r"found <class '.*InputExample'>"):
        next(iter(DataLoader(PAIRS, shuffle=True, batch_size=2)))


@pytest.mark.row("B2")
def test_batch_size_is_rows_and_the_last_batch_may_be_short():
    sizes = [len(batch) for batch in DataLoader(range(10), batch_size=4)]
    assert sizes == [4, 4, 2]
    assert len(DataLoader(range(10), batch_size=4, drop_last=True)) == 2


@pytest.mark.row("B3")
def test_shuffle_gives_each_row_once_in_another_order_each_time():
    loader = DataLoader(range(100), shuffle=True, batch_size=100)
    torch.manual_seed(0)
    first, second = (next(iter(loader)).tolist() for _ in range(2))
    assert first != second
    assert sorted(first) == sorted(second) == list(range(100))


@pytest.mark.row("B4")
def test_lists_of_different_lengths_raise():
    rows = [{"input_ids": [1, 2, 3]}, {"input_ids": [4]}]
    with pytest.raises(RuntimeError, match="each element in list of batch should be of equal"):
        next(iter(DataLoader(rows, batch_size=2)))


@pytest.mark.row("B5")
def test_lists_of_one_length_are_transposed():
    rows = [{"input_ids": [1, 2, 3]}, {"input_ids": [4, 5, 6]}]
    with listening() as heard:
        batch = next(iter(DataLoader(rows, batch_size=2)))["input_ids"]
    assert [column.tolist() for column in batch] == [[1, 4], [2, 5], [3, 6]]
    assert heard == []
    tensors = [{"input_ids": torch.tensor(row["input_ids"])} for row in rows]
    batch = next(iter(DataLoader(tensors, batch_size=2)))["input_ids"]
    assert batch.tolist() == [[1, 2, 3], [4, 5, 6]]
