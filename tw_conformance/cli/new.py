"""``tw-conformance new``: a case from one segment, with what each profile answers filled in."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace

from tw_conformance.cli.shared_options import add_folder
from tw_conformance.model.errors import ExitCode, UsageError


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare what :func:`new` takes."""
    parser.add_argument(
        "segment",
        nargs="?",
        metavar="SEGMENT",
        help="as in rules --explain: flags, then words such as seq=rcv_nxt+1 length=10 tsval=older "
        "state=FIN-WAIT-2 listener=no age=5s rfc1337=1. Asked for where it is left out",
    )
    add_folder(parser, "the file")
    parser.add_argument(
        "--name", default="", metavar="NAME", help="the case's name, and the file's"
    )
    parser.add_argument("--title", default="", metavar="TEXT", help="the case's title")
    parser.add_argument(
        "--cites",
        action="append",
        default=[],
        metavar="SOURCE",
        help="what the case goes by, such as 'RFC 1337 section 3' or a bug report; repeatable. "
        "Default: the sources of the rules that decided",
    )
    parser.add_argument(
        "--profile",
        action="append",
        default=[],
        metavar="NAME",
        help="only what this documented stack answers; repeatable. Default: all that have a rule",
    )


def new(arguments: argparse.Namespace) -> int:
    """Write the file, and print it.

    :raises SuiteError: where the segment can't be read, no profile has a rule for it, or the file
        is there already.
    """
    from tw_conformance.explore.draft import draft
    from tw_conformance.notation.load import load_file
    from tw_conformance.notation.stimulus import parse
    from tw_conformance.notation.write import save_case, schema_comment
    from tw_conformance.targets.registry import profile_named
    from tw_reference.profiles import PROFILES

    names = dict.fromkeys(map(profile_named, arguments.profile or PROFILES))
    profiles = [PROFILES[name] for name in names]
    settings = dict.fromkeys(name for profile in profiles for name in profile.settings)
    stimulus = parse(arguments.segment or _asked(), list(settings))
    case = draft(stimulus, profiles, arguments.name)
    case = replace(
        case,
        title=arguments.title or case.title,
        cites=tuple(arguments.cites) or case.cites,
    )
    path = arguments.folder / f"{case.name}.tw.yaml"
    if path.exists():
        raise UsageError(f"{path} is there already: give another --name")
    try:
        save_case(case, arguments.folder, schema_comment(arguments.folder))
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror}") from error
    load_file(path)
    print(path.read_text(encoding="utf-8"), end="")
    print(f"\nwritten to {path}; next: tw-conformance run {path}", file=sys.stderr)
    return ExitCode.CONFORMS


def _asked() -> str:
    print("segment, as in RST seq=rcv_nxt: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline()
