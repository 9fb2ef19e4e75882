"""Batched generation answers as one by one does."""

import pytest
import torch
from transformers import GenerationConfig

from course_utils import generation


class CharacterTokenizer:
    """A chat template and a decoder over single characters, for the tiny model."""

    eos_token_id = 2
    pad_token_id = 2

    def apply_chat_template(self, chat, *, add_generation_prompt, return_dict):
        text = "".join(message["content"] for message in chat)
        return [1, *(3 + ord(character) % 60 for character in text)]

    def decode(self, tokens, *, skip_special_tokens):
        return " ".join(str(token) for token in tokens if token != 2)


def chats(*texts):
    return [[{"role": "user", "content": text}] for text in texts]


@pytest.fixture
def tokenizer():
    return CharacterTokenizer()


def test_each_chat_gets_the_reply_it_gets_alone(tiny_lm, tokenizer):
    batch = chats("a", "a much longer one", "middle", "zz", "a")
    config = GenerationConfig(do_sample=False, max_new_tokens=8)
    together = generation.generate(tiny_lm, tokenizer, batch, generation_config=config)
    alone = [
        generation.generate(tiny_lm, tokenizer, [chat], generation_config=config)[0]
        for chat in batch
    ]
    assert [reply.text for reply in together] == [reply.text for reply in alone]
    assert len({reply.text for reply in together}) >= 3  # or the order could not be told
    assert together[0].text == together[4].text


def test_the_batch_size_changes_nothing_but_the_speed(tiny_lm, tokenizer):
    batch = chats("one", "two", "three", "four", "five")
    one, three = (
        [reply.text for reply in generation.generate(tiny_lm, tokenizer, batch, batch_size=size)]
        for size in (1, 3)
    )
    assert one == three


def test_a_reply_matches_the_librarys_own_generate(tiny_lm, tokenizer):
    reply = generation.generate(tiny_lm, tokenizer, chats("hello"))[0]
    ids = torch.tensor([generation.encode_chat(tokenizer, chats("hello")[0])])
    output = tiny_lm.generate(
        ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=64
    )
    expected = tokenizer.decode(output[0, ids.shape[1] :].tolist(), skip_special_tokens=True)
    assert reply.text == expected


def test_tokens_are_counted_up_to_the_end_token_without_padding(tiny_lm, tokenizer, monkeypatch):
    def ends_early(*, input_ids, attention_mask, generation_config):
        assert attention_mask.sum(dim=1).tolist() == [2, 4]
        assert input_ids[0, :2].tolist() == [2, 2]  # padded on the left
        new = torch.tensor([[9, 2, 2, 2], [9, 8, 7, 6]])
        return torch.cat([input_ids, new], dim=1)

    monkeypatch.setattr(tiny_lm, "generate", ends_early)
    short, long = generation.generate(tiny_lm, tokenizer, chats("x", "xyz"))
    assert (short.text, short.prompt_tokens, short.new_tokens) == ("9", 2, 2)
    assert (long.text, long.prompt_tokens, long.new_tokens) == ("9 8 7 6", 4, 4)


def test_a_chat_that_exceeds_the_context_is_named_before_anything_runs(tiny_lm, tokenizer):
    config = GenerationConfig(do_sample=False, max_new_tokens=8)
    with pytest.raises(ValueError, match=r"chats\[1\] has 121 tokens.*context of 128; shorten"):
        generation.generate(tiny_lm, tokenizer, chats("ok", "x" * 120), generation_config=config)


def test_an_empty_chat_is_refused(tiny_lm, tokenizer):
    with pytest.raises(ValueError, match="at least one message"):
        generation.generate(tiny_lm, tokenizer, [[]])


def test_no_chats_no_replies(tiny_lm, tokenizer):
    assert generation.generate(tiny_lm, tokenizer, []) == []


@pytest.mark.slow
def test_the_real_model_answers_a_batch(smollm2):
    model, tokenizer = smollm2
    questions = chats("Write one sentence about tents.", "What is the capital of France?")
    replies = generation.generate(model, tokenizer, questions)
    assert "tent" in replies[0].text.lower()
    assert "Paris" in replies[1].text
    assert all(0 < reply.new_tokens < 64 for reply in replies)  # it stopped by itself
