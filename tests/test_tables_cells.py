"""Each function brings cells to one written form, and leaves what it doesn't recognise."""

import random
from datetime import datetime

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_series_equal

from course_utils.shop import cell_defects
from course_utils.tables import cells


def texts(*values):
    return pd.Series(values, dtype="str", index=range(10, 10 + len(values)), name="column")


def mixed(*values):
    return pd.Series(values, dtype=object)


ALL = {
    "repair_mojibake": cells.repair_mojibake,
    "unescape_html": cells.unescape_html,
    "strip_invisible": cells.strip_invisible,
    "collapse_spaces": cells.collapse_spaces,
    "upper_case": cells.upper_case,
    "pad_ids": lambda column: cells.pad_ids(column, 6),
    "nearest_labels": lambda column: cells.nearest_labels(column, ["email", "phone"]),
    "parse_times": lambda column: cells.parse_times(column, list(cells.TIME_FORMATS)),
    "parse_numbers": lambda column: cells.parse_numbers(column, list(cells.NUMBER_FORMATS)),
    "kilograms_to_grams": cells.kilograms_to_grams,
    "parse_booleans": cells.parse_booleans,
}


@pytest.mark.parametrize("function", ALL.values(), ids=ALL)
def test_index_name_and_dtype_stay_and_so_does_the_argument(function):
    before = texts("Zo\u00c3\u00ab &amp; 1,5", "", "31.12.2025 18:05")
    copy = before.copy()
    after = function(before)
    assert_series_equal(before, copy)
    assert after.index.equals(before.index)
    assert (after.name, after.dtype) == (before.name, before.dtype)


@pytest.mark.parametrize("function", ALL.values(), ids=ALL)
def test_missing_cells_stay_missing(function):
    after = function(mixed(None, np.nan, ""))
    assert after.isna().tolist() == [True, True, False]
    assert after[2] == ""


@pytest.mark.parametrize("function", ALL.values(), ids=ALL)
def test_a_second_pass_changes_nothing(function):
    once = function(texts("x", "7", "1,5", "31.12.2025 18:05", "Email ", "2 kg", " a  b ", "Ã©"))
    assert_series_equal(function(once), once)


def test_mojibake_is_undone_and_good_umlauts_stay():
    broken = texts("MÃ¼nster", "LiÃ¨ge", "Münster", "5 €", "→ Ã¼")
    # The last cell has an arrow, which Windows-1252 lacks: it was never read as that.
    assert cells.repair_mojibake(broken).tolist() == ["Münster", "Liège", "Münster", "5 €", "→ Ã¼"]


def test_html_is_unescaped_once():
    assert cells.unescape_html(texts("a &amp; b", "it&#39;s", "&amp;lt;")).tolist() == [
        "a & b",
        "it's",
        "&lt;",
    ]


def test_invisible_characters_go_and_inner_spaces_stay():
    column = texts("\ufeffHelp", "a\u200bb", "late\u00a0", "two  words")
    assert cells.strip_invisible(column).tolist() == ["Help", "ab", "late", "two  words"]


def test_spaces_collapse():
    assert cells.collapse_spaces(texts("  a  b ", "a\tb")).tolist() == ["a b", "a b"]


def test_ids_get_their_zeros_back_from_numbers_and_texts():
    column = mixed(112, 112.0, "112", "000112", "Total", 1.5, True, -3)
    assert cells.pad_ids(column, 6).tolist() == [*["000112"] * 4, "Total", 1.5, True, -3]


def test_labels_are_found_by_capitals_then_alias_then_similarity():
    column = texts("returns", " RETURNS", "money back", "Retruns", "xyz", "")  # codespell:ignore
    after = cells.nearest_labels(
        column, ["returns", "refunds"], aliases={"Money back": "refunds"}, cutoff=0.75
    )
    assert after.tolist() == ["returns", "returns", "refunds", "returns", "xyz", ""]


def test_a_cutoff_of_one_allows_no_other_letter():
    after = cells.nearest_labels(texts("Hale", "HALLE "), ["Halle", "Haarlem"], cutoff=1)
    assert after.tolist() == ["Hale", "Halle"]


def test_every_known_misspelling_of_a_category_is_found():
    for label, typos in cell_defects.CATEGORY_TYPOS.items():
        after = cells.nearest_labels(texts(*typos), list(cell_defects.CATEGORY_TYPOS))
        assert after.tolist() == [label] * len(typos)


def test_an_alias_of_no_label_is_refused():
    with pytest.raises(ValueError, match="alias 'Holland' stands for 'NLD', which isn't among"):
        cells.nearest_labels(texts("Holland"), ["NL"], aliases={"Holland": "NLD"})


def test_labels_that_differ_in_capitals_only_are_refused():
    with pytest.raises(ValueError, match="two labels differ only in capitals and spaces"):
        cells.nearest_labels(texts("a"), ["Email", "email"])


@pytest.mark.parametrize(
    ("name", "cell", "iso"),
    [
        ("iso", "2025-12-31 18:05", "2025-12-31 18:05"),
        ("day_first", "03.04.2025 18:05", "2025-04-03 18:05"),
        ("month_first", "03/04/2025 06:05 PM", "2025-03-04 18:05"),
        ("month_first", "03/04/2025 12:05 AM", "2025-03-04 00:05"),
        ("month_first", "03/04/2025 12:05 PM", "2025-03-04 12:05"),
        ("serial", "45658.75", "2025-01-01 18:00"),
        ("serial", 45658.75, "2025-01-01 18:00"),
        ("serial", 45658, "2025-01-01 00:00"),
        ("serial", 45658.99999, "2025-01-02 00:00"),
    ],
)
def test_a_time_is_written_as_iso(name, cell, iso):
    assert cells.parse_times(mixed(cell), [name]).tolist() == [iso]


@pytest.mark.parametrize(
    "cell",
    ["31/12/2025 06:05 PM", "03/04/2025 13:05 PM", "31.02.2025 10:00", "soon", "12.5", 9999],
)
def test_a_time_that_no_format_reads_stays(cell):
    assert cells.parse_times(mixed(cell), list(cells.TIME_FORMATS)).tolist() == [cell]


def test_times_of_a_workbook_stay_times():
    time = datetime(2025, 1, 1, 18)
    assert cells.parse_times(mixed(time), list(cells.TIME_FORMATS)).tolist() == [time]


def test_only_the_named_formats_are_read():
    column = texts("03.04.2025 18:05", "03/04/2025 06:05 PM")
    after = cells.parse_times(column, ["day_first"])
    assert after.tolist() == ["2025-04-03 18:05", "03/04/2025 06:05 PM"]


def test_an_unknown_format_lists_those_there_are():
    with pytest.raises(ValueError, match="no format 'american'; use one of iso, day_first, month"):
        cells.parse_times(texts("x"), ["american"])
    with pytest.raises(ValueError, match="no format 'comma'; use one of decimal_comma, thousands"):
        cells.parse_numbers(texts("x"), ["comma"])


def test_every_minute_survives_the_spreadsheet():
    rng = random.Random(3)
    times = [datetime(2025, 6, 1, minute // 60, minute % 60) for minute in range(24 * 60)]
    serials = mixed(*(cell_defects.excel_serial(time, rng) for time in times))
    after = cells.parse_times(serials, ["serial"])
    assert after.tolist() == [f"{time:%Y-%m-%d %H:%M}" for time in times]


@pytest.mark.parametrize(
    ("name", "cell", "plain"),
    [
        ("decimal_comma", "-12,50", "-12.50"),
        ("thousands_point", "1.249,00", "1249.00"),
        ("thousands_point", "-12.001.249,5", "-12001249.5"),
        ("currency_text", "€ -12.50", "-12.50"),
        ("currency_text", "€12.50", "12.50"),
        ("currency_text", "12.50 EUR", "12.50"),
        ("currency_text", "EUR 12.50", "12.50"),
    ],
)
def test_a_number_is_written_plainly(name, cell, plain):
    assert cells.parse_numbers(texts(cell), [name]).tolist() == [plain]
    others = [other for other in cells.NUMBER_FORMATS if other != name]
    assert cells.parse_numbers(texts(cell), others).tolist() == [cell]


@pytest.mark.parametrize("cell", ["12.50", "1.249", "about 5", "5 USD", "1,2,3", 12.5])
def test_a_plain_or_odd_number_stays(cell):
    assert cells.parse_numbers(mixed(cell), list(cells.NUMBER_FORMATS)).tolist() == [cell]


def test_kilograms_become_grams_and_grams_stay():
    column = texts("1.25 kg", "24.5kg", "1250", "kg")
    assert cells.kilograms_to_grams(column).tolist() == ["1250", "24500", "1250", "kg"]


def test_all_words_for_yes_and_no_are_read():
    column = mixed("Y", "1", "TRUE", "x", True, 1, "N", "0", "FALSE", "No ", False, 0, "maybe")
    assert cells.parse_booleans(column).tolist() == ["yes"] * 6 + ["no"] * 6 + ["maybe"]


def test_missing_means_empty_and_words_for_nothing_are_another_matter():
    column = mixed(None, "", "n/a", "NA ", "-", "None", "Nana", 0)
    assert cells.is_missing(column).tolist() == [True, True, *[False] * 6]
    assert cells.is_missing_word(column).tolist() == [*[False] * 2, *[True] * 4, False, False]


def test_two_missing_cells_do_not_differ():
    assert cells.differs(mixed(None, "a", "a", None), mixed(np.nan, "a", "b", "a")).tolist() == [
        False,
        False,
        True,
        True,
    ]
