"""Cases that did not pass for one reason are explained once.

A matrix makes many variants of a case, and a DUT that breaks one rule fails most of them in the
same step and in the same way.  The report of the first is printed, with the others' names below
it; pytest still counts and lists each, and a JUnit file has each with its own explanation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from textwrap import fill
from typing import Any

from tw_conformance.model.words import number_of
from tw_conformance.plugin.failure_text import FailureText
from tw_conformance.plugin.internals import hide_from_summary


def explain_once(reports: Iterable[Any], width: int) -> list[Any]:
    """The reports that are to be shown, of which each names those that it stands for."""
    groups: dict[object, list[Any]] = {}
    for report in reports:
        cause = getattr(report, "tw_cause", None) or [report.nodeid]
        groups.setdefault(tuple(cause), []).append(report)
    for first, *others in groups.values():
        if others:
            _stand_for(first, others, width)
    return [alike[0] for alike in groups.values()]


def _stand_for(first: Any, others: Sequence[Any], width: int) -> None:
    names = [other.nodeid.rpartition("[")[2].rstrip("]") for other in others]
    variants = number_of(len(names), "other variant")
    listed = fill(
        "  ".join(names),
        width,
        initial_indent="  ",
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    note = f"\n\nthe same in {variants}:\n{listed}"
    explained = first.tw_explanation
    explained = {key: explained[key] + note for key in ("plain", "marked_up")}
    first.tw_explanation = {**first.tw_explanation, **explained}
    if isinstance(first.longrepr, FailureText):
        first.longrepr = FailureText(**first.tw_explanation)
    for other in others:
        hide_from_summary(other)
