"""A chat with the assistant in a notebook: plain ipywidgets, no script and nothing remote.

JupyterLab and Colab show it alike.
"""

import html
from typing import TYPE_CHECKING

import ipywidgets as widgets

if TYPE_CHECKING:
    from course_utils.rag.assistant import Answer, Assistant

HEIGHT = "26em"
BLOCK = '<div style="margin: 0.4em 0; line-height: 1.4; overflow-wrap: anywhere;">{}</div>'
SMALL = '<div style="font-size: 85%; opacity: 0.8;">{}</div>'
TEXT = '<strong>{}</strong> <span style="white-space: pre-wrap;">{}</span>'
CODE = '<code style="white-space: pre-wrap;">{}</code>'


def chat(assistant: "Assistant") -> widgets.VBox:
    """Return a chat: the conversation, a text box and a button; Enter sends too.

    Beneath each answer stand its sources, or the SQL that it rests on. What people and models
    write is escaped: none of it becomes part of the page. An error in an answer is shown as a
    sentence, and the chat goes on.

    Args:
        assistant: Its `ask` gets each question. It remembers nothing of those before.
    """
    said: list[str] = []  # HTML, a block for each question and each answer
    conversation = widgets.HTML()
    wide = {"flex": "1 1 auto", "width": "auto", "min_width": "0"}  # shrinks in a narrow window
    text = widgets.Text(placeholder="Ask the shop's assistant", layout=wide)
    button = widgets.Button(description="Send", button_style="primary", layout={"width": "6em"})

    def send(*_: object) -> None:
        question = text.value.strip()
        if not question or button.disabled:
            return
        text.value = ""
        button.disabled = True
        said.append(_block("You:", question))
        conversation.value = "".join([*said, _block("Assistant:", "...")])
        try:
            said.append(_answered(assistant, question))
        finally:
            conversation.value = "".join(said)
            button.disabled = False

    def on_message(_: object, content: dict, __: object) -> None:
        if content.get("event") == "submit":  # the text box sends this on Enter
            send()

    button.on_click(send)
    text.on_msg(on_message)
    # Reversed, a box that scrolls stays at its end when something is added.
    from_its_end = {"display": "flex", "flex_flow": "column-reverse", "overflow": "auto"}
    scrolled = widgets.Box([conversation], layout=from_its_end | {"max_height": HEIGHT})
    return widgets.VBox([scrolled, widgets.HBox([text, button])])


def answer_html(answer: "Answer") -> str:
    """Return an answer as HTML: its text, and beneath it what it rests on; all escaped."""
    beneath = ""
    if answer.sources:
        beneath += SMALL.format(f"Sources: {html.escape(', '.join(answer.sources))}")
    if answer.sql:
        beneath += SMALL.format(f"SQL: {CODE.format(html.escape(answer.sql))}")
    return _block("Assistant:", answer.text, beneath)


def _answered(assistant: "Assistant", question: str) -> str:
    try:
        return answer_html(assistant.ask(question))
    except KeyboardInterrupt:  # the kernel's stop button
        return _block("Assistant:", "Stopped. Ask again, or something else.")
    except Exception as error:  # whatever it is, the chat goes on and says it
        said = f"{type(error).__name__}: {error}"
        return _block("Assistant:", f"Something went wrong ({said}). Ask something else.")


def _block(who: str, text: str, beneath: str = "") -> str:
    return BLOCK.format(TEXT.format(who, html.escape(text)) + beneath)
