"""``tw-conformance mutants``: stacks with one fault each, and which of them no case notices."""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from tw_conformance.model.errors import ExitCode

if TYPE_CHECKING:
    from tw_conformance.explore.corpus import Corpus
    from tw_conformance.explore.mutants.hunt import End, Fate, MutantHunt
    from tw_conformance.explore.mutants.mutant import MutantKind
    from tw_conformance.report.document import Block

KINDS: tuple[MutantKind, ...] = (
    *("list", "condition", "bound", "action", "answer", "setting", "trait"),
)
"""What ``--kind`` takes, without an import for it."""


_ENDS: tuple[End, ...] = ("failed", "seen", "changes nothing", "out of reach", "alike", "survives")
"""What may become of a mutant, in the order of the table."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare what :func:`mutants` takes."""
    parser.add_argument(
        "--profile",
        action="append",
        default=[],
        metavar="NAME",
        help="mutants of this documented stack; repeatable. Default: of all",
    )
    parser.add_argument(
        "--sample", type=int, metavar="N", help="so many mutants of each profile. Default: all"
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="S", help="which these are. Default: 0"
    )
    parser.add_argument(
        "--kind",
        action="append",
        default=[],
        choices=KINDS,
        help="mutants of this kind; repeatable. Default: of all",
    )
    parser.add_argument(
        "--witness",
        action="store_true",
        help="for each mutant of a list that no case notices, the plainest segment that shows it; "
        "takes minutes",
    )
    parser.add_argument(
        "-n", metavar="N", dest="processes", type=int, help="processes. Default: one a CPU"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, and nothing else")


def mutants(arguments: argparse.Namespace) -> int:
    """Hunt, and print the score, the survivors and the time.

    :raises SuiteError: where a path or a profile is not there, or a case file has a fault.
    """
    from tw_conformance.explore.corpus import read_corpus
    from tw_conformance.explore.mutants.hunt import Sample, families, hunt_family
    from tw_conformance.explore.processes import cpus, spread
    from tw_conformance.targets.registry import profile_named
    from tw_reference.profiles import PROFILES

    begun = time.monotonic()
    corpus = read_corpus(arguments.paths)
    names = list(dict.fromkeys(map(profile_named, arguments.profile or PROFILES)))
    sample = Sample(arguments.sample, arguments.seed, arguments.kind or KINDS)
    hunt = partial(hunt_family, cases=corpus.cases, sample=sample)
    found = spread(hunt, families(names), arguments.processes or cpus())
    hunts = sorted(chain.from_iterable(found), key=lambda each: names.index(each.profile))
    seconds = time.monotonic() - begun
    if arguments.json:
        print(json.dumps([_value(each, corpus) for each in hunts], indent=2))
    else:
        _print(hunts, seconds, arguments.witness)
    return ExitCode.DEVIATES if any(each.survivors() for each in hunts) else ExitCode.CONFORMS


def _print(hunts: Sequence[MutantHunt], seconds: float, witness: bool) -> None:
    from tw_conformance.report.document import as_text
    from tw_conformance.report.terminal import console

    width = console().width
    print(as_text(_blocks(hunts, seconds), width), end="")
    if witness:
        for each in hunts:
            print("\n" + as_text(_witness_blocks(each), width), end="", flush=True)


# -- for people ----------------------------------------------------------------------------------


def _blocks(hunts: Sequence[MutantHunt], seconds: float) -> Iterator[Block]:
    from tw_conformance.report.document import Heading, Paragraph, Table, TableRow

    yield Heading(1, "mutants")
    header = (
        *("profile", "mutants", "a case fails", "the oracle sees", "change nothing"),
        *("out of reach", "alike", "survive", "CPU s"),
    )
    yield Table(header, [TableRow(_totals(each)) for each in hunts])
    cpu = sum(each.seconds for each in hunts)
    yield Paragraph(f"{_score(hunts)}, in {seconds:.0f} s ({cpu:.0f} s of a CPU).")
    yield Paragraph(
        "«A case fails»: by its own expectation. «The oracle sees»: every case passes, but in one"
        " of them a field, a time, a state or a counter was seen that is not the original's."
    )
    rows = [TableRow((name, ", ".join(whose))) for name, whose in _survivors(hunts).items()]
    if rows:
        yield Heading(2, "survivors: no case would notice a stack with that fault")
        yield Table(("mutant", "profiles"), rows)


def _totals(hunt: MutantHunt) -> tuple[str, ...]:
    count = Counter(fate.end for fate in hunt.fates)
    counts = (str(count[end]) for end in _ENDS)
    return (hunt.profile, str(len(hunt.fates)), *counts, f"{hunt.seconds:.0f}")


def _score(hunts: Sequence[MutantHunt]) -> str:
    ends = Counter(fate.end for each in hunts for fate in each.fates)
    killed = ends["failed"] + ends["seen"]
    told = killed + ends["survives"]
    written = ends["changes nothing"] + ends["out of reach"]
    plays = sum(fate.plays for each in hunts for fate in each.fates)
    return (
        f"{killed:,} of {told:,} mutants that can be told from the original are killed"
        f" ({_percent(killed, told)}), {ends['failed']:,} of them by what a case expects"
        f" ({_percent(ends['failed'], told)}); of {written:,} it is written why nothing"
        f" can show them, and {ends['alike']:,} are alike. {plays:,} plays"
    )


def _percent(some: int, of: int) -> str:
    return f"{100 * some / of if of else 100:.1f} %"


def _survivors(hunts: Sequence[MutantHunt]) -> dict[str, list[str]]:
    whose: dict[str, list[str]] = {}
    for each in hunts:
        for fate in each.survivors():
            whose.setdefault(fate.mutant, []).append(each.profile)
    return whose


def _witness_blocks(hunt: MutantHunt) -> Iterator[Block]:
    from tw_conformance.explore.mutants.enumeration import every_class, witnesses
    from tw_conformance.explore.mutants.lists import list_mutants
    from tw_conformance.report.document import Heading, Table, TableRow
    from tw_reference.profiles import PROFILES

    profile = PROFILES[hunt.profile]
    asked = {fate.mutant for fate in hunt.survivors()}
    found = witnesses(profile, [m for m in list_mutants(profile) if str(m) in asked], every_class())
    yield Heading(2, f"{profile.name}: survivors, and the segment that shows each")
    rows = [
        TableRow((str(m), str(one or "no single segment shows it"))) for m, one in found.items()
    ]
    yield Table(("mutant", "segment"), rows)


# -- for machines --------------------------------------------------------------------------------


def _value(hunt: MutantHunt, corpus: Corpus) -> dict[str, Any]:
    def value(fate: Fate) -> dict[str, Any]:
        killer = None if fate.killer is None else corpus.names[fate.killer]
        return {"kind": fate.kind, "mutant": fate.mutant, "end": fate.end, "killer": killer}

    return {"profile": hunt.profile, "mutants": [value(fate) for fate in hunt.fates]}
