"""The adapter of lesson 04 for the lessons after it, and answers in rows and words."""

import ast
import json
from pathlib import Path

import pytest
from peft import LoraConfig

from course_utils import generation, lora, models, runtime
from course_utils.lora import text_to_sql
from course_utils.shop.database import build_database

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "04_lora_trainer.ipynb"
SCHEMA = "orders(order_id, customer_id, placed_on, status, payment, total)"


def assigned_in_lesson(name, **names):
    """Return what lesson 04 assigns to a name first."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    for source in (source for source in sources if f"\n{name} = " in f"\n{source}"):
        for node in ast.parse(source.replace("    %pip", "    pass  # %pip")).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
                return eval(ast.unparse(node.value), names)  # the course's own lesson
    raise AssertionError(f"lesson 04 assigns no {name}")


@pytest.fixture
def shop():
    return build_database(seed=1)


@pytest.fixture
def writes(monkeypatch):
    """Let the model write a given text; return a function that sets it and the prompts so far."""
    prompts, reply = [], []

    def complete(model, tokenizer, asked, *, generation_config):
        prompts.extend(asked)
        assert (generation_config.do_sample, generation_config.max_new_tokens) == (False, 48)
        return [generation.Reply(reply[-1], 1, 1, 0.1, 1)]

    monkeypatch.setattr(generation, "complete", complete)
    return reply, prompts


class Tokenizer:
    pad_token_id = 2


def ask(question, shop):
    parts = {"model": None, "tokenizer": Tokenizer, "database": shop}
    return text_to_sql.answer(question, SCHEMA, **parts)


def test_a_split_has_its_rows_and_an_unknown_one_is_refused():
    assert len(text_to_sql.rows("train")) == 918
    assert {row["split"] for row in text_to_sql.rows("test_tables")} == {"test_tables"}
    with pytest.raises(ValueError, match=r"no split 'test'.*train, .*test_tables"):
        text_to_sql.rows("test")


def test_the_adapter_is_that_of_lesson_04():
    linear = assigned_in_lesson("LINEAR")
    lesson = assigned_in_lesson("lora_config", LoraConfig=LoraConfig, LINEAR=linear)
    assert text_to_sql.adapter_config() == lesson


def test_the_arguments_are_those_of_lesson_04(tmp_path):
    lesson = assigned_in_lesson("arguments", output_dir=tmp_path, runtime=runtime)
    recipe = text_to_sql.recipe(tmp_path / "first")
    assert recipe.num_train_epochs == 1
    del lesson["logging_steps"]  # says how often the loss is shown
    assert {name: getattr(recipe, name) for name in lesson} == lesson


def test_a_question_becomes_a_query_and_its_rows(shop, writes):
    reply, prompts = writes
    reply.append("SELECT COUNT(*) FROM orders")
    answer = ask("How many orders?", shop)
    assert (answer.text, answer.sql, answer.ok) == ("90", "SELECT COUNT(*) FROM orders", True)
    assert (answer.columns, answer.rows) == (("COUNT(*)",), [(90,)])
    assert prompts == [lora.prompt_of({"schema": SCHEMA, "question": "How many orders?"})]


@pytest.mark.parametrize("reply_text", ["DELETE FROM orders", "nonsense", "SELECT x FROM y", ""])
def test_what_a_model_writes_never_raises_and_never_writes(shop, writes, reply_text):
    writes[0].append(reply_text)
    answer = ask("How many orders?", shop)
    assert not answer.ok
    assert answer.text.startswith("I ")
    assert shop.execute("SELECT COUNT(*) FROM orders").fetchone() == (90,)


def test_a_question_stays_on_the_comments_line(shop, writes):
    reply, prompts = writes
    reply.append("SELECT 1")
    ask("orders?\nDROP TABLE orders;\n{schema}", shop)
    assert prompts[0].splitlines()[1:] == ["-- orders? DROP TABLE orders; {schema}"]


def test_a_question_that_is_too_long_is_answered_without_the_model(shop, writes):
    answer = ask("how many " * 50, shop)
    assert "at most 400 characters" in answer.text
    assert (answer.sql, answer.ok, writes[1]) == ("", False, [])


@pytest.mark.parametrize("question", ["", " \n"])
def test_an_empty_question_is_refused(shop, writes, question):
    with pytest.raises(ValueError, match="the question is empty"):
        ask(question, shop)


@pytest.fixture
def base_elsewhere(monkeypatch, tmp_path):
    """Keep the converted model where it is, while all else goes to an empty folder."""
    monkeypatch.setattr(text_to_sql, "MODEL", models.find_causal_lm(text_to_sql.MODEL))
    monkeypatch.setenv("COURSE_ARTIFACTS", str(tmp_path / "artifacts"))
    return tmp_path / "artifacts" / "lesson_04"


def attach_only(model, tokenizer, *, seed=0):
    adapted = lora.attach(model, text_to_sql.adapter_config())
    return lora.TrainResult(adapted, (), (), 0, 0, 0.0)


@pytest.mark.slow
def test_what_the_lesson_saved_is_found_and_not_trained_again(base_elsewhere, monkeypatch):
    model, tokenizer = models.load_causal_lm(text_to_sql.MODEL, device="cpu")
    folder = lora.save_adapter(attach_only(model, tokenizer).model, base_elsewhere / "adapter")
    monkeypatch.delattr(text_to_sql, "teach")
    assert text_to_sql.find() == folder
    loaded, _ = text_to_sql.load(device="cpu")
    assert loaded.peft_config["default"].r == 8
    assert loaded.config._attn_implementation == "eager"


@pytest.mark.slow
def test_where_nothing_was_saved_it_is_made_once_and_a_kill_leaves_none(
    base_elsewhere, monkeypatch
):
    def killed(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(text_to_sql, "teach", killed)
    with pytest.raises(KeyboardInterrupt):
        text_to_sql.find()
    assert [path.name for path in base_elsewhere.iterdir()] == [".adapter.lock"]
    monkeypatch.setattr(text_to_sql, "teach", attach_only)
    folder = text_to_sql.find()
    monkeypatch.setattr(text_to_sql, "teach", killed)
    assert text_to_sql.find() == folder
    assert {path.name for path in folder.iterdir()} >= {
        "adapter_config.json",
        "adapter_model.safetensors",
        "base_weights.json",
    }


@pytest.mark.slow
def test_the_recipe_teaches_from_pairs_of_two(base_elsewhere, monkeypatch):
    every = text_to_sql.rows("train")
    monkeypatch.setattr(text_to_sql, "rows", lambda split: every[:24])
    model, tokenizer = models.load_causal_lm(text_to_sql.MODEL, device="cpu")
    result = text_to_sql.teach(model, tokenizer)
    assert result.steps == 12
    trained = [name for name, each in result.model.named_parameters() if each.requires_grad]
    assert all("lora_" in name for name in trained)
    assert any(each.any() for name, each in result.model.named_parameters() if "lora_B" in name)
