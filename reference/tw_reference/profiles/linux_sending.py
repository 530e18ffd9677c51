"""How much Linux sends: the text of one segment, and the congestion window."""

from __future__ import annotations

from tw_reference.profiles.congestion_ways import CongestionWays

_DEFAULT_MSS = 536
"""TCP_MSS_DEFAULT: a window as small as that is no reason for smaller segments."""
LEAST_MSS = 48
"""Octets, options of each segment among them (tcp_output.c, __tcp_mtu_to_mss(),
sysctl_tcp_min_snd_mss)."""
_STAMPS = 12
"""Octets of the Timestamps option and what fills it up."""


def half_window(mss: int, widest: int, stamped: bool) -> int:
    """The most text that a segment has: half of the widest window that the peer ever offered, or
    all of a small one (include/net/tcp.h, tcp_bound_to_half_wnd())."""
    if widest == 0:
        return mss
    bound = widest // 2 if widest > _DEFAULT_MSS else widest
    return min(mss, max(bound, LEAST_MSS - (_STAMPS if stamped else 0)))


CONGESTION = CongestionWays(
    initial=lambda mss: 10 * mss,  # tcp_input.c, tcp_init_cwnd(), TCP_INIT_CWND
    counts_segments=True,
    most_an_ack=None,  # tcp_cong.c, tcp_slow_start()
    sure_until=16,  # tcp_cubic.c, hystart_low_window
    syns_borne=2,  # tcp_input.c, tcp_init_transfer(), total_retrans
    defers=True,
    counts_duplicates=True,
    tries_new_text=True,  # tcp_input.c, tcp_process_loss()
)
CONGESTION_2_6 = CONGESTION._replace(
    # tcp_input.c of 2.6.32, tcp_init_cwnd(); tcp_cong.c, tcp_slow_start().
    initial=lambda mss: (2 if mss > 1460 else 3 if mss > 1095 else 4) * mss,
    most_an_ack=1,
    syns_borne=1,
    fin_passes=True,
)
