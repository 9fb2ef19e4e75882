"""Perplexity is over tokens, and padding, order and batches leave it alone."""

import math

import pytest
import torch

from course_utils.perplexity import perplexity

TEXTS = ["5 7 9", "3 4 5 6 7 8 9 10 11 12", "20 21 20 21", "40 2 2 41", "60 61"]


class NumberTokenizer:
    """Reads "5 7" as the tokens 5 and 7; 2 ends a text and stands for padding too."""

    eos_token_id = 2

    def __call__(self, text):
        return {"input_ids": [int(word) for word in text.split()]}


tokenizer = NumberTokenizer()


@torch.inference_mode()
def token_losses(model, text):
    """Return the negative log-likelihood of each token after the first, one by one."""
    tokens = tokenizer(text)["input_ids"]
    losses = []
    for position in range(1, len(tokens)):
        logits = model(input_ids=torch.tensor([tokens[:position]])).logits[0, -1]
        losses.append(-logits.log_softmax(dim=-1)[tokens[position]].item())
    return losses


@pytest.mark.parametrize("batch_size", [1, 2, 8])
def test_it_agrees_with_a_loop_over_tokens_whatever_the_batch(tiny_lm, batch_size):
    losses = [loss for text in TEXTS for loss in token_losses(tiny_lm, text)]
    assert len(losses) == 2 + 9 + 3 + 3 + 1
    expected = math.exp(sum(losses) / len(losses))
    found = perplexity(tiny_lm, tokenizer, TEXTS, batch_size=batch_size)
    assert found == pytest.approx(expected, rel=1e-5)


def test_on_one_text_it_is_exp_of_the_models_own_loss(tiny_lm):
    ids = torch.tensor([tokenizer(TEXTS[1])["input_ids"]])
    with torch.inference_mode():
        loss = tiny_lm(input_ids=ids, labels=ids).loss
    assert perplexity(tiny_lm, tokenizer, TEXTS[1:2]) == pytest.approx(loss.exp().item(), rel=1e-5)


def test_a_long_text_weighs_more_than_a_short_one(tiny_lm):
    short, long = TEXTS[4], TEXTS[1]
    losses = [math.log(perplexity(tiny_lm, tokenizer, [text])) for text in (short, long)]
    both = math.log(perplexity(tiny_lm, tokenizer, [short, long]))
    assert both == pytest.approx((1 * losses[0] + 9 * losses[1]) / 10, rel=1e-6)
    assert both != pytest.approx(sum(losses) / 2, rel=1e-4)


def test_a_model_that_knows_nothing_scores_the_size_of_the_vocabulary(tiny_lm):
    class Uniform(torch.nn.Module):
        config = tiny_lm.config
        device = torch.device("cpu")

        def forward(self, input_ids, attention_mask):
            return type("Output", (), {"logits": torch.zeros(*input_ids.shape, 64)})

    assert perplexity(Uniform(), tokenizer, TEXTS) == pytest.approx(64)


def test_the_order_of_the_texts_and_the_list_itself_stay(tiny_lm):
    texts = list(TEXTS)
    first = perplexity(tiny_lm, tokenizer, texts, batch_size=2)
    assert texts == TEXTS
    assert perplexity(tiny_lm, tokenizer, texts[::-1], batch_size=2) == pytest.approx(first)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([], "texts is empty"),
        (["5 7", "5"], r"texts\[1\] has 1 token\(s\), so none is predicted"),
        (["5 7", ""], r"texts\[1\] has 0 token\(s\)"),
        (["5 " * 129], r"texts\[0\] has 129 tokens and the model reads 128"),
    ],
)
def test_texts_that_cannot_be_predicted_are_named(tiny_lm, texts, message):
    with pytest.raises(ValueError, match=message):
        perplexity(tiny_lm, tokenizer, texts)
