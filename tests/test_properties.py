"""What holds for every input, tried on inputs that nobody would think of (hypothesis)."""

import itertools
import json
import re
from datetime import date, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_vectorstore import make_collection
from test_vectorstore_filters import expression, parsed_values

from course_utils import files, vectorstore
from course_utils.rag.chunking import chunk_article
from course_utils.rag.handbook import Article
from course_utils.tables import cells, splitting
from course_utils.tables.reading import read_jsonl

# Cleaning

CLEANERS = {
    "strip_invisible": cells.strip_invisible,
    "collapse_spaces": cells.collapse_spaces,
    "upper_case": cells.upper_case,
    "pad_ids": lambda column: cells.pad_ids(column, 6),
    "nearest_labels": lambda column: cells.nearest_labels(column, ["tents", "boots", "Shell"]),
    "parse_times": lambda column: cells.parse_times(column, list(cells.TIME_FORMATS)),
    "parse_numbers": lambda column: cells.parse_numbers(column, list(cells.NUMBER_FORMATS)),
    "kilograms_to_grams": cells.kilograms_to_grams,
    "parse_booleans": cells.parse_booleans,
}
# Pieces of what people type, so that the formats are met, beside any text at all.
PIECES = "€ EUR kg 1 2026 -03-01 14:05 01.03.2026 03/04/2025 PM 46000.5 ,5 .123 yes N/A tent BOOT"
typed = st.lists(st.sampled_from([*PIECES.split(), " ", "\u200b", "\u200d", "\u3000"]), max_size=5)
cell = st.one_of(
    st.text(max_size=12), typed.map("".join), st.integers(0, 10**7), st.floats(), st.none()
)


def column(values):
    return pd.Series(values, dtype=object)


@pytest.mark.parametrize("name", CLEANERS)
@given(values=st.lists(cell, max_size=6))
def test_to_clean_twice_is_to_clean_once(name, values):
    once = CLEANERS[name](column(values))
    assert len(once) == len(values)
    assert not cells.differs(once, CLEANERS[name](once)).any()


@given(st.lists(st.text(max_size=12), max_size=6))
def test_blanks_are_all_that_collapsing_takes(texts):
    cleaned = cells.collapse_spaces(column(texts))
    assert ["".join(text.split()) for text in cleaned] == ["".join(text.split()) for text in texts]


@given(st.datetimes(datetime(1930, 1, 1), datetime(2150, 1, 1)))
def test_a_time_in_each_format_is_the_same_time(moment):
    moment = moment.replace(second=0, microsecond=0)
    serial = (moment - cells.SERIAL_ORIGIN).total_seconds() / 86400
    written = [f"{moment:%Y-%m-%d %H:%M}", f"{moment:%d.%m.%Y %H:%M}", f"{serial:.6f}"]
    written += [f"{moment:%m/%d/%Y} {moment:%I:%M} {'AM' if moment.hour < 12 else 'PM'}", serial]
    read = cells.parse_times(column(written), list(cells.TIME_FORMATS))
    assert set(read) == {f"{moment:%Y-%m-%d %H:%M}"}


@given(st.text(max_size=20))
def test_a_text_that_was_read_in_the_wrong_encoding_is_had_back(text):
    try:
        broken = text.encode("utf-8").decode("cp1252")
    except UnicodeDecodeError:
        broken = text  # Windows-1252 leaves five bytes undefined, and such a text can't break so
    repaired = cells.repair_mojibake(column([broken]))[0]
    assert repaired == text or broken == text


# Chunks

BREAKS = [" ", " ", " ", "\n", "\n\n", "\n- ", "\n1. ", "\n## Heading\n", "\n\n\n", "\t"]


@given(
    breaks=st.lists(st.sampled_from(BREAKS), max_size=120),
    overlap=st.integers(0, 6),
    more=st.integers(4, 20),
)
def test_chunks_hold_each_word_in_order_and_keep_to_the_limit(breaks, overlap, more):
    words = [f"w{number}" for number in range(len(breaks) + 1)]
    body = words[0] + "".join(gap + word for gap, word in zip(breaks, words[1:], strict=True))
    limit = 2 * overlap + more
    article = Article("a", "Title", "safety", date(2026, 1, 31), body)
    chunks = chunk_article(article, max_words=limit, overlap_words=overlap)
    held = [[int(n) for n in re.findall(r"\bw(\d+)\b", chunk.text)] for chunk in chunks]
    for chunk, numbers in zip(chunks, held, strict=True):
        assert chunk.text.startswith("Title\n")
        assert numbers == list(range(numbers[0], numbers[-1] + 1))
        text = chunk.text.removeprefix("Title\n").removeprefix("## Heading\n")
        assert len(text.split()) <= limit
    assert list(dict.fromkeys(itertools.chain(*held))) == list(range(len(words)))
    assert [numbers[0] for numbers in held] == sorted({numbers[0] for numbers in held})
    assert [chunk.id for chunk in chunks] == [f"a#{number}" for number in range(len(chunks))]


# Splits


@given(
    groups=st.lists(st.integers(0, 9), min_size=3, max_size=60),
    labels=st.lists(st.sampled_from(["a", "b", None]), min_size=60, max_size=60),
    seed=st.integers(0, 2**32 - 1),
    stratify=st.sampled_from([None, "label"]),
)
def test_no_group_stands_on_both_sides_of_a_split(groups, labels, seed, stratify):
    groups[:3] = [97, 98, 99]  # enough for three parts
    frame = pd.DataFrame({"label": labels[: len(groups)], "group": groups})
    shares = {"train": 0.6, "dev": 0.2, "test": 0.2}
    parts = splitting.split_by_group(frame, groups, shares=shares, seed=seed, stratify=stratify)
    sides = [set(part["group"]) for part in parts.values()]
    assert sum(map(len, sides)) == len(set(groups))
    assert all(sides)
    assert sorted(itertools.chain(*(part.index for part in parts.values()))) == list(frame.index)


WORDS = ["the", "tent", "pole", "broke", "on", "day", "two", "rain"]
SENTENCES = st.lists(st.sampled_from(WORDS), max_size=12)


@given(st.lists(SENTENCES.map(" ".join), min_size=2, max_size=8), st.data())
def test_a_copy_with_other_case_and_marks_is_in_the_group_of_its_original(texts, data):
    original = data.draw(st.sampled_from([text for text in texts if text] or ["a tent"]))
    copy = f"  {original.upper().replace(' ', ', ')} !"
    *_, first, second = splitting.group_by_shared_text([*texts, original, copy])
    assert first == second


# Filters


@given(st.text(max_size=40), st.lists(st.text(max_size=8), max_size=3))
def test_any_text_in_a_filter_is_one_literal_to_the_librarys_parser(value, others):
    text = expression(("category", "==", value), ("id", "in", [value, *others]))
    assert parsed_values(text) == (value, [value, *others])


@pytest.fixture(scope="module")
def lite(tmp_path_factory):
    uri = tmp_path_factory.mktemp("properties") / "test.db"
    client = vectorstore.connect(uri)
    make_collection(client, "colours")
    yield client
    client.close()
    vectorstore.release(uri)


def fits(text):
    return text.strip() and len(text.encode("utf-8")) <= 64


GRAMMAR = ['"', "'", "\\", " or ", " != ", "]", "id", "%", "\n", "\x00", "\u2028", "😀", "中"]
hostile = st.one_of(st.text(max_size=16), st.lists(st.sampled_from(GRAMMAR)).map("".join))


@settings(max_examples=12)
@given(st.lists(hostile.filter(fits), min_size=1, max_size=12, unique=True))
def test_any_text_is_found_by_its_filter_in_a_real_milvus(lite, texts):
    lite.load_collection("colours")
    lite.delete("colours", filter='id != ""')
    rows = [{"id": text, "text": text, "shelf": "a"} for text in texts]
    vectorstore.ingest(lite, "colours", rows, embed=lambda t: np.ones((len(t), 4)), progress=False)
    for text in texts:
        for where in ([("id", "==", text)], [("text", "in", [text])]):
            (hit,) = vectorstore.search(lite, "colours", np.ones((1, 4)), where=where)[0]
            assert (hit.id, hit.fields["text"]) == (text, text)
        others = vectorstore.count(lite, "colours", where=[("text", "!=", text)])
        assert others == len(texts) - 1
    assert vectorstore.delete(lite, "colours", texts[:1]) == 1
    assert vectorstore.count(lite, "colours") == len(texts) - 1


# JSON lines

scalar = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
    st.sampled_from(["\u2028", "\x85", "\r\n", "\x1c", '"', "\\u2028", "\ufeff"]),
)
any_json = st.recursive(
    scalar,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
rows_of_json = st.lists(st.dictionaries(st.text(), any_json, max_size=4), min_size=1, max_size=5)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("lines") / "rows.jsonl"


@given(rows_of_json)
def test_rows_of_any_json_come_back_by_each_way_to_read_lines(path, rows):
    files.write_json_lines(path, rows)
    assert read_jsonl(path) == rows
    lines = path.read_text(encoding="utf-8").splitlines()  # as the lessons do
    assert [json.loads(line) for line in lines] == rows


@given(rows_of_json, st.text(max_size=5), st.integers(0xD800, 0xDFFF), st.text(max_size=5))
def test_half_a_character_is_refused_with_its_row_and_the_file_stays(
    path, rows, before, half, after
):
    files.write_json_lines(path, [{"old": 1}])
    broken = before + chr(half) + after
    for last in ({"text": broken}, {broken: [None]}):
        with pytest.raises(ValueError, match=f"row {len(rows)}: .* half of a character"):
            files.write_json_lines(path, [*rows, last])
    assert read_jsonl(path) == [{"old": 1}]


@given(rows_of_json, st.sampled_from([float("nan"), float("inf"), {1}, b"bytes", object()]))
def test_what_json_has_no_form_for_is_refused_with_its_row(path, rows, value):
    files.write_json_lines(path, [{"old": 1}])
    with pytest.raises(
        ValueError, match=f"row {len(rows)}: no JSON .*use None for a missing value"
    ):
        files.write_json_lines(path, [*rows, {"value": [value]}])
    assert read_jsonl(path) == [{"old": 1}]
