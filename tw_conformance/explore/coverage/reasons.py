"""Why no case covers a rule, or a part of its condition: each has to be written here."""

from __future__ import annotations

from tw_conformance.explore.coverage.gaps import Reason

_CALLS = (
    "No socket call is one of RFC 9293 section 3.10 on a connection in TIME-WAIT: the process that"
    " closed it holds no descriptor any more.  profiles/tests/test_lists_off_the_wire.py makes them"
    " on the host."
)

_FAR = (
    "The peer of a case is another host, behind a router as far as the reference knows.  "
    "profiles/tests/test_lists_off_the_wire.py has connections to itself and on the link."
)

_CLAIMS_NOTHING = (
    "It claims nothing that a case could expect; stack/tests/test_delayed_ack.py meets it."
)
_QUICK_UNKNOWN = {
    "linux-*": ("ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2"),
    "linux-5.*": ("CLOSE-WAIT", "LAST-ACK"),
    "linux-6.1": ("CLOSE-WAIT", "LAST-ACK"),
}

REASONS: tuple[Reason, ...] = (
    Reason("*", "user call: *", _CALLS),
    Reason("freebsd-*", "TIME-WAIT entry: freebsd.entry-local*", _FAR),
    Reason("freebsd-14*", "TIME-WAIT entry: freebsd.entry-near", _FAR),
    Reason("freebsd-15", "TIME-WAIT entry: freebsd.entry-no-local", _FAR),
    Reason(
        "freebsd-1[03]*",
        "TIME-WAIT entry: freebsd.entry-full-empty",
        "A table without a slot takes a host with fewer than 5 sockets, which makes no connection;"
        " profiles/tests/test_lists_off_the_wire.py asks the list.",
    ),
    Reason(
        "*",
        "ICMP error, no block: *",
        "What a connection sends in smaller segments is not ruled: no case expects anything of it.",
        part="the error is of the kind too-big: true",
    ),
    Reason(
        "*",
        "ICMP error, no block: *.icmp-not-ruled",
        "It claims nothing that a case could expect; stack/tests/test_icmp.py meets it.",
    ),
    Reason(
        "linux-*",
        "ICMP error, no block: linux.icmp-soft",
        "That takes back a step of the backoff, which is not ruled.",
        part="net, or host of IPv4, is unreachable for a segment that was sent again: true",
    ),
    Reason(
        "freebsd-*",
        "ICMP error, no block: *",
        "The second error gives up then, which is not ruled.",
        part="the connection is opening, and its SYN was sent again more than twice: true",
    ),
    Reason(
        "linux-*",
        "FIN-WAIT-2 block: linux.fw2-nothing-new",
        "What is in the window and not empty ends after RCV.NXT: the kernel asks all the same.",
        part="the segment ends after RCV.NXT: false",
    ),
    *(
        Reason(
            profiles,
            f"{state}: linux.nothing-in-it",
            "Behind the peer's FIN what is empty and left of RCV.NXT is outside the window, but for"
            " the 4 or 40 ms until the FIN is acknowledged, which no case counts on;"
            " profiles/tests/test_linux_states.py is in time.",
        )
        for profiles, state in (
            ("linux-*", "CLOSE-WAIT"),
            ("linux-*", "CLOSING"),
            ("linux-2.6.32", "LAST-ACK"),
        )
    ),
    *(
        Reason(profiles, f"{state}: linux.quick-unknown", _CLAIMS_NOTHING)
        for profiles, states in _QUICK_UNKNOWN.items()
        for state in states
    ),
    Reason(
        "linux-*",
        "ESTABLISHED: linux.fin-with-text*",
        "A process of a case holds its connection and does not read;"
        " profiles/tests/test_linux_states.py has one that does.",
        part="a process takes text as it comes: *",
    ),
    Reason(
        "linux-*",
        "ESTABLISHED: linux.fin-with-text-unread",
        "Before 6.6 that tells only where a process reads.",
        part="more than one full segment waits for its ACK: *",
    ),
    Reason(
        "linux-2.6.32",
        "connect(): linux.connect-no-reuse",
        "2.6.32 has tcp_tw_reuse 0 and 1; 2, and with it loopback, came with 4.19.",
        part="*2: true",
    ),
    Reason("linux-*", "connect(): linux.connect-no-reuse", _FAR, part="the addresses are loop*"),
    Reason(
        "linux-*",
        "connect(): linux.connect-same-second",
        "Where in a second a block began no case can choose; tests/wire asks the kernel until both"
        " answers have been seen.",
    ),
    Reason(
        "rfc9293",
        "ACK limit: rfc9293.challenge-war",
        "A limit that the RFC leaves open, so that no case counts on it;"
        " profiles/tests/test_rfc9293_states.py asks the list.",
    ),
)
