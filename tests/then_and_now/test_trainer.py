"""Rows T and C: TrainingArguments, Trainer and the collators of transformers."""

import datasets
import pytest
import torch
from torch.utils.data import DataLoader
from transformers import (
    DataCollatorForLanguageModeling,
    DataCollatorForSeq2Seq,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
    default_data_collator,
)

from then_and_now.listening import listening, mentions

ROWS = [{"input_ids": [3, 9, 27, n], "labels": [3, 9, 27, n]} for n in range(5, 13)]


@pytest.fixture
def arguments(tmp_path):
    """Return a function that makes the arguments of a short and quiet training."""

    def make(**options):
        quiet = {"use_cpu": True, "disable_tqdm": True, "report_to": [], "save_strategy": "no"}
        return TrainingArguments(str(tmp_path), **quiet | {"max_steps": 2} | options)

    return make


def train(model, args, **options):
    """Train on the eight rows and return the trainer."""
    trainer = Trainer(model, args, **{"train_dataset": ROWS} | options)
    with listening():
        trainer.train()
    return trainer


def rates(trainer):
    return [entry["learning_rate"] for entry in trainer.state.log_history if "loss" in entry]


def refuse(name, value=True):
    """Hold TrainingArguments to refuse an argument, and to do without it."""
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{name}'"):
        TrainingArguments(**{name: value})


@pytest.mark.row("T1")
def test_evaluation_strategy_is_eval_strategy():
    refuse("evaluation_strategy", "epoch")
    assert TrainingArguments(eval_strategy="epoch").eval_strategy == "epoch"


@pytest.mark.row("T2")
def test_no_cuda_is_use_cpu():
    refuse("no_cuda")
    refuse("use_mps_device")
    assert TrainingArguments(use_cpu=True).device == torch.device("cpu")


@pytest.mark.row("T3")
def test_overwrite_output_dir_is_gone(model, arguments, tmp_path):
    refuse("overwrite_output_dir")
    (tmp_path / "old").write_text("kept", encoding="utf-8")
    train(model, arguments())  # a folder that isn't empty is taken as it is
    assert (tmp_path / "old").read_text(encoding="utf-8") == "kept"


@pytest.mark.row("T4")
def test_a_warmup_share_is_a_number_of_steps_below_one(model, arguments):
    refuse("warmup_ratio", 0.5)
    args = arguments(warmup_steps=0.5, max_steps=4, logging_steps=1, learning_rate=1e-3)
    assert rates(train(model, args)) == pytest.approx([0, 5e-4, 1e-3, 5e-4])


@pytest.mark.row("T5")
def test_group_by_length_is_a_train_sampling_strategy(model, arguments):
    refuse("group_by_length")
    args = arguments(train_sampling_strategy="group_by_length")
    sampler = Trainer(model, args, train_dataset=ROWS)._get_train_sampler(ROWS)
    assert type(sampler).__name__ == "LengthGroupedSampler"


@pytest.mark.row("T6")
def test_logging_dir_is_gone():
    refuse("logging_dir", "logs")


@pytest.mark.row("T7")
def test_per_gpu_batch_sizes_are_per_device():
    refuse("per_gpu_train_batch_size", 4)
    refuse("per_gpu_eval_batch_size", 4)
    args = TrainingArguments(per_device_train_batch_size=4, use_cpu=True)
    assert args.train_batch_size == 4


@pytest.mark.row("T8")
def test_include_inputs_for_metrics_is_include_for_metrics():
    refuse("include_inputs_for_metrics")
    assert TrainingArguments(include_for_metrics=["inputs"]).include_for_metrics == ["inputs"]


@pytest.mark.row("T9")
def test_save_safetensors_is_gone_and_always_so(model, arguments, tmp_path):
    refuse("save_safetensors")
    train(model, arguments(save_strategy="steps", save_steps=2))
    saved = {path.name for path in (tmp_path / "checkpoint-2").iterdir()}
    assert "model.safetensors" in saved
    assert "pytorch_model.bin" not in saved


@pytest.mark.row("T10")
def test_adafactor_is_an_optim(model, arguments):
    refuse("adafactor")
    trainer = train(model, arguments(optim="adafactor"))
    assert type(trainer.optimizer.optimizer).__name__ == "Adafactor"


@pytest.mark.row("T11")
def test_adamw_hf_is_no_optim_any_more():
    with pytest.raises(ValueError, match="adamw_hf is not a valid OptimizerNames"):
        TrainingArguments(optim="adamw_hf")
    assert TrainingArguments().optim == "adamw_torch_fused"


@pytest.mark.row("T12")
def test_the_backends_of_half_precision_are_gone():
    for name in ("fp16_backend", "half_precision_backend"):
        refuse(name, "auto")
    refuse("fp16_opt_level", "O1")


@pytest.mark.row("T13")
def test_arguments_of_hardware_and_launchers_are_gone():
    for name in ("jit_mode_eval", "use_ipex", "tpu_num_cores", "ray_scope", "torchdynamo"):
        refuse(name)
    for name in ("dispatch_batches", "split_batches", "mp_parameters", "past_index"):
        refuse(name)
    args = TrainingArguments(accelerator_config={"split_batches": True})
    assert args.accelerator_config.split_batches


@pytest.mark.row("T14")
def test_the_names_of_the_hub_are_hub_model_id_and_hub_token():
    refuse("push_to_hub_model_id", "me/model")
    refuse("push_to_hub_token", "secret")
    assert TrainingArguments(hub_model_id="me/model").hub_model_id == "me/model"


@pytest.mark.row("T15")
def test_gradient_checkpointing_works_and_is_deprecated(arguments):
    with listening() as heard:
        assert arguments(gradient_checkpointing=True).activation_checkpointing
    assert mentions(heard, "FutureWarning")
    assert mentions(heard, "activation_checkpointing")
    with listening() as heard:
        assert arguments(activation_checkpointing=True).activation_checkpointing
    assert not mentions(heard, "checkpointing")


@pytest.mark.row("T16")
def test_a_small_run_logs_no_loss_by_default(model, tmp_path):
    args = TrainingArguments(str(tmp_path), use_cpu=True, disable_tqdm=True, num_train_epochs=1)
    assert (args.logging_steps, args.save_steps, args.eval_strategy) == (500, 500, "no")
    trainer = train(model, args)
    assert [entry for entry in trainer.state.log_history if "loss" in entry] == []
    assert [path.name for path in tmp_path.glob("checkpoint-*")] == ["checkpoint-1"]  # its end


@pytest.mark.row("T17")
def test_no_tracker_is_told_unless_named():
    assert TrainingArguments().report_to == []


@pytest.mark.row("T18")
def test_rows_for_evaluation_are_never_used_without_a_strategy(model, arguments):
    with listening() as heard:
        trainer = Trainer(model, arguments(), train_dataset=ROWS, eval_dataset=ROWS)
        trainer.train()
    assert not [entry for entry in trainer.state.log_history if "eval_loss" in entry]
    assert not mentions(heard, "eval")
    trainer = train(model, arguments(eval_strategy="epoch", max_steps=1), eval_dataset=ROWS)
    assert len([entry for entry in trainer.state.log_history if "eval_loss" in entry]) == 1


@pytest.mark.row("T19")
def test_a_strategy_without_rows_for_evaluation_raises(model, arguments):
    with pytest.raises(ValueError, match=r"You have set `?args.eval_strategy`? to"):
        Trainer(model, arguments(eval_strategy="epoch"), train_dataset=ROWS)


@pytest.mark.row("T20")
def test_the_second_train_dataset_of_the_list_is_eval_dataset():
    with pytest.raises(SyntaxError, match="keyword argument repeated: train_dataset"):
        compile("Trainer(train_dataset=a, train_dataset=b)", "the notes", "exec")


@pytest.mark.row("T21")
def test_the_tokenizer_is_the_processing_class(model, arguments, tokenizer):
    with pytest.raises(TypeError, match="unexpected keyword argument 'tokenizer'"):
        Trainer(model, arguments(), train_dataset=ROWS, tokenizer=tokenizer)
    trainer = Trainer(model, arguments(), train_dataset=ROWS, processing_class=tokenizer)
    assert trainer.processing_class is tokenizer
    assert not hasattr(trainer, "tokenizer")


@pytest.mark.row("T22")
def test_a_learning_rate_in_quotes_fails_at_train_and_not_before(model, arguments):
    args = arguments(learning_rate="2e-5")
    trainer = Trainer(model, args, train_dataset=ROWS)
    with listening(), pytest.raises(TypeError, match="not supported between instances"):
        trainer.train()


@pytest.mark.row("T23")
def test_an_indented_line_after_the_import_is_no_python():
    block = "from transformers import TrainingArguments\n    training_args = 1\n"
    with pytest.raises(IndentationError, match="unexpected indent"):
        compile(block, "the notes", "exec")


@pytest.mark.row("T24")
def test_train_takes_data_sets_and_makes_the_loaders_itself(model, arguments):
    trainer = train(model, arguments(per_device_train_batch_size=4, num_train_epochs=1))
    assert [len(batch["input_ids"]) for batch in trainer.get_train_dataloader()] == [4, 4]


@pytest.mark.row("T25")
def test_a_data_loader_is_no_data_set_for_the_trainer(model, arguments):
    trainer = Trainer(model, arguments(), train_dataset=DataLoader(ROWS))
    with listening(), pytest.raises(TypeError, match="'DataLoader' object is not subscriptable"):
        trainer.train()


@pytest.mark.row("C1")
def test_a_collator_makes_a_batch_and_loads_nothing(tokenizer):
    rows = [{"input_ids": [3, 4, 5]}, {"input_ids": [6]}]
    batch = DataCollatorWithPadding(tokenizer)(rows)
    assert batch["input_ids"].tolist() == [[3, 4, 5], [6, 2, 2]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]


@pytest.mark.row("C2")
def test_without_a_collator_rows_of_different_lengths_raise(model, arguments):
    ragged = [{"input_ids": [3, 4, 5], "labels": [3, 4, 5]}, {"input_ids": [6], "labels": [6]}]
    trainer = Trainer(model, arguments(), train_dataset=ragged)
    with listening(), pytest.raises(ValueError, match=r"expected sequence of length . at dim 1"):
        trainer.train()


@pytest.mark.row("C3")
def test_the_padding_collator_pads_no_labels(tokenizer):
    ragged = [{"input_ids": [3, 4], "labels": [3, 4]}, {"input_ids": [6], "labels": [6]}]
    with pytest.raises(ValueError, match="Unable to create tensor"):
        DataCollatorWithPadding(tokenizer)(ragged)


@pytest.mark.row("C4")
def test_without_labels_there_is_no_loss(model, arguments, tokenizer):
    rows = [{"input_ids": [3, 4, 5]}] * 2
    collator = DataCollatorWithPadding(tokenizer)
    trainer = Trainer(model, arguments(), train_dataset=rows, data_collator=collator)
    with listening(), pytest.raises(ValueError, match="did not return a loss from the inputs"):
        trainer.train()


@pytest.mark.row("C5")
def test_the_language_modelling_collator_hides_the_end_token(tokenizer):
    collator = DataCollatorForLanguageModeling(tokenizer, mlm=False)
    with listening() as heard:
        batch = collator([{"input_ids": [3, 4, 2]}])  # 2 ends a text, and pads
    assert batch["labels"].tolist() == [[3, 4, -100]]
    assert not mentions(heard, "label")


@pytest.mark.row("C6")
def test_the_language_modelling_collator_makes_labels_anew(tokenizer):
    collator = DataCollatorForLanguageModeling(tokenizer, mlm=False)
    prompt_masked = [{"input_ids": [3, 4, 5], "labels": [-100, -100, 5]}]
    assert collator(prompt_masked)["labels"].tolist() == [[3, 4, 5]]


@pytest.mark.row("C7")
def test_masked_language_modelling_needs_a_mask_token(tokenizer):
    with pytest.raises(ValueError, match="does not have a mask token"):
        DataCollatorForLanguageModeling(tokenizer)


@pytest.mark.row("C8")
def test_labels_copied_from_padded_rows_hold_the_padding(tokenizer):
    padded = tokenizer("ab", padding="max_length", max_length=10)["input_ids"]
    assert padded[2:] == [2] * 8
    row = {"input_ids": padded, "labels": padded.copy()}
    assert default_data_collator([row])["labels"].tolist() == [padded]  # eight of ten are padding


@pytest.mark.row("C9")
def test_the_seq2seq_collator_keeps_the_prompt_masked_and_the_end_token(tokenizer):
    rows = [
        {"input_ids": [3, 4, 5, 2], "labels": [-100, -100, 5, 2]},
        {"input_ids": [3, 2], "labels": [-100, 2]},
    ]
    batch = DataCollatorForSeq2Seq(tokenizer)(rows)
    assert batch["labels"].tolist() == [[-100, -100, 5, 2], [-100, 2, -100, -100]]


@pytest.mark.row("C10")
def test_a_column_of_text_is_dropped_and_nothing_is_left(model, arguments, tokenizer):
    rows = datasets.Dataset.from_list([{"text": "ab"}] * 2)
    trainer = Trainer(model, arguments(), train_dataset=rows, processing_class=tokenizer)
    with listening(), pytest.raises(ValueError, match="No columns in the dataset match"):
        trainer.train()
