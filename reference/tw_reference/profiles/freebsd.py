"""FreeBSD's TIME-WAIT: ``sys/netinet/tcp_timewait.c`` with struct tcptw until 13, none since."""

from __future__ import annotations

from tw_reference import segment as tcp
from tw_reference.clock import MILLISECOND, SECOND
from tw_reference.profiles.common import CALLS, CLOSED
from tw_reference.profiles.profile import Manners, Profile, Setting
from tw_reference.reaping import FifoScan, TimerEach
from tw_reference.rules.questions import Bind, Connect, Entry, SegmentArrives
from tw_reference.rules.rule import Action, DecisionList, Rule, Stage, all_of, always, any_of, atom
from tw_reference.rules.vocabulary import (
    ACK,
    FIN,
    FIN_AGAIN,
    PAYLOAD,
    PEER_IS_LOCAL,
    QUEUE_FULL,
    RST,
    SEQ_ABOVE,
    SEQ_IS_RCV_NXT,
    SYN,
    TIMESTAMPS,
    TIMESTAMPS_IN_USE,
    setting,
)

_SLOW_TIMEOUT = 500 * MILLISECOND


@atom("the flags are exactly ACK")
def ONLY_ACK(q: SegmentArrives) -> bool:
    return q.segment.flags == tcp.ACK


@atom("SEG.ACK = SND.NXT")
def ACK_IS_SND_NXT(q: SegmentArrives) -> bool:
    return q.segment.ack == q.block.snd_nxt


@atom("maxtcptw blocks are in use")
def TABLE_FULL(q: Entry) -> bool:
    return q.blocks >= limit(dict(q.settings))


@atom("no block is in use")
def TABLE_EMPTY(q: Entry) -> bool:
    return q.blocks == 0


@atom("the new socket has SO_REUSEADDR or SO_REUSEPORT")
def NEW_REUSES(q: Bind) -> bool:
    return q.reuse_address or q.reuse_port


@atom("the port is to be chosen automatically")
def AUTOMATIC(q: Connect) -> bool:
    return q.automatic


def limit(settings: dict[str, int]) -> int:
    """Blocks that the table holds (``tcp_timewait.c:109-142``).

    0 for maxtcptw makes it half the ephemeral ports, at least 32, at most a fifth of maxsockets.
    """
    if settings["maxtcptw"] != 0:
        return settings["maxtcptw"]
    half = abs(settings["portrange_last"] - settings["portrange_first"]) // 2
    return min(max(half, 32), settings["maxsockets"] // 5)


ORPHAN = DecisionList(
    Stage.ORPHAN,
    (
        Rule(
            "freebsd.orphan-fast",
            setting("fast_finwait2_recycle", 1),
            (Action.WAIT_TIMEOUT,),
            "With fast_finwait2_recycle an orphan in FIN-WAIT-2 closes after finwait2_timeout.",
            ("tcp_timer.c, tcp_timer_2msl()", "tcp_input.c, tcp_do_segment(), TCPS_FIN_WAIT_1"),
        ),
        Rule(
            "freebsd.orphan",
            always(),
            (Action.WAIT_IDLE,),
            "After keepcnt * keepintvl, then every keepintvl, an orphan silent for longer closes.",
            ("tcp_timer.c, tcp_timer_2msl()", "tcp_timer.h, TP_MAXIDLE"),
        ),
    ),
)

ENTRY = DecisionList(
    Stage.ENTRY,
    (
        Rule(
            "freebsd.entry-local",
            all_of(setting("nolocaltimewait", 1), PEER_IS_LOCAL),
            (Action.CLOSE,),
            "With nolocaltimewait a local peer gets no TIME-WAIT, nor the ACK of its FIN.",
            ("tcp_timewait.c:210-228",),
        ),
        Rule(
            "freebsd.entry-full-empty",
            all_of(TABLE_FULL, TABLE_EMPTY),
            (Action.CLOSE,),
            "With no slot to be had and none to take, the connection closes without TIME-WAIT.",
            ("tcp_timewait.c:232-239",),
        ),
        Rule(
            "freebsd.entry-recycle",
            TABLE_FULL,
            (Action.RECYCLE_OLDEST, Action.ENTER_TIME_WAIT, Action.ACK_OWED),
            "With maxtcptw blocks in use the oldest one is closed and its slot used.",
            ("tcp_timewait.c:230-239",),
        ),
        Rule(
            "freebsd.entry",
            always(),
            (Action.ENTER_TIME_WAIT, Action.ACK_OWED),
            "The connection is compressed into a block that lives 2MSL and sends the ACK owed.",
            ("tcp_timewait.c:240-295",),
        ),
    ),
)

SEGMENT = DecisionList(
    Stage.TIME_WAIT,
    (
        Rule(
            "freebsd.rst-drop",
            RST,
            (Action.DROP,),
            "An RST is dropped wherever it lies: TIME-WAIT can't be assassinated.",
            ("tcp_timewait.c:380-386", "RFC 1337 section 3"),
        ),
        Rule(
            "freebsd.syn-reopen",
            all_of(SYN, SEQ_ABOVE),
            (Action.REOPEN,),
            "A SYN above RCV.NXT ends the old incarnation and is looked up again in LISTEN.",
            ("tcp_timewait.c:405-414", "RFC 9293 section 3.6.1"),
        ),
        Rule(
            "freebsd.no-ack",
            ~ACK,
            (Action.DROP,),
            "A segment without ACK is dropped.",
            ("tcp_timewait.c:416-420", "RFC 9293 section 3.10.7.4"),
        ),
        Rule(
            "freebsd.fin-again",
            all_of(FIN, FIN_AGAIN),
            (Action.RESTART, Action.ACK),
            "The peer's FIN once more is acknowledged and restarts the 2MSL timer.",
            ("tcp_timewait.c:422-437", "RFC 9293 section 3.10.7.4"),
        ),
        Rule(
            "freebsd.ack",
            any_of(~ONLY_ACK, PAYLOAD, ~SEQ_IS_RCV_NXT, ~ACK_IS_SND_NXT),
            (Action.ACK,),
            "Whatever is not the exact duplicate ACK is acknowledged.",
            ("tcp_timewait.c:431-436",),
        ),
        Rule(
            "freebsd.duplicate-ack",
            always(),
            (Action.DROP,),
            "The exact duplicate ACK is dropped.",
            ("tcp_timewait.c:431-437",),
        ),
    ),
)

ICMP = DecisionList(
    Stage.ICMP,
    (
        Rule(
            "freebsd.icmp",
            always(),
            (Action.DROP,),
            "An ICMP error about a block, which INP_TIMEWAIT marks, is passed over.",
            ("tcp_subr.c, tcp_ctlinput(), INP_TIMEWAIT", "tcp_subr.c, tcp6_ctlinput()"),
        ),
    ),
)

LISTEN = DecisionList(
    Stage.LISTEN,
    (
        Rule(
            "freebsd.listen-rst",
            RST,
            (Action.DROP,),
            "A listener drops an RST.",
            ("tcp_input.c, tcp_input(), case TCPS_LISTEN", "RFC 9293 section 3.10.7.2"),
        ),
        Rule(
            "freebsd.listen-ack",
            ACK,
            (Action.RST,),
            "A listener answers an ACK that belongs to no handshake with <SEQ=SEG.ACK><CTL=RST>.",
            ("tcp_input.c, tcp_input(), case TCPS_LISTEN", "RFC 9293 section 3.10.7.2"),
        ),
        Rule(
            "freebsd.listen-no-syn",
            ~SYN,
            (Action.DROP,),
            "A listener drops what is no SYN.",
            ("tcp_input.c, tcp_input(), case TCPS_LISTEN", "RFC 9293 section 3.10.7.2"),
        ),
        Rule(
            "freebsd.listen-syn-fin",
            all_of(FIN, setting("drop_synfin", 1)),
            (Action.DROP,),
            "With drop_synfin a listener drops a SYN that has FIN.",
            ("tcp_input.c, tcp_input(), drop_synfin",),
        ),
        Rule(
            "freebsd.listen-full",
            QUEUE_FULL,
            (Action.DROP,),
            "With its queue full a listener drops the SYN.",
            ("tcp_input.c, tcp_input(), case TCPS_LISTEN",),
        ),
        Rule(
            "freebsd.listen-syn",
            always(),
            (Action.SYN_RECEIVED,),
            "A listener answers a SYN; the ISS comes from the syncache and is random.",
            ("tcp_syncache.c, syncache_add()", "RFC 9293 section 3.10.7.2"),
        ),
    ),
)

BIND = DecisionList(
    Stage.BIND,
    (
        Rule(
            "freebsd.bind-reuse",
            NEW_REUSES,
            (Action.ALLOW,),
            "With SO_REUSEADDR or SO_REUSEPORT a block, being connected, is not even looked at.",
            ("in_pcb.c, in_pcbbind_setup(), INPLOOKUP_WILDCARD",),
        ),
        Rule(
            "freebsd.bind-in-use",
            always(),
            (Action.EADDRINUSE,),
            "Without, a port in TIME-WAIT is in use.",
            ("in_pcb.c, in_pcbbind_setup(), INP_TIMEWAIT",),
        ),
    ),
)

CONNECT = DecisionList(
    Stage.CONNECT,
    (
        Rule(
            "freebsd.connect-automatic",
            AUTOMATIC,
            (Action.EADDRNOTAVAIL,),
            "A port in TIME-WAIT is never chosen automatically.",
            ("in_pcb.c, in_pcb_lport(); in_pcb_lport_dest() since 13",),
        ),
        Rule(
            "freebsd.connect",
            always(),
            (Action.EADDRINUSE,),
            "A 4-tuple in TIME-WAIT can't be connected again from this side.",
            ("in_pcb.c, in_pcbconnect_setup()",),
        ),
    ),
)

FREEBSD_10 = Profile(
    name="freebsd-10",
    title="FreeBSD 10 (2014): struct tcptw, RFC 1337 by default",
    settings={
        "msl": Setting(30000, "Maximum segment lifetime, milliseconds.", "net.inet.tcp.msl"),
        "timestamps": Setting(1, "Use timestamps where the peer asks.", "net.inet.tcp.rfc1323"),
        "nolocaltimewait": Setting(
            0, "No TIME-WAIT towards a local peer.", "tcp_timewait.c:148-152"
        ),
        "maxtcptw": Setting(
            0,
            "Blocks in the table; 0: half the ephemeral ports, at most maxsockets / 5.",
            "tcp_timewait.c:109-142",
            least=32,
        ),
        "maxsockets": Setting(204800, "Sockets of the whole system.", "kern.ipc.maxsockets"),
        "portrange_first": Setting(
            10000, "First ephemeral port.", "net.inet.ip.portrange.first, ipport_firstauto"
        ),
        "portrange_last": Setting(
            65535, "Last ephemeral port.", "net.inet.ip.portrange.last, ipport_lastauto"
        ),
        "drop_synfin": Setting(0, "A listener drops SYN with FIN.", "net.inet.tcp.drop_synfin"),
        "finwait2_timeout": Setting(
            60000, "FIN-WAIT-2 without a process, milliseconds.", "net.inet.tcp.finwait2_timeout"
        ),
        "fast_finwait2_recycle": Setting(
            0, "Apply finwait2_timeout to orphans.", "net.inet.tcp.fast_finwait2_recycle"
        ),
        "keepcnt": Setting(8, "Keepalive intervals in maxidle.", "net.inet.tcp.keepcnt"),
        "keepintvl": Setting(
            75000, "Between two keepalive probes, milliseconds.", "net.inet.tcp.keepintvl"
        ),
    },
    msl=30 * SECOND,
    lateness=lambda settings: _SLOW_TIMEOUT,
    manners=Manners(
        receive_window=lambda mss: 65535,
        reopens_window=True,
        aligns_scaled_window=False,
        acknowledges_before_entry=False,
        resets_early_fin=False,
        ecn=False,
        first_rto=3 * SECOND,
        least_rto=230 * MILLISECOND,
        # tcp_usrreq.c, tcp_disconnect(): what was not read is thrown away, and a FIN sent.
        resets_unread=False,
    ),
    reaper=lambda clock, expire, settings: FifoScan(clock, expire, period=_SLOW_TIMEOUT),
    decisions=(ORPHAN, ENTRY, SEGMENT, ICMP, LISTEN, CLOSED, BIND, CONNECT, CALLS),
)

FREEBSD_13 = FREEBSD_10.derive(
    "freebsd-13",
    "FreeBSD 13: struct tcptw, and a say about missing timestamps",
    SEGMENT.before(
        "freebsd.fin-again",
        Rule(
            "freebsd.missing-timestamp",
            all_of(TIMESTAMPS_IN_USE, ~TIMESTAMPS, setting("tolerate_missing_ts", 0)),
            (Action.DROP,),
            "Without tolerate_missing_ts a segment that lacks the option is dropped.",
            ("tcp_timewait.c of 13, tcp_twcheck()", "RFC 7323 section 3.2"),
        ),
    ),
    ENTRY.replacing(
        "freebsd.entry-local",
        Rule(
            "freebsd.entry-local",
            all_of(setting("nolocaltimewait", 1), PEER_IS_LOCAL),
            (Action.ACK_OWED, Action.CLOSE),
            "With nolocaltimewait a local peer gets the ACK of its FIN, but no TIME-WAIT.",
            ("tcp_timewait.c since r331322, tcp_twstart()",),
        ),
    ),
    settings={
        "tolerate_missing_ts": Setting(
            1,
            "Tolerate segments without the negotiated timestamps.",
            "net.inet.tcp.tolerate_missing_ts",
        )
    },
)


_NEW_SYN = Rule(
    "freebsd.syn-reopen",
    all_of(SYN, ~ACK, SEQ_ABOVE),
    (Action.REOPEN,),
    "A SYN without ACK above RCV.NXT ends the old incarnation and is looked up again in LISTEN.",
    ("tcp_timewait.c of 15, tcp_twcheck(), 2515552e6216", "RFC 9293 section 3.6.1"),
)
_SYN_FIN = Rule(
    "freebsd.syn-fin",
    all_of(SYN, FIN, setting("drop_synfin", 1)),
    (Action.DROP,),
    "With drop_synfin a SYN that has FIN is dropped before it can end TIME-WAIT.",
    ("tcp_timewait.c of 15, tcp_twcheck(), f8b5681094dd",),
)

FREEBSD_15 = FREEBSD_13.derive(
    "freebsd-15",
    "FreeBSD 15: no struct tcptw, the whole tcpcb stays",
    FREEBSD_13[Stage.TIME_WAIT].replacing("freebsd.syn-reopen", _SYN_FIN, _NEW_SYN),
    DecisionList(
        Stage.ENTRY,
        (
            Rule(
                "freebsd.entry-no-local",
                all_of(setting("nolocaltimewait", 1), PEER_IS_LOCAL),
                (Action.CLOSE,),
                "With nolocaltimewait a local peer gets the ACK of its FIN, but no TIME-WAIT.",
                ("tcp_timewait.c of 15, tcp_twstart()",),
            ),
            Rule(
                "freebsd.entry-local",
                PEER_IS_LOCAL,
                (Action.ENTER_FOR_LOCAL,),
                "Between two local ends TIME-WAIT lasts 2 msl_local.",
                ("tcp_timewait.c of 15, tcp_twstart(), msl_local",),
            ),
            Rule(
                "freebsd.entry",
                always(),
                (Action.ENTER_TIME_WAIT,),
                "The connection enters TIME-WAIT for 2MSL; there is no limit on their number.",
                ("tcp_timewait.c of 15, tcp_twstart(), 0d7445193abc",),
            ),
        ),
    ),
    DecisionList(
        Stage.ICMP,
        (
            Rule(
                "freebsd.icmp",
                always(),
                (Action.DROP,),
                "The SEQ that an ICMP error quotes must lie in [SND.UNA, SND.MAX), where TIME-WAIT "
                "has nothing.",
                ("tcp_subr.c of 15, tcp_ctlinput_with_port()", "RFC 5927 section 4.1"),
            ),
        ),
    ),
    settings={
        "msl_local": Setting(
            10, "MSL between two local ends, milliseconds.", "net.inet.tcp.msl_local"
        )
    },
    dropped_settings=("maxtcptw", "maxsockets", "portrange_first", "portrange_last"),
    lateness=lambda settings: 10 * MILLISECOND,
    reaper=lambda clock, expire, settings: TimerEach(clock, expire),
    manners=Manners(
        receive_window=lambda mss: 65535,
        reopens_window=True,
        aligns_scaled_window=False,
        acknowledges_before_entry=True,
        resets_early_fin=False,
        ecn=True,
        first_rto=1 * SECOND,
        least_rto=230 * MILLISECOND,
        # tcp_usrreq.c, tcp_disconnect(): what was not read is thrown away, and a FIN sent.
        resets_unread=False,
    ),
)
