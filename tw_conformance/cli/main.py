"""The command ``tw-conformance``: plays, checks and shows cases, explains rules, tries targets."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NoReturn

import tw_conformance
from tw_conformance.cli import churn as churn_command
from tw_conformance.cli import clauses as clauses_command
from tw_conformance.cli import contention as contention_command
from tw_conformance.cli import coverage as coverage_command
from tw_conformance.cli import doctor as doctor_command
from tw_conformance.cli import fuzz as fuzz_command
from tw_conformance.cli import identify as identify_command
from tw_conformance.cli import matrix as matrix_command
from tw_conformance.cli import mutants as mutants_command
from tw_conformance.cli import new as new_command
from tw_conformance.cli import packetdrill as packetdrill_command
from tw_conformance.cli import record as record_command
from tw_conformance.cli import rules as rules_command
from tw_conformance.cli import serve as serve_command
from tw_conformance.cli import sweep as sweep_command
from tw_conformance.cli import trace as trace_command
from tw_conformance.cli.lookup import add_case, cases_named, cases_of
from tw_conformance.cli.shared_options import access_of, add_seed, add_settings, add_target
from tw_conformance.model.errors import CaseError, ExitCode, SuiteError, UsageError
from tw_conformance.model.words import did_you_mean, listed, number_of
from tw_conformance.notation.bundled import bundled_cases, case_files, existing

if TYPE_CHECKING:
    from tw_conformance.model.case import Case

EXIT_CODES = """\
exit codes:
  0    every case conforms (for check: no fault)
  1    at least one case deviates
  2    the command line or a case file is wrong
  3    the target can't be had
  4    nothing deviates, but a case could not be decided, or something of a script is lost
  5    no case was played (run) or written (import)
  130  interrupted, or nobody reads the output any more
Where several are true, 1 is said before 2, 2 before 3, 3 before 4.
"""

EXAMPLES = """\
examples:
  tw-conformance run                           the bundled cases on the bundled reference
  tw-conformance run --target netns            the same on this machine's own kernel
  tw-conformance run my-cases/ -n 4 -k rst     a folder's cases with rst in their name
  tw-conformance check my-cases/*.yaml         faults as file:line:column, nothing is run
  tw-conformance rules --explain 'RST seq=rcv_nxt'   which rule decides, and why no earlier one
"""


_FLAGS_OF_PYTEST = (
    (("-x", "--exitfirst"), "stop at the first case that does not pass"),
    (("--lf", "--last-failed"), "only what did not pass the last time"),
    (("--ff", "--failed-first"), "what did not pass the last time comes first"),
    (("--sw", "--stepwise"), "stop at the first failure, and go on from there the next time"),
    (("--co", "--collect-only"), "print the IDs of the cases that would be played"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code, an :class:`~tw_conformance.model.errors.ExitCode`."""
    try:
        code = _run(sys.argv[1:] if argv is None else list(argv))
        sys.stdout.flush()
    except SuiteError as error:
        print(f"tw-conformance: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # Who read our output has gone; the interpreter must not try to flush what is left.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.INTERRUPTED
    return code


def _run(argv: list[str]) -> int:
    passed_on: list[str] = []
    if argv[:1] == ["run"] and "--" in argv:
        end = argv.index("--")
        argv, passed_on = argv[:end], argv[end + 1 :]
    arguments = _parser().parse_args(argv, argparse.Namespace(passed_on=passed_on))
    command: Callable[[argparse.Namespace], int] = arguments.command
    return command(arguments)


class _Parser(argparse.ArgumentParser):
    """Says the nearest command where one is unknown."""

    def _check_value(self, action: argparse.Action, value: object) -> None:
        if action.choices is not None and value not in action.choices:
            known = [str(choice) for choice in action.choices]
            what = f"unknown {action.metavar or action.dest} {value!r}".lower()
            self.error(f"{what}{did_you_mean(str(value), known)} {listed(known)}")

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="tw-conformance",
        description="Checks how a TCP stack treats TIME-WAIT, segment by segment.",
        epilog=f"{EXAMPLES}\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=tw_conformance.__version__)
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", parser_class=_Parser, required=True
    )
    paths = _Parser(add_help=False)
    paths.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="case files, or folders: every *.yaml and *.yml in them. Default: the bundled cases",
    )

    def command(
        name: str,
        run: Callable[[argparse.Namespace], int],
        help: str,
        parents: Sequence[_Parser] = (),
    ) -> argparse.ArgumentParser:
        sub = commands.add_parser(
            name,
            help=help,
            description=help[0].upper() + help[1:] + ".",
            parents=parents,
            epilog=EXIT_CODES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        sub.set_defaults(command=run)
        return sub

    _add_run_options(command("run", run, "play cases on a target, and report", [paths]))
    check_parser = command("check", check, "find what is wrong with case files; needs no target")
    check_parser.add_argument("paths", nargs="+", metavar="FILE", help="case files, or folders")
    check_parser.add_argument(
        "--strict", action="store_true", help="end with 2 where there are remarks too"
    )
    new_command.add_options(
        command(
            "new", new_command.new, "write a case about one segment, the oracle's answers in it"
        )
    )
    packetdrill_command.add_import_options(
        command("import", packetdrill_command.import_scripts, "make cases of packetdrill scripts")
    )
    packetdrill_command.add_export_options(
        command("export", packetdrill_command.export_case, "make a packetdrill script of a case")
    )
    command("list", list_cases, "print the IDs and titles of cases", [paths])
    show_parser = command("show", show, "print the steps of a case as each profile has them")
    add_case(show_parser)
    _add_profile(show_parser, "show this profile only")
    rules_parser = command("rules", rules_command.rules, "print, compare or explain the rules")
    rules_command.add_options(rules_parser)
    coverage_command.add_options(
        command(
            "coverage",
            coverage_command.coverage,
            "find which rules the cases meet, and which parts of their conditions",
            [paths],
        )
    )
    clauses_command.add_options(
        command(
            "clauses",
            clauses_command.clauses,
            "print every normative sentence: what carries it, which cases show it, who keeps it",
            [paths],
        )
    )
    mutants_command.add_options(
        command(
            "mutants",
            mutants_command.mutants,
            "break the rules one at a time, find which of these stacks no case would notice",
            [paths],
        )
    )
    matrix_command.add_options(
        command("matrix", matrix_command.matrix, "put the results of several stacks on one page")
    )
    sweep_command.add_options(
        command("sweep", sweep_command.sweep, "walk every class of segment, compare with an oracle")
    )
    churn_command.add_options(
        command("churn", churn_command.churn, "load a DUT with connections, and look for stalls")
    )
    contention_command.add_options(
        command(
            "contention",
            contention_command.contention,
            "model what reaping TIME-WAIT does to packet input behind one lock",
        )
    )
    fuzz_command.add_options(
        command("fuzz", fuzz_command.fuzz, "draw scripts at random, compare with the reference")
    )
    identify_command.add_options(
        command("identify", identify_command.identify, "find out which documented stack it is")
    )
    record_command.add_options(
        command("record", record_command.record, "write cases from the connections of a capture")
    )
    trace_command.add_options(
        command("trace", trace_command.trace, "explain a capture: which rules answer, who fits")
    )
    doctor_parser = command(
        "doctor", doctor_command.doctor, "look whether a target can be tested, say what to do"
    )
    doctor_command.add_options(doctor_parser)
    serve_parser = command("serve", serve_command.serve, "put the reference on a link, as a host")
    serve_command.add_options(serve_parser)
    return parser


def _add_run_options(parser: argparse.ArgumentParser) -> None:
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
    _add_profile(
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


def _add_profile(parser: argparse.ArgumentParser, help: str) -> None:
    parser.add_argument("--profile", action="append", default=[], metavar="NAME", help=help)


def run(arguments: argparse.Namespace) -> int:
    """Play cases, by pytest in this process."""
    from tw_conformance.cli.run import run_cases

    return run_cases(
        paths=existing(arguments.paths) or [str(bundled_cases())],
        targets=arguments.target,
        targets_file=arguments.targets,
        expectations=arguments.expectations,
        files={"results": arguments.results, "html": arguments.html, "ktap": arguments.ktap},
        evidence=arguments.evidence,
        access=access_of(arguments),
        profiles=arguments.profile,
        seed=arguments.seed,
        workers=arguments.workers,
        select=arguments.k,
        cites=arguments.cites,
        strict=arguments.strict,
        captures=arguments.pcap,
        junit=arguments.junit,
        verbosity=arguments.verbose - arguments.quiet,
        passed_on=[
            *arguments.flags,
            *([f"--durations={arguments.durations}"] if arguments.durations else []),
            *arguments.passed_on,
        ],
    )


def check(arguments: argparse.Namespace) -> int:
    """Print every fault of every file; of those without one, what is doubtful about their cases."""
    from tw_conformance.explore.lint import remarks
    from tw_conformance.notation.load import read_file

    files = case_files(arguments.paths)
    cases = faults = doubts = 0
    for file in files:
        try:
            written = read_file(file)
        except CaseError as error:
            faults += len(error.faults)
            print(error)
            continue
        cases += len(written)
        for remark in remarks(written):
            doubts += 1
            print(remark)
    if faults:
        return ExitCode.USAGE
    said = f", {number_of(doubts, 'remark')}" if doubts else ""
    print(f"{number_of(len(files), 'file')}, {number_of(cases, 'case')}: no faults{said}")
    return ExitCode.USAGE if doubts and arguments.strict else ExitCode.CONFORMS


def list_cases(arguments: argparse.Namespace) -> int:
    """Print IDs and titles."""
    cases = [written.case for written in cases_of(arguments.paths)]
    width = max((len(case.id) for case in cases), default=0)
    for case in cases:
        print(f"{case.id:<{width}}  {case.title}")
    return ExitCode.CONFORMS


def show(arguments: argparse.Namespace) -> int:
    """Print a case's steps; profiles for which it says the same share one script."""
    from tw_conformance.notation.write import script
    from tw_conformance.plugin.options import profile_names

    found = cases_named(arguments.case, arguments.paths)
    for case, place, _ in found:
        print(f"{case.id}: {case.title}\n  {place.file}:{place.line}")
        print(f"  cites: {'; '.join(case.cites)}")
        scripts: dict[str, list[str]] = {}
        for profile in filter(case.applies_to, profile_names(arguments.profile)):
            scripts.setdefault(script(case, profile), []).append(profile)
        for text, profiles in scripts.items():
            print(f"\n{', '.join(profiles)}:\n{text}")
        if len(found) == 1:
            for text, profiles in _ladders(case, [p for ps in scripts.values() for p in ps]):
                print(f"\n{', '.join(profiles)} on the reference:\n{text}")
        print()
    if len(found) > 1:
        print(f"show '{found[0].case.id}' prints the segments of one of them")
    return ExitCode.CONFORMS


def _ladders(case: Case, profiles: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """What crosses the wire when the reference plays a case; profiles that do the same share a
    ladder."""
    from tw_conformance.play.player import perform_once
    from tw_conformance.report.ladder import ladder
    from tw_conformance.report.terminal import console
    from tw_conformance.targets.in_process import InProcessTarget
    from tw_reference.profiles import PROFILES

    shown, alike = console(), dict[str, list[str]]()
    for profile in profiles:
        target = InProcessTarget(PROFILES[profile])
        if (lack := target.lacks(case)) is not None:
            alike.setdefault(f"  not played: it {lack}", []).append(profile)
            continue
        told = target.start(perform_once(case, target)).result().transcript
        text = ladder(told, case, width=shown.width, color=shown.is_terminal)
        alike.setdefault(text, []).append(profile)
    yield from alike.items()
