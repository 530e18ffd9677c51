"""What can be set on Linux (sysctl)."""

from __future__ import annotations

from collections.abc import Mapping

from tw_reference.profiles.profile import COUNT, POSITIVE, Setting

SETTINGS: Mapping[str, Setting] = {
    "timestamps": Setting(
        1, "Use timestamps where the peer asks.", "tcp_timestamps", ruled=range(3)
    ),
    "rfc1337": Setting(0, "Drop an RST at RCV.NXT in TIME-WAIT.", "tcp_rfc1337"),
    "invalid_ratelimit": Setting(
        500,
        "Milliseconds between limited ACKs of one block; 0: none.",
        "tcp_invalid_ratelimit",
        ruled=COUNT,
    ),
    "fin_timeout": Setting(
        60, "Seconds of FIN-WAIT-2 without a process.", "tcp_fin_timeout", ruled=COUNT
    ),
    "max_tw_buckets": Setting(262144, "Blocks in the table.", "tcp_max_tw_buckets", ruled=COUNT),
    "tw_reuse": Setting(
        2, "Reuse for connect(): 0 no, 1 yes, 2 loopback.", "tcp_tw_reuse", ruled=range(3)
    ),
    "tw_reuse_delay": Setting(
        1000,
        "Milliseconds before a block may be reused.",
        "tcp_tw_reuse_delay",
        ruled=range(1, 60_001),  # sysctl_net_ipv4.c, tcp_tw_reuse_delay_max
    ),
    "window_scaling": Setting(1, "Offer window scaling, and use it.", "tcp_window_scaling"),
    "sack": Setting(1, "Offer SACK, and take it up.", "tcp_sack"),
    "ecn": Setting(
        2,
        "ECN: 1 asks for it, 2 takes it up where it is asked for; 0: none."
        " 3 to 5, AccECN, are not ruled.",
        "tcp_ecn",
        ruled=range(3),
    ),
    "syncookies": Setting(
        1,
        "SYN cookies: 2 for every SYN; 1, where the queue of SYNs is full, is not ruled.",
        "tcp_syncookies",
        ruled=range(3),
    ),
    "hz": Setting(
        250, "Timer ticks a second, of which the wheel is made.", "CONFIG_HZ", ruled=POSITIVE
    ),
}
