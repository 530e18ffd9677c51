"""TIME-WAIT as the RFCs have it: RFC 9293, with each SHOULD and MAY a switch.

All switches off is the plain RFC 793 reading.  Where two RFCs disagree the newer, RFC 9293,
decides and a switch gives the other reading.
"""

from __future__ import annotations

from tw_reference.clock import MILLISECOND, SECOND
from tw_reference.profiles.common import CALLS, CLOSED
from tw_reference.profiles.offers import Offers
from tw_reference.profiles.profile import COUNT, POSITIVE, Profile, Setting, StackTraits
from tw_reference.profiles.steps import steps
from tw_reference.reaping import TimerEach
from tw_reference.rules import stages
from tw_reference.rules.actions import (
    AckLimitAction,
    BlockAction,
    ConnectAction,
    ConnectionErrorAction,
    EntryAction,
    ErrorAction,
    OrphanAction,
    UnconnectedAction,
)
from tw_reference.rules.condition import ALWAYS, Condition, all_of, any_of, atom
from tw_reference.rules.questions import AckDue, SegmentArrives, TimeWaitBlock
from tw_reference.rules.rule import RuleMaker
from tw_reference.rules.vocabulary import (
    ACCEPTABLE,
    ACK,
    EMPTY,
    FIN,
    FIN_AGAIN,
    NEW_TEXT,
    OPENING,
    QUEUE_FULL,
    QUOTES_IN_FLIGHT,
    RST,
    SEQ_ABOVE,
    SEQ_IS_RCV_NXT,
    SEQ_NOT_ABOVE,
    SYN,
    TIMESTAMPS,
    TIMESTAMPS_IN_USE,
    TOO_BIG,
    TSVAL_ABOVE,
    TSVAL_BELOW,
    TSVAL_SAME,
    icmp,
    setting,
)
from tw_reference.seqnum import distance

rule = RuleMaker("rfc9293").rule


@atom("SND.NXT - 65535 =< SEG.ACK =< SND.NXT")
def ACK_IN_RANGE(q: SegmentArrives) -> bool:
    # SND.UNA is SND.NXT here; MAX.SND.WND is taken for the largest without scaling.
    return -0xFFFF <= distance(q.segment.ack, q.tcb.snd_nxt) <= 0


@atom("less than challenge_interval has passed since the last challenge ACK")
def CHALLENGED_JUST_NOW(q: AckDue) -> bool:
    last = q.tcb.last_ack
    return last is not None and q.now - last < q.settings["challenge_interval"] * MILLISECOND


@atom("less than 500 ms have passed since the last challenge ACK")
def CHALLENGED_LATELY(q: AckDue) -> bool:
    last = q.tcb.last_ack
    return last is not None and q.now - last < 500 * MILLISECOND


@atom("the connection is in TIME-WAIT")
def IN_TIME_WAIT(q: AckDue) -> bool:
    return isinstance(q.tcb, TimeWaitBlock)


_SEQ_BEYOND: Condition[SegmentArrives] = any_of(
    SEQ_ABOVE,
    all_of(SEQ_IS_RCV_NXT, setting("rfc6191_literal", 1)),
)
_MEETS_6191: Condition[SegmentArrives] = any_of(
    all_of(TIMESTAMPS_IN_USE, TSVAL_ABOVE),
    all_of(TIMESTAMPS_IN_USE, TSVAL_SAME, _SEQ_BEYOND),
    all_of(~TIMESTAMPS_IN_USE, TIMESTAMPS),
    all_of(~TIMESTAMPS, _SEQ_BEYOND),
)
_REOPENS: Condition[SegmentArrives] = any_of(
    all_of(setting("rfc6191_timestamps", 1), _MEETS_6191),
    all_of(setting("rfc6191_timestamps", 0), SEQ_ABOVE),
)
_PLAIN_SYN = all_of(SYN, ~ACK, ~RST, ~FIN)
# Lists are tables: a rule takes two or three lines, of which the formatter would make ten.
# fmt: off

ENTRY = stages.ENTRY.list(
    rule("entry", ALWAYS, EntryAction.ENTER,
         "A connection that was closed actively lingers for 2MSL.",
         "RFC 9293 section 3.6.1 (MUST-13)"),
)

ORPHAN = stages.ORPHAN.list(
    rule("orphan", ALWAYS, OrphanAction.WAIT,
         "FIN-WAIT-2 has no time-out.",
         "RFC 9293 section 3.10.7.4"),
)

SEGMENT = stages.TIME_WAIT.list(
    rule("syn-reopen",
         all_of(_PLAIN_SYN, setting("rfc6191", 1), _REOPENS), BlockAction.REOPEN_ABOVE,
         "A SYN that meets RFC 6191 opens a new incarnation, with an ISS above the "
         "old numbers.",
         "RFC 6191 section 2", "RFC 9293 section 3.6.1 (MAY-2, SHLD-4)"),
    rule("syn-silent",
         all_of(_PLAIN_SYN, setting("rfc6191", 1), setting("rfc6191_silent", 1)),
         BlockAction.DROP,
         "RFC 6191's own reading: any other SYN is silently dropped.",
         "RFC 6191 section 2"),
    rule("missing-timestamp",
         all_of(TIMESTAMPS_IN_USE, ~TIMESTAMPS, ~RST, setting("rfc7323_missing", 1)),
         BlockAction.DROP,
         "A segment without the negotiated Timestamps option is silently dropped.",
         "RFC 7323 section 3.2 (SHOULD)"),
    rule("paws",
         all_of(TIMESTAMPS_IN_USE, TSVAL_BELOW, ~RST, setting("paws", 1)),
         BlockAction.ACK_LIMITED,
         "A segment whose TSval is below TS.Recent is acknowledged and dropped.",
         "RFC 7323 section 5.3 R1"),
    rule("fin-again",
         all_of(FIN, FIN_AGAIN, ACK, ~RST, ~SYN), (BlockAction.RESTART, BlockAction.ACK),
         "The remote FIN again: acknowledge it, and restart the 2MSL time-out.",
         "RFC 9293 section 3.10.7.4, fifth, TIME-WAIT"),
    rule("unacceptable-rst", all_of(~ACCEPTABLE, RST), BlockAction.DROP,
         "An RST that is not acceptable is dropped.",
         "RFC 9293 section 3.10.7.4, first"),
    rule("unacceptable", ~ACCEPTABLE, BlockAction.ACK,
         "A segment that is not acceptable is answered <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>.",
         "RFC 9293 section 3.10.7.4, first"),
    rule("rst-1337", all_of(RST, setting("rfc1337", 1)), BlockAction.DROP,
         "With the fix F1 an RST is ignored in TIME-WAIT.",
         "RFC 1337 section 3"),
    rule("rst-left", all_of(RST, SEQ_NOT_ABOVE, ~SEQ_IS_RCV_NXT), BlockAction.DROP,
         "An RST whose SEG.SEQ is left of the window is dropped, though its end lie in it.",
         "RFC 9293 section 3.5.3", "RFC 9293 section 3.10.7.4, second"),
    rule("rst-challenge",
         all_of(RST, ~SEQ_IS_RCV_NXT, setting("rfc5961_rst", 1)), BlockAction.ACK_LIMITED,
         "An RST in the window but not at RCV.NXT is answered by a challenge ACK.",
         "RFC 5961 section 3.2", "RFC 9293 section 3.10.7.4, second"),
    rule("rst", RST, (BlockAction.DELETE, BlockAction.DROP),
         "An RST deletes the TCB: CLOSED.",
         "RFC 9293 section 3.10.7.4, second"),
    rule("syn-challenge", all_of(SYN, setting("rfc5961_syn", 1)), BlockAction.ACK_LIMITED,
         "Any other SYN is answered by a challenge ACK, whatever its sequence number.",
         "RFC 5961 section 4.2", "RFC 9293 section 3.10.7.4, fourth"),
    rule("syn-error", SYN, (BlockAction.DELETE, BlockAction.RST),
         "A SYN in the window is an error: reset, CLOSED.",
         "RFC 793 page 71", "RFC 9293 section 3.10.7.4, fourth"),
    rule("no-ack", ~ACK, BlockAction.DROP,
         "A segment without ACK is dropped.",
         "RFC 9293 section 3.10.7.4, fifth"),
    rule("ack-range", all_of(~ACK_IN_RANGE, setting("rfc5961_ack", 1)), BlockAction.ACK_LIMITED,
         "An ACK outside SND.UNA - MAX.SND.WND to SND.NXT is discarded, and an ACK sent back.",
         "RFC 5961 section 5.2", "RFC 9293 section 3.10.7.4, fifth (MAY-12)"),
    rule("fin", FIN, (BlockAction.RESTART, BlockAction.ACK),
         "A FIN in TIME-WAIT is acknowledged and restarts the 2MSL time-out.",
         "RFC 9293 section 3.10.7.4, fifth and eighth"),
    rule("literal", setting("literal", 1), (BlockAction.RESTART, BlockAction.ACK),
         "To the letter, whatever arrives is taken for the FIN again: an ACK too is answered.",
         "RFC 9293 section 3.10.7.4, fifth, TIME-WAIT"),
    rule("ignore", ALWAYS, BlockAction.DROP,
         "Urgent pointer and segment text are ignored.",
         "RFC 9293 section 3.10.7.4, sixth and seventh"),
)

ICMP = stages.ICMP.list(
    rule("icmp-source-quench", icmp("source-quench"), ErrorAction.DROP,
         "Source Quench is silently discarded.",
         "RFC 9293 section 3.9.2.2 (MUST-55)", "RFC 6633 section 4"),
    rule("icmp-too-big",
         all_of(icmp("fragmentation-needed", "packet-too-big"), setting("pmtud", 1)),
         ErrorAction.DROP,
         "With Path MTU Discovery a packet that was too big is no reason to abort.",
         "RFC 1191 section 3", "RFC 8201 section 4"),
    rule("icmp-not-in-flight", setting("rfc5927", 1), ErrorAction.DROP,
         "SND.UNA =< SEG.SEQ < SND.NXT must hold for the SEG.SEQ quoted; TIME-WAIT "
         "has nothing in flight.",
         "RFC 5927 section 4.1"),
    rule("icmp-hard",
         all_of(icmp("protocol-unreachable", "port-unreachable", "fragmentation-needed"),
                setting("icmp_hard", 1)),
         ErrorAction.DELETE,
         "A hard error aborts the connection: the TCB is deleted, and nothing is sent.",
         "RFC 9293 section 3.9.2.2 (SHLD-26)"),
    rule("icmp-soft", ALWAYS, ErrorAction.DROP,
         "A soft error must not abort the connection.",
         "RFC 9293 section 3.9.2.2 (MUST-56)"),
)

ERRORS = stages.ICMP_CONNECTION.list(
    rule("icmp-quench-connection", icmp("source-quench"), ConnectionErrorAction.DROP,
         "Source Quench is silently discarded.",
         "RFC 9293 section 3.9.2.2 (MUST-55)", "RFC 6633 section 4"),
    rule("icmp-unsent", all_of(setting("rfc5927", 1), ~QUOTES_IN_FLIGHT),
         ConnectionErrorAction.DROP,
         "SND.UNA =< SEG.SEQ < SND.NXT must hold for the SEG.SEQ quoted.",
         "RFC 5927 section 4.1"),
    rule("icmp-hard-connection",
         all_of(icmp("protocol-unreachable", "port-unreachable"), setting("icmp_hard", 1),
                any_of(OPENING, setting("rfc5927", 0))),
         ConnectionErrorAction.CLOSE,
         "A hard error aborts the connection, by RFC 5927 only before it is synchronized.",
         "RFC 9293 section 3.9.2.2 (SHLD-26)", "RFC 5927 section 5.2"),
    rule("icmp-soft-connection", ~TOO_BIG, ConnectionErrorAction.DROP,
         "A soft error must not abort the connection.",
         "RFC 9293 section 3.9.2.2 (MUST-56)"),
    rule("icmp-not-ruled", ALWAYS, ConnectionErrorAction.NOT_RULED,
         "What is too big for the path is sent again in smaller segments, which is not ruled.",
         "RFC 1191 section 3", "RFC 8201 section 4"),
)

ACKNOWLEDGE = stages.ACK_LIMIT.list(
    rule("challenge-throttle", CHALLENGED_JUST_NOW, AckLimitAction.SUPPRESS,
         "Challenge ACKs are throttled.",
         "RFC 5961 section 7 (SHOULD)"),
    rule("challenge-war", all_of(EMPTY, ~IN_TIME_WAIT, CHALLENGED_LATELY), AckLimitAction.SUPPRESS,
         "Two ends that accept nothing of each other would acknowledge each other for ever.",
         "RFC 5961 section 7 (SHOULD)"),
    rule("challenge-send", ALWAYS, AckLimitAction.SEND_AND_STAMP,
         "Otherwise they are sent.",
         "RFC 5961 section 7"),
)

LISTEN = stages.LISTEN.list(
    rule("listen-rst", RST, UnconnectedAction.DROP,
         "A listener ignores an RST.",
         "RFC 9293 section 3.10.7.2, first"),
    rule("listen-ack", ACK, UnconnectedAction.RST,
         "Any acknowledgment is bad in LISTEN: <SEQ=SEG.ACK><CTL=RST>.",
         "RFC 9293 section 3.10.7.2, second"),
    rule("listen-full", all_of(SYN, QUEUE_FULL), UnconnectedAction.DROP,
         "A SYN that finds no room is dropped.",
         "RFC 9293 section 3.10.7.2, third"),
    rule("listen-syn", SYN, UnconnectedAction.SYN_RECEIVED,
         "A SYN is answered; a FIN beside it is queued for later and here ignored.",
         "RFC 9293 section 3.10.7.2, third"),
    rule("listen-other", ALWAYS, UnconnectedAction.DROP,
         "Anything else is dropped.",
         "RFC 9293 section 3.10.7.2, fourth"),
)

CONNECT = stages.CONNECT.list(
    rule("connect", ALWAYS, ConnectAction.EXISTS,
         "OPEN on a pair of sockets in TIME-WAIT: «connection already exists».",
         "RFC 9293 section 3.10.1"),
)
# fmt: on

RFC_9293 = Profile(
    name="rfc9293",
    title="RFC 9293 with RFC 5961, RFC 6191 and RFC 7323",
    settings={
        "msl": Setting(120000, "MSL, milliseconds.", "RFC 9293 section 3.4.2", ruled=POSITIVE),
        "timestamps": Setting(1, "Use timestamps where the peer asks.", "RFC 7323 section 3.2"),
        "rfc1337": Setting(
            0, "Fix F1: ignore RST in TIME-WAIT.", "RFC 1337 section 3 (advice)", level="MAY"
        ),
        "rfc5961_rst": Setting(
            1, "TIME-WAIT challenges an RST.", "RFC 5961 section 3.2 (SHOULD)", level="SHOULD"
        ),
        "rfc5961_rst_before": Setting(
            1, "And so do the states before.", "RFC 5961 section 3.2 (SHOULD)", level="SHOULD"
        ),
        "rfc5961_syn": Setting(
            1, "TIME-WAIT challenges a SYN.", "RFC 5961 section 4.2 (SHOULD)", level="SHOULD"
        ),
        "rfc5961_syn_before": Setting(
            1, "And so do the states before.", "RFC 5961 section 4.2 (SHOULD)", level="SHOULD"
        ),
        "rfc5961_ack": Setting(1, "Range of acceptable SEG.ACK.", "RFC 9293 MAY-12", level="MAY"),
        "rfc6191": Setting(
            1, "Reopen on a SYN.", "RFC 9293 MAY-2 and SHLD-4, RFC 6191 section 2", level="SHOULD"
        ),
        "rfc6191_literal": Setting(
            0,
            "The FIN's own number counts as the last one seen, so a SYN at RCV.NXT is new.",
            "RFC 6191 section 2; every known stack demands more",
            level="MAY",
        ),
        "rfc6191_silent": Setting(
            0,
            "A SYN that fails is dropped in silence, not challenged.",
            "RFC 6191 section 2; RFC 9293 section 3.10.7.4 challenges",
            level="MAY",
        ),
        "rfc6191_timestamps": Setting(
            1,
            "Where there are timestamps they decide; without it the sequence number does, alone.",
            "RFC 9293 SHLD-4, RFC 6191 section 2; RFC 9293 MAY-2 alone",
            level="SHOULD",
        ),
        "half_duplex": Setting(
            1,
            "CLOSE ends reading too: text that is new is reset then.",
            "RFC 9293 section 3.6.1 (MAY-1, SHLD-3)",
            level="MAY",
        ),
        "rfc7323_missing": Setting(
            1,
            "Drop segments without the negotiated option.",
            "RFC 7323 section 3.2 (SHOULD)",
            level="SHOULD",
        ),
        "paws": Setting(1, "Acknowledge and drop old TSvals.", "RFC 7323 section 5.3 R1"),
        "literal": Setting(
            0,
            "Acknowledge and restart for whatever arrives, to the letter.",
            "RFC 9293 section 3.10.7.4, fifth",
            level="MAY",
        ),
        "icmp_hard": Setting(
            1, "Hard ICMP errors abort.", "RFC 9293 section 3.9.2.2 (SHLD-26)", level="SHOULD"
        ),
        "rfc5927": Setting(
            0,
            "Heed ICMP errors only about what is in flight.",
            "RFC 5927 section 4.1 (advice)",
            level="MAY",
        ),
        "pmtud": Setting(
            1,
            "Path MTU Discovery takes what says that a packet was too big.",
            "RFC 1191 section 3",
            level="MAY",
        ),
        "challenge_interval": Setting(
            0,
            "Milliseconds between challenge ACKs; 0: no throttle.",
            "RFC 5961 section 7",
            level="MAY",
            ruled=COUNT,
        ),
    },
    msl=120 * SECOND,
    lateness=lambda settings: 10 * MILLISECOND,
    traits=StackTraits(
        receive_window=lambda mss: 65535,
        reopens_window=True,
        aligns_scaled_window=False,
        # RFC 9293 section 3.2 and RFC 7323 section 1.3 want two; RFC 2018 section 2 allows one.
        offers=lambda settings, wanted: Offers(
            wanted.timestamps and bool(settings["timestamps"]), wanted.scaling, wanted.sack
        ),
        stamps_without_ts_recent=True,  # RFC 7323 section 3.2: in every segment but an RST
        first_rto=1 * SECOND,
        least_rto=1 * SECOND,
        rto_after_syns=3 * SECOND,
        # RFC 9293 section 3.10.4: CLOSE, which a process may still RECEIVE after (section 3.6), is
        # both close() and shutdown() for writing; behind a SEND it waits for ESTABLISHED.
        closes_half_open=lambda lets_go, waits: not waits,
        shutdown_ends_opening=("write", "both"),
        resets_unread=True,
    ),
    reaper=lambda clock, expire, settings: TimerEach(clock, expire),
    decisions=(
        *steps(
            "rfc9293",
            paws=setting("paws"),
            challenges_rst=setting("rfc5961_rst_before"),
            challenges_syn=setting("rfc5961_syn_before"),
            unreadable=all_of(NEW_TEXT, setting("half_duplex")),
        ),
        ORPHAN,
        ENTRY,
        SEGMENT,
        ICMP,
        ERRORS,
        ACKNOWLEDGE,
        LISTEN,
        CLOSED,
        CONNECT,
        CALLS,
    ),
)
