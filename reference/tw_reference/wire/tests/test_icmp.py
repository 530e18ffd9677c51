"""ICMP errors as frames: there and back, and only where they are about TCP."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPerror, TCPerror, UDPerror
from scapy.layers.inet6 import ICMPv6DestUnreach, IPerror6, IPv6, IPv6ExtHdrDestOpt
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from tw_reference.icmp_numbers import Number
from tw_reference.segment import Flow, IcmpError
from tw_reference.wire.decode import WireError, decode
from tw_reference.wire.tests.strategies import V4, V6, encode, errors

LINK = Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:01")


@given(errors())
def test_scapy_finds_the_segment_in_it(error: IcmpError) -> None:
    quoted = Ether(encode(error))[TCPerror]
    assert (quoted.sport, quoted.dport, quoted.seq) == (
        error.quoted.sport,
        error.quoted.dport,
        error.seq,
    )


@pytest.mark.parametrize("octets", [7, 8, 12, 20])
@pytest.mark.parametrize("pair", [V4, V6])
def test_a_quote_may_end_behind_the_seq(pair: tuple[str, str], octets: int) -> None:
    ours, theirs = pair
    if pair == V6:
        ip, header = IPv6(src=theirs, dst=ours), ICMPv6DestUnreach(code=4)
        quote = bytes(IPerror6(src=ours, dst=theirs, nh=6)) + bytes(TCP(sport=7, dport=9, seq=5))
    else:
        ip, header = IP(src=theirs, dst=ours), ICMP(type=3, code=3)
        quote = bytes(IPerror(src=ours, dst=theirs, proto=6)) + bytes(TCP(sport=7, dport=9, seq=5))
    frame = bytes(LINK / ip / header / Raw(quote[: len(quote) - 20 + octets]))
    if octets < 8:
        with pytest.raises(WireError, match="too little of the TCP header"):
            decode(frame)
    else:
        quoted = Flow(ours, 7, theirs, 9)
        number = Number(1, 4) if pair == V6 else Number(3, 3)
        assert decode(frame) == IcmpError(theirs, ours, number, quoted, 5)


@given(errors(), st.data())
def test_a_flipped_bit_is_noticed_or_makes_it_another_message(
    error: IcmpError, data: st.DataObject
) -> None:
    frame = bytearray(encode(error))
    icmp = 14 + (40 if error.quoted.is_ipv6 else 20)
    frame[data.draw(st.integers(icmp, len(frame) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with suppress(WireError):
        assert decode(bytes(frame)) is None


def test_the_family_has_to_have_the_error() -> None:
    flow = Flow(V4[0], 1, V4[1], 2)
    error = IcmpError(V4[1], V4[0], Number(2, 0), flow, 1)
    with pytest.raises(ValueError, match="ICMP has no error 2/0"):
        encode(error)
    flow6 = Flow(V6[0], 1, V6[1], 2)
    with pytest.raises(ValueError, match="ICMPv6 has no error 137/0"):
        encode(replace(error, src=V6[1], dst=V6[0], number=Number(137, 0), quoted=flow6))


@given(errors())
def test_an_error_is_read_as_it_was_sent(error: IcmpError) -> None:
    """Whatever its code, which may have no name."""
    assert decode(encode(error)) == error


@pytest.mark.parametrize(
    "message",
    [
        ICMP(type=3, code=3) / IPerror(src=V4[0], dst=V4[1]) / UDPerror(sport=1, dport=2),
        ICMP(type=3, code=3) / IPerror(src=V4[0], dst=V4[1], frag=3) / TCPerror(),
        ICMP(type=6, code=0) / IPerror(src=V4[0], dst=V4[1]) / TCPerror(),
        ICMP(type=13),
    ],
    ids=["UDP", "a later fragment", "no such type", "no error"],
)
def test_what_is_no_error_about_tcp_is_nothing(message: ICMP) -> None:
    frame = bytes(LINK / IP(src=V4[1], dst=V4[0]) / message)
    assert decode(frame) is None


def test_extension_headers_in_a_quote_are_followed() -> None:
    quote = IPerror6(src=V6[0], dst=V6[1]) / IPv6ExtHdrDestOpt() / TCP(sport=7, dport=9, seq=5)
    frame = bytes(LINK / IPv6(src=V6[1], dst=V6[0]) / ICMPv6DestUnreach(code=4) / quote)
    flow = Flow(V6[0], 7, V6[1], 9)
    assert decode(frame) == IcmpError(V6[1], V6[0], Number(1, 4), flow, 5)


def test_other_protocols_are_nothing() -> None:
    assert decode(bytes(LINK / IP(src=V4[1], dst=V4[0]) / UDP())) is None
