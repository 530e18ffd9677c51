"""Linux's TIME-WAIT: ``net/ipv4/tcp_minisocks.c``, ``tcp_ipv4.c`` and ``tcp_input.c``.

The lists are functions of what changed between releases, ``linux_changes.py``, so that a profile
from 5.10 on is a version; 2.6.32, in a file of its own, states its few facts.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import replace

from tw_reference.clock import MILLISECOND, SECOND
from tw_reference.profiles.changes import Version
from tw_reference.profiles.common import CALLS, CLOSED
from tw_reference.profiles.linux_changes import Change, changes_until
from tw_reference.profiles.linux_errors import ERRORS, error_name
from tw_reference.profiles.linux_memory import free_space, memory_of
from tw_reference.profiles.linux_sending import CONGESTION, LEAST_MSS, half_window
from tw_reference.profiles.linux_settings import SETTINGS
from tw_reference.profiles.linux_signature import SIGNED, behind_signature
from tw_reference.profiles.linux_states import states
from tw_reference.profiles.linux_words import (
    BLOCK_STAMPED,
    BOTH_REUSE,
    BOTH_REUSE_PORT,
    BY_CLOSE,
    CHOSEN,
    ENDS_AFTER,
    ENDS_AT_NEXT,
    FIN_FOLLOWS,
    IN_FIN_WAIT_2,
    IN_WINDOW,
    LINGER2_NEGATIVE,
    LOOPBACK,
    NEW_TEXT_OR_FIN,
    PAWS_24DAYS,
    PAWS_WRAP,
    REOPENS,
    RETURNS_COOKIE,
    SAME_SECOND,
    SEQ_AFTER,
    SEQ_NOT_BEFORE,
    TABLE_FULL,
    TIMEWAIT_LEN,
    TOO_SOON,
    TSVAL_NEWER,
    WAITS_LONG,
    WAS_BOUND,
    YOUNG,
    paws_reject,
    three_and_a_half,
)
from tw_reference.profiles.offers import EcnWays, Offers
from tw_reference.profiles.profile import (
    Profile,
    Settings,
    StackTraits,
    WindowOffered,
    fits_whole,
)
from tw_reference.profiles.steps import steps
from tw_reference.reaping import TimerWheel, wheel_slot
from tw_reference.rules import stages
from tw_reference.rules.actions import (
    AckLimitAction,
    BindAction,
    BlockAction,
    ConnectAction,
    EntryAction,
    ErrorAction,
    OrphanAction,
    UnconnectedAction,
)
from tw_reference.rules.condition import ALWAYS, Condition, all_of, any_of
from tw_reference.rules.decision import AnyList, DecisionList
from tw_reference.rules.questions import Connect, SegmentArrives
from tw_reference.rules.rule import Rule, RuleMaker
from tw_reference.rules.vocabulary import (
    ACK,
    EMPTY,
    FIN,
    LISTENER,
    QUEUE_FULL,
    RST,
    SEQ_IS_RCV_NXT,
    SYN,
    setting,
)
from tw_reference.state import State

_MAKER = RuleMaker("linux")
rule, note = _MAKER.rule, _MAKER.note

_PAWS = paws_reject(PAWS_WRAP)
_PAWS_24DAYS = paws_reject(PAWS_24DAYS)
_FIN_TIMEOUT_MAX = 120 * SECOND

# Lists are tables: a rule takes two or three lines, of which the formatter would make ten.
# fmt: off

ORPHAN = stages.ORPHAN.list(
    rule("orphan-linger2-close",
         all_of(LINGER2_NEGATIVE, BY_CLOSE), OrphanAction.RESET_AND_CLOSE,
         "A negative TCP_LINGER2 leaves no FIN-WAIT-2: close() sends <CTL=RST,ACK>.",
         "tcp.c, __tcp_close(), TCPABORTONLINGER"),
    rule("orphan-linger2", LINGER2_NEGATIVE, OrphanAction.RESET_SEGMENT,
         "With a negative TCP_LINGER2 the ACK of the FIN is reset, and the connection is gone.",
         "tcp_input.c, tcp_rcv_state_process(), TCP_FIN_WAIT1, TCPABORTONDATA"),
    rule("orphan-long", WAITS_LONG, OrphanAction.COMPRESS_LATER,
         "Of a wait above 60 s only the excess is waited: on the full socket, then in a block.",
         "tcp.c, __tcp_close()", "tcp_timer.c, tcp_keepalive_timer()"),
    rule("orphan-fin", FIN_FOLLOWS, OrphanAction.RESET_LATER,
         "Where a FIN has come with the ACK, the full socket takes it, or resets the peer once the"
         " wait is over: an old FIN is none to take.",
         "tcp_input.c, tcp_rcv_state_process(), TCP_FIN_WAIT1",
         "tcp_timer.c, tcp_keepalive_timer()"),
    rule("orphan", ALWAYS, OrphanAction.COMPRESS,
         "An orphan waits for the FIN as a block, for TCP_LINGER2 or tcp_fin_timeout.",
         "tcp_minisocks.c, tcp_time_wait()", "include/net/tcp.h, tcp_fin_time()"),
)

ENTRY = stages.ENTRY.list(
    rule("entry-overflow", TABLE_FULL, EntryAction.CLOSE,
         "With tcp_max_tw_buckets blocks in use the connection is simply closed.",
         "tcp_minisocks.c, tcp_time_wait()", counts="TCPTimeWaitOverflow"),
    rule("entry", ALWAYS, EntryAction.ENTER,
         "The connection is compressed into a block that lives TCPTIMEWAIT_LEN, 60 s.",
         "tcp_minisocks.c, tcp_time_wait()"),
)


def fin_wait_2(paws: Condition[SegmentArrives]) -> DecisionList[SegmentArrives, BlockAction]:
    """What a FIN-WAIT-2 block answers, given the kernel's idea of PAWS."""
    return stages.FIN_WAIT_2_BLOCK.list(
        rule("fw2-unacceptable", any_of(paws, ~IN_WINDOW), BlockAction.ACK_LIMITED,
             "What fails PAWS or misses the window is acknowledged, an RST too.",
             "tcp_minisocks.c, tcp_timewait_state_process(), FIN_WAIT2"),
        rule("fw2-rst", RST, (BlockAction.DELETE, BlockAction.DROP),
             "An RST in the window ends the connection.",
             "tcp_minisocks.c, tcp_timewait_state_process(), FIN_WAIT2"),
        rule("fw2-syn", all_of(SYN, SEQ_NOT_BEFORE), (BlockAction.DELETE, BlockAction.RST),
             "A SYN in the window is reset and ends the connection.",
             "tcp_minisocks.c, tcp_timewait_state_process(), FIN_WAIT2"),
        rule("fw2-nothing-new", any_of(~ACK, ~ENDS_AFTER, EMPTY), BlockAction.DROP,
             "A segment without ACK, or with nothing new in it, is dropped.",
             "tcp_minisocks.c, tcp_timewait_state_process(), FIN_WAIT2"),
        rule("fw2-data", any_of(~FIN, ~ENDS_AT_NEXT), (BlockAction.DELETE, BlockAction.RST),
             "New data has no reader left: it is reset and ends the connection.",
             "tcp_minisocks.c, tcp_timewait_state_process(), FIN_WAIT2"),
        rule("fw2-fin",
             ALWAYS, (BlockAction.ENTER_TIME_WAIT, BlockAction.UPDATE_TS, BlockAction.ACK),
             "The peer's FIN is acknowledged and starts TIME-WAIT.",
             "tcp_minisocks.c, tcp_timewait_state_process(), FIN_WAIT2"),
    )


def time_wait(
    paws: Condition[SegmentArrives], *, own_counter: bool = False
) -> DecisionList[SegmentArrives, BlockAction]:
    """What a TIME-WAIT block answers, given the kernel's idea of PAWS, and whether what fails it
    has a counter of its own there."""
    counted = "tcp_minisocks.c, tcp_timewait_state_process(), paws_reject"
    beyond: Condition[SegmentArrives] = any_of(SEQ_AFTER, TSVAL_NEWER)
    new_syn: Condition[SegmentArrives] = all_of(SYN, ~RST, ~ACK, ~paws, beyond)
    return stages.TIME_WAIT.list(
        note("paws-count", paws, (),
             "A segment that fails PAWS is counted.", counted, counts="PAWSTimewait")
        if own_counter else
        note("paws-count-established", paws, (),
             "A segment that fails PAWS is counted as one in ESTABLISHED.", counted,
             counts="PAWSEstab"),
        rule("rst-kill",
             all_of(RST, SEQ_IS_RCV_NXT, ~paws, setting("rfc1337", 0)),
             (BlockAction.DELETE, BlockAction.DROP),
             "An RST at exactly RCV.NXT ends TIME-WAIT silently unless tcp_rfc1337 is set.",
             "tcp_minisocks.c, tcp_timewait_state_process(), sysctl_tcp_rfc1337"),
        rule("rst-1337",
             all_of(RST, SEQ_IS_RCV_NXT, ~paws), (BlockAction.UPDATE_TS, BlockAction.DROP),
             "With tcp_rfc1337 an RST at RCV.NXT is dropped; the timer runs on.",
             "tcp_minisocks.c, tcp_timewait_state_process()", "RFC 1337 section 3"),
        rule("bare-ack",
             all_of(SEQ_IS_RCV_NXT, EMPTY, ~paws),
             (BlockAction.RESTART, BlockAction.UPDATE_TS, BlockAction.DROP),
             "An empty segment at RCV.NXT silently restarts the timer, whatever its SEG.ACK.",
             "tcp_minisocks.c, tcp_timewait_state_process()"),
        rule("syn-reopen", all_of(new_syn, LISTENER), BlockAction.REOPEN_ABOVE,
             "A SYN after RCV.NXT, or with a newer TSval, opens a new incarnation.",
             "tcp_minisocks.c, tcp_timewait_state_process(), TCP_TW_SYN",
             "RFC 9293 section 3.6.1"),
        rule("syn-no-listener", new_syn, BlockAction.ACK,
             "With no listener left the new SYN is acknowledged and the block stays.",
             "tcp_ipv4.c, tcp_v4_rcv(), TCP_TW_SYN falls through to TCP_TW_ACK"),
        rule("rst-drop", RST, BlockAction.DROP,
             "An RST anywhere else, or one that fails PAWS, is dropped.",
             "tcp_minisocks.c, tcp_timewait_state_process()"),
        rule("ack-restart", any_of(ACK, paws), (BlockAction.RESTART, BlockAction.ACK_LIMITED),
             "Whatever has ACK or fails PAWS restarts the timer and is acknowledged.",
             "tcp_minisocks.c, tcp_timewait_state_process()"),
        rule("ack", ALWAYS, BlockAction.ACK_LIMITED,
             "Whatever is left is acknowledged; the timer runs on.",
             "tcp_minisocks.c, tcp_timewait_state_process()"),
    )


_LIMIT = (
    rule("oow-suppress", TOO_SOON, AckLimitAction.SUPPRESS,
         "Within tcp_invalid_ratelimit (500 ms) of the last such ACK it is not sent.",
         "tcp_input.c, tcp_oow_rate_limited()", "RFC 5961 section 7"),
    rule("oow-send", ALWAYS, AckLimitAction.SEND_AND_STAMP,
         "Otherwise it is sent, and the limit starts anew.",
         "tcp_input.c, tcp_oow_rate_limited()"),
)
ACKNOWLEDGE = stages.ACK_LIMIT.list(
    rule("oow-exempt", all_of(~EMPTY, ~SYN), AckLimitAction.SEND,
         "A segment with data or FIN and no SYN can't be part of an ACK loop: no limit.",
         "tcp_input.c, tcp_oow_rate_limited()"),
    *_LIMIT,
)
CHALLENGE = stages.CHALLENGE_LIMIT.list(*_LIMIT)

ICMP = stages.ICMP.list(
    rule("icmp", ALWAYS, ErrorAction.DROP,
         "An ICMP error about a timewait minisock, FIN-WAIT-2 or TIME-WAIT, is ignored.",
         "tcp_ipv4.c, tcp_v4_err()", "tcp_ipv6.c, tcp_v6_err()"),
)

_WANT_COOKIE = ("tcp_input.c, tcp_conn_request(), want_cookie", "RFC 4987 section 3.6")
LISTEN = stages.LISTEN.list(
    rule("listen-signed", SIGNED, UnconnectedAction.DROP,
         "A listener drops what is signed, where nobody knows the key.",
         "tcp_ipv4.c, tcp_v4_rcv()", "tcp.c, tcp_inbound_md5_hash()"),
    rule("listen-rst", RST, UnconnectedAction.DROP,
         "A listener drops an RST.",
         "tcp_input.c, tcp_rcv_state_process(), TCP_LISTEN", "RFC 9293 section 3.10.7.2"),
    rule("listen-cookie-ack", all_of(ACK, ~SYN, RETURNS_COOKIE), UnconnectedAction.OPEN_BY_COOKIE,
         "An ACK that brings back a cookie opens the connection that nothing was kept of.",
         "syncookies.c, cookie_v4_check()", "tcp_ipv6.c, tcp_v6_cookie_check()"),
    rule("listen-ack", ACK, UnconnectedAction.RST,
         "A listener answers an ACK that belongs to no handshake with <SEQ=SEG.ACK><CTL=RST>.",
         "tcp_input.c, tcp_rcv_state_process(), TCP_LISTEN", "RFC 9293 section 3.10.7.2"),
    rule("listen-no-plain-syn", any_of(~SYN, FIN), UnconnectedAction.DROP,
         "A listener drops what is no SYN, and a SYN that has FIN.",
         "tcp_input.c, tcp_rcv_state_process(), TCP_LISTEN"),
    rule("listen-full", QUEUE_FULL, UnconnectedAction.DROP,
         "With its accept queue full a listener drops the SYN.",
         "tcp_input.c, tcp_conn_request(), sk_acceptq_is_full()"),
    rule("listen-cookie", all_of(~REOPENS, setting("syncookies", 2)), UnconnectedAction.COOKIE,
         "With tcp_syncookies 2 the ISS is a cookie, unless TIME-WAIT chose one: nothing is kept,"
         " and without timestamps no option but MSS is taken up.",
         *_WANT_COOKIE),
    rule("listen-syn", ALWAYS, UnconnectedAction.SYN_RECEIVED,
         "A listener answers a SYN; the ISS is the one that TIME-WAIT chose, if it did.",
         "tcp_input.c, tcp_conn_request()", "RFC 9293 section 3.10.7.2"),
)

LISTEN_UNTIL_6_9 = LISTEN.replacing(
    "linux.listen-cookie",
    rule("listen-cookie-always", setting("syncookies", 2), UnconnectedAction.COOKIE,
         "With tcp_syncookies 2 the ISS is a cookie, where TIME-WAIT chose another, too.",
         *_WANT_COOKIE, "tcp_ipv4.c before 6.10, tcp_v4_fill_cb(), tcp_tw_isn"),
)

BIND = stages.BIND.list(
    rule("bind-reuse", BOTH_REUSE, BindAction.ALLOW,
         "A port in TIME-WAIT can be bound if the old socket and the new one have "
         "SO_REUSEADDR.",
         "inet_connection_sock.c, inet_csk_bind_conflict()"),
    rule("bind-reuse-port", BOTH_REUSE_PORT, BindAction.ALLOW,
         "So it can if both have SO_REUSEPORT, for processes of one user.",
         "inet_connection_sock.c, inet_bind_conflict()", "inet_timewait_sock.h, tw_reuseport"),
    rule("bind-in-use", ALWAYS, BindAction.EADDRINUSE,
         "Otherwise it is in use; SO_REUSEPORT on the new socket alone does not help.",
         "inet_connection_sock.c, inet_csk_bind_conflict()"),
)


def connect(too_young: Rule[Connect, ConnectAction]) -> DecisionList[Connect, ConnectAction]:
    """What connect() does, given the rule about a block that is too young to be reused."""
    return stages.CONNECT.list(
        rule("connect-no-timestamps", ~BLOCK_STAMPED, ConnectAction.EADDRNOTAVAIL,
             "Without timestamps a 4-tuple in TIME-WAIT can't be used again.",
             "tcp_ipv4.c, tcp_twsk_unique()"),
        rule("connect-chosen", CHOSEN, ConnectAction.CONNECT_ABOVE,
             "With timestamps a port chosen by bind() is reused at once, whatever "
             "tcp_tw_reuse.",
             "inet_hashtables.c, __inet_hash_connect()", "tcp_ipv4.c, tcp_twsk_unique()"),
        rule("connect-bound", WAS_BOUND, ConnectAction.EADDRNOTAVAIL,
             "An automatic port is never one that bind() chose for the old socket, "
             "whatever tcp_tw_reuse.",
             "inet_hashtables.c, __inet_hash_connect(), tb->fastreuse >= 0"),
        rule("connect-fin-wait-2", IN_FIN_WAIT_2, ConnectAction.EADDRNOTAVAIL,
             "An automatic port is never taken from a block in FIN-WAIT-2.",
             "tcp_ipv4.c, tcp_twsk_unique()"),
        rule("connect-no-reuse",
             any_of(setting("tw_reuse", 0), all_of(setting("tw_reuse", 2), ~LOOPBACK)),
             ConnectAction.EADDRNOTAVAIL,
             "tcp_tw_reuse 0 forbids the reuse of an automatic port, 2 allows it on loopback.",
             "tcp_ipv4.c, tcp_twsk_unique(), sysctl_tcp_tw_reuse"),
        too_young,
        rule("connect-reuse", ALWAYS, ConnectAction.CONNECT_ABOVE,
             "An automatic port is taken from the block.",
             "tcp_ipv4.c, tcp_twsk_unique()"),
    )

_TOO_YOUNG = rule("connect-too-young", YOUNG, ConnectAction.EADDRNOTAVAIL,
                  "A block must have some age before an automatic port is taken from it.",
                  "tcp_ipv4.c, tcp_twsk_unique()")
_SAME_SECOND = rule("connect-same-second", SAME_SECOND, ConnectAction.EADDRNOTAVAIL,
                    "In the second of the peer's last timestamp no port is taken automatically.",
                    "tcp_ipv4.c before 6.14, tcp_twsk_unique(), tw_ts_recent_stamp")


def _new_iss(reopen: Rule[SegmentArrives, BlockAction]) -> Rule[SegmentArrives, BlockAction]:
    return rule("syn-reopen-new-iss", reopen.when, BlockAction.REOPEN,
                "A SYN after RCV.NXT, or with a newer TSval, opens a new incarnation; its ISS is"
                " new.",
                "tcp_minisocks.c before 6.10, tcp_timewait_state_process()",
                "RFC 9293 section 3.6.1")

# fmt: on


def _dated(changes: Set[Change]) -> Iterator[AnyList]:
    """The lists that some change is seen in."""
    paws = _PAWS if Change.PAWS_WRAP in changes else _PAWS_24DAYS
    waiting = time_wait(paws, own_counter=Change.PAWS_TIMEWAIT in changes)
    if Change.ISS_ABOVE not in changes:
        reopen = "linux.syn-reopen"
        waiting = waiting.replacing(reopen, _new_iss(waiting.rule(reopen)))
        yield LISTEN_UNTIL_6_9
    yield fin_wait_2(paws)
    yield waiting
    yield connect(_TOO_YOUNG if Change.REUSE_DELAY in changes else _SAME_SECOND)
    yield from behind_signature(states(changes))


def _offers(settings: Settings, wanted: Offers) -> Offers:
    """tcp_output.c, tcp_syn_options(); tcp_ecn_send_syn(), tcp_ecn_create_request()."""
    return Offers(
        timestamps=wanted.timestamps and bool(settings["timestamps"]),
        scaling=wanted.scaling and bool(settings["window_scaling"]),
        sack=wanted.sack and bool(settings["sack"]),
        asks_ecn=wanted.asks_ecn and settings["ecn"] == 1,
        takes_ecn=wanted.asks_ecn and settings["ecn"] in (1, 2),
    )


def fin_time(settings: Settings, linger2: int | None, rto: int) -> int:
    """tcp_fin_time(): TCP_LINGER2, at most TCP_FIN_TIMEOUT_MAX, or tcp_fin_timeout; never below
    3.5 RTO."""
    wish = min((linger2 or 0) * SECOND, _FIN_TIMEOUT_MAX)
    return max(wish or settings["fin_timeout"] * SECOND, three_and_a_half(rto))


def raised(offered: WindowOffered) -> bool:
    """An older segment may only raise the window (tcp_input.c, tcp_may_update_window())."""
    newer = offered.acknowledges or offered.by_seq > 0
    return newer or (offered.by_seq == 0 and offered.window > offered.current)


def _raised_or_shut(offered: WindowOffered) -> bool:
    """The same since 6.6."""
    return raised(offered) or (offered.by_seq == 0 and offered.window == 0)


_ECN = EcnWays(refuses_marked_syn=True, quick_acks=2)

LINUX_6_18 = Profile(
    name="linux-6.18",
    title="Linux 6.18: the timewait minisock, a timer each",
    settings=SETTINGS,
    msl=TIMEWAIT_LEN // 2,
    lateness=lambda settings: (
        wheel_slot(60 * settings["hz"]) * SECOND // settings["hz"] + 50 * MILLISECOND
    ),
    traits=StackTraits(
        receive_window=lambda mss: 65535 // mss * mss,
        reopens_window=False,
        aligns_scaled_window=True,
        connected=ConnectAction.EADDRNOTAVAIL,
        # af_inet.c, inet_shutdown(), TCP_SYN_SENT: tcp_disconnect().
        shutdown_ends_opening=("read", "write", "both"),
        # stream.c, sk_stream_wait_connect().
        sent_too_early="EAGAIN",
        offers=_offers,
        first_rto=1 * SECOND,
        least_rto=200 * MILLISECOND,
        # tcp_metrics.c, tcp_init_metrics(), TCP_TIMEOUT_FALLBACK, where it remembers nothing of
        # the peer.
        rto_after_syns=3 * SECOND,
        congestion=CONGESTION,
        send_buffer=30_000,  # tcp_input.c, tcp_sndbuf_expand(), from 10 segments of 100 octets on
        resets_unread=True,
        # tcp.c, tcp_recvmsg_locked(), urg_offset, without SO_OOBINLINE; tcp_cleanup_rbuf().
        leaves_out_urgent=True,
        tells_repeats=True,  # net.ipv4.tcp_dsack
        acknowledges_reading=True,
        fin_wait_2_timeout=fin_time,
        keeps_first_window=True,
        # tcp_input.c, tcp_grow_window(), tcp_measure_rcv_mss(): truesize and scaling_ratio;
        # tcp_output.c, tcp_select_initial_window(): the scale.
        window_follows_memory=True,
        free_space=free_space(changes_until((6, 18))),
        buffer_of=memory_of,
        # tcp_output.c, __tcp_transmit_skb() since 4.20: PSH on each GSO packet; tcp_tso_segs().
        cuts_below=True,
        # tcp_ipv4.c, tcp_v4_rcv(), TCP_NEW_SYN_RECV: inet_csk_reqsk_queue_drop_and_put();
        # inet_connection_sock.c, reqsk_timer_handler().
        half_open_ends_with_listener=True,
        # tcp.c, tcp_abort(), TCP_NEW_SYN_RECV: inet_csk_reqsk_queue_drop().
        drops_requests=True,
        # tcp_output.c, tcp_send_synack(), tcp_syn_options(): the SYN goes out again, with ACK.
        repeats=Offers(timestamps=True, scaling=True, sack=True),
        keeps_syn_timer=True,
        closes_half_open=lambda lets_go, waits: lets_go,  # tcp.c, tcp_close_state(), TCP_SYN_RECV
        most_text=half_window,
        least_mss=LEAST_MSS,
        # tcp_ipv4.c, tcp_v4_send_ack(); tcp_ipv6.c, tcp_v6_send_response(): if (tsecr).
        requests_stamp_zero=False,
        # tcp_input.c, tcp_reset(); tcp.c, tcp_recvmsg_locked(): SOCK_DONE before sk_err.
        reset_errors={State.SYN_SENT: "ECONNREFUSED", State.CLOSE_WAIT: "EPIPE"},
        end_before_error=True,
        error_name=error_name,
        ts_recent_lasts=PAWS_WRAP,
        takes_window=_raised_or_shut,
        cuts_first=False,  # tcp_input.c, tcp_ack(): TCP_SKB_CB(skb)->seq
        # tcp_output.c, tcp_snd_wnd_test(), tcp_write_wakeup(), tcp_xmit_probe_skb().
        fits=fits_whole,
        probes_with_text=False,
        probes_tail=True,  # tcp_output.c, tcp_schedule_loss_probe(), since 3.10
        pushes_part=True,
        keeps_to_window=True,  # tcp_output.c, tcp_acceptable_seq()
        delayed_ack=40 * MILLISECOND,
        tick=lambda settings: SECOND // settings["hz"],
        # tcp_input.c, tcp_data_ecn_check(), tcp_ecn_accept_cwr().
        ecn=_ECN,
        # tcp_ipv4.c, tcp_v4_send_reset(): the segment's own; ip_send_unicast_reply(): without ECN.
        reset_tos_mask=0xFC,
        reset_tos_mask_ipv6=0xFC,
        # net.ipv6.auto_flowlabels; tcp_ipv6.c, tcp_v6_timewait_ack(), tw_txhash, and
        # tcp_v6_send_reset().
        labels_flows=True,
        labels_resets=True,
        # tcp_ipv4.c, tcp_v4_timewait_ack(), TCP_TW_ACK_OOW.
        keeps_ect=True,
    ),
    reaper=lambda clock, expire, settings: TimerWheel(clock, expire, hz=settings["hz"]),
    decisions=(
        ORPHAN,
        ENTRY,
        ICMP,
        ERRORS,
        ACKNOWLEDGE,
        CHALLENGE,
        LISTEN,
        CLOSED,
        BIND,
        CALLS,
        *_dated(changes_until((6, 18))),
    ),
    assumed=steps("assumed", unreadable=NEW_TEXT_OR_FIN),
)


def _before(newer: Profile, version: Version, title: str) -> Profile:
    """An older release: without the changes that came after it."""
    changes = changes_until(version)
    delay = Change.REUSE_DELAY in changes
    lasts = PAWS_WRAP if Change.PAWS_WRAP in changes else PAWS_24DAYS
    return newer.derive(
        f"linux-{'.'.join(map(str, version))}",
        title,
        *_dated(changes),
        dropped_settings=() if delay else ("tw_reuse_delay",),
        traits=replace(
            newer.traits,
            ts_recent_lasts=lasts,
            takes_window=_raised_or_shut if Change.CLOSED_WINDOW in changes else raised,
            keeps_ect=Change.KEEPS_ECT in changes,
            free_space=free_space(changes),
            # tcp_output.c, tcp_cwnd_test(): seen of 6.1 and 6.18.
            congestion=CONGESTION._replace(fin_passes=version <= (6, 1) or None),
            ecn=_ECN._replace(minds_any_cwr=Change.CWR_WITH_ECN not in changes),
        ),
    )


LINUX_6_14 = _before(LINUX_6_18, (6, 14), "Linux 6.14: the age of a block in milliseconds")
LINUX_6_12 = _before(LINUX_6_14, (6, 12), "Linux 6.12: an ISS above the old numbers again")
LINUX_6_1 = _before(LINUX_6_12, (6, 1), "Linux 6.1: an ordinary ISS for a reopened connection")
LINUX_5_15 = _before(LINUX_6_1, (5, 15), "Linux 5.15: as 6.1")
LINUX_5_10 = _before(LINUX_5_15, (5, 10), "Linux 5.10: as 5.15")
