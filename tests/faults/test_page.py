"""The page shows each case, and each case proves what the page says of it."""

import re
from pathlib import Path

import make_faults_page
import pytest

CASES = make_faults_page.read_cases()
HERE = Path(__file__).parent


def test_the_committed_page_is_the_one_that_the_cases_make():
    assert make_faults_page.PAGE.read_text("utf-8") == make_faults_page.page(), "run `make data`"


def test_there_are_sixty_cases_or_more_and_no_topic_is_empty():
    assert len(CASES) >= 60
    assert {case.topic for case in CASES} == set(make_faults_page.TOPICS)


def test_no_two_cases_have_the_same_name_or_break_the_same():
    assert len({case.test for case in CASES}) == len(CASES)
    assert len({case.breaks for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.test)
def test_a_case_says_all_three_and_asserts_the_words_that_it_quotes(case):
    assert min(len(case.breaks), len(case.sees), len(case.kept)) > 2
    assert ("`" in case.sees) == ("seen" in case.arguments)


@pytest.mark.parametrize("path", sorted(HERE.glob("test_*.py")), ids=lambda path: path.stem)
def test_each_test_in_this_folder_is_a_case(path):
    if path != Path(__file__):
        tests = re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        cases = {case.test for case in CASES if case.file == f"faults/{path.name}"}
        assert set(tests) == cases


def test_every_mark_in_the_tests_is_read():
    marks = [
        line
        for path in make_faults_page.TESTS.rglob("test_*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.startswith("@pytest.mark.fault(")
    ]
    assert len(marks) == len(CASES)
