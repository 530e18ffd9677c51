"""One run of a script: it sends, receives and records, and judges nothing.

It asks a target to send, to receive, to let time pass and to make a call; it never asks what the
target is.  What it sees it tells fact by fact, so that whoever drives it may stop.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping
from dataclasses import replace

from tw_conformance.link.link import Arrival, Link, Observation
from tw_conformance.model.case import (
    Call,
    Case,
    Counters,
    Expect,
    ExpectState,
    Send,
    SendIcmp,
    Step,
    Wait,
)
from tw_conformance.model.errors import NoSuchCall
from tw_conformance.play import state_probe
from tw_conformance.play.record import (
    Again,
    Came,
    Counted,
    Doubt,
    Fact,
    Gave,
    ProvenSilence,
    Record,
    Seen,
    StateSeen,
    Stray,
    TimerEffect,
    answers,
    timer_effect,
)
from tw_conformance.play.tester import NotReached, TesterEndpoint
from tw_conformance.play.views import MARGIN, View, age, last_injection
from tw_conformance.targets.target import Target
from tw_reference.segment import Packet, Segment
from tw_reference.ways import WINDOW

_READINGS = 8
"""Readings more of a timer where the first was too slow to tell when it was started."""
_LATE = 0.4
"""Seconds by which a wait may overrun before what follows it says nothing any more."""
_UNPROVEN = Doubt("no echo probe was answered: what was sent can't be shown to have arrived")
_GONE = Doubt(
    "nothing came, and no echo probe was answered either: the path or the DUT is gone",
)


class Run:
    """One run of one case on one connection.  Whoever begins it ends it with :meth:`record`."""

    def __init__(self, case: Case, target: Target, link: Link, view: View | None = None) -> None:
        self.case = case
        self.view = view
        """What is to be seen, where the DUT's state has to be asked for; None: all is read."""
        self.target = target
        self.link = link
        self.tester = TesterEndpoint(case, link, target.path)
        self.given: str | None = None
        """What the last call gave."""
        self._record = Record(case, target.name, target.profile, self.tester.transcript)
        self._began = link.now()
        self._last_sent: float | None = None
        self._waited_until = self._began
        """The end of the last wait or call."""
        self._counted: Mapping[str, int] = {}
        """The DUT's counters when the steps began, where some step is about them."""
        self._settled_before = self._began
        """By when the DUT had processed all that was sent before the last send."""

    async def play(self) -> AsyncGenerator[Fact, None]:
        """Reach the first state and take all steps: the facts, each at the moment it is seen."""
        try:
            await self.reach()
        except NotReached as failure:
            yield self._fact(Doubt(f"{self.case.reach.state} was not reached: {failure}"))
            return
        for index, step in enumerate(self.case.steps):
            if self._is_out_of_view(index, step):
                continue
            self._turn_to(index)
            if self._is_to_tell_the_timer(index):
                await self.link.sleep(self.tester.settled + age(self.target.time_variables))
            for stray in () if isinstance(step, Expect) else self._strays():
                yield stray
            fact = await self.take(index, step)
            if fact is not None:
                yield fact
            if self._record.inferred:
                return  # What comes now is for the question, which is not the case's.
        if not await self.tester.prove_delivery():
            yield self._fact(_UNPROVEN)
        for stray in self._strays():
            yield stray

    async def reach(self) -> None:
        """Bring the DUT to the case's first state.

        :raises NotReached: where that fails.
        """
        await self.tester.reach()
        if any(isinstance(step, Counters) for step in self.case.steps):
            self._counted = await self.link.counters()
        if not self.target.path.perfect:
            # What is still under way from reaching the state must not be taken for an answer.
            await self.tester.forget_what_came()

    async def take(self, index: int, step: Step) -> Fact | None:
        """Take one step, whose place in the script is ``index``: what was seen at it, if
        anything that can be judged was."""
        self._turn_to(index)
        seen = await self._take(step)
        return None if seen is None else self._fact(seen)

    async def look_again(self, fact: Fact) -> Fact:
        """Give an answer that did not come, and whose absence decides, more time: the fact as it
        is then.  ``fact`` is the latest."""
        arrival = await self.tester.second_look()
        if arrival is None:
            return fact
        self._record.facts.pop()
        return self._fact(self._came(arrival))

    def record(self) -> Record:
        """End the run: leave nothing half open on the DUT, and give up what was seen."""
        record = self._record
        record.capture_losses = self.link.capture_losses()
        self.tester.abandon()
        record.duration = self.link.now() - self._began
        return record

    def timer(self, seen: Observation) -> TimerEffect | None:
        """What the last send did to the 2MSL timer; None where the reading can't tell."""
        if self._last_sent is None:
            return None
        return timer_effect(
            seen,
            2 * self.target.time_variables["msl"],
            settled=self._settled_before,
            sent=self._last_sent,
        )

    # -- a DUT that nobody can look into ---------------------------------------------------------

    def _is_out_of_view(self, index: int, step: Step) -> bool:
        return isinstance(step, ExpectState) and self.view is not None and index != self.view.state

    def _is_to_tell_the_timer(self, index: int) -> bool:
        """Whether that step's effect on the 2MSL timer is what this run is for."""
        view = self.view
        if view is None or view.state is None or not view.timer:
            return False
        return index == last_injection(self.case, view.state)

    # -- steps -----------------------------------------------------------------------------------

    async def _take(self, step: Step) -> Seen | None:
        match step:
            case Send():
                return self._send(step)
            case SendIcmp():
                self._about_to_send()
                self._last_sent = self.tester.report(step)
                return None
            case Expect():
                return await self._expect(step)
            case Wait():
                return await self._wait(step)
            case Call():
                return await self._call(step)
            case ExpectState():
                return await self._state(step)
            case Counters():
                return await self._count(step)

    def _send(self, step: Send) -> Doubt | None:
        if (too_late := self._too_late(step)) is not None:
            return too_late
        segment = self._segment(step)
        self._about_to_send()
        self._last_sent = self.tester.send(
            segment,
            damage=step.corrupt,
            tos=step.tos,
            ttl=step.ttl,
            flow_label=step.flow_label,
        )
        self.tester.variables.update(
            seg_seq=segment.seq,
            seg_ack=segment.ack,
            seg_len=segment.length,
            seg_tsval=segment.timestamps.tsval if segment.timestamps else 0,
        )
        return None

    def _about_to_send(self) -> None:
        self._settled_before = self.tester.settled

    def _too_late(self, step: Send) -> Doubt | None:
        if step.within is None or self._last_sent is None:
            return None
        since = self.link.now() - self._last_sent
        if since <= step.within.evaluate(self.target.time_variables):
            return None
        return Doubt(
            f"{since:.3f} s passed since the last segment, and {step.within.text} may: "
            "the path or this machine is too slow for this case",
            late=True,
        )

    def _segment(self, step: Send) -> Segment:
        variables = self.tester.variables
        seq, ack, tsval = step.numbers(variables, timestamps=self.tester.timestamps)
        tsecr = None if step.tsecr is None else step.tsecr.evaluate(variables)
        return Segment(
            seq=seq,
            ack=ack,
            flags=step.flags,
            window=WINDOW if step.window is None else step.window,
            payload=b"t" * step.length,
            mss=step.mss,
            wscale=step.wscale,
            sack_permitted=step.sack_permitted,
            timestamps=None if tsval is None else self.tester.stamps(tsval, tsecr),
            urgent=step.urgent,
            reserved=step.reserved,
            option_octets=_whole_words(step.options or b""),
        )

    async def _expect(self, step: Expect) -> Came | ProvenSilence | Doubt:
        pending = self.tester.pending
        if step.within is not None and not pending:
            until = self.link.now() + step.within.evaluate(self.target.time_variables)
            arrival = await self.tester.receive(until)
            if arrival is not None:
                pending.append(arrival)
        proven = await self.tester.prove_delivery()
        if pending:
            arrival = pending.pop(0)
            return self._came(arrival)
        return ProvenSilence(self.tester.served) if proven else _GONE

    def _came(self, arrival: Arrival) -> Came:
        variables, packet = self.tester.variables, _packet(arrival)
        came = Came(packet, dict(variables), self._again(arrival))
        answer = packet.segment
        variables.update(
            ans_seq=answer.seq,
            ans_ack=answer.ack,
            ans_len=answer.length,
            ans_tsval=answer.timestamps.tsval if answer.timestamps else 0,
        )
        return came

    async def _wait(self, step: Wait) -> Doubt | None:
        if not await self.tester.prove_delivery():
            return _UNPROVEN
        # Counted from when the DUT did what it did before: a busy tester notices that late.
        since = max(self.tester.settled, self._waited_until)
        until = since + step.duration.evaluate(self.target.time_variables)
        self._waited_until = until
        self.tester.note(f"wait {step.duration.text}")
        await self.link.sleep(until)
        late = self.link.now() - until
        if late > _LATE:
            return Doubt(
                f"the tester woke up {late:.2f} s late from a wait: this machine is too busy",
                late=True,
            )
        await self.tester.drain()
        return None

    async def _call(self, step: Call) -> Gave | Doubt:
        if not await self.tester.prove_delivery():
            return _UNPROVEN
        try:
            given = await self.link.call(step.verb, step.arguments)
        except NoSuchCall as lack:
            return Doubt(str(lack))
        self.given = given
        self.tester.note(f"call {step.text} gives {given}")
        self._waited_until = self.link.now()
        self.tester.expect_news()
        return Gave(given)

    async def _state(self, step: ExpectState) -> StateSeen | Stray | Doubt:
        if not await self.tester.prove_delivery():
            return _UNPROVEN
        for stray in self._pending_strays():
            return stray
        observed = await self.link.observe()
        if observed is None:
            return await self._ask_for_the_state(step)
        timer = "" if observed.remaining is None else f", timer at {observed.remaining:.3f} s"
        self.tester.note(f"state {observed.state}{timer}")
        expected = step.state.choose(self.target.profile)
        if expected is not None and expected.timer is not None:
            observed = await self._read_finely(observed)
        return StateSeen(
            observed.state,
            effect=self.timer(observed),
            has_timer=observed.remaining is not None,
        )

    async def _read_finely(self, observed: Observation) -> Observation:
        """The agent's answer may be slow to come, and say little of a timer; the next is quicker,
        most likely."""
        for _ in range(_READINGS):
            if self.timer(observed) is None:
                observed = await self.link.observe() or observed
        return observed

    async def _count(self, step: Counters) -> Counted | Doubt:
        if not await self.tester.prove_delivery():
            return _UNPROVEN
        counters = await self.link.counters()
        unknown = step.moved.keys() - counters.keys()
        if unknown:
            return Doubt(f"this target can't read the DUT's {', '.join(sorted(unknown))}")
        moved = {name: counters[name] - self._counted.get(name, 0) for name in step.moved}
        self.tester.note(", ".join(f"{name} moved by {by}" for name, by in moved.items()))
        return Counted(moved)

    async def _ask_for_the_state(self, step: ExpectState) -> StateSeen | Doubt:
        assert self._record.last_step is not None
        why = state_probe.unaskable(self.case, self._record.last_step, self.target.profile)
        if why is not None:
            return Doubt(why)
        self._record.inferred = True
        if self.view is not None and self.view.timer:
            return await self._ask_for_the_timer(step)
        seen = await state_probe.ask(self.tester, answers(self.tester.transcript))
        return replace(seen, apart=True) if isinstance(seen, StateSeen) and self.view else seen

    async def _ask_for_the_timer(self, step: ExpectState) -> StateSeen | Doubt:
        """A timer that was started before the last segment has expired now; one that it restarted
        has not."""
        assert self._last_sent is not None, "a view of a timer has an injection in front of it"
        until = self._last_sent + 2 * self.target.time_variables["msl"] - MARGIN
        self.tester.note("the timer can't be read: wait until it tells by the state")
        await self.link.sleep(until)
        if (late := self.link.now() - until) > MARGIN / 2:
            return Doubt(f"the tester woke up {late:.2f} s late from a wait", late=True)
        await self.tester.drain()
        for stray in self._pending_strays():
            return Doubt(f"{stray.packet.segment} came while a timer was waited for")
        seen = await state_probe.ask(self.tester, answers(self.tester.transcript))
        if isinstance(seen, Doubt):
            return seen
        expected = step.state.choose(self.target.profile)
        assert expected is not None
        effect: TimerEffect = "kept" if seen.state == "CLOSED" else "restarted"
        return StateSeen(expected.name, seen.how, effect=effect, has_timer=True)

    # -- what every step rests on ----------------------------------------------------------------

    def _turn_to(self, index: int) -> None:
        self.tester.step = self._record.last_step = index

    def _fact(self, seen: Seen) -> Fact:
        fact = Fact(self._record.last_step, seen)
        self._record.facts.append(fact)
        return fact

    def _strays(self) -> Iterator[Fact]:
        """Facts of what came and no step accounts for."""
        return map(self._fact, self._pending_strays())

    def _pending_strays(self) -> Iterator[Stray]:
        while self.tester.pending:
            arrival = self.tester.pending.pop(0)
            yield Stray(_packet(arrival), dict(self.tester.variables), self._again(arrival))

    def _again(self, arrival: Arrival) -> Again | None:
        """What else a segment may be than the DUT's answer to what was sent last."""
        if not self.target.path.perfect:
            packet = _packet(arrival)
            return Again.REPEATED if self.tester.has_come_before(packet) else None
        # Where time is virtual nobody is late.
        if self.target.realtime and self.tester.was_retransmitted(arrival):
            return Again.RETRANSMITTED
        return None


def _whole_words(options: bytes) -> bytes:
    """Padded with «end of option list» to a length that a data offset can say."""
    return options + bytes(-len(options) % 4)


def _packet(arrival: Arrival) -> Packet:
    assert isinstance(arrival.packet, Packet)
    return arrival.packet
