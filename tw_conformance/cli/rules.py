"""``tw-conformance rules``: the decision lists, two of them side by side, or a segment's way
through."""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from tw_conformance.model.errors import ExitCode, SuiteError
from tw_conformance.model.words import no_such

if TYPE_CHECKING:
    from tw_conformance.report.document import Block
    from tw_reference.profiles.profile import Profile
    from tw_reference.rules.decision import AnyStage

FORMATS = ("text", "markdown", "json")

_NARROWEST, _WIDEST = 60, 140
"""Text is set for the terminal's width, within these."""


class _Findings(NamedTuple):
    """What is to be printed: for people, and for machines."""

    blocks: list[Block]
    value: Any


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare what :func:`rules` takes."""
    parser.add_argument(
        "profiles", nargs="*", metavar="PROFILE", help="a documented stack. Default: all of them"
    )
    parser.add_argument(
        "--profile", action="append", default=[], metavar="NAME", help="the same; repeatable"
    )
    parser.add_argument("--list", metavar="STAGE", help="one list only, e.g. TIME-WAIT or LISTEN")
    parser.add_argument(
        "--diff", nargs=2, metavar=("A", "B"), help="two profiles side by side, stage by stage"
    )
    parser.add_argument(
        "--explain",
        metavar="SEGMENT",
        help="which rule decides on this segment, and why no earlier one does, e.g. "
        "'RST seq=rcv_nxt' or 'SYN seq=rcv_nxt+1 tsval=older listener=no'. Flags come first, then "
        "seq, ack, len, tsval; timestamps, state, age, listener, last_ack (what it finds); "
        "settings of the stack",
    )
    parser.add_argument(
        "--format", choices=FORMATS, default=FORMATS[0], help="text (default), markdown or json"
    )


def rules(arguments: argparse.Namespace) -> int:
    """Print what was asked for.

    :raises SuiteError: where there is no such profile, list, setting or segment.
    """
    findings = _findings(arguments)
    match arguments.format:
        case "json":
            print(json.dumps(findings.value, indent=2, ensure_ascii=False))
        case "markdown":
            from tw_conformance.report.document import as_markdown

            print(as_markdown(findings.blocks), end="")
        case _:
            from tw_conformance.report.document import as_text

            columns = shutil.get_terminal_size().columns
            width = min(max(columns, _NARROWEST), _WIDEST)
            print(as_text(findings.blocks, width), end="")
    return ExitCode.CONFORMS


def _findings(arguments: argparse.Namespace) -> _Findings:
    names = [*arguments.profiles, *arguments.profile]
    if arguments.explain is not None:
        if arguments.list or arguments.diff:
            raise SuiteError("--explain asks every list of a profile: leave out --list and --diff")
        return _explained(arguments.explain, names)
    if arguments.diff:
        if names:
            raise SuiteError(f"--diff names its two profiles itself: leave out {names[0]}")
        first, second = (_profiles([name])[0] for name in arguments.diff)
        return _compared(first, second, arguments.list)
    return _printed(_profiles(names), arguments.list)


def _printed(profiles: Sequence[Profile], wanted: str | None) -> _Findings:
    from tw_conformance.report.rule_documents import profile_document
    from tw_conformance.report.rules_json import profile_value

    stage = _stage(wanted, profiles)
    having = [profile for profile in profiles if stage is None or profile.find(stage) is not None]
    blocks = [block for profile in having for block in profile_document(profile, stage)]
    return _Findings(blocks, [profile_value(profile, stage) for profile in having])


def _compared(first: Profile, second: Profile, wanted: str | None) -> _Findings:
    from tw_conformance.report.rule_documents import difference_document
    from tw_conformance.report.rules_json import difference_value

    stage = _stage(wanted, (first, second))
    return _Findings(
        difference_document(first, second, stage), difference_value(first, second, stage)
    )


def _explained(text: str, names: Sequence[str]) -> _Findings:
    """Profiles that were named must have the settings in question; of all others, those that
    do."""
    from tw_conformance.notation.stimulus import parse
    from tw_conformance.report.rule_documents import explanation_document
    from tw_conformance.report.rules_json import explanation_value
    from tw_reference.explain import Unreachable

    profiles = _profiles(names)
    stimulus = parse(text, list(dict.fromkeys(s for p in profiles for s in p.settings)))
    chosen = profiles if names else [p for p in profiles if stimulus.suits(p)]
    if not chosen:
        settings = " and ".join(stimulus.settings)
        raise SuiteError(f"no profile has {settings} at once; leave one out")
    findings = _Findings([], [])
    for profile in chosen:
        try:
            explanation = stimulus.explain(profile)
        except Unreachable as error:
            raise SuiteError(str(error)) from None
        findings.blocks.extend(explanation_document(stimulus, explanation))
        findings.value.append(explanation_value(stimulus, explanation))
    return findings


def _profiles(names: Sequence[str]) -> list[Profile]:
    from tw_conformance.targets.registry import profile_named
    from tw_reference.profiles import PROFILES

    return [PROFILES[name] for name in dict.fromkeys(map(profile_named, names or PROFILES))]


def _stage(wanted: str | None, profiles: Sequence[Profile]) -> AnyStage | None:
    """The stage by its name, capitals aside, which one of the profiles must have."""
    if wanted is None:
        return None
    stages = {str(rules.stage): rules.stage for p in profiles for rules in p.lists()}
    for name, stage in stages.items():
        if name.casefold() == wanted.casefold():
            return stage
    raise SuiteError(no_such("no list", wanted, stages))
