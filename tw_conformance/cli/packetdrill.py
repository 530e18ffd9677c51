"""``tw-conformance import`` and ``export``: packetdrill's scripts to cases, and back."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tw_conformance.cli.lookup import add_case, cases_named
from tw_conformance.cli.shared_options import add_folder
from tw_conformance.model.errors import CaseError, ExitCode, UsageError
from tw_conformance.model.words import number_of

if TYPE_CHECKING:
    from tw_conformance.model.case import Case
    from tw_conformance.notation.packetdrill.cases import Imported
    from tw_conformance.notation.packetdrill.remarks import Remark

SUFFIX = ".pkt"


def add_import_options(parser: argparse.ArgumentParser) -> None:
    """Declare what :func:`import_scripts` takes."""
    parser.add_argument(
        "scripts", nargs="+", metavar="SCRIPT", help="packetdrill scripts, or folders: every *.pkt"
    )
    add_folder(parser, "the case files")
    parser.add_argument(
        "--profile",
        action="append",
        default=[],
        metavar="GLOB",
        help="whom the scripts are about, such as 'linux-6.*'; repeatable. Default: whose sysctls"
        " they set, or else all",
    )
    parser.add_argument(
        "-q", dest="quiet", action="store_true", help="print what is lost, and no notes"
    )


def import_scripts(arguments: argparse.Namespace) -> int:
    """Write a case file for each script; print what of it no case can say, and how it was read.

    :raises UsageError: where a script can't be read, or a file is there already.
    """
    from tw_conformance.notation.packetdrill.cases import import_text
    from tw_conformance.notation.packetdrill.remarks import Severity

    imported: list[Imported] = []
    wrong = 0
    for file in script_files(arguments.scripts):
        try:
            imported.append(import_text(_text(file), file, arguments.profile))
        except CaseError as error:
            wrong += 1
            print(error)
            continue
        for remark in imported[-1].remarks:
            if remark.kind is Severity.LOST or not arguments.quiet:
                print(remark)
    written = _write(imported, arguments.folder)
    whole = sum(each.whole and bool(each.cases) for each in imported)
    partly = sum(not each.whole and bool(each.cases) for each in imported)
    nothing = len(imported) - whole - partly
    print(
        f"{number_of(len(imported) + wrong, 'script')}: {whole} imported, {partly} with loss,"
        f" {nothing} not translatable, {wrong} with a fault; {number_of(written, 'file')} written"
    )
    if wrong:
        return ExitCode.USAGE
    if not written:
        return ExitCode.NOTHING
    return ExitCode.CONFORMS if whole == len(imported) else ExitCode.INCONCLUSIVE


def script_files(paths: Sequence[str]) -> list[Path]:
    """Files as named; of a folder, every script below it.

    :raises UsageError: where one isn't there.
    """
    return list(dict.fromkeys(file for path in map(Path, paths) for file in _scripts_at(path)))


def _scripts_at(path: Path) -> Iterator[Path]:
    if path.is_dir():
        found = sorted(path.rglob(f"*{SUFFIX}"))
        if not found:
            raise UsageError(f"no *{SUFFIX} in {path}")
        yield from found
    elif path.is_file():
        yield path
    else:
        raise UsageError(f"no such file or folder: {path}")


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UsageError(f"{file} can't be read: {error.strerror}") from error


def _write(imported: Sequence[Imported], folder: Path) -> int:
    """Write all cases, twins as one; returns how many files.

    :raises UsageError: where one of them is there already, in which case none is written.
    """
    from tw_conformance.notation.packetdrill.fold import FAMILIES, fold
    from tw_conformance.notation.write import save_case, schema_comment

    named = _apart(imported)
    remarks = {case.name: each.remarks for case, each in named}
    folded = list(fold(case for case, _ in named))
    for each in folded:
        if (path := folder / f"{each.case.name}.tw.yaml").exists():
            raise UsageError(f"{path} is there already: name another folder with --in")
    for each in folded:
        lines = [schema_comment(folder), *map(_said, remarks.get(each.case.name, ()))]
        matrix = {"family": FAMILIES} if each.both else None
        try:
            save_case(each.case, folder, "\n".join(lines), matrix)
        except OSError as error:
            raise UsageError(f"{folder} can't be written to: {error.strerror}") from error
    return len(folded)


def _apart(imported: Sequence[Imported]) -> list[tuple[Case, Imported]]:
    """Each case under a name of its own: scripts of one name lie in several folders."""
    seen: Counter[str] = Counter()
    named = []
    for each in imported:
        for case in each.cases:
            seen[case.name] += 1
            again = seen[case.name]
            name = case.name if again == 1 else f"{case.name}-again-{again}"
            named.append((replace(case, name=name), each))
    return named


def _said(remark: Remark) -> str:
    return f"line {remark.place.line}: {remark.text}"


def add_export_options(parser: argparse.ArgumentParser) -> None:
    """Declare what :func:`export_case` takes."""
    add_case(parser)
    parser.add_argument(
        "--profile",
        default="linux",
        metavar="NAME",
        help="as which documented stack. Default: linux",
    )
    parser.add_argument("-o", dest="file", type=Path, metavar="FILE", help="write it there")


def export_case(arguments: argparse.Namespace) -> int:
    """Write what the reference plays of a case as a script for google's packetdrill.

    :raises SuiteError: where there is no such case, or it can't be said there.
    """
    from tw_conformance.explore.packetdrill import exported
    from tw_conformance.targets.registry import profile_named
    from tw_reference.profiles import PROFILES

    profile = PROFILES[profile_named(arguments.profile)]
    text = exported(_the_case(arguments.case, arguments.paths), profile)
    if arguments.file is None:
        print(text, end="")
        return ExitCode.CONFORMS
    try:
        arguments.file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{arguments.file} can't be written: {error.strerror}") from error
    return ExitCode.CONFORMS


def _the_case(wanted: str, paths: Sequence[str]) -> Case:
    found = cases_named(wanted, paths)
    if len(found) > 1:
        first = found[0].case.id
        raise UsageError(f"{wanted} is {len(found)} cases: name one, such as {first!r}")
    return found[0].case
