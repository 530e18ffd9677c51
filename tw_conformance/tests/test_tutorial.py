"""The tutorial is followed as it stands: its cases are saved, its commands are typed, and they
print the lines that it shows, in that order."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tw_conformance.tests.checkout import REPOSITORY, environment

PAGE = REPOSITORY / "tw_conformance" / "site" / "tutorial.md"
BLOCK = re.compile(r"^```(yaml|console)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def test_every_command_prints_what_the_tutorial_shows(tmp_path: Path) -> None:
    case = tmp_path / "mine" / "bug-1234.tw.yaml"
    case.parent.mkdir()
    followed = 0
    for kind, block in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if kind == "yaml":
            case.write_text(block, encoding="utf-8")
            continue
        for command, lines in commands(block):
            printed = typed(command, tmp_path)
            assert first_missing(lines, printed) is None, f"{command}\n{printed}"
            followed += 1
    assert followed > 5


def commands(block: str) -> Iterator[tuple[str, list[str]]]:
    """Each command of a block with the lines that it shows; ``...`` stands for others."""
    for part in block.split("$ ")[1:]:
        command, *lines = part.splitlines()
        yield command, [line for line in lines if line != "..."]


def typed(command: str, folder: Path) -> str:
    """What ``tw-conformance`` prints."""
    name, *arguments = shlex.split(command)
    assert name == "tw-conformance"
    done = subprocess.run(
        [sys.executable, "-m", name.replace("-", "_"), *arguments],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
    )
    return done.stdout + done.stderr


def first_missing(lines: Sequence[str], text: str) -> str | None:
    """The first of the lines that the text does not have behind those before it."""
    at = 0
    for line in lines:
        found = text.find(line, at)
        if found < 0:
            return line
        at = found + len(line)
    return None
