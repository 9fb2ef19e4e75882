"""The README's pictures are plots that the lessons still draw."""

import make_pictures
import nbformat
import notebook_rules
import pytest


@pytest.mark.parametrize(("name", "lesson", "title"), make_pictures.PICTURES)
def test_a_picture_is_there_is_shown_and_its_lesson_still_draws_it(name, lesson, title):
    image = make_pictures.IMAGES / f"{name}.png"
    assert image.read_bytes().startswith(b"\x89PNG")
    assert image.stat().st_size < 150_000
    readme = (notebook_rules.ROOT / "README.md").read_text(encoding="utf-8")
    assert f"](docs/images/{name}.png)" in readme
    notebook = notebook_rules.read(notebook_rules.ROOT / "notebooks" / f"{lesson}.ipynb")
    assert sum(title in cell.source for cell in notebook.cells) == 1


def lesson(path, outputs):
    cell = nbformat.v4.new_code_cell("plt.title('Found')", outputs=outputs)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    return path


def test_the_plot_of_a_cell_is_taken_by_its_title(tmp_path):
    output = nbformat.v4.new_output("display_data", data={"image/png": "iVBORw0KGgo="})
    png = make_pictures.plot(lesson(tmp_path / "05.ipynb", [output]), "Found")
    assert png == b"\x89PNG\r\n\x1a\n"


def test_a_plot_that_is_gone_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"05\.ipynb has no plot titled 'Found'; run make course"):
        make_pictures.plot(lesson(tmp_path / "05.ipynb", []), "Found")
