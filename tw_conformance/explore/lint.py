"""What is wrong with a case that loads: said of its steps, by playing it on every documented stack.

A case may be about a stack of one's own that does what no documented one does, so these are
remarks, not faults.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from tw_conformance.link.access import HOUR
from tw_conformance.model.case import (
    Answer,
    AnyOf,
    Case,
    Expect,
    Expected,
    Send,
    Step,
    Wait,
    by_profile,
)
from tw_conformance.model.errors import Place
from tw_conformance.model.verdict import Verdict
from tw_conformance.model.words import did_you_mean, joined
from tw_conformance.notation.globs import DEFAULT, matched
from tw_conformance.notation.matrix import Written
from tw_conformance.play.player import perform_once
from tw_conformance.targets.in_process import InProcessTarget
from tw_reference.profiles import PROFILES
from tw_reference.segment import ACK, FIN, SYN


class Remark(NamedTuple):
    """What is doubtful about a step, and where it stands."""

    place: Place
    message: str

    def __str__(self) -> str:
        return f"{self.place}: remark: {self.message}"


class _Choice(NamedTuple):
    """What a step says for some profiles: by its index, and the glob that they are meant by."""

    step: int
    glob: str


def remarks(written: Sequence[Written]) -> list[Remark]:
    """All that is doubtful about some cases; once for a step, however many points of a matrix
    have it."""
    found = [remark for each in written for remark in _remarks(each)]
    first = {
        (remark.place, remark.message.partition(" (")[0]): remark for remark in reversed(found)
    }
    return sorted(first.values(), key=_where)


def _where(remark: Remark) -> tuple[str, int, int, str]:
    place = remark.place
    return str(place.file), place.line, place.column, remark.message


def _remarks(written: Written) -> Iterator[Remark]:
    case, places = written.case, written.steps
    for place, doubt in written.doubts:
        yield Remark(place, doubt)
    for glob, place in zip(case.profiles, written.profiles, strict=False):
        if not matched(glob):
            near = did_you_mean(glob, PROFILES)
            yield Remark(place, f"{glob!r} names no known profile: the reference plays none{near}")
    for index, step in enumerate(case.steps):
        for doubt in _about_choices(case, step):
            yield Remark(places[index], doubt)
    for index in _unhurried(case):
        yield Remark(
            places[index],
            "a FIN behind a handshake is a process's doing: say how long it may take, within: 1s",
        )
    if (longest := _longest_wait(case)) is not None:
        yield Remark(
            places[longest],
            f"the waits of this case are longer than the {HOUR:g} s that one may let pass on a real"
            " stack, unless --max-wait says otherwise",
        )
    yield from _played(written)


# -- what can be read ----------------------------------------------------------------------------


def _globs(step: Step) -> list[str]:
    """The globs by which a step says what it expects."""
    said = by_profile(step)
    return [glob for glob, _ in said.choices] if said else []


def _about_choices(case: Case, step: Step) -> Iterator[str]:
    """Choices of a step for profiles that are none, or that the case is not about; and which it
    leaves out."""
    for glob in _globs(step):
        meant = matched(glob)
        if not meant:
            yield f"{glob!r} names no known profile{did_you_mean(glob, PROFILES)}"
        elif not any(map(case.is_about, meant)):
            yield f"{glob!r} names no profile that the case is about"
    if silent := [name for name in PROFILES if case.is_about(name) and _is_silent(step, name)]:
        yield f"nothing is said of {joined(silent)}, where the case is left out: add {DEFAULT}"


def _is_silent(step: Step, profile: str) -> bool:
    said = by_profile(step)
    return said is not None and said.choose(profile) is None


def _unhurried(case: Case) -> Iterator[int]:
    """The steps that expect a FIN right behind the ACK which completes a handshake."""
    opened = completed = False
    for index, step in enumerate(case.steps):
        if isinstance(step, Send):
            completed = opened and step.flags & (SYN | ACK) == ACK
        elif isinstance(step, Expect):
            flags = [f for _, expected in step.answer.choices for f in _flags(expected)]
            if completed and step.within is None and any(f & FIN for f in flags):
                yield index
            opened = any(f & (SYN | ACK) == SYN | ACK for f in flags)
            completed = completed and not any(f & FIN for f in flags)


def _longest_wait(case: Case) -> int | None:
    """The step that waits longest, where all together outlast a run in real time on any of the
    profiles' stacks."""
    waits = {i: step.duration for i, step in enumerate(case.steps) if isinstance(step, Wait)}
    for profile in filter(case.applies_to, PROFILES) if waits else ():
        known = InProcessTarget(PROFILES[profile]).time_variables
        seconds = {index: duration.evaluate(known) for index, duration in waits.items()}
        if sum(seconds.values()) > HOUR:
            return max(seconds, key=lambda index: seconds[index])
    return None


def _flags(expected: Expected) -> Iterator[int]:
    match expected:
        case Answer(flags=int() as flags):
            yield flags
        case AnyOf():
            for choice in expected.choices:
                yield from _flags(choice)


# -- what shows when it is played ----------------------------------------------------------------


def _played(written: Written) -> Iterator[Remark]:
    """What no documented stack meets, and what none of them therefore gets to."""
    case, met, unmet = written.case, set[_Choice](), dict[_Choice, str]()
    furthest = 0
    for profile in filter(case.applies_to, PROFILES):
        target = InProcessTarget(PROFILES[profile])
        if target.lacks(case) is not None:
            return
        outcome = target.start(perform_once(case, target)).result()
        at = next((i for i, s in enumerate(case.steps) if s is outcome.step), len(case.steps))
        furthest = max(furthest, at)
        met.update(_choices(case, profile, at))
        if outcome.verdict is not Verdict.PASS and at < len(case.steps):
            unmet.setdefault(_choice(case, profile, at), f"{profile}: {outcome.reason}")
    for choice, reason in unmet.items():
        if choice not in met:
            yield Remark(written.steps[choice.step], _unmet(choice, reason, case, furthest))


def _unmet(choice: _Choice, reason: str, case: Case, furthest: int) -> str:
    whose = "no profile" if choice.glob in ("*", DEFAULT) else f"no profile of {choice.glob!r}"
    behind = "; no step behind it is reached" if furthest == choice.step else ""
    last = choice.step == len(case.steps) - 1
    return f"{whose} meets this{'' if last else behind} ({case.id}, {reason})"


def _choices(case: Case, profile: str, until: int) -> Iterator[_Choice]:
    return (_choice(case, profile, index) for index in range(until))


def _choice(case: Case, profile: str, index: int) -> _Choice:
    globs = _globs(case.steps[index])
    return _Choice(index, next((glob for glob in globs if fnmatchcase(profile, glob)), "*"))
