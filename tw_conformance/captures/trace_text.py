"""A judged capture in words: each story with the rules behind it, and which profile fits best."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from tw_conformance.captures.conversation import Closing
from tw_conformance.captures.judging import Judged, StoryCount
from tw_conformance.captures.performance import Response, Told
from tw_conformance.captures.reading import CaptureReader
from tw_conformance.captures.story import Origins, origin_of
from tw_conformance.model.words import joined, number_of
from tw_conformance.notation.globs import globs_of
from tw_conformance.report.segment_text import segment_fields
from tw_reference.clock import SECOND
from tw_reference.segment import Segment

SHOWN = 20
"""Stories that are told unless all are asked for."""


def head(reading: CaptureReader, judged: Judged) -> Iterator[str]:
    """What the file holds, and what of it is not looked at."""
    yield (
        f"{number_of(reading.frames, 'frame')}, {number_of(reading.segments, 'TCP segment')};"
        f" {number_of(judged.connections, 'connection')} closed,"
        f" in {number_of(judged.different, 'way')}"
    )
    yield from remains(reading, judged.untold)


def remains(reading: CaptureReader, untold: Counter[str]) -> Iterator[str]:
    """What of a file was not looked at, and which connections nothing is said of."""
    if reading.fault:
        yield f"{reading.fault}: what stands before that is used"
    for reason, number in reading.left_out.most_common():
        yield f"not looked at: {number_of(number, 'frame')}: {reason}"
    for reason, number in untold.most_common():
        yield f"not judged: {number_of(number, 'connection')}: {reason}"


def stories(judged: Judged, shown: int | None = SHOWN) -> Iterator[str]:
    """The stories, those that tell most first: what nobody would have sent, then what tells
    profiles apart."""
    ordered = sorted(judged.met.values(), key=_interest, reverse=True)
    for met in ordered[:shown]:
        yield ""
        yield from _story(met)
    if left := len(ordered[shown:] if shown is not None else ()):
        yield ""
        yield f"{number_of(left, 'way')} more, which --all prints"


def fits(judged: Judged) -> Iterator[str]:
    """How each profile does, and which fit best."""
    fits = judged.fits
    if not fits:
        return
    columns = f"{'explained':>10}{'otherwise set':>15}{'deviates':>10}{'not ruled':>11}"
    yield f"{'connections':<14}{columns}"
    for name, fit in fits.items():
        numbers = f"{fit.explained:>10,}{fit.otherwise:>15,}{fit.deviates:>10,}{fit.unsaid:>11,}"
        yield f"{name:<14}{numbers}"
    best = judged.best()
    names = joined(globs_of(best)) if len(best) < len(fits) else "all alike"
    yield f"fits best: {names}"


def _interest(met: StoryCount) -> tuple[bool, bool, int]:
    tellings = met.tellings
    return tellings.undocumented is not None, tellings.tells_apart, met.times


def _story(met: StoryCount) -> Iterator[str]:
    closing, tellings = met.first, met.tellings
    like_it = "" if met.times == 1 else f", the first of {met.times:,} alike"
    ours, theirs = (f"{address} port {port}" for address, port in _addresses(closing))
    yield f"{ours} (DUT) and {theirs}{like_it}"
    if closing.opened_by_dut is None:
        yield "  the capture begins later than the connection: no window is known to be scaled"
    if not closing.is_over:
        yield f"  it goes on behind the first {len(closing.seen)} segments"
    origin = origin_of(closing)
    assert origin is not None
    for place, seen in enumerate(closing.seen):
        by_dut = closing.by_dut(seen)
        fields = _fields(seen.packet.segment, by_dut, origin)
        since = (seen.time - closing.seen[0].time) / SECOND
        yield f"  {since:>9.4f}  {'DUT ' if by_dut else 'peer'}  {fields}   (frame {seen.number})"
        answered = [(t, t.answered[place]) for t in tellings.told if place in t.answered]
        yield from _answers(answered)
        yield from _ends(tellings.told, place)
        if place == tellings.undocumented:
            yield f"{_INDENT}! no documented stack does what this one did here"
    yield from _suppositions(tellings.told)


_INDENT = " " * 13


def _fields(segment: Segment, by_dut: bool, origin: Origins) -> str:
    variables = {
        "rcv_nxt": origin.rcv_nxt,
        "snd_nxt": origin.snd_nxt,
        "ts_recent": origin.ts_recent or 0,
    }
    return segment_fields(segment, sent=not by_dut, reaching=False, variables=variables)


def _addresses(closing: Closing) -> Sequence[tuple[str, int]]:
    return closing.dut.address, closing.peer.address


def _answers(answered: Sequence[tuple[Told, Response]]) -> Iterator[str]:
    """What each profile answers, by which rules; one line for those that say the same."""
    alike: dict[str, list[str]] = {}
    for told, each in answered:
        rules = ", ".join(rule.id for rule in each.rules) or "no rule"
        said = f"{each.state}: {each.answer}   [{rules}]"
        alike.setdefault(said, []).append(told.profile)
    for said, names in alike.items():
        yield f"{_INDENT}{' '.join(globs_of(names))}: {said}"


def _ends(told: Sequence[Told], place: int) -> Iterator[str]:
    """Which profiles go no further than here, and why."""
    alike: dict[tuple[str, bool], list[str]] = {}
    for each in told:
        if each.end is not None and each.end.at == place:
            alike.setdefault((each.end.why, each.end.deviates), []).append(each.profile)
    for (why, deviates), names in alike.items():
        said = "differs" if deviates else "says nothing from here on"
        yield f"{_INDENT}x {' '.join(globs_of(names))} {said}: {why}"


def _suppositions(told: Sequence[Told]) -> Iterator[str]:
    """What had to be supposed so that a profile explains all."""
    alike: dict[str, list[str]] = {}
    for each in told:
        if each.reach is None and (each.settings or each.how != "close"):
            what = [f"{name}={value}" for name, value in each.settings.items()]
            what += ["its process shut down only its side"] if each.how != "close" else []
            alike.setdefault(" and ".join(what), []).append(each.profile)
    for said, names in alike.items():
        yield f"  {' '.join(globs_of(names))} does so with {said}"
