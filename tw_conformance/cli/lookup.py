"""Cases by name, among those that are bundled or those of files that were named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tw_conformance.model.errors import UsageError
from tw_conformance.model.words import did_you_mean
from tw_conformance.notation.bundled import bundled_cases, case_files

if TYPE_CHECKING:
    import argparse

    from tw_conformance.notation.load import Sheet
    from tw_conformance.notation.matrix import Written


def add_case(parser: argparse.ArgumentParser) -> None:
    """Declare CASE, and PATH for the files to look in."""
    parser.add_argument("case", metavar="CASE", help="the ID of a case, or its name")
    parser.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="look in these files or folders, not among the bundled cases",
    )


def sheet_of(paths: Sequence[str]) -> Sheet:
    """What these files and folders hold; of none, those that are bundled.

    :raises UsageError: where one of them is not there.
    """
    from tw_conformance.notation.load import Sheet, read_file

    sheets = [read_file(file) for file in case_files(paths or [str(bundled_cases())])]
    return Sheet(
        [written for sheet in sheets for written in sheet.cases],
        [fault for sheet in sheets for fault in sheet.faults],
    )


def cases_named(wanted: str, paths: Sequence[str]) -> list[Written]:
    """The case whose ID is ``wanted``, or all of that name.

    :raises SuiteError: where there is none; where there are faults it may be among those.
    """
    sheet = sheet_of(paths)
    found = [written for written in sheet.cases if wanted in (written.case.id, written.case.name)]
    if not found:
        known = sheet.whole()
        near = did_you_mean(wanted, {name for case, *_ in known for name in (case.id, case.name)})
        raise UsageError(f"no case {wanted!r}{near} (tw-conformance list prints them all)")
    return found
