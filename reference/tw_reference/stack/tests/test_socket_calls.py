"""bind(), connect() and setsockopt() of a host's processes."""

from __future__ import annotations

import pytest

from tw_reference.conftest import DUT, PORT, TESTER, MakeWait, make_host
from tw_reference.segment import ACK, RST, SYN, Flow, Packet, Segment
from tw_reference.stack.host import Host
from tw_reference.stack.sockets import CallError
from tw_reference.state import State


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
    [("linux-6.18", State.CLOSED, [RST]), ("freebsd-15", State.ESTABLISHED, [])],
)
def test_linux_forgets_who_is_half_open_where_nobody_listens_any_more(
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
