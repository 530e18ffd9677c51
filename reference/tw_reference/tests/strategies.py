"""Profiles, settings and segments drawn at random, and what must hold for whatever is sent."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tw_reference import segment as tcp
from tw_reference.clock import MILLISECOND, Clock
from tw_reference.profiles import PROFILES
from tw_reference.profiles.freebsd import limit
from tw_reference.segment import Packet
from tw_reference.stack.host import Host

HOST, OTHER = "192.0.2.1", "192.0.2.2"
CLOSES_FIRST, ACCEPTS = 7, 9


def budget(examples: int) -> settings:
    """What a machine may cost in CI; the same examples every time."""
    return settings(
        max_examples=examples,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )


ChosenSettings = tuple[str, dict[str, int]]
"""The name of a profile, and values for its settings."""
OFFSETS = st.sampled_from((0, 0, 0, 1, -1, 2, 1000, 65535, -1000, 1 << 31)) | st.integers(
    -(1 << 31), 1 << 31
)
FLAGS = st.sampled_from(
    (tcp.SYN, tcp.ACK, tcp.FIN | tcp.ACK, tcp.RST, tcp.SYN | tcp.ACK, tcp.RST | tcp.ACK)
) | st.integers(0, 255)
MILLISECONDS = st.sampled_from((0, 1, 20, 200, 500, 1000, 8000, 30_000, 60_000, 240_000))


@st.composite
def a_profile_and_settings(draw: st.DrawFn) -> ChosenSettings:
    """A profile with its switches thrown at random, and its limits and times within reason.

    ``literal`` stays off: with it two ends in TIME-WAIT acknowledge each other's ACKs for ever,
    which :func:`test_to_the_letter_two_ends_acknowledge_for_ever` shows.
    """
    name = draw(st.sampled_from(list(PROFILES)))
    drawn = {
        "msl": st.sampled_from((1, 500, 30_000)),
        "msl_local": st.sampled_from((1, 10)),
        "maxtcptw": st.integers(0, 3),
        "maxsockets": st.sampled_from((0, 5, 204_800)),
        "max_tw_buckets": st.integers(0, 3),
        "fin_timeout": st.sampled_from((1, 5, 60, 90)),
        "finwait2_timeout": st.just(5000),
        "keepcnt": st.just(8),
        "keepintvl": st.just(75_000),
        "challenge_interval": st.sampled_from((0, 1000)),
        "invalid_ratelimit": st.sampled_from((0, 500)),
        "tw_reuse": st.integers(0, 2),
        "hz": st.sampled_from((100, 250, 300, 1000)),
    }
    chosen: dict[str, int] = {}
    for switch, setting in PROFILES[name].settings.items():
        if switch == "literal":
            continue
        if switch in drawn:
            chosen[switch] = draw(drawn[switch])
        elif setting.default in (0, 1):
            chosen[switch] = draw(st.integers(0, 1))
    return name, chosen


def most_blocks(host: Host) -> int | None:
    """How many blocks the profile lets in; None for no limit."""
    if "maxtcptw" in host.settings:
        return limit(host.settings)
    return host.settings.get("max_tw_buckets")


def longest_life(host: Host) -> int:
    """Nanoseconds that a block may live after its last restart, at the very most.

    An orphan of FIN-WAIT-2 waits for fin_timeout, which is no longer than 2MSL for a block.
    """
    local = 2 * host.settings.get("msl_local", 0) * MILLISECOND
    longest = max(host.profile.lifetime(host.settings), local)
    return longest + host.profile.lateness(host.settings)


def holds_for_a_packet(packet: Packet) -> None:
    segment = packet.segment
    assert 0 <= segment.seq < 1 << 32
    assert 0 <= segment.ack < 1 << 32
    assert 0 <= segment.window < 1 << 16
    if segment.timestamps is not None:
        assert all(0 <= stamp < 1 << 32 for stamp in segment.timestamps)


def taken(host: Host) -> list[Packet]:
    """The outbox, emptied; each packet looked at."""
    packets = [packet for packet in host.outbox if isinstance(packet, Packet)]
    host.outbox.clear()
    host.events.clear()
    for packet in packets:
        holds_for_a_packet(packet)
    return packets


def run_dry(clock: Clock) -> None:
    """Let time pass until no timer is left."""
    while (due := clock.next_timer()) is not None:
        clock.advance(due)
