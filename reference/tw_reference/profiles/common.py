"""Lists that all documented stacks share."""

from __future__ import annotations

from tw_reference.rules.rule import Action, DecisionList, Rule, Stage, always
from tw_reference.rules.vocabulary import ACK, RST, verb

CLOSED = DecisionList(
    Stage.CLOSED,
    (
        Rule(
            "closed.rst-drop",
            RST,
            (Action.DROP,),
            "A reset for nobody is dropped.",
            ("RFC 9293 section 3.10.7.1",),
        ),
        Rule(
            "closed.rst-for-ack",
            ACK,
            (Action.RST,),
            "A segment for nobody that has an ACK is answered <SEQ=SEG.ACK><CTL=RST>.",
            ("RFC 9293 section 3.10.7.1",),
        ),
        Rule(
            "closed.rst-no-ack",
            always(),
            (Action.RST,),
            "Any other segment for nobody is answered <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>.",
            ("RFC 9293 section 3.10.7.1",),
        ),
    ),
)

CALLS = DecisionList(
    Stage.CALL,
    (
        Rule(
            "call.open",
            verb("open"),
            (Action.EXISTS,),
            "OPEN on a connection in TIME-WAIT: «connection already exists».",
            ("RFC 9293 section 3.10.1",),
        ),
        Rule(
            "call.abort",
            verb("abort"),
            (Action.ABORT,),
            "ABORT deletes the block; no RST is sent.",
            ("RFC 9293 section 3.10.5",),
        ),
        Rule(
            "call.status",
            verb("status"),
            (Action.STATUS,),
            "STATUS reports TIME-WAIT.",
            ("RFC 9293 section 3.10.6",),
        ),
        Rule(
            "call.closing",
            always(),
            (Action.CLOSING,),
            "SEND, RECEIVE and CLOSE: «connection closing».",
            ("RFC 9293 sections 3.10.2-3.10.4",),
        ),
    ),
)
