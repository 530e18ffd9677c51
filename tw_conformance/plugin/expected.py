"""Cases that are known not to pass: they don't fail a run, and one of them that passes does.

What is known stands in a file (:mod:`tw_conformance.notation.expectations`) for the whole run, in
others for a target each, or in both; what was said for the run goes first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tw_conformance.model.verdict import Verdict
from tw_conformance.notation.expectations import Expectation, first_about, load_expectations

if TYPE_CHECKING:
    from tw_conformance.model.case import Case
    from tw_conformance.plugin.options import Choice


@dataclass(slots=True)
class RunExpectations:
    """The expectations of one run, and which of them were about a case."""

    everywhere: Sequence[Expectation] = ()
    by_target: Mapping[str, Sequence[Expectation]] = field(default_factory=dict)
    _met: set[Expectation] = field(default_factory=set)

    def about(self, case: Case, choice: Choice) -> Expectation | None:
        """What is known about that case there."""
        known = (*self.everywhere, *self.by_target.get(choice.target, ()))
        found = first_about(known, case.id, choice.target, choice.profile)
        if found is not None:
            self._met.add(found)
        return found

    def stale(self, collected: Iterable[str]) -> list[str]:
        """A sentence for each that was about no case.  None where single files were ``collected``:
        the case may stand in another."""
        if not all(Path(path.partition("::")[0]).is_dir() for path in collected):
            return []
        known = chain(self.everywhere, *self.by_target.values())
        return [
            f"{each.place}: there is no case {each.case!r} here: remove the entry"
            for each in known
            if each not in self._met
        ]


def load(folder: Path, everywhere: str | None, by_target: Mapping[str, Path]) -> RunExpectations:
    """Read the files; ``folder`` is where the first is looked for.

    :raises SuiteError: where one can't be used.
    """
    return RunExpectations(
        load_expectations(folder / everywhere) if everywhere else (),
        {target: load_expectations(file) for target, file in by_target.items()},
    )


def settle(report: Any, verdict: str, expected: Expectation) -> str:
    """Let a report say what came of an expectation; returns why that fails the run, if it does."""
    if verdict == expected.verdict.value:
        report.outcome, report.wasxfail = "skipped", expected.reason
    elif verdict == Verdict.PASS.value:
        return f"unexpectedly passes: remove the entry at {expected.place} ({expected.why})"
    return ""
