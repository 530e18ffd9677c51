"""``tw-conformance record``: the connections that close in a capture, each as a case."""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tw_conformance.cli.shared_options import add_folder
from tw_conformance.cli.trace import add_capture
from tw_conformance.model.errors import ExitCode, UsageError
from tw_conformance.model.words import number_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tw_conformance.captures.conversation import Closing
    from tw_conformance.model.case import Case
    from tw_reference.profiles.profile import Profile

_MOST = 100
"""Cases that are written unless told otherwise."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare what :func:`record` takes."""
    parser.epilog = (
        "exit codes: 0, cases were written; 2, the command line is wrong, or the file is no"
        " capture; 5, no connection closes in it"
    )
    add_capture(parser)
    add_folder(parser, "the files")
    parser.add_argument("--name", metavar="NAME", help="what their names begin with")
    parser.add_argument(
        "--most", type=int, default=_MOST, metavar="N", help=f"so many at most. Default: {_MOST}"
    )


def record(arguments: argparse.Namespace) -> int:
    """Write a case for each way in which connections close.

    :raises SuiteError: where the file is no capture, or a case can't be written.
    """
    from tw_conformance.captures.conversation import Conversations
    from tw_conformance.captures.reading import CaptureReader
    from tw_conformance.captures.trace_text import remains
    from tw_conformance.plugin.options import profile_names
    from tw_reference.profiles import PROFILES

    profiles = [PROFILES[name] for name in profile_names(arguments.profile)]
    reading, following = CaptureReader(arguments.capture), Conversations(arguments.dut)
    stories, more = _stories(following.closings(reading), arguments.most)
    prefix = arguments.name or _slug(arguments.capture.stem)
    cases = _cases(stories, prefix, arguments.capture.name, following.untold)
    for case, number in cases:
        _write(case, number, profiles, arguments.folder)
    for line in remains(reading, following.untold):
        print(line, file=sys.stderr)
    if more:
        print(f"{number_of(more, 'connection')} more, left out: --most", file=sys.stderr)
    if not cases:
        seen = f"{number_of(reading.frames, 'frame')}, {number_of(reading.segments, 'TCP segment')}"
        print(f"{arguments.capture}: {seen}, and no connection that closes", file=sys.stderr)
    return ExitCode.CONFORMS if cases else ExitCode.NOTHING


def _stories(closings: Iterable[Closing], most: int) -> tuple[list[tuple[Closing, int]], int]:
    """The first connection with each story, at most so many, and how many had it; and how many
    connections had others."""
    from tw_conformance.captures.story import Story, story_of

    first: dict[Story, Closing] = {}
    times = Counter[Story]()
    more = 0
    for closing in closings:
        story = story_of(closing)
        if story is None:
            continue
        if story not in first and len(first) >= most:
            more += 1
            continue
        first.setdefault(story, closing)
        times[story] += 1
    return [(closing, times[story]) for story, closing in first.items()], more


def _cases(
    stories: Sequence[tuple[Closing, int]], prefix: str, capture: str, untold: Counter[str]
) -> list[tuple[Case, int]]:
    """A case for each story, those that say the same once, and how many connections it is of."""
    from tw_conformance.captures.recording import recorded
    from tw_conformance.notation.write import case_to_yaml

    cases: dict[str, tuple[Case, int]] = {}
    for closing, times in stories:
        case = recorded(closing, f"{prefix}-{len(cases) + 1}", capture)
        if case is None:
            untold["no case can say what comes first"] += times
            continue
        said = case_to_yaml(replace(case, name="", title="", cites=()))
        known, number = cases.get(said, (case, 0))
        cases[said] = known, number + times
    return list(cases.values())


def _write(case: Case, number: int, profiles: Sequence[Profile], folder: Path) -> None:
    """With what each profile answers beside it; only about those that meet it, if some do."""
    from tw_conformance.captures.opinions import opinion
    from tw_conformance.notation.globs import globs_of
    from tw_conformance.notation.load import load_file
    from tw_conformance.notation.write import save_case, schema_comment
    from tw_reference.profiles import PROFILES

    said = opinion(case, profiles)
    if said.holds and len(said.holds) < len(PROFILES):
        case = replace(case, profiles=globs_of(said.holds))
    path = folder / f"{case.name}.tw.yaml"
    if path.exists():
        raise UsageError(f"{path} is there already: give another --name")
    remarks = [schema_comment(folder), f"{number_of(number, 'connection')} like this"]
    if not said.holds:
        remarks.append("no documented stack does all of this")
    try:
        save_case(case, folder, "\n".join(remarks), beside=said.beside)
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror}") from error
    load_file(path)
    print(path)


def _slug(text: str) -> str:
    return "-".join(re.findall("[a-z0-9]+", text.lower())) or "capture"
