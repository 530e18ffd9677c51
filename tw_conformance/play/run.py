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
    OnConnection,
    Open,
    Send,
    SendIcmp,
    Step,
    Wait,
)
from tw_conformance.model.errors import NoSuchCall
from tw_conformance.model.verdict import Transcript
from tw_conformance.play import state_probe
from tw_conformance.play.approach import NotReached, reach
from tw_conformance.play.injections import BEHIND, Injections, InjectionTimes
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
)
from tw_conformance.play.tester import TesterEndpoint
from tw_conformance.play.views import MARGIN, View, age, asked_after, last_injection, left_out
from tw_conformance.targets.target import Target
from tw_reference.segment import Packet, Segment, flag_names
from tw_reference.ways import WINDOW

_READINGS = 8
"""How often a timer is read again where the first reading was too slow to tell when it was
started."""
_LATE = 0.4
"""Seconds by which a wait may overrun.  Beyond that, what follows says nothing."""
_UNPROVEN = Doubt("no probe was answered: what was sent can't be shown to have arrived")
_GONE = Doubt(
    "nothing came, and no probe was answered either: the path or the DUT is gone",
)


class Run:
    """One run of one case.  Whoever begins it ends it with :meth:`record`."""

    def __init__(
        self,
        case: Case,
        target: Target,
        link: Link,
        view: View | None = None,
        *,
        sitting_out: int = 0,
    ) -> None:
        self.case = case
        self._sitting_out = sitting_out
        self.view = view
        """What is to be seen, where the DUT's state has to be asked for; None: all is read."""
        self.target = target
        self.link = link
        transcript = Transcript(began=link.now())
        self.tester = TesterEndpoint(case.reach, link, target.path, transcript)
        self._testers = {"": self.tester}
        self.given: str | None = None
        """What the last call gave."""
        self._record = Record(
            case,
            target.name,
            target.profile,
            transcript,
            left_out=left_out(case, view),
        )
        self._injections = Injections(target.path)
        self._waited_until = transcript.began
        """The end of the last wait or call."""
        self._calling = 0.0
        """Seconds that the last call took since something was sent: the DUT may have made it as
        much earlier."""
        self._counted: Mapping[str, int] = {}
        """The DUT's counters when the steps began, where some step is about them."""

    async def play(self) -> AsyncGenerator[Fact, None]:
        """Reach the first state and take all steps: the facts, each at the moment it is seen."""
        try:
            await self.reach()
        except NotReached as failure:
            yield self._fact(Doubt(f"{self.case.reach.state} was not reached: {failure}"))
            return
        if (detour := self._detour(self.tester)) is not None:
            yield self._fact(detour)
            return
        for index, step in enumerate(self.case.steps):
            if index in self._record.left_out:
                continue
            self._turn_to(index)
            if self._is_to_tell_the_timer(index):
                settled = self.tester_of(step).settled
                await self.link.sleep(settled + age(self.target.time_variables))
            for stray in () if isinstance(step, Expect) else self._strays():
                yield stray
            fact = await self.take(index, step)
            if fact is not None:
                yield fact
            if self._record.inferred:
                self._record.ended = True
                return  # What comes now is for the question, which is not the case's.
        if not await self._prove_all():
            yield self._fact(_UNPROVEN)
        for stray in self._strays():
            yield stray
        self._record.ended = True

    async def reach(self) -> None:
        """Bring the DUT to the case's first state.

        :raises NotReached: where that fails.
        """
        await reach(self.tester, sitting_out=self._sitting_out)
        if any(isinstance(step, Counters) for step in self.case.steps):
            self._counted = await self.link.counters()
        if not self.target.path.perfect:
            # What is still under way from reaching the state must not be taken for an answer.
            await self.tester.forget_what_came()

    async def take(self, index: int, step: Step) -> Fact | None:
        """Take the step at ``index``; returns what was seen at it, None where there is nothing to
        judge."""
        self._turn_to(index)
        seen = await self._take(step)
        return None if seen is None else self._fact(seen, self.tester_of(step).name)

    async def look_again(self, fact: Fact) -> Fact:
        """Wait longer for an answer whose absence would decide; returns the fact as it is then.
        ``fact`` is the latest.  Where nobody is late, no timer of the DUT gives it."""
        tester = self._testers[fact.on]
        arrival = await tester.second_look()
        if arrival is None or (not self.target.realtime and tester.is_by_timer(arrival)):
            return fact
        self._record.facts.pop()
        return self._fact(replace(self._came(tester, arrival), behind_silence=True), fact.on)

    def record(self) -> Record:
        """End the run: leave nothing half open on the DUT, and give up what was seen."""
        record, last_step = self._record, self._record.last_step
        record.capture_losses = self.link.capture_losses()
        self._turn_to(len(self.case.steps))
        record.last_step = last_step
        for tester in self._testers.values():
            tester.abandon(time_wait=self.target.acquaintance.holds is not None)
        record.duration = self.link.now() - record.transcript.began
        return record

    def tester_of(self, step: Step) -> TesterEndpoint:
        """The tester's end of the connection that a step is about."""
        return self._testers[step.on] if isinstance(step, OnConnection) else self.tester

    def timer(self, seen: Observation, on: str = "") -> TimerEffect | None:
        """What the last send on a connection did to its 2MSL timer; None where the reading can't
        tell."""
        lifetime = 2 * self.target.time_variables["msl"]
        return self._injections.effect(on, seen, lifetime, answered=self._testers[on].settled)

    # -- a DUT that nobody can look into ---------------------------------------------------------

    def _is_to_tell_the_timer(self, index: int) -> bool:
        """Whether that step's effect on the 2MSL timer is what this run is for."""
        view = self.view
        if view is None or view.state is None or not view.timer:
            return False
        asked = self.case.steps[view.state]
        assert isinstance(asked, ExpectState)
        return index == last_injection(self.case, view.state, asked.on)

    # -- steps -----------------------------------------------------------------------------------

    async def _take(self, step: Step) -> Seen | None:
        match step:
            case Send():
                return self._send(step)
            case SendIcmp():
                tester = self.tester_of(step)
                settled = tester.settled
                self._injections.note(step.on, InjectionTimes(tester.report(step), settled))
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
            case Open():
                return await self._open(step)

    def _send(self, step: Send) -> Doubt | None:
        if (too_late := self._too_late(step)) is not None:
            return too_late
        tester = self.tester_of(step)
        segment = _segment(step, tester)
        settled = tester.settled
        self._calling = 0.0
        sent = tester.send(
            segment,
            damage=step.corrupt,
            tos=step.tos,
            ttl=step.ttl,
            flow_label=step.flow_label,
        )
        self._injections.note(step.on, InjectionTimes(sent, settled))
        tester.variables.update(
            seg_seq=segment.seq,
            seg_ack=segment.ack,
            seg_len=segment.length,
            seg_tsval=segment.timestamps.tsval if segment.timestamps else 0,
        )
        return None

    def _too_late(self, step: Send) -> Doubt | None:
        last = self._injections.latest(step.on)
        if step.within is None or last is None:
            return None
        since = self.link.now() - last.sent
        if since <= step.within.evaluate(self.target.time_variables):
            return None
        return Doubt(
            f"{since:.3f} s passed since the last segment, and {step.within.text} may: "
            "the path or this machine is too slow for this case",
            late=True,
        )

    async def _expect(self, step: Expect) -> Came | ProvenSilence | Doubt:
        tester = self.tester_of(step)
        pending = tester.pending
        if step.within is not None and not pending:
            until = self.link.now() + step.within.evaluate(self.target.time_variables)
            arrival = await tester.receive(until)
            if arrival is not None:
                pending.append(arrival)
        proven = await tester.prove_delivery()
        if pending:
            return self._came(tester, pending.pop(0))
        return ProvenSilence(tester.served) if proven else _GONE

    def _came(self, tester: TesterEndpoint, arrival: Arrival) -> Came:
        variables, packet = tester.variables, _packet(arrival)
        came = Came(packet, dict(variables), self._again(tester, arrival))
        answer = packet.segment
        variables.update(
            flow_label=packet.flow_label,
            ans_seq=answer.seq,
            ans_ack=answer.ack,
            ans_len=answer.length,
            ans_tsval=answer.timestamps.tsval if answer.timestamps else 0,
        )
        return came

    async def _wait(self, step: Wait) -> Doubt | None:
        if not await self._prove_all():
            return _UNPROVEN
        # Counted from when the DUT did what it did before: a busy tester notices that late.
        settled = (tester.settled for tester in self._testers.values())
        since = max(*settled, self._waited_until)
        until = since + step.duration.evaluate(self.target.time_variables)
        self._waited_until = until
        self.tester.note(f"wait {step.duration.text}")
        await self.link.sleep(until)
        late = self.link.now() - until + self._calling
        if late > _LATE:
            return Doubt(
                f"the tester woke up {late:.2f} s late from a wait: this machine is too busy",
                late=True,
            )
        for tester in self._testers.values():
            await tester.drain()
        return None

    async def _call(self, step: Call) -> Gave | Doubt:
        if not await self._prove_all():
            return _UNPROVEN
        tester, asked = self.tester_of(step), self.link.now()
        try:
            given = await tester.link.call(step.verb, step.arguments)
        except NoSuchCall as lack:
            return Doubt(str(lack))
        self.given = given
        tester.note(f"call {step.text} gives {given}")
        self._waited_until = self.link.now()
        self._calling = self._waited_until - asked
        if step.verb == "send":
            tester.offered.stir(asked, self._waited_until)
        for other in self._testers.values():
            other.expect_news()
        return Gave(given)

    async def _open(self, step: Open) -> Doubt | None:
        """Bring further connections to their state.  No step sees the packets of that."""
        goal, taken = step.reach(self.case.reach), self._record.last_step
        for name in step.names:
            link = await self.link.beside(other_peer=step.peer == "other")
            tester = TesterEndpoint(goal, link, self.target.path, self.tester.transcript, name)
            self._testers[name] = tester
            try:
                await reach(tester, sitting_out=self._sitting_out)
            except NotReached as failure:
                return Doubt(f"{name} did not come to {goal.state}: {failure}")
            if (detour := self._detour(tester)) is not None:
                return detour
            if not self.target.path.perfect:
                await tester.forget_what_came()
            tester.step = taken
            tester.note(f"{goal.state} reached")
        return None

    async def _state(self, step: ExpectState) -> StateSeen | Stray | Doubt:
        tester = self.tester_of(step)
        if not await tester.prove_delivery():
            return _UNPROVEN
        for stray in self._pending_strays(tester):
            return stray
        observed = await tester.link.observe()
        if observed is None:
            return await self._ask_for_the_state(step)
        timer = "" if observed.remaining is None else f", timer at {observed.remaining:.3f} s"
        tester.note(f"state {observed.state}{timer}")
        expected = step.state.choose(self.target.profile)
        if expected is not None and expected.timer is not None:
            observed = await self._read_finely(tester, observed)
        return StateSeen(
            observed.state,
            effect=self.timer(observed, step.on),
            has_timer=observed.remaining is not None,
        )

    async def _read_finely(self, tester: TesterEndpoint, observed: Observation) -> Observation:
        """Read the state again where the agent answered so slowly that the timer says little: the
        next answer is most likely quicker."""
        for _ in range(_READINGS):
            if self.timer(observed, tester.name) is None:
                observed = await tester.link.observe() or observed
        return observed

    async def _count(self, step: Counters) -> Counted | Doubt:
        if not await self._prove_all():
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
        tester = self.tester_of(step)
        seen = await state_probe.ask(
            tester, answers(tester.transcript, on=step.on), self.target.acquaintance.telling
        )
        return replace(seen, apart=True) if isinstance(seen, StateSeen) and self.view else seen

    async def _ask_for_the_timer(self, step: ExpectState) -> StateSeen | Doubt:
        """Ask for the state at a moment when a timer that was kept has expired, and one that was
        restarted has not."""
        last, tester = self._injections.latest(step.on), self.tester_of(step)
        assert last is not None, "a view of a timer has an injection in front of it"
        until = last.sent + asked_after(self.target.time_variables)
        tester.note("the timer can't be read: wait until it tells by the state")
        await self.link.sleep(until)
        if (late := self.link.now() - until) > MARGIN / 2:
            return Doubt(f"the tester woke up {late:.2f} s late from a wait", late=True)
        await tester.drain()
        for stray in self._pending_strays(tester):
            return Doubt(f"{stray.packet.segment} came while a timer was waited for")
        seen = await state_probe.ask(
            tester, answers(tester.transcript, on=step.on), self.target.acquaintance.telling
        )
        if isinstance(seen, Doubt):
            return seen
        expected = step.state.choose(self.target.profile)
        assert expected is not None
        effect: TimerEffect = "kept" if seen.state == "CLOSED" else "restarted"
        return StateSeen(expected.name, seen.how, effect=effect, has_timer=True)

    # -- what every step rests on ----------------------------------------------------------------

    def _detour(self, tester: TesterEndpoint) -> Doubt | None:
        """Why the DUT is not where the case begins, though it may look so: it retransmitted on the
        way, which no case has it do, and a stack may be elsewhere then.  (netstack falls back from
        CLOSING to FIN-WAIT-1 with each FIN that it retransmits.)  What the path lost is weighed."""
        again = tester.sent_again
        if again is None or not self.target.realtime or not self.target.path.perfect:
            return None
        if tester.hesitated < BEHIND:
            return None  # it is the DUT's own doing
        return Doubt(
            f"the DUT retransmitted its {flag_names(again.flags)} on the way to"
            f" {tester.goal.state}: this machine was too slow for it",
            late=True,
        )

    async def _prove_all(self) -> bool:
        """Whether all that was sent on any connection is known to have been processed."""
        for tester in self._testers.values():
            if not await tester.prove_delivery():
                return False
        return True

    def _turn_to(self, index: int) -> None:
        self._record.last_step = index
        for tester in self._testers.values():
            tester.step = index

    def _fact(self, seen: Seen, on: str = "") -> Fact:
        fact = Fact(self._record.last_step, seen, on)
        self._record.facts.append(fact)
        return fact

    def _strays(self) -> Iterator[Fact]:
        """Facts about segments that no step accounts for."""
        for name, tester in self._testers.items():
            for stray in self._pending_strays(tester):
                yield self._fact(stray, name)

    def _pending_strays(self, tester: TesterEndpoint) -> Iterator[Stray]:
        while tester.pending:
            arrival = tester.pending.pop(0)
            variables = dict(tester.variables)
            yield Stray(_packet(arrival), variables, self._again(tester, arrival))

    def _again(self, tester: TesterEndpoint, arrival: Arrival) -> Again | None:
        """What else a segment may be than the DUT's answer to what was sent last."""
        if not self.target.path.perfect:
            if not tester.heard.has_come_before(_packet(arrival)):
                return Again.AHEAD if tester.heard.is_ahead(arrival) else None
            return Again.RESENT if tester.heard.was_retransmitted(arrival) else Again.REPEATED
        if not self.target.realtime:
            return None  # nobody is late where time is virtual
        if tester.heard.was_retransmitted(arrival):
            return Again.RETRANSMITTED
        return Again.PROBED if tester.offered.was_probed(arrival) else None


def _segment(step: Send, tester: TesterEndpoint) -> Segment:
    """What a step sends, in numbers."""
    variables = tester.variables
    seq, ack, tsval = step.numbers(variables, timestamps=tester.timestamps)
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
        timestamps=None if tsval is None else tester.stamps(tsval, tsecr),
        urgent=step.urgent,
        reserved=step.reserved,
        option_octets=_whole_words(step.options or b""),
    )


def _whole_words(options: bytes) -> bytes:
    """Padded with «end of option list» to a length that a data offset can say."""
    return options + bytes(-len(options) % 4)


def _packet(arrival: Arrival) -> Packet:
    assert isinstance(arrival.packet, Packet)
    return arrival.packet
