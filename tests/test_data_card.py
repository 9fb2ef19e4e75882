"""The data card and the checksums describe the files that are there."""

import json
import re

import pandas as pd
import pytest
import write_checksums

from course_utils import runtime

DATA = runtime.data_dir()
CARD = (DATA / "README.md").read_text(encoding="utf-8")


def test_the_checksums_are_those_of_the_files():
    written = (DATA / write_checksums.NAME).read_text(encoding="utf-8")
    assert written == write_checksums.checksums(DATA)


def test_every_file_has_its_row_in_the_card():
    described = set(re.findall(r"^\| `([^`]+)` \|", CARD, flags=re.MULTILINE))
    files = {path.name for path in DATA.iterdir() if path.is_file()}
    assert files - {"README.md", "LICENSE", write_checksums.NAME} <= described


def rows_in_card(name):
    match = re.search(rf"^\| `{re.escape(name)}` \| ([\d,]+)", CARD, flags=re.MULTILINE)
    return int(match[1].replace(",", ""))


@pytest.mark.parametrize(
    "name",
    [
        "intents.jsonl",
        "text_to_sql.jsonl",
        "rag_questions.jsonl",
        "api_questions.jsonl",
        "small_talk.jsonl",
        "planted_instructions.jsonl",
    ],
)
def test_the_rows_of_a_jsonl_file_are_counted_right(name):
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    assert rows_in_card(name) == len(lines)
    assert all(isinstance(json.loads(line), dict) for line in lines)


@pytest.mark.parametrize("name", ["tickets.csv", "products.csv"])
def test_the_rows_of_a_csv_file_are_counted_right(name):
    assert rows_in_card(name) == len(pd.read_csv(DATA / name, dtype=str))


def test_the_rows_of_the_workbook_are_counted_right():
    sheets = pd.read_excel(DATA / "orders.xlsx", sheet_name=["orders", "customers"], dtype=str)
    counted = re.search(r"orders ([\d,]+), customers ([\d,]+)", CARD)
    assert [int(text.replace(",", "")) for text in counted.groups()] == [
        len(sheets["orders"]),
        len(sheets["customers"]),
    ]


def test_every_column_of_the_tables_is_described():
    for name in ("tickets.csv", "products.csv"):
        for column in pd.read_csv(DATA / name, dtype=str, nrows=1).columns:
            assert f"`{column}`" in CARD, (name, column)
    for sheet, frame in pd.read_excel(DATA / "orders.xlsx", sheet_name=None, nrows=1).items():
        for column in frame.columns:
            assert f"`{column}`" in CARD, (sheet, column)
