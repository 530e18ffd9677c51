"""Conditions with one fault: negated, without a part, with a bound that is off by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from types import FunctionType
from typing import Any, NamedTuple, TypeAlias

from tw_conformance.explore.mutants.mutant import MutantKind
from tw_reference.clock import MILLISECOND
from tw_reference.rules.condition import ALWAYS, Condition, all_of, any_of
from tw_reference.segment import IcmpError, Segment
from tw_reference.seqnum import add

AnyCondition: TypeAlias = Condition[Any]
Put: TypeAlias = Callable[[AnyCondition], AnyCondition]
_A_MOMENT = 100 * MILLISECOND
"""By how much a bound in time is shifted: a real stack's timers are not finer to see."""


class Broken(NamedTuple):
    """A condition with one fault, and what that is."""

    kind: MutantKind
    change: str
    condition: AnyCondition


def broken(condition: AnyCondition, question: type[Any]) -> Iterator[Broken]:
    """Every fault that a condition about such questions may have.

    One that only differs from another in what no question shows is made all the same: whoever
    plays them finds that out.
    """
    if condition is ALWAYS:
        return
    yield Broken("condition", "negated", ~condition)
    yield from _without_a_part(condition)
    there = [*atoms(condition)]
    if len(there) > 1:
        for atom, put in there:
            yield Broken("condition", f"with «{(~atom).text}»", put(~atom))
    yield from _with_a_bound_shifted(condition, question)


def _without_a_part(condition: AnyCondition) -> Iterator[Broken]:
    for number, part in enumerate(condition.parts):
        if condition.kind in ("all", "any"):
            rest = condition.parts[:number] + condition.parts[number + 1 :]
            yield Broken("condition", f"without «{part.text}»", _joined(condition, rest))
        for inner in _without_a_part(part):
            changed = _exchanged(condition, number, inner.condition)
            yield Broken(inner.kind, inner.change, changed)


def _with_a_bound_shifted(condition: AnyCondition, question: type[Any]) -> Iterator[Broken]:
    shifts = [shift for shift in SHIFTS if hasattr(question, shift.part)]
    for atom, put in atoms(condition):
        for shift in shifts:
            if shift.reads & what_is_read(atom.test):
                shifted = Condition(atom.text, _moved(atom, shift))
                yield Broken("bound", f"«{atom.text}», {shift.says}", put(shifted))


def atoms(condition: AnyCondition) -> Iterator[tuple[AnyCondition, Put]]:
    """Each atom, and how to put another condition into its place."""
    if not condition.parts:
        yield condition, lambda other: other
    for number, part in enumerate(condition.parts):
        for atom, put in atoms(part):
            yield atom, _put_into(condition, number, put)


def _put_into(condition: AnyCondition, number: int, put: Put) -> Put:
    return lambda other: _exchanged(condition, number, put(other))


def _exchanged(condition: AnyCondition, number: int, part: AnyCondition) -> AnyCondition:
    parts = (*condition.parts[:number], part, *condition.parts[number + 1 :])
    return ~part if condition.kind == "not" else _joined(condition, parts)


def _joined(like: AnyCondition, parts: tuple[AnyCondition, ...]) -> AnyCondition:
    if len(parts) == 1:
        return parts[0]
    return all_of(*parts) if like.kind == "all" else any_of(*parts)


# -- bounds --------------------------------------------------------------------------------------


class Shift(NamedTuple):
    """A question about a neighbour: what an atom compares with a bound is one more or less.

    ``reads`` are the names, one of which an atom reads that looks at this at all; ``part`` is the
    field of the question that is another.
    """

    says: str
    reads: frozenset[str]
    part: str
    change: Callable[[Any], Any]

    def move(self, question: Any) -> Any:
        return question._replace(**{self.part: self.change(getattr(question, self.part))})


def _seq(by: int) -> Callable[[Segment], Segment]:
    return lambda segment: replace(segment, seq=add(segment.seq, by))


def _ack(by: int) -> Callable[[Segment], Segment]:
    return lambda segment: replace(segment, ack=add(segment.ack, by))


def _stamp(name: str, by: int) -> Callable[[Segment], Segment]:
    def change(segment: Segment) -> Segment:
        stamps = segment.timestamps
        if stamps is None:
            return segment
        return replace(
            segment, timestamps=stamps._replace(**{name: add(getattr(stamps, name), by)})
        )

    return change


def _longer(by: int) -> Callable[[Segment], Segment]:
    def change(segment: Segment) -> Segment:
        text = segment.payload
        return replace(segment, payload=text + b"t" * by if by > 0 else text[:by])

    return change


def _quoted(by: int) -> Callable[[IcmpError], IcmpError]:
    return lambda error: replace(error, seq=add(error.seq, by))


def _more(by: int) -> Callable[[int], int]:
    return lambda value: value + by


def _shifts() -> Iterator[Shift]:
    for by, lower in ((1, "one lower"), (-1, "one higher")):
        # A bound that is one lower is met by what lies one higher.
        for name, reads, change in (
            ("SEG.SEQ", {"seq", "end"}, _seq(by)),
            ("SEG.ACK", {"ack"}, _ack(by)),
            ("TSval", {"tsval"}, _stamp("tsval", by)),
            ("TSecr", {"tsecr"}, _stamp("tsecr", by)),
            ("the length", {"payload", "length", "end"}, _longer(by)),
        ):
            yield Shift(f"the bound of {name} {lower}", frozenset(reads), "segment", change)
        yield Shift(f"the bound of SEG.SEQ {lower}", frozenset({"seq"}), "error", _quoted(by))
        says = f"the bound of the number of blocks {lower}"
        yield Shift(says, frozenset({"blocks"}), "blocks", _more(by))
    for moment, earlier in ((_A_MOMENT, "100 ms earlier"), (-_A_MOMENT, "100 ms later")):
        for name in ("now", "timeout"):
            says = f"the bound in time {earlier}"
            yield Shift(says, frozenset({name}), name, _more(moment))


SHIFTS: tuple[Shift, ...] = tuple(_shifts())


def _moved(atom: AnyCondition, shift: Shift) -> Callable[[Any], bool]:
    return lambda question: atom.test(shift.move(question))


@cache
def what_is_read(test: Callable[..., object]) -> frozenset[str]:
    """The names of all attributes that a predicate reads, itself or by what it calls."""
    names: set[str] = set()
    seen: set[int] = set()
    _gather(test, names, seen)
    return frozenset(names)


def _gather(what: object, names: set[str], seen: set[int]) -> None:
    if isinstance(what, Condition):
        what = what.test
    if not isinstance(what, FunctionType) or id(what) in seen:
        return
    seen.add(id(what))
    code = what.__code__
    names.update(code.co_names)
    for name in code.co_names:
        _gather(what.__globals__.get(name), names, seen)
    for cell in what.__closure__ or ():
        _gather(cell.cell_contents, names, seen)
