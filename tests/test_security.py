"""What docs/security.md states: nothing here runs code from data, or reports home."""

import json
import os
import pickle
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import notebook_rules
import pytest
import source_scan

from course_utils import runtime

ROOT = runtime.project_dir()
PAGE = ROOT / "docs" / "security.md"
OFFLINE = Path(__file__).with_name("offline.py")

# All that runs code from a text, or reads a pickle, and why that is right there.
REASONED = {
    "tests/test_colab.py": (["exec"], "the set-up cell, which the project wrote"),
    "tests/test_exercises.py": (["exec"] * 3, "the solutions and the planted wrong answers"),
    "tests/test_loading.py": (
        ["import pickle"],
        "what it pickled a moment ago",
    ),
    "tests/test_lora_text_to_sql.py": (["eval"], "an argument in a lesson's cell"),
    "tests/test_security.py": (["import pickle"], "writes the pickles that must not be run"),
    "tests/then_and_now/test_data.py": (
        ["trust_remote_code=True"],
        "shows that datasets ignores it and loads a JSON file",
    ),
    "tests/then_and_now/test_embeddings.py": (["exec"], "a block of the notes"),
}


def test_nothing_runs_code_from_data_but_what_is_reasoned():
    found = {name: source_scan.runs_code(source) for name, source in source_scan.sources(ROOT)}
    assert {name: what for name, what in found.items() if what} == {
        name: what for name, (what, _) in REASONED.items()
    }
    assert {"course_utils/models.py", "notebooks/08_rag_capstone.ipynb"} <= set(found)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import pickle", ["import pickle"]),
        ("from joblib import load", ["import joblib"]),
        ("torch.load(path, weights_only=True)", ["torch.load"]),
        ("pd.read_pickle(path)", ["pd.read_pickle"]),
        ("np.load(path, allow_pickle=True)", ["allow_pickle=True"]),
        ("yaml.load(text, yaml.Loader)", ["yaml.load"]),
        ("eval(text)", ["eval"]),
        ("os.system(text)", ["os.system"]),
        ("subprocess.run(text, shell=True)", ["shell=True"]),
        ("load(name, trust_remote_code=trusted)", ["trust_remote_code=trusted"]),
        ("load(name, **{'use_safetensors': False})", ["use_safetensors=False"]),
        ("model.eval(); np.load(path); yaml.safe_load(text)", []),
        ("load(name, trust_remote_code=False, use_safetensors=True)", []),
    ],
)
def test_a_planted_breach_is_found(source, found):
    assert source_scan.runs_code(source) == found


def test_the_lessons_start_no_shell():
    cells = {
        path.name: cell.source
        for path in notebook_rules.NOTEBOOKS
        for cell in notebook_rules.code_cells(notebook_rules.read(path))
        if re.search(r"^\s*(!|%%(bash|sh|script))", cell.source, flags=re.MULTILINE)
    }
    assert cells == {}


def tracked_files():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def test_no_secret_is_committed():
    texts = {path: path.read_text(encoding="utf-8", errors="replace") for path in tracked_files()}
    assert {path.name: found for path, text in texts.items() if (found := secrets(text))} == {}


def secrets(text):
    return source_scan.secrets(text)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("-----BEGIN OPENSSH PRIVATE " + "KEY-----", "a private key"),
        ("AKIA" + "Q" * 16, "a key of AWS"),
        ("token = 'hf_" + "a1B" * 11 + "'", "a token of Hugging Face"),
        ("ghp_" + "a1" * 18, "a token of GitHub"),
        ("sk-" + "ant-" + "a1" * 20, "a key of OpenAI or Anthropic"),
        ("https://me:hunter2@" + "example.org/simple", "a password in an address"),
    ],
)
def test_a_planted_secret_is_found(text, kind):
    assert secrets(text) == [kind]


@pytest.fixture
def model_with_code(tmp_path, monkeypatch):
    """Return a model's folder whose own code leaves a file, and the path of that file."""
    ran = tmp_path / "ran"
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "own.py").write_text(
        f"open({str(ran)!r}, 'w').close()\n"
        "from transformers import LlamaConfig\n"
        "class Config(LlamaConfig):\n"
        "    model_type = 'own'\n"
    )
    config = {"model_type": "own", "auto_map": {"AutoConfig": "own.Config"}}
    (folder / "config.json").write_text(json.dumps(config))
    tokenizer = {"tokenizer_class": "Own", "auto_map": {"AutoTokenizer": ["own.Own", None]}}
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    monkeypatch.setattr("builtins.input", lambda *_: "y")  # a learner who agrees to everything
    return folder, ran


def test_a_models_own_code_is_not_run_and_nobody_is_asked(model_with_code):
    from course_utils import models

    folder, ran = model_with_code
    for load in (models.load_causal_lm, models.load_embedder):
        with pytest.raises(ValueError, match="contains custom code"):
            load(str(folder))
    assert not ran.exists()


def test_left_to_itself_transformers_runs_a_models_code_when_the_learner_agrees(
    model_with_code, monkeypatch
):
    from transformers import AutoConfig, dynamic_module_utils

    folder, ran = model_with_code
    monkeypatch.setattr(dynamic_module_utils, "HF_MODULES_CACHE", str(folder.parent / "cache"))
    AutoConfig.from_pretrained(folder)
    assert ran.exists()


class Planted:
    """Runs a command as soon as it is unpickled."""

    def __init__(self, leaves):
        self.leaves = leaves

    def __reduce__(self):
        return Path.touch, (self.leaves,)


def test_the_planted_pickle_would_run(tmp_path):
    pickle.loads(pickle.dumps(Planted(tmp_path / "ran")))
    assert (tmp_path / "ran").exists()


def as_pickle(folder, name, leaves):
    """Put a pickle that runs a command in the place of safetensors."""
    for weights in folder.glob("*.safetensors"):
        weights.unlink()
    (folder / name).write_bytes(pickle.dumps(Planted(leaves)))


def test_weights_in_a_pickle_are_not_read(tiny_lm, letters, tmp_path):
    from course_utils import models

    tiny_lm.save_pretrained(tmp_path / "model")
    letters.save_pretrained(tmp_path / "model")
    as_pickle(tmp_path / "model", "pytorch_model.bin", tmp_path / "ran")
    for load in (models.load_causal_lm, models.load_embedder):
        with pytest.raises(OSError, match=r"no file named model\.safetensors"):
            load(str(tmp_path / "model"))
    assert not (tmp_path / "ran").exists()


def test_an_adapter_in_a_pickle_is_not_read(tiny_lm, tmp_path):
    import copy

    from peft import LoraConfig

    from course_utils import lora

    adapted = lora.attach(copy.deepcopy(tiny_lm), LoraConfig(target_modules=["q_proj"]))
    lora.save_adapter(adapted, tmp_path / "adapter")
    as_pickle(tmp_path / "adapter", "adapter_model.bin", tmp_path / "ran")
    with pytest.raises(FileNotFoundError, match=r"no adapter_model\.safetensors here"):
        lora.load_adapter(copy.deepcopy(tiny_lm), tmp_path / "adapter")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["optimizer.pt", "scheduler.pt", "rng_state.pth"])
def test_a_pickle_that_runs_code_in_a_checkpoint_is_refused(tiny_lm, letters, tmp_path, name):
    import copy

    from peft import LoraConfig
    from transformers import TrainingArguments

    from course_utils import lora

    def run(**options):
        return lora.train(
            copy.deepcopy(tiny_lm),
            letters,
            [{"schema": "CREATE TABLE t (a)", "question": "all", "sql": "SELECT a FROM t"}] * 4,
            lora_config=LoraConfig(task_type="CAUSAL_LM", target_modules=["q_proj"]),
            training_args=TrainingArguments(
                str(tmp_path / "run"), max_steps=2, save_steps=1, report_to="none", use_cpu=True
            ),
            **options,
        )

    run()
    shutil.rmtree(tmp_path / "run" / "checkpoint-2")  # so that there is something left to do
    state = tmp_path / "run" / "checkpoint-1" / name
    assert state.is_file()
    state.write_bytes(pickle.dumps(Planted(tmp_path / "ran")))
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
        run(resume=True)
    assert not (tmp_path / "ran").exists()


def python(code, **environment):
    """Run code in a Python of its own, without the switches that this process has set."""
    kept = {name: text for name, text in os.environ.items() if name not in runtime.TELEMETRY_OFF}
    command = [sys.executable, str(OFFLINE), sys.executable, "-c", code]
    done = subprocess.run(command, env=kept | environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_importing_the_course_switches_the_libraries_reports_off():
    libraries = (
        "import datasets, huggingface_hub.constants as hub;"
        "print(hub.HF_HUB_DISABLE_TELEMETRY, datasets.config.HF_UPDATE_DOWNLOAD_COUNTS)"
    )
    assert python(libraries) == "False True\n"
    assert python(f"import course_utils; {libraries}") == "True False\n"


def test_a_switch_that_the_learner_set_stays():
    code = "import course_utils, os; print(os.environ['HF_HUB_DISABLE_TELEMETRY'])"
    assert python(code, HF_HUB_DISABLE_TELEMETRY="0") == "0\n"


def test_a_lesson_imports_the_course_before_the_libraries():
    for path in notebook_rules.NOTEBOOKS:
        first = notebook_rules.code_cells(notebook_rules.read(path))[0]
        imported = re.findall(r"^(?:from|import) (\w+)", first.source, flags=re.MULTILINE)
        assert imported == ["sys", "course_utils"], path.name


def test_importing_everything_opens_no_connection():
    code = (
        "import importlib, pkgutil, course_utils\n"
        "for module in pkgutil.walk_packages(course_utils.__path__, 'course_utils.'):\n"
        "    if module.name.split('.')[-1] not in ('__main__', '_server_process'):\n"
        "        importlib.import_module(module.name)\n"
        "import accelerate, bitsandbytes, bm25s, datasets, gguf, jupyterquiz, matplotlib.pyplot\n"
        "import milvus_lite, openpyxl, pandera, peft, pymilvus, sentence_transformers, sklearn\n"
        "print('all')"
    )
    assert python(code) == "all\n"  # offline.py fails by a connection that was tried


def test_bitsandbytes_finds_no_client_to_fetch_compiled_code_with():
    # Where the package kernels is installed, it downloads a binary from the hub on a CPU.
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert not re.search(r"^kernels==", pins, flags=re.MULTILINE)


def asked_outside(folder, *options):
    """Start JupyterLab, ask it what its page may ask it, and return the hosts it looked for."""
    folder.mkdir()
    log = folder / "attempts"
    environment = os.environ | {
        "PYTHONPATH": str(Path(__file__).parent / "network_block"),
        "NETWORK_BLOCK_LOG": str(log),
        "JUPYTER_CONFIG_DIR": str(folder),
        "JUPYTER_RUNTIME_DIR": str(folder),
        "JUPYTER_PREFER_ENV_PATH": "1",
    }
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    fixed = ["--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"]
    fixed += ["--IdentityProvider.token=t", f"--ServerApp.root_dir={folder}"]
    command = [sys.executable, "-m", "jupyter", "lab", *fixed, *options]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as lab:
        try:
            for page in ("news?", "update?", "extensions?refresh=1&"):
                read(f"http://127.0.0.1:{port}/lab/api/{page}token=t")
        finally:
            lab.terminate()
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    return {line.split()[1] for line in lines}


def read(url, *, tries=600):
    """Read a page of a server that may still be starting."""
    for _ in range(tries):
        try:
            with urllib.request.urlopen(url, timeout=60) as page:
                return page.read()
        except urllib.error.HTTPError:
            raise
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(f"no answer from {url}")


def test_with_the_options_of_make_lab_jupyterlab_asks_nobody(tmp_path):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    options = re.findall(r"--LabApp\.[\w.=]+", makefile)
    assert len(options) == 3
    assert re.search(r"jupyter lab .*\$\(LAB_OFFLINE\)", makefile)
    assert asked_outside(tmp_path / "quiet", *options) == set()
    assert "jupyterlab.github.io" in asked_outside(tmp_path / "as it comes")


def test_each_statement_of_the_page_names_a_test_that_is_there():
    text = PAGE.read_text(encoding="utf-8")
    tests = {
        name
        for path in Path(__file__).parent.rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text("utf-8"), flags=re.MULTILINE)
    }
    named = set(re.findall(r"`(test_\w+)`", text))
    assert named
    assert named - tests - {path.stem for path in Path(__file__).parent.rglob("*.py")} == set()
    statements = re.findall(r"^- .*(?:\n  .*)*", text, flags=re.MULTILINE)
    without = [
        each for each in statements if "`test_" not in each and "](../notebooks/" not in each
    ]
    assert len(statements) > 20
    assert without == []


@pytest.mark.parametrize("figure", ["six of ten", "six again", "7 of the 12", "five of twelve"])
def test_the_figures_of_the_page_are_those_of_lesson_08(figure):
    lesson = notebook_rules.read(ROOT / "notebooks" / "08_rag_capstone.ipynb")
    for text in (PAGE.read_text(encoding="utf-8"), notebook_rules.prose(lesson)):
        assert figure in " ".join(text.lower().split())
