"""What Linux does with a segment that finds a whole connection, up to LAST-ACK.

One function decides for all synchronized states, ``tcp_input.c``, tcp_rcv_state_process(), and
hands each segment through the same steps; so each list below is made of the same rules in that
order, and adds its own where the function has a case for its state.  What changed between
versions is an argument.
"""

from __future__ import annotations

from collections.abc import Set

from tw_reference.profiles.common import ConnectionRule
from tw_reference.profiles.linux_changes import Change
from tw_reference.profiles.linux_opening import RECEIVED_ACK, SYN_SENT, request
from tw_reference.profiles.linux_state_words import (
    ACK_OLD,
    ACK_TOO_OLD,
    ACK_UNSENT,
    ACKED_AT_ONCE,
    ACKED_AT_ONCE_6_5,
    AE,
    ALL_OLD,
    AT_SACK_EDGE,
    CWR_NOW,
    DISORDERED,
    DISORDERED_6_5,
    ENDS_BEFORE,
    EXPECTED_TEXT,
    FILLED,
    FIN_IN_ORDER,
    FULL_SEGMENT_WAITS,
    GAP_ACKS_WAIT,
    HEARD_TEXT,
    IN_ORDER,
    KEEPS_WINDOW,
    MEMORY_DECIDES,
    OLD_TEXT,
    PAWS_FAILS,
    PREDICTED,
    QUEUED,
    QUICK,
    QUICK_UNKNOWN,
    RECEIVE_SHUT,
    SEQ_BEFORE,
    SEQ_BEYOND,
    SEQ_ONE_BEFORE,
    STAMPED,
    STARTS_BEYOND,
    SYN_ACK_AGAIN,
    TAKES_TS,
    TEXT_BEYOND_WINDOW,
    TSVAL_OLDER,
    WINDOW_STAYS,
)
from tw_reference.profiles.linux_words import NEW_TEXT_OR_FIN
from tw_reference.rules import stages
from tw_reference.rules.actions import ConnectionAction as Do
from tw_reference.rules.condition import ALWAYS, Condition, all_of, any_of
from tw_reference.rules.decision import AnyList
from tw_reference.rules.questions import SegmentOnConnection
from tw_reference.rules.rule import RuleMaker
from tw_reference.rules.vocabulary import (
    ACK,
    EMPTY,
    FIN_ACKED,
    FIN_NEXT,
    PAYLOAD,
    RST,
    SACK_IN_USE,
    SEQ_IS_RCV_NXT,
    SYN,
)

_linux = RuleMaker("linux")
rule, note = _linux.rule, _linux.note


# fmt: off

_VALIDATE = "tcp_input.c, tcp_validate_incoming()"
_ACK = "tcp_input.c, tcp_ack()"
_PROCESS = "tcp_input.c, tcp_rcv_state_process()"
_QUEUE = "tcp_input.c, tcp_data_queue()"

# -- tcp_validate_incoming() ----------------------------------------------------------------------

_PAWS: Condition[SegmentOnConnection] = all_of(PAWS_FAILS, ~RST)
OUT: Condition[SegmentOnConnection] = any_of(ENDS_BEFORE, SEQ_BEYOND)
_TOO_LONG: Condition[SegmentOnConnection] = all_of(TEXT_BEYOND_WINDOW, QUEUED)

_CONTROL = (
    rule("no-control-bit", all_of(~ACK, ~RST, ~SYN), Do.DROP,
         "A segment without ACK, RST and SYN is dropped.", _PROCESS),
    rule("paws-syn", all_of(_PAWS, SYN), Do.CHALLENGE,
         "A SYN that fails PAWS is challenged.", _VALIDATE, "RFC 5961 section 4"),
)
_PAWS_OLD_ACK = rule(
    "paws-old-ack", all_of(_PAWS, EMPTY, SEQ_BEFORE), Do.DROP,
    "Since 6.14 a pure ACK of before that fails PAWS, which is common, is dropped.",
    "tcp_input.c, tcp_disordered_ack_check(), PAWS_OLD_ACK", counts="PAWSOldAck")


def _paws(name: str, disordered: Condition[SegmentOnConnection]) -> ConnectionRule:
    return rule(
        name, all_of(PAWS_FAILS, ~disordered, ~RST), Do.ACK_LIMITED,
        "What fails PAWS is acknowledged; one tick back is near enough, and a repeated ACK within"
        " 1.2 RTO.", _VALIDATE, "RFC 7323 section 5.3 R1", counts="PAWSEstab")


_PAWS_RULE = _paws("paws", DISORDERED)
_PAWS_RULE_6_5 = _paws("paws-but-for-closing", DISORDERED_6_5)

_PAWS_BEFORE_ANY_ACK = rule(
    "paws-syn-received", _PAWS, Do.ACK_LIMITED,
    "What fails PAWS is acknowledged; no ACK came yet that another could repeat.",
    _VALIDATE, "RFC 7323 section 5.3 R1", counts="PAWSEstab")

_RST_AFTER_FIN = rule(
    "rst-after-fin", all_of(RST, SEQ_ONE_BEFORE), Do.CLOSE,
    "After the peer's FIN an RST with the FIN's own number ends the connection.",
    "tcp_input.c, tcp_reset_check()")
_OUTSIDE = (
    rule("rst-outside", all_of(OUT, RST), Do.DROP,
         "An RST outside the window is dropped.", _VALIDATE, "RFC 5961 section 3"),
    rule("syn-outside", all_of(OUT, SYN), Do.CHALLENGE,
         "A SYN outside the window is challenged.", _VALIDATE, "RFC 5961 section 4",
         counts="TCPSYNChallenge"),
    rule("outside", OUT, Do.ACK_LIMITED,
         "What is outside the window is acknowledged; its right edge is inside for what is empty.",
         _VALIDATE, "tcp_input.c, tcp_sequence()"),
)
_WHOLE_WINDOW = (
    rule("rst-too-long", all_of(_TOO_LONG, RST), Do.DROP,
         "Since 6.17 text of an RST may not reach beyond the window where text waits to be read.",
         "tcp_input.c, tcp_sequence(), TCP_INVALID_END_SEQUENCE"),
    rule("syn-too-long", all_of(_TOO_LONG, SYN), Do.CHALLENGE,
         "Nor may that of a SYN, which is challenged.",
         "tcp_input.c, tcp_sequence(), TCP_INVALID_END_SEQUENCE", counts="TCPSYNChallenge"),
    rule("too-long", _TOO_LONG, Do.ACK_LIMITED,
         "Nor may any text: with something in the receive queue it is acknowledged, not cut off.",
         "tcp_input.c, tcp_sequence(), TCP_INVALID_END_SEQUENCE"),
)
_RST_EXACT = rule(
    "rst", all_of(RST, SEQ_IS_RCV_NXT), Do.CLOSE,
    "An RST at RCV.NXT ends the connection.", _VALIDATE, "RFC 5961 section 3")
_RST_AT_SACK_EDGE = rule(
    "rst-sack", all_of(RST, AT_SACK_EDGE), Do.CLOSE,
    "So does one at the right edge of the highest SACK block: it follows what the peer sent.",
    f"{_VALIDATE}, max_sack", "e00431bc93bb")
_RST_IN_WINDOW = rule(
    "rst-challenge", RST, Do.CHALLENGE,
    "An RST elsewhere in the window is challenged.", _VALIDATE, "RFC 5961 section 3")
_SYN_IN_WINDOW = rule("syn-challenge", SYN, Do.CHALLENGE,
                      "A SYN in the window is challenged.", _VALIDATE, "RFC 5961 section 4",
                      counts="TCPSYNChallenge")
_TS_OF_CROSSED = note(
    "syn-received-crossed-timestamp", all_of(SYN_ACK_AGAIN, STAMPED, ~TSVAL_OLDER), Do.UPDATE_TS,
    "TS.Recent follows the peer's <SYN,ACK> too.",
    "tcp_input.c, tcp_replace_ts_recent()", "RFC 7323 section 4.3")
_SYN_ACK_OF_CROSSED = rule(
    "syn-received-crossed", SYN_ACK_AGAIN,
    (Do.TAKE_ACK, Do.ESTABLISH, Do.ACK_EAGERLY, Do.ACK),
    "After SYNs that crossed, the peer's <SYN,ACK> opens the connection.",
    f"{_VALIDATE}, step 4 since 6.12 and the stable releases of then",
    "RFC 9293 section 3.5, figure 7")


def _validate(
    changes: Set[Change],
    *,
    fin_taken: bool = False,
    queues: bool = True,
    syn_received: bool = False,
) -> tuple[ConnectionRule, ...]:
    """tcp_validate_incoming(); ``fin_taken``: the peer's FIN was taken; ``queues``: something may
    wait to be read, as nothing does before ESTABLISHED."""
    paws = _PAWS_RULE if Change.CLOSED_WINDOW in changes else _PAWS_RULE_6_5
    return (
        *_CONTROL,
        OLD_TEXT_ACKED,
        *((_PAWS_OLD_ACK,) if Change.PAWS_OLD_ACKS in changes else ()),
        _PAWS_BEFORE_ANY_ACK if syn_received else paws,
        *((_RST_AFTER_FIN,) if fin_taken else ()),
        *_OUTSIDE,
        *(_WHOLE_WINDOW if queues and Change.WHOLE_WINDOW in changes else ()),
        _RST_EXACT,
        *((_RST_AT_SACK_EDGE,) if queues and not fin_taken else ()),
        _RST_IN_WINDOW,
        *((_TS_OF_CROSSED, _SYN_ACK_OF_CROSSED) if syn_received else ()),
        _SYN_IN_WINDOW,
    )


# -- tcp_ack() ------------------------------------------------------------------------------------

_ACK_TOO_OLD = rule(
    "ack-too-old", ACK_TOO_OLD, Do.CHALLENGE,
    "A SEG.ACK that can't be on its way any more, or is of nothing that was sent, is challenged;"
    " nothing of its segment is taken.", _ACK, "RFC 5961 section 5.2", "CVE-2023-52881")
_ACK_UNSENT = rule(
    "ack-unsent", ACK_UNSENT, Do.CHALLENGE,
    "A SEG.ACK of what was not sent is challenged; nothing of its segment is taken.",
    _ACK, _PROCESS)
_ACK_UNSENT_DROP = rule(
    "ack-unsent-drop", ACK_UNSENT, Do.DROP,
    "ESTABLISHED drops a segment whose SEG.ACK is of what was not sent.",
    _ACK, "tcp_input.c, tcp_rcv_established()")
_TAKE_ACK = (
    note("note-timestamp", TAKES_TS, Do.UPDATE_TS,
         "TS.Recent follows what begins where was acknowledged, if its SEG.ACK is valid.",
         "tcp_input.c, tcp_replace_ts_recent()", "RFC 7323 section 4.3"),
    note("take-ack", ~ACK_OLD, Do.TAKE_ACK,
         "SND.UNA and SND.WND follow the segment, unless its SEG.ACK is old.", _ACK),
)
_ACK_FIELD = (_ACK_TOO_OLD, _ACK_UNSENT, *_TAKE_ACK)

# -- tcp_rcv_state_process(), step 7, and tcp_data_queue() ----------------------------------------

RESET_TEXT = rule(
    "text-after-close", all_of(RECEIVE_SHUT, NEW_TEXT_OR_FIN), (Do.RST, Do.CLOSE),
    "New text that nobody can read any more is reset, and the connection is gone.",
    f"{_PROCESS}, TCPABORTONDATA", "RFC 1122 section 4.2.2.13")
_RESET_TEXT_AFTER_FIN = rule(
    "text-after-fin", NEW_TEXT_OR_FIN, (Do.RST, Do.CLOSE),
    "New text behind the peer's FIN is reset, and the connection is gone.",
    f"{_PROCESS}, TCPABORTONDATA", "RFC 1122 section 4.2.2.13")
AFTER_FIN = rule(
    "after-fin", ~SEQ_BEFORE, Do.DROP,
    "After the peer's FIN what begins at RCV.NXT or right of it is not answered.",
    f"{_PROCESS}, step 7")
_NOTHING_NEW = (
    rule("nothing-in-it", EMPTY, Do.DROP,
         "A segment without sequence length is not answered.", _QUEUE),
    rule("all-old", ALL_OLD, (Do.ACK_EAGERLY, Do.ACK),
         "What was all there already is acknowledged at once; so is what follows.",
         _QUEUE, "tcp_input.c, tcp_enter_quickack_mode()"),
)
NOT_NEW = (
    *_NOTHING_NEW,
    rule("text-at-the-edge", STARTS_BEYOND, (Do.ACK_EAGERLY, Do.ACK),
         "Text or FIN at the right edge of the window is not taken, but acknowledged.",
         f"{_QUEUE}, out_of_window"),
)
TAKE = rule(
    "take-text", ALWAYS, (Do.TAKE_TEXT, Do.ACK),
    "Text and FIN are taken in order, kept where they are not, and acknowledged at once.",
    _QUEUE, "tcp_input.c, tcp_fin()")
_TAKE_FIN = "The FIN is taken, with what was kept before it, and acknowledged at once"
CLOSING_FIN = rule(
    "fin-to-closing", FIN_NEXT, (Do.TAKE_TEXT, Do.ACK_ALONE, Do.ENTER_CLOSING),
    f"{_TAKE_FIN}: CLOSING.", "tcp_input.c, tcp_fin()", "RFC 9293 section 3.10.7.4")
TIME_WAIT_FIN = rule(
    "fin-to-time-wait", FIN_NEXT, (Do.TAKE_TEXT, Do.ACK, Do.ENTER_TIME_WAIT),
    f"{_TAKE_FIN}: TIME-WAIT.", "tcp_input.c, tcp_fin()", "RFC 9293 section 3.10.7.4")
OLD_TEXT_ACKED = note(
    "text-again", all_of(OLD_TEXT, any_of(PAWS_FAILS, ENDS_BEFORE)), Do.ACK_EAGERLY,
    "What begins left of RCV.NXT and is acknowledged has the next be acknowledged at once.",
    "tcp_input.c, tcp_send_dupack(), tcp_enter_quickack_mode()")


FIN_AGAIN = (
    rule("fin-behind-fin-quick", QUICK, (Do.TAKE_TEXT, Do.ACK),
         "A FIN that lies at RCV.NXT behind text of before moves RCV.NXT once more; where ACKs"
         " are quick that is acknowledged at once.",
         _QUEUE, "tcp_input.c, tcp_fin(), __tcp_ack_snd_check()"),
    rule("fin-behind-fin", ALWAYS, (Do.TAKE_TEXT, Do.ACK_DELAYED),
         "Else its ACK waits for TCP_ATO_MIN, 40 ms.",
         _QUEUE, "tcp_input.c, tcp_fin()", "tcp_output.c, tcp_send_delayed_ack()"),
)
"""A FIN in CLOSE-WAIT or LAST-ACK."""


_COMPRESSED = note(
    "gap-acks-compressed", all_of(SACK_IN_USE, GAP_ACKS_WAIT), Do.NOT_RULED,
    "With SACK the fourth ACK that tells of one gap, and those behind it, may be 1 ms late, and one"
    " for several.",
    "tcp_input.c, __tcp_ack_snd_check(), compressed_ack, since 4.18")
_FULL_CHECK = "tcp_input.c, __tcp_ack_snd_check(), __tcp_select_window()"


_QUICK_UNKNOWN = note(
    "quick-unknown", QUICK_UNKNOWN, Do.NOT_RULED,
    "How many ACKs are quick goes by the window, and is not known where that goes by memory: beside"
    " unread text, and for text for which it may grow, once text has filled its buffers well or"
    " much was read.",
    "tcp_input.c, tcp_incr_quickack(), tcp_grow_window()")


def _filled_unknown(name: str, unknown: Condition[SegmentOnConnection]) -> ConnectionRule:
    return note(
        name, unknown, Do.NOT_RULED,
        "Beside unread text memory decides whether the ACK of more than a full segment is put off.",
        _FULL_CHECK)


_FILLED_UNKNOWN = _filled_unknown("text-filled-unknown", all_of(MEMORY_DECIDES, ~KEEPS_WINDOW))
_FILLED_UNKNOWN_6_5 = _filled_unknown("text-filled-unknown-6-5", MEMORY_DECIDES)
_FILLED = rule(
    "text-filled", all_of(FULL_SEGMENT_WAITS, WINDOW_STAYS), (Do.TAKE_TEXT, Do.ACK),
    "More than a full segment is acknowledged at once where the window stays as it was told.",
    _FULL_CHECK)


def _text_after_answer(
    name: str, put_off: Condition[SegmentOnConnection]
) -> tuple[ConnectionRule, ...]:
    """Text and FIN that no rule before has taken."""
    return (
        rule(name, put_off, (Do.TAKE_TEXT, Do.ACK_DELAYED),
             "After text that was sent within 40 ms of the peer's, an answer, the ACK of text in"
             " order waits for as long; so it does after 16 ACKs.",
             "tcp_output.c, tcp_event_data_sent(), inet_csk_inc_pingpong_cnt()",
             "tcp_input.c, __tcp_ack_snd_check(), TCP_MAX_QUICKACKS"),
        TAKE,
    )


OLD_AFTER_FIN = (AFTER_FIN, _RESET_TEXT_AFTER_FIN, *_NOTHING_NEW)
TAKE_6_5 = _text_after_answer("text-after-answer-6-5", all_of(IN_ORDER, ~QUICK))
_TAKE_6_6 = _text_after_answer("text-after-answer", all_of(IN_ORDER, ~QUICK, ~FILLED))

# -- What each state has of its own ---------------------------------------------------------------

_PREDICTION = note(
    "header-prediction", PREDICTED, Do.UPDATE_TS,
    "The expected empty segment sets TS.Recent before its SEG.ACK is looked at.",
    "tcp_input.c, tcp_rcv_established()")
_PREDICTION_WITHOUT_AE = note(
    "header-prediction-ae", all_of(PREDICTED, ~AE), Do.UPDATE_TS,
    "The expected empty segment, since 6.15 without AE, sets TS.Recent before its SEG.ACK is"
    " looked at.",
    "tcp_input.c, tcp_rcv_established()", "include/net/tcp.h, TCP_HP_BITS")
_TEXT_PREDICTION = note(
    "text-prediction", all_of(EXPECTED_TEXT, any_of(ACK_TOO_OLD, all_of(ACK_OLD, STAMPED))),
    Do.NOT_RULED,
    "Beside unread text the expected text may be taken, and its TSval, before its SEG.ACK is found"
    " to be old: that depends on memory.",
    "tcp_input.c, tcp_rcv_established(), sk_forward_alloc")
_FIN_WITH_CWR = rule(
    "fin-with-cwr", all_of(FIN_IN_ORDER, CWR_NOW), (Do.TAKE_TEXT, Do.ACK, Do.ENTER_CLOSE_WAIT),
    "A FIN with CWR leads to CLOSE-WAIT, and is acknowledged at once; before 6.15 without ECN too.",
    "tcp_input.c, tcp_ecn_accept_cwr(), ICSK_ACK_NOW", "RFC 3168 section 6.1.3")


def established_fin(
    at_once: Condition[SegmentOnConnection], name: str = ""
) -> tuple[ConnectionRule, ...]:
    """A FIN in ESTABLISHED; ``at_once``: the ACK of what comes with it is not put off; ``name``
    sets its rule apart."""
    return (
        rule("fin-alone", all_of(FIN_IN_ORDER, ~PAYLOAD, ~HEARD_TEXT),
             (Do.TAKE_TEXT, Do.ACK_NEXT_TICK, Do.ENTER_CLOSE_WAIT),
             "A FIN that is the first to come, and alone, leads to CLOSE-WAIT; it is acknowledged"
             " at the next tick.",
             "tcp_input.c, tcp_fin(), inet_csk_enter_pingpong_mode()",
             "tcp_output.c, tcp_send_delayed_ack()"),
        rule(f"fin-with-text{name}", all_of(FIN_IN_ORDER, ~at_once),
             (Do.TAKE_TEXT, Do.ACK_DELAYED, Do.ENTER_CLOSE_WAIT),
             "A FIN with text, or after text, leads to CLOSE-WAIT; its ACK waits for TCP_ATO_MIN,"
             " 40 ms.",
             "tcp_input.c, tcp_fin(), inet_csk_enter_pingpong_mode()",
             "tcp_input.c, __tcp_ack_snd_check(), __tcp_select_window()",
             "tcp_output.c, tcp_send_delayed_ack()"),
        rule("fin-to-close-wait", FIN_NEXT, (Do.TAKE_TEXT, Do.ACK, Do.ENTER_CLOSE_WAIT),
             f"{_TAKE_FIN}: CLOSE-WAIT.", "tcp_input.c, tcp_fin()", "RFC 9293 section 3.10.7.4"),
    )


def _established(changes: Set[Change]) -> AnyList:
    return stages.ESTABLISHED.list(
        _PREDICTION_WITHOUT_AE if Change.AE_FLAG in changes else _PREDICTION,
        *_validate(changes),
        _TEXT_PREDICTION,
        _ACK_TOO_OLD,
        _ACK_UNSENT if Change.CHALLENGES_UNSENT in changes else _ACK_UNSENT_DROP,
        *_TAKE_ACK,
        *NOT_NEW,
        _COMPRESSED,
        _QUICK_UNKNOWN,
        _FILLED_UNKNOWN if Change.FILLED_BUFFERS in changes else _FILLED_UNKNOWN_6_5,
        _FIN_WITH_CWR,
        *(
            established_fin(ACKED_AT_ONCE)
            if Change.FILLED_BUFFERS in changes
            else established_fin(ACKED_AT_ONCE_6_5, "-unread")
        ),
        _FILLED,
        *(_TAKE_6_6 if Change.FILLED_BUFFERS in changes else TAKE_6_5),
    )


FIN_IS_ACKED = rule(
    "fin-acked", FIN_ACKED, (Do.ENTER_FIN_WAIT_2, Do.CONTINUE),
    "The ACK of the FIN leads to FIN-WAIT-2, where the segment goes on; of an orphan a block may be"
    " left, and nothing that comes with it is answered.",
    f"{_PROCESS}, TCP_FIN_WAIT1", "RFC 9293 section 3.10.7.4")
CLOSING_ACKED = rule(
    "closing-acked", FIN_ACKED, Do.ENTER_TIME_WAIT,
    "The ACK of the FIN leads to TIME-WAIT; nothing that comes with it is answered.",
    f"{_PROCESS}, TCP_CLOSING")
LAST_ACKED = rule(
    "last-acked", FIN_ACKED, Do.CLOSE,
    "The ACK of the FIN ends the connection; nothing that comes with it is answered.",
    f"{_PROCESS}, TCP_LAST_ACK")

# fmt: on


def states(changes: Set[Change]) -> tuple[AnyList, ...]:
    """The list for every state of a whole connection."""
    before_fin = (*_validate(changes), *_ACK_FIELD)
    behind_fin = (*_validate(changes, fin_taken=True), *_ACK_FIELD)
    filled = Change.FILLED_BUFFERS in changes
    again = (_QUICK_UNKNOWN, *FIN_AGAIN)
    unknown = _FILLED_UNKNOWN if filled else _FILLED_UNKNOWN_6_5
    take = (_COMPRESSED, _QUICK_UNKNOWN, unknown, _FILLED, *(_TAKE_6_6 if filled else TAKE_6_5))
    return (
        SYN_SENT,
        request(changes),
        stages.SYN_RECEIVED.list(
            *_validate(changes, queues=False, syn_received=True), *RECEIVED_ACK
        ),
        _established(changes),
        stages.FIN_WAIT_1.list(*before_fin, RESET_TEXT, FIN_IS_ACKED, *NOT_NEW, CLOSING_FIN, *take),
        stages.FIN_WAIT_2.list(*before_fin, RESET_TEXT, *NOT_NEW, TIME_WAIT_FIN, *take),
        stages.CLOSE_WAIT.list(*behind_fin, *OLD_AFTER_FIN, *again),
        stages.CLOSING.list(*behind_fin, CLOSING_ACKED, *OLD_AFTER_FIN, TAKE),
        stages.LAST_ACK.list(*behind_fin, LAST_ACKED, *OLD_AFTER_FIN, *again),
    )
