"""Blanks, Chinese and emoji in folders, files, cells, ids and filters: all comes back as it was."""

import sqlite3
from contextlib import closing

import numpy as np
import pandas as pd
import pytest
import torch
from test_vectorstore import make_collection

from course_utils import exercises, models, vectorstore
from course_utils.sql_eval.runner import run_query
from course_utils.tables import cells
from course_utils.tables.reading import read_csv, read_excel, read_jsonl

TEXTS = [
    "帐篷杆断了",
    "👩‍👩‍👧 tent for three 🏕️",
    "Zażółć gęślą jaźń",
    "e\u0301 and é",
    "می‌خواهم",  # Persian, with a non-joiner
    "שלום",
    "line\u2028separator",
]


@pytest.fixture
def folder(tmp_path):
    """Return a folder with blanks, Chinese, an emoji and an apostrophe in its name."""
    folder = tmp_path / "Anna's notes, 资料 🏕️"
    folder.mkdir()
    return folder


@pytest.mark.fault(
    "Folders and names",
    breaks="CSV, Excel and JSONL files lie in a folder with blanks, Chinese and an emoji in "
    "its name, and hold such texts in names and cells.",
    sees="The tables; of a broken file, its whole path.",
    kept="Each text, letter by letter.",
)
def test_tables_are_read_from_any_folder_and_in_any_script(folder):
    frame = pd.DataFrame({"编号": [f"号{n}" for n in range(len(TEXTS))], "текст 📝": TEXTS})
    frame.to_csv(folder / "表 1.csv", index=False)
    frame.to_excel(folder / "表 1.xlsx", sheet_name="工单 🎫", index=False)
    frame.to_json(folder / "表 1.jsonl", orient="records", lines=True, force_ascii=False)
    read = read_csv(folder / "表 1.csv", columns=["编号"])
    assert read.values.tolist() == frame.values.tolist()
    sheet = read_excel(folder / "表 1.xlsx", sheet="工单 🎫", columns=["текст 📝"])
    assert sheet.values.tolist() == frame.values.tolist()
    assert read_jsonl(folder / "表 1.jsonl") == frame.to_dict("records")
    with pytest.raises(ValueError, match=r"Anna's notes, 资料 🏕️.表 2\.csv isn't there"):
        read_csv(folder / "表 2.csv")


@pytest.mark.fault(
    "Folders and names",
    breaks="Tickets in all scripts, with emoji of several people and Persian, are cleaned of "
    "invisible characters.",
    sees="The texts without the strays.",
    kept="The joiners that hold an emoji or a word together.",
)
def test_cleaning_takes_no_joiner_out_of_a_word_or_an_emoji():
    dirty = pd.Series([f"\u200b\ufeff {text}\u200b \u200d" for text in TEXTS] + ["bo\u200dot"])
    assert cells.strip_invisible(dirty).tolist() == [*TEXTS, "boot"]


@pytest.mark.fault(
    "Folders and names",
    breaks="A database of Milvus Lite lies in such a folder, and its ids, texts and filters "
    "are in all scripts.",
    sees="For each id and each filter, its one row.",
    kept="Each text, letter by letter, also after the database was closed.",
)
def test_rows_in_any_script_are_stored_found_and_deleted(folder):
    uri = folder / "库 1.db"
    client = vectorstore.connect(uri)
    make_collection(client, "colours")
    rows = [{"id": f"号 {n} 😀", "text": text, "shelf": text[:4]} for n, text in enumerate(TEXTS)]
    options = {"embed": lambda texts: np.ones((len(texts), 4)), "progress": False}
    assert vectorstore.ingest(client, "colours", rows, **options).added == len(TEXTS)
    client.close()
    vectorstore.release(uri)
    client = vectorstore.connect(uri)
    try:
        assert vectorstore.ingest(client, "colours", rows, **options).unchanged == len(TEXTS)
        for row in rows:
            where = [("text", "==", row["text"]), ("shelf", "in", [row["shelf"]])]
            (hit,) = vectorstore.search(client, "colours", np.ones((1, 4)), where=where)[0]
            assert (hit.id, hit.fields["text"]) == (row["id"], row["text"])
        assert vectorstore.delete(client, "colours", ["号 0 😀", "号"]) == 1
    finally:
        client.close()
        vectorstore.release(uri)


@pytest.mark.fault(
    "Folders and names",
    breaks="A model lies in a folder with such a name.",
    sees="The model, loaded by the folder's path.",
    kept="Its weights, number by number.",
)
def test_a_model_is_loaded_from_any_folder(folder, tiny_lm, letters):
    for saved in (tiny_lm, letters):
        saved.save_pretrained(folder / "模型 1")
    model, _ = models.load_causal_lm(str(folder / "模型 1"), device="cpu", dtype=torch.float32)
    for name, weight in tiny_lm.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], weight)


@pytest.mark.fault(
    "Folders and names",
    breaks="A SQLite file lies in a folder with such a name, and its tables and values have "
    "such names too.",
    sees="The rows.",
    kept="Each text, letter by letter.",
)
def test_a_database_is_queried_in_any_folder_and_script(folder):
    path = folder / "库 #1%20.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute('CREATE TABLE "工单" ("текст" TEXT)')
        connection.executemany('INSERT INTO "工单" VALUES (?)', [(text,) for text in TEXTS])
    for text in TEXTS:
        assert run_query(path, f"SELECT текст FROM 工单 WHERE текст = '{text}'").rows == [(text,)]


@pytest.mark.fault(
    "Folders and names",
    breaks="The artifacts lie in a folder with such a name.",
    sees="`00.1: passed.`, and the bars of the progress.",
    kept="The progress, and a copy exported under a name in Chinese.",
)
def test_progress_is_kept_in_any_folder(folder, monkeypatch, capsys, seen):
    monkeypatch.setenv("COURSE_ARTIFACTS", str(folder / "产物 1"))
    exercises.check("00.1", "merino-and-wool-care")
    exercises.progress(export=folder / "李雷 📈.json")
    seen(capsys.readouterr().out)
    assert "00.1" in (folder / "产物 1" / "progress.json").read_text("utf-8")
    assert "00.1" in (folder / "李雷 📈.json").read_text("utf-8")
