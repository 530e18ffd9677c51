"""The site: how Sphinx makes it of the pages where they lie.  ``ci/site`` runs it.

The source folder is the whole checkout, so that a link which is right in the checkout is right on
the site; a link to a file that is no page becomes a download of it.  Sphinx needs the table of
contents within its first page, which the README has no use for: it is put there as it is read.
"""

from pathlib import Path

from sphinx.application import Sphinx

HERE = Path(__file__).parent

project = "tw-conformance"
root_doc = "README"
include_patterns = [
    "README.md",
    "tw_conformance/*.md",
    "tw_conformance/churn/README.md",
    "tw_conformance/site/*.md",
    "cases/OBSERVED.md",
    "reference/RULES.md",
]
exclude_patterns = ["tw_conformance/site/contents.md"]
extensions = ["myst_parser"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = project
html_show_copyright = False
html_copy_source = False


def _with_contents(_: Sphinx, name: str, text: list[str]) -> None:
    if name == root_doc:
        text[0] += (HERE / "contents.md").read_text(encoding="utf-8")


def setup(app: Sphinx) -> None:
    app.connect("source-read", _with_contents)
