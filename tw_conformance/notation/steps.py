"""A step of a case as one line of text, as its author would say it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from tw_conformance.model.case import (
    NOTHING,
    OK,
    Answer,
    Call,
    Case,
    Expect,
    Expected,
    Reach,
    Send,
    SendIcmp,
    State,
    StateIs,
    Step,
    Wait,
)
from tw_reference.segment import flag_names

_PLAIN = ("length", "timestamps", "mss", "wscale", "ttl", "tos", "df", "ip_id", "options")
"""Fields of an answer whose value is its own text."""


def step_text(step: Step, profile: str) -> str:
    """What that step says for that profile, in one line."""
    match step:
        case Send():
            return f"send   {_send(step)}"
        case SendIcmp():
            return f"send   {_send_icmp(step)}"
        case Expect():
            within = f" within {step.within.text}" if step.within else ""
            return f"expect {expected_text(step.answer.choose(profile))}{within}"
        case Wait():
            return f"wait   {step.duration.text}"
        case Call():
            gives = step.gives.choose(profile)
            return f"call   {step.text}" + ("" if gives == OK else f" gives {_result(gives)}")
        case State():
            return f"state  {_state(step.state.choose(profile))}"
        case _:
            assert_never(step)


def expected_text(expected: Expected | None) -> str:
    """An expected answer: ``nothing``, or the fields that are constrained."""
    if expected is None:
        return "(says nothing about this profile)"
    if expected is NOTHING:
        return "nothing"
    fields = " ".join(_answer(expected))
    return f"{fields or 'any segment'}" + (f"   ({expected.word})" if expected.word else "")


def script(case: Case, profile: str) -> str:
    """All steps of a case for one profile, one a line, after what is done to get there."""
    lines = [f"reach  {_reach(case.reach)}"]
    if case.settings:
        settings = " ".join(f"{name}={value}" for name, value in case.settings.items())
        lines.insert(0, f"set    {settings}")
    lines += [step_text(step, profile) for step in case.steps]
    return "\n".join(f"  {line}" for line in lines)


def _reach(reach: Reach) -> str:
    through = f" through {reach.through.value}" if reach.state == "TIME-WAIT" else ""
    scale = "" if reach.window_scale is None else f", window scale {reach.window_scale}"
    mss = "no MSS option" if reach.mss is None else f"MSS {reach.mss}"
    stamps = "with timestamps" if reach.timestamps else "without timestamps"
    opened = ", opened by the DUT" if reach.open == "active" else ""
    reuse = "" if reach.reuse_address else ", without SO_REUSEADDR"
    return f"{reach.state}{through} over {reach.family}, {stamps}, {mss}{scale}{opened}{reuse}"


def _result(gives: str | None) -> str:
    return "(says nothing about this profile)" if gives is None else gives


def _send(send: Send) -> str:
    parts = [flag_names(send.flags)]
    expressions = (
        ("seq", send.seq),
        ("ack", send.ack),
        ("tsval", send.tsval),
        ("tsecr", send.tsecr),
    )
    parts += [f"{name}={value.text}" for name, value in expressions if value is not None]
    numbers = (
        ("window", send.window),
        ("length", send.length or None),
        ("urgent", send.urgent or None),
        ("reserved", send.reserved or None),
        ("mss", send.mss),
        ("wscale", send.wscale),
        ("timestamps", send.timestamps),
    )
    parts += [f"{name}={value}" for name, value in numbers if value is not None]
    if send.sack_permitted:
        parts.append("sack_permitted")
    if send.corrupt is not None:
        parts.append(f"corrupt={send.corrupt}")
    if send.tos:
        parts.append(f"tos={send.tos}")
    if send.within is not None:
        parts.append(f"within={send.within.text}")
    return " ".join(parts)


def _send_icmp(send: SendIcmp) -> str:
    quotes = "" if send.quotes is None else f" quotes={send.quotes.text}"
    mtu = "" if send.mtu is None else f" mtu={send.mtu}"
    return f"ICMP {send.icmp}{quotes}{mtu}"


def _answer(answer: Answer) -> Iterator[str]:
    if answer.flags is not None:
        yield flag_names(answer.flags)
    for name in ("seq", "ack", "window", "tsval", "tsecr"):
        expression = getattr(answer, name)
        if expression is not None:
            yield f"{name}={expression.text}"
    for name in _PLAIN:
        value = getattr(answer, name)
        if value is not None:
            yield f"{name}={value}"


def _state(state: StateIs | None) -> str:
    if state is None:
        return "(says nothing about this profile)"
    return state.name + (f", timer {state.timer}" if state.timer else "")
