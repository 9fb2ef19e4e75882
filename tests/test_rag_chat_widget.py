"""The chat without a browser: what is typed, sent, shown, and what is only shown as text."""

import re

import pytest

from course_utils.rag import chat_widget
from course_utils.rag.assistant import Answer


class Fake:
    """An assistant that gives the answers it was made with, and notes the questions."""

    def __init__(self, *answers):
        self.answers, self.asked, self.seen = list(answers), [], None

    def ask(self, question):
        self.asked.append(question)
        if self.seen is not None:
            self.seen()
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer


def parts(chat):
    scrolled, row = chat.children
    return scrolled.children[0], *row.children


def send(chat, question):
    conversation, text, button = parts(chat)
    text.value = question
    button.click()
    return conversation.value


def test_an_answer_is_shown_with_its_sources_beneath():
    fake = Fake(Answer("30 days.", ("returns", "refunds"), "handbook"))
    page = send(chat_widget.chat(fake), "How long may I return a tent?")
    assert fake.asked == ["How long may I return a tent?"]
    order = ["How long may I return", "30 days.", "Sources: returns, refunds"]
    assert [page.find(text) for text in order] == sorted(page.find(text) for text in order)
    assert all(text in page for text in order)
    assert "SQL" not in page


def test_an_answer_from_the_database_is_shown_with_its_query():
    sql = "SELECT COUNT(*) FROM orders WHERE total < 5"
    page = send(chat_widget.chat(Fake(Answer("7", (), "figures", sql=sql))), "how many?")
    assert "SELECT COUNT(*) FROM orders WHERE total &lt; 5</code>" in page
    assert "Sources" not in page


def test_the_conversation_grows_and_the_text_box_is_emptied():
    fake = Fake(Answer("one", (), "small talk"), Answer("two", (), "small talk"))
    chat = chat_widget.chat(fake)
    send(chat, "first?")
    page = send(chat, "second?")
    places = [page.find(text) for text in ("first?", "one", "second?", "two")]
    assert places == sorted(places)
    assert -1 not in places
    assert parts(chat)[1].value == ""


def test_each_block_begins_with_who_speaks():
    fake = Fake(Answer("30 days.", (), "handbook"), KeyboardInterrupt())
    chat = chat_widget.chat(fake)
    seen = []
    fake.seen = lambda: seen.append(parts(chat)[0].value)
    send(chat, "How long?")
    blocks = [re.findall(r"<strong>(.*?)</strong> <span.*?>(.*?)</span>", page) for page in seen]
    assert blocks == [[("You:", "How long?"), ("Assistant:", "...")]]
    said = re.findall(r"<strong>(.*?)</strong> <span.*?>(.*?)</span>", send(chat, "And then?"))
    assert said == [
        ("You:", "How long?"),
        ("Assistant:", "30 days."),
        ("You:", "And then?"),
        ("Assistant:", "Stopped. Ask again, or something else."),
    ]


def test_the_conversation_stays_at_its_end_and_the_text_box_takes_the_room():
    chat = chat_widget.chat(Fake())
    scrolled = chat.children[0].layout
    assert (scrolled.display, scrolled.flex_flow) == ("flex", "column-reverse")
    assert (scrolled.overflow, scrolled.max_height) == ("auto", "26em")
    _, text, button = parts(chat)
    assert (text.placeholder, text.layout.flex) == ("Ask the shop's assistant", "1 1 auto")
    assert (button.description, button.button_style) == ("Send", "primary")
    assert button.layout.width == "6em"


EVIL = "<script>alert('x')</script><img src=x onerror=\"steal()\">"


@pytest.mark.fault(
    "Injected text",
    breaks="A question, an answer or a source holds HTML, such as a script.",
    sees="The characters of the markup, as text.",
    kept="The page: nothing of it runs.",
)
@pytest.mark.parametrize(
    "answer",
    [
        Answer(EVIL, (), "small talk"),
        Answer("fine", (EVIL,), "handbook"),
        Answer("fine", (), "figures", sql=EVIL),
        RuntimeError(EVIL),
    ],
    ids=["text", "source", "sql", "error"],
)
def test_markup_is_text_wherever_it_comes_from(answer):
    page = send(chat_widget.chat(Fake(answer)), EVIL)
    assert "<script" not in page
    assert "<img" not in page
    assert page.count("&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;&lt;img") == 2


def test_enter_sends_and_other_messages_of_the_text_box_do_not():
    fake = Fake(Answer("hi", (), "small talk"))
    chat = chat_widget.chat(fake)
    text = parts(chat)[1]
    text.value = "hello"
    text._handle_custom_msg({"event": "focus"}, [])
    assert fake.asked == []
    text._handle_custom_msg({"event": "submit"}, [])  # what the browser sends on Enter
    assert fake.asked == ["hello"]


def test_nothing_but_blanks_is_not_sent():
    fake = Fake()
    assert send(chat_widget.chat(fake), " \n ") == ""
    assert fake.asked == []


def test_while_it_thinks_the_button_is_off_and_nothing_more_is_sent():
    fake = Fake(Answer("done", (), "small talk"))
    chat = chat_widget.chat(fake)
    conversation, text, button = parts(chat)
    seen = []

    def meanwhile():
        text.value = "impatient"
        button.click()
        seen.append((button.disabled, "slow?" in conversation.value, "..." in conversation.value))

    fake.seen = meanwhile
    page = send(chat, "slow?")
    assert seen == [(True, True, True)]
    assert fake.asked == ["slow?"]
    assert not button.disabled
    assert "..." not in page


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("no such thing"), "Something went wrong (ValueError: no such thing)."),
        (KeyboardInterrupt(), "Stopped."),
    ],
)
def test_after_an_error_the_chat_goes_on(error, said):
    chat = chat_widget.chat(Fake(error, Answer("still here", (), "small talk")))
    assert said in send(chat, "boom?")
    assert not parts(chat)[2].disabled
    assert "still here" in send(chat, "and now?")


def test_a_widget_of_its_own_for_each_call():
    one, other = (chat_widget.chat(Fake(Answer("hi", (), "small talk"))) for _ in range(2))
    send(one, "hello")
    assert parts(other)[0].value == ""


def test_no_script_and_nothing_remote_in_what_is_shown():
    answer = Answer("text", ("source",), "figures", sql="SELECT 1")
    page = send(chat_widget.chat(Fake(answer)), "question").lower()
    assert not any(word in page for word in ("<script", "http", "src=", "<link", "onclick"))
