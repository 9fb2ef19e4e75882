"""Batched generation answers as one by one does; a stream says the same, piece by piece."""

import threading

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

    def __call__(self, text):
        return {"input_ids": [3 + ord(character) % 60 for character in text]}

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


def test_the_last_layer_gets_a_whole_tensor_so_that_a_frozen_weight_is_not_copied(
    tiny_lm, tokenizer
):
    head, seen = tiny_lm.get_output_embeddings(), []
    watch = head.register_forward_hook(
        lambda _, inputs, output: seen.append(inputs[0].is_contiguous())
    )
    generation.generate(tiny_lm, tokenizer, chats("one", "two", "three"))
    watch.remove()
    assert len(seen) > 1
    assert all(seen)
    assert not head._forward_pre_hooks  # and the model is as it was


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


def test_a_chat_that_just_fits_the_context_is_answered(tiny_lm, tokenizer):
    config = GenerationConfig(do_sample=False, max_new_tokens=7)
    reply = generation.generate(tiny_lm, tokenizer, chats("x" * 120), generation_config=config)[0]
    assert (reply.prompt_tokens, reply.new_tokens) == (121, 7)


def test_an_empty_chat_is_refused(tiny_lm, tokenizer):
    with pytest.raises(ValueError, match="at least one message"):
        generation.generate(tiny_lm, tokenizer, [[]])


def test_a_string_in_the_place_of_a_chat_is_answered_with_what_a_chat_is(tiny_lm, tokenizer):
    with pytest.raises(
        ValueError, match=r"'Do you sell tents\?' is no chat; .*\[\{\"role\": \"user\""
    ):
        generation.generate(tiny_lm, tokenizer, ["Do you sell tents?"])


def test_a_list_of_strings_is_no_chat(tokenizer):
    with pytest.raises(ValueError, match="a chat is a list of messages"):
        generation.encode_chat(tokenizer, ["Do you sell tents?"])


@pytest.mark.parametrize("single", [chats("hello")[0], "hello"])
def test_one_chat_in_the_place_of_a_list_of_chats_is_refused(tiny_lm, tokenizer, single):
    with pytest.raises(ValueError, match="put a single chat into a list"):
        generation.generate(tiny_lm, tokenizer, single)


def test_a_tokenizer_without_pad_token_is_refused(tiny_lm, tokenizer):
    tokenizer.pad_token_id = None
    with pytest.raises(
        ValueError, match=r"no pad token.*tokenizer.pad_token = tokenizer.eos_token"
    ):
        generation.generate(tiny_lm, tokenizer, chats("a", "b"))


def test_a_batch_size_below_1_is_refused(tiny_lm, tokenizer):
    with pytest.raises(ValueError, match="batch_size=0 is below 1"):
        generation.generate(tiny_lm, tokenizer, chats("a"), batch_size=0)


def test_a_config_without_a_limit_of_new_tokens_is_refused(tiny_lm, tokenizer):
    config = GenerationConfig(do_sample=False)
    with pytest.raises(ValueError, match="generation_config has no max_new_tokens"):
        generation.generate(tiny_lm, tokenizer, chats("a"), generation_config=config)


def test_several_replies_a_chat_are_refused(tiny_lm, tokenizer):
    config = GenerationConfig(do_sample=True, max_new_tokens=4, num_return_sequences=3)
    with pytest.raises(
        ValueError, match=r"num_return_sequences=3 .* pass the prompt several times"
    ):
        generation.generate(tiny_lm, tokenizer, chats("a"), generation_config=config)


def test_a_progress_bar_shows_only_for_more_than_one_batch(tiny_lm, tokenizer, capsys):
    config = GenerationConfig(do_sample=False, max_new_tokens=2)

    def shown(**options):
        batch = chats("one", "two", "three")
        generation.generate(tiny_lm, tokenizer, batch, generation_config=config, **options)
        return capsys.readouterr().err

    assert shown(batch_size=3) == ""
    assert shown(batch_size=2, progress=False) == ""
    assert "2/2" in shown(batch_size=2)


def test_speed_counts_the_seconds_of_a_batch_once():
    shared = [generation.Reply("", 5, new_tokens, 2.0, 2) for new_tokens in (30, 10)]
    alone = generation.Reply("", 5, 20, 1.0, 1)
    assert generation.new_tokens_per_second(shared) == 20  # 40 tokens in 2 seconds
    assert generation.new_tokens_per_second([*shared, alone]) == 20  # 60 tokens in 3 seconds


def test_no_replies_have_no_speed():
    with pytest.raises(ValueError, match="no replies"):
        generation.new_tokens_per_second([])


def test_each_reply_says_how_many_shared_its_seconds(tiny_lm, tokenizer):
    replies = generation.generate(
        tiny_lm, tokenizer, chats("a", "a longer one", "b"), batch_size=2, progress=False
    )
    assert [reply.batch_size for reply in replies] == [2, 1, 2]
    assert replies[0].seconds == replies[2].seconds > 0


def streams():
    return [thread for thread in threading.enumerate() if thread.name == "generation.stream"]


def test_a_stream_says_in_pieces_what_generate_says(tiny_lm, tokenizer):
    pieces = list(generation.stream(tiny_lm, tokenizer, chats("hello")[0]))
    assert len(pieces) > 10
    assert "".join(pieces) == generation.generate(tiny_lm, tokenizer, chats("hello"))[0].text
    assert streams() == []


def test_a_reader_who_stops_early_stops_the_model(tiny_lm, tokenizer, monkeypatch):
    calls = []
    forward = tiny_lm.forward

    def counted(*arguments, **options):
        calls.append(1)
        read.wait(timeout=10)  # no token is made before the reader has left
        return forward(*arguments, **options)

    monkeypatch.setattr(tiny_lm, "forward", counted)
    read = threading.Event()
    read.set()
    pieces = generation.stream(tiny_lm, tokenizer, chats("hello")[0])
    next(pieces)
    read.clear()
    threading.Timer(0.2, read.set).start()
    pieces.close()
    assert streams() == []
    assert len(calls) < 64


def test_an_error_of_the_model_reaches_the_reader(tiny_lm, tokenizer, monkeypatch):
    def fails(**options):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(tiny_lm, "generate", fails)
    with pytest.raises(RuntimeError, match="out of memory"):
        list(generation.stream(tiny_lm, tokenizer, chats("hello")[0]))
    assert streams() == []


def test_the_librarys_own_refusal_to_stream_beams_reaches_the_reader(tiny_lm, tokenizer):
    config = GenerationConfig(do_sample=False, max_new_tokens=4, num_beams=2)
    with pytest.raises(ValueError, match="streamer"):
        list(generation.stream(tiny_lm, tokenizer, chats("hi")[0], generation_config=config))


def test_a_stream_refuses_a_bad_chat_before_it_is_read(tiny_lm, tokenizer):
    with pytest.raises(ValueError, match="the chat has 121 tokens"):
        generation.stream(tiny_lm, tokenizer, chats("x" * 120)[0])
    with pytest.raises(ValueError, match="is no chat"):
        generation.stream(tiny_lm, tokenizer, "hello")


def test_a_text_is_continued_as_it_stands(tiny_lm, tokenizer):
    texts = ["SELECT", "a much longer one", "zz"]
    config = GenerationConfig(do_sample=False, max_new_tokens=6)
    replies = generation.complete(tiny_lm, tokenizer, texts, generation_config=config)
    for text, reply in zip(texts, replies, strict=True):
        ids = torch.tensor([tokenizer(text)["input_ids"]])
        output = tiny_lm.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=6
        )
        expected = tokenizer.decode(output[0, ids.shape[1] :].tolist(), skip_special_tokens=True)
        assert (reply.text, reply.prompt_tokens) == (expected, len(text))
    assert len({reply.text for reply in replies}) == 3


@pytest.mark.parametrize(
    ("prompts", "message"),
    [
        (["a", ""], r"prompts\[1\] is ''; give a text"),
        ([[{"role": "user", "content": "a"}]], "or use generate for chats"),
        ("a text", "put a single one into a list"),
        (["x" * 600], r"prompts\[0\] has 600 tokens"),
    ],
)
def test_what_is_no_list_of_texts_is_not_continued(tiny_lm, tokenizer, prompts, message):
    with pytest.raises(ValueError, match=message):
        generation.complete(tiny_lm, tokenizer, prompts)


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


@pytest.mark.slow
def test_the_real_model_streams_what_it_answers(smollm2):
    model, tokenizer = smollm2
    chat = chats("Write one sentence about tents.")[0]
    pieces = list(generation.stream(model, tokenizer, chat))
    assert len(pieces) > 5
    assert "".join(pieces).strip() == generation.generate(model, tokenizer, [chat])[0].text
