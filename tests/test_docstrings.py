"""The harvest is complete, honest about its mess and the same each time; the questions are fair."""

import hashlib
import json
import os
import re
import subprocess
import sys
import types
from collections import Counter
from dataclasses import fields

import pytest

from course_utils import docstrings, runtime
from course_utils.docstrings import DocEntry

QUESTIONS = [
    json.loads(line)
    for line in (runtime.data_dir() / "api_questions.jsonl").read_text("utf-8").splitlines()
]
IDS = [row["id"] for row in QUESTIONS]
DIGEST = """
import hashlib
from course_utils import docstrings
print(hashlib.sha256(repr(docstrings.scan()).encode()).hexdigest())
"""


class Broken:
    """Raises when it is asked for anything that a harvest would read."""

    def __get__(self, instance, owner):
        raise RuntimeError("needs a package that you don't have")


class Parent:
    """Nobody sees this class."""

    def given(self):
        """Return what the parent gives."""


class Child(Parent):
    """A class with a method of its own."""

    broken = Broken()

    def own(self, value=Broken, *, key=object()):  # noqa: B008
        """Return what the child has.

        See :meth:`given`.
        """

    def _private(self):
        """Stay out of sight."""


def undocumented():
    pass


def same():
    """Return what the child has.

    See :meth:`given`.
    """


@pytest.fixture
def shop(monkeypatch):
    """Return a module `shoplib` with the classes above, as if a library had defined them."""
    module = types.ModuleType("shoplib")
    module.Child, module.undocumented, module.same = Child, undocumented, same
    module.json, module.Counter = json, Counter  # imported, so not the library's own
    for thing in (Parent, Child, undocumented, same):
        monkeypatch.setattr(thing, "__module__", "shoplib.inner")
    module.__version__ = "1.2"
    monkeypatch.setitem(sys.modules, "shoplib", module)
    return module


@pytest.fixture
def rows(shop):
    return {row.name: row for row in docstrings.harvest(["shoplib", "shoplib.Child"])}


@pytest.fixture(scope="module")
def found():
    return docstrings.scan()


@pytest.fixture(scope="module")
def corpus(found):
    return {entry.name: entry for entry in found.entries}


@pytest.fixture(scope="module")
def elsewhere():
    """Run the harvest in a fresh process with another order of hashes."""
    return subprocess.run(
        [sys.executable, "-c", DIGEST],
        env=os.environ | {"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"},
        capture_output=True,
        text=True,
        check=True,
    )


def words_of(name):
    """Return the words of four letters or more in the last part of a qualified name."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name.rpartition(".")[2])
    return {part.lower() for part in parts if len(part) >= 4}


def test_a_module_gives_its_own_public_functions_and_classes(shop):
    names = [row.name for row in docstrings.harvest(["shoplib"])]
    assert names == ["shoplib.Child", "shoplib.same", "shoplib.undocumented"]


def test_a_class_that_is_named_gives_its_methods_too(rows):
    assert list(rows) == [
        "shoplib.Child",
        "shoplib.Child.given",
        "shoplib.Child.own",
        "shoplib.same",
        "shoplib.undocumented",
    ]


def test_a_row_says_what_python_knows(rows):
    text = "Return what the child has.\n\nSee :meth:`given`."
    assert rows["shoplib.same"] == DocEntry(
        name="shoplib.same",
        kind="function",
        signature="()",
        first_line="Return what the child has.",
        docstring=text,
        library="shoplib",
        version="1.2",
        module="shoplib.inner",
        inherited=False,
        has_markup=True,
        duplicate_of="shoplib.Child.own",
    )


def test_a_row_without_a_docstring_says_so(rows):
    row = rows["shoplib.undocumented"]
    assert (row.docstring, row.first_line, row.duplicate_of) == (None, "", None)


def test_only_a_method_that_a_parent_defines_is_inherited(rows):
    assert [name for name, row in rows.items() if row.inherited] == ["shoplib.Child.given"]


def test_what_a_public_parent_gives_stands_there_only(shop):
    shop.Parent = Parent
    names = [row.name for row in docstrings.harvest(["shoplib.Child", "shoplib.Parent"])]
    assert "shoplib.Child.given" not in names
    assert "shoplib.Parent.given" in names


def test_the_first_of_two_equal_texts_is_the_original(rows):
    originals = {name: row.duplicate_of for name, row in rows.items() if row.duplicate_of}
    assert originals == {"shoplib.same": "shoplib.Child.own"}


def test_no_address_stands_in_a_signature(rows):
    assert "<object object>" in rows["shoplib.Child.own"].signature


def test_a_class_may_hold_its_text_in_init(shop):
    class Loss:
        def __init__(self):
            """Pull pairs together."""

    Loss.__module__, shop.Loss = "shoplib", Loss
    (row,) = docstrings.harvest(["shoplib.Loss"])
    assert row.docstring == "Pull pairs together."


def test_a_broken_attribute_is_skipped_and_counted(shop):
    def refuse(name):
        raise ImportError(f"{name} needs a package that you don't have")

    shop.__getattr__ = refuse
    shop.__all__ = ["Child", "gone"]
    result = docstrings.scan(["shoplib", "shoplib.Child", "shoplib.withdrawn"])
    assert [entry.name for entry in result.entries][:2] == ["shoplib.Child", "shoplib.Child.given"]
    assert result.skipped == {
        "shoplib.Child.broken": "RuntimeError: needs a package that you don't have",
        "shoplib.gone": "ImportError: gone needs a package that you don't have",
        "shoplib.withdrawn": "ImportError: withdrawn needs a package that you don't have",
    }


def test_a_library_that_is_not_installed_is_named():
    with pytest.raises(ModuleNotFoundError, match="shoplib is not installed; install the course"):
        docstrings.harvest(["shoplib"])


def test_the_corpus_has_its_size_and_its_mess(found, corpus):
    rows = found.entries
    assert 1700 <= len(rows) <= 2300
    assert 140 <= sum(row.docstring is None for row in rows) <= 320
    assert 180 <= sum(row.inherited for row in rows) <= 400
    assert 90 <= sum(row.duplicate_of is not None for row in rows) <= 250
    assert 800 <= sum(row.has_markup for row in rows) <= 1500
    assert len(corpus) == len(rows)
    assert len(found.skipped) <= 10


def test_every_library_and_kind_is_there(found):
    libraries = Counter(row.library for row in found.entries)
    assert set(libraries) == set(docstrings._CHOSEN) | {"torch"}
    assert min(libraries.values()) >= 20
    assert {row.kind for row in found.entries} == {"function", "class", "method"}


def test_the_fields_hold_what_they_promise(found):
    for row in found.entries:
        values = {field.name: getattr(row, field.name) for field in fields(row)}
        assert all(values[key] for key in ("name", "kind", "library", "version", "module")), row
        assert row.library == row.name.split(".")[0]
        assert bool(row.docstring) == bool(row.first_line)
        assert not re.search(r" at 0x[0-9a-f]{6}", row.signature or "")


def test_the_harvest_is_the_same_in_another_process(found, elsewhere):
    digest = hashlib.sha256(repr(found).encode()).hexdigest()
    assert elsewhere.stdout.strip() == digest


def test_the_harvest_says_nothing_on_stderr(elsewhere):
    assert elsewhere.stderr == ""


def test_there_are_enough_questions_and_each_has_its_keys():
    assert len(QUESTIONS) == 72
    assert len(set(IDS)) == 72
    for row in QUESTIONS:
        assert list(row) == ["id", "question", "answers", "library"]
        assert 1 <= len(set(row["answers"])) == len(row["answers"]) <= 3
        assert row["answers"][0].split(".")[0] == row["library"]


def test_every_library_is_asked_about():
    assert Counter(row["library"] for row in QUESTIONS) == {
        "pandas": 18,
        "transformers": 16,
        "datasets": 12,
        "sentence_transformers": 10,
        "peft": 6,
        "pymilvus": 6,
        "torch": 4,
    }


def test_no_two_questions_are_alike():
    bags = [set(re.findall(r"\w+", row["question"].lower())) for row in QUESTIONS]
    alike = [
        (IDS[i], IDS[j])
        for i in range(len(bags))
        for j in range(i)
        if len(bags[i] & bags[j]) / len(bags[i] | bags[j]) > 0.5
    ]
    assert alike == []


@pytest.mark.parametrize("row", QUESTIONS, ids=IDS)
def test_a_question_avoids_the_words_of_its_answers_names(row):
    asked = row["question"].lower()
    banned = {word for answer in row["answers"] for word in words_of(answer)}
    assert [word for word in sorted(banned) if word.removesuffix("s") in asked] == []


@pytest.mark.parametrize("row", QUESTIONS, ids=IDS)
def test_each_answer_is_an_entry_that_survives_cleaning(row, corpus):
    for answer in row["answers"]:
        assert answer in corpus
        assert corpus[answer].docstring
        assert corpus[answer].duplicate_of is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(a={'v', 'q'}, b=1)", "(a={'q', 'v'}, b=1)"),
        ("(a: Union[str, list[int], None] = None)", "(a: Union[None, list[int], str] = None)"),
        ("(a: Union[b, a], c: Union[d, (2, 1)])", "(a: Union[a, b], c: Union[(2, 1), d])"),
        ("(plain: int = 3)", "(plain: int = 3)"),
    ],
)
def test_what_has_no_order_is_put_in_order(text, expected):
    in_order = docstrings._in_order
    assert in_order(in_order(text, "{", "}"), "Union[", "]") == expected
