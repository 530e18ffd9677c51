"""The ladder: who sent what, when, in relative numbers; the tester on the left, the DUT right.

A ladder is one view of a transcript; nothing is decided here.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, assert_never

from tw_conformance.model.case import Case
from tw_conformance.model.verdict import Event, Transcript
from tw_conformance.report.segment_text import error_fields, segment_fields
from tw_conformance.report.style import Style
from tw_reference.segment import Echo, IcmpError, Packet

_TIME = 13
"""Columns for the time, with the gap behind it."""
_SHAFT = 5
"""The least that is left of an arrow: two dashes, a blank on either side, the head."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One event of a ladder in words; ``time`` in seconds since the case began."""

    time: float
    direction: Literal["sent", "received", "note"]
    text: str
    step: int | None
    """Index of the step that it belongs to; None while the first state is being reached."""
    probe: bool
    beside: bool
    """Whether it is about another connection than the case's own."""


def rungs(transcript: Transcript) -> Iterator[Rung]:
    """All that happened, in order, in relative numbers; a probe and its answer are one rung where
    nothing lies between them."""
    for event in _without_quiet_probes(sorted(transcript.events, key=lambda event: event.time)):
        variables = transcript.variables_of(event.connection)
        if event.direction == "note":
            text = _which(event) + event.note
        else:
            text = _packet_text(event, event.direction == "sent", variables)
        yield Rung(
            *(event.time, event.direction, text, event.step),
            probe=event.probe is not None,
            beside=bool(event.connection),
        )


def ladder(
    transcript: Transcript, case: Case, *, width: int, color: bool, step: int | None = None
) -> str:
    """A transcript as a ladder diagram of at most ``width`` columns (56 at the least).

    Times are seconds since the case began.  ``step`` is the index of the step that decided: its
    lines get a marker.
    """
    style = Style(color)
    inner = max(width, 56) - _TIME - 2
    blank = " " * _TIME
    heading = f"{'time s':>{_TIME - 2}}  tester{'DUT':>{inner + 2 - len('tester')}}"
    lines = [style(heading, "bold")]
    told = False
    for rung in rungs(transcript):
        if not told and (rung.step is not None or rung.beside):
            told = True
            lines.append(
                blank + style(f" {case.reach.state} reached ".center(inner + 2, "-"), "dim")
            )
        marks = _marks(rung)
        marker = "> " if rung.step is not None and rung.step == step else "  "
        for number, row in enumerate(_rows(rung, inner)):
            time = f"{marker}{rung.time:>{_TIME - 4}.4f}  " if number == 0 else blank
            lines.append(style(time, "dim") + style(row, *marks))
    return "\n".join(line.rstrip() for line in lines)


def _without_quiet_probes(events: list[Event]) -> Iterator[Event]:
    """The events, with a probe and its answer in one line where nothing lies between them."""
    pending: Event | None = None
    for event in events:
        if pending and _answers(event, pending):
            yield replace(pending, direction="note", packet=None, note="probe answered")
            pending = None
            continue
        if pending:
            yield pending
        pending = event if event.direction == "sent" and event.probe is not None else None
        if not pending:
            yield event
    if pending:
        yield pending


def _answers(event: Event, probe: Event) -> bool:
    return event.direction == "received" and event.probe == probe.probe


def _rows(rung: Rung, inner: int) -> list[str]:
    """The lines of one rung: an arrow with its text on it, the rest of the text below."""
    if rung.direction == "note":
        return [f"|{row:<{inner}}|" for row in _wrap(f" · {rung.text}", inner, "   ")]
    rows = _wrap(rung.text, inner - _SHAFT, "  ")
    first = _arrow(rows[0], rung.direction == "sent", inner)
    return [f"|{first}|", *(f"|{'':3}{row:<{inner - 3}}|" for row in rows[1:])]


def _which(event: Event) -> str:
    """The connection, where it is not the case's own."""
    return f"{event.connection}: " if event.connection else ""


def _packet_text(event: Event, sent: bool, variables: dict[str, int]) -> str:
    return _which(event) + _said(event, sent, variables)


def _said(event: Event, sent: bool, variables: dict[str, int]) -> str:
    note = f" ({event.note})" if event.note else ""
    if event.probe is not None:
        return ("probe" if sent else "probe answered") + note
    match event.packet:
        case Packet(segment=segment):
            fields = segment_fields(
                segment, sent=sent, reaching=event.step is None, variables=variables
            )
            return fields + note
        case Echo():
            return f"echo{note}"
        case IcmpError():
            return error_fields(event.packet, variables) + note
        case None:
            return event.note or "a frame that is neither TCP nor an echo"
        case _:
            assert_never(event.packet)


def _arrow(text: str, sent: bool, inner: int) -> str:
    if sent:
        return f"-- {text} ".ljust(inner - 1, "-") + ">"
    return f"<- {text} ".ljust(inner, "-")


def _wrap(text: str, width: int, indent: str) -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent=indent, break_on_hyphens=False) or [""]


def _marks(rung: Rung) -> tuple[str, ...]:
    if rung.direction == "note" or rung.probe:
        return ("dim",)
    return ("cyan",) if rung.direction == "sent" else ("green",)
