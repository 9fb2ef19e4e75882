"""Text in an article that is addressed to the model: found by a pattern, and set aside.

What a search finds goes into the prompt, and a model can't tell whose words it reads there. So
whoever may write an article may give orders (indirect prompt injection, Greshake et al. 2023).
The defence that holds best is the earliest: such text never gets into the database, and a
person reads what was set aside. A pattern knows the attacks that its author thought of, and
no others; the second function checks the other end, the answer.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from course_utils.rag.chunking import Chunk
from course_utils.rag.handbook import Article

# Who is spoken to. "Assistants" alone would find the people in the shop.
_READER = re.compile(
    r"\b(AIs?\b|LLMs?\b|language models?|chat ?bots?\b|system:|assistant[,:]|"
    r"for the bot|(automated|virtual|digital) (assistants?|agents?))",
    flags=re.IGNORECASE,
)
# What one tells a model and hardly ever a customer.
_ORDER = re.compile(
    r"\b((ignore|disregard|forget|override)\b.{0,30}\b(instructions?|guidelines?|rules|articles|"
    r"pages|prompts?|above)\b|"
    r"(do not|don't|never) (mention|reveal|tell the (user|customer))\b.{0,30}"
    r"\b(note|paragraph|text|instructions?)\b|"
    r"(tell|assure) the (customer|user) that\b|"
    r"(every|each|all|any|whatever)\b.{0,30}\b(answers?|repl(y|ies)|asks?)\b.{0,30}"
    r"\b(answer|reply|respond|say|add|code|link)\b|"
    r"you (answer|reply|respond)\b)",
    flags=re.IGNORECASE | re.DOTALL,
)


def addresses_model(text: str) -> bool:
    """Return whether a text speaks to a language model, or gives orders as one does to it.

    Args:
        text: A sentence or a paragraph.
    """
    return bool(_READER.search(text) or _ORDER.search(text))


@dataclass(frozen=True)
class SetAside:
    """A paragraph that was kept out, for a person to read."""

    article_id: str
    text: str


def set_aside_instructions(
    articles: Sequence[Article], *, suspicious: Callable[[str], bool] = addresses_model
) -> tuple[list[Article], list[SetAside]]:
    """Take the paragraphs that speak to the model out of the articles, before they are cut.

    The whole paragraph goes: an order seldom is one sentence, and its rest would stay.

    Args:
        articles: As `read_handbook` returns them.
        suspicious: Whether a paragraph is set aside.

    Returns:
        The articles, those with a suspicious paragraph without it, and what was set aside.
    """
    kept, aside = [], []
    for article in articles:
        paragraphs = re.split(r"\n\s*\n", article.body)
        bad = [paragraph for paragraph in paragraphs if suspicious(paragraph)]
        aside += [SetAside(article.id, paragraph) for paragraph in bad]
        if bad:
            rest = "\n\n".join(paragraph for paragraph in paragraphs if paragraph not in bad)
            article = replace(article, body=rest)
        kept.append(article)
    return kept, aside


def unsupported(answer: str, chunks: Sequence[Chunk]) -> list[str]:
    """Return the numbers and codes of an answer that stand in none of its chunks.

    A model that answers from the chunks takes its figures from there. One that stands nowhere
    is invented, whatever the sentence around it says. It proves nothing the other way: a figure
    may be there and belong to something else, and so may a code that an attacker put there.

    Args:
        answer: What the model wrote.
        chunks: What stood in its prompt.
    """
    context = set(_figures(" ".join(chunk.text for chunk in chunks)))
    return [figure for figure in dict.fromkeys(_figures(answer)) if figure not in context]


def _figures(text: str) -> list[str]:
    """Return codes such as HUT-FREE and numbers, "1,000" and "1000" alike."""
    found = re.findall(r"\b[A-Z0-9]{2,}(?:-[A-Z0-9]+)+\b|\d+(?:[.,:]\d+)*", text)
    return [re.sub(r",(?=\d{3}\b)", "", figure) for figure in found]
