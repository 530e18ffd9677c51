"""Calls, counters, and what the DUT's service owes, on a link that plays what a test says."""

from __future__ import annotations

import pytest

from tw_conformance.link.link import Observation
from tw_conformance.model.verdict import Verdict
from tw_conformance.play.tests.scripted import (
    IRS,
    ISS,
    RIGHT,
    SILENT,
    SYN_ACK,
    ScriptedLink,
    at,
    performed,
    reading,
    segment,
)
from tw_reference.segment import ACK, FIN, Packet

PASS, FAIL, INCONCLUSIVE = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE


# -- calls ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "given", "comes_to"),
    [
        ("ok", "ok", PASS),
        ("EADDRINUSE", "EADDRINUSE", PASS),
        ("refused", "EADDRINUSE", PASS),
        ("ok", "EADDRINUSE", FAIL),
        ("EINVAL", "EADDRINUSE", FAIL),
        ("refused", "ok", FAIL),
        ("ok", "ENOSYS", INCONCLUSIVE),
    ],
)
def test_a_call_gives_what_is_expected(expected: str, given: str, comes_to: Verdict) -> None:
    steps = f"  - call: bind\n    gives: {expected}\n"
    outcome = performed(steps, ScriptedLink(gives={"bind": given}))
    assert outcome.verdict is comes_to
    assert outcome.by_absence is (comes_to is FAIL)


def test_what_a_call_brings_about_is_waited_for_by_a_sentinel() -> None:
    steps = f"{SILENT}  - call: unlisten\n  - expect: {{flags: ACK}}\n"
    assert performed(steps, at((0.0015, RIGHT))).verdict is PASS


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ({"Ok": 6, "Drops": 9}, PASS),
        ({"Ok": 7, "Drops": 9}, PASS),
        ({"Ok": 5, "Drops": 9}, FAIL),
        ({"Ok": 6, "Drops": 8}, FAIL),
        ({"Ok": 6}, INCONCLUSIVE),
        ({}, INCONCLUSIVE),
    ],
)
def test_counters_have_moved_by_as_much(after: dict[str, int], expected: Verdict) -> None:
    steps = f"{SILENT}  - counters: {{Ok: 1, Drops: 2}}\n"
    outcome = performed(steps, ScriptedLink(counts=[{"Ok": 5, "Drops": 7}, after]))
    assert outcome.verdict is expected
    assert outcome.by_absence is (expected is FAIL)
    assert len(outcome.mismatches) == (expected is FAIL)


def test_a_counter_that_was_not_there_began_at_zero() -> None:
    outcome = performed(f"{SILENT}  - counters: {{Ok: 1}}\n", ScriptedLink(counts=[{}, {"Ok": 1}]))
    assert outcome.verdict is PASS
    assert "Ok moved by 1" in [event.note for event in outcome.transcript.events]


# -- the DUT's service ----------------------------------------------------------------------------

FIN_OF_SERVICE = segment(FIN | ACK, ISS + 1, IRS + 1)
OPENED = (
    "  - send: {flags: SYN, seq: rcv_nxt, mss: 1460}\n"
    "  - expect: {flags: SYN|ACK}\n"
    "  - send: {flags: ACK, seq: rcv_nxt+1, ack: snd_nxt+5001}\n"
)


def test_what_the_service_owes_comes_after_the_agent_was_asked() -> None:
    link = at((0.0005, SYN_ACK))
    link.readings = [reading("LISTEN")]
    served = ServedLink([(0.0005, SYN_ACK)], readings=[reading("LISTEN")])
    assert performed(f"{OPENED}  - expect: {{flags: FIN|ACK}}\n", served).verdict is PASS
    outcome = performed(f"{OPENED}  - expect: {{flags: FIN|ACK}}\n", link)
    assert outcome.verdict is FAIL, "the agent has let the service do all"


class ServedLink(ScriptedLink):
    """A service that accepts and closes when the agent is asked, and not before."""

    async def observe(self) -> Observation | None:
        if any(isinstance(p, Packet) and p.segment.flags == ACK for p in self.sent):
            self.arrivals.append((self.clock + 0.0005, FIN_OF_SERVICE))
        return await super().observe()


@pytest.mark.parametrize(("comes", "expected"), [(0.5, PASS), (0.99, PASS), (1.5, INCONCLUSIVE)])
def test_without_an_agent_the_service_is_waited_for(comes: float, expected: Verdict) -> None:
    link = at((0.0005, SYN_ACK), (comes, FIN_OF_SERVICE))
    outcome = performed(f"{OPENED}  - expect: {{flags: FIN|ACK}}\n", link)
    assert outcome.verdict is expected
    assert expected is PASS or "has accepted the connection can't be asked" in outcome.reason


def test_an_ack_of_the_service_is_not_its_end() -> None:
    link = at((0.0005, SYN_ACK), (0.25, segment(ACK, ISS + 1, IRS + 1)), (0.9, FIN_OF_SERVICE))
    steps = f"{OPENED}  - expect: {{flags: ACK}}\n  - expect: {{flags: FIN|ACK}}\n"
    assert performed(steps, link).verdict is PASS


@pytest.mark.parametrize(
    ("flags", "ack"), [("SYN|ACK", "5001"), ("RST", "5001"), ("RST|ACK", "5001"), ("ACK", "5002")]
)
def test_a_segment_that_completes_no_handshake_is_nobodys_to_accept(flags: str, ack: str) -> None:
    last = f"  - send: {{flags: {flags}, seq: rcv_nxt+1, ack: snd_nxt+{ack}}}\n"
    steps = OPENED.rsplit("  - send", 1)[0] + last + "  - expect: {flags: RST}\n"
    link = at((0.0005, SYN_ACK))
    assert performed(steps, link).verdict is FAIL
    assert link.clock < 0.6, "no service is waited for"
