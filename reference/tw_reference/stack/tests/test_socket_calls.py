"""bind(), connect() and setsockopt() of a host's processes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tw_reference.conftest import DUT, PORT, TESTER, MakeWait, make_host
from tw_reference.segment import ACK, FIN, RST, SYN, Flow, Packet, Segment
from tw_reference.stack.host import Host
from tw_reference.stack.sockets import CallError
from tw_reference.state import State


def opened(
    profile: str, *, closes_first: bool = False, reads: bool = True, text: bytes = b""
) -> tuple[Host, Flow]:
    """A host with a connection that a listener opened, and the peer's 4-tuple."""
    host = make_host(profile)
    host.listen(PORT, closes_first=closes_first, reads=reads)
    flow = Flow(TESTER, 40000, DUT, PORT)
    host.receive(Packet(flow, Segment(1000, 0, SYN, window=60000, mss=1460)))
    arrives(host, flow, ACK, text=text)
    return host, flow


def arrives(host: Host, flow: Flow, flags: int, *, seq: int = 0, text: bytes = b"") -> None:
    """A segment of the peer, whose SYN had the sequence number 1000."""
    sent = next(p.segment for p in host.outbox if isinstance(p, Packet))
    ack = sent.end if flags & ACK else 0
    host.receive(Packet(flow, Segment(1001 + seq, ack, flags, window=60000, payload=text)))


def said(call: Callable[[], bool]) -> str:
    """What a call came to."""
    try:
        return "ok" if call() else "eof"
    except CallError as refusal:
        return refusal.error


def refused(call: str, host: Host, **options: int) -> str:
    with pytest.raises(CallError) as refusal:
        getattr(host, call)(PORT, **options)
    return refusal.value.error


@pytest.mark.parametrize("profile", ["linux-6.18", "freebsd-15", "rfc9293"])
def test_a_port_that_somebody_listens_on_is_in_use(profile: str) -> None:
    host = make_host(profile)
    assert refused("bind", host, reuse_address=True, reuse_port=True) == "EADDRINUSE"
    host.unlisten(PORT)
    host.bind(PORT)


def test_options_are_of_a_socket_that_a_process_holds(time_wait: MakeWait) -> None:
    wait = time_wait("linux-6.18")
    with pytest.raises(CallError) as refusal:
        wait.host.sockets.set_options(wait.flow.reverse, ttl=1)
    assert refusal.value.error == "EBADF", "close() gave the descriptor back"


def test_a_block_remembers_whether_its_port_was_bound(time_wait: MakeWait) -> None:
    wait = time_wait("linux-6.18", timestamps=True)
    assert wait.block.port_was_bound, "a listener's is"


@pytest.mark.parametrize(
    ("profile", "state", "answers"),
    [
        ("linux-6.18", State.CLOSED, [RST]),
        ("freebsd-15", State.SYN_RECEIVED, [RST]),
        ("rfc9293", State.ESTABLISHED, []),
    ],
)
def test_stacks_do_not_look_for_who_is_half_open_where_nobody_listens_any_more(
    profile: str, state: State, answers: list[int]
) -> None:
    host = make_host(profile)
    flow = Flow(TESTER, 40000, DUT, PORT)
    host.receive(Packet(flow, Segment(1000, 0, SYN, window=60000, mss=1460)))
    syn_ack = host.outbox.popleft()
    assert isinstance(syn_ack, Packet)
    host.unlisten(PORT)
    host.receive(Packet(flow, Segment(1001, syn_ack.segment.end, ACK, window=60000)))
    assert host.state(flow.reverse) is state
    assert [packet.segment.flags for packet in host.outbox if isinstance(packet, Packet)] == answers


@pytest.mark.parametrize(
    ("profile", "first", "then"),
    [("linux-6.18", "eof", "EPIPE"), ("freebsd-15", "ECONNRESET", "eof")],
)
def test_who_has_the_peers_fin_reads_the_end_before_the_reset(
    profile: str, first: str, then: str
) -> None:
    host, flow = opened(profile)
    arrives(host, flow, FIN | ACK)
    arrives(host, flow, RST, seq=1)
    own = flow.reverse
    assert said(lambda: host.sockets.receive(own, 1)) == first
    last = host.sockets.receive if then == "eof" else lambda flow, size: host.sockets.error(flow)
    assert said(lambda: bool(last(own, 1))) == then


@pytest.mark.parametrize(
    ("profile", "answer"),
    [("linux-6.18", RST | ACK), ("rfc9293", RST | ACK), ("freebsd-15", FIN | ACK)],
)
def test_text_in_the_ack_of_the_handshake_is_unread_where_the_process_closes_at_once(
    profile: str, answer: int
) -> None:
    host = opened(profile, closes_first=True, text=b"early")[0]
    last = host.outbox[-1]
    assert isinstance(last, Packet)
    assert last.segment.flags == answer


@pytest.mark.parametrize(("profile", "ruled"), [("linux-6.18", False), ("freebsd-15", True)])
def test_nothing_is_said_of_the_window_once_memory_decides_it(profile: str, ruled: bool) -> None:
    host, flow = opened(profile, reads=False)
    arrives(host, flow, ACK, text=b"text")
    assert said(lambda: host.sockets.receive(flow.reverse, 1)) == "ok"
    host.outbox.clear()
    host.sockets.send(flow.reverse, b"t")
    (answer,) = (p for p in host.outbox if isinstance(p, Packet))
    assert answer.window_is_ruled is ruled


@pytest.mark.parametrize(
    ("profile", "given"), [("linux-6.18", "EAGAIN"), ("freebsd-10", "ENOTCONN"), ("rfc9293", "ok")]
)
def test_text_before_there_is_a_connection(profile: str, given: str) -> None:
    host = make_host(profile)
    flow = Flow(DUT, PORT, TESTER, 40000)
    host.connect(flow, reads=False)

    def sends() -> bool:
        host.sockets.send(flow, b"text")
        return True

    assert said(sends) == given


def test_who_gives_up_opening_is_told_so_once_and_never_was_connected() -> None:
    host = make_host("linux-6.18")
    flow = Flow(DUT, PORT, TESTER, 40000)
    host.connect(flow, reads=False)
    host.sockets.shutdown(flow)
    assert said(lambda: host.sockets.receive(flow, 1)) == "ECONNRESET"
    assert said(lambda: host.sockets.receive(flow, 1)) == "ENOTCONN"


@pytest.mark.parametrize(("profile", "sent"), [("linux-6.18", []), ("rfc9293", [RST])])
def test_whose_half_open_connection_is_ended_by_an_administrator(
    profile: str, sent: list[int]
) -> None:
    host = make_host(profile)
    host.listen(PORT)
    flow = Flow(TESTER, 40000, DUT, PORT)
    host.receive(Packet(flow, Segment(1000, 0, SYN, window=60000, mss=1460)))
    host.outbox.clear()
    host.destroy(flow.reverse)
    assert host.state(flow.reverse) is State.CLOSED
    assert [p.segment.flags & RST for p in host.outbox if isinstance(p, Packet)] == sent
