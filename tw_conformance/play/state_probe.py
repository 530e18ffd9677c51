"""The DUT's state, asked on the wire: for a DUT that nobody can look into.

A question is a segment that is answered differently in each of the states that come into question.
It changes the state that it asks for, so it is the last thing in a case:

* **an old octet**, as of a keepalive (RFC 1122 section 4.2.3.6): below RCV.NXT, so a connection
  that is there acknowledges it and takes in nothing (RFC 9293 section 3.10.7.4, first step); where
  none is there a reset comes.  It is answered however soon it comes, as a bare ACK is not
  (``tcp_input.c:__tcp_oow_rate_limited``).  Of a DUT that was seen to answer that alike in
  TIME-WAIT and in CLOSED **the FIN again** asks (:mod:`~tw_conformance.play.acquaint`);
* **the ACK of a SYN-ACK**: completes a handshake that is under way, and the DUT, which closes
  first, goes on to send; where there is none a reset comes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from tw_conformance.link.link import Arrival
from tw_conformance.link.path import Path
from tw_conformance.model.case import Answer, Case, Expect, ExpectState, Injection, Step
from tw_conformance.play.record import Doubt, StateSeen
from tw_conformance.play.tester import ACCEPTS_AND_CLOSES, TesterEndpoint
from tw_conformance.targets.acquaintance import Question, Shape, Telling
from tw_reference import segment as tcp
from tw_reference.segment import Packet, Segment, flag_names
from tw_reference.seqnum import add
from tw_reference.ways import WINDOW

_SYN_ACK = tcp.SYN | tcp.ACK
_TOLD = {
    "FIN-WAIT-1": frozenset({"CLOSED"}),
    "FIN-WAIT-2": frozenset({"FIN-WAIT-2", "TIME-WAIT", "CLOSED"}),
    "TIME-WAIT": frozenset({"TIME-WAIT", "CLOSED"}),
}
"""For each state that a case may start from: the later states that an old octet can tell."""
_TOLD_BY_HANDSHAKE = frozenset({"SYN-RECEIVED"})


@dataclass(frozen=True, slots=True)
class StateProbe:
    """A segment, what a person calls it, and what its answers tell.

    ``of_service``: the DUT's service answers it, which may take its time.
    """

    name: str
    segment: Segment
    read: Callable[[Segment], str | None]
    """The state that an answer tells; None where it tells nothing."""
    of_service: bool = False

    def patience(self, path: Path) -> float:
        """Seconds that an answer may take."""
        return max(ACCEPTS_AND_CLOSES, path.patience) if self.of_service else path.patience


def unaskable(case: Case, at: int, profile: str) -> str | None:
    """Why the state at that step of a case can't be asked for on the wire; None where it can."""
    step = case.steps[at]
    assert isinstance(step, ExpectState)
    expected = step.state.choose(profile)
    if expected is None:
        return None
    before = [each for each in case.steps[:at] if isinstance(each, Expect | Injection)]
    about_it = [each for each in before if each.on == step.on]
    reopened = [isinstance(e, Expect) and _expects(e, _SYN_ACK, profile) for e in about_it]
    reached = case.connections()[step.on].state
    if expected.name in tellable(reached, reopened=any(reopened)) and not _is_past(
        about_it, reopened
    ):
        return None
    if any(reopened):
        # The ACK of a SYN-ACK is taken even then: by FreeBSD's syncookies, always.
        return f"needs to read on the DUT whether a handshake was given up ({expected.name})"
    return f"needs to read on the DUT that it is in {expected.name}"


def _is_past(steps: Sequence[Step], reopened: Sequence[bool]) -> bool:
    """Whether something was sent since a SYN-ACK came: only right behind it its ACK asks."""
    latest = max((at for at, came in enumerate(reopened) if came), default=len(steps))
    return any(isinstance(each, Injection) for each in steps[latest:])


def tellable(reached: str, *, reopened: bool) -> frozenset[str]:
    """The states that an answer can tell of a connection that was in ``reached``; ``reopened``: a
    SYN-ACK has come since."""
    return _TOLD_BY_HANDSHAKE if reopened else _TOLD.get(reached, frozenset())


async def ask(
    tester: TesterEndpoint, answers: Iterable[Packet], telling: Telling
) -> StateSeen | Doubt:
    """The state that the DUT's answer to a probe tells, or why none does.

    ``answers`` are the DUT's to the last segment, under which the profile's expectations held;
    ``telling`` is what its answers were seen to mean.
    """
    syn_ack = next((p.segment for p in answers if is_syn_ack(p.segment)), None)
    if syn_ack is None:
        probe = _old_number(tester, telling)
    else:
        probe = _handshake(tester, syn_ack, telling)
    tester.note(f"the state can't be read: {probe.name} asks for it")
    told = await _put(probe, tester)
    if isinstance(told, Doubt):
        return told
    tester.note(f"state {told}, inferred from the answer")
    return StateSeen(told, f", as its answer to {probe.name} shows")


async def _put(probe: StateProbe, tester: TesterEndpoint) -> str | Doubt:
    """Ask as often as the path makes necessary."""
    other: Segment | None = None
    for _ in range(tester.path.askings):
        deadline = tester.send(probe.segment) + probe.patience(tester.path)
        if not await tester.prove_delivery():
            return Doubt("no probe was answered: the path or the DUT is gone")
        tester.pending, early = [], tester.pending
        for arrival in early:
            if state := probe.read(other := _segment(arrival)):
                return state
        while (late := await tester.receive(deadline)) is not None:
            if state := probe.read(other := _segment(late)):
                return state
    none = f"no answer to {probe.name} tells the state"
    if other is not None:
        return Doubt(
            f"{none}: {flag_names(other.flags)} came, which is of neither kind that was seen of the"
            " DUT with a connection and without"
        )
    return Doubt(
        f"{none}, though a probe sent after it was answered: a"
        " firewall, or a blackhole sysctl on the DUT, keeps segments in that it would send"
    )


def question(tester: TesterEndpoint, asked: Question) -> Segment:
    """Make the question for the tester's connection."""
    variables, again = tester.variables, asked is Question.FIN
    return Segment(
        seq=add(variables["rcv_nxt"], -1),
        ack=variables["snd_nxt"],
        flags=tcp.FIN | tcp.ACK if again else tcp.ACK,
        window=WINDOW,
        payload=b"" if again else b"t",
        timestamps=tester.stamps(add(variables["ts_recent"], 2000)) if tester.timestamps else None,
    )


def _old_number(tester: TesterEndpoint, telling: Telling) -> StateProbe:
    segment = question(tester, telling.question)
    reached = tester.goal.state
    # One further: the DUT has taken a FIN that the case sent.
    moved_on = replace(telling.there, ack=2)

    def read(answer: Segment) -> str | None:
        seen = Shape.of(answer, segment)
        if seen.is_like(telling.gone):
            return "CLOSED"
        if seen.is_like(telling.there):
            return "FIN-WAIT-1 or FIN-WAIT-2" if reached == "FIN-WAIT-1" else reached
        return "TIME-WAIT" if reached == "FIN-WAIT-2" and seen.is_like(moved_on) else None

    return StateProbe(telling.question.value, segment, read)


def _handshake(tester: TesterEndpoint, syn_ack: Segment, telling: Telling) -> StateProbe:
    variables = tester.variables
    stamps = syn_ack.timestamps
    # It has no octet, unlike the question that was asked of CLOSED.
    gone = replace(telling.gone, ack=telling.gone.ack and telling.gone.ack - 1)
    segment = Segment(
        seq=syn_ack.ack,
        ack=add(syn_ack.seq, 1),
        flags=tcp.ACK,
        window=WINDOW,
        timestamps=stamps and tester.stamps(add(variables["seg_tsval"], 1), stamps.tsval),
    )

    def read(answer: Segment) -> str | None:
        if Shape.of(answer, segment).is_like(gone):
            return "CLOSED"
        if answer.flags & (tcp.RST | tcp.SYN):
            return None
        if answer.seq == segment.ack and (answer.flags & tcp.FIN or answer.payload):
            return "SYN-RECEIVED"
        kept = answer.seq == variables["snd_nxt"] and answer.ack == variables["rcv_nxt"]
        return "TIME-WAIT" if kept else None

    return StateProbe("the ACK of its SYN-ACK", segment, read, of_service=True)


def expects_fin_of_a_new_incarnation(case: Case, profile: str) -> bool:
    """Whether the DUT is to close a connection that a case's own SYN opened."""
    expects = [step for step in case.steps if isinstance(step, Expect)]
    reopened = [_expects(step, _SYN_ACK, profile) for step in expects]
    return any(
        any(reopened[:number]) and _expects(step, tcp.FIN, profile)
        for number, step in enumerate(expects)
    )


def _expects(step: Expect, flags: int, profile: str) -> bool:
    """Whether the one answer that is right there has these flags."""
    answer = step.answer.choose(profile)
    return isinstance(answer, Answer) and (answer.flags or 0) & flags == flags


def is_syn_ack(segment: Segment) -> bool:
    """Whether both bits are set."""
    return segment.flags & _SYN_ACK == _SYN_ACK


def _segment(arrival: Arrival) -> Segment:
    assert isinstance(arrival.packet, Packet)
    return arrival.packet.segment
