"""Pooling, pairs and training: checked by hand, and against sentence-transformers."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
import torch
from datasets import Dataset
from sentence_transformers import (
    InputExample,
    SentenceTransformer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.sentence_transformer import losses
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from course_utils.embeddings import pairs, pooling, training
from course_utils.embeddings.pairs import OneIntentABatch, Pair

TEXTS = ["late parcel", "parcel lost", "where is it", "refund please", "money back", "torn tent"]
INTENTS = ["delivery", "delivery", "delivery", "refund", "refund", "repair"]
OF_TEXT = dict(zip(TEXTS, INTENTS, strict=True))
# The first two coordinates make "late parcel" and "refund please" near, "torn tent" far from all.
VECTORS = np.array([[1, 0.1], [0.5, 1], [0, 1], [1, 0], [0.2, 1], [-1, -1.5]], dtype=np.float32)


def keys(found):
    return [frozenset((pair.first, pair.second)) for pair in found]


def test_the_mean_leaves_padding_out():
    hidden = torch.tensor(
        [[[1.0, 2.0], [3.0, 4.0], [99.0, 99.0]], [[5.0, 6.0], [9.0, 9.0], [9, 9]]]
    )
    mask = torch.tensor([[1, 1, 0], [1, 0, 0]])
    assert pooling.mean_pool(hidden, mask).tolist() == [[2.0, 3.0], [5.0, 6.0]]


def test_the_mean_keeps_the_number_format():
    hidden = torch.ones(1, 2, 3, dtype=torch.bfloat16)
    assert pooling.mean_pool(hidden, torch.ones(1, 2, dtype=torch.int64)).dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("hidden", "mask", "message"),
    [
        (torch.ones(2, 3, 4), torch.ones(2, 2), r"hidden has shape \(2, 3, 4\), mask \(2, 2\)"),
        (torch.ones(2, 3, 4), torch.tensor([[1, 1, 1], [0, 0, 0]]), "text 1 has no token"),
    ],
)
def test_a_mean_that_is_not_defined_is_refused(hidden, mask, message):
    with pytest.raises(ValueError, match=message):
        pooling.mean_pool(hidden, mask)


@pytest.mark.slow
def test_our_mean_is_the_library_s(minilm):
    texts = ["Where is my parcel?", "My tent pole broke on the second night, can you mend it?"]
    features = minilm.preprocess(texts)
    with torch.no_grad():
        hidden = minilm[0](features)["token_embeddings"]
    ours = torch.nn.functional.normalize(pooling.mean_pool(hidden, features["attention_mask"]))
    assert np.allclose(ours.numpy(), minilm.encode(texts), atol=1e-6)


def test_every_positive_pair_is_there_once():
    found = pairs.positive_pairs(TEXTS, INTENTS)
    assert found == [
        Pair("late parcel", "parcel lost", 1),
        Pair("late parcel", "where is it", 1),
        Pair("parcel lost", "where is it", 1),
        Pair("refund please", "money back", 1),
    ]


def test_positive_pairs_are_drawn_by_intent():
    found = pairs.positive_pairs(TEXTS, INTENTS, max_per_intent=1, seed=1)
    assert [OF_TEXT[pair.first] for pair in found] == ["delivery", "refund"]
    assert {pair.first + pair.second for pair in found} <= {
        pair.first + pair.second for pair in pairs.positive_pairs(TEXTS, INTENTS)
    }


@pytest.mark.parametrize("negatives", ["random", "hard"])
def test_negatives_never_share_an_intent_and_never_repeat(negatives):
    if negatives == "random":
        found = pairs.random_negatives(TEXTS, INTENTS, n=11)  # all there are: 15 pairs, 4 positive
    else:
        found = pairs.hard_negatives(TEXTS, INTENTS, VECTORS, n=11, nearest=5)
    assert all(OF_TEXT[pair.first] != OF_TEXT[pair.second] and pair.label == 0 for pair in found)
    assert len(set(keys(found))) == 11


def test_hard_negatives_are_the_nearest_of_other_intents():
    found = pairs.hard_negatives(TEXTS, INTENTS, VECTORS, n=4, nearest=1)
    assert set(keys(found)) == {
        frozenset(("late parcel", "refund please")),
        frozenset(("parcel lost", "money back")),
        frozenset(("where is it", "money back")),
        frozenset(("torn tent", "refund please")),
    }


def test_hard_negatives_give_each_text_its_turn():
    rng = np.random.default_rng(0)
    texts = [str(number) for number in range(40)]
    found = pairs.hard_negatives(
        texts, [text[-1] for text in texts], rng.normal(size=(40, 8)), n=40, nearest=10
    )
    in_pairs = Counter(text for pair in found for text in (pair.first, pair.second))
    assert len(in_pairs) == 40


def test_a_vector_s_length_does_not_matter():
    longer = VECTORS * np.arange(1, 7)[:, None]
    assert pairs.hard_negatives(TEXTS, INTENTS, longer, n=4, nearest=1) == pairs.hard_negatives(
        TEXTS, INTENTS, VECTORS, n=4, nearest=1
    )


@pytest.mark.parametrize(
    "draw",
    [
        lambda seed: pairs.positive_pairs(TEXTS, INTENTS, max_per_intent=1, seed=seed),
        lambda seed: pairs.random_negatives(TEXTS, INTENTS, n=5, seed=seed),
        lambda seed: pairs.hard_negatives(TEXTS, INTENTS, VECTORS, n=5, nearest=3, seed=seed),
        lambda seed: pairs.anchor_dataset(TEXTS, INTENTS, seed=seed).to_list(),
    ],
)
def test_the_seed_decides_the_draw(draw):
    assert draw(3) == draw(3)
    assert any(draw(seed) != draw(3) for seed in range(10))


def test_pairs_make_the_library_s_examples():
    pair = pairs.positive_pairs(TEXTS, INTENTS)[0]
    example = InputExample(texts=[pair.first, pair.second], label=pair.label)
    assert (example.texts, example.label) == (["late parcel", "parcel lost"], 1)
    assert Dataset.from_list([vars(pair)]).column_names == ["first", "second", "label"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pairs.positive_pairs(TEXTS, INTENTS[:2]), "6 texts and 2 intents"),
        (lambda: pairs.positive_pairs(["a", "b"], ["x", "y"]), "no intent has two texts"),
        (lambda: pairs.random_negatives(TEXTS, INTENTS, n=12), "n=12, but only 11 pairs"),
        (lambda: pairs.hard_negatives(TEXTS, INTENTS, VECTORS[:2], n=1), "6 texts and 2 vectors"),
        (
            lambda: pairs.hard_negatives(TEXTS, INTENTS, VECTORS, n=5, nearest=1),
            "n=5, but the 1 nearest of each text make 4 pairs",
        ),
    ],
)
def test_what_cannot_make_pairs_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_anchor_dataset_numbers_the_intents():
    dataset = pairs.anchor_dataset(TEXTS, INTENTS)
    assert dataset.column_names == ["anchor", "positive", "label"]
    assert dataset["label"] == [0, 0, 0, 1]
    rows = dataset.to_list()
    assert all(OF_TEXT[row["anchor"]] == OF_TEXT[row["positive"]] for row in rows)


def sampler(labels, batch_size, epoch=0, seed=0):
    made = OneIntentABatch(
        Dataset.from_dict({"label": labels}), batch_size, drop_last=False, seed=seed
    )
    made.set_epoch(epoch)
    return made


@pytest.mark.parametrize("seed", range(5))
def test_no_two_pairs_of_a_batch_share_an_intent(seed):
    # Six batches of three hold all 18 pairs, if the intent with six is in each.
    labels = [0] * 6 + [1, 2, 3, 4] * 3
    batches = list(sampler(labels, 3, seed=seed))
    assert all(len({labels[row] for row in batch}) == 3 for batch in batches)
    assert sorted(row for batch in batches for row in batch) == list(range(18))


def test_what_fills_no_whole_batch_is_left_out():
    batches = list(sampler([0] * 5 + [1] * 2, 2))
    assert len(batches) == len(sampler([0] * 5 + [1] * 2, 2)) == 2


def test_intents_of_one_size_all_stand_in_every_batch():
    batches = list(sampler([0, 1, 2] * 4, 3))
    assert len(batches) == len(sampler([0, 1, 2] * 4, 3)) == 4
    assert sorted(row for batch in batches for row in batch) == list(range(12))


def test_seed_and_epoch_decide_the_batches():
    labels = [0, 1, 2] * 10
    first = list(sampler(labels, 3))
    assert first == list(sampler(labels, 3))
    assert first != list(sampler(labels, 3, epoch=1))
    assert first != list(sampler(labels, 3, seed=1))


def test_a_batch_larger_than_the_intents_is_refused():
    with pytest.raises(ValueError, match="2 intents can't fill a batch of 3"):
        sampler([0, 1, 1], 3)
    with pytest.raises(ValueError, match=r"no column 'label' among \['intent'\]"):
        OneIntentABatch(Dataset.from_dict({"intent": [0]}), 1, drop_last=False)


@pytest.fixture
def tiny_embedder():
    """Return a model that averages the vectors of a text's words, random ones to begin with."""
    words = sorted({word for text in TEXTS for word in text.split()})
    tokenizer = Tokenizer(
        WordLevel({word: n for n, word in enumerate(["[UNK]", *words])}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = Whitespace()
    torch.manual_seed(0)
    return SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=16)], device="cpu")


def arguments(folder, **options):
    return SentenceTransformerTrainingArguments(
        output_dir=str(folder),
        use_cpu=True,
        report_to="none",
        save_strategy="no",
        disable_tqdm=True,
        dataloader_pin_memory=False,
        **{"logging_steps": 1, **options},
    )


def test_fine_tuning_brings_an_intent_together(tiny_embedder, tmp_path):
    before = tiny_embedder.similarity(*[tiny_embedder.encode(TEXTS)] * 2)
    report = training.fine_tune(
        tiny_embedder,
        pairs.anchor_dataset(TEXTS, INTENTS),
        loss=losses.MultipleNegativesRankingLoss(tiny_embedder),
        args=arguments(
            tmp_path,
            num_train_epochs=20,
            per_device_train_batch_size=2,
            learning_rate=0.05,
            warmup_steps=0.1,
            batch_sampler=OneIntentABatch,
        ),
    )
    after = tiny_embedder.similarity(*[tiny_embedder.encode(TEXTS)] * 2)
    # "refund please" and "money back" share no word. They come together, and "late parcel" goes.
    assert after[3, 4] > before[3, 4] + 0.2
    assert after[3, 4] > after[3, 0] + 0.2
    assert report.steps == len(report.losses) == 20  # "refund" has one pair: a batch an epoch
    assert report.losses[-1][1] < report.losses[0][1] / 2
    rates = [rate for _, rate in report.learning_rates]
    assert rates[0] < rates[1] < rates[2] == 0.05
    assert all(rate > following for rate, following in pairwise(rates[2:]))

    tiny_embedder.save_pretrained(str(tmp_path / "saved"))
    again = SentenceTransformer(str(tmp_path / "saved"), device="cpu")
    assert np.array_equal(tiny_embedder.encode(TEXTS), again.encode(TEXTS))


def test_a_run_logs_its_last_step_even_between_two_entries(tiny_embedder, tmp_path):
    report = training.fine_tune(
        tiny_embedder,
        Dataset.from_list([vars(pair) for pair in pairs.random_negatives(TEXTS, INTENTS, n=6)]),
        loss=losses.ContrastiveLoss(tiny_embedder),
        args=arguments(tmp_path, per_device_train_batch_size=4, max_steps=3, logging_steps=2),
    )
    assert report.steps == 3
    assert [step for step, _ in report.losses] == [2]


def test_a_loss_built_on_another_model_is_refused(tiny_embedder, tmp_path):
    other = SentenceTransformer(modules=list(tiny_embedder), device="cpu")
    with pytest.raises(ValueError, match=r"loss\.model is another model"):
        training.fine_tune(
            tiny_embedder,
            pairs.anchor_dataset(TEXTS, INTENTS),
            loss=losses.MultipleNegativesRankingLoss(other),
            args=arguments(tmp_path),
        )


@pytest.mark.parametrize(
    ("warmup_steps", "accumulate", "steps"), [(100, 1, 8), (8, 1, 8), (4, 2, 4)]
)
def test_a_run_that_ends_before_its_warm_up_is_refused(
    tiny_embedder, tmp_path, warmup_steps, accumulate, steps
):
    with pytest.raises(ValueError, match=f"warmup_steps={warmup_steps} and the run has {steps} st"):
        training.fine_tune(
            tiny_embedder,
            pairs.anchor_dataset(TEXTS, INTENTS),  # four pairs
            loss=losses.MultipleNegativesRankingLoss(tiny_embedder),
            args=arguments(
                tmp_path,
                num_train_epochs=4,
                per_device_train_batch_size=2,
                gradient_accumulation_steps=accumulate,
                warmup_steps=warmup_steps,
            ),
        )
