"""The bundled cases, for tests that play them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from tw_conformance.model.case import Case
from tw_conformance.notation.bundled import bundled_cases, case_files
from tw_conformance.notation.load import load_file


@cache
def every_case() -> Sequence[Case]:
    """All of them; read once in a process, which takes a second or two."""
    return tuple(case for file in case_files([str(bundled_cases())]) for case in load_file(file))
