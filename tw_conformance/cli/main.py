"""The command ``tw-conformance``: plays, checks and shows cases, explains rules, tries targets."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TextIO

import tw_conformance
from tw_conformance.cli import (
    check,
    churn,
    clauses,
    contention,
    coverage,
    doctor,
    fuzz,
    identify,
    matrix,
    mutants,
    new,
    packetdrill,
    record,
    rules,
    run,
    serve,
    show,
    sweep,
    trace,
)
from tw_conformance.model.errors import ExitCode, SuiteError, UsageError
from tw_conformance.model.words import did_you_mean, listed

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

EXIT_CODES = """\
exit codes:
  0    every case conforms (for check: no fault)
  1    at least one case deviates
  2    the command line or a case file is wrong, or what was to be written can't be
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


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code, an :class:`~tw_conformance.model.errors.ExitCode`."""
    try:
        if sys.stdout is None:
            raise UsageError("standard output is closed: send it to a file, or to /dev/null")
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(
                errors="replace"
            )  # a sign that it can't encode is none to end by
        code = _run(sys.argv[1:] if argv is None else list(argv))
        sys.stdout.flush()
    except SuiteError as error:
        return _end_with(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _end_with("interrupted", ExitCode.INTERRUPTED)
    except BrokenPipeError:
        _leave_unwritten(sys.stdout)
        return ExitCode.INTERRUPTED
    except OSError:
        if (lost := _lost_output()) is None:
            raise
        return _end_with(str(lost), lost.exit_code)
    return code


def _end_with(why: str, code: ExitCode) -> int:
    """Say what ended the command, where it can be said; returns the exit code."""
    try:
        print(f"tw-conformance: {why}", file=sys.stderr)
    except OSError:
        _leave_unwritten(sys.stderr)
    return code


def _lost_output() -> UsageError | None:
    """Why what this command says can't be written, as on a full disk; None where it can.

    An error of such a write does not name its file: that another one fails as well tells."""
    for name, stream in (("output", sys.stdout), ("error", sys.stderr)):
        try:
            print(file=stream, flush=True)
        except OSError as error:
            _leave_unwritten(stream)
            return UsageError(f"standard {name} can't be written: {error.strerror}")
    return None


def _leave_unwritten(stream: TextIO) -> None:
    """The interpreter, which flushes at its end, must not try what is left."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _run(argv: list[str]) -> int:
    passed_on: list[str] = []
    if argv[:1] == ["run"] and "--" in argv:
        end = argv.index("--")
        argv, passed_on = argv[:end], argv[end + 1 :]
    arguments = _parser().parse_args(argv, argparse.Namespace(passed_on=passed_on))
    for line in _stand_ins(arguments):
        print(line, file=sys.stderr)
    command: Callable[[argparse.Namespace], int] = arguments.command
    return command(arguments)


def _stand_ins(arguments: argparse.Namespace) -> list[str]:
    """A line for each release that was named as a profile; «run» has them in its header."""
    said = vars(arguments)
    names = [*(said.get("profiles") or ()), *(said.get("diff") or ()), said.get("against")]
    profile = said.get("profile")
    names += profile if isinstance(profile, list) else [profile]
    if arguments.command is run.run or not any(names):
        return []
    from tw_conformance.targets.registry import stand_ins

    return stand_ins(filter(None, names))


class _Parser(argparse.ArgumentParser):
    """Says the nearest command, or option of a command, where one is unknown."""

    def parse_known_args(
        self, args: Iterable[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        known, rest = super().parse_known_args(args, namespace)
        if rest:
            word = next((each for each in rest if each.startswith("-")), rest[0]).split("=")[0]
            near = did_you_mean(word, self._option_string_actions)
            self.error(f"unrecognized arguments: {' '.join(rest)}{near}")
        return known, rest

    def _check_value(self, action: argparse.Action, value: object) -> None:
        if action.choices is not None and value not in action.choices:
            known = [str(choice) for choice in action.choices]
            what = f"unknown {action.metavar or action.dest} {value!r}".lower()
            self.error(f"{what}{did_you_mean(str(value), known)} {listed(known)}")

    def _print_message(self, message: str, file: SupportsWrite[str] | None = None) -> None:
        """As argparse has it, which passes over that it can't be written."""
        (file or sys.stderr).write(message)

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        sys.stdout.flush()
        super().exit(status, message)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help")


class _Command(NamedTuple):
    """A command: what it is called, what it does, in words and in fact, and how its own options are
    declared.  ``takes_paths``: it has cases, those of the paths or the bundled ones."""

    name: str
    help: str
    run: Callable[[argparse.Namespace], int]
    add_options: Callable[[argparse.ArgumentParser], None] | None = None
    takes_paths: bool = False


# fmt: off
_COMMANDS = (
    _Command("run", "play cases on a target, and report", run.run, run.add_options, True),
    _Command("check", "find what is wrong with case files; needs no target",
             check.check, check.add_options),
    _Command("new", "write a case about one segment, the oracle's answers in it",
             new.new, new.add_options),
    _Command("import", "make cases of packetdrill scripts",
             packetdrill.import_scripts, packetdrill.add_import_options),
    _Command("export", "make a packetdrill script of a case",
             packetdrill.export_case, packetdrill.add_export_options),
    _Command("list", "print the IDs and titles of cases", show.list_cases, takes_paths=True),
    _Command("show", "print the steps of a case as each profile has them",
             show.show, show.add_options),
    _Command("rules", "print, compare or explain the rules", rules.rules, rules.add_options),
    _Command("coverage", "find which rules the cases meet, and which parts of their conditions",
             coverage.coverage, coverage.add_options, True),
    _Command("clauses",
             "print every normative sentence: what carries it, which cases show it, who keeps it",
             clauses.clauses, clauses.add_options, True),
    _Command("mutants",
             "break the rules one at a time, find which of these stacks no case would notice",
             mutants.mutants, mutants.add_options, True),
    _Command("matrix", "put the results of several stacks on one page",
             matrix.matrix, matrix.add_options),
    _Command("sweep", "walk every class of segment, compare with an oracle",
             sweep.sweep, sweep.add_options),
    _Command("churn", "load a DUT with connections, and look for stalls",
             churn.churn, churn.add_options),
    _Command("contention", "model what reaping TIME-WAIT does to packet input behind one lock",
             contention.contention, contention.add_options),
    _Command("fuzz", "draw scripts at random, compare with the reference",
             fuzz.fuzz, fuzz.add_options),
    _Command("identify", "find out which documented stack it is",
             identify.identify, identify.add_options),
    _Command("record", "write cases from the connections of a capture",
             record.record, record.add_options),
    _Command("trace", "explain a capture: which rules answer, who fits",
             trace.trace, trace.add_options),
    _Command("doctor", "look whether a target can be tested, say what to do",
             doctor.doctor, doctor.add_options),
    _Command("serve", "put the reference on a link, as a host", serve.serve, serve.add_options),
)
# fmt: on


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
    for command in _COMMANDS:
        sub = commands.add_parser(
            command.name,
            help=command.help,
            description=command.help[0].upper() + command.help[1:] + ".",
            parents=[paths] if command.takes_paths else [],
            epilog=EXIT_CODES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        sub.set_defaults(command=command.run)
        if command.add_options is not None:
            command.add_options(sub)
    return parser
