"""Files are read as they are, and a file that isn't the table it should be is refused by line."""

import csv
import json

import pandas as pd
import pytest
from openpyxl import Workbook

from course_utils import runtime
from course_utils.tables import reading
from course_utils.tables.reading import (
    TableError,
    read_csv,
    read_csv_in_chunks,
    read_excel,
    read_jsonl,
)


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return path

    return write


@pytest.fixture
def write_workbook(tmp_path):
    def write_workbook(sheets):
        book = Workbook()
        book.remove(book.active)
        for name, rows in sheets.items():
            sheet = book.create_sheet(name)
            for row in rows:
                sheet.append(row)
        path = tmp_path / "book.xlsx"
        book.save(path)
        return path

    return write_workbook


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


def test_a_missing_file_is_answered_with_its_neighbours_nearest_first(write):
    path = write("products.csv", "a\n")
    write("tickets.csv", "a\n")
    write("tickets.txt", "a\n")
    message = message_of(read_csv, path.with_name("tikets.csv"))
    assert message.endswith(f".csv files in {path.parent}: tickets.csv, products.csv")


def test_a_missing_folder_is_named(tmp_path):
    message = message_of(read_csv, tmp_path / "dta" / "a.csv")
    assert f"there is no folder {tmp_path / 'dta'} either" in message


@pytest.mark.parametrize(("content", "words"), [("", "is empty"), ("\n \n", "only blank lines")])
def test_an_empty_file_is_refused(write, content, words):
    assert words in message_of(read_csv, write("a.csv", content))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PAR1\x00\x01", "a Parquet file; read it with pandas.read_parquet"),
        (b"\xd0\xcf\x11\xe0\x00", "an old Excel workbook .*save it as .xlsx"),
        (b"\x1f\x8b\x08\x00", "a gzip archive; unpack it"),
        (b"PK\x03\x04\x00", "a broken zip archive"),
        (b"<!DOCTYPE html><p>Sign in</p>", "a web page; download the file itself"),
    ],
)
def test_a_file_of_another_kind_is_named_by_its_first_bytes(write, content, words):
    with pytest.raises(TableError, match=words):
        read_csv(write("a.csv", content))


def test_a_workbook_that_is_called_csv_is_sent_to_read_excel():
    with pytest.raises(TableError, match="an Excel workbook; read it with read_excel"):
        read_csv(runtime.data_dir() / "orders.xlsx")


def test_a_wrong_encoding_is_located_and_other_readings_are_shown(write):
    path = write("a.csv", "id,name\n1,Ann\n2,Müller\n".encode("cp1252"))
    message = message_of(read_csv, path)
    assert f"{path}, line 3: byte 17 (0xfc) is not utf-8" in message
    assert "cp1252 reads '2,Müller'" in message
    assert read_csv(path, encoding="cp1252")["name"].tolist() == ["Ann", "Müller"]


def test_a_chinese_file_is_shown_as_gbk_would_read_it(write):
    assert "gbk reads '1,你好'" in message_of(
        read_csv, write("a.csv", "id\n1,你好\n".encode("gbk"))
    )


def test_a_wrong_byte_is_located_past_the_first_block(write, monkeypatch):
    monkeypatch.setattr("course_utils.tables.file_checks.BLOCK_BYTES", 4)
    content = "id,é\n1,ü\n2,".encode() + b"\xff\n"
    message = message_of(read_csv, write("a.csv", content))
    assert f"line 3: byte {content.index(0xFF)} (0xff)" in message


def test_a_character_that_the_files_end_cuts_off_is_located(write):
    message = message_of(read_csv, write("a.csv", b"id,n\n1,\xc3"))
    assert "line 2: byte 7 (0xc3) is not utf-8" in message


def test_utf_16_is_recognised(write):
    path = write("a.csv", "id,n\n1,2\n".encode("utf-16"))
    assert 'pass encoding="utf-16"' in message_of(read_csv, path)
    assert read_csv(path, encoding="utf-16").values.tolist() == [["1", "2"]]


def test_a_byte_may_be_replaced_on_request(write):
    path = write("a.csv", b"id,n\n1,\xff\n")
    assert read_csv(path, encoding_errors="replace").values.tolist() == [["1", "\ufffd"]]


# CSV: the header


def test_a_missing_column_is_answered_with_the_nearest(write):
    path = write("a.csv", "order_id,Customer_ID\n1,2\n")
    message = message_of(read_csv, path, columns=["custmer_id"])
    assert f"{path}, line 1: no column 'custmer_id'" in message
    assert "nearest first: 'Customer_ID', 'order_id'" in message


def test_a_column_of_usecols_must_be_there(write):
    path = write("a.csv", "id,n\n1,2\n")
    assert "no column 'idd'" in message_of(read_csv, path, usecols=["idd"])
    assert list(read_csv(path, usecols=["n"])) == ["n"]


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_another_separator_is_recognised(write, separator):
    path = write("a.csv", f"id{separator}n\n1{separator}2\n")
    assert f"pass sep={separator!r}" in message_of(read_csv, path, columns=["id"])
    assert read_csv(path, sep=separator).values.tolist() == [["1", "2"]]


def test_a_separator_that_was_given_by_its_other_name_is_not_guessed_at(write):
    assert list(read_csv(write("a.csv", "a|b\n1\n"), delimiter=";")) == ["a|b"]


def test_a_name_that_stands_twice_is_refused(write):
    path = write("a.csv", "\nid,n,id\n1,2,3\n")
    message = message_of(read_csv, path)
    assert f"{path}, line 2: the columns 1 and 3 are both named 'id'" in message


# CSV: the rows


def test_ragged_rows_are_named_by_line_and_number_of_fields(write):
    path = write("a.csv", 'id,n\n1,2\n"a\nb",2\n3\n\n4,5,6\n7\n8\n9\n')
    message = message_of(read_csv, path)
    assert "the header has 2 fields, line 5 has 1, line 7 has 3, line 8 has 1" in message
    assert "(and 2 more rows)" in message
    assert "must stand in quotes" in message


def test_rows_that_end_in_a_separator_are_not_taken_for_an_index(write):
    assert "line 2 has 3" in message_of(read_csv, write("a.csv", "id,n\n1,2,\n3,4,\n"))


def test_bad_lines_may_be_skipped_on_request(write):
    path = write("a.csv", "id,n\n4,5\n1,2,3\n")
    assert read_csv(path, on_bad_lines="skip").values.tolist() == [["4", "5"]]


@pytest.mark.parametrize(
    ("rows", "line"),
    [('1,2\n3,"open\n4,5\n', 3), ('1,2\n3,"open', 3), ('"a\nb","open\n\n', 3), ('"a\n', 2)],
)
def test_a_quote_that_is_never_closed_is_named_by_the_line_where_it_opens(write, rows, line):
    message = message_of(read_csv, write("a.csv", "id,n\n" + rows))
    assert f"line {line}: a quote opens and is never closed" in message


def test_an_open_quote_in_a_long_file_is_named_too(write):
    path = write("a.csv", 'id,n\n1,2\n3,"open\n' + "4,5\n" * 40_000)
    message = message_of(read_csv, path)
    assert "the record that starts on line 3" in message
    assert f"field limit ({csv.field_size_limit()})" in message


# CSV: memory


def test_a_table_that_will_not_fit_is_refused_before_it_is_read(write):
    path = write("a.csv", "id,n\n" + "1,2\n" * 5_000)
    with pytest.raises(MemoryError, match=r"reading 5,000 rows would take about 0\.\d MB and 0\.0"):
        read_csv(path, free_bytes=1_000)
    with pytest.raises(MemoryError, match=r"read_csv_in_chunks.*usecols"):
        read_csv(path, free_bytes=1_000)
    assert len(read_csv(path, free_bytes=1_000, nrows=10)) == 10
    assert len(read_csv(path, free_bytes=1_000, nrows=10, header=0)) == 10


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


def test_a_wrong_sheet_is_answered_with_the_sheets_nearest_first(write_workbook):
    path = write_workbook({"customers": [["id"]], "orders": [["id"]]})
    message = message_of(read_excel, path, sheet="order")
    assert "no sheet 'order'" in message
    assert "nearest first: 'orders', 'customers'" in message


def test_a_sheet_without_a_cell_is_refused_and_a_header_alone_is_not(write_workbook):
    path = write_workbook({"blank": [], "header": [["id", "n"]]})
    assert "sheet 'blank' is empty" in message_of(read_excel, path, sheet="blank")
    assert read_excel(path, sheet="header").shape == (0, 2)


def test_a_sheets_columns_are_checked(write_workbook):
    path = write_workbook({"s": [["id", "n", "id"], [1, 2, 3]], "t": [["id", "n"], [1, 2]]})
    assert "two columns are named 'id'" in message_of(read_excel, path, sheet="s")
    assert list(read_excel(path, sheet="s", names=["a", "b", "c"])) == ["a", "b", "c"]
    message = message_of(read_excel, path, sheet="t", columns=["ID"])
    assert "sheet 't': no column 'ID'" in message
    assert "nearest first: 'id', 'n'" in message


def test_what_is_no_workbook_is_named(write):
    path = write("a.xlsx", "id,n\n1,2\n")
    assert "no .xlsx workbook but text; read_csv reads" in message_of(read_excel, path, sheet="s")
    assert "isn't there" in message_of(read_excel, path.with_name("b.xlsx"), sheet="s")


# JSON lines


def test_blank_lines_and_a_byte_order_mark_are_skipped(write):
    path = write("a.jsonl", '\ufeff{"a": 1}\n\n{"a": "\u2028x"}\r\n')
    assert read_jsonl(path, fields=["a"]) == [{"a": 1}, {"a": "\u2028x"}]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"a": 1}\n\n{"a": }\n', "line 3, column 7: not JSON"),
        ('{"a": 1}\n7\n', "line 2: '7' is JSON but no object"),
        (
            f'"{"x" * 60}"\n',
            f"line 1: '\"{'x' * 59}' is JSON but no object; write the line as {{...}}",
        ),
        ('[{"a": 1}]\n', "line 1: a JSON array opens"),
        ('[\n  {"a": 1}\n]\n', "json.loads(path.read_text())"),
        ('{"a": 1}\n{"text": 1, "A": 2}\n', "line 2: no field 'a'"),
        ('{"text": 1, "A": 2}\n', "nearest first: 'A', 'text'"),
        ("", "is empty"),
        ("\n\n", "only blank lines"),
        ('{"a": 1}\n{"a": "ü"}\n'.encode("cp1252"), "line 2: byte 16 (0xfc) is not utf-8"),
    ],
)
def test_a_line_that_is_no_row_is_named(write, content, words):
    assert words in message_of(read_jsonl, write("a.jsonl", content), fields=["a"])


def test_what_is_written_as_json_lines_comes_back(write):
    rows = [{"a": 1, "b": ["x\ny", None]}, {"a": 2, "b": []}]
    path = write("a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    assert read_jsonl(path) == rows == pd.read_json(path, lines=True).to_dict("records")
