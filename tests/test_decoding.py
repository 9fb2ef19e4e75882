"""Temperature, top-k and top-p by hand, and as the library's own processors do them."""

import math

import pytest
import torch
from transformers import (
    GenerationConfig,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from course_utils import decoding, generation

# Probabilities 0.5, 0.25, 0.125, 0.125 at temperature 1.
LOGITS = torch.tensor([0.5, 0.125, 0.25, 0.125]).log()


class LetterTokenizer:
    """Token 3 is "a", token 4 is "b": enough of a tokenizer for the tiny model."""

    def apply_chat_template(self, chat, *, add_generation_prompt, return_dict):
        return [1, *(ord(letter) - ord("a") + 3 for letter in chat[0]["content"])]

    def batch_decode(self, rows):
        return [chr(token - 3 + ord("a")) for (token,) in rows]


def probabilities(**options):
    return decoding.sampling_probabilities(LOGITS, **options).tolist()


def test_without_options_it_is_softmax():
    assert probabilities() == pytest.approx([0.5, 0.125, 0.25, 0.125])


def test_temperature_one_half_squares_the_ratios():
    assert probabilities(temperature=0.5) == pytest.approx([16 / 22, 1 / 22, 4 / 22, 1 / 22])


def test_a_high_temperature_levels_the_probabilities():
    assert probabilities(temperature=1e6) == pytest.approx([0.25] * 4, abs=1e-5)


def test_top_k_keeps_the_largest_and_shares_out_the_rest():
    assert probabilities(top_k=2) == pytest.approx([2 / 3, 0, 1 / 3, 0])


def test_top_k_keeps_ties():
    assert probabilities(top_k=3) == pytest.approx([0.5, 0.125, 0.25, 0.125])


def test_top_k_larger_than_the_vocabulary_changes_nothing():
    assert probabilities(top_k=50) == probabilities()


@pytest.mark.parametrize(
    ("top_p", "kept"), [(0.01, 1), (0.49, 1), (0.51, 2), (0.74, 2), (0.76, 3), (0.9, 4), (1.0, 4)]
)
def test_top_p_keeps_the_fewest_that_reach_the_sum(top_p, kept):
    assert sum(value > 0 for value in probabilities(top_p=top_p)) == kept


def test_top_p_works_on_what_temperature_and_top_k_have_left():
    assert probabilities(top_p=0.7) == pytest.approx([2 / 3, 0, 1 / 3, 0])
    assert probabilities(temperature=0.5, top_p=0.7) == [1, 0, 0, 0]  # the largest has 0.73 now
    assert probabilities(top_k=2, top_p=0.6) == [1, 0, 0, 0]  # and here 0.67


def test_the_logits_are_left_as_they_were():
    logits = LOGITS.clone()
    decoding.sampling_probabilities(logits, top_k=1, top_p=0.5)
    assert torch.equal(logits, LOGITS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": 0.0}, "temperature=0.0 isn't above 0; .* do_sample=False"),
        ({"top_k": 0}, "top_k=0 is below 1"),
        ({"top_p": 0.0}, "top_p=0.0 isn't above 0 and at most 1"),
        ({"top_p": 1.5}, "top_p=1.5 isn't above 0 and at most 1"),
    ],
)
def test_a_setting_outside_its_range_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        decoding.sampling_probabilities(LOGITS, **options)


@pytest.mark.parametrize("temperature", [0.2, 0.7, 1.0, 1.8])
@pytest.mark.parametrize("top_k", [None, 1, 7, 50])
@pytest.mark.parametrize("top_p", [None, 0.1, 0.6, 0.95])
def test_the_librarys_own_processors_agree(temperature, top_k, top_p):
    logits = 3 * torch.randn(1000, generator=torch.Generator().manual_seed(0))
    scores = TemperatureLogitsWarper(temperature)(None, logits[None])
    if top_k is not None:
        scores = TopKLogitsWarper(top_k)(None, scores)
    if top_p is not None:
        scores = TopPLogitsWarper(top_p)(None, scores)
    ours = decoding.sampling_probabilities(
        logits, temperature=temperature, top_k=top_k, top_p=top_p
    )
    torch.testing.assert_close(ours, scores[0].softmax(dim=0))


def test_the_series_is_sorted_and_named_by_the_tokens_text(tiny_lm):
    tokenizer = LetterTokenizer()
    series = decoding.next_token_probabilities(tiny_lm, tokenizer, [1, 3, 4])
    assert len(series) == tiny_lm.config.vocab_size
    assert series.is_monotonic_decreasing
    assert math.isclose(series.sum(), 1, abs_tol=1e-5)
    ids = torch.tensor([[1, 3, 4]])
    with torch.inference_mode():
        expected = tiny_lm(ids).logits[0, -1].softmax(dim=0)
    assert series["c"] == pytest.approx(expected[5].item())
    assert series.index[0] == tokenizer.batch_decode([[int(expected.argmax())]])[0]


def test_they_are_the_probabilities_that_generate_draws_from(tiny_lm):
    ids = torch.tensor([[1, 3, 4]])
    config = GenerationConfig(
        do_sample=True,
        temperature=0.5,  # the random weights' logits lie close together
        top_k=20,
        top_p=0.9,
        max_new_tokens=1,
        output_scores=True,
        return_dict_in_generate=True,
    )
    output = tiny_lm.generate(
        input_ids=ids, attention_mask=torch.ones_like(ids), generation_config=config
    )
    expected = output.scores[0][0].softmax(dim=0).sort(descending=True).values
    series = decoding.next_token_probabilities(
        tiny_lm, LetterTokenizer(), [1, 3, 4], temperature=0.5, top_k=20, top_p=0.9
    )
    assert 1 < len(series) < 20
    assert series.tolist() == pytest.approx(expected[: len(series)].tolist())
    assert expected[len(series)] == 0


def test_tokens_that_cannot_be_drawn_are_left_out(tiny_lm):
    series = decoding.next_token_probabilities(tiny_lm, LetterTokenizer(), [1, 3], top_k=5)
    assert len(series) == 5
    assert math.isclose(series.sum(), 1, abs_tol=1e-5)


def test_a_chat_and_its_token_ids_give_the_same(tiny_lm):
    chat = [{"role": "user", "content": "ab"}]
    by_chat = decoding.next_token_probabilities(tiny_lm, LetterTokenizer(), chat, temperature=0.3)
    by_ids = decoding.next_token_probabilities(
        tiny_lm, LetterTokenizer(), [1, 3, 4], temperature=0.3
    )
    assert by_chat.equals(by_ids)


@pytest.mark.parametrize("prompt", ["ab", []])
def test_a_prompt_that_is_neither_chat_nor_ids_is_refused(tiny_lm, prompt):
    with pytest.raises(ValueError, match="chat"):
        decoding.next_token_probabilities(tiny_lm, LetterTokenizer(), prompt)


@pytest.mark.slow
def test_the_real_models_greedy_reply_begins_with_the_most_probable_token(smollm2):
    model, tokenizer = smollm2
    chat = [{"role": "user", "content": "What is the capital of France?"}]
    series = decoding.next_token_probabilities(model, tokenizer, chat, top_p=0.9)
    reply = generation.generate(model, tokenizer, [chat])[0].text
    assert reply.startswith(series.index[0])
    assert 10 < len(series) < 200
