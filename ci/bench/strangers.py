"""What every part of the suite says of a stack that nobody can look into, a row of a table each.

    python ci/bench/strangers.py FOLDER [NAME...]

NAME is a program on a TAP device in FOLDER (``ci/strangers`` says how lwip and netstack are built),
``uml``, or ``serve-PROFILE``; unless named, lwip and netstack where they are built, uml, and every
profile.  What each command printed stays in FOLDER, and the table is written there after every row:
``strangers.md``.  Ends with 1 where a served profile fails a case or is called by another name.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tw_reference.profiles import PROFILES

STRANGERS = ("lwip", "netstack")
SERVED = "serve-"
RATE, LONGEST_WAIT = "5000", "4"
SWEPT = ("--strength", "near", "--only", "family=ipv4 flags=RST,SYN,ACK,FIN|ACK")
HEAD = (
    "stack", "held to", "doctor", "PASS", "FAIL", "INCONCLUSIVE", "left out", "run s", "identify",
    "sweep",
)  # fmt: skip


@dataclass
class Row:
    """What was found about one stack."""

    name: str
    cells: list[str]
    left_out: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Stack:
    name: str
    target: str
    profile: str
    link: tuple[str, ...]
    """The options about the link, which uml does not heed."""


def stack_named(name: str, folder: Path) -> Stack:
    link = ("--rate", RATE)
    if name == "uml":
        return Stack(name, "uml", "linux-6.1", ())
    if name.startswith(SERVED):
        profile = name.removeprefix(SERVED)
        addresses = "--address 192.0.2.1 --address 2001:db8::1"
        command = f"{sys.executable} -m tw_conformance serve --profile {profile} {addresses}"
        return Stack(name, f"cmd:{command} --tap {{ifname}}", profile, link)
    return Stack(name, f"cmd:{(folder / name).resolve()} {{ifname}}", "rfc9293", link)


def suite(folder: Path, log: str, *arguments: str) -> tuple[int, str]:
    """Exit code and standard output of one command; both streams are kept in ``log``."""
    done = subprocess.run(
        [sys.executable, "-m", "tw_conformance", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    (folder / log).write_text(f"{done.stdout}\n{done.stderr}\nexit code {done.returncode}\n")
    return done.returncode, done.stdout


def row(stack: Stack, folder: Path) -> Row:
    there = ("--target", stack.target, *stack.link)
    doctor, _ = suite(
        folder, f"{stack.name}.doctor", "doctor", stack.target, "--profile", stack.profile,
        *stack.link,
    )  # fmt: skip
    results = folder / f"{stack.name}.json"
    waits = ("--max-wait", LONGEST_WAIT) if stack.link else ("-k", "not timer and not life")
    began = time.monotonic()
    ran, _ = suite(
        folder, f"{stack.name}.run", "run", *there, "--profile", stack.profile, *waits, "-q",
        "--results", str(results),
    )  # fmt: skip
    seconds = time.monotonic() - began
    played = json.loads(results.read_text())["results"] if results.exists() else []
    verdicts = Counter(each["verdict"] for each in played)
    named, wrong = identified(stack, folder, there)
    found = Row(stack.name, [])
    found.left_out.update(each["reason"] for each in played if each["verdict"] == "LEFT OUT")
    if stack.profile != "rfc9293" or stack.name.startswith(SERVED):
        found.wrong += wrong + [each["id"] for each in played if each["verdict"] == "FAIL"]
    if ran not in (0, 1, 4):
        found.wrong.append(f"run ended with {ran}")
    counted = [str(verdicts[each]) for each in ("PASS", "FAIL", "INCONCLUSIVE", "LEFT OUT")]
    swept = sweep(stack, folder, there)
    found.cells = [
        stack.name, stack.profile, f"exit {doctor}", *counted, f"{seconds:.0f}", named, swept,
    ]  # fmt: skip
    return found


def identified(stack: Stack, folder: Path, there: tuple[str, ...]) -> tuple[str, list[str]]:
    """What ``identify`` calls it; and what is wrong with that."""
    code, said = suite(
        folder, f"{stack.name}.identify", "identify", *there, "--profile", stack.profile, "--json"
    )
    if code not in (0, 1, 4):
        return f"exit {code}", [f"identify ended with {code}"]
    found: dict[str, Any] = json.loads(said)
    names, deviations = found["profiles"], len(found["deviations"])
    says = ("none of these; nearest " if found["none_of_these"] else "") + " or ".join(names)
    fits = stack.profile in names and not deviations and not found["none_of_these"]
    if deviations:
        says += f", {deviations} rules not followed"
    return says, [] if fits else [f"identify says {says}"]


def sweep(stack: Stack, folder: Path, there: tuple[str, ...]) -> str:
    file = folder / f"{stack.name}.sweep.json"
    code, _ = suite(
        folder, f"{stack.name}.sweep", "sweep", *there, "--profile", stack.profile, *SWEPT,
        "--json", str(file),
    )  # fmt: skip
    if not file.exists():
        return f"exit {code}"
    found = json.loads(file.read_text())
    pace = found["walked"] / found["seconds"]
    groups, undecided = len(found["divergences"]), len(found["undecided"])
    return f"{found['walked']} at {pace:.0f}/s, {groups} groups, {undecided} undecided"


def table(rows: list[Row]) -> Iterator[str]:
    yield f"| {' | '.join(HEAD)} |"
    yield "|---" * len(HEAD) + "|"
    for each in rows:
        yield f"| {' | '.join(each.cells)} |"
    for each in rows:
        yield f"\n## {each.name}: left out by reason\n"
        for reason, cases in each.left_out.most_common():
            yield f"* {cases}: {reason}"
        for wrong in each.wrong:
            yield f"* WRONG: {wrong}"


def main(folder: Path, *names: str) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    built = [name for name in STRANGERS if (folder / name).exists()]
    rows: list[Row] = []
    for name in names or (*built, "uml", *(SERVED + profile for profile in PROFILES)):
        rows.append(row(stack_named(name, folder), folder))
        (folder / "strangers.md").write_text("\n".join(table(rows)) + "\n")
        print(" | ".join(rows[-1].cells), *rows[-1].wrong, sep="\n  ", flush=True)
    return 1 if any(each.wrong for each in rows) else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
