"""The cases of some files as one corpus: whoever counts names them by their place in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tw_conformance.model.case import Case
from tw_conformance.notation.bundled import bundled_cases, case_files
from tw_conformance.notation.load import load_file


class Corpus(NamedTuple):
    cases: Sequence[Case]
    names: Sequence[str]
    """The ID of each, behind its file where another file has a case of that name too."""


def read_corpus(paths: Sequence[str]) -> Corpus:
    """The cases of files and folders; of none, those that come with the suite.

    :raises SuiteError: where a path is not there, or a file has a fault.
    """
    files = case_files(paths or [str(bundled_cases())])
    found = [(file, case) for file in files for case in load_file(file)]
    holders: dict[str, set[Path]] = {}
    for file, case in found:
        holders.setdefault(case.name, set()).add(file)
    names = [
        case.id if len(holders[case.name]) == 1 else f"{file.name}::{case.id}"
        for file, case in found
    ]
    return Corpus([case for _, case in found], names)
