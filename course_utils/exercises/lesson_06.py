"""Exercises of lesson 06: the reply alone, a config for equal replies, a prompt by hand."""

from functools import cache
from typing import Any

from course_utils import data_files, rag, runtime
from course_utils.exercises.exercise import Exercise, WrongAnswer, require

MODEL = """\
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig, pipeline

from course_utils import models

folder = models.find_causal_lm()
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(folder)
pipe = pipeline(
    task="text-generation", model=model, tokenizer=tokenizer, max_new_tokens=40, do_sample=False
)
"""
ROWS = """\
from course_utils.exercises.lesson_06 import passages_of, rows_of_the_lesson

rows = rows_of_the_lesson()
passages = passages_of(rows)
"""
TENT = "Can I return a tent that I have used once?"
MAX_NEW = 30


@cache
def rows_of_the_lesson() -> list[dict[str, Any]]:
    """Return the sixteen questions that the lesson asks."""
    rows = data_files.split_rows("rag_questions.jsonl", "dev")
    return [row for row in rows if row["kind"] == "single"][:16]


def passages_of(rows: list[dict[str, Any]]) -> list[rag.Chunk]:
    """Return for each question the chunk in which its evidence stands."""
    articles = {each.id: each for each in rag.read_handbook(runtime.data_dir() / "handbook")}
    return [
        rag.evidence_chunk(rag.chunk_article(articles[row["articles"][0]]), row["evidence"][0])
        for row in rows
    ]


def _check_reply(answer: object) -> None:
    require(
        not isinstance(answer, list | dict),
        "That is what the pipeline returns around the reply: a list of results, each a dictionary, "
        "whose generated_text is a text or a list of messages. The reply is inside.",
    )
    require(isinstance(answer, str), "The answer is the reply's text.")
    require(
        not answer.strip().startswith(TENT),
        "It begins with the question, so it holds the prompt too. Whoever shows it to a customer "
        "repeats their question to them.",
    )
    require(bool(answer.strip()), "The reply is empty. A chat model answers a chat, not a text.")
    from course_utils import generation, models

    model, tokenizer = models.load_causal_lm()
    config = generation.GenerationConfig(do_sample=False, max_new_tokens=20)
    chat = [{"role": "user", "content": TENT}]
    (reply,) = generation.generate(model, tokenizer, [chat], generation_config=config)
    require(
        len(tokenizer(answer)["input_ids"]) <= 24,
        "The reply is longer than 20 tokens. max_new_tokens can be given at the call too.",
    )
    require(
        answer.strip() == reply.text,
        "It isn't the greedy reply to the question as a chat. Was something sampled, or the bare "
        "question asked? do_sample=False gives the same reply each time.",
    )


def _check_config(answer: object) -> None:
    from transformers import GenerationConfig

    require(
        isinstance(answer, GenerationConfig),
        f"The answer is a GenerationConfig, and this is of type {type(answer).__name__}.",
    )
    require(
        not answer.do_sample,
        "It samples. However low the temperature, another seed can give another reply, as the "
        "twenty samples showed. Greedy decoding draws nothing.",
    )
    require(
        answer.do_sample is False,
        "do_sample isn't set, and a pipeline samples unless told otherwise. Say do_sample=False.",
    )
    require(
        not answer.temperature or answer.temperature == 1.0,
        "A temperature does nothing without sampling; the library says so in its log at each call. "
        "Leave it out.",
    )
    require(
        answer.max_new_tokens is not None,
        "Nothing limits the reply's own length. max_length counts the prompt too, so that a long "
        "prompt leaves no room; max_new_tokens counts the reply alone.",
    )
    require(
        answer.max_new_tokens <= MAX_NEW,
        f"Replies may get {answer.max_new_tokens} tokens long, and should stop at {MAX_NEW}.",
    )


def _check_prompt(answer: object) -> None:
    require(
        isinstance(answer, list) and all(isinstance(message, dict) for message in answer),
        "The answer is a list of messages, each a dictionary with role and content.",
    )
    require(
        all({"role", "content"} <= set(message) for message in answer),
        "A message lacks role or content, and the template can't place it.",
    )
    roles = [message["role"] for message in answer]
    require(
        roles[:1] == ["system"],
        "The first message should be the instruction, with the role system. Without one this "
        "model's template puts in its own: that it is SmolLM.",
    )
    require(
        roles[-1] == "user",
        "The last message must be the user's: the model writes what follows it.",
    )
    require(
        roles == ["system", "user", "assistant", "user"],
        f"The roles are {', '.join(roles)}. One worked example is a question by the user and its "
        "answer by the assistant, before the question that counts.",
    )
    row = rows_of_the_lesson()[3]
    (chunk,) = passages_of([row])
    require(row["question"] in answer[3]["content"], "The last message lacks rows[3]['question'].")
    passage = chunk.text
    require(
        passage in answer[3]["content"],
        "The last message lacks the passage, so the model can only guess: the fact stands there "
        "and nowhere else.",
    )
    require(
        answer[3]["content"].index(passage) < answer[3]["content"].index(row["question"]),
        "The passage should come before the question: the model continues after the question, "
        "while it is fresh.",
    )
    require(
        row["question"] not in answer[1]["content"],
        "The example asks the same question. It would hand the model an answer to copy; take "
        "another subject.",
    )


EXERCISES = (
    Exercise(
        id="06.1",
        check=_check_reply,
        on_pass="The reply alone: the same text at every run, ready to be shown.",
        setup=MODEL,
        expects="text (str), the reply",
        hints=(
            "A chat is a list of messages: [{'role': 'user', 'content': ...}].",
            "pipe(chat, max_new_tokens=20) overrides the limit for one call.",
            "The result is a list with one dictionary; generated_text is the list of messages, and "
            "the reply is the content of the last.",
        ),
        solution="""\
tent_chat = [{"role": "user", "content": "Can I return a tent that I have used once?"}]
answer = pipe(tent_chat, max_new_tokens=20)[0]["generated_text"][-1]["content"]
""",
        wrong_answers=(
            WrongAnswer(
                f"answer = pipe([{{'role': 'user', 'content': '{TENT}'}}], max_new_tokens=20)",
                "around the reply",
            ),
            WrongAnswer(
                f"answer = pipe('{TENT}', max_new_tokens=20)[0]['generated_text']",
                "holds the prompt too",
            ),
            WrongAnswer(
                f"answer = pipe([{{'role': 'user', 'content': '{TENT}'}}])[0]['generated_text']"
                "[-1]['content']",
                "longer than 20 tokens",
            ),
            WrongAnswer("answer = 'Yes, you can.'", "isn't the greedy reply"),
        ),
    ),
    Exercise(
        id="06.2",
        check=_check_config,
        on_pass="Nothing is drawn, so nothing can differ.",
        setup="from transformers import GenerationConfig\n",
        expects="a GenerationConfig",
        hints=(
            "Which setting decides whether anything is drawn at random?",
            "The limit of the reply alone is max_new_tokens.",
        ),
        solution="answer = GenerationConfig(do_sample=False, max_new_tokens=30)\n",
        wrong_answers=(
            WrongAnswer(
                "answer = GenerationConfig(do_sample=True, temperature=0.01, max_new_tokens=30)",
                "another seed can give another reply",
            ),
            WrongAnswer(
                "answer = GenerationConfig(do_sample=False, max_length=30)",
                "max_length counts the prompt too",
            ),
            WrongAnswer(
                "answer = GenerationConfig(do_sample=False, max_new_tokens=150)",
                "should stop at 30",
            ),
            WrongAnswer(
                "answer = GenerationConfig(do_sample=False, temperature=0.01, max_new_tokens=30)",
                "does nothing without sampling",
            ),
            WrongAnswer("answer = {'do_sample': False}", "of type dict"),
        ),
    ),
    Exercise(
        id="06.3",
        check=_check_prompt,
        on_pass="Instruction, example, material, question: the four parts of the prompt that won.",
        setup=ROWS,
        expects="a list of messages",
        hints=(
            "Four messages: system, user, assistant, user.",
            "The last content is the passage, an empty line, and the question: "
            "f'{passages[3].text}\\n\\n{rows[3][\"question\"]}'.",
        ),
        solution="""\
answer = [
    {"role": "system", "content": "Answer from the passage in one short sentence."},
    {"role": "user", "content": "The canteen closes at 3.\\n\\nUntil when can I eat there?"},
    {"role": "assistant", "content": "Until 3."},
    {"role": "user", "content": f"{passages[3].text}\\n\\n{rows[3]['question']}"},
]
""",
        wrong_answers=(
            WrongAnswer("answer = rows[3]['question']", "a list of messages"),
            WrongAnswer(
                "answer = [{'role': 'user', 'content': rows[3]['question']}]",
                "should be the instruction",
            ),
            WrongAnswer(
                "answer = [{'role': 'system', 'content': 'Be short.'},\n"
                "    {'role': 'user', 'content': passages[3].text + rows[3]['question']}]",
                "One worked example",
            ),
            WrongAnswer(
                "answer = [{'role': 'system', 'content': 'Be short.'},\n"
                "    {'role': 'user', 'content': 'Are you open?'},\n"
                "    {'role': 'assistant', 'content': 'Yes.'},\n"
                "    {'role': 'user', 'content': rows[3]['question']}]",
                "lacks the passage",
            ),
            WrongAnswer(
                "answer = [{'role': 'system', 'content': 'Be short.'},\n"
                "    {'role': 'user', 'content': rows[3]['question']},\n"
                "    {'role': 'assistant', 'content': 'Until May.'},\n"
                "    {'role': 'user', 'content': passages[3].text + rows[3]['question']}]",
                "asks the same question",
            ),
        ),
    ),
)
