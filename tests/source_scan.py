"""What in Python source would run code from data, as functions from a syntax tree to findings.

`test_security.py` holds the package, the lessons, the tests and the documents to it.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import notebook_rules

PICKLES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
RUNNERS = {"eval", "exec", "os.system", "os.popen", "subprocess.getoutput"}
# Each reads a pickle, or builds whatever object a file asks for.
LOADERS = {
    "torch.load",
    "pd.read_pickle",
    "pandas.read_pickle",
    "yaml.load",
    "yaml.load_all",
    "yaml.full_load",
    "yaml.unsafe_load",
}
FLAGS = {  # the only value of an argument that runs nothing
    "shell": False,
    "trust_remote_code": False,
    "use_safetensors": True,
    "weights_only": True,
    "allow_pickle": False,
}
SECRETS = {
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "a key of AWS": r"\bAKIA[0-9A-Z]{16}\b",
    "a token of Hugging Face": r"\bhf_[A-Za-z0-9]{30,}\b",
    "a token of GitHub": r"\b(?:gh[oprsu]_[A-Za-z0-9]{36}|github_pat_\w{50,})\b",
    "a token of PyPI": r"\bpypi-[A-Za-z0-9_-]{50,}",
    "a key of OpenAI or Anthropic": r"\bsk-[A-Za-z0-9_-]{32,}",
    "a key of Google": r"\bAIza[\w-]{35}\b",
    "a token of Slack": r"\bxox[abprs]-[\w-]{10,}",
    "a JSON web token": r"\beyJ[\w-]{15,}\.eyJ[\w-]{15,}\.[\w-]{10,}",
    "a password in an address": r"\b[a-z+]+://[^\s/:@\"'<>{}]+:[^\s/:@\"'<>{}]+@[\w.-]+",
}


def sources(root: Path) -> Iterator[tuple[str, str]]:
    """Yield the name and the Python source of each file and each lesson's code cells."""
    for folder in ("course_utils", "tests", "docs", "benchmarks"):
        for path in sorted((root / folder).rglob("*.py")):
            yield path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        cells = notebook_rules.code_cells(notebook_rules.read(path))
        yield path.relative_to(root).as_posix(), "\n".join(map(notebook_rules.python_of, cells))


def runs_code(source: str) -> list[str]:
    """Return what in the source would run code from data, in the order of its lines."""
    found = []
    for node in ast.walk(ast.parse(source)):
        found += [(node.lineno, what) for what in _findings(node)]
    return [what for _, what in sorted(found)]


def _findings(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        yield from (f"import {name}" for name in names if name.split(".")[0] in PICKLES)
    if isinstance(node, ast.Call):
        called = ast.unparse(node.func)
        if called in RUNNERS or called in LOADERS:
            yield called
        for keyword in node.keywords:
            if keyword.arg in FLAGS and not _is(keyword.value, FLAGS[keyword.arg]):
                yield f"{keyword.arg}={ast.unparse(keyword.value)}"
    if isinstance(node, ast.Dict):  # options that are handed on with **
        for key, value in zip(node.keys, node.values, strict=True):
            name = getattr(key, "value", None)
            if isinstance(name, str) and name in FLAGS and not _is(value, FLAGS[name]):
                yield f"{name}={ast.unparse(value)}"


def _is(value: ast.AST, wanted: bool) -> bool:
    return isinstance(value, ast.Constant) and value.value is wanted


def secrets(text: str) -> list[str]:
    """Return the kinds of secrets that a text seems to hold."""
    return [kind for kind, pattern in SECRETS.items() if re.search(pattern, text)]
