"""Which of the standard's options a DUT has: RFC 9293 leaves them to each stack, so it is asked.

A SHOULD or a MAY is a setting of the profile.  Of each the reference says which question it answers
otherwise with the setting than without; the DUT's answer to that tells.  What fits neither is no
option, but a deviation, and is left to the cases.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import NamedTuple, TypeAlias

from tw_conformance.model.case import (
    NOTHING,
    ByProfile,
    Case,
    Expect,
    Reach,
    Send,
    SendIcmp,
    Step,
)
from tw_conformance.model.expressions import SequenceExpression
from tw_conformance.play.record import Came, ProvenSilence
from tw_conformance.play.run import Run
from tw_conformance.targets.acquaintance import Question, Shape
from tw_conformance.targets.direct import DirectTarget
from tw_conformance.targets.target import Target, family_of
from tw_reference import segment as tcp
from tw_reference.profiles import PROFILES
from tw_reference.segment import Segment

STANDARD = "rfc9293"
"""The profile that is no stack, and whose settings are what the standard leaves open."""

SHOULDS = frozenset(
    name for name, setting in PROFILES[STANDARD].settings.items() if setting.level == "SHOULD"
)
"""The settings without which a stack does not do all that it should."""

_Reply: TypeAlias = tuple[int | None, ...]
"""The flags of what came at each step, None where nothing did; of a reset RST alone."""


def _seq(text: str) -> SequenceExpression:
    return SequenceExpression(text)


def _syn(seq: str) -> Send:
    return Send(tcp.SYN, seq=_seq(seq), mss=1460)


_TRIES = 3
"""Connections on which a question is asked, at most: on a busy machine a reply may have been
late."""
_AGREEING = 2
"""Replies that decide."""
_OLD_OCTET = Send(tcp.ACK, seq=_seq("rcv_nxt-1"), length=1)
"""Tells whether the block is there yet."""
_OF_IPV4 = SendIcmp("fragmentation-needed", mtu=576)
_BEFORE = "FIN-WAIT-2"
"""Stands for the synchronized states before TIME-WAIT: all that close first get there."""


class _Asked(NamedTuple):
    """What is sent, whether timestamps are in use, and in which state."""

    stimulus: Send | SendIcmp
    timestamps: bool = False
    state: str = "TIME-WAIT"


_STIMULI = (
    _Asked(_syn("rcv_nxt+1")),
    _Asked(_syn("rcv_nxt")),
    _Asked(_syn("rcv_nxt-1000")),
    _Asked(Send(tcp.SYN | tcp.ACK, seq=_seq("rcv_nxt+1"))),
    _Asked(Send(tcp.RST, seq=_seq("rcv_nxt"))),
    _Asked(Send(tcp.RST, seq=_seq("rcv_nxt+1"))),
    _Asked(Send(tcp.ACK, seq=_seq("rcv_nxt"))),
    _Asked(Send(tcp.ACK, seq=_seq("rcv_nxt"), ack=_seq("snd_nxt+100000"))),
    _Asked(SendIcmp("port-unreachable")),
    _Asked(_OF_IPV4),
    _Asked(Send(tcp.ACK, seq=_seq("rcv_nxt-1"), timestamps="absent"), timestamps=True),
    _Asked(_syn("rcv_nxt-1000"), timestamps=True),
    _Asked(Send(tcp.ACK, seq=_seq("rcv_nxt"), length=1), state=_BEFORE),
    _Asked(Send(tcp.RST, seq=_seq("rcv_nxt+1")), state=_BEFORE),
    _Asked(_syn("rcv_nxt+1"), state=_BEFORE),
)


def find_switches(
    target: Target, *, strict: bool = False, tell: Callable[[str], object] = lambda doing: None
) -> dict[str, int]:
    """The settings by which the DUT differs from the standard's defaults; those that are known
    already are not asked for, nor, where it is ``strict``, those that the standard says a stack
    SHOULD have: without them its cases fail.  ``tell`` hears which one is being asked for.

    :raises TargetError: where the target is gone.
    """
    demanded = SHOULDS if strict else frozenset[str]()
    return target.start(_find(target, demanded, tell)).result()


async def _find(
    target: Target, demanded: Collection[str], tell: Callable[[str], object]
) -> dict[str, int]:
    defaults = PROFILES[STANDARD].defaults()
    known = {**defaults, **target.settings}
    inquiry = _SwitchQuestions(target)
    for name, default in defaults.items():
        if name in target.settings or default not in (0, 1) or name in _NO_OPTIONS:
            continue
        if name in demanded:
            continue
        tell(f"asking for the options that the standard leaves to a stack, by now for {name}")
        flipped = {**known, name: 1 - default}
        if await inquiry.does(flipped, rather_than=known):
            known = flipped
    return {name: known[name] for name in defaults if known[name] != defaults[name]}


_NO_OPTIONS = frozenset({"timestamps", "paws", "challenge_interval"})
"""What is seen when a connection is opened, before any question; what is no SHOULD where timestamps
are in use (RFC 7323 section 5.3 R1); and what is no switch: who is silent to a second segment may
throttle, or not answer such a one at all."""


class _SwitchQuestions:
    """Questions to a DUT, and what the standard answers to each."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._reference = DirectTarget(PROFILES[STANDARD])
        self._questions = [case for case in _questions(target) if target.lacks(case) is None]
        self._foreseen: dict[tuple[int, ...], list[_Reply | None]] = {}
        """By the values of the settings: the reply to each question."""

    async def does(self, settings: Mapping[str, int], *, rather_than: Mapping[str, int]) -> bool:
        """Whether the DUT does what the standard does with these settings, and not what it does
        with the others, up to where their replies part: what comes later may be a deviation of its
        own, as with who resets a SYN in TIME-WAIT and yet stays there."""
        replies = zip(self._foresee(settings), self._foresee(rather_than), strict=True)
        telling = [
            (question, with_it, without)
            for question, (with_it, without) in zip(self._questions, replies, strict=True)
            if with_it != without
        ]
        for question, with_it, without in telling:
            if with_it is None or without is None:
                continue
            parting = [a == b for a, b in zip(with_it, without, strict=True)].index(False)
            fitting = with_it[: parting + 1], without[: parting + 1]
            told = await self._agreed(question, fitting)
            if told is not None:
                return told == fitting[0]
        return False

    async def _agreed(self, question: Case, fitting: Collection[_Reply]) -> _Reply | None:
        """With which of these the DUT's reply begins, on a wire twice; None where with none."""
        tries, agreeing = (_TRIES, _AGREEING) if self._target.realtime else (1, 1)
        given: Counter[_Reply] = Counter()
        for _ in range(tries):
            seen = await _reply(question, self._target)
            for reply in fitting:
                given[reply] += seen is not None and seen[: len(reply)] == reply
                if given[reply] == agreeing:
                    return reply
        return None

    def _foresee(self, settings: Mapping[str, int]) -> list[_Reply | None]:
        values = tuple(settings.values())
        if values not in self._foreseen:
            asked = (replace(question, settings=settings) for question in self._questions)
            self._foreseen[values] = [
                self._reference.start(_reply(question, self._reference)).result()
                for question in asked
            ]
        return self._foreseen[values]


async def _reply(question: Case, target: Target) -> _Reply | None:
    """None where nothing can be said."""
    link = await target.open(question)
    run, reply = Run(question, target, link), list[int | None]()
    try:
        async with aclosing(run.play()) as facts:
            async for fact in facts:
                match fact.seen:
                    case Came() as came:
                        is_last = fact.step == len(question.steps) - 1
                        reply.append(_flags(came, target if is_last else None))
                    case ProvenSilence():
                        reply.append(None)
        run.record()
    finally:
        await link.aclose()
    expected = sum(isinstance(step, Expect) for step in question.steps)
    return tuple(reply) if len(reply) == expected else None


def _flags(came: Came, asked: Target | None) -> int:
    """The flags of an answer; where whether the block is there was ``asked`` of a DUT that says so
    in its own way, those of the standard's answer to that."""
    segment = came.packet.segment
    flags = segment.flags & ~tcp.PSH
    if asked is not None and asked.acquaintance.telling.question is Question.OCTET:
        seen = Shape.of(segment, Segment(came.variables["seg_seq"], came.variables["seg_ack"], 0))
        if seen.is_like(asked.acquaintance.telling.there):
            return tcp.ACK
    return tcp.RST if flags & tcp.RST else flags


def _questions(target: Target) -> Iterator[Case]:
    anything = Expect(ByProfile((("*", NOTHING),)))
    family = family_of(target)
    for stimulus, timestamps, state in _STIMULI:
        if family == "ipv6" and stimulus == _OF_IPV4:
            continue
        steps: tuple[Step, ...] = (stimulus, anything, _OLD_OCTET, anything)
        reach = Reach(state=state, family=family, timestamps=timestamps)
        yield Case("a question", "", (), reach, steps)
