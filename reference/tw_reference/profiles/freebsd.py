"""FreeBSD's TIME-WAIT: ``sys/netinet/tcp_timewait.c`` with struct tcptw until 13, none since."""

from __future__ import annotations

from dataclasses import replace

from tw_reference import segment as tcp
from tw_reference.clock import MILLISECOND, SECOND
from tw_reference.profiles.common import CALLS, CLOSED
from tw_reference.profiles.freebsd_changes import changes_until
from tw_reference.profiles.freebsd_errors import ERRORS, ERRORS_10
from tw_reference.profiles.freebsd_offers import offers_since_13, offers_since_14
from tw_reference.profiles.freebsd_settings import (
    SETTINGS_10,
    SETTINGS_13,
    SETTINGS_13_1,
    SETTINGS_14,
    SETTINGS_14_2,
    SETTINGS_15,
)
from tw_reference.profiles.freebsd_states import freebsd_states
from tw_reference.profiles.freebsd_traits import ECN_OF_ESTABLISHED, TRAITS_10, without_label
from tw_reference.profiles.freebsd_words import FEW_CHALLENGES, TS_RECENT_KNOWN, WINDOW_OVER
from tw_reference.profiles.offers import NOTHING, EcnWays
from tw_reference.profiles.profile import Profile, Settings
from tw_reference.profiles.steps import ASSUMED, steps
from tw_reference.reaping import FifoScan, TimerEach
from tw_reference.rules import stages
from tw_reference.rules.actions import (
    AckLimitAction,
    BindAction,
    BlockAction,
    ConnectAction,
    ConnectionAction,
    EntryAction,
    ErrorAction,
    OrphanAction,
    UnconnectedAction,
)
from tw_reference.rules.condition import ALWAYS, all_of, any_of, atom
from tw_reference.rules.questions import Bind, Connect, Entry, SegmentArrives
from tw_reference.rules.rule import Rule, RuleMaker
from tw_reference.rules.vocabulary import (
    ACK,
    ACK_IS_SND_NXT,
    FIN,
    FIN_AGAIN,
    PAYLOAD,
    QUEUE_FULL,
    RST,
    SEQ_ABOVE,
    SEQ_IS_RCV_NXT,
    SYN,
    TIMESTAMPS,
    setting,
)

rule = RuleMaker("freebsd").rule

_SLOW_TIMEOUT = 500 * MILLISECOND


@atom("timestamps are in use on the connection (t_recent)")
def T_RECENT_IN_USE(q: SegmentArrives) -> bool:
    return q.tcb.timestamps and q.tcb.ts_recent != 0


@atom("the flags are exactly ACK")
def ONLY_ACK(q: SegmentArrives) -> bool:
    return q.segment.flags == tcp.ACK


@atom("the flags are exactly ACK, and no reserved bit is set")
def ONLY_ACK_OF_TWELVE(q: SegmentArrives) -> bool:
    return q.segment.flags == tcp.ACK and not q.segment.reserved


@atom("the peer's address is local")
def PEER_IS_LOCAL(q: Entry) -> bool:
    return q.peer_is_local


@atom("the peer's address is local, or, of IPv6, on the link (in6_localaddr())")
def PEER_IS_NEAR(q: Entry) -> bool:
    return q.peer_is_local or (q.peer_is_on_link and q.block.flow.is_ipv6)


@atom("maxtcptw blocks are in use")
def TABLE_FULL(q: Entry) -> bool:
    return q.blocks >= limit(q.settings)


@atom("no block is in use")
def TABLE_EMPTY(q: Entry) -> bool:
    return q.blocks == 0


@atom("the new socket has SO_REUSEADDR or SO_REUSEPORT")
def NEW_REUSES(q: Bind) -> bool:
    return q.reuse_address or q.reuse_port


@atom("the port is to be chosen automatically")
def AUTOMATIC(q: Connect) -> bool:
    return q.automatic


def limit(settings: Settings) -> int:
    """Blocks that the table holds (``tcp_timewait.c:109-142``).

    0 for maxtcptw makes it half the ephemeral ports, at least 32, at most a fifth of maxsockets.
    """
    if settings["maxtcptw"] != 0:
        return settings["maxtcptw"]
    half = abs(settings["portrange_last"] - settings["portrange_first"]) // 2
    return min(max(half, 32), settings["maxsockets"] // 5)


# Lists are tables: a rule takes two or three lines, of which the formatter would make ten.
# fmt: off

ORPHAN = stages.ORPHAN.list(
    rule("orphan-fast", setting("fast_finwait2_recycle", 1), OrphanAction.CLOSE_LATER,
         "With fast_finwait2_recycle an orphan in FIN-WAIT-2 closes after finwait2_timeout.",
         "tcp_timer.c, tcp_timer_2msl()", "tcp_input.c, tcp_do_segment(), TCPS_FIN_WAIT_1"),
    rule("orphan", ALWAYS, OrphanAction.CLOSE_WHEN_IDLE,
         "After keepcnt * keepintvl, then every keepintvl, an orphan silent for longer closes.",
         "tcp_timer.c, tcp_timer_2msl()", "tcp_timer.h, TP_MAXIDLE"),
)

ENTRY = stages.ENTRY.list(
    rule("entry-local", all_of(PEER_IS_NEAR, setting("nolocaltimewait", 1)), EntryAction.CLOSE,
         "With nolocaltimewait a peer near by gets no TIME-WAIT, nor the ACK of its FIN.",
         "tcp_timewait.c:210-228", "in6.c, in6_localaddr()"),
    rule("entry-full-empty", all_of(TABLE_FULL, TABLE_EMPTY), EntryAction.CLOSE,
         "With no slot to be had and none to take, the connection closes without TIME-WAIT.",
         "tcp_timewait.c:232-239"),
    rule("entry-recycle",
         TABLE_FULL, (EntryAction.RECYCLE_OLDEST, EntryAction.ENTER, EntryAction.ACK_OWED),
         "With maxtcptw blocks in use the oldest one is closed and its slot used.",
         "tcp_timewait.c:230-239"),
    rule("entry", ALWAYS, (EntryAction.ENTER, EntryAction.ACK_OWED),
         "The connection is compressed into a block that lives 2MSL and sends the ACK owed.",
         "tcp_timewait.c:240-295"),
)

SEGMENT = stages.TIME_WAIT.list(
    rule("rst-drop", RST, BlockAction.DROP,
         "An RST is dropped wherever it lies: TIME-WAIT can't be assassinated.",
         "tcp_timewait.c:380-386", "RFC 1337 section 3"),
    rule("syn-reopen", all_of(SYN, SEQ_ABOVE), BlockAction.REOPEN,
         "A SYN above RCV.NXT ends the old incarnation and is looked up again in LISTEN.",
         "tcp_timewait.c:405-414", "RFC 9293 section 3.6.1"),
    rule("no-ack", ~ACK, BlockAction.DROP,
         "A segment without ACK is dropped.",
         "tcp_timewait.c:416-420", "RFC 9293 section 3.10.7.4"),
    rule("fin-again", all_of(FIN, FIN_AGAIN), (BlockAction.RESTART, BlockAction.ACK),
         "The peer's FIN once more is acknowledged and restarts the 2MSL timer.",
         "tcp_timewait.c:422-437", "RFC 9293 section 3.10.7.4"),
    rule("ack", any_of(~ONLY_ACK, PAYLOAD, ~SEQ_IS_RCV_NXT, ~ACK_IS_SND_NXT), BlockAction.ACK,
         "Whatever is not the exact duplicate ACK is acknowledged.",
         "tcp_timewait.c:431-436"),
    rule("duplicate-ack", ALWAYS, BlockAction.DROP,
         "The exact duplicate ACK is dropped.",
         "tcp_timewait.c:431-437"),
)

ICMP = stages.ICMP.list(
    rule("icmp", ALWAYS, ErrorAction.DROP,
         "An ICMP error about a block, which INP_TIMEWAIT marks, is passed over.",
         "tcp_subr.c, tcp_ctlinput(), INP_TIMEWAIT", "tcp_subr.c, tcp6_ctlinput()"),
)

LISTEN = stages.LISTEN.list(
    rule("listen-rst", RST, UnconnectedAction.DROP,
         "A listener drops an RST.",
         "tcp_input.c, tcp_input(), case TCPS_LISTEN", "RFC 9293 section 3.10.7.2"),
    rule("listen-ack", ACK, UnconnectedAction.RST,
         "A listener answers an ACK that belongs to no handshake with <SEQ=SEG.ACK><CTL=RST>.",
         "tcp_input.c, tcp_input(), case TCPS_LISTEN", "RFC 9293 section 3.10.7.2"),
    rule("listen-no-syn", ~SYN, UnconnectedAction.DROP,
         "A listener drops what is no SYN.",
         "tcp_input.c, tcp_input(), case TCPS_LISTEN", "RFC 9293 section 3.10.7.2"),
    rule("listen-syn-fin", all_of(FIN, setting("drop_synfin", 1)), UnconnectedAction.DROP,
         "With drop_synfin a listener drops a SYN that has FIN.",
         "tcp_input.c, tcp_input(), drop_synfin"),
    rule("listen-full", QUEUE_FULL, UnconnectedAction.DROP,
         "With its queue full a listener drops the SYN.",
         "tcp_input.c, tcp_input(), case TCPS_LISTEN"),
    rule("listen-syn", ALWAYS, UnconnectedAction.SYN_RECEIVED,
         "A listener answers a SYN; the ISS comes from the syncache and is random.",
         "tcp_syncache.c, syncache_add()", "RFC 9293 section 3.10.7.2"),
)

BIND = stages.BIND.list(
    rule("bind-reuse", NEW_REUSES, BindAction.ALLOW,
         "With SO_REUSEADDR or SO_REUSEPORT a block, being connected, is not even looked at.",
         "in_pcb.c, in_pcbbind_setup(), INPLOOKUP_WILDCARD"),
    rule("bind-in-use", ALWAYS, BindAction.EADDRINUSE,
         "Without, a port in TIME-WAIT is in use.",
         "in_pcb.c, in_pcbbind_setup(), INP_TIMEWAIT"),
)

CONNECT = stages.CONNECT.list(
    rule("connect-automatic", AUTOMATIC, ConnectAction.EADDRNOTAVAIL,
         "A port in TIME-WAIT is never chosen automatically.",
         "in_pcb.c, in_pcb_lport(); in_pcb_lport_dest() since 13"),
    rule("connect", ALWAYS, ConnectAction.EADDRINUSE,
         "A 4-tuple in TIME-WAIT can't be connected again from this side.",
         "in_pcb.c, in_pcbconnect_setup()"),
)
CHALLENGES = stages.CHALLENGE_LIMIT.list(
    rule("challenge-unlimited", any_of(setting("ack_war_timewindow", 0), setting("ack_war_cnt", 0)),
         AckLimitAction.SEND,
         "Without a time window, or a count, every challenge ACK is sent.",
         "tcp_subr.c of 14.3, tcp_send_challenge_ack()"),
    rule("challenge-first", WINDOW_OVER, AckLimitAction.SEND_AND_COUNT_ANEW,
         "The first challenge ACK is sent, and opens a window of ack_war_timewindow.",
         "tcp_subr.c of 14.3, tcp_send_challenge_ack()", "RFC 5961 section 7"),
    rule("challenge-few", FEW_CHALLENGES, AckLimitAction.SEND_AND_COUNT,
         "Up to ack_war_cnt are sent in it.",
         "tcp_subr.c of 14.3, tcp_send_challenge_ack()", "RFC 5961 section 7"),
    rule("challenge-many", ALWAYS, AckLimitAction.SUPPRESS,
         "More are not.", "tcp_subr.c of 14.3, tcp_send_challenge_ack()", "RFC 5961 section 7"),
)
# fmt: on


FREEBSD_10 = Profile(
    name="freebsd-10",
    title="FreeBSD 10 (2014): struct tcptw, RFC 1337 by default",
    settings=SETTINGS_10,
    msl=30 * SECOND,
    lateness=lambda settings: _SLOW_TIMEOUT,
    traits=TRAITS_10,
    reaper=lambda clock, expire, settings: FifoScan(clock, expire, period=_SLOW_TIMEOUT),
    decisions=(
        *freebsd_states(changes_until((10, 4))),
        *(ORPHAN, ENTRY, SEGMENT, ICMP, ERRORS_10, LISTEN, CLOSED, BIND, CONNECT, CALLS),
    ),
    assumed=steps("assumed", acknowledges_fin=ConnectionAction.OWE_ACK),
)

# fmt: off

FREEBSD_13_0 = FREEBSD_10.derive(
    "freebsd-13.0",
    "FreeBSD 13.0: struct tcptw, and no segment without timestamps where they are in use",
    SEGMENT.before(
        "freebsd.fin-again",
        rule("missing-timestamp",
             all_of(T_RECENT_IN_USE, ~TIMESTAMPS, setting("tolerate_missing_ts", 0)),
             BlockAction.DROP,
             "Without tolerate_missing_ts a segment that lacks the option is dropped.",
             "tcp_timewait.c of 13, tcp_twcheck()", "RFC 7323 section 3.2"),
    ),
    ENTRY.replacing(
        "freebsd.entry-local",
        rule("entry-local-acked",
             all_of(PEER_IS_NEAR, setting("nolocaltimewait", 1)),
             (EntryAction.ACK_OWED, EntryAction.CLOSE),
             "With nolocaltimewait a peer near by gets the ACK of its FIN, but no TIME-WAIT.",
             "tcp_timewait.c since r331322, tcp_twstart()", "in6.c, in6_localaddr()"),
    ),
    *freebsd_states(changes_until((13, 0))),
    ERRORS,
    settings=SETTINGS_13,
    # tcp_timewait.c of 12 (r336937), tcp_twstart(): recwin.  tcp_output.c: roundup2(recwin);
    # tcp_subr.c, tcp_respond(): sbspace(), cut off.
    traits=replace(
        FREEBSD_10.traits,
        offers=offers_since_13,
        # tcp_input.c of 13, tcp_do_segment(), TCPS_SYN_SENT.
        repeats=NOTHING,
        # tcp_output.c of 12: «If a RST segment is sent».
        resets_with_window=False,
        first_rto=1 * SECOND,  # tcp_timer.h of 13, TCPTV_RTOBASE
        window_on_entry=max,
        rounds_scaled_window=True,
        # tcp_reass.c of 12, tcp_reass_replace(): a FIN alone has no octet to be kept by.
        loses_covered_fin=True,
        # tcp_output.c of 13.0, TCPS_ESTABLISHED; tcp_subr.c, tcp_respond(), tcp_drop().
        ecn=ECN_OF_ESTABLISHED._replace(heeds_ece=True, takes_up_crossed=True),
        # tcp_subr.c, tcp_respond(), which stops no timer; tcp_timer.c, tcp_timer_delack().
        challenges_beside=True,
    ),
)

FREEBSD_13 = FREEBSD_13_0.derive(
    "freebsd-13",
    "FreeBSD 13.1 and later: timestamps may be missing, and ECN lasts as long as the connection",
    *freebsd_states(changes_until((13, 5))),
    settings=SETTINGS_13_1,
    # tcp_output.c of 13.1, TCPS_HAVEESTABLISHED().
    traits=replace(
        FREEBSD_13_0.traits,
        ecn=EcnWays(
            hears_all=True, takes_up_crossed=True, challenges_tell=False, resets_tell=False
        ),
    ),
)

# fmt: off

_SYN_FIN: Rule[SegmentArrives, BlockAction] = rule(
    "syn-fin", all_of(SYN, FIN, setting("drop_synfin", 1)), BlockAction.DROP,
    "With drop_synfin a SYN that has FIN is dropped before it can end TIME-WAIT.",
    "tcp_timewait.c of 14, tcp_twcheck(), f8b5681094dd")
_SYN_REOPEN = rule(
    "syn-reopen-no-ack", all_of(SYN, ~ACK, SEQ_ABOVE), BlockAction.REOPEN,
    "A SYN without ACK above RCV.NXT ends the old incarnation and is looked up again in LISTEN.",
    "tcp_timewait.c of 14, tcp_twcheck(), 2515552e6216", "RFC 9293 section 3.6.1")
_ACK_OF_TWELVE = rule(
    "ack-of-twelve-bits",
    any_of(~ONLY_ACK_OF_TWELVE, PAYLOAD, ~SEQ_IS_RCV_NXT, ~ACK_IS_SND_NXT), BlockAction.ACK,
    "Whatever is not the exact duplicate ACK is acknowledged; a reserved bit makes it another.",
    "tcp_timewait.c of 14, tcp_twcheck()", "tcp_var.h of 14, tcp_get_flags()")
_MISSING_OF_TCPCB: Rule[SegmentArrives, BlockAction] = rule(
    "missing-timestamp-tcpcb",
    all_of(TS_RECENT_KNOWN, ~TIMESTAMPS, setting("tolerate_missing_ts", 0)), BlockAction.DROP,
    "Without tolerate_missing_ts a segment that lacks the option is dropped, where one had it,"
    " agreed upon or not.",
    "tcp_timewait.c of 14, tcp_twcheck(), tp->ts_recent", "RFC 7323 section 3.2")
_ENTRY = rule(
    "entry-tcpcb", ALWAYS, EntryAction.ENTER,
    "The connection enters TIME-WAIT for 2MSL; there is no limit on their number.",
    "tcp_timewait.c of 14, tcp_twstart(), 0d7445193abc")

FREEBSD_14_0 = FREEBSD_13.derive(
    "freebsd-14.0",
    "FreeBSD 14.0 and 14.1: no struct tcptw, the whole tcpcb stays; none towards a local peer",
    FREEBSD_13[stages.TIME_WAIT]
        .replacing("freebsd.syn-reopen", _SYN_FIN, _SYN_REOPEN)
        .replacing("freebsd.missing-timestamp", _MISSING_OF_TCPCB)
        .replacing("freebsd.ack", _ACK_OF_TWELVE),
    stages.ENTRY.list(
        rule("entry-near", all_of(PEER_IS_NEAR, setting("nolocaltimewait", 1)), EntryAction.CLOSE,
             "With nolocaltimewait a peer near by is acknowledged, and gets no TIME-WAIT.",
             "tcp_timewait.c of 14, tcp_twstart()", "in6.c, in6_localaddr()"),
        _ENTRY,
    ),
    stages.ICMP.list(
        rule("icmp-not-in-flight", ALWAYS, ErrorAction.DROP,
             "The SEQ that an ICMP error quotes must lie in [SND.UNA, SND.MAX), "
             "where TIME-WAIT has nothing.",
             "tcp_subr.c of 14, tcp_ctlinput_with_port()", "RFC 5927 section 4.1"),
    ),
    *freebsd_states(changes_until((14, 0))),
    settings=SETTINGS_14,
    dropped_settings=("maxtcptw", "maxsockets", "portrange_first", "portrange_last"),
    lateness=lambda settings: 10 * MILLISECOND,
    reaper=lambda clock, expire, settings: TimerEach(clock, expire),
    assumed=ASSUMED,
    traits=replace(
        FREEBSD_13.traits,
        offers=offers_since_14,
        stamps_without_ts_recent=True,
        delayed_ack=40 * MILLISECOND,  # tcp_timer.h of 14, TCPTV_DELACK
        # tcp_subr.c of 14, tcp_respond(): sbspace(), cut off by the shift.
        window_on_entry=lambda room, offered: room,
        # tcp_subr.c of 14, tcp_respond(): ip6_flow is 0.
        keeps_label=False,
        # tcp_subr.c of 14, tcp_respond(): tcp_ecn_output_established(), ip_tos.
        ecn=EcnWays(
            hears_all=True, takes_up_crossed=True, resets_tell=False, time_wait_tells=True
        ),
        reset_tos_mask=0,
        respond=without_label,
    ),
)

FREEBSD_14 = FREEBSD_14_0.derive(
    "freebsd-14",
    "FreeBSD 14.2 and later: challenge ACKs are counted, and asked for by ghost ACKs too",
    CHALLENGES,
    *freebsd_states(changes_until((14, 3))),
    settings=SETTINGS_14_2,
)

FREEBSD_15 = FREEBSD_14.derive(
    "freebsd-15",
    "FreeBSD 15: TIME-WAIT towards a local peer again, but a brief one",
    stages.ENTRY.list(
        rule("entry-no-local",
             all_of(setting("nolocaltimewait", 1), PEER_IS_LOCAL), EntryAction.CLOSE,
             "With nolocaltimewait a local peer gets the ACK of its FIN, but no TIME-WAIT.",
             "tcp_timewait.c of 15, tcp_twstart(), 49eabd405f66"),
        rule("entry-local-briefly", PEER_IS_LOCAL, EntryAction.ENTER_BRIEFLY,
             "Between two local ends TIME-WAIT lasts 2 msl_local.",
             "tcp_timewait.c of 15, tcp_twstart(), msl_local"),
        _ENTRY,
    ),
    *freebsd_states(changes_until((15, 0))),
    settings=SETTINGS_15,
    traits=replace(
        FREEBSD_14.traits,
        short_lifetime=lambda settings, rto: 2 * settings["msl_local"] * MILLISECOND,
    ),
)
