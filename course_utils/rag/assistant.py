"""The desk's assistant: a question goes to the figures, to the handbook or to small talk.

It is put together from four functions, each of which can be another one: `route` says where a
question goes, `retrieve` finds chunks of the handbook, `write` answers from them, `figures`
answers from the database. Nothing here knows a model; see lesson 08 for real ones.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from course_utils.rag import Chunk
    from course_utils.sql_eval.replies import SqlAnswer

Route = Literal["figures", "handbook", "small talk"]
ROUTES: tuple[Route, ...] = ("figures", "handbook", "small talk")
NOT_IN_HANDBOOK = "The handbook doesn't say."
SMALL_TALK = (
    "Hello! I answer questions from the shop's handbook, such as how long a return may take, and "
    "questions about its figures, such as how many orders were paid by card."
)


@dataclass(frozen=True)
class Found:
    """A chunk that retrieval found."""

    chunk: "Chunk"
    similarity: float  # to the question; 1 is the same direction, 0 unrelated


@dataclass(frozen=True)
class Answer:
    """What the assistant says, and what that rests on."""

    text: str
    sources: tuple[str, ...]  # ids of the articles that it was written from, the nearest first
    route: Route
    sql: str = ""  # the query that ran or was refused, where the route is figures
    chunks: tuple[Found, ...] = ()  # all that was retrieved, also when it was too far off


@dataclass(frozen=True)
class Assistant:
    """Answers one question at a time; it keeps nothing between them."""

    route: Callable[[str], Route]
    retrieve: Callable[[str], Sequence[Found]]  # the nearest first, may be none
    write: Callable[[str, Sequence["Chunk"]], str]  # an answer from these chunks alone
    figures: Callable[[str], "SqlAnswer"]
    threshold: float  # below this similarity of the nearest chunk the handbook doesn't say

    def ask(self, question: str) -> Answer:
        """Return the answer to a question.

        The question is data: it goes to the four functions as it is, on one line, and into no
        filter and no query.

        Args:
            question: What somebody typed.

        Raises:
            ValueError: The question is empty, or `route` returned no route. What the functions
                raise is passed on.
        """
        question = " ".join(question.split())
        if not question:
            raise ValueError("the question is empty; ask something")
        match self.route(question):
            case "figures":
                answered = self.figures(question)
                return Answer(answered.text, (), "figures", sql=answered.sql)
            case "handbook":
                return self._from_handbook(question)
            case "small talk":
                return Answer(SMALL_TALK, (), "small talk")
            case other:
                raise ValueError(
                    f"route returned {other!r} for {question[:60]!r}; return one of "
                    f"{', '.join(ROUTES)}"
                )

    def _from_handbook(self, question: str) -> Answer:
        found = tuple(self.retrieve(question))
        if not found or found[0].similarity < self.threshold:
            return Answer(NOT_IN_HANDBOOK, (), "handbook", chunks=found)
        text = self.write(question, [each.chunk for each in found]).strip()
        if not text or text.startswith(NOT_IN_HANDBOOK.rstrip(".")):
            return Answer(NOT_IN_HANDBOOK, (), "handbook", chunks=found)
        sources = tuple(dict.fromkeys(each.chunk.article_id for each in found))
        return Answer(text, sources, "handbook", chunks=found)
