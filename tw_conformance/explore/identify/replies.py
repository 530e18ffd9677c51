"""Replies compared: what was decided, and how an answer is made up.

A stack that answers with another window, TTL or DF has taken the same decision; one that answers
where the other is silent has not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import NamedTuple

from tw_conformance.explore.identify.question_bank import Reply
from tw_conformance.explore.observe import StepEffect
from tw_conformance.model.case import Answer, Call, Case, Send
from tw_reference.segment import CWR, ECE, SYN, flag_names

ECN_OF_A_SYN_ACK = "ecn"
"""What the flags of an answer may differ in though the same was decided (RFC 3168 section
6.1.1)."""
OF_THE_STACK = ("ttl", "df", "tos", "ip_id", "flow_label", ECN_OF_A_SYN_ACK)
"""What no rule of a list decides: fields of the IP header, which a stack has in all that it sends,
and whether it takes up ECN."""
_DECIDED = ("flags", "ack")
_FIELDS = tuple(field.name for field in fields(Answer) if field.name not in (*_DECIDED, "word"))


class Difference(NamedTuple):
    """Where a reply is not as expected: at which step, and in which fields of an answer; none:
    something else was decided."""

    step: int
    fields: tuple[str, ...] = ()


def difference(seen: Reply, expected: Reply) -> Difference | None:
    """The first decision that differs, else the first answer that is made up in another way; None
    where all is as expected.  What a target can't tell is as expected of it."""
    if seen is expected:
        return None
    if bool(seen) != bool(expected):
        return Difference(0)
    made_up = None
    for step, effect in enumerate(expected):
        if step >= len(seen) or _decides_otherwise(seen[step], effect):
            return Difference(step)
        if made_up is None and (names := tuple(_fields(seen[step], effect))):
            made_up = Difference(step, names)
    return made_up


def aspect(question: Case) -> str:
    """What a question is about: several that are about one thing are not as many witnesses."""
    sends = [step for step in question.steps if isinstance(step, Send)]
    last = sends[-1]
    if any(isinstance(step, Call) for step in question.steps):
        return "after a call"
    if last.within is not None:
        return "again at once"
    if len(sends) > 1:
        return "after an RST"
    if last.timestamps in ("older", "absent"):
        return f"timestamps {last.timestamps}"
    if last.reserved or last.flags & (ECE | CWR):
        return "bits"
    return flag_names(last.flags)


def _decides_otherwise(seen: StepEffect, expected: StepEffect) -> bool:
    if seen.answers != expected.answers:
        if len(seen.answers) != len(expected.answers):
            return True
        pairs = zip(seen.answers, expected.answers, strict=True)
        if any(_decided(one) != _decided(other) for one, other in pairs):
            return True
    if seen.state is None or expected.state is None:
        return False
    timers = {seen.state.timer, expected.state.timer} - {None}
    return seen.state.name != expected.state.name or len(timers) > 1


def _decided(answer: Answer) -> tuple[object, ...]:
    flags = answer.flags or 0
    # The ISS of a new incarnation is a choice like a window; ECE says what the stack can do.
    return flags & ~ECE, answer.ack, None if flags & SYN else answer.seq


def _fields(seen: StepEffect, expected: StepEffect) -> Iterator[str]:
    if seen.answers == expected.answers:
        return
    for one, other in zip(seen.answers, expected.answers, strict=True):
        if one.flags != other.flags:
            yield ECN_OF_A_SYN_ACK
        for name in _FIELDS:
            wanted = getattr(other, name)
            if wanted is None and name in OF_THE_STACK:
                continue  # The standard leaves it to each stack.
            if getattr(one, name) != wanted:
                yield name
