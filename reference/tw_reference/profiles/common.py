"""Lists that all documented stacks share, and the type of a rule for a whole connection."""

from __future__ import annotations

from tw_reference.rules import stages
from tw_reference.rules.actions import CallAction, ConnectionAction, UnconnectedAction
from tw_reference.rules.condition import ALWAYS
from tw_reference.rules.questions import SegmentOnConnection
from tw_reference.rules.rule import Rule, RuleMaker
from tw_reference.rules.vocabulary import ACK, RST, verb

ConnectionRule = Rule[SegmentOnConnection, ConnectionAction]

_closed, _call = RuleMaker("closed"), RuleMaker("call")

# Lists are tables: a rule takes two or three lines, of which the formatter would make ten.
# fmt: off

CLOSED = stages.CLOSED.list(
    _closed.rule("rst-drop", RST, UnconnectedAction.DROP,
                 "A reset for nobody is dropped.",
                 "RFC 9293 section 3.10.7.1"),
    _closed.rule("rst-for-ack", ACK, UnconnectedAction.RST,
                 "A segment for nobody that has an ACK is answered <SEQ=SEG.ACK><CTL=RST>.",
                 "RFC 9293 section 3.10.7.1"),
    _closed.rule("rst-no-ack", ALWAYS, UnconnectedAction.RST,
                 "Any other segment for nobody is answered "
                 "<SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>.",
                 "RFC 9293 section 3.10.7.1"),
)

CALLS = stages.CALL.list(
    _call.rule("open", verb("open"), CallAction.EXISTS,
               "OPEN on a connection in TIME-WAIT: «connection already exists».",
               "RFC 9293 section 3.10.1"),
    _call.rule("abort", verb("abort"), CallAction.ABORT,
               "ABORT deletes the block; no RST is sent.",
               "RFC 9293 section 3.10.5"),
    _call.rule("status", verb("status"), CallAction.STATUS,
               "STATUS reports TIME-WAIT.",
               "RFC 9293 section 3.10.6"),
    _call.rule("closing", ALWAYS, CallAction.CLOSING,
               "SEND, RECEIVE and CLOSE: «connection closing».",
               "RFC 9293 sections 3.10.2-3.10.4"),
)
