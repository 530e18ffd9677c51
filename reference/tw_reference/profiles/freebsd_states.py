"""What FreeBSD does with a segment that finds a whole connection, from ESTABLISHED to LAST-ACK.

One function decides for all states, ``tcp_input.c``, tcp_do_segment(), and hands each segment
through the same steps; so each list below is made of the same rules in that order.  It is read as
of 13 and 14, and of 10 where that knows nothing of RFC 5961 yet.  SYN-SENT and SYN-RECEIVED are in
``freebsd_opening.py``.  That an ACK is due (TF_ACKNOW) is noted where that function notes it; any
segment that tcp_output() sends carries it, and until then it stays due.

Known to be otherwise there, and not told apart here: blocks of SACK that tell something new are
passed over; a first FIN has duplicate ACKs counted anew; with ECN the third duplicate ACK and the
time-out have the next new text say CWR, and what 10 makes of ECE is not modelled.
"""

from __future__ import annotations

from collections.abc import Set

from tw_reference.profiles.common import ConnectionRule
from tw_reference.profiles.freebsd_changes import Change
from tw_reference.profiles.freebsd_opening import opening
from tw_reference.profiles.freebsd_steps import (
    DO_SEGMENT,
    MISSING_TIMESTAMP,
    NO_ACK,
    NOTE_TIMESTAMP,
    OLD_TIMESTAMP,
    PAWS,
    SYN_FIN,
    SYN_IN_WINDOW,
    Rules,
    blind_rst,
    blind_syn,
    note,
    old_rst,
    rule,
)
from tw_reference.profiles.freebsd_words import (
    ACK_ABOVE_SND_NXT,
    ACK_IS_DUE,
    ACK_IS_DUE_UNTIL_12,
    ACK_PUT_OFF,
    ALL_OLD,
    BEYOND_WINDOW,
    DUPLICATE_ACK,
    DUPLICATE_ACK_UNTIL_13_0,
    FEW_DUPLICATES,
    FIRST_FIN,
    GHOST_ACK,
    HAS_GAP,
    NOTHING_NEW,
    ONE_SEGMENT,
    PREDICTED,
    REDUCED,
    SEQ_BELOW,
    TEXT_KEPT,
    TWO_DUPLICATES,
)
from tw_reference.rules import stages
from tw_reference.rules.actions import ConnectionAction as Do
from tw_reference.rules.condition import ALWAYS, Condition, all_of, any_of
from tw_reference.rules.decision import AnyList
from tw_reference.rules.questions import SegmentOnConnection
from tw_reference.rules.vocabulary import (
    ACK,
    EMPTY,
    FIN_ACKED,
    FIN_NEXT,
    HELD,
    PAYLOAD,
    SACK_IN_USE,
    SEQ_NOT_ABOVE,
    setting,
)

# Lists are tables: a rule takes two or three lines, of which the formatter would make ten.
# fmt: off

_AFTER_CLOSE = rule("conn-after-close", all_of(~HELD, TEXT_KEPT), (Do.RST, Do.CLOSE),
                    "New text after close() is reset, and the connection is gone.",
                    f"{DO_SEGMENT}, SS_NOFDREF", "RFC 1122 section 4.2.2.13")
_GHOST = rule("conn-ghost-ack", all_of(GHOST_ACK, setting("insecure_ack", 0)), Do.CHALLENGE,
              "A SEG.ACK that can't be on its way any more, or is older than the ISS, is"
              " challenged, unless insecure_ack is set.",
              f"{DO_SEGMENT} of 15, ghost_ack_check", "RFC 5961 section 5.2")

# -- TF_ACKNOW: what it takes for an ACK to be due ------------------------------------------------

_OLD_IN_PART: Condition[SegmentOnConnection] = all_of(SEQ_BELOW, SACK_IN_USE)
_REDUCED = note("conn-due-cwr", REDUCED, Do.NEED_ACK,
                "With ECN in use an ACK is due for what has CWR, whatever becomes of it.",
                f"{DO_SEGMENT} of 13, TF_ACKNOW", "tcp_ecn.c of 14, tcp_ecn_input_segment()")
_OLD = note("conn-due-old", ALL_OLD, Do.NEED_ACK,
            "An ACK is due for what is all old.", f"{DO_SEGMENT}, TF_ACKNOW")
_OLD_SACKED = note("conn-due-old-sack", any_of(ALL_OLD, _OLD_IN_PART), Do.NEED_ACK,
                   "An ACK is due for what is all old, and with SACK for what is in part.",
                   f"{DO_SEGMENT} of 13, TF_ACKNOW, tcp_update_sack_list()", "RFC 2883 section 4")


def _due(changes: Set[Change]) -> Condition[SegmentOnConnection]:
    return ACK_IS_DUE if Change.ACKS_AT_ONCE in changes else ACK_IS_DUE_UNTIL_12


def _era(changes: Set[Change]) -> str:
    """The end of the name of a rule that asks whether an ACK is due."""
    return "" if Change.ACKS_AT_ONCE in changes else "-until-12"


# -- The steps before the text --------------------------------------------------------------------

def _check(
    acknowledge: Do,
    changes: Set[Change],
    *,
    established: bool = False,
    closed: bool = True,
    fin_taken: bool = False,
) -> Rules:
    """The steps before the ACK field; ``acknowledge`` is how tcp_output() sends the ACK.
    ``closed``: our side may be; ``fin_taken``: the peer's FIN was taken."""
    of_10, at_once = Change.BLIND not in changes, Change.ACKS_AT_ONCE in changes
    after_close = closed and not (fin_taken and Change.CLOSED_UNTIL_FIN in changes)
    resets = old_rst(established=established) if of_10 else (*blind_rst(), *blind_syn(changes))
    ends = "-fin" if acknowledge is Do.ACK_WITH_FIN else ""
    again = " with the FIN again" if ends else ""
    return (
        *((SYN_FIN,) if Change.DROPS_SYN_FIN in changes else ()),
        *((_REDUCED,) if at_once else ()),
        *(() if of_10 else (MISSING_TIMESTAMP,)), *resets,
        rule(f"conn-paws-text{ends}", all_of(OLD_TIMESTAMP, PAYLOAD), acknowledge,
             f"Text that fails PAWS is acknowledged{again}; a FIN is no text.",
             DO_SEGMENT, "RFC 7323 section 5.3 R1"),
        PAWS,
        _OLD_SACKED if at_once else _OLD,
        *((_AFTER_CLOSE,) if after_close else ()),
        rule(f"conn-beyond{ends}", BEYOND_WINDOW, acknowledge,
             f"What lies right of the window is acknowledged{again}, and dropped.",
             f"{DO_SEGMENT}, dropafterack"),
        NOTE_TIMESTAMP,
        *((SYN_IN_WINDOW,) if of_10 else ()),
        rule(f"conn-no-ack-due{_era(changes)}{ends}", all_of(~ACK, _due(changes)), acknowledge,
             f"What has no ACK is dropped; an ACK that is due is sent{again}.",
             f"{DO_SEGMENT}, TF_ACKNOW, dropafterack"),
        NO_ACK,
        *((_GHOST,) if Change.GHOST_ACKS in changes else ()),
        rule(f"conn-ack-too-high{ends}", ACK_ABOVE_SND_NXT, acknowledge,
             f"An ACK of what was not sent is acknowledged{again}, and its segment dropped.",
             f"{DO_SEGMENT}, tcps_rcvacktoomuch, dropafterack"),
    )


_TAKE_ACK = note("conn-take-ack", ALWAYS, Do.TAKE_ACK,
                 "SND.UNA and SND.WND follow the segment, old text or not; SND.WND does so though"
                 " SEG.ACK is old.", f"{DO_SEGMENT}, step6")


def _duplicates(acknowledge: Do, changes: Set[Change], *, with_fin: bool = True) -> Rules:
    """Duplicate ACKs; ``with_fin``: a FIN with one is not looked at."""
    fin, which = ("-or-fin", "with or without FIN") if with_fin else ("", "without a new FIN")
    name, plain = "conn-duplicate-ack", DUPLICATE_ACK_UNTIL_13_0
    if Change.PLAIN_DUPLICATES in changes:
        name, plain = "conn-plain-duplicate-ack", DUPLICATE_ACK
    duplicate = plain if with_fin else all_of(plain, ~FIRST_FIN)
    ends, again = ("-fin", " with the FIN again") if acknowledge is Do.ACK_WITH_FIN else ("", "")
    answered = rule(
        f"{name}{fin}-due{ends}", all_of(duplicate, FEW_DUPLICATES, _due(changes)),
        (Do.COUNT_DUPLICATE, acknowledge),
        f"With the first two duplicate ACKs, {which}, an ACK that is due is sent{again}.",
        f"{DO_SEGMENT} of 14, V_tcp_do_rfc3042, TF_ACKNOW")
    return (
        *((answered,) if Change.DUPLICATES_ANSWERED in changes else ()),
        rule(f"{name}{fin}", all_of(duplicate, FEW_DUPLICATES), Do.COUNT_DUPLICATE,
             f"The first two duplicate ACKs, {which}, are dropped; an ACK that is due stays so.",
             f"{DO_SEGMENT}, V_tcp_do_rfc3042", "RFC 3042"),
        rule(f"{name}-third{fin}", all_of(duplicate, TWO_DUPLICATES),
             (Do.COUNT_DUPLICATE, Do.RESEND),
             "The third has the oldest segment on its way sent again.",
             f"{DO_SEGMENT}, tcprexmtthresh", "RFC 5681 section 3.2"),
    )


# -- Text and FIN ---------------------------------------------------------------------------------

_NOTHING = rule("conn-nothing-more", EMPTY, Do.DROP,
                "Nothing is left in the segment.", DO_SEGMENT)
_IGNORED = rule("conn-after-fin", ALWAYS, Do.DROP,
                "After the peer's FIN nothing right of RCV.NXT is taken or answered.",
                f"{DO_SEGMENT}, TCPS_HAVERCVDFIN()")


def _sends(name: str, when: Condition[SegmentOnConnection], acknowledge: Do) -> ConnectionRule:
    ends, again = ("-fin", " with the FIN again") if acknowledge is Do.ACK_WITH_FIN else ("", "")
    return rule(f"{name}{ends}", when, acknowledge,
                f"An ACK that is due is sent{again}; nothing else is left in the segment.",
                f"{DO_SEGMENT}, TF_ACKNOW", "tcp_output.c, tcp_outflags[]")


def _nothing_new(acknowledge: Do, changes: Set[Change], *, established: bool = False) -> Rules:
    due = all_of(NOTHING_NEW, _due(changes))
    if established and Change.DUPLICATES_ANSWERED not in changes:
        name = f"established-due{_era(changes)}"
        return (_sends(name, all_of(due, ~PREDICTED), acknowledge),)
    return (_sends(f"conn-due{_era(changes)}", due, acknowledge),)


def _after_fin(acknowledge: Do, changes: Set[Change]) -> Rules:
    name = f"conn-after-fin-due{_era(changes)}"
    return (_sends(name, _due(changes), acknowledge), _IGNORED)


_ACK_MAY_WAIT: Condition[SegmentOnConnection] = all_of(
    SEQ_NOT_ABOVE, ~HAS_GAP, ~ACK_PUT_OFF, ONE_SEGMENT)


def _text(acknowledge: Do, changes: Set[Change], *, established: bool = False) -> Rules:
    with_fin = acknowledge is Do.ACK_WITH_FIN
    delayed = Do.ACK_WITH_FIN_DELAYED if with_fin else Do.ACK_DELAYED
    ends, again = ("-fin", " with the FIN again") if with_fin else ("", "")
    due = _due(changes)
    name, at_once = ("established", all_of(due, ~PREDICTED)) if established else ("conn", due)
    return (
        _NOTHING,
        rule(f"{name}-text-delayed{_era(changes)}{ends}", all_of(_ACK_MAY_WAIT, ~at_once),
             (Do.TAKE_TEXT, delayed),
             f"The ACK of text in order waits{again} for net.inet.tcp.delacktime, unless another"
             " does, or is due.", f"{DO_SEGMENT}, DELAY_ACK()", "RFC 9293 section 3.8.6.3"),
        rule(f"conn-text{ends}", ALWAYS, (Do.TAKE_TEXT, acknowledge),
             f"Any other text is taken, or kept, and acknowledged{again}.",
             f"{DO_SEGMENT}, dodata", "tcp_reass.c, tcp_reass()"),
    )


# -- The lists ------------------------------------------------------------------------------------

def _established(changes: Set[Change]) -> AnyList:
    return stages.ESTABLISHED.list(
        *_check(Do.ACK, changes, established=True, closed=False),
        *_duplicates(Do.ACK, changes, with_fin=False), _TAKE_ACK,
        *_nothing_new(Do.ACK, changes, established=True),
        rule("established-fin", FIN_NEXT, (Do.TAKE_TEXT, Do.ENTER_CLOSE_WAIT, Do.ACK),
             "The peer's FIN is acknowledged at once: CLOSE-WAIT.",
             f"{DO_SEGMENT}, TF_ACKNOW", "RFC 9293 section 3.10.7.4"),
        *_text(Do.ACK, changes, established=True),
    )


def _fin_wait_1(changes: Set[Change]) -> AnyList:
    return stages.FIN_WAIT_1.list(
        *_check(Do.ACK_WITH_FIN, changes),
        *_duplicates(Do.ACK_WITH_FIN, changes, with_fin=False),
        _TAKE_ACK,
        rule("fin-wait-1-ack", FIN_ACKED, (Do.ENTER_FIN_WAIT_2, Do.CONTINUE),
             "The ACK of the FIN, in whatever segment: FIN-WAIT-2, where the rest is processed.",
             f"{DO_SEGMENT}, TCPS_FIN_WAIT_1", "RFC 9293 section 3.10.7.4"),
        *_nothing_new(Do.ACK_WITH_FIN, changes),
        rule("fin-wait-1-fin", FIN_NEXT, (Do.TAKE_TEXT, Do.ENTER_CLOSING, Do.ACK_WITH_FIN),
             "The FIN that crosses ours is acknowledged with ours again: CLOSING.",
             DO_SEGMENT, "tcp_output.c, tcp_outflags[TCPS_CLOSING]"),
        *_text(Do.ACK_WITH_FIN, changes),
    )


def _fin_wait_2(acknowledges_fin: Do, changes: Set[Change]) -> AnyList:
    source = f"{DO_SEGMENT}, TCPS_FIN_WAIT_2", "tcp_timewait.c, tcp_twstart()"
    at_once = rule("fin-wait-2-fin", FIN_NEXT, (Do.TAKE_TEXT, Do.ACK, Do.ENTER_TIME_WAIT),
                   "The peer's FIN is acknowledged: TIME-WAIT.", *source)
    owed = rule("fin-wait-2-fin-owed", FIN_NEXT, (Do.TAKE_TEXT, Do.OWE_ACK, Do.ENTER_TIME_WAIT),
                "The peer's FIN leads to TIME-WAIT, which sends the ACK owed.", *source)
    return stages.FIN_WAIT_2.list(
        *_check(Do.ACK, changes), _TAKE_ACK, *_nothing_new(Do.ACK, changes),
        at_once if acknowledges_fin is Do.ACK else owed,
        *_text(Do.ACK, changes),
    )


def _close_wait(changes: Set[Change]) -> AnyList:
    return stages.CLOSE_WAIT.list(
        *_check(Do.ACK, changes, closed=False), *_duplicates(Do.ACK, changes), _TAKE_ACK,
        *_after_fin(Do.ACK, changes),
    )


def _closing(acknowledges_fin: Do, changes: Set[Change]) -> AnyList:
    owed = _era(changes) + ("" if acknowledges_fin is Do.ACK else "-owed")
    source = f"{DO_SEGMENT}, TCPS_CLOSING"
    return stages.CLOSING.list(
        *_check(Do.ACK_WITH_FIN, changes, fin_taken=True),
        *_duplicates(Do.ACK_WITH_FIN, changes), _TAKE_ACK,
        rule(f"closing-ack-due{owed}", all_of(FIN_ACKED, _due(changes)),
             (acknowledges_fin, Do.ENTER_TIME_WAIT),
             "The ACK of our FIN leads to TIME-WAIT; an ACK that is due is sent.",
             source, "tcp_timewait.c, tcp_twstart(), TF_ACKNOW"),
        rule("closing-ack", FIN_ACKED, Do.ENTER_TIME_WAIT,
             "The ACK of our FIN leads to TIME-WAIT, in silence.",
             source, "RFC 9293 section 3.10.7.4"),
        *_after_fin(Do.ACK_WITH_FIN, changes),
    )


def _last_ack(changes: Set[Change]) -> AnyList:
    return stages.LAST_ACK.list(
        *_check(Do.ACK_WITH_FIN, changes, fin_taken=True),
        *_duplicates(Do.ACK_WITH_FIN, changes), _TAKE_ACK,
        rule("last-ack-ack", FIN_ACKED, Do.CLOSE,
             "The ACK of our FIN ends the connection, in silence.",
             f"{DO_SEGMENT}, TCPS_LAST_ACK", "RFC 9293 section 3.10.7.4"),
        *_after_fin(Do.ACK_WITH_FIN, changes),
    )


def freebsd_states(changes: Set[Change]) -> tuple[AnyList, ...]:
    """The lists of all states."""
    acknowledges_fin = Do.ACK if Change.ACKS_FIN in changes else Do.OWE_ACK
    return (
        *opening(acknowledges_fin, changes),
        _established(changes), _fin_wait_1(changes), _fin_wait_2(acknowledges_fin, changes),
        _close_wait(changes), _closing(acknowledges_fin, changes), _last_ack(changes),
    )
