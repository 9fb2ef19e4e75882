"""Rows P: the text-generation pipeline and generate."""

import copy

import pytest
import torch
from transformers import GenerationConfig, TemperatureLogitsWarper, pipeline
from transformers.modeling_outputs import CausalLMOutput

from then_and_now.listening import listening, mentions

TEMPLATE = (
    "{% for message in messages %}{{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}*{% endif %}"
)
CHAT = [{"role": "user", "content": "abc"}]


@pytest.fixture
def pipe(small_lm, tokenizer):
    """Return the notes' pipeline around the small model."""
    with listening():
        return pipeline("text-generation", model=small_lm, tokenizer=tokenizer, device="cpu")


@pytest.fixture
def chat(pipe, monkeypatch):
    """Return the pipeline with a chat template."""
    monkeypatch.setattr(pipe.tokenizer, "chat_template", TEMPLATE)
    return pipe


def ask(pipe, question="abc", **options):
    """Call the pipeline and return its result and what was heard."""
    with listening() as heard:
        result = pipe(question, **{"max_new_tokens": 4, "do_sample": False} | options)
    return result, heard


@pytest.mark.row("P1")
def test_the_text_starts_with_the_prompt(pipe):
    text = ask(pipe)[0][0]["generated_text"]
    assert text.startswith("abc")
    assert ask(pipe, return_full_text=False)[0][0]["generated_text"] == text[3:]


@pytest.mark.row("P2")
def test_a_chat_comes_back_as_a_list_of_messages(chat):
    messages = ask(chat, CHAT)[0][0]["generated_text"]
    assert messages[0] == CHAT[0]
    assert messages[-1]["role"] == "assistant"
    reply = ask(chat, CHAT, return_full_text=False)[0][0]["generated_text"]
    assert reply == messages[-1]["content"]


@pytest.mark.row("P3")
def test_several_questions_come_back_as_a_list_of_lists(pipe):
    several = ask(pipe, ["abc", "cba"])[0]
    assert [len(each) for each in several] == [1, 1]
    with pytest.raises(TypeError, match="list indices must be integers"):
        several[0]["generated_text"]


@pytest.mark.row("P4")
def test_a_low_temperature_still_draws_between_near_equals(model, monkeypatch):
    logits = torch.full((1, 64), -100.0)
    logits[0, 7], logits[0, 8] = 1.00, 0.99  # at temperature 0.01 that is e to 1
    shares = TemperatureLogitsWarper(0.01)(None, logits).softmax(-1)[0]
    assert shares[7:9].tolist() == pytest.approx([0.73, 0.27], abs=0.005)
    monkeypatch.setattr(model, "forward", lambda **_: CausalLMOutput(logits=logits[None]))

    def next_token(**options):
        options |= {"max_new_tokens": 1, "use_cache": False}
        return model.generate(torch.tensor([[3]]), **options)[0, -1].item()

    drawn = set()
    for seed in range(20):
        torch.manual_seed(seed)
        drawn.add(next_token(do_sample=True, temperature=0.01))
    assert drawn == {7, 8}
    assert next_token(do_sample=False) == 7


@pytest.mark.row("P5")
def test_temperature_zero_raises(pipe):
    with pytest.raises(ValueError, match=r"`temperature` \(=0.0\) has to be a strictly positive"):
        ask(pipe, do_sample=True, temperature=0.0)


@pytest.mark.row("P6")
def test_a_temperature_without_sampling_is_ignored_and_logged(pipe):
    plain, _ = ask(pipe)
    with_temperature, heard = ask(pipe, temperature=0.3)
    assert with_temperature == plain
    assert mentions(heard, "generation flags are not valid and may be ignored")


@pytest.mark.row("P7")
def test_the_pipeline_samples_unless_told_otherwise(pipe, monkeypatch):
    seen = []
    monkeypatch.setattr(
        pipe.model, "generate", lambda **options: seen.append(options) or options["input_ids"]
    )
    with listening():
        pipe("abc")
    used = [seen[0][name] for name in ("do_sample", "temperature", "max_new_tokens")]
    assert used == [True, 0.7, 256]
    assert not pipe.model.generation_config.do_sample  # the model's own generate is greedy


@pytest.mark.row("P8")
def test_max_new_tokens_counts_the_reply_alone(pipe, model):
    prompt = torch.tensor([[3, 9, 27, 5, 40]])
    options = {"do_sample": False, "eos_token_id": 63}
    assert model.generate(prompt, max_new_tokens=4, **options).shape == (1, 9)
    assert model.generate(prompt, max_length=7, **options).shape == (1, 7)


@pytest.mark.row("P9")
def test_of_both_lengths_max_new_tokens_wins(model):
    prompt = torch.tensor([[3, 9, 27, 5, 40]])
    with listening() as heard:
        output = model.generate(
            prompt, max_new_tokens=4, max_length=7, do_sample=False, eos_token_id=63
        )
    assert output.shape == (1, 9)
    assert mentions(heard, "`max_new_tokens`")


@pytest.mark.row("P10")
def test_a_max_length_below_the_prompt_raises(model):
    with pytest.raises(ValueError, match="max_length"):
        model.generate(torch.tensor([[3, 9, 27, 5, 40]]), max_length=3, do_sample=False)


@pytest.mark.row("P11")
def test_several_sequences_need_sampling(pipe):
    assert len(ask(pipe)[0]) == 1
    with pytest.raises(ValueError, match=r"Greedy methods .* `num_return_sequences`"):
        ask(pipe, num_return_sequences=2)
    assert len(ask(pipe, do_sample=True, num_return_sequences=2)[0]) == 2


@pytest.mark.row("P12")
def test_a_pad_token_is_needed_for_batches_alone(pipe, small_lm, tokenizer):
    _, heard = ask(pipe)
    assert not mentions(heard, "pad_token_id")
    without = copy.deepcopy(tokenizer)
    without.pad_token = None
    model = copy.deepcopy(small_lm)
    model.generation_config.pad_token_id = model.config.pad_token_id = None
    with listening():
        bare = pipeline("text-generation", model=model, tokenizer=without, device="cpu")
    bare.tokenizer.pad_token = None
    ask(bare)
    with pytest.raises(ValueError, match="pad"):
        ask(bare, ["abc", "ab"], batch_size=2)


@pytest.mark.row("P13")
def test_a_generation_config_and_arguments_at_once_are_deprecated(pipe):
    _, heard = ask(pipe, generation_config=GenerationConfig(max_new_tokens=3))
    assert mentions(heard, "generation_config")
    assert mentions(heard, "deprecated")


@pytest.mark.row("P14")
def test_tasks_of_other_kinds_of_model_are_gone():
    for task in ("summarization", "translation", "text2text-generation", "question-answering"):
        with pytest.raises(KeyError, match="has been removed"):
            pipeline(task)
    with pytest.raises(KeyError, match="Unknown task conversational"):
        pipeline("conversational")


@pytest.mark.row("P15")
def test_a_chat_template_returns_a_mapping(chat):
    tokenizer, model = chat.tokenizer, chat.model
    encoded = tokenizer.apply_chat_template(CHAT, add_generation_prompt=True, return_tensors="pt")
    assert set(encoded) >= {"input_ids", "attention_mask"}
    with pytest.raises(AttributeError):
        model.generate(encoded, max_new_tokens=2, do_sample=False)
    output = model.generate(**encoded, max_new_tokens=2, do_sample=False, eos_token_id=63)
    assert output.shape[1] == encoded["input_ids"].shape[1] + 2


@pytest.mark.row("P16")
def test_what_stands_before_the_question_changes_the_answer(pipe):
    plain, material = ask(pipe, "abc"), ask(pipe, "xyz abc")
    replies = [text[0]["generated_text"][-4:] for text, _ in (plain, material)]
    assert replies[0] != replies[1]


@pytest.mark.row("P17")
def test_the_pipeline_turns_the_tokenizer_to_padding_on_the_left(small_lm, tokenizer):
    assert tokenizer.padding_side == "right"
    with listening() as heard:
        pipeline("text-generation", model=small_lm, tokenizer=tokenizer, device="cpu")
    assert tokenizer.padding_side == "left"
    assert not mentions(heard, "padding_side")
