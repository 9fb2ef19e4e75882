"""A condition is data: whatever its value holds, the filter finds the rows with that value."""

import random

import numpy as np
import pytest
from milvus_lite.search.filter import parse_expr
from milvus_lite.search.filter.ast import And, CmpOp, FieldRef, InOp, StringLit
from pymilvus import DataType

from course_utils.vectorstore import filter_expression
from course_utils.vectorstore.filters import id_filter

FIELDS = {
    "id": {"type": DataType.VARCHAR},
    "category": {"type": DataType.VARCHAR},
    "pages": {"type": DataType.INT64},
    "stars": {"type": DataType.INT8},
    "price": {"type": DataType.FLOAT},
    "weight": {"type": DataType.DOUBLE},
    "open": {"type": DataType.BOOL},
    "embedding": {"type": DataType.FLOAT_VECTOR},
}
HOSTILE = [
    'x" or category != "',
    "x' or category != '",
    'x\\" or category != \\"',
    "\\",
    "ends in a backslash\\",
    '"',
    '\\"',
    "\\n",
    "a\nb\r\tc",
    "] or id in [",
    '", "',
    "{x}",
    "%",
    "中文 é 😀 \u2028",
    "\x00\x01\x7f",
    "",
    '") or (1 == 1',
    "$meta",
]


def expression(*where):
    return filter_expression(FIELDS, where)


@pytest.mark.parametrize(
    ("condition", "written"),
    [
        (("category", "==", "returns"), 'category == "returns"'),
        (("category", "!=", 'a "b"'), 'category != "a \\"b\\""'),
        (("pages", ">=", 3), "pages >= 3"),
        (("pages", "<", np.int64(-3)), "pages < -3"),
        (("weight", ">", 0.5), "weight > 0.5"),
        (("weight", "<=", 2), "weight <= 2.0"),
        (("weight", "<", 1e-7), "weight < 1e-07"),
        (("open", "==", True), "open == true"),
        (("open", "!=", False), "open != false"),
        (("category", "in", ["a", "b"]), 'category in ["a", "b"]'),
        (("pages", "not in", (1, 2)), "pages not in [1, 2]"),
        (("pages", "in", []), "pages in []"),
        (("stars", "==", 127), "stars == 127"),
        (("stars", ">=", -127), "stars >= -127"),
    ],
)
def test_a_condition_is_written_by_the_type_of_its_field(condition, written):
    assert expression(condition) == written


def test_conditions_are_all_to_be_met():
    assert expression() == ""
    assert expression(("pages", ">", 1), ("open", "==", False)) == "pages > 1 and open == false"


def test_a_number_of_32_bits_is_compared_as_it_is_stored():
    assert expression(("price", "==", 0.1)) == "price == 0.10000000149011612"


def parsed_values(text):
    """Return the literals that Milvus Lite's own parser reads in an `==` and an `in`."""
    both = parse_expr(text)
    assert isinstance(both, And)
    compared, listed = both.operands
    assert isinstance(compared, CmpOp)
    assert isinstance(compared.left, FieldRef)
    assert isinstance(compared.right, StringLit)
    assert isinstance(listed, InOp)
    return compared.right.value, [element.value for element in listed.values.elements]


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_text_stays_one_literal_in_the_librarys_own_parser(value):
    text = expression(("category", "==", value), ("id", "in", [value, "other"]))
    assert parsed_values(text) == (value, [value, "other"])


@pytest.mark.fault(
    "Injected text",
    breaks="Two thousand random texts of quotes, backslashes, brackets and words of the "
    "filter language are values of a filter.",
    sees="In the library's own parser, one literal: the text itself.",
    kept="The grammar of the filter.",
)
def test_no_random_text_becomes_grammar():
    pieces = [*HOSTILE, " or ", " and ", "==", "'", "id", "not", "(", ")", "[", "]", ",", "\\u0022"]
    chance = random.Random(6)
    for _ in range(2000):
        value = "".join(chance.choices(pieces, k=chance.randint(0, 8)))
        text = expression(("category", "==", value), ("id", "in", [value]))
        assert parsed_values(text) == (value, [value])


def test_no_random_character_becomes_grammar():
    chance = random.Random(7)
    characters = [chr(c) for c in range(0x2000) if not 0xD800 <= c < 0xE000]
    for _ in range(500):
        value = "".join(chance.choices(characters, k=20))
        assert parsed_values(expression(("id", "==", value), ("id", "in", [value])))[0] == value


def test_an_id_is_a_literal_too():
    assert id_filter("id", ["x'] or id not in ['"]) == "id in [\"x'] or id not in ['\"]"


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (("kategory", "==", "a"), r"no field 'kategory'; did you mean 'category'\? \(there: cat"),
        (("zzz", "==", "a"), r"no field 'zzz' \(there: "),
        (('id != "" or id', "==", "a"), "no field 'id != "),
        (("category", "=", "a"), r"no operator '=' \(there: ==, !=,"),
        (("category", 'in ["a"] or id in', ["a"]), "no operator 'in "),
        (("category", "like", "a%"), "no operator 'like'"),
        (("category", "a"), r"isn't \(field, operator, value\)"),
        (("open", "<", True), "true and false have no order"),
        (("embedding", "==", 1), "'embedding' of FLOAT_VECTOR can't be filtered on"),
        (("stars", "==", 128), "128 is outside INT8"),
        (("pages", ">", -(2**63)), "outside INT64"),
        (("weight", ">", float("nan")), "nan isn't a finite number"),
        (("price", ">", 1e300), "isn't a finite number of FLOAT"),
        (("category", "==", "\ud800"), "isn't valid Unicode"),
    ],
)
def test_a_condition_that_makes_no_sense_is_named(condition, message):
    with pytest.raises(ValueError, match=message):
        expression(condition)


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (("category", "==", 5), "'category' holds VARCHAR, and 5 is int"),
        (("category", "==", None), "and None is NoneType"),
        (("category", "==", ["a"]), "is list"),
        (("pages", "==", "5 or 1 == 1"), "'pages' holds INT64, and '5 or 1 == 1' is str"),
        (("pages", "==", True), "and True is bool"),
        (("pages", "==", 1.0), "and 1.0 is float"),
        (("weight", "==", "1"), "holds DOUBLE, and '1' is str"),
        (("open", "==", "true or 1 == 1"), "holds BOOL"),
        (("open", "==", 1), "'open' holds BOOL, and 1 is int; give a value of the field's type$"),
        (("category", "in", "returns"), "'in' takes a list of values"),
        (("pages", "in", [1, "2"]), "and '2' is str"),
    ],
)
def test_a_value_of_another_type_is_refused(condition, message):
    with pytest.raises(TypeError, match=message):
        expression(condition)
