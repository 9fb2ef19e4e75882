"""The same training in one process and in two."""

import json

import pytest

from course_utils import processes
from course_utils.lora import across_processes

# Each process says which files of the run it wrote itself.
TRAINING = """\
import json, sys
from accelerate.utils import gather_object
from peft import LoraConfig
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast, TrainingArguments
from course_utils import files, lora
from course_utils.lora import runs

wrote = []
def noted(path, text, write=files.write_text):
    wrote.append(path.name)
    write(path, text)
runs.files.write_text = noted

models, folder, *resume = sys.argv[1:]
tokenizer = PreTrainedTokenizerFast.from_pretrained(models)
arguments = TrainingArguments(
    output_dir=folder, max_steps=2, save_steps=1, per_device_train_batch_size=1, report_to=[],
    use_cpu=True, disable_tqdm=True, logging_strategy="no",
)
result = lora.train(
    LlamaForCausalLM.from_pretrained(models),
    tokenizer,
    [lora.encode(tokenizer, "how many?\\n", f"SELECT {n}") for n in range(4)],
    lora_config=LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM"),
    training_args=arguments,
    resume=bool(resume),
)
every = gather_object([{"steps": result.steps, "wrote": wrote}])
if arguments.should_save:
    print("every", json.dumps(every))
"""


@pytest.fixture
def train(tiny_lm, letters, tmp_path):
    """Return a function that trains in some processes and says what each did."""
    tiny_lm.save_pretrained(tmp_path / "models")
    letters.save_pretrained(tmp_path / "models")
    script = tmp_path / "training.py"
    script.write_text(TRAINING)

    def train(folder, *, count, resume=False):
        command = [str(script), str(tmp_path / "models"), str(folder), *["resume"] * resume]
        printed = processes.run(command, processes=count, timeout_s=120)
        return json.loads(printed.split("every")[1].splitlines()[0])

    return train


def test_rows_that_cannot_be_divided_are_refused(monkeypatch):
    class Three:
        num_processes = 3

    monkeypatch.setattr(across_processes, "PartialState", lambda cpu: Three())
    with pytest.raises(ValueError, match=r"rows_per_step=4.*3 processes"):
        across_processes.train_steps(rows_per_step=4)


@pytest.mark.slow
def test_two_processes_have_the_losses_of_one_at_the_same_rows(tmp_path):
    reports = []
    for count in (1, 2):
        path = tmp_path / f"{count}.json"
        command = ["-m", "course_utils.lora.across_processes", str(path), "--steps", "3"]
        processes.run(command, processes=count, timeout_s=300)
        reports.append(across_processes.read_report(path))
    one, two = reports
    assert (one.processes, two.processes) == (1, 2)
    assert len(two.held) == 2
    assert one.tokens == two.tokens
    assert two.losses == pytest.approx(one.losses, abs=1e-3)


def test_two_processes_write_their_run_once_and_go_on_from_it(train, tmp_path):
    folder = tmp_path / "run"
    assert [each["wrote"] for each in train(folder, count=2)] == [["run.json"], []]
    assert json.loads((folder / "run.json").read_text())["processes"] == 2
    assert (folder / "checkpoint-2").is_dir()
    assert [each["steps"] for each in train(folder, count=2, resume=True)] == [2, 2]


def test_a_checkpoint_of_two_processes_is_refused_in_one(train, tmp_path):
    train(tmp_path / "run", count=2)
    with pytest.raises(RuntimeError, match="processes 2, now 1"):
        train(tmp_path / "run", count=1, resume=True)
