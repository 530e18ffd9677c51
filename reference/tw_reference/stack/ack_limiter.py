"""The limit on ACKs that segments out of place bring about (RFC 5961 section 7)."""

from __future__ import annotations

from collections.abc import Mapping

from tw_reference.rules.actions import AckLimitAction
from tw_reference.rules.decision import DecisionList, Ruling
from tw_reference.rules.questions import AckDue, Tcb
from tw_reference.segment import Segment


class AckLimiter:
    """What one connection remembers of such ACKs; a list of its profile says which are sent."""

    def __init__(self) -> None:
        self.last: int | None = None
        """When the last one was sent (ns), where a stack goes by that."""
        self._since: int | None = None
        self._counted = 0
        """Since then, where a stack counts them."""

    def ask(
        self,
        rules: DecisionList[AckDue, AckLimitAction],
        segment: Segment,
        tcb: Tcb,
        settings: Mapping[str, int],
        now: int,
    ) -> Ruling[AckLimitAction]:
        """What is to be done with an ACK that answers ``segment``; it is taken as done."""
        ruling = rules.decide(AckDue(segment, tcb, settings, now, self._since, self._counted))
        if AckLimitAction.SEND_AND_STAMP in ruling.then:
            self.last = now
        if AckLimitAction.SEND_AND_COUNT_ANEW in ruling.then:
            self._since, self._counted = now, 1
        if AckLimitAction.SEND_AND_COUNT in ruling.then:
            self._counted += 1
        return ruling
