"""Files are read as they are; tests/faults/test_broken_files.py has those that are refused."""

import json

import pandas as pd
import pytest

from course_utils import runtime
from course_utils.tables import reading
from course_utils.tables.reading import (
    TableError,
    read_csv,
    read_csv_in_chunks,
    read_excel,
    read_jsonl,
)


def message_of(read, *arguments, **options):
    with pytest.raises(TableError) as caught:
        read(*arguments, **options)
    return str(caught.value)


# The committed files


def test_the_committed_tickets_keep_zeros_and_line_breaks():
    tickets = read_csv(runtime.data_dir() / "tickets.csv", columns=["ticket_id", "message"])
    assert tickets.shape == (3008, 14)
    assert "003100" in set(tickets["customer_id"])
    assert tickets["message"].str.contains("\n").any()


def test_the_committed_products_keep_the_line_that_is_named_na():
    products = read_csv(runtime.data_dir() / "products.csv")
    assert (products["line"] == "NA").sum() == 19
    assert not products.isna().any(axis=None)


def test_the_committed_workbook_keeps_the_types_of_its_cells():
    path = runtime.data_dir() / "orders.xlsx"
    orders, customers = (read_excel(path, sheet=sheet) for sheet in ("orders", "customers"))
    assert (len(orders), len(customers)) == (1429, 423)
    assert {type(cell) for cell in customers["postcode"]} == {str, int}
    assert orders["coupon"].isna().sum() == 1159


@pytest.mark.parametrize(("name", "rows"), [("intents.jsonl", 1920), ("text_to_sql.jsonl", 1350)])
def test_the_committed_json_lines_read(name, rows):
    assert len(read_jsonl(runtime.data_dir() / name)) == rows


# CSV: cells


def test_each_cell_is_the_text_it_is(write):
    path = write("a.csv", "id,line\n007,NA\n1.50,\n")
    assert read_csv(path).values.tolist() == [["007", "NA"], ["1.50", ""]]


def test_the_callers_options_win(write):
    path = write("a.csv", "id;n\n007;3\n")
    assert read_csv(path, sep=";", dtype={"id": "str"}).values.tolist() == [["007", 3]]


def test_a_header_alone_is_a_table_without_rows(write):
    path = write("a.csv", "id,n\n")
    assert read_csv(path).shape == (0, 2)
    assert [chunk.shape for chunk in read_csv_in_chunks(path)] == [(0, 2)]


def test_a_byte_order_mark_is_no_part_of_the_first_name(write):
    assert list(read_csv(write("a.csv", "\ufeffid,n\n1,2\n"), columns=["id"])) == ["id", "n"]


def test_blank_lines_and_line_breaks_in_quotes_are_whole_rows(write):
    path = write("a.csv", 'id,text\r\n1,"a\r\nb"\r\n\r\n2,"say ""hi"", ok"\r\n')
    assert read_csv(path).values.tolist() == [["1", "a\r\nb"], ["2", 'say "hi", ok']]


def test_a_required_column_may_become_the_index(write):
    assert list(read_csv(write("a.csv", "id,n\n1,2\n"), columns=["id"], index_col="id").index)


# CSV: the file


def test_a_wrong_byte_is_located_past_the_first_block(write, monkeypatch):
    monkeypatch.setattr("course_utils.tables.file_checks.BLOCK_BYTES", 4)
    content = "id,é\n1,ü\n2,".encode() + b"\xff\n"
    message = message_of(read_csv, write("a.csv", content))
    assert f"line 3: byte {content.index(0xFF)} (0xff)" in message


def test_a_character_that_the_files_end_cuts_off_is_located(write):
    message = message_of(read_csv, write("a.csv", b"id,n\n1,\xc3"))
    assert "line 2: byte 7 (0xc3) is not utf-8" in message


def test_a_byte_may_be_replaced_on_request(write):
    path = write("a.csv", b"id,n\n1,\xff\n")
    assert read_csv(path, encoding_errors="replace").values.tolist() == [["1", "\ufffd"]]


# CSV: the header


def test_a_column_of_usecols_must_be_there(write):
    path = write("a.csv", "id,n\n1,2\n")
    assert "no column 'idd'" in message_of(read_csv, path, usecols=["idd"])
    assert list(read_csv(path, usecols=["n"])) == ["n"]


def test_a_separator_that_was_given_by_its_other_name_is_not_guessed_at(write):
    assert list(read_csv(write("a.csv", "a|b\n1\n"), delimiter=";")) == ["a|b"]


# CSV: the rows


def test_bad_lines_may_be_skipped_on_request(write):
    path = write("a.csv", "id,n\n4,5\n1,2,3\n")
    assert read_csv(path, on_bad_lines="skip").values.tolist() == [["4", "5"]]


# CSV: memory


def test_the_estimate_is_near_what_the_table_takes(write):
    path = write("a.csv", "id,text\n" + "".join(f"{i:06},some text\n" for i in range(20_000)))
    taken = read_csv(path).memory_usage(deep=True).sum() * reading.PEAK_FACTOR
    assert len(read_csv(path, free_bytes=int(taken * 1.1))) == 20_000
    with pytest.raises(MemoryError):
        read_csv(path, free_bytes=int(taken * 0.9))


def test_chunks_hold_so_many_rows_and_the_index_counts_on(write):
    path = write("a.csv", "id,n\n" + "".join(f"{i},x\n" for i in range(25)))
    chunks = list(read_csv_in_chunks(path, rows=10))
    assert [len(chunk) for chunk in chunks] == [10, 10, 5]
    assert [chunk.index[0] for chunk in chunks] == [0, 10, 20]
    pd.testing.assert_frame_equal(pd.concat(chunks), read_csv(path))


def test_the_committed_tickets_are_the_same_in_chunks():
    path = runtime.data_dir() / "tickets.csv"
    chunks = list(read_csv_in_chunks(path, rows=700))
    assert [len(chunk) for chunk in chunks] == [700, 700, 700, 700, 208]
    pd.testing.assert_frame_equal(pd.concat(chunks), read_csv(path))


def test_a_chunk_takes_as_much_of_a_large_file_as_of_a_small_one(write):
    def largest(rows):
        path = write("a.csv", "id,n\n" + "12345,some text\n" * rows)
        chunks = read_csv_in_chunks(path, rows=500)
        return max(chunk.memory_usage(deep=True).sum() for chunk in chunks)

    assert largest(20_000) == largest(2_000)


@pytest.mark.parametrize(("bad", "words"), [("9", "line 6 has 1"), ("9,9,9", "line 6 has 3")])
def test_a_ragged_row_is_reported_when_its_chunk_is_read(write, bad, words):
    path = write("a.csv", f"id,n\n1,2\n3,4\n5,6\n7,8\n{bad}\n")
    chunks = read_csv_in_chunks(path, rows=2)
    assert [len(next(chunks)), len(next(chunks))] == [2, 2]
    with pytest.raises(TableError, match=words):
        next(chunks)


def test_chunks_check_the_header_before_the_first_is_asked_for(write):
    path = write("a.csv", "id,n\n1,2\n")
    assert "no column 'x'" in message_of(read_csv_in_chunks, path, columns=["x"])
    with pytest.raises(ValueError, match="rows=0"):
        read_csv_in_chunks(path, rows=0)
    assert len(next(read_csv_in_chunks(path, rows=1))) == 1


def test_pandas_own_chunks_are_sent_to_the_function_for_them(write):
    with pytest.raises(ValueError, match="use read_csv_in_chunks"):
        read_csv(write("a.csv", "id\n1\n"), chunksize=10)


# Excel


def test_an_empty_cell_is_missing_and_the_text_na_is_text(write_workbook):
    path = write_workbook({"s": [["id", "n"], ["NA", 7], [None, 1.5], ["007", "x"]]})
    frame = read_excel(path, sheet="s")
    assert frame["n"].tolist() == [7, 1.5, "x"]
    assert frame["id"].isna().tolist() == [False, True, False]
    assert frame["id"].tolist()[::2] == ["NA", "007"]


def test_a_sheets_columns_are_checked(write_workbook):
    path = write_workbook({"s": [["id", "n", "id"], [1, 2, 3]], "t": [["id", "n"], [1, 2]]})
    assert "two columns are named 'id'" in message_of(read_excel, path, sheet="s")
    assert list(read_excel(path, sheet="s", names=["a", "b", "c"])) == ["a", "b", "c"]
    message = message_of(read_excel, path, sheet="t", columns=["ID"])
    assert "sheet 't': no column 'ID'" in message
    assert "nearest first: 'id', 'n'" in message


# JSON lines


def test_blank_lines_and_a_byte_order_mark_are_skipped(write):
    path = write("a.jsonl", '\ufeff{"a": 1}\n\n{"a": "\u2028x"}\r\n')
    assert read_jsonl(path, fields=["a"]) == [{"a": 1}, {"a": "\u2028x"}]


def test_what_is_written_as_json_lines_comes_back(write):
    rows = [{"a": 1, "b": ["x\ny", None]}, {"a": 2, "b": []}]
    path = write("a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    assert read_jsonl(path) == rows == pd.read_json(path, lines=True).to_dict("records")
