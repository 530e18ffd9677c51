"""One performance of a case: the steps in order, and the verdict that they come to.

It asks a target to send, to receive, to let time pass and to make a call; it never asks what the
target is.  PASS and FAIL rest on packets that were seen or on a silence that a sentinel proved;
everything else ends INCONCLUSIVE with its reason.
"""

from __future__ import annotations

from typing import Literal, TypeVar

from tw_conformance.link.base import Arrival, Link, Observation
from tw_conformance.model.case import (
    NOTHING,
    OK,
    REFUSED,
    Answer,
    ByProfile,
    Call,
    Case,
    Expect,
    Expected,
    Send,
    SendIcmp,
    State,
    StateIs,
    Step,
    Wait,
)
from tw_conformance.model.errors import NoSuchCall
from tw_conformance.model.verdict import Decided, Mismatch, Outcome, Verdict
from tw_conformance.play import state_probe
from tw_conformance.play.compare import compare, summary
from tw_conformance.play.tester import WINDOW, NotReached, TesterEndpoint
from tw_conformance.targets.base import Target
from tw_reference import segment as tcp
from tw_reference.segment import Packet, Segment, Timestamps
from tw_reference.seqnum import add

T = TypeVar("T")

_READINGS = 8
"""Readings more of a timer where the first was too slow to tell when it was started."""
_LATE = 0.4
"""Seconds by which a wait may overrun before what follows it says nothing any more."""


class Performance:
    """One playing of one case.  ``answers`` are the segments that came since the last send."""

    def __init__(self, case: Case, target: Target, link: Link, *, judging: bool = True) -> None:
        self.case = case
        self.target = target
        self.link = link
        self.peer = TesterEndpoint(case, link, target.path)
        self.answers: list[Arrival] = []
        self.inferred = False
        """Whether the DUT's state was asked for on the wire."""
        self._judging = judging
        self._step: Step | None = None
        self.given = OK
        """What the last call gave."""
        self._exchanges = 0
        self._last_sent: float | None = None
        self._waited_until = link.now()
        """The end of the last wait or call."""
        self._settled_before = 0.0
        """By when the DUT had processed all that was sent before the last send."""

    async def run(self) -> Outcome:
        started = self.link.now()
        verdict, reason, mismatches = Verdict.PASS, "", list[Mismatch]()
        by_absence = late = False
        try:
            await self.perform(self.case.steps)
        except NotReached as failure:
            state = self.case.reach.state
            verdict, reason = Verdict.INCONCLUSIVE, f"{state} was not reached: {failure}"
        except Decided as decided:
            verdict, reason = decided.verdict, decided.reason
            mismatches, late = decided.mismatches, decided.late
            # What came may be right for a DUT that an earlier segment never reached.
            by_absence = decided.by_absence or self._exchanges > 1
        lost = self.link.capture_losses()
        if lost and verdict is not Verdict.INCONCLUSIVE:
            verdict = Verdict.INCONCLUSIVE
            reason = f"{lost} frames were lost in capture: the transcript has holes"
        self.peer.abandon()
        return Outcome(
            case=self.case,
            target=self.target.name,
            profile=self.target.profile,
            verdict=verdict,
            transcript=self.peer.transcript,
            reason=reason,
            by_absence=by_absence,
            late=late,
            step=None if verdict is Verdict.PASS else self._step,
            mismatches=mismatches,
            inferred=self.inferred,
            duration=self.link.now() - started,
        )

    async def perform(self, steps: tuple[Step, ...]) -> None:
        """Reach the first state, then take the steps in order.

        :raises NotReached: where the first state is not reached.
        :raises Decided: where a step decides against PASS.
        """
        await self.peer.reach()
        if not self.target.path.perfect:
            # What is still under way from reaching the state must not be taken for an answer.
            await self.peer.forget_what_came()
        for index, step in enumerate(steps):
            await self.take(index, step)
        if self.inferred:
            return  # What comes now is for the question, which is not the case's.
        await self._prove()
        await self._nothing_left_over()

    async def take(self, index: int, step: Step) -> None:
        """One step; ``index`` is its place in the script.

        :raises Decided: where it decides against PASS.
        """
        self.peer.step, self._step = index, step
        if not isinstance(step, Expect):
            await self._nothing_left_over()
        match step:
            case Send():
                self._send(step)
            case SendIcmp():
                self._about_to_send()
                self._last_sent = self.peer.report(step)
            case Expect():
                await self._expect(step)
            case Wait():
                await self._wait(step)
            case Call():
                await self._call(step)
            case State():
                await self._state(step)

    # -- steps -----------------------------------------------------------------------------------

    def _send(self, step: Send) -> None:
        self._in_time(step)
        segment = self._segment(step)
        self._about_to_send()
        self._last_sent = self.peer.send(segment, damage=step.corrupt, tos=step.tos)
        self.peer.variables.update(
            seg_seq=segment.seq,
            seg_ack=segment.ack,
            seg_len=segment.length,
            seg_tsval=segment.timestamps.tsval if segment.timestamps else 0,
        )

    def _about_to_send(self) -> None:
        self._exchanges += 1
        self.answers.clear()
        self._settled_before = self.peer.settled

    def _in_time(self, step: Send) -> None:
        if step.within is None or self._last_sent is None:
            return
        since = self.link.now() - self._last_sent
        if since > step.within.evaluate(self.target.time_variables):
            raise Decided(
                Verdict.INCONCLUSIVE,
                f"{since:.3f} s passed since the last segment, and {step.within.text} may: "
                "the path or this machine is too slow for this case",
                late=True,
            )

    def _segment(self, step: Send) -> Segment:
        variables = self.peer.variables
        has_ack = step.flags & tcp.ACK != 0
        default_ack = variables["snd_nxt"] if has_ack else 0
        return Segment(
            seq=variables["rcv_nxt"] if step.seq is None else step.seq.evaluate(variables),
            ack=default_ack if step.ack is None else step.ack.evaluate(variables),
            flags=step.flags,
            window=WINDOW if step.window is None else step.window,
            payload=b"t" * step.length,
            mss=step.mss,
            wscale=step.wscale,
            sack_permitted=step.sack_permitted,
            timestamps=self._timestamps(step),
            urgent=step.urgent,
            reserved=step.reserved,
        )

    def _timestamps(self, step: Send) -> Timestamps | None:
        variables = self.peer.variables
        tsecr = None if step.tsecr is None else step.tsecr.evaluate(variables)
        if step.tsval is not None:
            return self.peer.stamps(step.tsval.evaluate(variables), tsecr)
        relation = step.timestamps or ("newer" if self.peer.timestamps else "absent")
        recent = variables["ts_recent"]
        match relation:
            case "absent":
                return None
            case "newer":
                return self.peer.stamps(add(recent, 1000), tsecr)
            case "same":
                return self.peer.stamps(recent, tsecr)
            case "older":
                return self.peer.stamps(add(recent, -1), tsecr)

    async def _expect(self, step: Expect) -> None:
        if step.within is not None and not self.peer.pending:
            until = self.link.now() + step.within.evaluate(self.target.time_variables)
            arrival = await self.peer.receive(until)
            if arrival is not None:
                self.peer.pending.append(arrival)
        proven = await self.peer.prove_delivery()
        if not self._judging:
            self.answers += self.peer.pending
            self.peer.pending.clear()
            return
        expected = self._chosen(step.answer)
        if not self.peer.pending:
            self._judge_silence(expected, proven)
            return
        arrival = self.peer.pending.pop(0)
        self.answers.append(arrival)
        self._judge_answer(expected, arrival)

    def _judge_silence(self, expected: Expected, proven: bool) -> None:
        if not proven:
            raise Decided(
                Verdict.INCONCLUSIVE,
                "nothing came, and no echo probe was answered either: the path or the DUT is gone",
            )
        if isinstance(expected, Answer):
            what = summary(expected)
            raise Decided(
                Verdict.FAIL,
                f"expected {what}, but nothing came: the probe sent after it was answered",
                [Mismatch("answer", what, "nothing")],
                by_absence=True,
            )

    def _judge_answer(self, expected: Expected, arrival: Arrival) -> None:
        variables = self.peer.variables
        packet = _packet(arrival)
        seen = summary(packet, variables)
        if expected is NOTHING:
            self._doubt_a_repeat(packet)
            raise Decided(
                Verdict.FAIL,
                f"expected nothing, but {seen} came",
                [Mismatch("answer", "nothing", seen)],
            )
        assert isinstance(expected, Answer)
        mismatches = compare(expected, packet, variables)
        if mismatches:
            self._doubt_a_repeat(packet)
            fields = ", ".join(mismatch.field for mismatch in mismatches)
            raise Decided(
                Verdict.FAIL, f"expected {summary(expected)}, but {seen} came: {fields}", mismatches
            )

    async def _wait(self, step: Wait) -> None:
        await self._prove()
        # Counted from when the DUT did what it did before: a busy tester notices that late.
        since = max(self.peer.settled, self._waited_until)
        until = since + step.duration.evaluate(self.target.time_variables)
        self._waited_until = until
        self.peer.note(f"wait {step.duration.text}")
        await self.link.sleep(until)
        late = self.link.now() - until
        if late > _LATE:
            raise Decided(
                Verdict.INCONCLUSIVE,
                f"the tester woke up {late:.2f} s late from a wait: this machine is too busy",
                late=True,
            )
        await self.peer.drain()

    async def _call(self, step: Call) -> None:
        await self._prove()
        self._exchanges += 1
        try:
            self.given = await self.link.call(step.verb, step.arguments)
        except NoSuchCall as lack:
            raise Decided(Verdict.INCONCLUSIVE, str(lack)) from lack
        self.peer.note(f"call {step.text} gives {self.given}")
        self._waited_until = self.link.now()
        self.peer.expect_news()
        if self._judging:
            self._judge_call(step)

    def _judge_call(self, step: Call) -> None:
        expected = self._chosen(step.gives)
        if self.given != expected and (self.given == OK or expected != REFUSED):
            raise Decided(
                Verdict.FAIL,
                f"expected {step.text} to give {expected}, but it gave {self.given}",
                [Mismatch("gives", expected, self.given)],
                by_absence=True,
            )

    async def _state(self, step: State) -> None:
        await self._prove()
        await self._nothing_left_over()
        seen = await self.link.observe()
        if not self._judging:
            return
        expected = self._chosen(step.state)
        if seen is None:
            try:
                told, how = await state_probe.tell(self.peer, self.target.profile, self.answers)
            except state_probe.Unanswered as unanswered:
                raise Decided(Verdict.INCONCLUSIVE, str(unanswered)) from None
            self.inferred = True
            self._judge_state(expected, told, how)
            return
        timer = "" if seen.remaining is None else f", timer at {seen.remaining:.3f} s"
        self.peer.note(f"state {seen.state}{timer}")
        self._judge_state(expected, seen.state)
        for _ in range(_READINGS):
            if expected.timer is None or self.timer(seen) is not None:
                break
            # The answer was slow to come, so the reading says little; the next one may be quicker.
            seen = await self.link.observe() or seen
        self._judge_timer(expected, seen)

    def _judge_state(self, expected: StateIs, state: str, how: str = "") -> None:
        if state != expected.name:
            raise Decided(
                Verdict.FAIL,
                f"expected state {expected.name}, but the DUT is in {state}{how}",
                [Mismatch("state", expected.name, state)],
                by_absence=True,
            )

    def timer(self, seen: Observation) -> Literal["restarted", "kept"] | None:
        """What the last send did to the 2MSL timer; None where the reading can't tell.

        The timer was started at some moment between ``earliest`` and ``latest``: the reading was
        taken between two moments, and has a resolution.  It was kept if that was before the last
        send, and restarted if it was after all that came before it had been processed.  Both at
        once says that the DUT's own clock was behind.
        """
        if seen.remaining is None or self._last_sent is None:
            return None
        lifetime = 2 * self.target.time_variables["msl"]
        earliest = seen.asked + seen.remaining - lifetime - seen.resolution
        latest = seen.answered + seen.remaining - lifetime + seen.resolution
        kept, restarted = latest < self._last_sent, earliest > self._settled_before
        if kept == restarted:
            return None
        return "kept" if kept else "restarted"

    def _judge_timer(self, expected: StateIs, seen: Observation) -> None:
        """Whether the last send restarted the 2MSL timer."""
        if expected.timer is None or self._last_sent is None:
            return
        if seen.remaining is None:
            raise Decided(Verdict.INCONCLUSIVE, "this target can't read the block's timer")
        timer = self.timer(seen)
        if timer is None:
            raise Decided(
                Verdict.INCONCLUSIVE,
                "the timer can't be read finely enough to tell a restart: "
                "let more time pass before the segment",
                late=True,
            )
        if timer != expected.timer:
            raise Decided(
                Verdict.FAIL,
                f"expected the 2MSL timer {expected.timer}, but it was {timer}",
                [Mismatch("timer", expected.timer, timer)],
            )

    def _chosen(self, choices: ByProfile[T]) -> T:
        """What the case says of the target's profile.

        :raises Decided: where it says nothing.
        """
        chosen = choices.choose(self.target.profile)
        if chosen is None:
            why = f"the case says nothing about {self.target.profile}"
            raise Decided(Verdict.INCONCLUSIVE, why)
        return chosen

    # -- what every step rests on ----------------------------------------------------------------

    async def _prove(self) -> None:
        if not await self.peer.prove_delivery() and self._judging:
            raise Decided(
                Verdict.INCONCLUSIVE,
                "no echo probe was answered: what was sent can't be shown to have arrived",
            )

    async def _nothing_left_over(self) -> None:
        """A segment that no step accounts for fails the case."""
        if not self.peer.pending:
            return
        if not self._judging:
            self.answers += self.peer.pending
            self.peer.pending.clear()
            return
        packet = _packet(self.peer.pending[0])
        self._doubt_a_repeat(packet)
        seen = summary(packet, self.peer.variables)
        raise Decided(
            Verdict.FAIL,
            f"{seen} came, which no step expects",
            [Mismatch("answer", "nothing more", seen)],
        )

    def _doubt_a_repeat(self, packet: Packet) -> None:
        """On a path that repeats or holds up packets, a segment like one that came before may be
        that one, or the answer to a repeat of ours."""
        # Where time is virtual nobody is late.
        if (
            self.target.realtime
            and self.target.path.perfect
            and self.peer.was_retransmitted(packet)
        ):
            raise Decided(
                Verdict.INCONCLUSIVE,
                f"{summary(packet, self.peer.variables)} was retransmitted by the DUT: this machine"
                " was too slow to acknowledge it",
                late=True,
            )
        if not self.target.path.perfect and self.peer.has_come_before(packet):
            raise Decided(
                Verdict.INCONCLUSIVE,
                f"{summary(packet, self.peer.variables)} came once more; the path may repeat",
            )


def _packet(arrival: Arrival) -> Packet:
    assert isinstance(arrival.packet, Packet)
    return arrival.packet
