"""Rows that have ended leave a batch, and every reply stays what it is alone."""

import pytest
import torch
from transformers import GenerationConfig

from course_utils.batch_replies import MIN_ROWS, generate_batch

PAD = 2
ROWS = 12
NEW_TOKENS = 24


@pytest.fixture
def prompts():
    """Return prompts of four lengths, padded on the left, with their mask."""
    chance = torch.Generator().manual_seed(1)
    input_ids = torch.randint(3, 64, (ROWS, 8), generator=chance)
    mask = torch.ones_like(input_ids)
    for number in range(ROWS):
        mask[number, : number % 4] = 0
    return input_ids.masked_fill(mask == 0, PAD), mask


def settings(**changes):
    """Return a config; with this penalty the tiny model says no token twice."""
    return GenerationConfig(
        max_new_tokens=NEW_TOKENS, pad_token_id=PAD, repetition_penalty=1e6, **changes
    )


def endless(model, prompts):
    """Return what each row says when nothing ends it."""
    input_ids, mask = prompts
    output = model.generate(
        input_ids=input_ids,
        attention_mask=mask,
        generation_config=settings(min_new_tokens=NEW_TOKENS),
    )
    return output[:, input_ids.shape[1] :]


def cut(row, end_ids, min_new_tokens=0):
    """Return a row's tokens up to the first that ends it."""
    for place, token in enumerate(row):
        if token in end_ids and place >= min_new_tokens:
            return row[: place + 1]
    return row


@pytest.fixture
def end_ids(tiny_lm, prompts):
    """Return tokens that end most of the rows, at different places."""
    said = endless(tiny_lm, prompts).tolist()
    ends = {0, 14}
    lengths = sorted(len(cut(row, ends)) for row in said)
    assert len(set(lengths)) > 4  # or nothing would be shown
    assert lengths[ROWS // 2] <= NEW_TOKENS / 2
    return ends


def test_each_row_is_what_the_library_says_up_to_its_end(tiny_lm, prompts, end_ids):
    expected = [cut(row, end_ids) for row in endless(tiny_lm, prompts).tolist()]
    config = settings(eos_token_id=sorted(end_ids))
    output = generate_batch(tiny_lm, *prompts, config, end_ids=end_ids, pad_id=PAD)
    rows = output.tolist()
    assert [row[: len(kept)] for row, kept in zip(rows, expected, strict=True)] == expected
    rests = [row[len(kept) :] for row, kept in zip(rows, expected, strict=True)]
    assert {token for rest in rests for token in rest} == {PAD}


def test_the_batch_gets_smaller_when_half_of_it_has_ended(tiny_lm, prompts, end_ids):
    sizes = []
    watch = tiny_lm.model.register_forward_pre_hook(
        lambda _, args, kwargs: sizes.append(len(kwargs["input_ids"])), with_kwargs=True
    )
    config = settings(eos_token_id=sorted(end_ids))
    generate_batch(tiny_lm, *prompts, config, end_ids=end_ids, pad_id=PAD)
    watch.remove()
    assert sizes[0] == ROWS
    assert sizes[-1] <= ROWS // 2
    assert sizes == sorted(sizes, reverse=True)
    assert len(sizes) <= NEW_TOKENS


def test_a_reply_has_its_smallest_number_of_tokens_after_a_break_too(tiny_lm, prompts, end_ids):
    config = settings(eos_token_id=sorted(end_ids), min_new_tokens=NEW_TOKENS - 2)
    output = generate_batch(tiny_lm, *prompts, config, end_ids=end_ids, pad_id=PAD)
    assert not torch.isin(output[:, : NEW_TOKENS - 2], torch.tensor(sorted(end_ids))).any()


@pytest.mark.parametrize("few", [1, MIN_ROWS - 1])
def test_a_small_batch_is_the_librarys_own(tiny_lm, prompts, end_ids, few):
    input_ids, mask = (tensor[:few] for tensor in prompts)
    config = settings(eos_token_id=sorted(end_ids))
    output = generate_batch(tiny_lm, input_ids, mask, config, end_ids=end_ids, pad_id=PAD)
    whole = tiny_lm.generate(input_ids=input_ids, attention_mask=mask, generation_config=config)
    assert torch.equal(output, whole[:, input_ids.shape[1] :])


def test_beam_search_runs_to_its_end_in_one_go(tiny_lm, prompts, end_ids):
    input_ids, mask = prompts
    config = settings(eos_token_id=sorted(end_ids), num_beams=2)
    output = generate_batch(tiny_lm, input_ids, mask, config, end_ids=end_ids, pad_id=PAD)
    whole = tiny_lm.generate(input_ids=input_ids, attention_mask=mask, generation_config=config)
    assert torch.equal(output, whole[:, input_ids.shape[1] :])
