"""The handbook, its chunks, and an answer that cites them.

Retrieval-augmented generation: find the passages that bear on a question, put them into the
prompt, and let the model answer from them (Lewis et al. 2020).

    handbook      articles and their dates
    chunking      articles cut into chunks
    prompts       the prompt that cites, within a budget of tokens
    scoring       where the right article is found, whether the facts are stated
    threshold     below which similarity the handbook doesn't answer
    superseded    chunks that a later article says anew
    instructions  text that is addressed to the model, set aside
    routing       examples of figures, handbook and small talk; a baseline by words
    assistant     all of it, asked with one question
    chat_widget   a chat with the assistant; needs ipywidgets
"""

from course_utils.rag.chunking import Chunk, chunk_article, evidence_chunk
from course_utils.rag.handbook import Article, read_article, read_handbook
from course_utils.rag.prompts import EXAMPLE, INSTRUCTION, cited_chat, within_budget
from course_utils.rag.scoring import article_ranks, holds_facts, states_facts

__all__ = [
    "EXAMPLE",
    "INSTRUCTION",
    "Article",
    "Chunk",
    "article_ranks",
    "chunk_article",
    "cited_chat",
    "evidence_chunk",
    "holds_facts",
    "read_article",
    "read_handbook",
    "states_facts",
    "within_budget",
]
