"""``tw-conformance check``: faults and remarks of case files; needs no target."""

from __future__ import annotations

import argparse

from tw_conformance.model.errors import ExitCode
from tw_conformance.model.words import number_of
from tw_conformance.notation.bundled import case_files


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare what :func:`check` takes."""
    parser.add_argument("paths", nargs="+", metavar="FILE", help="case files, or folders")
    parser.add_argument(
        "--strict", action="store_true", help="end with 2 where there are remarks too"
    )


def check(arguments: argparse.Namespace) -> int:
    """Print every fault of every file, and what is doubtful about the cases without one."""
    from tw_conformance.explore.lint import remarks
    from tw_conformance.notation.load import read_file

    files = case_files(arguments.paths)
    cases = faults = doubts = 0
    for file in files:
        sheet = read_file(file)
        cases += len(sheet.cases)
        faults += len(sheet.faults)
        doubtful = remarks(sheet.cases)
        doubts += len(doubtful)
        for said in (*sheet.faults, *doubtful):
            print(said)
    if faults:
        return ExitCode.USAGE
    said = f", {number_of(doubts, 'remark')}" if doubts else ""
    print(f"{number_of(len(files), 'file')}, {number_of(cases, 'case')}: no faults{said}")
    return ExitCode.USAGE if doubts and arguments.strict else ExitCode.CONFORMS
