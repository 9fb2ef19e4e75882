"""Padding never reaches the loss, bad rows are named, an epoch holds every row once."""

import pytest
import torch
from torch.utils.data import DataLoader

from course_utils.batching import BucketBatchSampler, PaddingCollator, padded_share


def test_rows_are_padded_on_the_right_and_labels_of_padding_are_ignored():
    rows = [{"input_ids": [5, 6, 2], "labels": [-100, 6, 2]}, {"input_ids": [7], "labels": [7]}]
    batch = PaddingCollator(pad_id=2)(rows)
    assert {name: tensor.tolist() for name, tensor in batch.items()} == {
        "input_ids": [[5, 6, 2], [7, 2, 2]],
        "attention_mask": [[1, 1, 1], [1, 0, 0]],
        "labels": [[-100, 6, 2], [7, -100, -100]],
    }
    assert {tensor.dtype for tensor in batch.values()} == {torch.int64}


def test_rows_without_labels_give_a_batch_without_labels():
    batch = PaddingCollator(pad_id=0)([{"input_ids": [5], "text": "a"}])
    assert sorted(batch) == ["attention_mask", "input_ids"]


@pytest.mark.parametrize(("multiple_of", "length"), [(1, 5), (5, 5), (4, 8), (8, 8)])
def test_the_length_is_rounded_up_to_a_multiple(multiple_of, length):
    batch = PaddingCollator(pad_id=0, multiple_of=multiple_of)([{"input_ids": [1] * 5}])
    assert batch["input_ids"].shape == (1, length)
    assert batch["attention_mask"].sum() == 5


def test_rows_of_tensors_give_the_batch_of_lists():
    collate = PaddingCollator(pad_id=0)
    lists = [{"input_ids": [1, 2], "labels": [1, 2]}, {"input_ids": [3], "labels": [3]}]
    tensors = [{name: torch.tensor(items) for name, items in row.items()} for row in lists]
    for name, tensor in collate(lists).items():
        assert torch.equal(tensor, collate(tensors)[name])


@pytest.mark.parametrize("multiple_of", [1, 8])
def test_the_batch_is_that_of_the_transformers_collator(multiple_of):
    from tokenizers import Tokenizer, models
    from transformers import DataCollatorForSeq2Seq, PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({f"w{n}": n for n in range(20)}, unk_token="w0"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="w2")
    theirs = DataCollatorForSeq2Seq(tokenizer, pad_to_multiple_of=multiple_of)
    rows = [
        {"input_ids": list(range(1, n + 1)), "labels": [-100, *range(2, n + 1)]}
        for n in (4, 9, 1, 6)
    ]
    expected = theirs([dict(row) for row in rows])
    batch = PaddingCollator(pad_id=tokenizer.pad_token_id, multiple_of=multiple_of)(rows)
    assert sorted(batch) == sorted(expected)
    for name in batch:
        assert torch.equal(batch[name], expected[name]), name


def test_padding_leaves_the_loss_as_it_was(tiny_lm):
    row = {"input_ids": [5, 6, 7, 8], "labels": [-100, 6, 7, 8]}
    longer = {"input_ids": [9] * 10, "labels": [-100] * 10}  # no label: it adds no loss
    collate = PaddingCollator(pad_id=2)
    with torch.no_grad():
        alone = tiny_lm(**collate([row])).loss
        padded = tiny_lm(**collate([row, longer])).loss
    assert torch.allclose(alone, padded, atol=1e-6)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [{"id": 1, "text": "a"}],
            r"rows\[0\] has no 'input_ids' \(it has: id, text\); .* collate_fn=list",
        ),
        ([{"input_ids": [1]}, "a"], r"rows\[1\] has no 'input_ids' \(it has: str\)"),
        ([{"input_ids": [1]}, {"input_ids": []}], r"rows\[1\] has no tokens"),
        ([{"input_ids": torch.ones(1, 3)}], r"rows\[0\]\['input_ids'\] is no flat list"),
        ([{"input_ids": [1, 0], "attention_mask": [1, 0]}], r"rows\[0\] is padded already"),
        ([{"input_ids": [1], "labels": [1]}, {"input_ids": [1]}], r"rows\[1\] has no 'labels'"),
        ([{"input_ids": [1]}, {"input_ids": [1], "labels": [1]}], r"rows\[1\] has 'labels', un"),
        ([{"input_ids": [1, 2], "labels": [2]}], r"rows\[0\] has 1 labels for 2 tokens"),
    ],
)
def test_a_row_that_makes_no_batch_is_named_with_a_remedy(rows, message):
    with pytest.raises(ValueError, match=message):
        PaddingCollator(pad_id=0)(rows)


def test_padding_to_a_multiple_of_nothing_is_refused():
    with pytest.raises(ValueError, match="multiple_of=0 is below 1"):
        PaddingCollator(pad_id=0, multiple_of=0)


LENGTHS = [(7 * n) % 50 + 1 for n in range(103)]


def batches(**options):
    return list(BucketBatchSampler(LENGTHS, **{"batch_size": 4, "pool_batches": 5, **options}))


def test_an_epoch_holds_every_row_once():
    epoch = batches()
    assert sorted(row for batch in epoch for row in batch) == list(range(103))
    assert sorted(len(batch) for batch in epoch) == [3] + [4] * 25


@pytest.mark.parametrize(("drop_last", "count"), [(False, 26), (True, 25)])
def test_drop_last_leaves_out_the_short_batch_alone(drop_last, count):
    sampler = BucketBatchSampler(LENGTHS, batch_size=4, pool_batches=5, drop_last=drop_last)
    epoch = list(sampler)
    assert len(epoch) == len(sampler) == count
    assert all(len(batch) == 4 for batch in epoch) == drop_last


def test_drop_last_drops_nothing_when_the_batches_come_out_even():
    sampler = BucketBatchSampler(LENGTHS[:100], batch_size=4, drop_last=True)
    assert len(list(sampler)) == len(sampler) == 25


def test_an_order_depends_on_the_seed_and_the_epoch_alone():
    sampler = BucketBatchSampler(LENGTHS, batch_size=4, seed=3)
    first = list(sampler)
    torch.manual_seed(99)
    assert list(sampler) == first
    sampler.set_epoch(1)
    assert list(sampler) != first
    sampler.set_epoch(0)
    assert list(sampler) == first
    assert list(BucketBatchSampler(LENGTHS, batch_size=4, seed=4)) != first


def test_one_pool_of_everything_makes_the_batches_of_a_sort_in_random_order():
    epoch = list(BucketBatchSampler([5, 1, 4, 2, 6, 3], batch_size=2, pool_batches=3))
    assert sorted(sorted(batch) for batch in epoch) == [[0, 4], [1, 3], [2, 5]]
    in_length_order = [[1, 3], [2, 5], [0, 4]]
    orders = set()
    for epoch_number in range(20):
        sampler = BucketBatchSampler([5, 1, 4, 2, 6, 3], batch_size=2, pool_batches=3)
        sampler.set_epoch(epoch_number)
        orders.add(tuple(in_length_order.index(sorted(batch)) for batch in sampler))
    assert len(orders) > 3  # of 6


def test_larger_pools_save_padding():
    shares = [padded_share(LENGTHS, batches(pool_batches=pool)) for pool in (1, 5, 26)]
    assert shares[0] > shares[1] > shares[2]


def test_a_data_loader_takes_the_sampler_and_the_collator():
    rows = [{"input_ids": [1] * length} for length in LENGTHS]
    sampler = BucketBatchSampler(LENGTHS, batch_size=4)
    loader = DataLoader(rows, batch_sampler=sampler, collate_fn=PaddingCollator(pad_id=0))
    shapes = [tuple(batch["input_ids"].shape) for batch in loader]
    assert shapes == [(len(b), max(LENGTHS[row] for row in b)) for b in sampler]


@pytest.mark.parametrize(
    ("lengths", "options", "message"),
    [
        ([], {"batch_size": 4}, "lengths is empty"),
        ([1], {"batch_size": 0}, "batch_size=0 is below 1"),
        ([1], {"batch_size": 1, "pool_batches": 0}, "pool_batches=0 is below 1"),
    ],
)
def test_a_sampler_of_nothing_is_refused(lengths, options, message):
    with pytest.raises(ValueError, match=message):
        BucketBatchSampler(lengths, **options)


def test_the_padded_share_of_a_small_case():
    # 4 + 4 positions for 1 + 4 tokens, then 2 + 2 positions for 2 + 2.
    assert padded_share([1, 4, 2, 2], [[0, 1], [2, 3]]) == pytest.approx(3 / 12)
    assert padded_share([3, 3], [[0, 1]]) == 0


def test_the_padded_share_is_that_of_the_masks():
    collate = PaddingCollator(pad_id=0)
    masks = [
        collate([{"input_ids": [1] * LENGTHS[row]} for row in batch])["attention_mask"]
        for batch in batches()
    ]
    padding = sum(int((mask == 0).sum()) for mask in masks)
    share = padding / sum(mask.numel() for mask in masks)
    assert padded_share(LENGTHS, batches()) == pytest.approx(share)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (iter(()), "there are no batches"),
        ([[0], []], "batch 1 has no tokens"),
        ([[1]], "batch 0 has no tokens"),
    ],
)
def test_a_share_of_nothing_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        padded_share([3, 0], given)
