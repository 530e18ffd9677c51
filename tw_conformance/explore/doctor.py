"""Whether a target can be tested from here, and what to do where not.

Each finding is a line.  What can't be found out any more, since something before it failed, is not
said.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from tw_conformance.link.access import Access
from tw_conformance.link.capture import open_capture
from tw_conformance.link.capture.offloads import how_not_to_join
from tw_conformance.link.path import Sentinel
from tw_conformance.model.case import Answer, ByProfile, Case, Expect, Expected, Reach, Send, Step
from tw_conformance.model.errors import TargetError
from tw_conformance.model.expressions import SequenceExpression
from tw_conformance.model.verdict import Outcome, Verdict
from tw_conformance.model.words import number_of
from tw_conformance.play.acquaint import acquaint
from tw_conformance.play.judge import judge
from tw_conformance.play.player import perform as perform_script
from tw_conformance.targets import registry
from tw_conformance.targets.locator import Locator
from tw_conformance.targets.network.way import find_way
from tw_conformance.targets.roster import Roster
from tw_conformance.targets.target import Target, family_of, unlike_the_profile
from tw_conformance.targets.wire_target import WireTarget
from tw_reference import segment as tcp
from tw_reference.profiles import PROFILES
from tw_reference.segment import Packet, Segment

T = TypeVar("T")

ANY_PROFILE = "linux"
"""What a DUT is held to while nobody knows what it is: only its 2MSL counts, and that is 60 s on
BSD and Linux alike."""

_TRIES = 3
"""Connections on a path that loses packets, of which one has to come about."""
_NAP = 0.02
_A_LIMIT_RATHER = 0.3
"""Share of probes lost that no link loses of itself."""
_LATE = 0.05
"""Seconds by which the tester may wake up late before its times say little."""

_ACK = Answer(flags=tcp.ACK, word="ack")
_RST = Answer(flags=tcp.RST, word="rst")
_LISTENER = {
    (True, False): "nothing listens there; name the port of a service that closes first"
    " (HOST:PORT)",
    (False, False): "let the tester's address and that port pass all firewalls, or name another"
    " (HOST:PORT)",
    (True, True): "have the stack listen there, or name another port with --dut-port; where it is"
    " about to, say --start-timeout",
    (False, True): "have the stack listen there, or name another port with --dut-port; it answers"
    " probes, but no SYN",
}
"""What to do where no connection comes about, by whether the SYN was answered, and whether the DUT
is a stack alone on its device."""


_CLOSER = {
    False: "take a service that does, such as inetd's daytime, or use ssh://",
    True: "have the stack close what it accepts there, or name another port with --dut-port",
}
"""What to do where the DUT does not close first, by whether it is a stack alone on its device."""


class Mark(Enum):
    """How a finding is meant."""

    GOOD = "✓"
    BAD = "✗"
    UNSURE = "?"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, what was seen, and what to do about it."""

    mark: Mark
    what: str
    says: str


class Ended(Exception):
    """Nothing more can be found out."""


def examine(
    name: str,
    profile: str | None,
    roster: Roster,
    tell: Callable[[str], object] = lambda doing: None,
) -> Iterator[Finding]:
    """What is found out about a target, in the order in which one thing needs another.  ``tell``
    hears what is being done."""
    try:
        locator = roster.locator(name)
        if locator is not None and locator.host:
            yield from _look_at_the_way(locator, roster.access(name))
        tell("reaching it")
        target = _open(name, profile or (ANY_PROFILE if locator else None), roster)
        try:
            yield Finding(Mark.GOOD, "reached", _whom(target, profile, locator))
            yield _look_at_the_path(target)
            yield _look_at_the_sentinel(target)
            yield _look_at_the_clock(target)
            alone = locator is not None and not locator.host
            tell("opening a connection, which it is to close first")
            yield from _look_at_the_service(target, alone)
            acquaint(target, tell=tell)
            tell("asking what it does in TIME-WAIT")
            yield _look_at_time_wait(target, alone)
            if numbers := target.acquaintance.describe_numbers():
                yield Finding(Mark.UNSURE, "numbers", numbers)
            if not alone:
                yield _look_for_connection_tracking(target)
            yield _look_at_resets(target, alone)
            yield from _look_at_the_settings(target, profile)
            tell("asking which of the documented stacks it is")
            yield from _look_for_a_profile(target, profile)
        finally:
            target.close()
    except Ended as ended:
        yield Finding(Mark.BAD, *ended.args)


def _whom(target: Target, profile: str | None, locator: Locator | None) -> str:
    if profile is not None or locator is None:
        return target.describe()
    whom, _, _ = target.describe().partition(", held to")
    return f"{whom}, held to no profile: --profile says to which, rfc9293 where none documents it"


def _look_at_the_way(locator: Locator, access: Access) -> Iterator[Finding]:
    """What can be said without sending anything."""
    way = _or_end("route", lambda: find_way(locator.host, access))
    for family, route in way.routes.items():
        router = "on this link" if route.next_hop == way.duts[family] else f"by {route.next_hop}"
        tester = f"the tester is {way.testers[family]}"
        yield Finding(
            Mark.GOOD, "route", f"{way.duts[family]} through {route.interface}, {router}; {tester}"
        )
    _or_end("privileges", lambda: open_capture(way.interface).close())
    yield Finding(Mark.GOOD, "privileges", "frames may be captured and sent")
    if remedy := how_not_to_join(way.interface):
        says = (
            f"{way.interface} joins segments before they are seen (GRO or LRO): «{remedy}», if"
            " answers with data look odd"
        )
        yield Finding(Mark.UNSURE, "offloads", says)
    else:
        yield Finding(Mark.GOOD, "offloads", f"{way.interface} joins no segments")


def _open(name: str, profile: str | None, roster: Roster) -> Target:
    return _or_end("reached", lambda: registry.open_target(name, profile=profile, roster=roster))


def _look_at_the_path(target: Target) -> Finding:
    said = target.path.describe()
    if target.path.perfect:
        return Finding(Mark.GOOD, "path", said)
    more = "each case is repeated until its verdict is worth giving, and the run takes longer"
    if target.path.loss > _A_LIMIT_RATHER:
        more += (
            "; so much is rather a limit on echo requests: lift it, on the DUT (FreeBSD:"
            " net.inet.icmp.icmplim) or in a firewall, or stay below it with --rate"
        )
    return Finding(Mark.UNSURE, "path", f"{said}: {more}")


def _look_at_the_sentinel(target: Target) -> Finding:
    """What silence is proven by."""
    if target.path.sentinel is Sentinel.ECHO:
        return Finding(Mark.GOOD, "sentinel", "an echo request (ICMP) proves silence")
    return Finding(
        Mark.GOOD, "sentinel", "an ACK of no connection, which is reset, proves silence (TCP)"
    )


def _look_at_the_clock(target: Target) -> Finding:
    if not target.realtime:
        return Finding(Mark.GOOD, "clock", "time is virtual")

    async def nap() -> float:
        start = time.monotonic()
        await asyncio.sleep(_NAP)
        return time.monotonic() - start - _NAP

    late = max(target.start(nap()).result() for _ in range(10))
    if late < _LATE:
        return Finding(Mark.GOOD, "clock", f"the tester wakes up {late * 1e3:.1f} ms late at most")
    return Finding(
        Mark.UNSURE,
        "clock",
        f"the tester wakes up {late * 1e3:.0f} ms late: this machine is too busy to wait in time",
    )


def check_service(target: Target, *, alone: bool) -> None:
    """That something listens there and closes first, so that the way to TIME-WAIT is open.
    ``alone``: the DUT is a stack on a device that it has for itself.

    :raises TargetError: where it is not; says what to do.
    """
    try:
        deque(_look_at_the_service(target, alone), maxlen=0)
    except Ended as ended:
        what, why = ended.args
        raise TargetError(f"{what}: {why}") from None


def _look_at_the_service(target: Target, alone: bool) -> Iterator[Finding]:
    """Whether something listens there, and closes first."""
    reach = Reach(state="FIN-WAIT-1", family=family_of(target))
    for _ in range(1 if target.path.perfect else _TRIES):
        outcome, unreadable = _perform(target, reach)
        if outcome.verdict is Verdict.PASS:
            break
    if outcome.late:
        raise Ended("clock", f"{outcome.reason}; try again when it has less to do")
    if "SYN" in outcome.reason:
        if unreadable:
            raise Ended("checksums", _what_is_unreadable(unreadable, target, alone))
        raise Ended("listener", f"{outcome.reason}: {_LISTENER[_came(outcome) is not None, alone]}")
    yield Finding(Mark.GOOD, "listener", "a connection is accepted")
    if outcome.verdict is not Verdict.PASS:
        raise Ended("closes first", f"{outcome.reason}: {_CLOSER[alone]}")
    yield Finding(Mark.GOOD, "closes first", "the DUT sends its FIN without being asked")


def _what_is_unreadable(frames: int, target: Target, alone: bool) -> str:
    says = f"{number_of(frames, 'frame')} can't be read"
    if isinstance(target, WireTarget) and target.last_unreadable:
        says += f", the last for this: {target.last_unreadable}"
    if "checksum" in says and not alone:
        says += (
            ". Where a DUT leaves its checksums to a card that is not there, as on a virtual link:"
            " «ethtool -K INTERFACE tx off» on the DUT"
        )
    return says


def _look_at_time_wait(target: Target, alone: bool) -> Finding:
    """Whether the DUT answers as in TIME-WAIT."""
    old_fin = Send(tcp.FIN | tcp.ACK, seq=SequenceExpression("rcv_nxt-1"))
    outcome = _answer_to(target, Reach(family=family_of(target)), old_fin, _ACK)
    if outcome.verdict is Verdict.PASS:
        how = _how_states_are_told(target)
        return Finding(
            Mark.GOOD, "TIME-WAIT", f"reached: a duplicate of the last FIN is acknowledged{how}"
        )
    says = (
        f"{outcome.reason}: a duplicate of the last FIN has to be answered in TIME-WAIT (RFC 9293"
        " section 3.10.7.4)"
    )
    if alone or _came(outcome) is not None:
        return Finding(Mark.UNSURE, "TIME-WAIT", f"none, or another one: {says}")
    raise Ended("TIME-WAIT", f"{says}; a stateful firewall in between must go")


def _how_states_are_told(target: Target) -> str:
    if target.reads_states:
        return ""
    telling = target.acquaintance.telling
    if not telling.apart:
        return "; but no answer tells it from CLOSED"
    room = target.acquaintance.describe_room()
    told = f"; its answer to {telling.question.value} tells it from CLOSED"
    return f"{told}; {room}" if room else told


def _look_for_connection_tracking(target: Target) -> Finding:
    """Whether what no connection tracking expects gets through: a SYN-ACK from the side that sent
    the SYN, which every documented stack acknowledges below RCV.NXT."""
    syn_ack = Send(tcp.SYN | tcp.ACK, seq=SequenceExpression("rcv_nxt-1"))
    outcome = _answer_to(target, Reach(family=family_of(target)), syn_ack, _ACK)
    if outcome.verdict is Verdict.PASS:
        return Finding(Mark.GOOD, "firewall", "none drops a SYN-ACK that makes no sense")
    return Finding(
        Mark.UNSURE,
        "firewall",
        f"a SYN-ACK that makes no sense: {outcome.reason}; if a stateful firewall drops it, let the"
        " tester's address pass in front of it (nftables: before «ct state invalid drop»; pf:"
        " «pass quick ... no state», no scrub)",
    )


def _look_at_resets(target: Target, alone: bool) -> Finding:
    """Whether what belongs to no connection is reset: only so can CLOSED be told from silence."""
    stray = Send(tcp.ACK)
    outcome = _answer_to(target, Reach(state="LISTEN", family=family_of(target)), stray, _RST)
    if outcome.verdict is Verdict.PASS:
        return Finding(Mark.GOOD, "resets", "an ACK of no connection is answered by a reset")
    came = _came(outcome)
    if came is not None and came.flags & tcp.RST:
        return Finding(
            Mark.UNSURE,
            "resets",
            f"an ACK of no connection is reset otherwise than RFC 9293 section 3.10.7.2 says:"
            f" {outcome.reason}",
        )
    says = f"an ACK of no connection: {outcome.reason}; cases that end in CLOSED can't pass"
    if not alone:
        says += (
            ". Turn off what keeps resets in: net.inet.tcp.blackhole on FreeBSD, a firewall's rule"
            " on tcp flags"
        )
    return Finding(Mark.UNSURE, "resets", says)


def _look_at_the_settings(target: Target, profile: str | None) -> Iterator[Finding]:
    """The settings whose value decides, where they are known; those by which the DUT differs from
    its profile."""
    if not target.settings:
        return
    if not target.reads_states:
        listed = ", ".join(f"{name}={value}" for name, value in target.settings.items())
        says = (
            f"as was said, or as its answers show: {listed}; cases that these make meaningless are"
        )
        yield Finding(Mark.GOOD, "settings", f"{says} left out")
        return
    differing = {} if profile is None else unlike_the_profile(target)
    if differing and not (isinstance(target, WireTarget) and target.makes_benches):
        settings = ", ".join(f"{name}: {value}" for name, (value, _) in differing.items())
        yield Finding(
            Mark.UNSURE,
            "settings",
            f"not {target.profile}'s defaults: put «settings: {{{settings}}}» into a targets.yaml,"
            " or set the DUT's own back",
        )
    else:
        listed = ", ".join(f"{name}={value}" for name, value in target.settings.items())
        yield Finding(Mark.GOOD, "settings", listed)


def _look_for_a_profile(target: Target, profile: str | None) -> Iterator[Finding]:
    from tw_conformance.explore.identify.inquiry import identify
    from tw_conformance.explore.identify.predictions import documented

    predictions = documented()
    try:
        identity = identify(target, predictions, settings={}, tell=lambda answered: None)
    except TargetError as error:
        yield Finding(Mark.UNSURE, "profile", f"can't be told: {error}")
        return
    names = [each.name for each in identity.profiles]
    fits = " or ".join(names)
    if identity.none_of_these:
        yield Finding(
            Mark.UNSURE,
            "profile",
            f"none of the documented stacks; the nearest is {fits}: «tw-conformance identify» with"
            " the same arguments says in which rules it differs",
        )
        return
    if identity.deviations:
        number = len(identity.deviations)
        fits += (
            f", but {number} of its rules {'is' if number == 1 else 'are'} not followed:"
            " «tw-conformance identify» with the same arguments lists them"
        )
    if profile is None or PROFILES[target.profile].name in names:
        mark = Mark.UNSURE if identity.deviations else Mark.GOOD
        yield Finding(mark, "profile", f"the one that fits is {fits}")
    else:
        yield Finding(Mark.UNSURE, "profile", f"held to {target.profile}; more like {fits}")


def _came(outcome: Outcome) -> Segment | None:
    """The last segment that came behind the last that was sent; None where none did."""
    came = None
    for event in outcome.transcript.events:
        if event.probe is None and isinstance(event.packet, Packet):
            came = event.packet.segment if event.direction == "received" else None
    return came


def _answer_to(target: Target, reach: Reach, segment: Send, answer: Answer) -> Outcome:
    expected: tuple[tuple[str, Expected], ...] = (("*", answer),)
    return _perform(target, reach, segment, Expect(ByProfile(expected)))[0]


def _perform(target: Target, reach: Reach, *steps: Step) -> tuple[Outcome, int]:
    """What comes of a case, and how many unreadable frames came meanwhile."""
    case = Case("doctor", "", (), reach, steps)

    async def perform() -> tuple[Outcome, int]:
        for breath in range(1, _TRIES + 1):
            record = await perform_script(case, target)
            outcome = judge(record)
            if not outcome.late:
                break
            await asyncio.sleep(breath)
        return outcome, record.capture_losses

    return _or_end("connection", lambda: target.start(perform()).result())


def _or_end(what: str, attempt: Callable[[], T]) -> T:
    try:
        return attempt()
    except TargetError as error:
        raise Ended(what, str(error)) from None
