"""A file that isn't the table it should be is refused by line, and stays as it is."""

import csv
import zipfile

import pytest

from course_utils import files, runtime
from course_utils.tables.reading import TableError, read_csv, read_excel, read_jsonl


def refused(read, path, **options):
    """Return what a reader says of a file; check that it leaves the file alone."""
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(TableError) as caught:
        read(path, **options)
    assert (path.read_bytes() if path.is_file() else None) == before
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.fault(
    "Broken files",
    breaks="The name of a file is misspelt.",
    sees="The file `isn't there`, and the files beside it, the nearest name first.",
    kept="Nothing is made under the wrong name.",
)
def test_a_missing_file_is_answered_with_its_neighbours_nearest_first(write, seen):
    path = write("products.csv", "a\n")
    write("tickets.csv", "a\n")
    write("tickets.txt", "a\n")
    message = refused(read_csv, path.with_name("tikets.csv"))
    seen(message)
    assert message.endswith(f".csv files in {path.parent}: tickets.csv, products.csv")
    assert not path.with_name("tikets.csv").exists()


@pytest.mark.fault(
    "Broken files",
    breaks="The folder of a file is misspelt, or the path starts elsewhere.",
    sees="`there is no folder` of that name, and the folder in which the path starts.",
    kept="Nothing is made under the wrong name.",
)
def test_a_missing_folder_is_named(tmp_path, seen):
    message = refused(read_csv, tmp_path / "dta" / "a.csv")
    seen(message)
    assert f"there is no folder {tmp_path / 'dta'} either" in message
    assert not (tmp_path / "dta").exists()


@pytest.mark.fault(
    "Broken files",
    breaks="A CSV file is empty, or holds blank lines alone.",
    sees="Which of the two, and `export or download it again`.",
    kept="The file.",
)
@pytest.mark.parametrize(("content", "words"), [("", "is empty"), ("\n \n", "only blank lines")])
def test_an_empty_file_is_refused(write, content, words, seen):
    message = refused(read_csv, write("a.csv", content))
    seen(message)
    assert words in message


@pytest.mark.fault(
    "Broken files",
    breaks="A file ends in .csv and is something else: a workbook, Parquet, an archive, a "
    "web page.",
    sees="It `is no CSV file but` what its first bytes say, and what reads that.",
    kept="The file.",
)
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PAR1\x00\x01", "a Parquet file; read it with pandas.read_parquet"),
        (b"\xd0\xcf\x11\xe0\x00", "an old Excel workbook (.xls), or one with a password; save it"),
        (b"\x1f\x8b\x08\x00", "a gzip archive; unpack it"),
        (b"PK\x03\x04\x00", "a broken zip archive"),
        (b"<!DOCTYPE html><p>Sign in</p>", "a web page; download the file itself"),
        (None, "an Excel workbook; read it with read_excel"),
    ],
)
def test_a_file_of_another_kind_is_named_by_its_first_bytes(write, content, words, seen):
    content = content or (runtime.data_dir() / "orders.xlsx").read_bytes()
    message = refused(read_csv, write("a.csv", content))
    seen(message)
    assert words in message


@pytest.mark.fault(
    "Broken files",
    breaks="A CSV file was saved in a Western or Chinese encoding, and is read as UTF-8.",
    sees="The line, the offset and the byte that `is not utf-8`, and what the text would "
    "read as in other encodings: `pass the one that reads right, as in "
    'encoding="cp1252"`.',
    kept="The file, and every character of it with the encoding named.",
)
@pytest.mark.parametrize(
    ("encoding", "name", "where", "reading"),
    [
        ("cp1252", "Müller", "line 3: byte 17 (0xfc)", "cp1252 reads '2,Müller'"),
        ("gbk", "你好", "line 3: byte 16 (0xc4)", "gbk reads '2,你好'"),
    ],
)
def test_a_wrong_encoding_is_located_and_other_readings_are_shown(
    write, encoding, name, where, reading, seen
):
    path = write("a.csv", f"id,name\n1,Ann\n2,{name}\n".encode(encoding))
    message = refused(read_csv, path)
    seen(message)
    assert where in message
    assert reading in message
    assert read_csv(path, encoding=encoding)["name"].tolist() == ["Ann", name]


@pytest.mark.fault(
    "Broken files",
    breaks="A CSV file was saved as UTF-16, as Excel's Unicode text is, with its mark or without.",
    sees="`it looks like UTF-16`, and the `encoding=` to pass.",
    kept="The file, and its rows with that encoding.",
)
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_recognised(write, encoding, seen):
    path = write("a.csv", "id,n\n1,2\n".encode(encoding))
    message = refused(read_csv, path)
    seen(message)
    assert f'so pass encoding="{encoding}"' in message
    assert read_csv(path, encoding=encoding).values.tolist() == [["1", "2"]]


@pytest.mark.fault(
    "Broken files",
    breaks="A CSV file is separated by semicolons, tabs or bars.",
    sees="`pass sep=` and the separator that the header has.",
    kept="The file, and its rows with that separator.",
)
@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_another_separator_is_recognised(write, separator, seen):
    path = write("a.csv", f"id{separator}n\n1{separator}2\n")
    message = refused(read_csv, path, columns=["id"])
    seen(message)
    assert f"pass sep={separator!r}" in message
    assert read_csv(path, sep=separator).values.tolist() == [["1", "2"]]


@pytest.mark.fault(
    "Broken files",
    breaks="A column that the code needs has another name in the file.",
    sees="`no column`, its line, and the columns that are there, `nearest first`.",
    kept="The file.",
)
def test_a_missing_column_is_answered_with_the_nearest(write, seen):
    path = write("a.csv", "order_id,Customer_ID\n1,2\n")
    message = refused(read_csv, path, columns=["custmer_id"])
    seen(message)
    assert f"{path}, line 1: no column 'custmer_id'" in message
    assert "nearest first: 'Customer_ID', 'order_id'" in message


@pytest.mark.fault(
    "Broken files",
    breaks="Two columns have the same name; pandas renames the second in silence.",
    sees="The line, and both columns that `are both named` so.",
    kept="The file.",
)
def test_a_name_that_stands_twice_is_refused(write, seen):
    path = write("a.csv", "\nid,n,id\n1,2,3\n")
    message = refused(read_csv, path)
    seen(message)
    assert f"{path}, line 2: the columns 1 and 3 are both named 'id'" in message


@pytest.mark.fault(
    "Broken files",
    breaks="Rows have too many or too few fields, as with a comma outside quotes; pandas "
    "fills the short ones in silence.",
    sees="`the header has 2 fields`, the line and the count of each such row, and what "
    "`must stand in quotes`.",
    kept="The file.",
)
def test_ragged_rows_are_named_by_line_and_number_of_fields(write, seen):
    path = write("a.csv", 'id,n\n1,2\n"a\nb",2\n3\n\n4,5,6\n7\n8\n9\n')
    message = refused(read_csv, path)
    seen(message)
    assert "line 5 has 1, line 7 has 3, line 8 has 1" in message
    assert "(and 2 more rows)" in message
    assert "line 2 has 3" in refused(read_csv, write("b.csv", "id,n\n1,2,\n3,4,\n"))


@pytest.mark.fault(
    "Broken files",
    breaks="A quote opens and is never closed, so that a cell swallows the rest of the file.",
    sees="`a quote opens and is never closed`, and the line on which it opens.",
    kept="The file.",
)
@pytest.mark.parametrize(
    ("rows", "line"),
    [('1,2\n3,"open\n4,5\n', 3), ('1,2\n3,"open', 3), ('"a\nb","open\n\n', 3), ('"a\n', 2)],
)
def test_a_quote_that_is_never_closed_is_named_by_the_line_where_it_opens(write, rows, line, seen):
    message = refused(read_csv, write("a.csv", "id,n\n" + rows))
    seen(message)
    assert f"line {line}: " in message


@pytest.mark.fault(
    "Broken files",
    breaks="The open quote stands in a file of many thousand lines.",
    sees="`the record that starts on line 3`, and the `field limit` that it went over.",
    kept="The file.",
)
def test_an_open_quote_in_a_long_file_is_named_too(write, seen):
    path = write("a.csv", 'id,n\n1,2\n3,"open\n' + "4,5\n" * 40_000)
    message = refused(read_csv, path)
    seen(message)
    assert f"field limit ({csv.field_size_limit()})" in message


@pytest.mark.fault(
    "Broken files",
    breaks="A table is larger than the memory that is free.",
    sees="What reading `would take`, what is free, and `take pieces with read_csv_in_chunks`.",
    kept="The memory: it is refused before it is read. The first rows can be had.",
)
def test_a_table_that_will_not_fit_is_refused_before_it_is_read(write, seen):
    path = write("a.csv", "id,n\n" + "1,2\n" * 5_000)
    with pytest.raises(
        MemoryError, match=r"reading 5,000 rows would take about 0\.\d MB"
    ) as caught:
        read_csv(path, free_bytes=1_000)
    seen(caught.value)
    assert "usecols" in str(caught.value)
    assert len(read_csv(path, free_bytes=1_000, nrows=10)) == 10
    assert len(read_csv(path, free_bytes=1_000, nrows=10, header=0)) == 10


@pytest.mark.fault(
    "Broken files",
    breaks="The name of a workbook's sheet is misspelt.",
    sees="`no sheet`, and the sheets that are there, `nearest first`.",
    kept="The workbook.",
)
def test_a_wrong_sheet_is_answered_with_the_sheets_nearest_first(write_workbook, seen):
    path = write_workbook({"customers": [["id"]], "orders": [["id"]]})
    message = refused(read_excel, path, sheet="order")
    seen(message)
    assert "nearest first: 'orders', 'customers'" in message


@pytest.mark.fault(
    "Broken files",
    breaks="A sheet has no cell at all.",
    sees="The sheet `is empty; pass the sheet with the rows`.",
    kept="The workbook. A header without rows is a table without rows.",
)
def test_a_sheet_without_a_cell_is_refused_and_a_header_alone_is_not(write_workbook, seen):
    path = write_workbook({"blank": [], "header": [["id", "n"]]})
    seen(refused(read_excel, path, sheet="blank"))
    assert read_excel(path, sheet="header").shape == (0, 2)


@pytest.mark.fault(
    "Broken files",
    breaks="A file ends in .xlsx and is text, a workbook with a password, or half a download.",
    sees="It `is no .xlsx workbook but` what it is, and what to do.",
    kept="The file.",
)
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"id,n\n1,2\n", "text; read_csv reads text"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 512, "save it as .xlsx without a password"),
        (None, "a broken zip archive; export or download it again"),
    ],
)
def test_what_is_no_workbook_is_named(write, content, words, seen):
    content = content or (runtime.data_dir() / "orders.xlsx").read_bytes()[:20_000]
    message = refused(read_excel, write("a.xlsx", content), sheet="s")
    seen(message)
    assert words in message


def without_part(path, dropped):
    """Write a workbook again without one of the parts in its archive."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            if name != dropped:
                archive.writestr(name, content)


def with_a_byte_changed(path, part):
    """Change one byte in the middle of a part's compressed content."""
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(part)
    content = bytearray(path.read_bytes())
    content[info.header_offset + 30 + len(info.filename) + info.compress_size // 2] ^= 0xFF
    path.write_bytes(content)


def with_half_of_the_xml(path, part):
    """Cut the text of a part off in its middle; the archive is whole."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts[part] = parts[part][: len(parts[part]) // 2]
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


@pytest.mark.fault(
    "Broken files",
    breaks="Within a workbook, a sheet is missing, has a changed byte, or ends halfway.",
    sees="It `is a damaged workbook`: `export or download it again`.",
    kept="The workbook.",
)
@pytest.mark.parametrize("damage", [without_part, with_a_byte_changed, with_half_of_the_xml])
def test_a_damaged_workbook_is_named(write_workbook, damage, seen):
    path = write_workbook({"s": [["id", "n"], *([number, "text"] for number in range(200))]})
    damage(path, "xl/worksheets/sheet1.xml")
    seen(refused(read_excel, path, sheet="s"))


@pytest.mark.fault(
    "Broken files",
    breaks="A line of a JSONL file is no JSON object, is cut off, or lacks a field.",
    sees="The file, the `line` with its number, and what is wrong with it.",
    kept="The file.",
)
@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"a": 1}\n\n{"a": }\n', "line 3, column 7: not JSON"),
        ('{"a": 1}\n7\n', "line 2: '7' is JSON but no object"),
        (
            f'"{"x" * 60}"\n',
            f"line 1: '\"{'x' * 59}' is JSON but no object; write the line as {{...}}",
        ),
        ('{"a": 1}\n{"text": 1, "A": 2}\n', "line 2: no field 'a'"),
        ('{"text": 1, "A": 2}\n', "nearest first: 'A', 'text'"),
        ("\n\n", "only blank lines"),
        ('{"a": 1}\n{"a": "ü"}\n'.encode("cp1252"), "line 2: byte 16 (0xfc) is not utf-8"),
    ],
)
def test_a_line_that_is_no_row_is_named(write, content, words, seen):
    message = refused(read_jsonl, write("a.jsonl", content), fields=["a"])
    seen(message)
    assert words in message


@pytest.mark.fault(
    "Broken files",
    breaks="A file that should hold a JSON object a line holds one list.",
    sees="`a JSON array opens, but each line must hold one object`, and the call that reads it.",
    kept="The file.",
)
@pytest.mark.parametrize("content", ['[{"a": 1}]\n', '[\n  {"a": 1}\n]\n'])
def test_a_list_of_rows_is_recognised(write, content, seen):
    message = refused(read_jsonl, write("a.jsonl", content))
    seen(message)
    assert "json.loads(path.read_text())" in message


@pytest.mark.fault(
    "Broken files",
    breaks="A line of JSONL has a hundred thousand open brackets, or a number of 5,000 digits.",
    sees="The line, and `JSON that Python can't hold`.",
    kept="The file, and the session: neither a crash nor a bare RecursionError.",
)
@pytest.mark.parametrize("value", ["[" * 100_000, "9" * 5_000])
def test_json_that_would_break_the_parser_is_named(write, value, seen):
    message = refused(read_jsonl, write("a.jsonl", f'{{"a": 1}}\n{{"a": {value}}}\n'))
    seen(message)
    assert "line 2" in message


@pytest.mark.fault(
    "Broken files",
    breaks="A text to be written as JSONL holds half of a character, as a wrong decoding "
    "leaves it.",
    sees="The row, and what `is half of a character, which no file in UTF-8 can hold`.",
    kept="The file with its earlier content.",
)
def test_half_a_character_is_refused_before_the_file_is_touched(tmp_path, seen):
    path = tmp_path / "rows.jsonl"
    files.write_json_lines(path, [{"text": "old"}])
    with pytest.raises(ValueError, match=r"rows\.jsonl, row 1: '\\ud83d'") as caught:
        files.write_json_lines(path, [{"text": "good"}, {"text": "cut \ud83d"}])
    seen(caught.value)
    assert read_jsonl(path) == [{"text": "old"}]
    assert [each.name for each in tmp_path.iterdir()] == ["rows.jsonl"]
