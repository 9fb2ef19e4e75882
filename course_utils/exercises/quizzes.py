"""Quizzes: `data/quizzes/NN.json`, shown by jupyterquiz, as HTML without JavaScript, or as text.

The files hold plain text in jupyterquiz's fields, with `code` between backticks.
"""

import html
import json
import re
from typing import Any

from course_utils import runtime
from course_utils.exercises import rendering

Question = dict[str, Any]  # question, type, answers: list of answer, correct, feedback

LETTERS = "abcdefghij"
COLOURS = {
    "--jq-multiple-choice-bg": rendering.HELP,
    "--jq-many-choice-bg": rendering.HELP,
    "--jq-correct-color": rendering.PASSED,
    "--jq-incorrect-color": rendering.NOT_YET,
}
# In the colour of the theme, which is legible in a dark one too; the words say right or wrong.
FEEDBACK_STYLE = "<style>.Quiz .Feedback { color: var(--jp-content-font-color1, inherit); }</style>"


def read(lesson: str) -> list[Question]:
    """Return a lesson's questions.

    Raises:
        KeyError: There is no quiz for this lesson.
        ValueError: The file isn't a quiz.
    """
    folder = runtime.data_dir() / "quizzes"
    path = folder / f"{lesson}.json"
    if not path.is_file():
        there = ", ".join(sorted(file.stem for file in folder.glob("*.json")))
        raise KeyError(f"there is no quiz for lesson {lesson!r}; there are {there}")
    try:
        questions = json.loads(path.read_text(encoding="utf-8"))
        good = all(
            {"question", "type"} <= set(question)
            and all({"answer", "correct", "feedback"} <= set(each) for each in question["answers"])
            for question in questions
        )
        reason = "a question lacks question, type or answers, or an answer one of its fields"
    except (ValueError, KeyError, TypeError) as error:
        good, reason = False, f"{type(error).__name__}: {error}"
    if not good:
        raise ValueError(
            f"{path} isn't a quiz ({reason}); bring the file back as the course has it, with "
            f"git checkout -- {path.name} in its folder, or install the course again"
        )
    return questions


def as_text(questions: list[Question]) -> str:
    """Return the questions with lettered options, then what is right and why."""
    asked, answers = [], ["Answers"]
    for number, question in enumerate(questions, start=1):
        asked.append(f"{number}. {_asked(question)}")
        for letter, option in zip(LETTERS, question["answers"], strict=False):
            asked.append(f"   {letter}) {option['answer']}")
            answers.append(f"{number} {letter}) {_verdict(option)} {option['feedback']}")
        asked.append("")
    return "\n".join(asked + answers)


def as_html(questions: list[Question]) -> str:
    """Return the questions as HTML that needs no JavaScript: each option opens to its answer."""
    items = "".join(
        f"<li>{_inline(_asked(question))}"
        + "".join(
            f'<details style="margin-left: 1em;"><summary>{_inline(option["answer"])}</summary>'
            f"<p><strong>{_verdict(option)}</strong> {_inline(option['feedback'])}</p></details>"
            for option in question["answers"]
        )
        + "</li>"
        for question in questions
    )
    summary = "The same questions without JavaScript"
    return f"<details><summary>{summary}</summary><ol>{items}</ol></details>"


def display(questions: list[Question]) -> None:
    """Display the quiz in a notebook, with the form that needs no JavaScript below it.

    jupyterquiz displays HTML and a script. They are captured: its HTML leaves a block open, and
    its script loads MathJax from a server if it finds JupyterLab's own.
    """
    from IPython.display import display as display_output
    from IPython.utils.capture import capture_output
    from jupyterquiz import display_quiz

    with capture_output() as captured:
        display_quiz([_for_jupyterquiz(question) for question in questions], colors=COLOURS)
    block, script = (output.data for output in captured.outputs)
    page = f"{block['text/html']}</div>{FEEDBACK_STYLE}{as_html(questions)}"
    display_output({"text/html": page, "text/plain": as_text(questions)}, raw=True)
    code = _without_mathjax(script["application/javascript"])
    display_output({"application/javascript": code, "text/plain": ""}, raw=True)


def _asked(question: Question) -> str:
    several = " (More than one is right.)" if question["type"] == "many_choice" else ""
    return question["question"] + several


def _verdict(option: dict[str, Any]) -> str:
    return "Right." if option["correct"] else "Wrong."


def _inline(text: str) -> str:
    """Return text as HTML, with `code` between backticks as such."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


def _for_jupyterquiz(question: Question) -> Question:
    """Return a question with its texts as HTML in which jupyterquiz finds no markup of its own."""

    def escape(text: str) -> str:
        return _inline(text).replace("$", "&#36;").replace("[", "&#91;")

    options = [
        {
            "answer": escape(option["answer"]),
            "correct": option["correct"],
            "feedback": f"{_verdict(option)} {escape(option['feedback'])}",
        }
        for option in question["answers"]
    ]
    return {**question, "question": escape(_asked(question)), "answers": options}


def _without_mathjax(script: str) -> str:
    """Return the script in a scope where MathJax isn't defined, and without its address."""
    script = re.sub(r"script\.src *= *'[^']*';", "", script)
    return f"(function () {{\nconst MathJax = undefined;\n{script}\n}})();\n"
