"""The model of lesson 05 for the lessons after it: what is there is used, what isn't is made."""

from collections import Counter

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from course_utils import models
from course_utils.embeddings import finetuned, metrics, training


@pytest.fixture
def artifacts(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_ARTIFACTS", str(tmp_path))
    return tmp_path


def test_a_split_comes_with_its_intents():
    train, unseen = finetuned.messages("train"), finetuned.messages("test_unseen")
    assert (len(train.texts), len(set(train.intents))) == (480, 32)
    assert set(Counter(unseen.intents).values()) == {40}
    assert not set(train.intents) & set(unseen.intents)


def test_an_unknown_split_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match=r"no split 'test'.*train, .*test_unseen"):
        finetuned.messages("test")


def test_products_are_fast_inside_the_block_alone():
    before = torch.get_float32_matmul_precision()
    with training.fast_products():
        assert torch.get_float32_matmul_precision() == "medium"
    assert torch.get_float32_matmul_precision() == before


@pytest.mark.slow
def test_what_the_lesson_saved_is_found_and_not_trained_again(artifacts, monkeypatch, minilm):
    def no_training(*_, **__):
        raise AssertionError("trained although a model was there")

    monkeypatch.setattr(finetuned, "teach", no_training)
    folder = finetuned.save(minilm)
    assert finetuned.find() == str(folder)
    assert folder.parent == artifacts / "models"
    texts = ["Where is my parcel?", "My tent leaks."]
    assert np.array_equal(finetuned.load(device="cpu").encode(texts), minilm.encode(texts))


@pytest.mark.slow
def test_where_nothing_was_saved_the_model_is_made_once(artifacts, monkeypatch):
    taught = []
    monkeypatch.setattr(finetuned, "teach", taught.append)
    first, second = finetuned.find(), finetuned.find()
    assert first == second
    assert len(taught) == 1
    assert isinstance(taught[0], SentenceTransformer)
    assert [path.name for path in (artifacts / "models").iterdir() if path.suffix == ".part"] == []


@pytest.mark.slow
def test_the_recipe_teaches_intents_that_it_never_saw():
    model = models.load_embedder("all-MiniLM-L6-v2", device="cpu")
    unseen = finetuned.messages("test_unseen")

    def recall():
        vectors = model.encode(unseen.texts)
        return metrics.hits_at_1(metrics.cosine_similarity(vectors, vectors), unseen.intents).mean()

    before = recall()
    report = finetuned.teach(model)
    assert report.steps == 60
    assert recall() > before + 0.07
