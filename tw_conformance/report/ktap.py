"""The verdicts of a run as KTAP, version 1, which the kernel's selftests and CIs read
(``Documentation/dev-tools/ktap.rst``).

KTAP has two results and a handful of directives, so INCONCLUSIVE is the one that fails the run all
the same: ``not ok`` with the directive ERROR.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

Directive = Literal["", "SKIP", "XFAIL", "ERROR"]


@dataclass(frozen=True, slots=True)
class KtapLine:
    """What came of one test.  ``why`` stands behind the directive, or, where there is none, behind
    a bare ``#``."""

    name: str
    ok: bool
    directive: Directive = ""
    why: str = ""
    diagnostics: Sequence[str] = ()
    """Lines that go before the result."""


def ktap(lines: Iterable[KtapLine]) -> str:
    """The whole document; a test's number is its place."""
    told = list(lines)
    text = ["KTAP version 1", f"1..{len(told)}"]
    for number, line in enumerate(told, start=1):
        text += _result(number, line)
    return "\n".join(text) + "\n"


def _result(number: int, line: KtapLine) -> Iterator[str]:
    yield from (f"# {said}".rstrip() for said in line.diagnostics)
    result = "ok" if line.ok else "not ok"
    # A description can't have the sign that ends it.
    name = " ".join(line.name.replace("#", "/").split())
    behind = " ".join(f"{line.directive} {line.why}".split())
    yield f"{result} {number} {name}" + (f" # {behind}" if behind else "")
