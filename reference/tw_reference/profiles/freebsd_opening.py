"""What FreeBSD does with a segment in SYN-SENT and in SYN-RECEIVED.

A listener's SYN-RECEIVED is an entry of the syncache, which ``tcp_input.c``, tcp_input(), looks
into; a connection's is that of SYNs that crossed, or of an entry whose ACK has come, and
tcp_do_segment() decides.  One thing is simpler here than there: a FIN of what opens no connection
yet is forgotten, though more text has it found again.
"""

from __future__ import annotations

from collections.abc import Set

from tw_reference.profiles.common import ConnectionRule
from tw_reference.profiles.freebsd_changes import Change
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
    note,
    old_rst,
    rule,
)
from tw_reference.profiles.freebsd_words import (
    ABOUT_WINDOW,
    ACK_OF_OPENING,
    ALL_OLD,
    BEYOND_WINDOW,
    ECHOES_SYN_ACK,
    ECN_IN_USE,
    HAS_GAP,
    IN_WINDOW,
    JOINS_HELD,
    SEQ_BELOW,
    SEQ_BELOW_IRS,
    WAS_SHUT,
)
from tw_reference.rules import stages
from tw_reference.rules.actions import ConnectionAction as Do
from tw_reference.rules.condition import ALWAYS, Condition, all_of, any_of
from tw_reference.rules.decision import AnyList
from tw_reference.rules.questions import SegmentOnConnection
from tw_reference.rules.vocabulary import (
    ACK,
    ACK_IS_SND_NXT,
    CWR,
    ECE,
    EMPTY,
    FIN,
    FIN_ACKED,
    PAYLOAD,
    RST,
    SEQ_IS_RCV_NXT,
    SYN,
    TIMESTAMPS,
    TIMESTAMPS_IN_USE,
    TSVAL_BELOW,
    setting,
)

_LISTEN = "tcp_input.c, tcp_input(), SO_ACCEPTCONN"
_EXPAND = "tcp_syncache.c, syncache_expand()"
_CHKRST = "tcp_syncache.c, syncache_chkrst()"
_ADD = "tcp_syncache.c, syncache_add()"

_BAD_ACK: Condition[SegmentOnConnection] = all_of(ACK, ~ACK_OF_OPENING)
_ONLY_ACK: Condition[SegmentOnConnection] = all_of(ACK, ~RST, ~SYN)
_SYN_BELOW: Condition[SegmentOnConnection] = all_of(SYN, SEQ_BELOW)

# Lists are tables: a rule takes two or three lines, of which the formatter would make ten.
# fmt: off



def _shut(acknowledges_fin: Do) -> Rules:
    """<SYN,ACK> where shutdown() has sent the FIN."""
    source = f"{DO_SEGMENT}, TCPS_SYN_SENT, TF_NEEDFIN"
    owed = "" if acknowledges_fin is Do.ACK else "-owed"
    opens = Do.TAKE_SYN, Do.ESTABLISH
    return (
        rule(f"syn-sent-fins-acked{owed}", all_of(FIN_ACKED, FIN),
             (*opens, Do.TAKE_TEXT, acknowledges_fin, Do.ENTER_TIME_WAIT),
             "<SYN,FIN,ACK> of a FIN that was sent leads to TIME-WAIT.", source),
        rule("syn-sent-fin-acked", FIN_ACKED,
             (*opens, Do.ENTER_FIN_WAIT_2, Do.TAKE_TEXT, Do.ACK),
             "<SYN,ACK> of a FIN that was sent leads to FIN-WAIT-2.", source),
        rule("syn-sent-fins", all_of(WAS_SHUT, FIN),
             (*opens, Do.TAKE_TEXT, Do.ENTER_CLOSING, Do.ACK_WITH_FIN),
             "<SYN,FIN,ACK> of the SYN alone crosses a FIN that was sent: CLOSING.", source),
        rule("syn-sent-fin-sent", WAS_SHUT, (*opens, Do.TAKE_TEXT, Do.ACK_WITH_FIN),
             "<SYN,ACK> of the SYN alone is acknowledged with the FIN again: FIN-WAIT-1.",
             source),
    )


_OPENED: Rules = (
    rule("syn-sent-syn-ack-fin", FIN,
         (Do.TAKE_SYN, Do.ESTABLISH, Do.TAKE_TEXT, Do.ACK, Do.ENTER_CLOSE_WAIT),
         "A FIN that comes with <SYN,ACK> is taken: CLOSE-WAIT.",
         f"{DO_SEGMENT}, TCPS_SYN_SENT, process_ACK, dodata"),
    rule("syn-sent-syn-ack", ALWAYS, (Do.TAKE_SYN, Do.ESTABLISH, Do.TAKE_TEXT, Do.ACK),
         "<SYN,ACK> opens the connection; its text is taken.",
         f"{DO_SEGMENT}, TCPS_SYN_SENT, process_ACK, dodata", "RFC 9293 section 3.10.7.3"),
)
_SYN_SENT: Rules = (
    rule("syn-sent-bad-ack-rst", all_of(_BAD_ACK, RST), Do.DROP,
         "An RST that acknowledges what was not sent is dropped.",
         f"{DO_SEGMENT}, tcp_dropwithreset()", "RFC 9293 section 3.10.7.3"),
    rule("syn-sent-bad-ack", _BAD_ACK, Do.RST,
         "A SEG.ACK that is not of the SYN is answered <SEQ=SEG.ACK><CTL=RST>.",
         f"{DO_SEGMENT}, TCPS_SYN_SENT", "RFC 9293 section 3.10.7.3"),
    rule("syn-sent-refused", all_of(RST, ACK), Do.CLOSE,
         "An RST that acknowledges the SYN ends the connection: ECONNREFUSED.",
         f"{DO_SEGMENT}, TCPS_SYN_SENT", "RFC 9293 section 3.10.7.3"),
    rule("syn-sent-rst", RST, Do.DROP,
         "An RST without ACK is dropped.",
         f"{DO_SEGMENT}, TCPS_SYN_SENT", "RFC 9293 section 3.10.7.3"),
    rule("syn-sent-no-syn", ~SYN, Do.DROP,
         "What is no SYN is dropped.", f"{DO_SEGMENT}, TCPS_SYN_SENT"),
    rule("syn-sent-syn", ~ACK, (Do.TAKE_SYN, Do.HOLD_TEXT, Do.SYN_RECEIVED),
         "A SYN alone is a simultaneous open: <SYN,ACK>, SYN-RECEIVED; its text is held.",
         f"{DO_SEGMENT}, TCPS_SYN_SENT, TF_NEEDSYN", "tcp_reass.c, tcp_reass()",
         "RFC 9293 section 3.10.7.3"),
)

# -- The syncache ---------------------------------------------------------------------------------

_RST_BESIDE: ConnectionRule = rule(
    "request-rst-beside", all_of(RST, any_of(ACK, SYN, FIN)), Do.DROP,
    "An RST that has ACK, SYN or FIN is none that answers a <SYN,ACK>, and dropped.",
    f"{_CHKRST} of 13")
_RST_AT: ConnectionRule = rule(
    "request-rst", all_of(RST, IN_WINDOW, any_of(SEQ_IS_RCV_NXT, setting("insecure_rst"))),
    Do.CLOSE,
    "An RST at RCV.NXT, or with insecure_rst anywhere in the window, ends the entry.",
    _CHKRST, "RFC 5961 section 3.2")
_RST_CHALLENGE: ConnectionRule = rule(
    "request-rst-challenge", all_of(RST, IN_WINDOW), Do.ACK,
    "An RST elsewhere in the window is challenged, without a limit.",
    f"{_CHKRST}, syncache_respond()", "RFC 5961 section 3.2")
_RST_ABOUT: ConnectionRule = rule(
    "request-rst-about", all_of(RST, ABOUT_WINDOW), Do.CLOSE,
    "An RST from IRS to IRS+RCV.WND ends the entry.", f"{_CHKRST} of 10")
_RST_DROP = rule("request-rst-drop", RST, Do.DROP, "An RST outside the window is dropped.", _CHKRST)
_PAWS: ConnectionRule = rule(
    "request-paws", all_of(_ONLY_ACK, TIMESTAMPS_IN_USE, TSVAL_BELOW), Do.DROP,
    "An ACK that fails PAWS is dropped.", _EXPAND)
_MISSING: ConnectionRule = rule(
    "request-missing-timestamp",
    all_of(_ONLY_ACK, TIMESTAMPS_IN_USE, ~TIMESTAMPS, setting("tolerate_missing_ts", 0)), Do.DROP,
    "Without tolerate_missing_ts an ACK that lacks the option is dropped.",
    _EXPAND, "RFC 7323 section 3.2")
_BAD_ACK_ENDS: ConnectionRule = rule(
    "request-bad-ack", all_of(_ONLY_ACK, ~ACK_IS_SND_NXT), (Do.RST, Do.CLOSE),
    "An ACK that is not of the <SYN,ACK> is reset, and the entry is gone.", f"{_EXPAND}, failed")
_BAD_ACK_KEEPS: ConnectionRule = rule(
    "request-bad-ack-kept", all_of(_ONLY_ACK, ~ACK_IS_SND_NXT), Do.RST,
    "An ACK that is not of the <SYN,ACK> is reset; the entry stays.",
    f"{_EXPAND}, 8af2f06a99b1", "RFC 9293 section 3.10.7.4")
_OUTSIDE: ConnectionRule = rule(
    "request-outside", all_of(_ONLY_ACK, ~IN_WINDOW), (Do.RST, Do.CLOSE),
    "An ACK outside the window is reset, and the entry is gone.", f"{_EXPAND}, failed")
_STRANGE_TIMESTAMPS: Rules = (
    rule("request-timestamp", all_of(_ONLY_ACK, ~TIMESTAMPS_IN_USE, TIMESTAMPS),
         (Do.RST, Do.CLOSE),
         "So is an ACK with timestamps that were not agreed upon.", f"{_EXPAND} of 10"),
    rule("request-tsecr", all_of(_ONLY_ACK, TIMESTAMPS, ~ECHOES_SYN_ACK), (Do.RST, Do.CLOSE),
         "So is an ACK whose TSecr is not the <SYN,ACK>'s TSval.", f"{_EXPAND} of 10, sc_ts"),
)
_OPENS: ConnectionRule = rule(
    "request-ack", _ONLY_ACK, (Do.CONNECT, Do.CONTINUE),
    "The ACK of the <SYN,ACK> makes a connection of the entry, and goes on as a segment of it.",
    f"{_EXPAND}, syncache_socket()", _LISTEN)
_NO_SYN = rule("request-no-syn", ~SYN, Do.DROP, "What has neither ACK nor SYN is dropped.", _LISTEN)
_SYN_ACK: ConnectionRule = rule(
    "request-syn-ack", ACK, (Do.RST, Do.CLOSE),
    "<SYN,ACK> is reset, and the entry is gone.", f"{_LISTEN}, syncache_badack()")
_SYN_ACK_KEEPS: ConnectionRule = rule(
    "request-syn-ack-kept", ACK, Do.RST, "<SYN,ACK> is reset; the entry stays.", _LISTEN)
_SYN_FIN_AGAIN: ConnectionRule = rule(
    "request-syn-fin", all_of(FIN, setting("drop_synfin")), Do.DROP,
    "With drop_synfin a SYN that has FIN is dropped.", f"{_LISTEN}, drop_synfin")
_FORGETS: ConnectionRule = note(
    "request-syn-no-options", ECN_IN_USE, Do.FORGET_OPTIONS,
    "A SYN again, of an entry with ECN, ends all its options: scaling, SACK and timestamps.",
    f"{_ADD} of 14.0, tcp_ecn_syncache_add(), sc_flags")
_AGAIN: Rules = (
    note("request-syn-timestamp", all_of(TIMESTAMPS_IN_USE, TIMESTAMPS), Do.UPDATE_TS,
         "TS.Recent follows a SYN.", f"{_ADD}, sc_tsreflect"),
    note("request-syn-no-timestamp", ~TIMESTAMPS, Do.FORGET_TIMESTAMPS,
         "A SYN again that lacks the option ends timestamps.", f"{_ADD}, SCF_TIMESTAMP"),
    note("request-syn-no-ecn", any_of(~ECE, ~CWR), Do.FORGET_ECN,
         "A SYN again that does not ask for ECN ends it.", f"{_ADD}, SCF_ECN"),
    rule("request-syn", ALWAYS, Do.RESEND,
         "A SYN, whatever its number, has the <SYN,ACK> sent again.", f"{_ADD}, tcps_sc_dupsyn"),
)


def _request(changes: Set[Change]) -> AnyList:
    blind, paws = Change.BLIND in changes, Change.SYNCACHE_PAWS in changes
    forgets = Change.FORGETS_OPTIONS in changes and Change.KEEPS_OPTIONS not in changes
    return stages.SYN_RECEIVED_REQUEST.list(
        *((_PAWS, _MISSING) if paws else ()),
        _BAD_ACK_KEEPS if Change.SYNCACHE_BAD_ACK in changes else _BAD_ACK_ENDS, _OUTSIDE,
        *(() if paws else _STRANGE_TIMESTAMPS), _OPENS,
        *(() if Change.SYNCACHE_RST in changes else (_RST_BESIDE,)),
        *((_RST_AT, _RST_CHALLENGE) if blind else (_RST_ABOUT,)), _RST_DROP,
        _NO_SYN,
        _SYN_ACK_KEEPS if Change.SYNCACHE_SYN_ACK in changes else _SYN_ACK,
        _SYN_FIN_AGAIN, *((_FORGETS,) if forgets else ()), *_AGAIN,
    )


# -- A connection's SYN-RECEIVED ------------------------------------------------------------------

_BAD_UNTIL_13: Rules = (
    rule("syn-received-bad-ack-rst", all_of(_BAD_ACK, RST), Do.DROP,
         "An RST that acknowledges what was not sent is dropped.",
         f"{DO_SEGMENT}, tcp_dropwithreset()"),
    rule("syn-received-bad-ack", _BAD_ACK, Do.RST,
         "A SEG.ACK that is not of the SYN is answered <SEQ=SEG.ACK><CTL=RST>; SYN-RECEIVED"
         " stays.", f"{DO_SEGMENT}, TCPS_SYN_RECEIVED", "RFC 9293 section 3.10.7.4"),
)
_BAD: Rules = (
    rule("syn-received-bad-ack-but-rst", all_of(_BAD_ACK, ~RST), Do.RST,
         "A SEG.ACK that is not of the SYN is answered <SEQ=SEG.ACK><CTL=RST>, unless it comes with"
         " an RST; SYN-RECEIVED stays.",
         f"{DO_SEGMENT} of 14, TCPS_SYN_RECEIVED", "RFC 9293 section 3.10.7.4"),
)
_CHECK: Rules = (
    rule("syn-received-paws-text", all_of(OLD_TIMESTAMP, PAYLOAD), Do.RESEND,
         "Text that fails PAWS has the <SYN,ACK> sent again.",
         DO_SEGMENT, "tcp_output.c, tcp_outflags[TCPS_SYN_RECEIVED]"),
    PAWS,
    rule("syn-received-left", SEQ_BELOW_IRS, Do.RST,
         "What lies left of the peer's SYN is reset; SYN-RECEIVED stays.",
         f"{DO_SEGMENT}, LAND"),
    rule("syn-received-beyond", BEYOND_WINDOW, Do.RESEND,
         "What lies right of the window has the <SYN,ACK> sent again.",
         f"{DO_SEGMENT}, dropafterack", "tcp_output.c, tcp_outflags[TCPS_SYN_RECEIVED]"),
    NOTE_TIMESTAMP,
)
_ACKNOWLEDGES: Rules = (
    rule("syn-received-again", all_of(~ACK, any_of(PAYLOAD, FIN, ALL_OLD)),
         (Do.HOLD_TEXT, Do.RESEND),
         "Without ACK text, which is held, a FIN or what is old, the SYN among it, has the"
         " <SYN,ACK> sent again.",
         f"{DO_SEGMENT}, step6, TF_ACKNOW", "tcp_output.c, tcp_outflags[TCPS_SYN_RECEIVED]"),
    NO_ACK,
)


def _syn_ack(name: str, when: Condition[SegmentOnConnection]) -> ConnectionRule:
    return rule(
        name, when, (Do.TAKE_ACK, Do.ESTABLISH, Do.HOLD_TEXT, Do.TAKE_HELD, Do.ACK),
        "After SYNs that crossed, the peer's <SYN,ACK> opens the connection; its text is taken, and"
        " what was held.",
        DO_SEGMENT, "RFC 9293 section 3.5, figure 7")


_ANY_SYN_ACK = _syn_ack("syn-received-any-syn-ack", SYN)
_SYN_ACK_BELOW = _syn_ack("syn-received-syn-ack", _SYN_BELOW)
_SYN_PASSED_OVER: ConnectionRule = rule(
    "syn-received-syn", SYN, (Do.TAKE_ACK, Do.ESTABLISH),
    "A SYN further right is passed over, its ACK taken.", DO_SEGMENT)
_JOINS: ConnectionRule = rule(
    "syn-received-text-joins", all_of(JOINS_HELD, any_of(PAYLOAD, FIN)),
    (Do.TAKE_ACK, Do.ESTABLISH, Do.HOLD_TEXT, Do.ACK),
    "The ACK of the SYN opens the connection; text or a FIN that joins text which is held is held"
    " with it, and RCV.NXT stays.",
    "tcp_reass.c of 12, tcp_reass()")
_ACK_OF_HELD: ConnectionRule = rule(
    "syn-received-ack-held", all_of(EMPTY, HAS_GAP), (Do.TAKE_ACK, Do.ESTABLISH, Do.TAKE_HELD),
    "The ACK of the SYN opens the connection, where text that was held is taken, in silence.",
    f"{DO_SEGMENT}, TCPS_SYN_RECEIVED, tcp_reass()")
_ACK = rule(
    "syn-received-ack", ALWAYS, (Do.TAKE_ACK, Do.ESTABLISH, Do.CONTINUE),
    "The ACK of the SYN opens the connection, where the segment goes on.",
    f"{DO_SEGMENT}, TCPS_SYN_RECEIVED", "RFC 9293 section 3.10.7.4")


def opening(acknowledges_fin: Do, changes: Set[Change]) -> tuple[AnyList, ...]:
    """The lists of both states; ``acknowledges_fin`` is how the FIN is that leads to TIME-WAIT."""
    blind = Change.BLIND in changes
    syn_fin = (SYN_FIN,) if Change.DROPS_SYN_FIN in changes else ()
    return (
        stages.SYN_SENT.list(*syn_fin, *_SYN_SENT, *_shut(acknowledges_fin), *_OPENED),
        _request(changes),
        stages.SYN_RECEIVED.list(
            *syn_fin, *((MISSING_TIMESTAMP,) if blind else ()),
            *(_BAD if Change.CROSSED_RST in changes else _BAD_UNTIL_13),
            *(blind_rst() if blind else old_rst(established=False)), *_CHECK,
            *(() if blind else (SYN_IN_WINDOW,)), *_ACKNOWLEDGES,
            *((_JOINS,) if Change.JOINS_AT_ONCE in changes else ()),
            *((_SYN_ACK_BELOW, _SYN_PASSED_OVER) if blind else (_ANY_SYN_ACK,)), _ACK_OF_HELD, _ACK,
        ),
    )
