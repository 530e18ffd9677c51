"""What no case can reach, played on a host: orphans, entry, bind(), connect() and user calls.

A scenario plays on one profile and says what can be seen from outside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal, NamedTuple

from tw_reference import segment as tcp
from tw_reference.clock import SECOND, Clock
from tw_reference.conftest import DUT, DUT6, PORT, TESTER, Wait, make_time_wait
from tw_reference.profiles.profile import Profile
from tw_reference.segment import Packet
from tw_reference.seqnum import distance
from tw_reference.stack.host import Host
from tw_reference.stack.sockets import CallError

Outcome = tuple[str, ...]


class Seen(NamedTuple):
    """What a scenario saw, and the host on which it did."""

    host: Host
    outcome: Outcome


Scenario = Callable[[Profile], Seen]


# -- what can be seen ----------------------------------------------------------------------------


def a_host(
    profile: Profile,
    settings: Mapping[str, int] | None = None,
    *,
    local: bool = False,
    on_link: bool = False,
) -> Host:
    """A host with a listener that closes first; ``local``: the tester's address is its own too,
    ``on_link``: no router lies between."""
    host = Host(
        profile,
        Clock(SECOND),
        addresses=frozenset((DUT, DUT6, TESTER) if local else (DUT, DUT6)),
        seed=1,
        settings=settings,
        on_link=("192.0.2.0/24", "2001:db8::/64") if on_link else (),
    )
    host.listen(PORT)
    return host


def waiting(
    host: Host,
    *,
    timestamps: bool = False,
    port: int = 40000,
    stop: str = "",
    ipv6: bool = False,
) -> Wait:
    """A connection that the host closed first, in TIME-WAIT or in ``stop``."""
    return make_time_wait(
        host.profile.name, host=host, timestamps=timestamps, port=port, stop=stop, ipv6=ipv6
    )


def closing(host: Host, *, timestamps: bool = False, port: int = 40000, ipv6: bool = False) -> Wait:
    """The same, with the tester's FIN still to come."""
    return waiting(host, timestamps=timestamps, port=port, stop="FIN-WAIT-1", ipv6=ipv6)


def fin_arrives(wait: Wait, *, with_ack: bool = False) -> list[str]:
    """The tester acknowledges the host's FIN, then sends its own; or all in one segment."""
    answers = [] if with_ack else wait.send(tcp.ACK, tsval=0)
    answers += wait.send(tcp.FIN | tcp.ACK, tsval=0)
    wait.rcv_nxt = (wait.rcv_nxt + 1) & 0xFFFFFFFF
    return answers


def life(wait: Wait) -> Outcome:
    """The states of a connection from now on, and after how many seconds each began."""
    host, clock, flow = wait.host, wait.host.clock, wait.flow.reverse
    begun = clock.now
    states: list[str] = []
    while True:
        state = host.state(flow) + (", a block" if host.block(flow) is not None else "")
        if not states or states[-1].partition(": ")[2] != state:
            states.append(f"{(clock.now - begun) / SECOND:g} s: {state}")
        due = clock.next_timer()
        if due is None:
            return tuple(states)
        clock.advance(due)


def refusal(call: Callable[[], object]) -> Outcome:
    """What a user call came to."""
    try:
        answer = call()
    except CallError as error:
        return (error.error,)
    return (f"returned {answer}" if isinstance(answer, str) else "allowed",)


# -- orphans in FIN-WAIT-2 -----------------------------------------------------------------------


def orphan(
    linger2: int | None = None, *, flags: int = tcp.ACK, old: int = 0, **settings: int
) -> Scenario:
    """The host closes, the peer acknowledges with ``flags`` from ``old`` octets before; no process
    is left."""

    def play(profile: Profile) -> Seen:
        host = a_host(profile, settings)
        host.listen(PORT, linger2=linger2)
        wait = closing(host)
        answers = wait.send(flags, -old)
        return Seen(host, (*answers, *life(wait), *wait.sent()))

    return play


def let_go(linger2: int) -> Scenario:
    """The host sends its FIN, the peer acknowledges, and only then the process closes."""

    def play(profile: Profile) -> Seen:
        host = a_host(profile)
        host.listen(PORT, closes_first=False, linger2=linger2)
        wait = Wait(host, timestamps=False, isn=1, port=40000)
        host.receive(wait.packet(tcp.SYN))
        wait.sent()
        wait.snd_nxt, wait.rcv_nxt = (wait.last_iss + 1) & 0xFFFFFFFF, 2
        wait.send(tcp.ACK)
        host.sockets.shutdown(wait.flow.reverse)
        answers = [*wait.sent(), *wait.send(tcp.ACK, ack=1)]
        host.sockets.close(wait.flow.reverse)
        return Seen(host, (*answers, *wait.sent(), *life(wait)))

    return play


# -- entry ---------------------------------------------------------------------------------------


def entry(
    *,
    others: int = 0,
    local: bool = False,
    on_link: Literal["ipv4", "ipv6", ""] = "",
    timestamps: bool = False,
    with_ack: bool = False,
    **settings: int,
) -> Scenario:
    """A connection enters TIME-WAIT where ``others`` are in it already; ``with_ack``: by a FIN that
    has the ACK of the host's with it, so that no stack makes it a block before.  ``on_link``: the
    peer is a neighbour, in that family."""

    def play(profile: Profile) -> Seen:
        host = a_host(profile, settings, local=local, on_link=bool(on_link))
        before = [waiting(host, port=50000 + number) for number in range(others)]
        wait = closing(host, timestamps=timestamps, ipv6=on_link == "ipv6")
        answers = fin_arrives(wait, with_ack=with_ack)
        displaced = [f"the other: {other.state}" for other in before]
        stamped = a_syn_from_behind_the_same_address(host) if timestamps else []
        return Seen(host, (*answers, *displaced, *stamped, *life(wait)))

    return play


def a_syn_from_behind_the_same_address(host: Host) -> list[str]:
    """What another machine behind the peer's address is told, whose clock is an hour behind."""
    other = Wait(host, timestamps=True, isn=1, port=40001)
    other.snd_nxt = 0
    host.receive(other.packet(tcp.SYN, tsval=-4000))
    return ["the neighbour is answered" if other.segments() else "the neighbour is shut out"]


# -- bind() --------------------------------------------------------------------------------------


def bind(
    *, old_reuses: bool = True, old_port: bool = False, address: bool = False, port: bool = False
) -> Scenario:
    """A process binds the port of a block; ``address``, ``port``: with SO_REUSEADDR, _REUSEPORT;
    ``old_port``: so had the socket of the block."""

    def play(profile: Profile) -> Seen:
        host = a_host(profile)
        host.listen(PORT, reuse_address=old_reuses, reuse_port=old_port)
        waiting(host)
        host.unlisten(PORT)
        call = refusal(lambda: host.listen(PORT, reuse_address=address, reuse_port=port))
        return Seen(host, call)

    return play


def bind_two() -> Scenario:
    """A process with SO_REUSEADDR binds the port of two blocks, of which one was without."""

    def play(profile: Profile) -> Seen:
        host = a_host(profile)
        listener = host.listen(PORT)
        waiting(host)
        listener.reuse_address = False
        waiting(host, port=40001)
        host.unlisten(PORT)
        return Seen(host, refusal(lambda: host.listen(PORT, reuse_address=True)))

    return play


# -- connect() -----------------------------------------------------------------------------------


def connect(
    *,
    automatic: bool = False,
    timestamps: bool = True,
    after: float = 5.0,
    loopback: bool = False,
    bound: bool = False,
    stop: str = "",
    **settings: int,
) -> Scenario:
    """A process connects on the 4-tuple of a block, ``after`` seconds; ``bound``: bind() had chosen
    the port of the old socket."""

    def play(profile: Profile) -> Seen:
        host = a_host(profile, settings, local=loopback)
        wait = waiting(host, timestamps=timestamps, stop=stop)
        wait.block.port_was_bound = bound
        wait.let_pass(after)
        wait.sent()
        call = refusal(lambda: host.connect(wait.flow.reverse, automatic=automatic))
        syns = [packet for packet in host.outbox if isinstance(packet, Packet)]
        return Seen(host, (*call, *(the_syn(packet, wait) for packet in syns), wait.state))

    return play


def the_syn(packet: Packet, wait: Wait) -> str:
    stamps = packet.segment.timestamps
    assert stamps is not None
    above = distance(packet.segment.seq, wait.snd_nxt)
    return f"SYN at SND.NXT + {above}, TSecr = TS.Recent + {stamps.tsecr - wait.ts_recent}"


# -- user calls ----------------------------------------------------------------------------------


def calls(*verbs: str) -> Scenario:
    """User calls on a connection in TIME-WAIT, one after another."""

    def play(profile: Profile) -> Seen:
        host = a_host(profile)
        wait = waiting(host)
        answers: list[str] = []
        for verb in verbs:
            answers += refusal(partial(host.call, verb, wait.flow.reverse))
        return Seen(host, (*answers, *wait.sent(), wait.state))

    return play
