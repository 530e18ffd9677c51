"""Programs for packet sockets, run by this kernel on datagrams that are the frames."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterator

import pytest

from tw_conformance.link.capture.filters import ALL_BUT_TCP, Program, attach, tcp_of_port
from tw_reference import segment as tcp
from tw_reference.segment import Echo, Flow, Packet, Segment
from tw_reference.wire.encode import Encoder
from tw_reference.wire.neighbours import Neighbours

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a filter of Linux's")

ENCODER = Encoder("02:00:00:00:00:02", "02:00:00:00:00:01")
ARP = Neighbours("02:00:00:00:00:02", ["192.0.2.2"]).ask("192.0.2.2", "192.0.2.1")
Passes = Callable[[Program, bytes], bool]


def segment(source: str, port: int, dut: str, dut_port: int) -> bytes:
    flow = Flow(source, port, dut, dut_port)
    return ENCODER.encode(Packet(flow, Segment(seq=1, ack=0, flags=tcp.SYN)))


TO, FROM = (
    segment("192.0.2.2", 4000, "192.0.2.1", 7),
    segment("192.0.2.1", 7, "192.0.2.2", 4000),
)
OTHER = segment("192.0.2.2", 4000, "192.0.2.1", 8)
TO_6, OTHER_6 = (segment("2001:db8::2", 4000, "2001:db8::1", port) for port in (7, 8))
PING, PING_6 = (
    ENCODER.encode(Echo("192.0.2.2", "192.0.2.1", 1, 1)),
    ENCODER.encode(Echo("2001:db8::2", "2001:db8::1", 1, 1)),
)
FRAGMENT = TO[:20] + b"\x20\x00" + TO[22:]
WITH_OPTIONS = TO[:14] + b"\x46" + TO[15:]


@pytest.fixture
def passes() -> Iterator[Passes]:
    ends: list[socket.socket] = []

    def asked(program: Program, frame: bytes) -> bool:
        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        ends.extend((here, there))
        attach(there, program)
        here.send(frame)
        there.setblocking(False)
        try:
            return there.recv(len(frame)) == frame
        except BlockingIOError:
            return False

    yield asked
    for end in ends:
        end.close()


@pytest.mark.parametrize("frame", [ARP, PING, PING_6])
def test_what_is_no_tcp_passes(passes: Passes, frame: bytes) -> None:
    assert passes(ALL_BUT_TCP, frame)
    assert not any(passes(tcp_of_port(7, ipv6=ipv6), frame) for ipv6 in (False, True))


@pytest.mark.parametrize("frame", [TO, FROM, OTHER, TO_6, OTHER_6])
def test_tcp_is_left_to_others(passes: Passes, frame: bytes) -> None:
    assert not passes(ALL_BUT_TCP, frame)


@pytest.mark.parametrize(
    ("ipv6", "frame", "heard"),
    [
        (False, TO, True),
        (False, FROM, True),
        (False, OTHER, False),
        (False, FRAGMENT, False),
        (False, WITH_OPTIONS, False),
        (False, TO_6, False),
        (True, TO_6, True),
        (True, OTHER_6, False),
        (True, TO, False),
    ],
)
def test_one_port_is_heard_both_ways(passes: Passes, ipv6: bool, frame: bytes, heard: bool) -> None:
    assert passes(tcp_of_port(7, ipv6=ipv6), frame) is heard
