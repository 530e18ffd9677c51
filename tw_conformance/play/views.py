"""What one performance of a case is to see of a DUT that nobody can look into.

To ask for a state on the wire changes it.  So a case is performed once for each of its states, and
ends there; once for each 2MSL timer that it expects something of; and once to its end where steps
follow.  What can't be seen at all costs that step, not the case.

A timer is asked by waiting.  Before the last segment more time passes than the stack may be late in
deleting a block, and early; when all timers that were started before that segment must have
expired, and one that it restarted can't have yet, the state tells which it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tw_conformance.model.case import Case, ExpectState, Injection, Send, Wait
from tw_conformance.play.state_probe import unaskable

MARGIN = 0.5
"""Seconds on either side of the moment at which a timer is asked."""


@dataclass(frozen=True, slots=True)
class View:
    """``state`` is the place of the state step that ends the performance; None: it goes on to the
    end of the case and sees no state.  ``timer``: what the state step says of the 2MSL timer is
    asked, not the state itself."""

    state: int | None
    timer: bool = False


def views(
    case: Case, profile: str, times: Mapping[str, float], longest: float
) -> tuple[list[View], list[str]]:
    """The performances that a case takes, and why what they leave out can't be seen.

    ``times`` are the target's time variables, ``longest`` the seconds that a case may wait.
    """
    seen, unseen, goes_on = list[View](), list[str](), True
    for index, step in enumerate(case.steps):
        if not isinstance(step, ExpectState):
            goes_on = True
            continue
        why = unaskable(case, index, profile)
        if why is None:
            goes_on = False
            seen.append(View(index))
        else:
            unseen.append(why)
        expected = step.state.choose(profile)
        if expected is None or expected.timer is None:
            continue
        why = why or _untimeable(case, index, times, longest)
        if why is None:
            seen.append(View(index, timer=True))
        else:
            unseen.append(why)
    if goes_on:
        seen.append(View(None))
    return seen, unseen


def left_out(case: Case, view: View | None) -> frozenset[int]:
    """The steps that a performance with that view does not take; None: it takes all."""
    if view is None:
        return frozenset()
    end = len(case.steps) if view.state is None else view.state + 1
    states = {index for index, step in enumerate(case.steps) if isinstance(step, ExpectState)}
    return frozenset(states - {view.state}) | frozenset(range(end, len(case.steps)))


def age(times: Mapping[str, float]) -> float:
    """Seconds by which a block is to be older than the segment whose effect is asked for."""
    return 2 * (times["tick"] + MARGIN)


def asked_after(times: Mapping[str, float]) -> float:
    """Seconds from that segment to when its effect is asked for.  A stack that keeps timers in
    slots is early where the slots of other blocks have begun (`inet_timewait_sock.c`,
    inet_twsk_schedule() of Linux 2.6.32)."""
    return 2 * times["msl"] - times["tick"] - MARGIN


def last_injection(case: Case, before: int, on: str = "") -> int | None:
    """The place of the last injection on a connection in front of a step."""
    steps = enumerate(case.steps[:before])
    sent = (index for index, step in steps if isinstance(step, Injection) and step.on == on)
    return max(sent, default=None)


def _untimeable(case: Case, state: int, times: Mapping[str, float], longest: float) -> str | None:
    """Why the timer at that state step can't be asked by waiting."""
    asked = case.steps[state]
    assert isinstance(asked, ExpectState)
    reached = case.connections()[asked.on].state
    if reached != "TIME-WAIT":
        return f"needs to read the 2MSL timer of what was in {reached}"
    at = last_injection(case, state, asked.on)
    if at is None:
        return "needs to read the 2MSL timer where no segment was sent"
    sent = case.steps[at]
    if isinstance(sent, Send) and sent.within is not None:
        return "needs to read the 2MSL timer right after a segment that may not wait"
    lifetime = 2 * times["msl"]
    waits = sum(
        step.duration.evaluate(times) for step in case.steps[:state] if isinstance(step, Wait)
    )
    if waits + age(times) > lifetime - 2 * MARGIN:
        return "needs to read the 2MSL timer of a block that is about to expire"
    wait = lifetime + waits
    if wait > longest:
        return f"needs to wait {wait:g} s for the 2MSL timer, and --max-wait says {longest:g}"
    return None
