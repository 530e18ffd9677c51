"""The judge: what a case expects beside what a run saw.

Pure: facts in, a verdict out.  PASS and FAIL rest on packets that were seen, on a silence that a
sentinel proved, or on what the DUT itself was asked; everything else ends INCONCLUSIVE with its
reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tw_conformance.model.case import (
    NOTHING,
    OK,
    REFUSED,
    AllOf,
    Answer,
    AnyOf,
    Call,
    Case,
    Counters,
    Expect,
    Expected,
    ExpectState,
    Not,
    OneAnswer,
    StateIs,
)
from tw_conformance.model.verdict import Mismatch, Outcome, Verdict
from tw_conformance.model.words import number_of, was
from tw_conformance.notation.write import expected_text
from tw_conformance.play.compare import compare, summary
from tw_conformance.play.record import (
    Again,
    Came,
    Counted,
    Doubt,
    Fact,
    Gave,
    ProvenSilence,
    Record,
    StateSeen,
    Stray,
    TimerEffect,
)
from tw_reference.segment import Packet


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict other than PASS, and its reason in one sentence.

    ``by_absence``: the FAIL rests on a missing packet, which the path may have lost. ``late``:
    INCONCLUSIVE because this machine was too slow; ``overtaken``: for a timer of the DUT that sent
    something again.  ``doubted``: INCONCLUSIVE, but a FAIL unless
    the path repeated what came.
    """

    verdict: Verdict
    reason: str
    mismatches: tuple[Mismatch, ...] = ()
    by_absence: bool = False
    late: bool = False
    overtaken: bool = False
    doubted: bool = False


_UNSERVED = Judgement(
    Verdict.INCONCLUSIVE,
    "nothing came; whether the DUT's service has accepted the connection can't be asked",
)


def judge(record: Record) -> Outcome:
    """The outcome of a run.  The first fact that decides gives the verdict; where none does it is
    PASS, if the run saw all that it was to see."""
    case, step, decision = record.case, record.last_step, None
    for fact in record.facts:
        decision = decide(case, record.profile, fact)
        if decision is not None:
            step = fact.step
            break
    if decision is None and not _is_whole(record):
        decision = Judgement(Verdict.INCONCLUSIVE, "the run ended before all was seen")
    lost = record.capture_losses
    if lost and not (decision and decision.verdict is Verdict.INCONCLUSIVE):
        reason = f"{number_of(lost, 'frame')} {was(lost)} lost in capture: the transcript has holes"
        decision = Judgement(Verdict.INCONCLUSIVE, reason)
    verdict = decision.verdict if decision else Verdict.PASS
    return Outcome(
        case=case,
        target=record.target,
        profile=record.profile,
        verdict=verdict,
        transcript=record.transcript,
        reason=decision.reason if decision else "",
        by_absence=decision is not None and _may_be_the_paths(decision, case, step),
        late=decision is not None and decision.late,
        overtaken=decision is not None and decision.overtaken,
        doubted=decision is not None and decision.doubted,
        step=None if decision is None or step is None else case.steps[step],
        mismatches=decision.mismatches if decision else (),
        inferred=record.inferred,
        duration=record.duration,
    )


def _is_whole(record: Record) -> bool:
    """Whether each step that has to see something saw it, and all that the last steps sent is known
    to have arrived."""
    to_see = {
        index
        for index, step in enumerate(record.case.steps)
        if isinstance(step, Expect | Call | ExpectState | Counters) and index not in record.left_out
    }
    return record.ended and to_see <= {fact.step for fact in record.facts}


def _may_be_the_paths(decision: Judgement, case: Case, step: int | None) -> bool:
    """Whether the path may be the cause of a FAIL: what came may be right for a DUT that an earlier
    segment never reached."""
    if decision.verdict is not Verdict.FAIL:
        return False
    return decision.by_absence or case.exchanges(step) > 1


def decide(case: Case, profile: str, fact: Fact) -> Judgement | None:
    """What one fact of a run comes to; None where it is as the case expects of that profile."""
    decision = _decide(case, profile, fact)
    if decision is None or not fact.on:
        return decision
    return replace(decision, reason=f"on {fact.on}: {decision.reason}")


def may_be_early(case: Case, decision: Judgement, fact: Fact) -> bool:
    """Whether it is a silence that decides, and the case does not say how long it may last."""
    return decision.verdict is Verdict.FAIL and is_open_silence(case, fact)


def is_open_silence(case: Case, fact: Fact) -> bool:
    """Whether it is a silence, and the case does not say how long it may last."""
    step = None if fact.step is None else case.steps[fact.step]
    silent = isinstance(fact.seen, ProvenSilence)
    return silent and isinstance(step, Expect) and step.within is None


def _decide(case: Case, profile: str, fact: Fact) -> Judgement | None:
    seen = fact.seen
    step = None if fact.step is None else case.steps[fact.step]
    match seen:
        case Doubt():
            return Judgement(Verdict.INCONCLUSIVE, seen.reason, late=seen.late)
        case Stray():
            return _decide_stray(seen)
        case Came() | ProvenSilence():
            assert isinstance(step, Expect)
            answer = step.answer.choose(profile)
            if answer is None:
                return _unsaid(profile)
            decision = _decide_answer(answer, seen)
            if decision is None or not _is_expected_next(case, profile, fact):
                return decision
            return replace(decision, by_absence=True, doubted=True)
        case Gave():
            assert isinstance(step, Call)
            gives = step.gives.choose(profile)
            return _unsaid(profile) if gives is None else _decide_call(step, gives, seen.what)
        case Counted():
            assert isinstance(step, Counters)
            return _decide_counters(step.moved, seen.moved)
        case StateSeen():
            assert isinstance(step, ExpectState)
            state = step.state.choose(profile)
            return _unsaid(profile) if state is None else _decide_state(state, seen)


def _unsaid(profile: str) -> Judgement:
    return Judgement(Verdict.INCONCLUSIVE, f"the case says nothing about {profile}")


def _is_expected_next(case: Case, profile: str, fact: Fact) -> bool:
    """Whether what came is the answer behind the one that was expected, which the path may have
    lost."""
    if fact.step is None or not isinstance(fact.seen, Came):
        return False
    for step in case.steps[fact.step + 1 : fact.step + 2]:
        if isinstance(step, Expect) and step.on == fact.on:
            answer = step.answer.choose(profile)
            if not isinstance(answer, Answer) or _rests_on_the_last(answer):
                return False  # on an answer that nobody knows
            return _against(answer, fact.seen) is None
    return False


def _rests_on_the_last(answer: Answer) -> bool:
    """Whether its numbers are said by those of the answer before it."""
    numbers = (answer.seq, answer.ack, answer.window, answer.tsval, answer.tsecr)
    names = {name for number in numbers if number is not None for name in number.names}
    return any(name.startswith("ans_") for name in names)


def _decide_stray(stray: Stray) -> Judgement:
    """A segment that no step accounts for fails the case."""
    seen = summary(stray.packet, stray.variables)
    mismatches = (Mismatch("answer", "nothing more", seen),)
    against = Judgement(Verdict.FAIL, f"{seen} came, which no step expects", mismatches)
    return _doubt(stray) or against


def _decide_answer(expected: Expected, seen: Came | ProvenSilence) -> Judgement | None:
    if isinstance(seen, ProvenSilence) and not seen.served:
        return _UNSERVED
    against = _against(expected, seen)
    if isinstance(seen, ProvenSilence):
        return against
    if against is None:
        return _doubt(seen) if _fits_by_accident(expected, seen) else None
    return _doubt(seen) or against


def _fits_by_accident(expected: Expected, seen: Came) -> bool:
    """Whether it may be a timer of the DUT that sent what fits: where the case leaves the flags
    open, or where the DUT had answered nothing until then."""
    if seen.behind_silence:
        return seen.again in (Again.RETRANSMITTED, Again.RESENT)
    return seen.again is Again.RETRANSMITTED and not _asks_for(expected, seen.packet)


def _asks_for(expected: Expected, packet: Packet) -> bool:
    """Whether the case names the flags of that packet."""
    match expected:
        case Answer(flags=flags):
            return flags == packet.segment.flags
        case AnyOf(choices=parts) | AllOf(parts=parts):
            return any(_asks_for(part, packet) for part in parts)
    return False


def _against(expected: Expected, seen: Came | ProvenSilence) -> Judgement | None:
    """Why what was seen is not what was expected, taking it for an answer of the DUT's; None where
    it is as expected."""
    match expected, seen:
        case AnyOf(), _:
            return _against_any(expected, seen)
        case Not(), _:
            return _against_not(expected, seen)
        case AllOf(), _:
            against = (_against(part, seen) for part in expected.parts)
            return next((each for each in against if each is not None), None)
        case _, ProvenSilence():
            return _against_silence(expected)
        case _, Came():
            return _against_packet(expected, seen)


def _against_any(expected: AnyOf, seen: Came | ProvenSilence) -> Judgement | None:
    """The same for a choice: None where one of its answers fits, else the reason of the one from
    which the fewest fields differ."""
    decisions = [_against(choice, seen) for choice in expected.choices]
    against = [decision for decision in decisions if decision is not None]
    if len(against) < len(decisions):
        return None
    return min(against, key=lambda decision: len(decision.mismatches))


def _against_not(expected: Not, seen: Came | ProvenSilence) -> Judgement | None:
    if _against(expected.of, seen) is not None:
        return None
    what = expected_text(expected.of)
    return Judgement(
        Verdict.FAIL,
        f"expected anything but {what}, which came",
        (Mismatch("answer", f"not {what}", what),),
        by_absence=isinstance(seen, ProvenSilence),
    )


def _against_silence(expected: OneAnswer) -> Judgement | None:
    if expected is NOTHING:
        return None
    what = summary(expected)
    return Judgement(
        Verdict.FAIL,
        f"expected {what}, but nothing came: the probe sent after it was answered",
        (Mismatch("answer", what, "nothing"),),
        by_absence=True,
    )


def _against_packet(expected: OneAnswer, came: Came) -> Judgement | None:
    if expected is NOTHING:
        mismatches = [Mismatch("answer", "nothing", summary(came.packet, came.variables))]
        fields = ""
    else:
        mismatches = compare(expected, came.packet, came.variables)
        fields = ": " + ", ".join(mismatch.field for mismatch in mismatches)
    if not mismatches:
        return None
    seen = summary(came.packet, came.variables)
    return Judgement(
        Verdict.FAIL,
        f"expected {summary(expected)}, but {seen} came{fields}",
        tuple(mismatches),
    )


def _doubt(seen: Came | Stray) -> Judgement | None:
    """What speaks against taking a segment for an answer: a timer of the DUT may have sent it, or
    it is like an earlier one, and may be that one again, or the answer to one of ours that the path
    repeated; what it follows may be lost."""
    what = summary(seen.packet, seen.variables)
    match seen.again:
        case None:
            return None
        case Again.RETRANSMITTED:
            return Judgement(
                Verdict.INCONCLUSIVE,
                f"{what} was retransmitted by the DUT: what acknowledges it left too late for the"
                " DUT's timer, since this machine was too slow, or since the case has it so",
                late=True,
                overtaken=True,
            )
        case Again.PROBED:
            return Judgement(
                Verdict.INCONCLUSIVE,
                f"{what} asks whether the window is open: this machine was too slow to open it",
                late=True,
            )
        case Again.REPEATED | Again.RESENT:
            reason = f"{what} came once more; the path may repeat"
            overtaken = seen.again is Again.RESENT
            return Judgement(Verdict.INCONCLUSIVE, reason, overtaken=overtaken, doubted=True)
        case Again.AHEAD:
            reason = f"{what} came, and not what is before it; the path may lose or reorder"
            return Judgement(Verdict.INCONCLUSIVE, reason, doubted=True)


def _decide_call(call: Call, expected: str, given: str) -> Judgement | None:
    if given == expected or (expected == REFUSED and given != OK):
        return None
    return Judgement(
        Verdict.FAIL,
        f"expected {call.text} to give {expected}, but it gave {given}",
        (Mismatch("gives", expected, given),),
        by_absence=True,
    )


def _decide_counters(expected: Mapping[str, int], moved: Mapping[str, int]) -> Judgement | None:
    wrong = [
        Mismatch(name, f"at least {least} more", str(moved[name]))
        for name, least in expected.items()
        if moved[name] < least
    ]
    if not wrong:
        return None
    said = ", ".join(f"{each.field} to move by {each.expected}" for each in wrong)
    seen = ", ".join(each.seen for each in wrong)
    return Judgement(
        Verdict.FAIL, f"expected {said}, but it was {seen}", tuple(wrong), by_absence=True
    )


def _decide_state(expected: StateIs, seen: StateSeen) -> Judgement | None:
    if seen.state != expected.name:
        return Judgement(
            Verdict.FAIL,
            f"expected state {expected.name}, but the DUT is in {seen.state}{seen.how}",
            (Mismatch("state", expected.name, seen.state),),
            by_absence=True,
        )
    return _decide_timer(expected.timer, seen)


def _decide_timer(expected: TimerEffect | None, seen: StateSeen) -> Judgement | None:
    """Whether the last send restarted the 2MSL timer."""
    if expected is None or seen.apart or expected == seen.effect:
        return None
    if not seen.has_timer:
        return Judgement(Verdict.INCONCLUSIVE, "this target can't read the block's timer")
    if seen.effect is None:
        return Judgement(
            Verdict.INCONCLUSIVE,
            "the timer can't be read finely enough to tell a restart: the DUT was late, or more"
            " time has to pass before the segment",
            late=True,
        )
    return Judgement(
        Verdict.FAIL,
        f"expected the 2MSL timer {expected}, but it was {seen.effect}",
        (Mismatch("timer", expected, seen.effect),),
        by_absence=True,
    )
