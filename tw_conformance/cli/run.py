"""``tw-conformance run``: play cases on a target, and report."""

from __future__ import annotations

import argparse

from tw_conformance.cli.shared_options import add_profile, add_seed, add_settings, add_target
from tw_conformance.notation.bundled import bundled_cases, existing

_FLAGS_OF_PYTEST = (
    (("-x", "--exitfirst"), "stop at the first case that does not pass"),
    (("--lf", "--last-failed"), "only what did not pass the last time"),
    (("--ff", "--failed-first"), "what did not pass the last time comes first"),
    (("--sw", "--stepwise"), "stop at the first failure, and go on from there the next time"),
    (("--co", "--collect-only"), "print the IDs of the cases that would be played"),
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare what :func:`run` takes besides paths."""
    add_target(
        parser,
        "reference (default), netns, uml, or all that this machine can offer; "
        "HOST:PORT, ssh://USER@HOST, tap:NAME, cmd:'./stack --tap {ifname}', or a name of "
        "--targets; repeatable",
        several=True,
    )
    add_settings(parser)
    parser.add_argument("--html", metavar="FILE", help="write one page to open, keep and mail")
    parser.add_argument("--results", metavar="FILE", help="write what was found as JSON")
    parser.add_argument(
        "--ktap", metavar="FILE", help="write what came of each case as KTAP, for kernel selftests"
    )
    parser.add_argument(
        "--evidence",
        action="store_true",
        help="let page and results have the ladder and the capture of cases that pass, too",
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="count a SHOULD of rfc9293 as a MUST, where a DUT on a link is held to it",
    )
    parser.add_argument(
        "--expectations",
        metavar="FILE",
        help="a YAML file of cases that are known not to pass, each with the reason",
    )
    add_profile(
        parser,
        "hold the target to this documented stack, e.g. freebsd-10; freebsd and "
        "linux name the newest; repeatable. Default: the reference plays all, a kernel "
        "is held to the one of its version",
    )
    parser.add_argument("-n", metavar="N", dest="workers", help="spread over N processes, or auto")
    parser.add_argument("-k", metavar="EXPR", help="only cases whose name matches, as in pytest")
    parser.add_argument(
        "--cites",
        action="append",
        default=[],
        metavar="PLACE",
        help="only cases that cite this place, 'RFC 9293 3.10.7.4', 'tcp_timewait.c:385'; or that "
        "show this clause, MUST-13, rfc1337.f1; repeatable",
    )
    add_seed(parser)
    parser.add_argument(
        "--pcap",
        metavar="DIR",
        help="captures of cases without a PASS go here. "
        "Default: tw-conformance in pytest's cache folder",
    )
    parser.add_argument("--junit", metavar="FILE", help="write a JUnit report too")
    parser.add_argument(
        "-v", dest="verbose", action="count", default=0, help="one line a case; twice for more"
    )
    parser.add_argument("-q", dest="quiet", action="count", default=0, help="say less")
    as_in_pytest = parser.add_argument_group(
        "options of pytest", "as there; any other may follow --, as in: run mine/ -- --maxfail=3"
    )
    for options, help in _FLAGS_OF_PYTEST:
        as_in_pytest.add_argument(
            *options, dest="flags", action="append_const", const=options[0], default=[], help=help
        )
    as_in_pytest.add_argument(
        "--durations", metavar="N", help="the N cases that took longest; 0 for all"
    )


def run(arguments: argparse.Namespace) -> int:
    """Play cases, by pytest in this process."""
    from tw_conformance.cli.by_pytest import run_cases

    return run_cases(existing(arguments.paths) or [str(bundled_cases())], arguments)
