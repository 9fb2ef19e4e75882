"""Write docs/faults.md from the marks of the tests that prove its rows.

    make data

A case is a test with `@pytest.mark.fault(topic, breaks=..., sees=..., kept=...)`. What a row says
stands there and nowhere else; the words between backquotes in `sees` are looked for, by the test
itself, in what the user is shown.
"""

import ast
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).resolve().parent
TESTS = DOCS.parent / "tests"
PAGE = DOCS / "faults.md"

TOPICS = (
    "Broken files",
    "Hostile SQL",
    "Injected text",
    "Unfit rows and vectors",
    "Milvus",
    "Disks",
    "Killed in the midst",
    "Half-written files",
    "Two notebooks at once",
    "No network",
    "Wrong versions",
    "Folders and names",
    "Exercises and quizzes",
)

HEAD = """# When something breaks

{count} faults that were made to happen, and what the course does about each: what breaks, what you
see, and what is kept. Each row is a test that breaks the real thing: it fills a disk, kills a
process, stalls a server. Words in `this type` are those of the error or the note that you get; the
test looks for them there. `make data` writes this page from the tests.

{overview}
"""


@dataclass(frozen=True)
class Case:
    """A fault, and the test that proves it."""

    test: str  # the function's name
    file: str  # below tests/
    topic: str
    breaks: str
    sees: str
    kept: str
    arguments: tuple[str, ...]  # the test's fixtures and parameters


def read_cases() -> list[Case]:
    """Return the cases of all tests, by topic, in the order of the files.

    Raises:
        ValueError: A mark isn't `fault(topic, breaks=..., sees=..., kept=...)` of plain texts, or
            its topic isn't listed.
    """
    cases = [case for path in sorted(TESTS.rglob("test_*.py")) for case in _cases_of(path)]
    return sorted(cases, key=lambda case: TOPICS.index(case.topic))


def page() -> str:
    """Return the whole page."""
    by_topic: dict[str, list[Case]] = {topic: [] for topic in TOPICS}
    for case in read_cases():
        by_topic[case.topic].append(case)
    links = [f"[{topic}](#{topic.lower().replace(' ', '-')})" for topic in TOPICS]
    counts = zip(links, map(len, by_topic.values()), strict=True)
    overview = "\n".join(f"- {link}: {count}" for link, count in counts)
    head = HEAD.format(count=sum(map(len, by_topic.values())), overview=overview)
    return head + "".join(_section(topic, cases) for topic, cases in by_topic.items())


def _cases_of(path: Path) -> list[Case]:
    file = path.relative_to(TESTS).as_posix()
    found = []
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if not isinstance(node, ast.FunctionDef):
            continue
        for decorator in node.decorator_list:
            if ast.unparse(decorator).startswith("pytest.mark.fault("):
                found.append(_case(node, decorator, file))
    return found


def _case(node: ast.FunctionDef, mark: ast.Call, file: str) -> Case:
    try:
        (topic,) = map(ast.literal_eval, mark.args)
        texts = {keyword.arg: ast.literal_eval(keyword.value) for keyword in mark.keywords}
        arguments = tuple(argument.arg for argument in node.args.args)
        case = Case(test=node.name, file=file, topic=topic, arguments=arguments, **texts)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{file}, line {mark.lineno}: the mark of {node.name} isn't "
            "fault(topic, breaks=..., sees=..., kept=...) of plain texts"
        ) from error
    if topic not in TOPICS:
        raise ValueError(f"{file}, line {mark.lineno}: no topic {topic!r}; use one of {TOPICS}")
    return case


def _section(topic: str, cases: list[Case]) -> str:
    lines = [("what breaks", "what you see", "what is kept", "proof"), ("---",) * 4]
    lines += [(case.breaks, case.sees, case.kept, f"`{case.file}`") for case in cases]
    cells = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    table = "\n".join("| " + " | ".join(line) + " |" for line in cells)
    return f"\n## {topic}\n\n{table}\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
