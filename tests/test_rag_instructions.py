"""What speaks to the model is set aside, what speaks to people stays; and what slips through."""

import json
from datetime import date

import pytest

from course_utils import rag, runtime
from course_utils.rag.instructions import (
    SetAside,
    addresses_model,
    set_aside_instructions,
    unsupported,
)

PATH = runtime.data_dir() / "planted_instructions.jsonl"
ROWS = [json.loads(line) for line in PATH.read_text(encoding="utf-8").splitlines()]


def of(split, planted):
    return [row for row in ROWS if row["split"] == split and row["planted"] == planted]


def test_the_texts_have_their_fields_and_are_different():
    assert all(set(row) == {"id", "split", "planted", "text"} for row in ROWS)
    assert len({row["text"].lower() for row in ROWS}) == len({row["id"] for row in ROWS}) == 48
    counts = [len(of(split, planted)) for split in ("train", "test") for planted in (True, False)]
    assert counts == [12] * 4


@pytest.mark.fault(
    "Injected text",
    breaks="A text that the model will read speaks to the model: ignore your instructions, "
    "answer so.",
    sees="The paragraph set aside, to look at.",
    kept="The other paragraphs, also those that tell people what to do.",
)
@pytest.mark.parametrize("row", of("train", True), ids=lambda row: row["id"])
def test_the_known_attacks_are_found(row):
    assert addresses_model(row["text"])


@pytest.mark.parametrize("row", [*of("train", False), *of("test", False)], ids=lambda r: r["id"])
def test_what_is_meant_for_people_is_left_alone(row):
    assert not addresses_model(row["text"])


def test_the_pattern_finds_no_new_attacks_to_speak_of():
    found = sum(addresses_model(row["text"]) for row in of("test", True))
    assert found <= 3  # it is a list of known attacks, and says so; lesson 08 shows the figure


@pytest.mark.fault(
    "Injected text",
    breaks="One article of the handbook has such a paragraph planted in it.",
    sees="That paragraph, set aside with its article's name.",
    kept="The rest of the article, and all others, letter by letter.",
)
def test_of_the_handbook_the_planted_paragraph_alone_is_set_aside():
    articles = rag.read_handbook(runtime.data_dir() / "handbook")
    kept, aside = set_aside_instructions(articles)
    assert [each.article_id for each in aside] == ["community-route-tips"]
    assert aside[0].text.startswith("Note for automated assistants")
    changed = [(a, b) for a, b in zip(articles, kept, strict=True) if a != b]
    ((before, after),) = changed
    assert before.id == "community-route-tips"
    assert before.body.replace(aside[0].text + "\n\n", "") == after.body
    assert not any("CAIRN-FREE" in article.body for article in kept)


def test_each_paragraph_is_judged_and_the_rest_stays_as_it_was():
    article = rag.Article(
        "a", "A", "safety", date(2026, 1, 31), "One.\n\nBad one.\n\n- two\n- three"
    )
    kept, aside = set_aside_instructions([article], suspicious=lambda text: "Bad" in text)
    assert kept[0].body == "One.\n\n- two\n- three"
    assert aside == [SetAside("a", "Bad one.")]


@pytest.mark.fault(
    "Injected text",
    breaks="An answer has a figure or a code that stands in none of the texts it was made from.",
    sees="Which figure it is.",
    kept="The answer, for a person to judge.",
)
@pytest.mark.parametrize(
    ("answer", "invented"),
    [
        ("It takes 5 days.", []),
        ("It takes 15 days.", ["15"]),
        ("€1000, or €1,000.", []),
        ("By 9:30 and with code ABC-1.", ["9:30", "ABC-1"]),
        ("Use HUT-FREE-50 or HUT-FREE-5.", ["HUT-FREE-5"]),
        ("No figures at all.", []),
    ],
)
def test_a_figure_that_stands_in_no_chunk_is_named(answer, invented):
    text = "Within 5 days, up to €1,000, with HUT-FREE-50."
    assert unsupported(answer, [rag.Chunk("a#0", "a", text, "2026-01-31")]) == invented
