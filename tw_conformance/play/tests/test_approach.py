"""The way to a state: what the tester sends when, and what it takes for no way there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import pytest

from tw_conformance.link.link import Observation
from tw_conformance.link.path import Path, perfect_path
from tw_conformance.model.case import Reach, Through
from tw_conformance.model.verdict import Transcript
from tw_conformance.play import approach
from tw_conformance.play.approach import NotReached, TimestampsRefused
from tw_conformance.play.tester import TesterEndpoint
from tw_conformance.play.tests.scripted import (
    IRS,
    ISS,
    ScriptedLink,
    at,
    bad_path,
    in_time_wait,
    segment,
)
from tw_conformance.targets.in_process import Played
from tw_reference.segment import (
    ACK,
    CWR,
    ECE,
    FIN,
    PSH,
    RST,
    SYN,
    Echo,
    Packet,
    Segment,
    Timestamps,
)

SYN_ACK = segment(SYN | ACK, ISS, IRS + 1)
FIN_OF_SERVICE = segment(FIN | ACK, ISS + 1, IRS + 1)
LAST_ACK = segment(ACK, ISS + 2, IRS + 2)
OFFERED = Segment(ISS, IRS + 1, SYN | ACK, 1000, wscale=7, sack_permitted=True)


def endpoint(reach: Reach, link: ScriptedLink, path: Path | None = None) -> TesterEndpoint:
    return TesterEndpoint(reach, link, path or perfect_path(), Transcript())


def reached(reach: Reach, link: ScriptedLink, path: Path | None = None) -> TesterEndpoint:
    tester = endpoint(reach, link, path)
    Played(approach.reach(tester)).result()
    return tester


def failure(reach: Reach, link: ScriptedLink, path: Path | None = None) -> str:
    with pytest.raises(NotReached) as told:
        reached(reach, link, path)
    return str(told.value)


def said(link: ScriptedLink) -> list[Segment]:
    return [packet.segment for packet in link.sent if isinstance(packet, Packet)]


def said_at(link: ScriptedLink) -> list[float]:
    pairs = zip(link.sent_at, link.sent, strict=True)
    return [time for time, packet in pairs if isinstance(packet, Packet)]


# -- the way to TIME-WAIT -------------------------------------------------------------------------


def test_the_way_through_fin_wait_2() -> None:
    link = in_time_wait()
    tester = reached(Reach(), link)
    assert said(link) == [
        Segment(IRS, 0, SYN, 65535, mss=1460),
        Segment(IRS + 1, ISS + 1, ACK, 65535),
        Segment(IRS + 1, ISS + 2, ACK, 65535),
        Segment(IRS + 1, ISS + 2, FIN | ACK, 65535),
    ]
    assert link.sent[0] == Packet(link.flow, said(link)[0], tos=0, flow_label=0)
    assert len(link.sent) == 4, "on a perfect path nothing has to be proven"
    known = {"irs": IRS, "iss": ISS, "rcv_nxt": IRS + 2, "snd_nxt": ISS + 2, "rcv_wnd": 100}
    assert tester.variables == {**known, "ts_recent": 0, "rcv_scale": 0, "flow_label": 0}
    assert tester.settled == 0.5


@pytest.mark.parametrize(
    ("through", "flags", "acks"),
    [
        (Through.FIN_WAIT_1, [SYN, ACK, FIN | ACK], [0, ISS + 1, ISS + 2]),
        (Through.CLOSING, [SYN, ACK, FIN | ACK, ACK], [0, ISS + 1, ISS + 1, ISS + 2]),
    ],
)
def test_the_other_ways(through: Through, flags: list[int], acks: list[int]) -> None:
    link = in_time_wait()
    reached(Reach(through=through), link)
    assert [each.flags for each in said(link)] == flags
    assert [each.ack for each in said(link)] == acks


def test_what_a_syn_offers_is_learned_from_its_answer() -> None:
    link = at((0.001, Packet(SYN_ACK.flow, OFFERED)))
    tester = reached(Reach(state="SYN-RECEIVED", wscale=3, sack=True), link)
    assert (said(link)[0].wscale, said(link)[0].sack_permitted) == (3, True)
    assert (tester.variables["rcv_scale"], tester.variables["rcv_wnd"]) == (7, 1000)
    unscaled = at((0.001, Packet(SYN_ACK.flow, OFFERED)))
    assert reached(Reach(state="SYN-RECEIVED"), unscaled).variables["rcv_scale"] == 0


def test_a_scaled_window_is_in_octets() -> None:
    link = in_time_wait()
    link.arrivals[0] = (0.125, Packet(SYN_ACK.flow, OFFERED))
    assert reached(Reach(wscale=3), link).variables["rcv_wnd"] == 100 << 7


def test_timestamps_run_and_echo_what_came_last() -> None:
    link = in_time_wait()
    link.arrivals = [
        (time, replace(packet, segment=replace(packet.segment, timestamps=Timestamps(number, 0))))
        for number, (time, packet) in enumerate(link.arrivals, start=50)
        if isinstance(packet, Packet)
    ]
    tester = reached(Reach(timestamps=True), link)
    stamps = [each.timestamps for each in said(link) if each.timestamps is not None]
    first = Random(IRS).getrandbits(31) + 1
    assert stamps == [(first, 0), (first + 1, 50), (first + 2, 51), (first + 3, 51)]
    assert tester.variables["ts_recent"] == first + 3
    assert tester.stamps() == (first + 4, 52)
    assert tester.stamps(7, 8) == (7, 8)


def test_a_clock_that_stands_still() -> None:
    link = at((0.001, Packet(SYN_ACK.flow, replace(OFFERED, timestamps=Timestamps(9, 0)))))
    tester = reached(Reach(state="SYN-RECEIVED", timestamps=True, tsval=0), link)
    assert said(link)[0].timestamps == (0, 0)
    assert tester.variables["ts_recent"] == 0


# -- a DUT that does not do its part --------------------------------------------------------------


def test_a_syn_is_sent_again_as_a_tcp_would() -> None:
    link = ScriptedLink()
    assert failure(Reach(), link) == "no answer to the SYN in 4 tries"
    assert said_at(link) == [0.0, 1.0, 3.0, 7.0]
    assert link.clock == 15.0
    assert len(set(said(link))) == 1


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ([segment(RST | ACK, 0, IRS + 1)], "the DUT answered the SYN with RST|ACK"),
        ([segment(SYN | ACK, ISS, IRS + 2)], "no answer to the SYN in 4 tries"),
        ([segment(ACK, ISS, IRS + 1)], "no answer to the SYN in 4 tries"),
        ([segment(SYN, ISS, 0)], "no answer to the SYN in 4 tries"),
        ([SYN_ACK], "the DUT did not close first: no FIN came after the handshake"),
        (
            [SYN_ACK, segment(RST, ISS + 1, 0)],
            "the DUT reset the connection instead of closing it",
        ),
        (
            [SYN_ACK, segment(FIN | ACK, ISS + 9, IRS + 1)],
            "the DUT did not close first: no FIN came after the handshake",
        ),
        ([SYN_ACK, FIN_OF_SERVICE, segment(RST, 1, 0)], "the DUT answered the FIN with RST"),
        ([SYN_ACK, FIN_OF_SERVICE], "no answer to the FIN in 4 tries"),
    ],
)
def test_what_is_no_way_to_time_wait(answers: list[Packet], why: str) -> None:
    link = at(*((0.125 * number, answer) for number, answer in enumerate(answers, start=1)))
    assert failure(Reach(), link) == why


def test_a_fin_is_waited_for_four_seconds() -> None:
    link = at((0.125, SYN_ACK))
    failure(Reach(state="FIN-WAIT-1"), link)
    assert link.clock == 4.125
    reached(Reach(state="FIN-WAIT-1"), at((0.125, SYN_ACK), (4.125, FIN_OF_SERVICE)))


@pytest.mark.parametrize(
    ("reach", "refusal", "why"),
    [
        (
            {"timestamps": True},
            TimestampsRefused,
            "the DUT did not take up timestamps in its SYN-ACK",
        ),
        ({"sack": True}, NotReached, "the DUT does not take up SACK"),
        ({"ecn": True}, NotReached, "the DUT does not take up ECN"),
    ],
)
def test_what_is_offered_has_to_be_taken_up(
    reach: Mapping[str, Any], refusal: type[NotReached], why: str
) -> None:
    with pytest.raises(refusal) as told:
        reached(Reach(state="SYN-RECEIVED", **reach), at((0.001, SYN_ACK)))
    assert str(told.value) == why


def test_ecn_is_taken_up_by_one_bit() -> None:
    link = at((0.001, segment(SYN | ACK | ECE, ISS, IRS + 1)))
    reached(Reach(state="SYN-RECEIVED", ecn=True), link)
    assert said(link)[0].flags == SYN | ECE | CWR


# -- what comes on the way ------------------------------------------------------------------------


def test_what_the_service_says_before_it_closes_is_acknowledged() -> None:
    text = segment(PSH | ACK, ISS + 1, IRS + 1, b"Hello")
    closes = segment(FIN | ACK, ISS + 6, IRS + 1)
    link = at((0.125, SYN_ACK), (0.25, text), (0.26, text), (0.375, closes))
    tester = reached(Reach(state="FIN-WAIT-1"), link)
    assert [each.ack for each in said(link)] == [0, ISS + 1, ISS + 6]
    assert tester.variables["snd_nxt"] == ISS + 7


@pytest.mark.parametrize(("after", "acks"), [(0.5, 1), (0.75, 2)])
def test_a_syn_ack_that_is_sent_again_is_acknowledged_again(after: float, acks: int) -> None:
    """Any sooner it is the path's copy."""
    link = at((0.125, SYN_ACK), (0.125 + after, SYN_ACK), (2.0, FIN_OF_SERVICE))
    reached(Reach(state="FIN-WAIT-1"), link)
    assert [each.flags for each in said(link)] == [SYN, *[ACK] * acks]


def test_a_syn_ack_is_acknowledged_no_more_often_than_it_is_sent() -> None:
    again = [(time, SYN_ACK) for time in (0.75, 0.875, 1.5)]
    link = at((0.125, SYN_ACK), *again, (2.0, FIN_OF_SERVICE))
    reached(Reach(state="FIN-WAIT-1"), link)
    assert len(said(link)) == 4


def reading(state: str) -> Observation:
    return Observation(state, 0.0, 0.0)


def test_on_a_path_that_loses_an_ack_is_sent_until_it_has_arrived() -> None:
    """Nothing but the DUT's state tells that."""
    readings = [reading("SYN-RECEIVED"), reading("SYN-RECEIVED"), reading("ESTABLISHED")]
    for path, acks in ((bad_path(), 2), (perfect_path(), 1)):
        link = at((0.125, SYN_ACK))
        link.readings = list(readings)
        reached(Reach(state="ESTABLISHED"), link, path)
        assert [each.flags for each in said(link)] == [SYN, *[ACK] * acks]


def test_an_ack_that_never_arrives_is_given_up() -> None:
    link = at((0.125, SYN_ACK))
    link.readings = [reading("SYN-RECEIVED")]
    why = failure(Reach(state="ESTABLISHED"), link, bad_path())
    assert why == "the ACK of the handshake did not bring the DUT to ESTABLISHED in 4 tries"
    assert len(said(link)) == 1 + 1 + 4


@pytest.mark.parametrize(
    ("arrivals", "echoes", "why"),
    [
        (
            [segment(RST, ISS + 1, 0)],
            [],
            "the DUT answered the ACK of the handshake with a reset",
        ),
        (
            [],
            [None] * 6,
            "the ACK of the handshake can't be shown to have arrived: no echo came back",
        ),
    ],
)
def test_an_ack_has_to_arrive(arrivals: list[Packet], echoes: list[float | None], why: str) -> None:
    link = at((0.125, SYN_ACK), *((0.1255, arrival) for arrival in arrivals))
    link.echoes = echoes
    assert failure(Reach(state="ESTABLISHED"), link).startswith(why.partition(":")[0])


def test_what_else_comes_behind_an_ack_is_no_refusal() -> None:
    link = at((0.125, SYN_ACK), (0.1255, segment(ACK, ISS + 1, IRS + 1)))
    assert reached(Reach(state="ESTABLISHED"), link).pending == []


def test_what_has_to_be_proven_is() -> None:
    """On a perfect path only that an ACK arrived to which nothing is owed; on another also the one
    before a FIN, which would acknowledge in its place."""

    def probes(reach: Reach, path: Path) -> int:
        link = at((0.125, SYN_ACK), (0.25, FIN_OF_SERVICE), (2.0, LAST_ACK))
        reached(reach, link, path)
        return sum(isinstance(packet, Echo) for packet in link.sent)

    for state, proofs, on_a_bad_path in (
        ("FIN-WAIT-1", 0, 0),
        ("FIN-WAIT-2", 1, 1),
        ("TIME-WAIT", 0, 1),
    ):
        assert probes(Reach(state=state), perfect_path()) == proofs, state
        assert probes(Reach(state=state), bad_path(lost=1)) == on_a_bad_path, state


# -- a DUT that opens -----------------------------------------------------------------------------

OPENED = Segment(ISS, 0, SYN, 100)


@dataclass
class OpeningLink(ScriptedLink):
    """What the calls were."""

    called: list[tuple[str, Mapping[str, int | str]]] = field(default_factory=list)

    async def call(self, verb: str, arguments: Mapping[str, int | str]) -> str:
        self.called.append((verb, arguments))
        return await super().call(verb, arguments)


def opening(syn: Segment, *more: tuple[float, Packet]) -> OpeningLink:
    return OpeningLink([(0.125, Packet(SYN_ACK.flow, syn)), *more])


def test_a_dut_opens_by_connect_and_is_answered() -> None:
    link = opening(OPENED, (0.25, segment(ACK, ISS + 1, IRS + 1)))
    tester = reached(Reach(state="ESTABLISHED", open="active"), link)
    assert link.called == [("connect", {"automatic": True, "reuse_address": True})]
    assert said(link)[0] == Segment(IRS, ISS + 1, SYN | ACK, 65535, mss=1460)
    assert (tester.variables["iss"], tester.variables["snd_nxt"]) == (ISS, ISS + 1)


def test_on_a_path_that_loses_what_opened_a_dut_is_made_sure_of() -> None:
    link = opening(OPENED, (0.25, segment(ACK, ISS + 1, IRS + 1)))
    link.readings = [reading("SYN-RECEIVED"), reading("ESTABLISHED")]
    reached(Reach(state="ESTABLISHED", open="active"), link, bad_path())
    assert [each.flags for each in said(link)] == [SYN | ACK, ACK]


def test_a_connect_that_fails_is_no_way() -> None:
    link = opening(OPENED)
    link.gives = {"connect": "EADDRNOTAVAIL"}
    why = failure(Reach(state="SYN-SENT", open="active", reuse_address=False), link)
    assert why == "connect() on the DUT gave EADDRNOTAVAIL"
    assert link.called == [("connect", {"automatic": True, "reuse_address": False})]


@pytest.mark.parametrize(
    ("syn", "reach", "why"),
    [
        (replace(OPENED, flags=ACK), {}, "no SYN came from the DUT's connect()"),
        (OPENED, {"timestamps": True}, "the DUT did not offer timestamps in its SYN"),
        (OPENED, {"sack": True}, "the DUT does not take up SACK"),
        (OPENED, {"ecn": True}, "the DUT does not take up ECN"),
        (replace(OPENED, flags=SYN | ECE), {"ecn": True}, "the DUT does not take up ECN"),
    ],
)
def test_a_syn_has_to_offer_what_is_said(syn: Segment, reach: Mapping[str, Any], why: str) -> None:
    assert failure(Reach(state="ESTABLISHED", open="active", **reach), opening(syn)) == why


def test_a_syn_is_waited_for_four_seconds() -> None:
    link = OpeningLink()
    assert "no SYN came" in failure(Reach(state="SYN-SENT", open="active"), link)
    assert link.clock == 4.0


# -- a DUT of which nothing is asked ---------------------------------------------------------------


def test_a_listener_is_known_by_nothing() -> None:
    link = ScriptedLink()
    tester = reached(Reach(state="LISTEN"), link)
    unknown = ("snd_nxt", "iss", "rcv_wnd", "ts_recent", "rcv_scale", "flow_label")
    assert tester.variables == {"irs": IRS, "rcv_nxt": IRS, **dict.fromkeys(unknown, 0)}
    assert Played(tester.prove_delivery()).result()
    assert link.sent == [], "where nothing was sent nothing has to be proven"
