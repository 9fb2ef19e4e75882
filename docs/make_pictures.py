"""Take the README's pictures out of the executed lessons: `python docs/make_pictures.py`.

They are plots of real runs, so run `make course` first. Each is found by the title that its cell
gives it; a picture whose plot is gone stops the script.
"""

import base64
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
EXECUTED = ROOT / "build" / "executed"
IMAGES = ROOT / "docs" / "images"

# picture, lesson, the plot's title
PICTURES = (
    ("margin", "05_sentence_transformer_fit", "Only the mended recipe leaves strangers"),
    ("index-recall", "07_milvus_ingest", "The harder it looks, the more it finds"),
    ("whose-error", "08_rag_capstone", "The search comes first; behind it"),
)


def plot(lesson: Path, title: str) -> bytes:
    """Return the plot of the one cell whose source holds a title, as PNG.

    Raises:
        ValueError: No cell has that title, or it left no plot.
    """
    notebook = nbformat.read(lesson, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code" and title in cell.source:
            for output in cell.outputs:
                if png := output.get("data", {}).get("image/png"):
                    return base64.b64decode(png)
    raise ValueError(f"{lesson.name} has no plot titled {title!r}; run make course first")


if __name__ == "__main__":
    for name, lesson, title in PICTURES:
        (IMAGES / f"{name}.png").write_bytes(plot(EXECUTED / f"{lesson}.ipynb", title))
