"""The site: how Sphinx makes it of the pages where they lie.  ``ci/site`` runs it.

The source folder is the whole checkout, so that a link which is right in the checkout is right on
the site; a link to a file that is no page becomes a download of it, one to a folder just its name.
Sphinx needs the table of contents within its first page, which the README has no use for: it is put
there as it is read.
"""

from pathlib import Path

from docutils.nodes import document
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx

HERE = Path(__file__).parent

project = "tw-conformance"
root_doc = "README"
include_patterns = ["README.md", "tw_conformance/**.md", "cases/**.md", "reference/**.md"]
exclude_patterns = ["tw_conformance/site/contents.md"]
suppress_warnings = ["toc.not_included"]  # a page that only others lead to is found as well
extensions = ["myst_parser"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = project
html_show_copyright = False
html_copy_source = False


def _with_contents(_: Sphinx, name: str, text: list[str]) -> None:
    if name == root_doc:
        text[0] += (HERE / "contents.md").read_text(encoding="utf-8")


def _folders(app: Sphinx, doctree: document) -> None:
    here = Path(app.env.doc2path(app.env.docname)).parent
    for link in list(doctree.findall(pending_xref)):
        if (here / link["reftarget"]).is_dir():
            link.replace_self(link.children)


def setup(app: Sphinx) -> None:
    app.connect("doctree-read", _folders)
    app.connect("source-read", _with_contents)
