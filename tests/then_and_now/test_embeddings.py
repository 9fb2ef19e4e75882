"""Rows E and S: encode of sentence-transformers, and its training."""

import importlib
import json
import sys

import numpy as np
import pytest
import torch
from datasets import Dataset
from sentence_transformers import (
    InputExample,
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.sentence_transformer import losses
from sentence_transformers.sentence_transformer.evaluation import (
    BinaryClassificationEvaluator,
    EmbeddingSimilarityEvaluator,
)
from torch.utils.data import DataLoader

from then_and_now.listening import listening, mentions

TEXTS = ["a tent", "a tarp", "the invoice"]
PAIRS = [("aab", "aac", 1), ("bca", "bcc", 1), ("aab", "zzx", 0), ("cab", "xyz", 0)] * 4


def examples(pairs=PAIRS, convert=float):
    return [InputExample(texts=[a, b], label=convert(label)) for a, b, label in pairs]


@pytest.fixture(scope="session")
def bert_folder(tmp_path_factory):
    """Return a folder that holds a BERT of one small layer that knows the letters."""
    from transformers import BertConfig, BertModel, BertTokenizer

    folder = tmp_path_factory.mktemp("small_bert")
    letters = "abcdefghijklmnopqrstuvwxyz"
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{a}" for a in letters)]
    (folder / "vocab.txt").write_text("\n".join(vocab), encoding="utf-8")
    BertTokenizer(vocab={word: number for number, word in enumerate(vocab)}).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocab),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
    )
    BertModel(config).save_pretrained(folder)
    return str(folder)


@pytest.fixture
def embedder(bert_folder, tmp_path, monkeypatch):
    """Return a small embedding model, in an empty current folder: `fit` writes into it."""
    monkeypatch.chdir(tmp_path)
    with listening():
        return SentenceTransformer(bert_folder, device="cpu")


def fit(model, pairs=None, **options):
    """Run the notes' `fit` in small, and return what was heard."""
    loader = DataLoader(pairs or examples(), shuffle=False, batch_size=4)
    loss = options.pop("loss", None) or losses.ContrastiveLoss(model=model)
    defaults = {"epochs": 1, "warmup_steps": 0, "show_progress_bar": False}
    with listening() as heard:
        model.fit(train_objectives=[(loader, loss)], **defaults | options)
    return heard


def evaluator(pairs=PAIRS):
    return EmbeddingSimilarityEvaluator.from_input_examples(examples(pairs), name="val")


@pytest.mark.row("E1")
def test_the_parameter_is_model_name_or_path(bert_folder):
    with pytest.raises(TypeError, match="unexpected keyword argument 'model_path'"):
        SentenceTransformer(model_path=bert_folder)
    with listening():
        SentenceTransformer(model_name_or_path=bert_folder, device="cpu")


@pytest.mark.row("E2")
def test_a_plain_language_model_gets_a_mean_pooling(bert_folder):
    model = SentenceTransformer(bert_folder, device="cpu")
    assert [type(module).__name__ for module in model] == ["Transformer", "Pooling"]
    assert model[1].pooling_mode == "mean"


@pytest.mark.row("E3")
def test_cuda_without_cuda_raises(bert_folder):
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with listening(), pytest.raises((AssertionError, RuntimeError), match="CUDA"):
        SentenceTransformer(bert_folder, device="cuda")
    assert SentenceTransformer(bert_folder).device.type != "cuda"


@pytest.mark.row("E4")
def test_encode_returns_numpy(minilm):
    one, several = minilm.encode("a tent"), minilm.encode(TEXTS, normalize_embeddings=True)
    assert isinstance(one, np.ndarray)
    assert (one.shape, several.shape, several.dtype) == ((384,), (3, 384), np.float32)
    with pytest.raises(TypeError, match="ndarray is not JSON serializable"):
        json.dumps(one)
    assert len(json.loads(json.dumps(one.tolist()))) == 384


@pytest.mark.row("E5")
def test_no_texts_make_an_array_of_another_shape_and_type(minilm):
    nothing = minilm.encode([])
    assert (nothing.shape, nothing.dtype) == ((0,), np.float64)


@pytest.mark.row("E6")
def test_minilm_normalizes_by_itself(minilm, embedder):
    assert type(minilm[-1]).__name__ == "Normalize"
    norms = np.linalg.norm(minilm.encode(TEXTS, normalize_embeddings=False), axis=1)
    assert norms == pytest.approx([1, 1, 1], abs=1e-5)
    plain = embedder.encode(["aab"])  # a model without that module
    assert np.linalg.norm(plain) != pytest.approx(1, abs=0.1)
    assert np.linalg.norm(embedder.encode(["aab"], normalize_embeddings=True)) == pytest.approx(1)


@pytest.mark.row("E7")
def test_a_shortened_vector_is_not_normalized(minilm):
    short = minilm.encode("a tent", truncate_dim=64)
    assert short.shape == (64,)
    assert np.linalg.norm(short) < 0.9
    whole = minilm.encode("a tent", truncate_dim=64, normalize_embeddings=True)
    assert np.linalg.norm(whole) == pytest.approx(1, abs=1e-5)


@pytest.mark.row("E8")
def test_a_misspelt_argument_of_encode_raises(minilm):
    with pytest.raises(ValueError, match="normalise_embeddings"):
        minilm.encode("a tent", normalise_embeddings=True)


@pytest.mark.row("E9")
def test_an_empty_text_has_a_vector_and_a_missing_one_raises(minilm):
    with listening() as heard:
        assert np.linalg.norm(minilm.encode("")) == pytest.approx(1, abs=1e-5)
    assert heard == []
    for missing in (None, float("nan"), 7):
        with pytest.raises(ValueError, match="Unsupported input type"):
            minilm.encode([missing])


@pytest.mark.row("E10")
def test_what_follows_the_longest_length_is_dropped(minilm):
    assert minilm.max_seq_length == 256
    long = "tent " * 300
    with listening() as heard:
        one, other = minilm.encode([long, long + "the invoice of a customer"])
    assert one @ other == pytest.approx(1, abs=1e-5)
    assert heard == []


@pytest.mark.row("E11")
def test_encode_uses_no_prompt_and_encode_query_does(minilm, embedder):
    same = minilm.encode_query("a tent"), minilm.encode("a tent")
    np.testing.assert_allclose(*same, atol=1e-6)  # MiniLM has no prompts
    embedder.prompts = {"query": "query ", "document": "text "}
    plain = embedder.encode("aab")
    np.testing.assert_allclose(embedder.encode_query("aab"), embedder.encode("query aab"))
    assert not np.allclose(embedder.encode_query("aab"), plain)
    assert not np.allclose(embedder.encode_document("aab"), plain)


@pytest.mark.row("E12")
def test_int8_takes_its_range_from_the_texts_at_hand(minilm):
    with listening() as heard:
        together = minilm.encode(TEXTS, precision="int8")
        among_others = minilm.encode([*TEXTS, "rope", "paid in full"], precision="int8")
    assert together.dtype == np.int8
    assert not np.array_equal(together, among_others[:3])  # the same texts, other codes
    assert mentions(heard, "int8")
    assert minilm.encode(TEXTS, precision="ubinary").shape == (3, 384 / 8)


@pytest.mark.row("E13")
def test_get_sentence_embedding_dimension_is_get_embedding_dimension(minilm):
    with listening() as heard:
        assert minilm.get_sentence_embedding_dimension() == 384
    assert mentions(heard, "get_embedding_dimension")
    assert minilm.get_embedding_dimension() == 384


@pytest.mark.row("E14")
def test_tokenize_is_preprocess(minilm):
    with listening() as heard:
        minilm.tokenize(["a tent"])
    assert mentions(heard, "preprocess")
    assert minilm.preprocess(["a tent"])["input_ids"].shape == (1, 4)


@pytest.mark.row("S1")
def test_fit_works_without_a_word_and_writes_into_the_current_folder(embedder, tmp_path):
    before = embedder.encode("aab")
    heard = fit(embedder)
    assert not np.allclose(embedder.encode("aab"), before)
    assert not mentions(heard, "fit")
    assert "deprecated" in SentenceTransformer.fit.__doc__.lower()
    assert (tmp_path / "checkpoints").is_dir()


@pytest.mark.row("S2")
def test_the_modern_trainer_does_the_same_in_four_lines(embedder, tmp_path):
    before = embedder.encode("aab")
    columns = zip(*PAIRS, strict=True)
    rows = Dataset.from_dict(dict(zip(("first", "second", "label"), columns, strict=True)))
    args = SentenceTransformerTrainingArguments(
        str(tmp_path / "out"), max_steps=2, use_cpu=True, disable_tqdm=True, report_to=[]
    )
    with listening() as heard:
        SentenceTransformerTrainer(
            embedder, args, train_dataset=rows, loss=losses.ContrastiveLoss(embedder)
        ).train()
    assert not np.allclose(embedder.encode("aab"), before)
    assert not mentions(heard, "deprecated in favour")


@pytest.mark.row("S3")
def test_the_old_module_paths_are_deprecated(monkeypatch):
    for name in ("evaluation", "losses", "readers", "trainer", "training_args"):
        monkeypatch.delitem(sys.modules, f"sentence_transformers.{name}", raising=False)
        with listening() as heard:
            importlib.import_module(f"sentence_transformers.{name}")
        assert mentions(heard, f"use 'sentence_transformers.sentence_transformer.{name}' instead")
    with listening() as heard:
        assert importlib.import_module("sentence_transformers").InputExample is InputExample
    assert heard == []


@pytest.mark.row("S4")
def test_the_notes_import_losses_nowhere():
    block = (
        "from sentence_transformers.sentence_transformer.evaluation import "
        "EmbeddingSimilarityEvaluator\ntrain_loss = losses.ContrastiveLoss(model=None)\n"
    )
    with pytest.raises(NameError, match="name 'losses' is not defined"):
        exec(compile(block, "the notes", "exec"), {})


@pytest.mark.row("S5")
def test_fit_swaps_the_collation_of_the_loader(embedder):
    loader = DataLoader(examples(), batch_size=4)
    before = loader.collate_fn
    with listening():
        embedder.fit([(loader, losses.ContrastiveLoss(embedder))], show_progress_bar=False)
    assert loader.collate_fn is not before
    assert all(isinstance(each, InputExample) for each in next(iter(loader)))


@pytest.mark.row("S6")
def test_the_best_model_is_the_first_of_equals(embedder, tmp_path):
    class Flat(EmbeddingSimilarityEvaluator):
        def __call__(self, *arguments, **options):
            return super().__call__(*arguments, **options) | {self.primary_metric: 0.87}

    scored = Flat.from_input_examples(examples(), name="val")
    weights = []

    def remember(score, epoch, steps):
        weights.append(next(embedder.parameters()).detach().clone())

    fit(
        embedder,
        epochs=3,
        evaluator=scored,
        save_best_model=True,
        output_path=str(tmp_path / "best"),
        callback=remember,
        optimizer_params={"lr": 1e-3},
    )
    saved = next(SentenceTransformer(str(tmp_path / "best"), device="cpu").parameters())
    assert torch.equal(saved, weights[0])
    assert not torch.equal(saved, next(embedder.parameters()))


@pytest.mark.row("S7")
def test_spearman_can_not_reach_one_with_labels_of_two_values(embedder):
    from scipy.stats import spearmanr

    labels = np.array([0, 1] * 50)
    scores = labels + np.linspace(0, 0.5, 100)  # every pair on the right side
    assert spearmanr(labels, scores).statistic == pytest.approx(0.866, abs=1e-3)
    rare = np.array([1] * 10 + [0] * 90)
    ranked = spearmanr(rare, rare + np.linspace(0, 0.5, 100)).statistic
    assert ranked == pytest.approx(0.52, abs=0.01)
    first, second, marks = (list(column) for column in zip(*PAIRS, strict=True))
    binary = BinaryClassificationEvaluator(first, second, marks, name="val")
    binary(embedder)
    assert binary.primary_metric == "val_cosine_ap"


@pytest.mark.row("S8")
def test_without_save_best_model_and_with_an_evaluator_no_model_is_saved(embedder, tmp_path):
    out = tmp_path / "out"
    heard = fit(embedder, evaluator=evaluator(), save_best_model=False, output_path=str(out))
    assert not list(out.rglob("*.safetensors"))
    assert list(out.rglob("*.csv"))
    assert not mentions(heard, "save")
    fit(embedder, evaluator=None, output_path=str(tmp_path / "plain"))
    assert (tmp_path / "plain" / "model.safetensors").exists()


@pytest.fixture
def rates(monkeypatch):
    """Return the list of learning rates, one for each step that an optimizer takes."""
    taken = []
    step = torch.optim.AdamW.step

    def watched(self, *arguments, **options):
        taken.append(self.param_groups[0]["lr"])
        return step(self, *arguments, **options)

    monkeypatch.setattr(torch.optim.AdamW, "step", watched)
    return taken


@pytest.mark.row("S9")
def test_a_warmup_longer_than_the_training_never_reaches_the_rate(embedder, rates):
    heard = fit(embedder, warmup_steps=100, epochs=4, optimizer_params={"lr": 2e-5})
    assert len(rates) == 16
    assert max(rates) <= 2e-5 * 16 / 100
    assert not mentions(heard, "warmup")


@pytest.mark.row("S10")
def test_the_arguments_of_sentence_transformers_take_both_warmups(tmp_path):
    with listening():
        old = SentenceTransformerTrainingArguments(str(tmp_path), warmup_ratio=0.1, use_cpu=True)
    new = SentenceTransformerTrainingArguments(str(tmp_path), warmup_steps=0.1, use_cpu=True)
    assert old.get_warmup_steps(200) == new.get_warmup_steps(200) == 20


@pytest.mark.row("S11")
def test_evaluation_steps_beyond_the_training_leave_the_ends_of_the_epochs(embedder):
    seen = []
    fit(
        embedder,
        epochs=2,
        evaluator=evaluator(),
        evaluation_steps=1000,
        callback=lambda score, epoch, steps: seen.append(epoch),
    )
    assert {1, 2} <= {round(epoch) for epoch in seen}
    assert len(seen) <= 3


@pytest.mark.row("S12")
def test_evaluation_steps_without_an_evaluator_raise(embedder):
    with pytest.raises(ValueError, match=r"didn't provide an `?eval_dataset`? or an `?evaluator"):
        fit(embedder, evaluation_steps=1000)


@pytest.mark.row("S13")
def test_contrastive_loss_wants_zeros_and_ones_and_only_warns(embedder):
    heard = fit(embedder, examples([(a, b, 5 * label) for a, b, label in PAIRS]))
    assert mentions(heard, "ContrastiveLoss expects binary labels (0 or 1)")
    features = [embedder.preprocess(["aab"]), embedder.preprocess(["zzx"])]

    def loss(label, distance):
        fixed = losses.ContrastiveLoss(
            embedder, distance_metric=lambda a, b: distance + 0 * a[:, 0]
        )
        with listening():
            return fixed(features, torch.tensor([float(label)])).item()

    assert loss(1, 0.1) == pytest.approx(0.5 * 0.1**2)
    assert loss(5, 0.1) == pytest.approx(0.5 * (5 * 0.1**2 - 4 * (0.5 - 0.1) ** 2))  # below zero
    for grade in (1, 2, 5):  # nearer is better, whatever the grade
        assert loss(grade, 0.1) < loss(grade, 0.2) < loss(grade, 0.4)


@pytest.mark.row("S14")
def test_contrastive_loss_with_labels_of_zero_alone_fails(embedder):
    none = [(a, b, 0) for a, b, _ in PAIRS]
    with pytest.raises(AttributeError, match="'NoneType' object has no attribute"):
        fit(embedder, examples(none))


@pytest.mark.row("S15")
def test_labels_of_another_type_raise(embedder):
    with pytest.raises(ValueError, match="too many dimensions 'str'"):
        fit(embedder, examples(convert=str))
    with pytest.raises(RuntimeError, match="with a bool tensor is not supported"):
        fit(embedder, examples(convert=bool))


@pytest.mark.row("S16")
def test_old_fit_with_an_evaluator_is_broken(embedder, tmp_path):
    loader = DataLoader(examples(), batch_size=4)
    with listening(), pytest.raises(TypeError, match="'>' not supported between"):
        embedder.old_fit(
            [(loader, losses.ContrastiveLoss(embedder))],
            evaluator=evaluator(),
            output_path=str(tmp_path / "out"),
            show_progress_bar=False,
        )


def train(model, folder, columns, **options):
    rows = Dataset.from_dict(columns)
    defaults = {
        "max_steps": 1,
        "save_strategy": "no",
        "use_cpu": True,
        "disable_tqdm": True,
        "report_to": [],
    }
    args = SentenceTransformerTrainingArguments(str(folder), **defaults | options)
    with listening():
        trainer = SentenceTransformerTrainer(
            model,
            args,
            train_dataset=rows,
            loss=losses.ContrastiveLoss(model),
            evaluator=BinaryClassificationEvaluator(["aab", "aab"], ["aac", "xyz"], [1, 0], "val"),
        )
        trainer.train()
    return trainer


A, B, LABELS = ["aab", "bca"], ["aac", "xyz"], [1, 0]


@pytest.mark.row("S17")
def test_the_label_column_goes_by_its_name(embedder, tmp_path):
    for name in ("label", "labels", "score", "scores"):
        train(embedder, tmp_path, {name: LABELS, "a": A, "b": B})
    with pytest.raises(ValueError, match="Unsupported input type: int"):  # y is a text, then
        train(embedder, tmp_path, {"a": A, "b": B, "y": LABELS})


@pytest.mark.row("S18")
def test_every_other_column_is_taken_for_a_text(embedder, tmp_path):
    with pytest.raises(ValueError, match="Unsupported input type: int"):
        train(embedder, tmp_path, {"id": [1, 2], "a": A, "b": B, "label": LABELS})


@pytest.mark.row("S19")
def test_the_best_model_needs_the_name_of_its_metric(embedder, tmp_path):
    best = {"eval_strategy": "epoch", "save_strategy": "epoch", "load_best_model_at_end": True}
    columns = {"a": A, "b": B, "label": LABELS}
    with pytest.raises(KeyError, match="is set to 'eval_loss', which is not found"):
        train(embedder, tmp_path, columns, **best)
    trainer = train(embedder, tmp_path, columns, metric_for_best_model="eval_val_cosine_ap", **best)
    assert trainer.state.best_metric is not None


@pytest.mark.row("S20")
def test_negatives_beyond_the_margin_pull_at_nothing(embedder):
    features = [embedder.preprocess(["aab"]), embedder.preprocess(["zzx"])]
    apart = losses.ContrastiveLoss(embedder, distance_metric=lambda a, b: 0.6 + 0 * a[:, 0])
    assert apart.margin == 0.5
    assert apart(features, torch.tensor([0])) == 0
    wider = losses.ContrastiveLoss(
        embedder, distance_metric=lambda a, b: 0.6 + 0 * a[:, 0], margin=1.0
    )
    assert wider(features, torch.tensor([0])) > 0


@pytest.mark.row("S21")
def test_the_usual_rate_is_the_default_of_fit(embedder, rates):
    fit(embedder, scheduler="constantlr")
    assert rates == [2e-5] * 4


@pytest.mark.row("S22")
def test_epochs_are_rounds_over_the_data(embedder, rates):
    fit(embedder, epochs=2)
    assert len(rates) == 2 * 4
