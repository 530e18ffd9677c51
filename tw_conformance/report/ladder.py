"""The ladder: who sent what, when, in relative numbers; the tester on the left, the DUT right.

A ladder is one view of a transcript; nothing is decided here.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import replace
from typing import assert_never

from tw_conformance.model.case import Case
from tw_conformance.model.verdict import Event, Transcript
from tw_conformance.report.segment_text import error_fields, segment_fields
from tw_conformance.report.style import Style
from tw_reference.segment import Echo, IcmpError, Packet

_TIME = 13
"""Columns for the time, with the gap behind it."""
_SHAFT = 5
"""The least that is left of an arrow: two dashes, a blank on either side, the head."""


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
    for event in _without_quiet_probes(sorted(transcript.events, key=lambda event: event.time)):
        if not told and (event.step is not None or event.connection):
            told = True
            lines.append(
                blank + style(f" {case.reach.state} reached ".center(inner + 2, "-"), "dim")
            )
        rows = _rows(event, transcript.variables_of(event.connection), inner)
        marks = _marks(event)
        marker = "> " if event.step is not None and event.step == step else "  "
        for number, row in enumerate(rows):
            time = f"{marker}{event.time:>{_TIME - 4}.4f}  " if number == 0 else blank
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


def _rows(event: Event, variables: dict[str, int], inner: int) -> list[str]:
    """The lines of one event: an arrow with its text on it, the rest of the text below."""
    if event.direction == "note":
        text = f" · {_which(event)}{event.note}"
        return [f"|{row:<{inner}}|" for row in _wrap(text, inner, "   ")]
    sent = event.direction == "sent"
    rows = _wrap(_packet_text(event, sent, variables), inner - _SHAFT, "  ")
    first = _arrow(rows[0], sent, inner)
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


def _marks(event: Event) -> tuple[str, ...]:
    if event.direction == "note" or event.probe is not None:
        return ("dim",)
    return ("cyan",) if event.direction == "sent" else ("green",)
