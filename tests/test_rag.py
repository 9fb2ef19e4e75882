"""Articles are read with errors that name the file; chunks lose nothing."""

import json
from datetime import date

import pytest

from course_utils import rag, runtime

ARTICLE = """---
id: ropes
title: Ropes
topic: safety
updated_at: 2026-01-31
---

First line.

## Age

Ten years.
"""


def write(folder, text=ARTICLE, name="ropes.md"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def article(body):
    return rag.Article("ropes", "Ropes", "safety", date(2026, 1, 31), body)


def test_an_article_is_read_with_its_front_matter(tmp_path):
    assert rag.read_article(write(tmp_path)) == rag.Article(
        "ropes", "Ropes", "safety", date(2026, 1, 31), "First line.\n\n## Age\n\nTen years."
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Just text.\n", "no front matter; start the file"),
        (ARTICLE.replace("title: Ropes\n", ""), "lacks 'title'; add a line"),
        (ARTICLE.replace("title: Ropes", "title: Ropes: when"), "line 3: front matter isn't YAML"),
        (ARTICLE.replace("Ropes", "\a"), "line 1: front matter isn't YAML; quote the value$"),
        (ARTICLE.replace("2026-01-31", "31/01/2026"), "'31/01/2026' is not a date; write it as"),
        (ARTICLE.replace("2026-01-31", "2026-01-31 10:00:00"), "is not a date"),
        (ARTICLE.replace("id: ropes", "id: rope"), "id: 'rope' differs from the file name"),
        (ARTICLE.split("First")[0], "the article has no text"),
        ("---\n- a list\n---\ntext\n", "holds no 'key: value' lines"),
    ],
)
def test_a_malformed_article_names_file_and_remedy(tmp_path, text, message):
    path = write(tmp_path, text)
    with pytest.raises(ValueError, match=message) as error:
        rag.read_article(path)
    assert str(path) in str(error.value)


def test_an_article_in_another_encoding_says_so(tmp_path):
    path = tmp_path / "ropes.md"
    path.write_bytes(ARTICLE.replace("Ten", "Zehn für").encode("latin-1"))
    with pytest.raises(ValueError, match=r"not UTF-8 .*save it as UTF-8"):
        rag.read_article(path)


def test_a_folder_without_articles_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"holds no \.md file"):
        rag.read_handbook(tmp_path)


def test_a_folder_is_read_in_the_order_of_the_ids(tmp_path):
    write(tmp_path)
    write(tmp_path, ARTICLE.replace("id: ropes", "id: axes"), "axes.md")
    assert [article.id for article in rag.read_handbook(tmp_path)] == ["axes", "ropes"]


def test_sections_are_cut_at_headings_and_carry_the_title():
    chunks = rag.chunk_article(article("First line.\n\n## Age\n\nTen years."))
    assert chunks == [
        rag.Chunk("ropes#0", "ropes", "Ropes\nFirst line.", "2026-01-31"),
        rag.Chunk("ropes#1", "ropes", "Ropes\n## Age\nTen years.", "2026-01-31"),
    ]


def chunk_texts(body, *, max_words, overlap_words=0):
    chunks = rag.chunk_article(article(body), max_words=max_words, overlap_words=overlap_words)
    return [chunk.text.removeprefix("Ropes\n") for chunk in chunks]


def test_paragraphs_and_list_items_share_a_chunk_while_they_fit():
    body = "One two.\n\nThree four:\n\n- five six\n- seven eight\n  nine\n1. ten"
    assert chunk_texts(body, max_words=5) == [
        "One two.\n\nThree four:",
        "- five six",
        "- seven eight\n  nine",
        "1. ten",
    ]
    assert chunk_texts(body, max_words=50) == [body]


def test_every_chunk_of_a_long_section_carries_its_heading():
    body = "## Age\n\nTen years at most.\n\nFive with weekly use.\n\n### Falls\n\nAt once."
    assert chunk_texts(body, max_words=4) == [
        "## Age\nTen years at most.",
        "## Age\nFive with weekly use.",
        "### Falls\nAt once.",
    ]


def test_a_paragraph_too_long_for_a_chunk_stands_between_its_neighbours():
    body = "Short.\n\na b c d e f\n\nEnd."
    assert chunk_texts(body, max_words=4) == ["Short.", "a b c", "d e f", "End."]


def test_a_long_section_is_cut_into_windows_that_overlap():
    words = [f"w{number}" for number in range(25)]
    chunks = rag.chunk_article(article(" ".join(words)), max_words=10, overlap_words=2)
    windows = [chunk.text.removeprefix("Ropes\n").split() for chunk in chunks]
    assert windows == [words[0:10], words[8:18], words[16:25]]


@pytest.mark.parametrize("count", [1, 9, 10, 11, 18, 19, 50, 101])
def test_windows_lose_no_word_and_keep_to_the_limit(count):
    words = [f"w{number}" for number in range(count)]
    chunks = rag.chunk_article(article(" ".join(words)), max_words=10, overlap_words=3)
    windows = [chunk.text.removeprefix("Ropes\n").split() for chunk in chunks]
    assert all(len(window) <= 10 for window in windows)
    rebuilt = windows[0] + [word for window in windows[1:] for word in window[3:]]
    assert rebuilt == words


def test_no_word_of_the_handbook_is_lost_or_moved():
    for each in rag.read_handbook(runtime.data_dir() / "handbook"):
        chunks = rag.chunk_article(each, max_words=40, overlap_words=0)
        texts = [chunk.text.removeprefix(each.title + "\n") for chunk in chunks]
        bodies = [text.split("\n", 1)[1] if text.startswith("#") else text for text in texts]
        without_headings = [line for line in each.body.splitlines() if not line.startswith("#")]
        assert " ".join(bodies).split() == " ".join(without_headings).split(), each.id


def test_windows_keep_line_breaks_and_tables():
    body = "| a | b |\n|---|---|\n| 1 | 2 |"
    assert rag.chunk_article(article(body))[0].text == f"Ropes\n{body}"


def test_by_default_a_chunk_has_80_words_and_windows_share_15():
    words = [f"w{number}" for number in range(81)]
    assert len(rag.chunk_article(article(" ".join(words[:80])))) == 1
    one, other = (chunk.text.split()[1:] for chunk in rag.chunk_article(article(" ".join(words))))
    assert (one[:1], one[-15:], other[-1:]) == (words[:1], other[:15], words[80:])


@pytest.mark.parametrize(("max_words", "overlap_words"), [(10, 5), (0, 0), (10, -1)])
def test_windows_that_would_not_move_on_are_refused(max_words, overlap_words):
    with pytest.raises(ValueError, match=r"must exceed twice overlap_words.*; raise the one or"):
        rag.chunk_article(article("text"), max_words=max_words, overlap_words=overlap_words)


def test_the_prompt_heads_each_chunk_with_its_source():
    chunks = rag.chunk_article(article("First line.\n\n## Age\n\nTen years."))
    chat = rag.cited_chat("How old?", chunks)
    assert [message["role"] for message in chat] == ["system", "user", "assistant", "user"]
    assert chat[-1]["content"] == (
        "[ropes] Ropes\nFirst line.\n\n[ropes] Ropes\n## Age\nTen years.\n\nQ: How old?"
    )


def test_the_example_of_the_prompt_is_no_article_of_the_handbook():
    articles = rag.read_handbook(runtime.data_dir() / "handbook")
    assert "parking" not in [each.id for each in articles]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("It takes 5 days.", True),
        ("FIVE\n days, I think", True),
        ("It takes 15 days.", False),
        ("It takes 5 daysish.", False),
        ("1.5 days", False),
        ("No idea.", False),
    ],
)
def test_a_fact_counts_when_one_of_its_wordings_stands_by_itself(answer, expected):
    assert rag.states_facts(answer, [["5 days", "five days"]]) is expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("€5, please", True),
        ("€5.", True),
        ("It is €50.", False),
        ("€5.50", False),
        ("€5,50", False),
    ],
)
def test_an_amount_isnt_found_in_a_longer_one(answer, expected):
    assert rag.states_facts(answer, [["€5"]]) is expected


def test_two_facts_must_both_be_stated():
    facts = [["€12"], ["30 days"]]
    assert rag.states_facts("€12 within 30 days", facts)
    assert not rag.states_facts("€12 within a month", facts)


@pytest.mark.parametrize("facts", [[], [[]]])
def test_nothing_to_check_is_an_error_and_not_a_pass(facts):
    with pytest.raises(ValueError, match="no fact to check"):
        rag.states_facts("anything", facts)


@pytest.mark.slow
def test_no_chunk_of_the_handbook_is_cut_off_by_the_embedding_model(minilm):
    articles = rag.read_handbook(runtime.data_dir() / "handbook")
    chunks = [chunk for each in articles for chunk in rag.chunk_article(each)]
    lengths = [len(minilm.tokenizer(chunk.text)["input_ids"]) for chunk in chunks]
    over = [chunk.id for chunk, n in zip(chunks, lengths, strict=True) if n > minilm.max_seq_length]
    assert over == []


def test_the_chunk_of_an_evidence_holds_it_for_each_question():
    lines = (runtime.data_dir() / "rag_questions.jsonl").read_text(encoding="utf-8").splitlines()
    articles = {each.id: each for each in rag.read_handbook(runtime.data_dir() / "handbook")}
    rows = [row for row in map(json.loads, lines) if row["kind"] == "single"]
    whole = 0
    for row in rows:
        chunks = rag.chunk_article(articles[row["articles"][0]])
        chunk = rag.evidence_chunk(chunks, row["evidence"][0])
        whole += " ".join(row["evidence"][0].split()) in " ".join(chunk.text.split())
    assert whole / len(rows) > 0.95


def test_an_evidence_from_elsewhere_is_refused():
    article = rag.read_handbook(runtime.data_dir() / "handbook")[0]
    with pytest.raises(ValueError, match="no chunk holds 'xyzzy"):
        rag.evidence_chunk(rag.chunk_article(article), "xyzzy plugh")
