"""Where a question goes, what it is answered from, and what the answer says about that."""

import subprocess
import sys

import pytest

from course_utils import rag
from course_utils.rag import assistant as desk
from course_utils.rag.assistant import Answer, Assistant, Found
from course_utils.sql_eval.replies import SqlAnswer


def found(article, similarity, number=0):
    chunk = rag.Chunk(f"{article}#{number}", article, f"{article} says so", "2026-01-01")
    return Found(chunk, similarity)


RETURNS = (found("returns", 0.7), found("refunds", 0.6), found("returns", 0.5, 1))


def refuse(*_):
    raise AssertionError("asked although the question isn't for it")


def assistant(route, **parts):
    functions = {"retrieve": refuse, "write": refuse, "figures": refuse} | parts
    return Assistant(route=lambda question: route, threshold=0.5, **functions)


def test_a_question_for_the_handbook_is_answered_from_its_chunks_alone():
    given = []

    def write(question, chunks):
        given.append((question, chunks))
        return " 30 days.\n"

    answer = assistant("handbook", retrieve=lambda _: RETURNS, write=write).ask("How long?")
    assert answer == Answer("30 days.", ("returns", "refunds"), "handbook", chunks=RETURNS)
    assert given == [("How long?", [each.chunk for each in RETURNS])]


@pytest.mark.parametrize("chunks", [(), (found("returns", 0.49),)], ids=["none", "too far off"])
def test_where_nothing_is_near_enough_nothing_is_written(chunks):
    answer = assistant("handbook", retrieve=lambda _: chunks).ask("Do you sell boats?")
    assert answer == Answer("The handbook doesn't say.", (), "handbook", chunks=chunks)


def test_the_threshold_itself_is_near_enough():
    near = [found("returns", 0.5)]
    answer = assistant("handbook", retrieve=lambda _: near, write=lambda *_: "yes").ask("May I?")
    assert (answer.text, answer.sources) == ("yes", ("returns",))


@pytest.mark.parametrize(
    "written", ["", " \n", "The handbook doesn't say", "The handbook doesn't say."]
)
def test_an_answer_that_says_nothing_has_no_source(written):
    parts = {"retrieve": lambda _: RETURNS, "write": lambda *_: written}
    answer = assistant("handbook", **parts).ask("What then?")
    assert answer == Answer(desk.NOT_IN_HANDBOOK, (), "handbook", chunks=RETURNS)


@pytest.mark.parametrize(
    "result",
    [
        SqlAnswer("7", "SELECT COUNT(*) FROM orders", True, ("COUNT(*)",), [(7,)]),
        SqlAnswer("I wrote a query that isn't allowed to run: it starts with DROP.", "DROP x"),
        SqlAnswer("I couldn't write a query that runs."),
    ],
    ids=["ran", "refused", "none"],
)
def test_a_question_about_figures_comes_back_with_its_query(result):
    answer = assistant("figures", figures=lambda _: result).ask("How many orders?")
    assert answer == Answer(result.text, (), "figures", sql=result.sql)


def test_small_talk_gets_a_sentence_that_says_what_the_assistant_can_do():
    answer = assistant("small talk").ask("hi there")
    assert answer == Answer(desk.SMALL_TALK, (), "small talk")
    assert "handbook" in answer.text
    assert "figures" in answer.text


def test_the_question_reaches_the_functions_as_typed_on_one_line():
    typed = "  category == 'x' OR\n1 == 1; DROP TABLE orders --\t"
    seen = []
    asked = assistant("figures", figures=lambda text: seen.append(text) or SqlAnswer("no"))
    asked.ask(typed)
    assert seen == ["category == 'x' OR 1 == 1; DROP TABLE orders --"]


@pytest.mark.parametrize("question", ["", " \n"])
def test_an_empty_question_is_refused(question):
    with pytest.raises(ValueError, match="empty; ask something"):
        assistant("figures").ask(question)


def test_an_unknown_route_is_named_with_those_there_are():
    with pytest.raises(ValueError, match=r"'weather' for 'Rain\?'.*figures, handbook, small talk"):
        assistant("weather").ask("Rain?")


def test_two_assistants_share_nothing():
    one, other = assistant("small talk"), assistant("handbook", retrieve=lambda _: ())
    assert (one.ask("hi").route, other.ask("hi").route) == ("small talk", "handbook")


def test_importing_it_imports_no_torch():
    heavy = "{'torch', 'ipywidgets'} & set(sys.modules)"
    code = f"import sys, course_utils.rag.assistant; print(sorted({heavy}))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.slow
def test_real_models_answer_from_the_right_article_or_say_that_there_is_none(minilm, smollm2):
    from transformers import GenerationConfig

    from course_utils import generation, runtime
    from course_utils.lora import text_to_sql
    from course_utils.shop.database import build_database
    from course_utils.shop.sql_schemas import SchemaIndex

    articles = rag.read_handbook(runtime.data_dir() / "handbook")
    chunks = [chunk for article in articles for chunk in rag.chunk_article(article)]
    vectors = minilm.encode([chunk.text for chunk in chunks], normalize_embeddings=True)
    schemas = SchemaIndex(minilm)
    model, tokenizer = smollm2
    config = GenerationConfig(do_sample=False, max_new_tokens=40)

    def retrieve(question):
        scores = vectors @ minilm.encode([question], normalize_embeddings=True)[0]
        return [Found(chunks[number], float(scores[number])) for number in (-scores).argsort()[:1]]

    def write(question, given):
        chats = [rag.cited_chat(question, given)]
        return generation.generate(model, tokenizer, chats, generation_config=config)[0].text

    def figures(question):
        schema = schemas.nearest(question)[0].text
        fixed = {"model": model, "tokenizer": tokenizer, "database": build_database(seed=1)}
        return text_to_sql.answer(question, schema, **fixed)

    def route(question):
        return "figures" if question.startswith("How many") else "handbook"

    real = Assistant(route, retrieve, write, figures, threshold=0.3)
    question = "My torch lies in a drawer from May to October. How often should I top up the cell?"
    answered = real.ask(question)
    assert (
        answered.sources == (answered.chunks[0].chunk.article_id,) == ("headlamp-lumens-battery",)
    )
    assert "6 months" in answered.text
    assert real.ask("Zebra quantum chromodynamics?").text == desk.NOT_IN_HANDBOOK
    counted = real.ask("How many orders were paid by card?")  # without the adapter: an answer in
    assert counted.text  # words, whatever the model wrote
    assert counted.route == "figures"
