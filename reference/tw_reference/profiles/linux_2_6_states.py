"""What Linux 2.6.32 does with a segment that finds a whole connection: before RFC 5961, limits on
ACKs, and the rule that every segment has an ACK.

The steps are those of ``linux_states.py``, in the same functions of ``tcp_input.c``.  One thing is
simpler here than there: a TS.Recent of 0 says nothing, as it does since 2.6.35.
"""

from __future__ import annotations

from tw_reference.profiles.common import ConnectionRule
from tw_reference.profiles.linux_opening import SYN_SENT, request
from tw_reference.profiles.linux_state_words import (
    ACK_OLD,
    ACK_UNSENT,
    DISORDERED_2_6,
    FULL_SEGMENT_WAITS,
    PAWS_FAILS,
    SEQ_ACKNOWLEDGED,
    SEQ_BEFORE,
    STAMPED,
    TSVAL_OLDER,
)
from tw_reference.profiles.linux_states import (
    CLOSING_ACKED,
    CLOSING_FIN,
    FIN_AGAIN,
    FIN_IS_ACKED,
    LAST_ACKED,
    NOT_NEW,
    OLD_AFTER_FIN,
    OLD_TEXT_ACKED,
    OUT,
    RESET_TEXT,
    TAKE,
    TAKE_6_5,
    TIME_WAIT_FIN,
    established_fin,
    note,
    rule,
)
from tw_reference.rules import stages
from tw_reference.rules.actions import ConnectionAction as Do
from tw_reference.rules.condition import ALWAYS, Condition, all_of, any_of
from tw_reference.rules.decision import AnyList
from tw_reference.rules.questions import SegmentOnConnection
from tw_reference.rules.vocabulary import ACK, RST, SYN

_VALIDATE = "tcp_input.c of 2.6.32, tcp_validate_incoming()"
_PROCESS = "tcp_input.c of 2.6.32, tcp_rcv_state_process()"

# Lists are tables: a rule takes two or three lines, of which the formatter would make ten.
# fmt: off

_PAWS: ConnectionRule = rule(
    "old-paws", all_of(PAWS_FAILS, ~DISORDERED_2_6, ~RST), Do.ACK,
    "What fails PAWS is acknowledged; one tick back is near enough, and a repeated ACK within"
    " an RTO.", _VALIDATE, "RFC 1323 section 4.2.1", counts="PAWSEstab")
_PAWS_BEFORE_ANY_ACK: ConnectionRule = rule(
    "old-paws-syn-received", all_of(PAWS_FAILS, ~RST), Do.ACK,
    "What fails PAWS is acknowledged; no ACK came yet that another could repeat.",
    _VALIDATE, "RFC 1323 section 4.2.1", counts="PAWSEstab")
_BEHIND_PAWS: tuple[ConnectionRule, ...] = (
    rule("old-rst-outside", all_of(OUT, RST), Do.DROP,
         "An RST outside the window is dropped.", _VALIDATE, "RFC 793 page 69"),
    rule("old-outside", OUT, Do.ACK,
         "What is outside the window is acknowledged; its right edge is inside for what is empty.",
         f"{_VALIDATE}, tcp_send_dupack()", "RFC 793 page 69"),
    rule("old-rst", RST, Do.CLOSE,
         "An RST in the window ends the connection.", _VALIDATE, "RFC 793 page 70"),
    note("old-timestamp", all_of(STAMPED, SEQ_ACKNOWLEDGED, ~TSVAL_OLDER), Do.UPDATE_TS,
         "TS.Recent follows what begins where was acknowledged, whatever its SEG.ACK.",
         "tcp_input.c of 2.6.32, tcp_replace_ts_recent()", "RFC 1323 section 3.4"),
    rule("old-syn", all_of(SYN, ~SEQ_BEFORE), (Do.RST, Do.CLOSE),
         "A SYN at RCV.NXT or right of it is reset, and ends the connection.",
         f"{_VALIDATE}, TCPABORTONSYN", "RFC 793 page 71"),
)
_CHECK = (OLD_TEXT_ACKED, _PAWS, *_BEHIND_PAWS)
_NO_ACK: ConnectionRule = rule(
    "old-no-ack", ~ACK, Do.DROP,
    "Outside ESTABLISHED what has no ACK is dropped.", _PROCESS, "RFC 793 page 72")
def _take_ack(name: str, valid: Condition[SegmentOnConnection]) -> ConnectionRule:
    return note(
        name, valid, Do.TAKE_ACK,
        "SND.UNA and SND.WND follow a SEG.ACK that is valid; what has another goes on without it.",
        "tcp_input.c of 2.6.32, tcp_ack()")


_HEAD = (*_CHECK, _NO_ACK, _take_ack("old-take-ack", all_of(~ACK_OLD, ~ACK_UNSENT)))

STATES: tuple[AnyList, ...] = (
    SYN_SENT.replacing("linux.syn-sent-again"),
    request(frozenset()),
    stages.SYN_RECEIVED.list(
        _PAWS_BEFORE_ANY_ACK, *_BEHIND_PAWS, _NO_ACK,
        rule("old-syn-received-bad-ack", any_of(ACK_OLD, ACK_UNSENT), Do.RST,
             "A SEG.ACK that is not of the SYN is answered <SEQ=SEG.ACK><CTL=RST>.",
             f"{_PROCESS}, TCP_SYN_RECV", "RFC 793 page 72"),
        rule("old-syn-received-ack", ALWAYS, (Do.TAKE_ACK, Do.ESTABLISH, Do.CONTINUE),
             "Any other SEG.ACK opens the connection, where the segment goes on.",
             f"{_PROCESS}, TCP_SYN_RECV", "RFC 793 page 72"),
    ),
    stages.ESTABLISHED.list(
        *_CHECK,
        rule("old-ack-unsent", all_of(ACK, ACK_UNSENT), Do.DROP,
             "ESTABLISHED drops a segment whose SEG.ACK is of what was not sent; one without ACK"
             " is processed.",
             "tcp_input.c of 2.6.32, tcp_rcv_established(), step5"),
        _take_ack("old-take-ack-established", all_of(ACK, ~ACK_OLD)),
        *NOT_NEW, *established_fin(FULL_SEGMENT_WAITS, "-short"), *TAKE_6_5,
    ),
    stages.FIN_WAIT_1.list(*_HEAD, RESET_TEXT, FIN_IS_ACKED, *NOT_NEW, CLOSING_FIN, *TAKE_6_5),
    stages.FIN_WAIT_2.list(*_HEAD, RESET_TEXT, *NOT_NEW, TIME_WAIT_FIN, *TAKE_6_5),
    stages.CLOSE_WAIT.list(*_HEAD, *OLD_AFTER_FIN, *FIN_AGAIN),
    stages.CLOSING.list(*_HEAD, CLOSING_ACKED, *OLD_AFTER_FIN, TAKE),
    stages.LAST_ACK.list(*_HEAD, LAST_ACKED, *OLD_AFTER_FIN, *FIN_AGAIN),
)
"""The list for every state of a whole connection, and of a listener's SYN-RECEIVED."""
