"""The page is made of the rows, and each row has its one test."""

import logging
import re
import warnings
from collections import Counter
from pathlib import Path

import pytest

from then_and_now.listening import listening, mentions
from then_and_now.page import ROWS, TOPICS, in_words, maker

HERE = Path(__file__).parent
FIELDS = {"id", "severity", "elsewhere", "then", "original", "today", "write", "not_run"}
MOST_NOT_RUN = 5


def proved(name):
    """Return the rows that a file of tests marks."""
    text = (HERE / name).read_text(encoding="utf-8")
    return re.findall(r'^@pytest\.mark\.row\("(\w+)"\)$', text, flags=re.MULTILINE)


def test_the_committed_page_is_the_one_that_the_rows_make():
    assert maker.PAGE.read_text(encoding="utf-8") == maker.page(), "run `make data`"


@pytest.mark.parametrize("name", dict.fromkeys(topic["tests"] for topic in TOPICS))
def test_each_row_has_one_test_in_the_file_of_its_topic(name):
    rows = [row for topic in TOPICS if topic["tests"] == name for row in topic["rows"]]
    assert proved(name) == [row["id"] for row in rows if "not_run" not in row]


def test_each_file_of_tests_belongs_to_a_topic():
    files = {path.name for path in HERE.glob("test_*.py")} - {Path(__file__).name}
    assert files == {topic["tests"] for topic in TOPICS}


def test_the_numbers_of_a_topic_count_up():
    for topic in TOPICS:
        ids = [row["id"] for row in topic["rows"]]
        assert ids == [f"{ids[0][0]}{number}" for number in range(1, len(ids) + 1)]
    letters = Counter(topic["rows"][0]["id"][0] for topic in TOPICS)
    assert max(letters.values()) == 1


def test_each_row_is_complete():
    for row_id, entry in ROWS.items():
        assert {"id", "severity", "then", "today"} <= set(entry) <= FIELDS, row_id
        assert entry["severity"] in maker.SEVERITIES, row_id
        if entry["severity"] in {"removed", "deprecated"}:
            assert "write" in entry, row_id


def test_few_rows_are_not_run():
    skipped = [row["id"] for row in ROWS.values() if "not_run" in row]
    assert len(skipped) <= MOST_NOT_RUN


def test_a_bar_in_a_cell_does_not_end_it():
    assert maker.table(("a",), [("x | y",)]).splitlines()[-1] == r"| x \| y |"


def test_a_failed_test_shows_its_row():
    assert in_words("Q1").startswith("id: Q1\nseverity: silent\nthen: `BitsAndBytesConfig(")


def test_warnings_and_log_lines_are_heard_and_not_shown(capfd):
    with listening() as heard:
        logging.getLogger("some.library").warning("a %s", "line")
        logging.getLogger("some.library").info("too quiet")
        warnings.warn("a warning", FutureWarning, stacklevel=2)
    assert heard == ["a line", "FutureWarning: a warning"]
    assert mentions(heard, "warn")
    assert capfd.readouterr().err == ""
