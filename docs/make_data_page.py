"""Write docs/data.md: the figures that tell whether the data is good.

    make data

Everything on the page is computed here from the committed files and the two models.
"""

import json
import re
from collections import Counter
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from course_utils import docstrings, models, noise, rag, runtime
from course_utils.shop import clean, defects

DOCS = Path(__file__).resolve().parent
BLUE, ORANGE = "#0072B2", "#D55E00"

# How to read each section's figures; the sections are those of `main`.
READING = {
    "Words": "Look for a wide spread of lengths, and for many different words to a text.",
    "Customer messages": (
        "The base model should find the messages hard and not hopeless: a recall@1 from 0.5 to "
        "0.75 on `test_seen` and `test_unseen`. A query of `test_seen` or `test_indirect` looks "
        "for its nearest message in `train`, one of `test_unseen` among the others of its split. "
        "`test_indirect` holds only messages that avoid naming the thing, and is harder on "
        "purpose."
    ),
    "Questions on the tables": (
        "Each shape stands in each split, equally often. The six tables that training never sees "
        "have the larger shares because they are only six."
    ),
    "Questions on the handbook": (
        "A question on two articles can't find both in one chunk, so its first figure is 0 by "
        "nature. An old and a new article compete for the dated ones."
    ),
    "Docstrings of the installed libraries": (
        "The questions avoid the words of the names they ask for, so a search by meaning has "
        "little to hold on to: the low figures are the point."
    ),
    "Planted defects": (
        "Honest repair: restore the value, blank a cell that can't be known, drop a row that "
        "doesn't belong, keep what only looks broken."
    ),
}


def read_jsonl(name: str) -> list[dict]:
    """Return the rows of a file in `data/`."""
    lines = (runtime.data_dir() / name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def table(head: tuple[str, ...], rows: list[tuple]) -> str:
    """Return a Markdown table."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def spread(texts: list[str]) -> tuple:
    """Return count, words (least, median, most) and vocabulary of some texts."""
    lengths = [len(text.split()) for text in texts]
    vocabulary = {word for text in texts for word in re.findall(r"\w+", text.lower())}
    middle = f"{min(lengths)} / {np.median(lengths):.0f} / {max(lengths)}"
    return f"{len(texts):,}", middle, f"{len(vocabulary):,}"


def words_section(intents: list[dict], sql: list[dict], rag_rows: list[dict]) -> str:
    """Lengths and vocabulary of every text that a person wrote."""
    articles = rag.read_handbook(runtime.data_dir() / "handbook")
    tickets = clean.clean_tables().tickets["message"].tolist()
    named = {
        "handbook articles": [article.body for article in articles],
        "customer messages (`intents.jsonl`)": [row["text"] for row in intents],
        "ticket messages": tickets,
        "questions on the handbook": [row["question"] for row in rag_rows],
        "questions on the tables": [row["question"] for row in sql],
        "questions on the libraries": [r["question"] for r in read_jsonl("api_questions.jsonl")],
    }
    rows = [(name, *spread(texts)) for name, texts in named.items()]
    head = ("texts", "number", "words: least / median / most", "different words")
    return table(head, rows)


def recall_at_1(vectors: np.ndarray, labels: np.ndarray, queries, pool) -> float:
    """Return the share of queries whose nearest other text in the pool has their label."""
    similarity = vectors[queries] @ vectors[pool].T
    similarity[queries[:, None] == pool[None, :]] = -1  # not itself
    return float(np.mean(labels[pool][similarity.argmax(axis=1)] == labels[queries]))


def intents_section(intents: list[dict], embedder) -> str:
    """Base recall@1 and the closest pair across splits, with a histogram."""
    vectors = embedder.encode([row["text"] for row in intents], show_progress_bar=False)
    labels = np.array([row["intent"] for row in intents])
    at = {
        split: np.flatnonzero([row["split"] == split for row in intents])
        for split in ("train", "dev", "test_seen", "test_unseen", "test_indirect")
    }
    pools = {
        "test_seen": (at["test_seen"], at["train"]),
        "test_unseen": (at["test_unseen"], at["test_unseen"]),
        "test_indirect": (at["test_indirect"], at["train"]),
    }
    rows = [
        (name, len(queries), f"{recall_at_1(vectors, labels, queries, pool):.2f}")
        for name, (queries, pool) in pools.items()
    ]
    held_out = np.concatenate([at["test_seen"], at["test_unseen"], at["test_indirect"]])
    nearest = (vectors[held_out] @ vectors[at["train"]].T).max(axis=1)
    fig, ax = plt.subplots(figsize=(7, 3))
    ax.hist(nearest, bins=np.arange(0.1, 1.01, 0.03), color=BLUE)
    ax.axvline(nearest.max(), color=ORANGE, lw=2)
    ax.text(nearest.max() + 0.01, ax.get_ylim()[1] * 0.8, f"closest: {nearest.max():.2f}")
    ax.set(title="No held-out message is a near copy of a training message", xlim=(0.1, 1.05))
    ax.set(xlabel="cosine similarity to the nearest training message", ylabel="held-out messages")
    save(fig, "intents-nearest.svg")
    counts = Counter(row["split"] for row in intents)
    sizes = ", ".join(f"{split} {counts[split]}" for split in at)
    return (
        f"Messages by split: {sizes}. Of {len(set(labels))} intents, "
        f"{len(set(labels[at['test_unseen']]))} are never seen in training.\n\n"
        + table(("queries", "number", "recall@1 of the base model"), rows)
        + "\n\n![Histogram: the similarity of each held-out message to its nearest training "
        f"message; the closest pair has {nearest.max():.2f}.](images/intents-nearest.svg)"
    )


def sql_section(sql: list[dict]) -> str:
    """Rows by split, and how evenly shapes and tables are spread."""
    rows = []
    for split in dict.fromkeys(row["split"] for row in sql):
        part = [row for row in sql if row["split"] == split]
        shapes = Counter(row["shape"] for row in part)
        tables = Counter(name for row in part for name in row["tables"])
        share = max(tables.values()) / tables.total()
        least, most = min(shapes.values()), max(shapes.values())
        rows.append(
            (split, len(part), len(shapes), f"{least} to {most}", len(tables), f"{share:.1%}")
        )
    head = ("split", "rows", "shapes", "rows a shape", "tables", "share of the most used table")
    clauses = {
        "WHERE": " WHERE ",
        "COUNT": "COUNT(",
        "SUM, AVG, MIN, MAX": r"(SUM|AVG|MIN|MAX)\(",
        "GROUP BY": " GROUP BY ",
        "HAVING": " HAVING ",
        "ORDER BY with LIMIT": " LIMIT ",
        "JOIN of two tables": r"^(?!.* JOIN .* JOIN ).* JOIN ",
        "JOIN of three tables": " JOIN .* JOIN ",
        "DISTINCT": "DISTINCT ",
        "BETWEEN": " BETWEEN ",
        "LIKE": " LIKE ",
        "IS NULL, IS NOT NULL": " IS (NOT )?NULL",
        "subquery": r"\(SELECT ",
    }
    found = {
        name: sum(bool(re.search(pattern.replace("COUNT(", r"COUNT\("), row["sql"])) for row in sql)
        for name, pattern in clauses.items()
    }
    fig, ax = plt.subplots(figsize=(7, 3.6))
    names = sorted(found, key=found.get)
    ax.barh(names, [found[name] for name in names], color=BLUE)
    ax.bar_label(ax.containers[0], padding=3)
    ax.set(title="Every kind of query is there", xlabel="queries that use it")
    ax.margins(x=0.12)
    save(fig, "sql-clauses.svg")
    alt = ", ".join(f"{name} {count}" for name, count in found.items())
    picture = f"![Bars: queries by what they use: {alt}.](images/sql-clauses.svg)"
    return f"{table(head, rows)}\n\n{picture}"


def rag_section(rag_rows: list[dict], embedder) -> str:
    """Questions by kind, and how often the base model finds the article."""
    articles = rag.read_handbook(runtime.data_dir() / "handbook")
    chunks = [chunk for article in articles for chunk in rag.chunk_article(article)]
    vectors = embedder.encode([chunk.text for chunk in chunks], show_progress_bar=False)
    of = np.array([chunk.article_id for chunk in chunks])
    rows = []
    for kind in ("single", "two", "dated", "none"):
        part = [row for row in rag_rows if row["kind"] == kind]
        queries = embedder.encode([row["question"] for row in part], show_progress_bar=False)
        best = np.argsort(-(queries @ vectors.T), axis=1)
        hits = [
            [
                set(row["articles"]) <= set(of[order[:k]])
                for row, order in zip(part, best, strict=True)
            ]
            for k in (1, 3)
        ]
        found = "" if kind == "none" else " / ".join(f"{np.mean(hit):.2f}" for hit in hits)
        rows.append((kind, len(part), found))
    note = f"The handbook has {len(articles)} articles in {len(chunks)} chunks."
    head = ("kind of question", "number", "all its articles among the first 1 / 3 chunks")
    return note + "\n\n" + table(head, rows)


def docstrings_section(embedder) -> str:
    """The raw corpus, and how often the base model finds an API in the cleaned one."""
    entries = docstrings.harvest()
    flags = {
        "rows as harvested": len(entries),
        "without a docstring": sum(entry.docstring is None for entry in entries),
        "inherited": sum(entry.inherited for entry in entries),
        "exact duplicates": sum(entry.duplicate_of is not None for entry in entries),
        "with markup": sum(entry.has_markup for entry in entries),
    }
    kept = [e for e in entries if e.docstring and e.duplicate_of is None]
    texts = [f"{e.name}\n{' '.join(e.docstring.split()[:80])}" for e in kept]
    vectors = embedder.encode(texts, show_progress_bar=False)
    questions = read_jsonl("api_questions.jsonl")
    queries = embedder.encode([row["question"] for row in questions], show_progress_bar=False)
    best = np.argsort(-(queries @ vectors.T), axis=1)
    names = np.array([entry.name for entry in kept])
    same = {e.name: e.duplicate_of or e.name for e in entries}
    recalls = [
        np.mean(
            [
                bool({same[a] for a in row["answers"]} & set(names[order[:k]]))
                for row, order in zip(questions, best, strict=True)
            ]
        )
        for k in (1, 5, 10)
    ]
    found = ", ".join(f"@{k} {recall:.2f}" for k, recall in zip((1, 5, 10), recalls, strict=True))
    return (
        table(("docstrings", "number"), list(flags.items()))
        + f"\n\n{len(questions)} questions; recall of the base model over the {len(kept):,} "
        f"distinct docstrings: {found}."
    )


def defects_section() -> str:
    """Every planted defect with its count."""
    _, planted = defects.plant_defects(clean.clean_tables())
    rows = [
        (p.table, p.column or "whole row", p.name.replace("_", " "), p.count, p.repair, p.why)
        for p in planted
    ]
    head = ("table", "column", "defect", "rows", "honest repair", "how exports come to have it")
    total = sum(p.count for p in planted)
    return f"{len(planted)} defects mark {total:,} rows.\n\n" + table(head, rows)


def save(fig, name: str) -> None:
    """Save a figure as SVG, the same bytes for the same data."""
    fig.savefig(DOCS / "images" / name, bbox_inches="tight", metadata={"Date": None})
    plt.close(fig)


def main() -> None:
    """Write the page and its pictures."""
    noise.hide_known()
    plt.rcParams["svg.hashsalt"] = "data page"
    embedder = models.load_embedder("all-MiniLM-L6-v2", device="cpu")
    intents, sql = read_jsonl("intents.jsonl"), read_jsonl("text_to_sql.jsonl")
    rag_rows = read_jsonl("rag_questions.jsonl")
    parts = {
        "Words": words_section(intents, sql, rag_rows),
        "Customer messages": intents_section(intents, embedder),
        "Questions on the tables": sql_section(sql),
        "Questions on the handbook": rag_section(rag_rows, embedder),
        "Docstrings of the installed libraries": docstrings_section(embedder),
        "Planted defects": defects_section(),
    }
    head = (
        "# Is the data good?\n\n"
        "`make data` writes this page from the files in `data/`, which its "
        "[card](../data/README.md) describes. Base model: all-MiniLM-L6-v2, not fine-tuned.\n"
    )
    sections = [f"\n## {title}\n\n{READING[title]}\n\n{text}\n" for title, text in parts.items()]
    body = "".join(sections)
    (DOCS / "data.md").write_text(head + body, encoding="utf-8")


if __name__ == "__main__":
    main()
