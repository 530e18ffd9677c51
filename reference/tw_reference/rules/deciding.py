"""Which of the decisions in a trace is the one that answered."""

from __future__ import annotations

from collections.abc import Sequence

from tw_reference.rules import stages
from tw_reference.rules.actions import ConnectionAction
from tw_reference.rules.decision import Decision
from tw_reference.segment import IcmpError, Segment


def deciding(
    trace: Sequence[Decision], arrived: Segment | IcmpError | None = None
) -> Decision | None:
    """The decision on what arrived: the last arrival, or ``arrived``; None where there is none.

    Passed over are decisions about the limit on an ACK, of a listener that a block handed the
    segment to, and of a state that only went on to the next.  Where the profile has no rule for the
    segment, but one for what it brought about (the entry into TIME-WAIT, an orphan), that one
    decided.
    """
    arrivals = [d for d in trace if _arrived(d) is not None and d.stage not in stages.LIMITS]
    if arrived is None and arrivals:
        arrived = _arrived(arrivals[-1])
    found = next((d for d in arrivals if _arrived(d) is arrived and not _went_on(d)), None)
    if found is None or found.ruled:
        return found
    at = trace.index(found)
    brought_about = [
        d
        for d in trace[:at]
        if d.ruled and d.segment is None and (d.time, d.flow) == (found.time, found.flow)
    ]
    return brought_about[-1] if brought_about else found


def _arrived(decision: Decision) -> Segment | IcmpError | None:
    return decision.segment or decision.error


def _went_on(decision: Decision) -> bool:
    return ConnectionAction.CONTINUE in decision.then
