"""Where the two packages are, for tests that start a process of their own."""

from __future__ import annotations

import os
from pathlib import Path

import tw_conformance
import tw_reference

REPOSITORY = Path(tw_conformance.__file__).parents[1]
PYTHONPATH = os.pathsep.join((str(REPOSITORY), str(Path(tw_reference.__file__).parents[1])))
"""Finds both without an installation."""


def environment(**more: str) -> dict[str, str]:
    """The environment for a process that imports the packages, also without an installation."""
    given = {**os.environ, **more}
    paths = filter(None, (PYTHONPATH, given.get("PYTHONPATH", "")))
    return {**given, "PYTHONPATH": os.pathsep.join(paths)}
