"""Cases by name, among those that are bundled or those of files that were named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tw_conformance.model.errors import UsageError
from tw_conformance.model.words import did_you_mean
from tw_conformance.notation.bundled import bundled_cases, case_files

if TYPE_CHECKING:
    import argparse

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


def cases_of(paths: Sequence[str]) -> Iterator[Written]:
    """The cases of these files and folders; of none, those that are bundled.

    :raises SuiteError: where a file can't be read, or a case has a fault.
    """
    from tw_conformance.notation.load import read_file

    for file in case_files(paths or [str(bundled_cases())]):
        yield from read_file(file)


def cases_named(wanted: str, paths: Sequence[str]) -> list[Written]:
    """The case whose ID is ``wanted``, or all of that name.

    :raises UsageError: where there is none.
    """
    known = list(cases_of(paths))
    found = [written for written in known if wanted in (written.case.id, written.case.name)]
    if not found:
        near = did_you_mean(wanted, {name for case, *_ in known for name in (case.id, case.name)})
        raise UsageError(f"no case {wanted!r}{near} (tw-conformance list prints them all)")
    return found
