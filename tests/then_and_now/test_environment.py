"""Rows R: requirements.txt and pipreqs."""

import http.server
import json
import subprocess
import sys
import threading
from importlib.metadata import metadata, version

import pytest
from packaging.specifiers import SpecifierSet

pytest.importorskip("pipreqs")

NOWHERE = "http://127.0.0.1:9/"  # a port on which nobody listens


@pytest.fixture
def project(tmp_path):
    """Return a function that writes one file into an empty project and returns its folder."""

    def write(text, name="code.py", encoding="utf-8"):
        (tmp_path / name).write_text(text, encoding=encoding)
        return tmp_path

    return write


@pytest.fixture
def index():
    """Return the address of a package index that has every name in version 99.0."""
    asked = []

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path.split("/")[1])
            info = {"name": asked[-1], "version": "99.0", "package_url": ""}
            body = json.dumps({"info": info, "releases": {}}).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", asked
    server.shutdown()
    server.server_close()


def pipreqs(folder, *options, check=True):
    """Run pipreqs on a folder; the index that it asks is never the real one."""
    if not any(option.startswith("--pypi-server") for option in options):
        options += (f"--pypi-server={NOWHERE}",)
    command = [sys.executable, "-m", "pipreqs.pipreqs", str(folder), *options]
    return subprocess.run(command, capture_output=True, text=True, check=check)


@pytest.mark.row("R1")
def test_a_shell_command_is_no_python():
    with pytest.raises(SyntaxError):
        compile("pip install pipreqs", "the notes", "exec")


@pytest.mark.row("R2")
def test_the_argument_is_a_folder(tmp_path):
    done = pipreqs(tmp_path / "natural-sql-7b", "--print", "--use-local")
    assert done.stdout.strip() == ""  # nothing is there, and it says so to nobody
    assert done.returncode == 0


@pytest.mark.row("R3")
def test_without_an_index_it_ends_in_a_traceback_and_writes_nothing(project):
    folder = project("import pandas\n")
    done = pipreqs(folder, "--force", check=False)
    assert done.returncode != 0
    assert "ConnectionError" in done.stderr
    assert not (folder / "requirements.txt").exists()


@pytest.mark.row("R4")
def test_use_local_leaves_packages_out(project):
    folder = project("import pandas, pymilvus, yaml, sklearn, transformers\n")
    done = pipreqs(folder, "--print", "--use-local")
    assert done.stdout.split() == [f"transformers=={version('transformers')}"]


@pytest.mark.row("R5")
def test_what_it_does_not_find_here_is_pinned_to_the_newest_there(project, index):
    address, asked = index
    folder = project("import pandas, transformers\n")
    done = pipreqs(folder, "--print", f"--pypi-server={address}")
    assert asked == ["pandas"]
    assert "pandas==99.0" in done.stdout.split()
    assert f"transformers=={version('transformers')}" in done.stdout.split()


@pytest.mark.row("R6")
def test_a_module_is_asked_for_by_its_own_name(project, index):
    address, asked = index
    done = pipreqs(project("import faiss\n"), "--print", f"--pypi-server={address}")
    assert asked == ["faiss"]  # installed is faiss-cpu
    assert "faiss==99.0" in done.stdout.split()


@pytest.mark.row("R7")
def test_a_local_version_is_written_as_it_is(project):
    done = pipreqs(project("import torch\n"), "--print", "--use-local")
    assert done.stdout.split() == [f"torch=={version('torch')}"]


@pytest.mark.row("R8")
def test_what_is_not_imported_is_not_listed(project):
    code = "from transformers import BitsAndBytesConfig\nBitsAndBytesConfig(load_in_4bit=True)\n"
    done = pipreqs(project(code), "--print", "--use-local")
    assert "bitsandbytes" not in done.stdout
    assert "accelerate" not in done.stdout


@pytest.mark.row("R9")
def test_notebooks_are_left_out_unless_asked_for(project):
    cell = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    notebook = {"cells": [cell | {"source": ["import datasets\n"]}], "metadata": {}}
    folder = project(json.dumps(notebook | {"nbformat": 4, "nbformat_minor": 4}), "a.ipynb")
    project("import peft\n")
    assert "datasets" not in pipreqs(folder, "--print", "--use-local").stdout
    if version("pipreqs") == "0.4.13":
        pytest.skip("this pipreqs has no --scan-notebooks")
    assert "datasets" in pipreqs(folder, "--print", "--use-local", "--scan-notebooks").stdout


@pytest.mark.row("R10")
def test_one_file_of_python_2_stops_it(project):
    folder = project('print "a"\n', "old.py")
    project("import peft\n")
    done = pipreqs(folder, "--print", "--use-local", check=False)
    assert done.returncode != 0
    assert "SyntaxError" in done.stderr


@pytest.mark.row("R11")
def test_one_file_in_gbk_stops_it_at_utf_8(project):
    folder = project("# 帐篷\nimport peft\n", encoding="gbk")
    done = pipreqs(folder, "--print", "--use-local", "--encoding=utf-8", check=False)
    assert "UnicodeDecodeError" in done.stderr
    assert "peft" in pipreqs(folder, "--print", "--use-local", "--encoding=gbk").stdout


@pytest.mark.row("R12")
def test_without_force_an_old_file_is_kept(project):
    folder = project("old\n", "requirements.txt")
    project("import peft\n")
    done = pipreqs(folder, "--use-local")
    assert (folder / "requirements.txt").read_text(encoding="utf-8") == "old\n"
    assert "already exists, use --force" in done.stderr
    pipreqs(folder, "--use-local", "--force")
    assert "peft" in (folder / "requirements.txt").read_text(encoding="utf-8")


@pytest.mark.row("R13")
def test_the_last_pipreqs_excludes_python_3_13():
    if version("pipreqs") != "0.5.0":
        assert sys.version_info >= (3, 13)  # an older one is all that this Python gets
        assert "--scan-notebooks" not in pipreqs(".", "--help").stdout
    else:
        assert "3.13.0" not in SpecifierSet(metadata("pipreqs")["Requires-Python"])
