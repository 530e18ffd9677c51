"""Where the documented systems keep the settings that a case may ask for, by the names of cases."""

from __future__ import annotations

from collections.abc import Mapping

LINUX: Mapping[str, str] = {
    "timestamps": "net.ipv4.tcp_timestamps",
    "rfc1337": "net.ipv4.tcp_rfc1337",
    "invalid_ratelimit": "net.ipv4.tcp_invalid_ratelimit",
    "fin_timeout": "net.ipv4.tcp_fin_timeout",
    "max_tw_buckets": "net.ipv4.tcp_max_tw_buckets",
    "tw_reuse": "net.ipv4.tcp_tw_reuse",
    "tw_reuse_delay": "net.ipv4.tcp_tw_reuse_delay",
    "syncookies": "net.ipv4.tcp_syncookies",
    "window_scaling": "net.ipv4.tcp_window_scaling",
    "sack": "net.ipv4.tcp_sack",
    "ecn": "net.ipv4.tcp_ecn",
}
"""Where Linux keeps the settings that a case may ask for."""

FREEBSD: Mapping[str, str] = {
    "msl": "net.inet.tcp.msl",
    "msl_local": "net.inet.tcp.msl_local",
    "timestamps": "net.inet.tcp.rfc1323",
    "tolerate_missing_ts": "net.inet.tcp.tolerate_missing_ts",
    "nolocaltimewait": "net.inet.tcp.nolocaltimewait",
    "sack": "net.inet.tcp.sack.enable",
    "ecn": "net.inet.tcp.ecn.enable",
    "drop_synfin": "net.inet.tcp.drop_synfin",
    "icmp_may_rst": "net.inet.tcp.icmp_may_rst",
    "insecure_rst": "net.inet.tcp.insecure_rst",
    "insecure_syn": "net.inet.tcp.insecure_syn",
    "finwait2_timeout": "net.inet.tcp.finwait2_timeout",
    "fast_finwait2_recycle": "net.inet.tcp.fast_finwait2_recycle",
}
"""Where FreeBSD keeps the settings that a case may ask for."""
