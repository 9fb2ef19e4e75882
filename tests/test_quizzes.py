"""The quizzes are fair, each option is explained, and showing one fetches nothing."""

import html
import re
import shutil
import subprocess

import notebook_rules
import pytest
from test_exercises import outputs_of_a_kernel

from course_utils import exercises, runtime
from course_utils.exercises import quizzes

FILES = sorted((runtime.data_dir() / "quizzes").glob("*.json"))
TINY = [
    {
        "question": "Is `1 < 2`?",
        "type": "multiple_choice",
        "answers": [
            {"answer": "No", "correct": False, "feedback": "Count again, from `[1]` up."},
            {"answer": "Yes, for $1", "correct": True, "feedback": "One is less than two."},
        ],
    },
    {
        "question": "Which are even?",
        "type": "many_choice",
        "answers": [
            {"answer": "2", "correct": True, "feedback": "Twice one."},
            {"answer": "3", "correct": False, "feedback": "One is left over."},
            {"answer": "4", "correct": True, "feedback": "Twice two."},
        ],
    },
]


def questions_of(path):
    return quizzes.read(path.stem)


def single_choice(path):
    return [q for q in questions_of(path) if q["type"] == "multiple_choice"]


def right_of(question):
    return [number for number, option in enumerate(question["answers"]) if option["correct"]]


def test_each_lesson_has_its_quiz():
    assert [path.stem for path in FILES] == [path.name[:2] for path in notebook_rules.NOTEBOOKS]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_quiz_has_four_questions_or_more_of_the_two_kinds(path):
    questions = questions_of(path)
    assert len(questions) >= 4
    assert {question["type"] for question in questions} <= {"multiple_choice", "many_choice"}
    assert len({question["question"] for question in questions}) == len(questions)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_number_of_right_options_fits_the_kind(path):
    for question in questions_of(path):
        right, options = len(right_of(question)), len(question["answers"])
        assert 3 <= options <= len(quizzes.LETTERS), question["question"]
        if question["type"] == "multiple_choice":
            assert right == 1, question["question"]
        else:
            assert 2 <= right < options, question["question"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_option_is_different_and_explained(path):
    for question in questions_of(path):
        assert set(question) == {"question", "type", "answers"}
        options = question["answers"]
        assert len({option["answer"] for option in options}) == len(options)
        for option in options:
            assert set(option) == {"answer", "correct", "feedback"}
            assert isinstance(option["correct"], bool)
            assert len(option["feedback"]) >= 20, option["answer"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_neither_place_nor_length_gives_the_right_option_away(path):
    questions = single_choice(path)
    places = [right_of(question)[0] for question in questions]
    assert len(set(places)) > 1
    longest = [
        len(question["answers"][place]["answer"])
        == max(len(option["answer"]) for option in question["answers"])
        for question, place in zip(questions, places, strict=True)
    ]
    assert sum(longest) <= len(questions) / 2


def test_as_text_the_answers_come_after_all_questions():
    assert (
        quizzes.as_text(TINY)
        == """\
1. Is `1 < 2`?
   a) No
   b) Yes, for $1

2. Which are even? (More than one is right.)
   a) 2
   b) 3
   c) 4

Answers
1 a) Wrong. Count again, from `[1]` up.
1 b) Right. One is less than two.
2 a) Right. Twice one.
2 b) Wrong. One is left over.
2 c) Right. Twice two."""
    )


def test_outside_a_notebook_the_quiz_is_printed(capsys):
    exercises.quiz("00")
    text = capsys.readouterr().out
    asked, answers = text.split("\nAnswers\n")
    for question in quizzes.read("00"):
        assert question["question"] in asked
        for option in question["answers"]:
            assert option["answer"] in asked
            assert option["feedback"] not in asked
            assert option["feedback"] in answers


def test_the_html_without_javascript_hides_each_explanation_behind_its_option():
    page = quizzes.as_html(TINY)
    assert "<li>Is <code>1 &lt; 2</code>?<details" in page
    assert (
        "<summary>No</summary><p><strong>Wrong.</strong> Count again, from <code>[1]</code> up."
        "</p></details>" in page
    )
    assert page.count("<details") == page.count("</details>") == 1 + 2 + 3
    assert "<script" not in page


def shown_in_a_notebook():
    with outputs_of_a_kernel() as shown:
        exercises.quiz("00")
    return [output.data for output in shown]


def test_in_a_notebook_the_quiz_is_a_block_and_a_script():
    page, script = shown_in_a_notebook()
    assert page["text/plain"] == quizzes.as_text(quizzes.read("00"))
    assert quizzes.as_html(quizzes.read("00")) in page["text/html"]
    assert page["text/html"].count("<div") == page["text/html"].count("</div>") == 1
    for question in quizzes.read("00"):
        first = html.escape(question["question"]).split("`")[0]
        assert first in script["application/javascript"]


def test_in_a_notebook_nothing_is_fetched():
    for output in shown_in_a_notebook():
        for form in output.values():
            assert re.findall(r"https?://|@import|url\(|\bfetch\(|XMLHttpRequest", form) == []


def test_jupyterquiz_would_load_mathjax_from_a_server():
    from jupyterquiz import display_quiz

    with outputs_of_a_kernel() as shown:
        display_quiz(TINY)
    assert "https://" in shown[1].data["application/javascript"]


PAGE = """
const parents = [];
function element() {
  const made = {dataset: {}, style: {}, children: [], classList: {add() {}},
    setAttribute() {}, append(child) { this.children.push(child); },
    appendChild(child) { this.children.push(child); }, getElementsByClassName() { return []; }};
  return made;
}
const container = element();
container.dataset = {shufflequestions: "False", shuffleanswers: "True",
  preserveresponses: "false", maxwidth: "600", numquestions: "1000000"};
globalThis.DIV_ID = container;
globalThis.MathJax = {version: "3.2.2"};  // JupyterLab's own, which has no typeset()
globalThis.document = {createElement: element, getElementById: () => container,
  head: {appendChild(child) { throw new Error("loads " + child.src); }}};
eval(require("fs").readFileSync(0, "utf-8"));
setTimeout(() => {
  const texts = container.children.map((wrapper) => wrapper.children[0].children[0].innerHTML);
  console.log(JSON.stringify(texts));
}, 900);  // jupyterquiz waits 500 ms before it looks for MathJax
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")
def test_the_script_shows_the_questions_and_leaves_mathjax_alone():
    page, script = shown_in_a_notebook()
    div_id = re.search(r'<div id="(\w+)"', page["text/html"])[1]
    run = subprocess.run(
        ["node", "-e", PAGE.replace("DIV_ID", div_id)],
        input=script["application/javascript"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("</code>") == 2
    for question in quizzes.read("00"):
        assert html.escape(question["question"]).split("`")[0] in run.stdout


def test_what_jupyterquiz_takes_for_markup_reaches_it_as_text():
    question = quizzes._for_jupyterquiz(TINY[0])
    assert question["question"] == "Is <code>1 &lt; 2</code>?"
    assert question["answers"][0]["feedback"] == (
        "Wrong. Count again, from <code>&#91;1]</code> up."
    )
    assert question["answers"][1]["answer"] == "Yes, for &#36;1"


def test_a_lesson_without_a_quiz_names_those_there_are():
    with pytest.raises(KeyError, match="there is no quiz for lesson '99'; there are 00"):
        exercises.quiz("99")
