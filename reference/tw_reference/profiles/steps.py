"""«SEGMENT ARRIVES» from SYN-SENT to LAST-ACK, step by step, as RFC 9293 has it.

These lists are what the profile of the RFC says, and, under no name, what brings a connection to
TIME-WAIT where nothing is known of a stack (``Profile.assumed``).
"""

from __future__ import annotations

from tw_reference.profiles.common import ConnectionRule
from tw_reference.rules import stages
from tw_reference.rules.actions import ConnectionAction
from tw_reference.rules.condition import ALWAYS, Condition, all_of
from tw_reference.rules.decision import AnyList
from tw_reference.rules.questions import SegmentOnConnection
from tw_reference.rules.rule import RuleMaker
from tw_reference.rules.vocabulary import (
    ACCEPTABLE,
    ACK,
    ACK_IS_NEW,
    ACK_IS_SND_NXT,
    ACK_NOT_OLD,
    ACK_TOO_HIGH,
    EMPTY,
    FIN_ACKED,
    FIN_NEXT,
    HELD,
    NEW_TEXT,
    PASSIVE,
    RST,
    SEQ_IS_IRS,
    SEQ_IS_RCV_NXT,
    SEQ_NOT_ABOVE,
    SYN,
    TIMESTAMPS,
    TIMESTAMPS_IN_USE,
    TSVAL_BELOW,
)

ConnectionCondition = Condition[SegmentOnConnection]

_SECTION = "RFC 9293 section 3.10.7.4"


# Lists are tables: a rule takes two or three lines, of which the formatter would make ten.
# fmt: off

def steps(
    family: str,
    *,
    paws: ConnectionCondition = ALWAYS,
    challenges_rst: ConnectionCondition = ALWAYS,
    challenges_syn: ConnectionCondition = ALWAYS,
    unreadable: ConnectionCondition = NEW_TEXT,
    acknowledges_fin: ConnectionAction = ConnectionAction.ACK,
) -> tuple[AnyList, ...]:
    """The lists of all states, with the names of ``family``.

    ``paws``, ``challenges_rst`` and ``challenges_syn`` say where PAWS and the challenge ACKs of RFC
    5961 are in use, ``unreadable`` what an orphan can't take, and ``acknowledges_fin`` how the FIN
    that leads to TIME-WAIT is acknowledged: at once, or by the block.
    """
    make = RuleMaker(family)
    rule, note = make.rule, make.note
    old = rule("conn-paws",
               all_of(TIMESTAMPS_IN_USE, TSVAL_BELOW, ~RST, paws), ConnectionAction.ACK_LIMITED,
               "A segment whose TSval is below TS.Recent is acknowledged and dropped.",
               "RFC 7323 section 5.3 R1")
    stray_rst = rule("conn-unacceptable-rst", all_of(~ACCEPTABLE, RST), ConnectionAction.DROP,
                     "An RST that is not acceptable is dropped.",
                     f"{_SECTION}, first")
    syn_again = rule("conn-syn-again",
                     all_of(~ACCEPTABLE, SYN, ~ACK, SEQ_IS_IRS), ConnectionAction.RESEND,
                     "The peer's SYN again: it has not seen the SYN-ACK, which is sent again.",
                     # SYN-ACKs that cross are acknowledged, or two ends would send theirs for ever.
                     "RFC 9293 section 3.8.1", "RFC 9293 section 3.5, figure 7")
    beyond = rule("conn-unacceptable", ~ACCEPTABLE, ConnectionAction.ACK_LIMITED,
                  "A segment that is not acceptable is answered "
                  "<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>.",
                  f"{_SECTION}, first", "RFC 5961 section 7")
    resets: tuple[ConnectionRule, ...] = (
        rule("conn-rst", all_of(RST, SEQ_IS_RCV_NXT), ConnectionAction.CLOSE,
             "An RST at RCV.NXT ends the connection.",
             f"{_SECTION}, second"),
        rule("conn-rst-left", all_of(RST, SEQ_NOT_ABOVE), ConnectionAction.DROP,
             "An RST whose SEG.SEQ is left of the window is dropped, though its end lie in it.",
             "RFC 9293 section 3.5.3", f"{_SECTION}, second"),
        rule("conn-rst-challenge", all_of(RST, challenges_rst), ConnectionAction.ACK_LIMITED,
             "An RST in the window but not at RCV.NXT is answered by a challenge ACK.",
             "RFC 5961 section 3.2", f"{_SECTION}, second"),
        rule("conn-rst-in-window", RST, ConnectionAction.CLOSE,
             "An RST in the window ends the connection.",
             "RFC 793 page 70"),
    )
    other: tuple[ConnectionRule, ...] = (
        rule("conn-syn-challenge", all_of(SYN, challenges_syn), ConnectionAction.ACK_LIMITED,
             "A SYN is answered by a challenge ACK, whatever its sequence number.",
             "RFC 5961 section 4.2", f"{_SECTION}, fourth"),
        rule("conn-syn-error", SYN, (ConnectionAction.RST, ConnectionAction.CLOSE),
             "A SYN in the window is an error: reset, CLOSED.",
             "RFC 793 page 71"),
        rule("conn-no-ack", ~ACK, ConnectionAction.DROP,
             "A segment without ACK is dropped.",
             f"{_SECTION}, fifth"),
        note("conn-timestamp",
             all_of(TIMESTAMPS_IN_USE, TIMESTAMPS, SEQ_NOT_ABOVE), ConnectionAction.UPDATE_TS,
             "TS.Recent follows what arrives in order.",
             "RFC 7323 section 4.3"),
    )
    head: tuple[ConnectionRule, ...] = (old, stray_rst, beyond, *resets, *other)
    acks: tuple[ConnectionRule, ...] = (
        rule("conn-ack-too-high", ACK_TOO_HIGH, ConnectionAction.ACK,
             "An ACK of something not yet sent is answered by an ACK, and the segment dropped.",
             f"{_SECTION}, fifth, ESTABLISHED"),
        note("conn-take-ack", ACK_NOT_OLD, ConnectionAction.TAKE_ACK,
             "SND.UNA moves up to SEG.ACK; the newest segment says the send window.",
             f"{_SECTION}, fifth, ESTABLISHED"),
    )
    orphan = rule("conn-for-nobody",
                  all_of(~HELD, unreadable), (ConnectionAction.RST, ConnectionAction.CLOSE),
                  "New text after close() has no reader: it is reset and ends the connection.",
                  "RFC 9293 section 3.6.1", "RFC 1122 section 4.2.2.13")
    text: tuple[ConnectionRule, ...] = (
        rule("conn-text", ~EMPTY, (ConnectionAction.TAKE_TEXT, ConnectionAction.ACK),
             "Text is taken as far as it is in order and in the window, and acknowledged.",
             f"{_SECTION}, seventh"),
        rule("conn-nothing-more", ALWAYS, ConnectionAction.DROP,
             "Nothing is left in the segment.",
             _SECTION),
    )
    no_text: tuple[ConnectionRule, ...] = (
        rule("conn-text-after-fin", ~EMPTY, ConnectionAction.ACK,
             "Text or FIN after the peer's FIN should not occur: it is ignored. The ACK of text is"
             " no demand of the standard.",
             f"{_SECTION}, seventh, CLOSE-WAIT"),
        text[-1],
    )
    fin = ConnectionAction.TAKE_TEXT, ConnectionAction.ACK
    return (
        stages.SYN_SENT.list(
            rule("syn-sent-bad-ack-rst", all_of(ACK, ~ACK_IS_SND_NXT, RST), ConnectionAction.DROP,
                 "An RST that acknowledges what was not sent is dropped.",
                 "RFC 9293 section 3.10.7.3, first"),
            rule("syn-sent-bad-ack", all_of(ACK, ~ACK_IS_SND_NXT), ConnectionAction.RST,
                 "An ACK of what was not sent is answered <SEQ=SEG.ACK><CTL=RST>.",
                 "RFC 9293 section 3.10.7.3, first"),
            rule("syn-sent-refused", all_of(RST, ACK), ConnectionAction.CLOSE,
                 "An RST that acknowledges the SYN refuses the connection.",
                 "RFC 9293 section 3.10.7.3, second"),
            rule("syn-sent-rst", RST, ConnectionAction.DROP,
                 "An RST without ACK is dropped.",
                 "RFC 9293 section 3.10.7.3, second"),
            rule("syn-sent-opened", all_of(SYN, ACK),
                 (ConnectionAction.TAKE_SYN, ConnectionAction.ACK, ConnectionAction.ESTABLISH),
                 "The peer's SYN with the ACK of ours: acknowledge it, ESTABLISHED.",
                 "RFC 9293 section 3.10.7.3, fourth"),
            rule("syn-sent-crossed", SYN,
                 (ConnectionAction.TAKE_SYN, ConnectionAction.SYN_RECEIVED),
                 "A SYN alone crosses ours: <SYN,ACK>, SYN-RECEIVED.",
                 "RFC 9293 section 3.10.7.3, fourth"),
            rule("syn-sent-other", ALWAYS, ConnectionAction.DROP,
                 "Anything else is dropped.",
                 "RFC 9293 section 3.10.7.3, fifth"),
        ),
        stages.SYN_RECEIVED.list(
            old, stray_rst, syn_again, beyond, *resets,
            rule("syn-received-syn", all_of(SYN, PASSIVE), ConnectionAction.CLOSE,
                 "A SYN in the window returns to LISTEN what a listener opened.",
                 f"{_SECTION}, fourth, SYN-RECEIVED"),
            *other,
            rule("syn-received-ack", ACK_IS_NEW,
                 (ConnectionAction.TAKE_ACK, ConnectionAction.ESTABLISH,
                  ConnectionAction.CONTINUE),
                 "The ACK of our SYN: ESTABLISHED.",
                 f"{_SECTION}, fifth, SYN-RECEIVED"),
            rule("syn-received-bad-ack", ALWAYS, ConnectionAction.RST,
                 "Any other ACK is answered <SEQ=SEG.ACK><CTL=RST>.",
                 f"{_SECTION}, fifth, SYN-RECEIVED"),
        ),
        stages.ESTABLISHED.list(
            *head, *acks,
            rule("established-fin", FIN_NEXT, (*fin, ConnectionAction.ENTER_CLOSE_WAIT),
                 "The peer's FIN is acknowledged: CLOSE-WAIT.",
                 f"{_SECTION}, eighth"),
            *text,
        ),
        stages.FIN_WAIT_1.list(
            *head, *acks, orphan,
            rule("fin-wait-1-ack", FIN_ACKED,
                 (ConnectionAction.ENTER_FIN_WAIT_2, ConnectionAction.CONTINUE),
                 "Our FIN is acknowledged: FIN-WAIT-2, and processing goes on in that state.",
                 f"{_SECTION}, fifth, FIN-WAIT-1"),
            rule("fin-wait-1-fin", FIN_NEXT, (*fin, ConnectionAction.ENTER_CLOSING),
                 "The peer's FIN before the ACK of ours is acknowledged: CLOSING.",
                 f"{_SECTION}, eighth"),
            *text,
        ),
        stages.FIN_WAIT_2.list(
            *head, *acks, orphan,
            rule("fin-wait-2-fin", FIN_NEXT,
                 (ConnectionAction.TAKE_TEXT, acknowledges_fin, ConnectionAction.ENTER_TIME_WAIT),
                 "The peer's FIN is acknowledged: TIME-WAIT.",
                 f"{_SECTION}, eighth"),
            *text,
        ),
        stages.CLOSING.list(
            *head, *acks,
            rule("closing-ack", FIN_ACKED, ConnectionAction.ENTER_TIME_WAIT,
                 "Our FIN is acknowledged: TIME-WAIT.",
                 f"{_SECTION}, fifth, CLOSING"),
            *no_text,
        ),
        stages.CLOSE_WAIT.list(*head, *acks, *no_text),
        stages.LAST_ACK.list(
            *head, *acks,
            rule("last-ack-ack", FIN_ACKED, ConnectionAction.CLOSE,
                 "Our FIN is acknowledged: CLOSED.",
                 f"{_SECTION}, fifth, LAST-ACK"),
            *no_text,
        ),
    )


ASSUMED = steps("assumed")
"""The RFC's steps under no stack's name."""
