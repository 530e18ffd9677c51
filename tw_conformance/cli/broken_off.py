"""An exploration that may be broken off: what was found is kept, and can be gone on with."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkstemp
from typing import TypeVar

from tw_conformance.explore.journal import Journal
from tw_conformance.model.errors import ExitCode, TargetError

J = TypeVar("J", bound=Journal)


@contextmanager
def keeping(file: Path | None, what: str, opened: Callable[[Path, bool], J]) -> Iterator[J]:
    """The journal in the file that was asked for; or one in a temporary file, which stays only
    where ``keep`` is set.  ``opened`` opens it in a file, to be kept or not; ``what`` is the
    exploration's name."""
    if file is None:
        descriptor, name = mkstemp(prefix=f"tw-conformance-{what}-", suffix=".journal")
        os.close(descriptor)
        journal = opened(Path(name), False)
    else:
        journal = opened(file, True)
    try:
        yield journal
    finally:
        journal.close()


def say_where(
    broken: TargetError | KeyboardInterrupt,
    done: str,
    under_way: Sequence[str],
    journal: Journal,
    code: int,
) -> int:
    """Say why and where it was broken off, and how to go on; returns what to end with, ``code``
    where that says that something was found."""
    said = "interrupted" if isinstance(broken, KeyboardInterrupt) else str(broken)
    print(f"tw-conformance: {said}", file=sys.stderr)
    if under_way:
        first, *others = under_way
        further = f", or one of {len(others)} others" if others else ""
        print(f"  under way: {first}{further}", file=sys.stderr)
    kept = f"; go on with --resume {journal.path}" if journal.keep else ""
    print(f"  after {done}{kept}", file=sys.stderr)
    if isinstance(broken, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    return code if code == ExitCode.DEVIATES else broken.exit_code
