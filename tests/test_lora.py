"""The prompt is masked, the counts are peft's, an interrupted training ends like a whole one."""

import copy
import multiprocessing
import os
import signal

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import (
    DataCollatorForLanguageModeling,
    DataCollatorForSeq2Seq,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from course_utils import lora
from course_utils.batching import IGNORE_INDEX, PaddingCollator

END = 2
ROWS = [
    {"schema": "staff(name, wage)", "question": "all names?", "sql": "SELECT name FROM staff"},
    {"schema": "staff(name, wage)", "question": "wages?", "sql": "SELECT wage FROM staff"},
    {"schema": "trips(level)", "question": "levels", "sql": "SELECT level FROM trips"},
    {"schema": "staff(name, wage)", "question": "everything", "sql": "SELECT * FROM staff"},
]

pytestmark = [
    pytest.mark.filterwarnings("error"),
    # peft 0.21 reads an attribute that transformers 5.23 has renamed.
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def tokenizer(letters):
    return copy.deepcopy(letters)


@pytest.fixture
def model(tiny_lm):
    return copy.deepcopy(tiny_lm)


def config(**options):
    return LoraConfig(**{"r": 4, "lora_alpha": 8, "target_modules": "all-linear"} | options)


def arguments(folder, **options):
    defaults = {
        "output_dir": str(folder),
        "per_device_train_batch_size": 2,
        "max_steps": 6,
        "learning_rate": 1e-2,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": [],
        "use_cpu": True,
        "dataloader_pin_memory": False,
        "disable_tqdm": True,
        "seed": 0,
    }
    return TrainingArguments(**defaults | options)


def randomize(adapted):
    """Give B values, as a training does; it starts at zero."""
    generator = torch.Generator().manual_seed(1)
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(std=0.1, generator=generator)


@torch.no_grad()
def logits(model):
    return model(torch.tensor([[3, 9, 27, 5, 40]])).logits


def gradients(adapted):
    return {n: p.grad.clone() for n, p in adapted.named_parameters() if "lora_" in n}


def weights(adapted):
    return {n: p.detach().clone() for n, p in adapted.named_parameters() if "lora_" in n}


# Encoding


def test_the_prompt_ends_where_the_sql_begins():
    assert lora.prompt_of(ROWS[2]) == "-- trips ( level )\n-- levels\n"


def test_each_name_of_a_schema_follows_a_space():
    row = {"schema": "trips(trip_id, level); guides(guide_id)", "question": "how many?"}
    first, _, _ = lora.prompt_of(row).partition("\n")
    assert first == "-- trips ( trip_id, level ); guides ( guide_id )"


def test_only_the_answer_and_the_end_token_have_labels(tokenizer):
    a, b, c = tokenizer.convert_tokens_to_ids(list("abc"))
    assert lora.encode(tokenizer, "ab", "ca") == {
        "input_ids": [a, b, c, a, END],
        "labels": [-100, -100, c, a, END],
    }


def test_rows_are_encoded_in_their_order(tokenizer):
    encoded = lora.encode_rows(tokenizer, ROWS)
    answers = [
        tokenizer.decode([i for i in row["labels"] if i != IGNORE_INDEX]).replace("<end>", "")
        for row in encoded
    ]
    assert answers == [row["sql"] for row in ROWS]


def test_an_empty_answer_is_refused(tokenizer):
    with pytest.raises(ValueError, match="the answer is empty"):
        lora.encode(tokenizer, "ab", " ")


# Collators


def test_the_language_modelling_collator_masks_the_end_token(tokenizer):
    """Pad and end token are one here, as in SmolLM2: with it no model learns to stop."""
    rows = [{"input_ids": lora.encode(tokenizer, "ab", "ca")["input_ids"]}]
    labels = DataCollatorForLanguageModeling(tokenizer, mlm=False)(rows)["labels"]
    assert labels[0].tolist()[-2:] == [rows[0]["input_ids"][-2], -100]


def test_the_seq2seq_collator_keeps_the_end_token_and_agrees_with_ours(tokenizer):
    rows = lora.encode_rows(tokenizer, ROWS)
    theirs = DataCollatorForSeq2Seq(tokenizer, label_pad_token_id=IGNORE_INDEX)(copy.deepcopy(rows))
    ours = PaddingCollator(pad_id=tokenizer.pad_token_id)(rows)
    assert theirs["labels"].tolist() == ours["labels"].tolist()
    assert (theirs["labels"] == END).sum() == len(rows)


# Counting and attaching


def test_a_count_by_hand(tiny_lm):
    # Width 32; 2 of 4 key-value heads make v_proj 32 x 16. Rank 4, two layers.
    assert lora.predict_parameters(tiny_lm, config(target_modules=["q_proj"])) == 2 * 4 * (32 + 32)
    assert lora.predict_parameters(tiny_lm, config(target_modules=["v_proj"])) == 2 * 4 * (32 + 16)


@pytest.mark.parametrize(
    "options",
    [
        {"target_modules": ["q_proj", "v_proj"]},
        {"target_modules": "all-linear"},
        {"target_modules": "all-linear", "exclude_modules": ["down_proj"]},
        {"target_modules": r".*\.layers\.1\..*_proj"},
        {"target_modules": ["q_proj"], "layers_to_transform": [1]},
        {"target_modules": ["q_proj", "k_proj"], "rank_pattern": {"k_proj": 2}},
    ],
)
def test_the_count_agrees_with_peft(model, options):
    predicted = lora.predict_parameters(model, config(**options))
    assert predicted == lora.attach(model, config(**options)).get_nb_trainable_parameters()[0]


def test_counting_changes_neither_model_nor_config(model):
    wanted = config()
    names = [name for name, _ in model.named_modules()]
    lora.predict_parameters(model, wanted)
    assert [name for name, _ in model.named_modules()] == names
    assert wanted.target_modules == "all-linear"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"use_dora": True}, "use_dora=True trains more than"),
        ({"modules_to_save": ["lm_head"]}, r"modules_to_save=\['lm_head'\] trains more than"),
        ({"bias": "all"}, "bias='all' trains the layers' own biases"),
        ({"target_modules": ["embed_tokens"]}, "embed_tokens is a Embedding, and only linear"),
    ],
)
def test_what_the_formula_does_not_cover_is_refused(tiny_lm, options, message):
    with pytest.raises(ValueError, match=message):
        lora.predict_parameters(tiny_lm, config(**options))


def test_peft_is_content_with_one_good_and_one_misspelt_target(model):
    adapted = get_peft_model(model, config(target_modules=["q_proj", "vproj"]))
    assert adapted.get_nb_trainable_parameters()[0] == 2 * 4 * (32 + 32)  # q_proj alone


@pytest.mark.parametrize("call", [lora.attach, lora.predict_parameters])
def test_a_misspelt_target_is_refused_with_the_nearest_names(model, call):
    with pytest.raises(ValueError, match=r"no module is called 'vproj'; did you mean v_proj"):
        call(model, config(target_modules=["q_proj", "vproj"]))


def test_a_pattern_that_matches_nothing_is_refused(tiny_lm):
    with pytest.raises(ValueError, match="target_modules='q_proj' matches no module"):
        lora.attach(tiny_lm, config(target_modules="q_proj"))


def test_targets_have_to_be_named(tiny_lm):
    with pytest.raises(ValueError, match="target_modules is not set; pass some of q_proj, k_proj"):
        lora.attach(tiny_lm, config(target_modules=None))


def test_a_second_adapter_is_refused(model):
    lora.attach(model, config())
    with pytest.raises(ValueError, match="the model has adapters already"):
        lora.attach(model, config())


def test_a_fresh_adapter_changes_no_output(model):
    before = logits(model)
    assert torch.equal(logits(lora.attach(model, config()).eval()), before)


# Training


@pytest.mark.parametrize("accumulation", [1, 2])
def test_logits_for_the_answers_alone_give_the_same_loss_and_gradients(
    tiny_lm, tokenizer, tmp_path, accumulation
):
    logs, gradients = [], []
    for cls in (Trainer, lora.AnswerTrainer):
        torch.manual_seed(0)
        adapted = lora.attach(copy.deepcopy(tiny_lm), config())
        randomize(adapted)
        trainer = cls(
            model=adapted,
            args=arguments(tmp_path, gradient_accumulation_steps=accumulation),
            train_dataset=lora.encode_rows(tokenizer, ROWS),
            data_collator=DataCollatorForSeq2Seq(tokenizer),
            processing_class=tokenizer,
        )
        trainer.train()
        logs.append([entry["loss"] for entry in trainer.state.log_history if "loss" in entry])
        gradients.append([e["grad_norm"] for e in trainer.state.log_history if "loss" in e])
    assert logs[1] == pytest.approx(logs[0], abs=1e-5)
    assert gradients[1] == pytest.approx(gradients[0], rel=1e-4)


def test_each_gradient_is_the_same_with_logits_for_the_answers_alone(model, tokenizer, tmp_path):
    adapted = lora.attach(model, config())
    randomize(adapted)
    batch = DataCollatorForSeq2Seq(tokenizer)(lora.encode_rows(tokenizer, ROWS))
    found = []
    for cls in (Trainer, lora.AnswerTrainer):
        adapted.zero_grad()
        cls(model=adapted, args=arguments(tmp_path)).compute_loss(adapted, dict(batch)).backward()
        found.append(gradients(adapted))
    for name, gradient in found[0].items():
        torch.testing.assert_close(found[1][name], gradient, atol=1e-6, rtol=1e-4)


def test_the_loss_falls_and_the_result_says_what_it_cost(model, tokenizer, tmp_path):
    args = arguments(tmp_path, max_steps=-1, num_train_epochs=20)
    result = lora.train(model, tokenizer, ROWS, lora_config=config(), training_args=args)
    steps, losses = zip(*result.losses, strict=True)
    assert steps == tuple(range(1, 41))
    assert losses[-1] < losses[0] - 0.3
    assert result.steps == 40
    assert result.tokens == 20 * sum(len(r["input_ids"]) for r in lora.encode_rows(tokenizer, ROWS))
    assert result.seconds > 0
    assert result.eval_losses == ()
    assert isinstance(result.model, PeftModel)
    assert not result.model.training


def test_training_prints_nothing(model, tokenizer, tmp_path, capfd):
    lora.train(
        model,
        tokenizer,
        lora.encode_rows(tokenizer, ROWS),
        lora_config=config(),
        training_args=arguments(tmp_path, max_steps=2, logging_steps=5),
    )
    assert capfd.readouterr().err == ""


def test_held_out_loss_is_taken_when_it_was_asked_for(model, tokenizer, tmp_path):
    result = lora.train(
        model,
        tokenizer,
        ROWS[:3],
        eval_rows=ROWS[3:],
        lora_config=config(),
        training_args=arguments(tmp_path, eval_strategy="steps", eval_steps=3),
    )
    assert [step for step, _ in result.eval_losses] == [3, 6]


def test_held_out_rows_that_no_one_asks_for_are_refused(model, tokenizer, tmp_path):
    with pytest.raises(ValueError, match="eval_strategy='no' with eval_rows given"):
        lora.train(
            model,
            tokenizer,
            ROWS,
            eval_rows=ROWS,
            lora_config=config(),
            training_args=arguments(tmp_path),
        )


def test_a_frozen_adapter_is_refused(model, tokenizer, tmp_path):
    adapted = lora.attach(model, config())
    adapted.requires_grad_(False)
    with pytest.raises(ValueError, match="no parameter of the adapter trains"):
        lora.train(adapted, tokenizer, ROWS, lora_config=None, training_args=arguments(tmp_path))


def test_a_model_without_adapter_needs_a_config(model, tokenizer, tmp_path):
    with pytest.raises(ValueError, match="the model has no adapter; pass lora_config"):
        lora.train(model, tokenizer, ROWS, lora_config=None, training_args=arguments(tmp_path))


def test_no_rows_are_refused(model, tokenizer, tmp_path):
    with pytest.raises(ValueError, match="rows is empty"):
        lora.train(model, tokenizer, [], lora_config=None, training_args=arguments(tmp_path))


# Resuming


class StopAt(TrainerCallback):
    """Break off as a user does, by an interrupt, or as a power cut does."""

    def __init__(self, step, *, kill=False):
        self.step = step
        self.kill = kill

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == self.step:
            if self.kill:
                os.kill(os.getpid(), signal.SIGKILL)
            raise KeyboardInterrupt


def train_until_killed(model_folder, folder):
    """Run in a process of its own, which doesn't survive."""
    model = LlamaForCausalLM.from_pretrained(model_folder)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(model_folder)
    run(model, tokenizer, folder, callbacks=[StopAt(5, kill=True)])


def run(
    tiny_lm, tokenizer, folder, *, rows=ROWS, layers=None, callbacks=(), resume=False, **options
):
    # Another fresh adapter than before: only the checkpoint can make a resumed run the same.
    torch.manual_seed(8 if resume else 7)
    options = {"save_strategy": "steps", "save_steps": 2, "num_train_epochs": 3} | options
    targets = {"target_modules": ["q_proj", "v_proj"], "layers_to_transform": layers}
    return lora.train(
        copy.deepcopy(tiny_lm),
        tokenizer,
        rows,
        lora_config=config(lora_dropout=0.1, **targets),
        training_args=arguments(folder, max_steps=-1, **options),
        callbacks=callbacks,
        resume=resume,
    )


def test_an_interrupted_training_ends_like_an_uninterrupted_one(tiny_lm, tokenizer, tmp_path):
    whole = run(tiny_lm, tokenizer, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tiny_lm, tokenizer, tmp_path / "broken", callbacks=[StopAt(5)])
    resumed = run(tiny_lm, tokenizer, tmp_path / "broken", resume=True)
    assert dict(resumed.losses) == pytest.approx(dict(whole.losses), abs=1e-6)
    assert (resumed.steps, resumed.tokens) == (whole.steps, whole.tokens)
    for name, weight in weights(whole.model).items():
        torch.testing.assert_close(weights(resumed.model)[name], weight)


@pytest.mark.fault(
    "Killed in the midst",
    breaks="A LoRA training is killed (kill -9) between two checkpoints.",
    sees="With resume=True, the rest of the training, from the last checkpoint on.",
    kept="The result: loss by loss the same as without the kill.",
)
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_a_killed_training_ends_like_an_uninterrupted_one(tiny_lm, tokenizer, tmp_path):
    whole = run(tiny_lm, tokenizer, tmp_path / "whole")
    for saved in (tiny_lm, tokenizer):
        saved.save_pretrained(tmp_path / "model")
    process = multiprocessing.get_context("spawn").Process(
        target=train_until_killed, args=(tmp_path / "model", tmp_path / "killed")
    )
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL
    assert (tmp_path / "killed" / "checkpoint-4").is_dir()
    resumed = run(tiny_lm, tokenizer, tmp_path / "killed", resume=True)
    assert dict(resumed.losses) == pytest.approx(dict(whole.losses), abs=1e-6)
    assert resumed.steps == whole.steps == 6


def test_resuming_starts_where_there_is_no_checkpoint(tiny_lm, tokenizer, tmp_path):
    assert run(tiny_lm, tokenizer, tmp_path, resume=True).steps == 6


@pytest.mark.fault(
    "Half-written files",
    breaks="A training starts in a folder that has the checkpoints of an earlier one.",
    sees="Which checkpoint it holds `of an earlier training`, and `pass resume=True to go "
    "on from it, or delete the folder`.",
    kept="The checkpoints.",
)
def test_old_checkpoints_are_not_mixed_with_new_ones(tiny_lm, tokenizer, tmp_path, seen):
    run(tiny_lm, tokenizer, tmp_path)
    with pytest.raises(FileExistsError, match="holds checkpoint-6 of an earlier") as caught:
        run(tiny_lm, tokenizer, tmp_path)
    seen(caught.value)
    assert (tmp_path / "checkpoint-6").is_dir()


@pytest.mark.fault(
    "Half-written files",
    breaks="A training is to go on from a checkpoint of other rows or settings; the library "
    "would, without a word.",
    sees="What differs: the checkpoint `is of another training`, and `choose another "
    "output_dir, or go back to those settings`.",
    kept="The checkpoint.",
)
@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"learning_rate": 5e-3}, "learning_rate 0.01, now 0.005"),
        ({"rows": ROWS[::-1]}, "rows_sha256"),
        ({"rows": ROWS[:2]}, "rows 4, now 2"),
        ({"layers": [1]}, r"layers_to_transform None, now \[1\]"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused(
    tiny_lm, tokenizer, tmp_path, changed, message, seen
):
    run(tiny_lm, tokenizer, tmp_path)
    with pytest.raises(ValueError, match=f"is of another training .*{message}") as caught:
        run(tiny_lm, tokenizer, tmp_path, resume=True, **changed)
    seen(caught.value)
    assert (tmp_path / "checkpoint-6").is_dir()


# Saving and merging


def test_a_saved_adapter_gives_the_same_logits(tiny_lm, tmp_path):
    adapted = lora.attach(copy.deepcopy(tiny_lm), config()).eval()
    randomize(adapted)
    folder = lora.save_adapter(adapted, tmp_path / "adapter")
    loaded = lora.load_adapter(copy.deepcopy(tiny_lm), folder).eval()
    assert torch.equal(logits(loaded), logits(adapted))
    assert not torch.equal(logits(loaded), logits(tiny_lm))


def test_a_loaded_adapter_is_frozen_unless_its_training_goes_on(tiny_lm, tmp_path):
    folder = lora.save_adapter(lora.attach(copy.deepcopy(tiny_lm), config()), tmp_path / "a")
    trains = {
        trainable: lora.load_adapter(
            copy.deepcopy(tiny_lm), folder, trainable=trainable
        ).get_nb_trainable_parameters()[0]
        for trainable in (False, True)
    }
    assert trains == {False: 0, True: lora.predict_parameters(tiny_lm, config())}


def test_an_adapter_is_refused_on_a_model_with_other_weights(tiny_lm, tmp_path):
    folder = lora.save_adapter(lora.attach(copy.deepcopy(tiny_lm), config()), tmp_path / "a")
    torch.manual_seed(1)
    other = LlamaForCausalLM(tiny_lm.config)
    with pytest.raises(ValueError, match="trained on a model with other weights than this Llama"):
        lora.load_adapter(other, folder)


def test_an_adapter_loads_on_its_base_in_another_number_format(tiny_lm, tmp_path):
    folder = lora.save_adapter(lora.attach(copy.deepcopy(tiny_lm), config()), tmp_path / "a")
    lora.load_adapter(copy.deepcopy(tiny_lm).to(torch.bfloat16), folder)


def test_a_folder_without_adapter_is_named(tiny_lm, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no adapter_config\.json here"):
        lora.load_adapter(tiny_lm, tmp_path)


def test_a_merged_model_answers_like_the_adapted_one(model):
    adapted = lora.attach(model, config()).eval()
    randomize(adapted)
    before = logits(adapted)
    merged = lora.merge(adapted)
    torch.testing.assert_close(logits(merged), before, atol=1e-4, rtol=0)
    assert not any("lora" in name for name, _ in merged.named_modules())


def test_a_merged_model_can_have_an_adapter_again(model):
    merged = lora.merge(lora.attach(model, config()))
    lora.attach(merged, config())


def test_what_has_no_adapter_is_neither_merged_nor_saved(tiny_lm, tmp_path):
    with pytest.raises(TypeError, match="LlamaForCausalLM has no adapter; merge what attach"):
        lora.merge(tiny_lm)
    with pytest.raises(TypeError, match="save a merged model with"):
        lora.save_adapter(tiny_lm, tmp_path / "a")


# The plot


def test_the_plot_holds_what_was_logged(model, tokenizer, tmp_path, capsys):
    plot = lora.LossPlot()
    result = lora.train(
        model,
        tokenizer,
        ROWS,
        eval_rows=ROWS[:1],
        lora_config=config(),
        training_args=arguments(tmp_path, eval_strategy="steps", eval_steps=3),
        callbacks=[plot],
    )
    training, held_out = plot.figure.axes[0].lines
    assert training.get_xydata() == pytest.approx(torch.tensor(result.losses).numpy())
    assert held_out.get_xydata() == pytest.approx(torch.tensor(result.eval_losses).numpy())


def test_a_notebook_shows_one_plot_and_updates_it(monkeypatch):
    from transformers import TrainerState

    shown = []

    class Handle:
        def update(self, picture):
            shown.append(("updated", picture.data[1:4]))

    def display(picture, display_id):
        shown.append(("opened", picture.data[1:4]))
        return Handle()

    monkeypatch.setattr("course_utils.lora.plot._in_notebook", lambda: True)
    monkeypatch.setattr("IPython.display.display", display)
    plot = lora.LossPlot(every_s=0)
    state = TrainerState(max_steps=2, log_history=[{"step": 1, "loss": 3.0}])
    for event in (plot.on_train_begin, plot.on_log, plot.on_train_end):
        event(None, state, None)
    assert shown == [("opened", b"PNG"), ("updated", b"PNG"), ("updated", b"PNG")]


# The real model


@pytest.fixture
def fresh_smollm2():
    """Return a model of its own: an adapter changes it, and `smollm2` is shared."""
    from course_utils import models

    return models.load_causal_lm("SmolLM2-135M-Instruct")


@pytest.fixture
def nf4_smollm2():
    """Return the real model in 4 bits."""
    from transformers import BitsAndBytesConfig

    from course_utils import models

    config = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4")
    return models.load_causal_lm("SmolLM2-135M-Instruct", quantization=config)


@pytest.mark.slow
def test_the_real_model_learns_in_a_few_steps(fresh_smollm2, tmp_path):
    model, tokenizer = fresh_smollm2
    wanted = config(r=8, lora_alpha=16)
    assert lora.predict_parameters(model, wanted) == 2_442_240
    result = lora.train(
        model,
        tokenizer,
        ROWS,
        lora_config=wanted,
        training_args=arguments(tmp_path, max_steps=4, learning_rate=2e-3),
    )
    assert result.losses[-1][1] < 0.7 * result.losses[0][1]


@pytest.mark.slow
def test_a_quantized_model_is_counted_trained_and_not_merged(nf4_smollm2, tmp_path):
    from peft import prepare_model_for_kbit_training

    model, tokenizer = nf4_smollm2
    model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
    wanted = config(r=8, lora_alpha=16)
    assert lora.predict_parameters(model, wanted) == 2_442_240
    adapted = lora.attach(model, wanted)
    assert adapted.get_nb_trainable_parameters()[0] == 2_442_240
    args = arguments(tmp_path, max_steps=3, learning_rate=2e-3)
    result = lora.train(adapted, tokenizer, ROWS, lora_config=None, training_args=args)
    assert result.losses[-1][1] < result.losses[0][1]
    with pytest.raises(ValueError, match="the base model is quantized"):
        lora.merge(result.model)


@pytest.mark.slow
def test_preparing_after_attaching_freezes_the_adapter_and_is_refused(nf4_smollm2, tmp_path):
    from peft import prepare_model_for_kbit_training

    model, tokenizer = nf4_smollm2
    adapted = lora.attach(model, config())
    prepare_model_for_kbit_training(adapted, use_gradient_checkpointing=False)
    with pytest.raises(ValueError, match="freezes it when it comes after attach"):
        lora.train(adapted, tokenizer, ROWS, lora_config=None, training_args=arguments(tmp_path))
