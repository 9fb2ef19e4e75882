"""A corpus that nobody here wrote: the docstrings of the libraries that the course installs.

It needs no download, its size is that of a real help centre, and it is as messy as one:
entries without a text, the same text under several names, three kinds of markup, sections of
parameters longer than the sentence that counts. `harvest` changes none of this. It adds the
flags by which a lesson can tell what it found, and `data/api_questions.jsonl` asks about it in
the words of someone who doesn't know the names yet.

The rows depend on the installed versions, so each carries its own.
"""

import importlib
import inspect
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any

from course_utils import noise

# What the course is about. A module stands for its public functions and classes, a class for
# itself and its methods. All of transformers would be over 7,000 names, mostly model classes.
_CHOSEN = {
    "pandas": "DataFrame Series Series.str Series.dt Timestamp ExcelFile "
    "api.typing.DataFrameGroupBy api.typing.Rolling",
    "datasets": "ClassLabel Dataset DatasetBuilder DatasetDict DatasetInfo Features "
    "IterableDataset",
    "transformers": "AutoModelForCausalLM AutoTokenizer BatchEncoding BitsAndBytesConfig "
    "DataCollatorForLanguageModeling DataCollatorForSeq2Seq DataCollatorForTokenClassification "
    "DataCollatorWithFlattening DataCollatorWithPadding default_data_collator DynamicCache "
    "StaticCache EarlyStoppingCallback PrinterCallback ProgressCallback TrainerCallback "
    "TrainerControl TrainerState Trainer TrainingArguments Seq2SeqTrainer GenerationConfig "
    "GenerationMixin LogitsProcessorList MinLengthLogitsProcessor "
    "MinNewTokensLengthLogitsProcessor MinPLogitsWarper NoBadWordsLogitsProcessor "
    "NoRepeatNGramLogitsProcessor PrefixConstrainedLogitsProcessor "
    "RepetitionPenaltyLogitsProcessor SequenceBiasLogitsProcessor SuppressTokensLogitsProcessor "
    "TemperatureLogitsWarper TopKLogitsWarper TopPLogitsWarper TypicalLogitsWarper "
    "MaxLengthCriteria MaxTimeCriteria StopStringCriteria StoppingCriteriaList "
    "TextIteratorStreamer TextStreamer PreTrainedModel PreTrainedTokenizerBase pipeline Pipeline "
    "FeatureExtractionPipeline FillMaskPipeline TextClassificationPipeline "
    "TextGenerationPipeline TokenClassificationPipeline ZeroShotClassificationPipeline "
    "get_constant_schedule get_constant_schedule_with_warmup get_cosine_schedule_with_warmup "
    "get_linear_schedule_with_warmup get_polynomial_decay_schedule_with_warmup get_scheduler "
    "set_seed",
    "sentence_transformers": "SentenceTransformer sentence_transformer.losses "
    "sentence_transformer.evaluation util",
    "peft": "LoraConfig LoraModel PeftConfig PeftModel PeftModelForCausalLM",
    "pymilvus": "MilvusClient Collection CollectionSchema FieldSchema Index Partition "
    "SearchResult utility",
}
DEFAULT = (
    *(
        root
        for library, names in _CHOSEN.items()
        for root in (library, *(f"{library}.{name}" for name in names.split()))
        if root != "transformers"
    ),
    "torch.utils.data",
)

# reStructuredText roles, directives and literals; Markdown links, fences and headings; HTML tags.
MARKUP = re.compile(
    r":\w+:`|^\s*\.\. \w+|``\S|\[`|\]\(http|```|^#+ \S|</?[A-Za-z]\w*>", flags=re.MULTILINE
)


@dataclass(frozen=True)
class DocEntry:
    """One public name of a library and what the library says about it."""

    name: str  # as a learner would write it: pandas.DataFrame.merge
    kind: str  # "function", "class" or "method"
    signature: str | None  # None where Python can't tell, as for some compiled code
    first_line: str  # "" without a docstring
    docstring: str | None  # indentation removed, as `help` shows it, otherwise untouched
    library: str
    version: str
    module: str  # where the text was written, which may not be where the name is found
    inherited: bool  # a method that a parent class defines
    has_markup: bool
    duplicate_of: str | None  # the first name with exactly this docstring


@dataclass(frozen=True)
class Harvest:
    """The entries, and the names that could not be read, each with the reason."""

    entries: list[DocEntry] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)


def harvest(packages: Sequence[str] = DEFAULT) -> list[DocEntry]:
    """Return a row for each public function, class and method, uncleaned.

    About 10 s for the default, nearly all of it importing the libraries. The order is that of
    `packages`, then of the alphabet, and the same in each run.

    Args:
        packages: Dotted paths of modules, classes or functions; each library's own names only.

    Raises:
        ModuleNotFoundError: A library isn't installed.
    """
    return scan(packages).entries


def scan(packages: Sequence[str] = DEFAULT) -> Harvest:
    """Harvest, and also tell which names were skipped because reading them raised.

    Libraries guard deprecated or optional names with attributes that raise on access. One
    such name must not cost the others.
    """
    noise.hide_known()
    found = Harvest()
    seen: set[str] = set()
    for name, kind, thing in _walk(packages, found.skipped):
        rows = [(name, kind, thing, False)]
        if kind == "class" and name in packages:
            rows += _methods(name, thing, found.skipped)
        for row in rows:
            if row[0] in seen:
                continue
            seen.add(row[0])
            try:
                found.entries.append(_entry(*row))
            except Exception as error:  # whatever a foreign attribute raises
                found.skipped[row[0]] = _reason(error)
    return replace(found, entries=_flag_duplicates(found.entries))


def _walk(packages: Sequence[str], skipped: dict[str, str]) -> Iterator[tuple[str, str, Any]]:
    """Yield name, kind and object of the functions and classes that the roots hold."""
    for root in packages:
        library = root.partition(".")[0]
        _import(library)
        try:
            thing = _resolve(root)
        except Exception as error:  # renamed or withdrawn in this version
            skipped[root] = _reason(error)
            continue
        if not isinstance(thing, ModuleType):
            yield root, _kind(thing), thing
            continue
        names = getattr(thing, "__all__", None) or dir(thing)
        for name in sorted(name for name in set(names) if not name.startswith("_")):
            try:
                member = _read(thing, name)
                public = _is_of(member, library) and (
                    inspect.isclass(member) or inspect.isroutine(member)
                )
            except Exception as error:  # whatever a foreign attribute raises
                skipped[f"{root}.{name}"] = _reason(error)
                continue
            if public:
                yield f"{root}.{name}", _kind(member), member


def _methods(name: str, cls: type, skipped: dict[str, str]) -> list[tuple[str, str, Any, bool]]:
    """Return the public methods of a class that its library wrote.

    What a public parent gives is left out, as it stands there: DataFrame and Series both show
    what they have from a class that nobody sees, and Seq2SeqTrainer doesn't repeat Trainer.
    """
    rows = []
    library = name.partition(".")[0]
    for attribute in sorted(key for key in dir(cls) if not key.startswith("_")):
        owner = next((parent for parent in cls.__mro__ if attribute in vars(parent)), None)
        if owner is None or not _is_of(owner, library):
            continue
        if owner is not cls and _is_public(owner, library):
            continue
        try:
            method = _read(cls, attribute)
        except Exception as error:  # whatever a foreign attribute raises
            skipped[f"{name}.{attribute}"] = _reason(error)
            continue
        if inspect.isroutine(method):
            rows.append((f"{name}.{attribute}", "method", method, owner is not cls))
    return rows


def _entry(name: str, kind: str, thing: Any, inherited: bool) -> DocEntry:
    library = name.partition(".")[0]
    docstring = _docstring(thing)
    return DocEntry(
        name=name,
        kind=kind,
        signature=_signature(thing),
        first_line=docstring.partition("\n")[0].strip() if docstring else "",
        docstring=docstring,
        library=library,
        version=getattr(importlib.import_module(library), "__version__", "unknown"),
        module=_home(thing),
        inherited=inherited,
        has_markup=bool(docstring and MARKUP.search(docstring)),
        duplicate_of=None,
    )


def _docstring(thing: Any) -> str | None:
    """Return the text of a function or class; some classes hold theirs in `__init__`."""
    texts = [thing.__doc__]
    if inspect.isclass(thing) and "__init__" in vars(thing):
        texts.append(thing.__init__.__doc__)
    for text in texts:
        if isinstance(text, str) and text.strip():
            # Python 3.13 removes the indentation when it compiles, earlier versions don't.
            return inspect.cleandoc(text)
    return None


def _flag_duplicates(entries: list[DocEntry]) -> list[DocEntry]:
    first: dict[str, str] = {}
    for entry in entries:
        if entry.docstring:
            first.setdefault(entry.docstring, entry.name)
    originals = [first.get(entry.docstring or "", entry.name) for entry in entries]
    return [
        entry if original == entry.name else replace(entry, duplicate_of=original)
        for entry, original in zip(entries, originals, strict=True)
    ]


def _resolve(path: str) -> Any:
    """Import the longest part of `path` that is a module, and read the rest from it."""
    parts = path.split(".")
    thing: Any = importlib.import_module(parts[0])
    for number, part in enumerate(parts[1:], start=1):
        try:
            thing = _read(thing, part)
        except AttributeError:
            if not isinstance(thing, ModuleType):
                raise
            thing = importlib.import_module(".".join(parts[: number + 1]))
    return thing


def _import(library: str) -> None:
    try:
        importlib.import_module(library)
    except ModuleNotFoundError as error:
        if error.name != library:
            raise
        raise ModuleNotFoundError(
            f"{library} is not installed; install the course's requirements, or leave it out "
            "of packages",
            name=library,
        ) from None


def _read(owner: Any, name: str) -> Any:
    """Read an attribute; that the name is deprecated is no news to someone who lists names."""
    with warnings.catch_warnings():
        for category in (DeprecationWarning, FutureWarning, PendingDeprecationWarning):
            warnings.simplefilter("ignore", category)
        return getattr(owner, name)


def _kind(thing: Any) -> str:
    return "class" if inspect.isclass(thing) else "function"


def _home(thing: Any) -> str:
    home = getattr(thing, "__module__", None)
    return home if isinstance(home, str) else ""


def _is_of(thing: Any, library: str) -> bool:
    return _home(thing).partition(".")[0] == library


def _is_public(cls: type, library: str) -> bool:
    try:
        return _read(importlib.import_module(library), cls.__name__) is cls
    except Exception:  # whatever a foreign attribute raises
        return False


def _signature(thing: Any) -> str | None:
    try:
        text = str(inspect.signature(thing))
    except (TypeError, ValueError):
        return None
    text = re.sub(r" at 0x[0-9a-fA-F]+", "", text)  # an address differs in each run
    return _in_order(_in_order(text, "{", "}"), "Union[", "]")


def _in_order(text: str, opening: str, closing: str) -> str:
    """Return the text with what stands between the brackets in alphabetical order.

    The order of a set differs in each run, and that of a Union with what was imported before.
    """
    done = ""
    while opening in text:
        head, _, text = text.partition(opening)
        members, depth, start, place = [], 1, 0, 0
        for place, character in enumerate(text):
            depth += (character in "([{") - (character in ")]}")
            if depth == 0 or (depth == 1 and character == ","):
                members.append(text[start:place].strip())
                start = place + 1
            if depth == 0:
                break
        done += head + opening + ", ".join(sorted(members)) + closing
        text = text[place + 1 :]
    return done + text


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0]
