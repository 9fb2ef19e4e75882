"""Sphinx: the course's pages. `docs/build_pages.py` lays their sources out and calls it."""

import sys
import tomllib
from pathlib import Path

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
sys.path[:0] = [str(DOCS), str(ROOT)]

import course_utils
from course_utils import noise

project = "LLM engineering, hands on"
author = "the maintainers of the course"
release = course_utils.__version__

extensions = ["myst_nb", "mathml", "page_links"]
suppress_warnings = []  # a warning stops the build

# The lessons come executed; nothing runs here.
nb_execution_mode = "off"
nb_merge_streams = True
nb_output_stderr = "remove"  # progress bars: the runner lets nothing else pass
nb_ipywidgets_js = {}  # by default two scripts from the web; build_pages.py takes the widgets out
myst_heading_anchors = 3  # links such as #vectors
myst_enable_extensions = ["dollarmath"]  # formulas, as in JupyterLab
html_math_renderer = "mathml"

html_theme = "sphinx_book_theme"
html_title = project
html_static_path = ["_static"]
html_css_files = ["course.css"]
html_theme_options = {
    "home_page_in_toc": True,
    "navbar_persistent": [],  # the search field stands in the sidebar already
}
html_show_copyright = False
html_show_search_summary = False  # it fetches the pages found, which a browser forbids on a disk

# A fork that names its address in pyproject.toml gets the button that opens a lesson on Colab.
urls = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"].get("urls", {})
course_repository = urls.get("Repository", "")

if tags.has("site"):  # noqa: F821  Sphinx defines it; the reader of `make course` does without
    extensions += ["sphinx.ext.apidoc", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
    apidoc_modules = [
        {
            "path": str(ROOT / "course_utils"),
            "destination": "api",
            # The lessons' solutions aren't for reading here, nor what only runs as a program.
            "exclude_patterns": [
                str(ROOT / "**" / name) for name in ("lesson_*.py", "__main__.py")
            ],
            "automodule_options": {"members"},
            "separate_modules": True,
            "module_first": True,
        }
    ]
    exclude_patterns = ["api/modules.rst"]  # a list of one package
    add_module_names = False
    autodoc_member_order = "bysource"
    # Each thing stands once, where it is written, and not again where a package hands it on.
    autodoc_default_options = {"ignore-module-all": True}
    noise.hide_known()  # autodoc imports every module
    default_role = "code"  # the docstrings write `names` as Markdown does
