"""What a training holds: the formula, and the same counted in a real one."""

import copy

import pytest
import torch
from peft import LoraConfig
from transformers import TrainingArguments

from course_utils import lora
from course_utils.lora.memory import HeldBytes, HeldBytesCallback, count_held, predict_held


def test_a_weight_that_trains_costs_four_times_and_one_that_rests_once():
    assert predict_held(1000, 10) == HeldBytes(weights=4040, gradients=40, optimizer=80)


def test_each_stage_divides_one_thing_more():
    by_stage = [predict_held(0, 8, processes=4, zero_stage=stage) for stage in range(4)]
    assert by_stage == [
        HeldBytes(32, 32, 64),
        HeldBytes(32, 32, 16),
        HeldBytes(32, 8, 16),
        HeldBytes(8, 8, 16),
    ]


def test_one_process_gains_nothing_by_dividing():
    assert predict_held(7, 5, zero_stage=3) == predict_held(7, 5)


@pytest.mark.parametrize(
    ("wrong", "message"), [({"processes": 0}, "processes=0"), ({"zero_stage": 4}, "zero_stage=4")]
)
def test_what_does_not_exist_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        predict_held(1, 1, **wrong)


def test_a_plain_training_holds_what_is_predicted():
    model = torch.nn.Linear(8, 4)
    model.bias.requires_grad = False
    optimizer = torch.optim.AdamW([model.weight])
    model(torch.ones(1, 8)).sum().backward()
    optimizer.step()
    assert count_held(model, optimizer) == predict_held(resting=4, training=32)


def test_a_training_of_an_adapter_holds_what_is_predicted(tiny_lm, letters, tmp_path):
    held = HeldBytesCallback()
    rows = [lora.encode(letters, "how many?\n", "SELECT 1")] * 2
    config = LoraConfig(r=2, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    resting = sum(p.numel() for p in tiny_lm.parameters())
    training = lora.predict_parameters(tiny_lm, config)
    arguments = TrainingArguments(
        output_dir=str(tmp_path), max_steps=2, report_to=[], use_cpu=True, disable_tqdm=True
    )
    lora.train(
        copy.deepcopy(tiny_lm),
        letters,
        rows,
        lora_config=config,
        training_args=arguments,
        callbacks=[held],
    )
    assert held.held == predict_held(resting, training)
