"""What can be set on FreeBSD (sysctl), by the profile that has it first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tw_reference.profiles.profile import COUNT, POSITIVE, Setting

SETTINGS_10: Mapping[str, Setting] = {
    "msl": Setting(
        30000, "Maximum segment lifetime, milliseconds.", "net.inet.tcp.msl", ruled=POSITIVE
    ),
    "timestamps": Setting(1, "Use timestamps where the peer asks.", "net.inet.tcp.rfc1323"),
    "nolocaltimewait": Setting(0, "No TIME-WAIT towards a local peer.", "tcp_timewait.c:148-152"),
    "maxtcptw": Setting(
        0,
        "Blocks in the table; 0: half the ephemeral ports, at most maxsockets / 5.",
        "tcp_timewait.c:109-142",
        least=32,
        ruled=COUNT,
    ),
    "maxsockets": Setting(
        204800, "Sockets of the whole system.", "kern.ipc.maxsockets", ruled=COUNT
    ),
    "portrange_first": Setting(
        10000,
        "First ephemeral port.",
        "net.inet.ip.portrange.first, ipport_firstauto",
        ruled=range(65_536),
    ),
    "portrange_last": Setting(
        65535,
        "Last ephemeral port.",
        "net.inet.ip.portrange.last, ipport_lastauto",
        ruled=range(65_536),
    ),
    "sack": Setting(1, "Offer SACK, and take it up.", "net.inet.tcp.sack.enable"),
    "ecn": Setting(
        0,
        "ECN: whatever is not 0 asks for it and takes it up.",
        "net.inet.tcp.ecn.enable",
        ruled=range(3),
    ),
    "drop_synfin": Setting(0, "A listener drops SYN with FIN.", "net.inet.tcp.drop_synfin"),
    "insecure_rst": Setting(
        0, "An RST anywhere in the window counts.", "net.inet.tcp.insecure_rst"
    ),
    "icmp_may_rst": Setting(1, "Some ICMP errors end SYN-SENT.", "net.inet.tcp.icmp_may_rst"),
    "finwait2_timeout": Setting(
        60000,
        "FIN-WAIT-2 without a process, milliseconds.",
        "net.inet.tcp.finwait2_timeout",
        ruled=POSITIVE,
    ),
    "fast_finwait2_recycle": Setting(
        0, "Apply finwait2_timeout to orphans.", "net.inet.tcp.fast_finwait2_recycle"
    ),
    "keepcnt": Setting(8, "Keepalive intervals in maxidle.", "net.inet.tcp.keepcnt", ruled=COUNT),
    "keepintvl": Setting(
        75000,
        "Between two keepalive probes, milliseconds.",
        "net.inet.tcp.keepintvl",
        ruled=POSITIVE,
    ),
}

SETTINGS_13: Mapping[str, Setting] = {
    "insecure_syn": Setting(0, "A SYN in the window resets.", "net.inet.tcp.insecure_syn"),
    "ecn": Setting(
        2,
        "ECN: 1 asks for it, 2 takes it up where it is asked for.",
        "net.inet.tcp.ecn.enable",
        ruled=range(3),
    ),
    "drop_synfin": Setting(0, "Drop SYN with FIN, whatever the state.", "net.inet.tcp.drop_synfin"),
    "tolerate_missing_ts": Setting(
        0,
        "Tolerate segments without the negotiated timestamps.",
        "net.inet.tcp.tolerate_missing_ts",
    ),
}

SETTINGS_13_1: Mapping[str, Setting] = {
    "tolerate_missing_ts": replace(SETTINGS_13["tolerate_missing_ts"], default=1),
}

SETTINGS_14: Mapping[str, Setting] = {
    "timestamps": replace(SETTINGS_10["timestamps"], ruled=range(4)),
    "nolocaltimewait": Setting(
        1, "No TIME-WAIT towards a local peer.", "net.inet.tcp.nolocaltimewait, 92b3e07229ba"
    ),
}

SETTINGS_14_2: Mapping[str, Setting] = {
    "insecure_ack": Setting(0, "Take a SEG.ACK however old it is.", "net.inet.tcp.insecure_ack"),
    "ack_war_timewindow": Setting(
        1000,
        "Milliseconds for which challenge ACKs are counted; 0: no limit.",
        "net.inet.tcp.ack_war_timewindow",
        ruled=COUNT,
    ),
    "ack_war_cnt": Setting(
        5,
        "Challenge ACKs of one connection in that time; 0: no limit.",
        "net.inet.tcp.ack_war_cnt",
        ruled=COUNT,
    ),
}

SETTINGS_15: Mapping[str, Setting] = {
    "nolocaltimewait": Setting(
        0, "No TIME-WAIT towards a local peer.", "net.inet.tcp.nolocaltimewait"
    ),
    "msl_local": Setting(
        10,
        "MSL between two local ends, milliseconds.",
        "net.inet.tcp.msl_local",
        ruled=POSITIVE,
    ),
}
