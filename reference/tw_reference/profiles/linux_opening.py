"""What Linux does with a segment in SYN-SENT and SYN-RECEIVED: ``tcp_input.c``,
tcp_rcv_synsent_state_process(), and ``tcp_minisocks.c``, tcp_check_req()."""

from __future__ import annotations

from collections.abc import Set

from tw_reference.profiles.common import ConnectionRule
from tw_reference.profiles.linux_changes import Change
from tw_reference.profiles.linux_state_words import (
    ACK_OF_SYN,
    ACK_OLD,
    ACK_UNSENT,
    ECHOES_ANOTHER,
    ECHOES_NO_SYN_ACK,
    FIRST_SYN,
    OUTSIDE,
    SEQ_ACKNOWLEDGED,
    STAMPED,
    TSVAL_OLDER,
)
from tw_reference.profiles.linux_words import SEQ_AFTER
from tw_reference.rules import stages
from tw_reference.rules.actions import ConnectionAction as Do
from tw_reference.rules.condition import ALWAYS, Condition, all_of, any_of
from tw_reference.rules.decision import AnyList
from tw_reference.rules.questions import SegmentOnConnection
from tw_reference.rules.rule import RuleMaker
from tw_reference.rules.vocabulary import ACK, QUEUE_FULL, RST, SEQ_IS_IRS, SEQ_IS_RCV_NXT, SYN

_linux = RuleMaker("linux")
rule, note = _linux.rule, _linux.note

_PROCESS = "tcp_input.c, tcp_rcv_state_process()"
_CHECK_REQ = "tcp_minisocks.c, tcp_check_req()"
_SYN_SENT = "tcp_input.c, tcp_rcv_synsent_state_process()"

# Lists are tables: a rule takes two or three lines, of which the formatter would make ten.
# fmt: off

SYN_SENT = stages.SYN_SENT.list(
    note("syn-sent-again", all_of(ACK, ~ACK_OF_SYN, FIRST_SYN), Do.RESEND_SOON,
         "A SEG.ACK that is not of the SYN has the SYN sent again, two ticks later.",
         f"{_SYN_SENT}, TCP_TIMEOUT_MIN"),
    rule("syn-sent-rst-drop",
         all_of(RST, any_of(all_of(ACK, ~ACK_OF_SYN), ECHOES_ANOTHER, ~ACK)), Do.DROP,
         "An RST that does not acknowledge the SYN, or echoes another TSval, is dropped.",
         _SYN_SENT, "RFC 9293 section 3.10.7.3"),
    rule("syn-sent-bad-ack", all_of(ACK, ~ACK_OF_SYN), Do.RST,
         "A SEG.ACK that is not of the SYN is answered <SEQ=SEG.ACK><CTL=RST>.",
         _SYN_SENT, "RFC 9293 section 3.10.7.3"),
    rule("syn-sent-tsecr", all_of(ACK, ECHOES_ANOTHER), Do.RST,
         "A TSecr that is none of the SYN's TSvals makes it another's answer: it is reset.",
         f"{_SYN_SENT}, PAWSACTIVEREJECTED"),
    rule("syn-sent-refused", RST, Do.CLOSE,
         "An RST that acknowledges the SYN ends the connection: ECONNREFUSED.",
         _SYN_SENT, "RFC 9293 section 3.10.7.3"),
    rule("syn-sent-no-syn", ~SYN, Do.DROP, "What is no SYN is dropped.", _SYN_SENT),
    rule("syn-sent-syn-ack", ACK, (Do.TAKE_SYN, Do.ESTABLISH, Do.ACK),
         "<SYN,ACK> opens the connection; text and FIN that come with it are not taken.",
         _SYN_SENT, "RFC 9293 section 3.10.7.3"),
    rule("syn-sent-syn", ALWAYS, (Do.TAKE_SYN, Do.SYN_RECEIVED),
         "A SYN alone is a simultaneous open: <SYN,ACK>, SYN-RECEIVED.",
         _SYN_SENT, "RFC 9293 section 3.10.7.3"),
)

_REFUSED: Condition[SegmentOnConnection] = any_of(TSVAL_OLDER, OUTSIDE)
_BAD_ACK: Condition[SegmentOnConnection] = all_of(ACK, ~ACK_OF_SYN)
_BLIND_RESET = (
    rule("half-open-rst", all_of(RST, SEQ_IS_RCV_NXT, ~TSVAL_OLDER), Do.CLOSE,
         "In SYN-RECEIVED an RST at RCV.NXT ends it, whatever its SEG.ACK.",
         _CHECK_REQ, "RFC 5961 section 3"),
    rule("half-open-rst-challenge", all_of(RST, ~_REFUSED), Do.CHALLENGE,
         "In SYN-RECEIVED an RST elsewhere in the window is challenged.",
         _CHECK_REQ, "RFC 5961 section 3"),
    rule("half-open-rst-outside", RST, Do.DROP,
         "Any other RST, outside the window or with an older TSval, is dropped.", _CHECK_REQ),
)
_TSECR_OF_RST = rule(
    "half-open-rst-tsecr", all_of(ECHOES_NO_SYN_ACK, RST), Do.DROP,
    "Since 6.15 an RST whose TSecr is none of the <SYN,ACK>'s TSvals is dropped.",
    f"{_CHECK_REQ}, TSECRREJECTED")
_TSECR = rule(
    "half-open-tsecr", ECHOES_NO_SYN_ACK, Do.ACK_LIMITED,
    "Since 6.15 a TSecr that is none of the <SYN,ACK>'s TSvals is acknowledged, and not taken.",
    f"{_CHECK_REQ}, TSECRREJECTED")


def request(changes: Set[Change]) -> AnyList:
    """The list of a listener's SYN-RECEIVED."""
    blind_reset = Change.BLIND_RESET_HALF_OPEN in changes
    return stages.SYN_RECEIVED_REQUEST.list(
        _SYN_AGAIN,
        *((_TSECR_OF_RST,) if Change.TSECR_OF_SYN_ACK in changes else ()),
        *(_BLIND_RESET if blind_reset else (_RST_REFUSED,)),
        _HALF_OPEN_BAD_ACK,
        *((_TSECR,) if Change.TSECR_OF_SYN_ACK in changes else ()),
        _HALF_OPEN_REFUSED,
        *(() if blind_reset else (_RST_ANY,)),
        *_HALF_OPEN,
    )


_SYN_AGAIN = rule(
    "half-open-syn-again", all_of(SEQ_IS_IRS, SYN, ~RST, ~ACK, ~TSVAL_OLDER), Do.RESEND_LIMITED,
    "The SYN again is answered with the <SYN,ACK> again.", _CHECK_REQ)
_RST_REFUSED: ConnectionRule = rule(
    "half-open-rst-drop", all_of(RST, any_of(_REFUSED, _BAD_ACK)), Do.DROP,
    "An RST outside the window, or with a wrong SEG.ACK, is dropped.", _CHECK_REQ)
_RST_ANY: ConnectionRule = rule(
    "half-open-rst-any", RST, Do.CLOSE,
    "In SYN-RECEIVED an RST in the window ends it.", _CHECK_REQ)
_HALF_OPEN_BAD_ACK = rule(
    "half-open-bad-ack", _BAD_ACK, Do.RST,
    "A SEG.ACK that is not of the SYN is answered <SEQ=SEG.ACK><CTL=RST> by the listener;"
    " SYN-RECEIVED stays.", _CHECK_REQ, "RFC 9293 section 3.5.3")
_HALF_OPEN_REFUSED = rule(
    "half-open-refused", _REFUSED, Do.ACK_LIMITED,
    "What fails PAWS or is outside the window is acknowledged.", _CHECK_REQ)
_HALF_OPEN = (
    rule("half-open-second-syn", all_of(SYN, ~SEQ_IS_IRS), (Do.RST, Do.CLOSE),
         "Another SYN in the window is reset, and ends it.", _CHECK_REQ),
    rule("half-open-no-ack", ~ACK, Do.DROP, "What has no ACK is dropped.", _CHECK_REQ),
    note("half-open-timestamp", ~SEQ_AFTER, Do.UPDATE_TS,
         "TS.Recent is that of the handshake's ACK.", _CHECK_REQ),
    rule("half-open-overflow", QUEUE_FULL, Do.DROP,
         "With its accept queue full a listener drops the ACK; SYN-RECEIVED stays.",
         "tcp_ipv4.c, tcp_v4_syn_recv_sock(), sk_acceptq_is_full()"),
    rule("half-open-ack", ALWAYS, (Do.CONNECT, Do.CONTINUE),
         "The ACK of the SYN makes a connection of the request, and goes on as a segment of it.",
         _CHECK_REQ, "tcp_minisocks.c, tcp_child_process()", "RFC 9293 section 3.10.7.4"),
)

RECEIVED_ACK = (
    rule("syn-received-bad-ack", any_of(ACK_OLD, ACK_UNSENT), Do.RST,
         "A SEG.ACK that is not of the SYN is answered <SEQ=SEG.ACK><CTL=RST>; SYN-RECEIVED"
         " stays.", f"{_PROCESS}, TCP_SYN_RECV", "RFC 9293 section 3.5.3"),
    note("syn-received-timestamp", all_of(STAMPED, SEQ_ACKNOWLEDGED, ~TSVAL_OLDER), Do.UPDATE_TS,
         "TS.Recent follows what begins where was acknowledged.",
         "tcp_input.c, tcp_replace_ts_recent()", "RFC 7323 section 4.3"),
    rule("syn-received-ack", ALWAYS, (Do.TAKE_ACK, Do.ESTABLISH, Do.CONTINUE),
         "Any other SEG.ACK, that of nothing new too, opens the connection, where the segment"
         " goes on.", f"{_PROCESS}, TCP_SYN_RECV", "RFC 9293 section 3.10.7.4"),
)

# fmt: on
