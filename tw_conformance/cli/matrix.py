"""``tw-conformance matrix``: what each stack answers, from the results of any runs, on one page."""

from __future__ import annotations

import argparse
from pathlib import Path

from tw_conformance.model.errors import ExitCode
from tw_conformance.model.words import number_of


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare what :func:`matrix` takes."""
    parser.add_argument(
        "results", nargs="+", metavar="RESULTS", help="files that run --results wrote"
    )
    parser.add_argument("--html", required=True, metavar="FILE", help="the page to write")


def matrix(arguments: argparse.Namespace) -> int:
    """Read results and write the page.

    :raises UsageError: where one can't be read, or the page not be written.
    """
    from tw_conformance.report.files import check_writable, write_whole
    from tw_conformance.report.matrix_cells import matrix_of
    from tw_conformance.report.matrix_page import matrix_page
    from tw_conformance.report.results import read_results

    page = Path(arguments.html)
    check_writable(page, "--html")
    made = matrix_of(read_results(map(Path, arguments.results)))
    write_whole(page, matrix_page(made).encode())
    differing = sum(row.differs for row in made.rows)
    print(
        f"{page}: {number_of(len(made.rows), 'row')}, {number_of(len(made.columns), 'stack')};"
        f" they differ in {number_of(differing, 'row')}"
    )
    return ExitCode.CONFORMS
