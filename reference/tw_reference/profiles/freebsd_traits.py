"""What shows of FreeBSD on the wire beside its rules: the traits of 10, which later ones change."""

from __future__ import annotations

from dataclasses import replace

from tw_reference.clock import MILLISECOND, SECOND
from tw_reference.profiles.congestion_ways import CongestionWays
from tw_reference.profiles.freebsd_errors import error_name
from tw_reference.profiles.freebsd_offers import offers
from tw_reference.profiles.offers import EcnWays, Offers
from tw_reference.profiles.profile import IdleLimit, Settings, StackTraits, WindowOffered
from tw_reference.segment import Packet
from tw_reference.state import State

_RECVSPACE = 65536
"""net.inet.tcp.recvspace, octets."""
_MINMSS = 216
"""net.inet.tcp.minmss, octets: a peer's MSS counts as no less."""


def _whole_segments(mss: int) -> int:
    """The receive buffer (octets): net.inet.tcp.recvspace, rounded up to whole segments."""
    return -(-_RECVSPACE // mss) * mss


def _idle_limit(settings: Settings) -> IdleLimit:
    """What the 2MSL timer allows an orphan (``tcp_timer.c``, tcp_timer_2msl())."""
    interval = settings["keepintvl"] * MILLISECOND
    return IdleLimit(longest=settings["keepcnt"] * interval, again=interval)


def _raised(offered: WindowOffered) -> bool:
    """What is no newer than the last may only raise the window (tcp_input.c, tcp_do_segment(),
    step6)."""
    if offered.by_seq != 0:
        return offered.by_seq > 0
    return offered.by_ack > 0 or (offered.by_ack == 0 and offered.window > offered.current)


def _with_old_header(own: Packet, answered: Packet) -> Packet:
    """tcp_subr.c of 10.4 and 13, tcp_respond(): the header of what it answers, of which IPv4's TTL
    is V_ip_defttl, and IPv6's ip6_flow is cleared."""
    if own.flow.is_ipv6:
        return replace(own, tos=0, flow_label=0)
    return replace(own, tos=answered.tos, ttl=TRAITS_10.ttl)


def without_label(own: Packet, answered: Packet) -> Packet:
    """tcp_subr.c of 14, tcp_respond(): TOS and TTL of the connection, and no label of IPv6."""
    return replace(own, flow_label=0)


ECN_OF_ESTABLISHED = EcnWays(
    hears_all=True,
    heeds_ece=False,
    only_established=True,
    challenges_tell=False,
    resets_tell=False,
)

TRAITS_10 = StackTraits(
    receive_window=lambda mss: 65535,
    reopens_window=True,
    # tcp_input.c, tcp_mss(): the buffer is rounded up to whole segments; tcp_do_segment():
    # RCV.WND is all its space.
    room=_whole_segments,
    least_mss=_MINMSS,  # tcp_input.c, tcp_mss_update()
    scaled_window=_whole_segments,
    # tcp_subr.c, tcp_newtcpcb(); tcp_usrreq.c, tcp_connect(): sb_max is 2 MiB.
    window_scale=6,
    scale_first=True,  # tcp_output.c, tcp_addoptions()
    keeps_ttl=True,
    # net.inet6.ip6.auto_flowlabel; tcp_syncache.c, sc_flowlabel; tcp_timewait.c,
    # tcp_twrespond(), tcpip_fillheaders().
    labels_flows=True,
    # uipc_socket.c, sorflush(); tcp_input.c, tcp_do_segment(), SBS_CANTRCVMORE.
    shutdown_discards=True,
    aligns_scaled_window=False,
    offers=offers,
    # tcp_output.c of 10, TF_REQ_SCALE, TF_REQ_TSTMP, which nobody takes back.
    repeats=Offers(timestamps=True, scaling=True),
    # tcp_usrreq.c, tcp_usrclosed(); tcp_output.c, TF_NEEDFIN.
    closes_early=True,
    # tcp_usrreq.c, tcp_disconnect(): before ESTABLISHED tcp_close().
    gives_up_opening=True,
    # tcp_input.c, tcp_dropwithreset(): with the tcpcb.
    respond=_with_old_header,
    resets_respond=True,
    # tcp_output.c, V_tcp_ecn_maxretries.
    ecn_tries=2,
    # tcp_input.c of 10, tcp_do_segment(), TF_ECN_PERMIT; tcp_output.c, TCPS_ESTABLISHED;
    # tcp_subr.c, tcp_drop().  CWR stands in the next segment of any kind, which is not ruled.
    ecn=ECN_OF_ESTABLISHED,
    # tcp_subr.c, tcp_respond(): the segment's header, of which IPv6's ip6_flow is cleared.
    reset_tos_mask=0xFF,
    delayed_ack=100 * MILLISECOND,  # tcp_timer.h, TCPTV_DELACK
    first_rto=3 * SECOND,
    least_rto=230 * MILLISECOND,
    # tcp_input.c, tcp_compute_initwnd(), cc_conn_init(); cc_newreno.c, V_tcp_abc_l_var.
    congestion=CongestionWays(
        initial=lambda mss: min(10 * mss, max(2 * mss, 14600)),
        most_an_ack=2,
        sure_until=0,
        fin_passes=None,
    ),
    # tcp_usrreq.c, tcp_disconnect(): what was not read is thrown away, and a FIN sent.
    resets_unread=False,
    # uipc_socket.c, sosend_generic(): not SS_ISCONNECTED.
    sent_too_early="ENOTCONN",
    # tcp_input.c, tcp_input(): without a listener nobody looks into the syncache.
    half_open_needs_listener=True,
    scales_requests=False,  # tcp_syncache.c, sc_wnd
    # tcp_input.c, tcp_do_segment(): so_error.
    reset_errors={State.SYN_SENT: "ECONNREFUSED", State.SYN_RECEIVED: "ECONNREFUSED"},
    error_name=error_name,
    fin_wait_2_timeout=lambda settings, linger2, rto: settings["finwait2_timeout"] * MILLISECOND,
    idle_limit=_idle_limit,
    takes_window=_raised,
)
