"""What can go wrong that is not a verdict.

Every error is one clear sentence for a person; a traceback is a bug.  Exit codes are those of the
``tw-conformance`` command (the README lists them beside pytest's own).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path


class ExitCode(IntEnum):
    """Exit codes of ``tw-conformance``."""

    CONFORMS = 0
    DEVIATES = 1
    USAGE = 2
    """The command line or a case file is wrong."""
    TARGET = 3
    """The target can't be had: no permission, no route, no answer, no namespace."""
    INCONCLUSIVE = 4
    """Nothing deviates, but at least one case could not be decided."""
    NOTHING = 5
    """No case was played: none was selected, or the target lacks something for each."""
    INTERRUPTED = 130


class SuiteError(Exception):
    """Base of all errors that this project raises on purpose."""

    exit_code = ExitCode.USAGE


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in a case file; ``line`` and ``column`` count from 1."""

    file: Path
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in a case file: where, and what was expected instead."""

    place: Place
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class CaseError(SuiteError):
    """A case file that can't be used; carries every fault found in it, in order of appearance."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = sorted(faults, key=lambda f: (f.place.line, f.place.column))
        super().__init__("\n".join(str(fault) for fault in self.faults))


class UsageError(SuiteError):
    """The command line asks for something that is not there."""


class TargetError(SuiteError):
    """The target or the way to it is not there; the message says what to do."""

    exit_code = ExitCode.TARGET


class TargetGone(TargetError):
    """Nothing more can be learned from the target in this run."""


class NoSuchCall(TargetError):
    """A socket call that can't be made there; says why."""
