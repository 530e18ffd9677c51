"""Steps of FreeBSD's tcp_do_segment() that are the same in every state of a connection.

``tcp_input.c``, as of 13 and 14, and of 10 where that knows nothing of RFC 5961 yet.
"""

from __future__ import annotations

from collections.abc import Set

from tw_reference.profiles.common import ConnectionRule
from tw_reference.profiles.freebsd_changes import Change
from tw_reference.profiles.freebsd_words import (
    ABOUT_WINDOW,
    IN_WINDOW,
    SEQ_BELOW,
    SEQ_IS_LAST_ACK,
    SEQ_NEAR_RCV_NXT,
    SPANS_LAST_ACK,
    TS_RECENT_KNOWN,
)
from tw_reference.rules.actions import ConnectionAction as Do
from tw_reference.rules.condition import Condition, all_of, any_of
from tw_reference.rules.questions import SegmentOnConnection
from tw_reference.rules.rule import RuleMaker
from tw_reference.rules.vocabulary import (
    ACK,
    CWR,
    ECE,
    FIN,
    RST,
    SYN,
    TIMESTAMPS,
    TIMESTAMPS_IN_USE,
    TSVAL_BELOW,
    setting,
)

Rules = tuple[ConnectionRule, ...]

_freebsd = RuleMaker("freebsd")
rule, note = _freebsd.rule, _freebsd.note

DO_SEGMENT = "tcp_input.c, tcp_do_segment()"
OLD_TIMESTAMP: Condition[SegmentOnConnection] = all_of(TS_RECENT_KNOWN, TSVAL_BELOW)

# Lists are tables: a rule takes two or three lines, of which the formatter would make ten.
# fmt: off

SYN_FIN: ConnectionRule = rule(
    "conn-syn-fin", all_of(SYN, FIN, setting("drop_synfin")), Do.DROP,
    "With drop_synfin a SYN that has FIN is dropped.",
    f"{DO_SEGMENT} of 12, V_drop_synfin")

_SYN_ECN: ConnectionRule = note(
    "conn-syn-ecn", all_of(SYN, ECE, ~CWR, ~setting("ecn", 0)), Do.USE_ECN,
    "A SYN with ECE and no CWR is taken for a <SYN,ACK> in this: ECN is in use from then on.",
    f"{DO_SEGMENT} of 14, tcp_ecn_input_syn_sent()")


def blind_rst() -> Rules:
    """RST since 11, where whoever does not know what was acknowledged last gets a challenge."""
    return (
        rule("conn-rst", all_of(RST, IN_WINDOW, any_of(SEQ_IS_LAST_ACK, setting("insecure_rst"))),
             Do.CLOSE,
             "An RST at the last ACK sent, or with insecure_rst anywhere in the window, ends the"
             " connection.",
             f"{DO_SEGMENT}, last_ack_sent", "RFC 5961 section 3.2"),
        rule("conn-rst-challenge", all_of(RST, IN_WINDOW), Do.CHALLENGE,
             "An RST elsewhere in the window, as at RCV.NXT while an ACK is put off, is challenged:"
             " <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>.",
             f"{DO_SEGMENT}, tcp_respond()", "RFC 5961 section 3.2"),
        rule("conn-rst-drop", RST, Do.DROP,
             "An RST outside the window is dropped.", DO_SEGMENT),
    )


def blind_syn(changes: Set[Change]) -> Rules:
    """SYN since 11, likewise."""
    return (
        rule("conn-syn", all_of(SYN, setting("insecure_syn"), IN_WINDOW), Do.ABORT,
             "With insecure_syn a SYN in the window ends the connection with an RST.",
             f"{DO_SEGMENT}, tcp_drop()"),
        *((_SYN_ECN,) if Change.SYN_WITH_ECN in changes else ()),
        rule("conn-syn-challenge", SYN, Do.CHALLENGE,
             "A SYN is challenged, wherever it lies.",
             f"{DO_SEGMENT}, tcp_respond()", "RFC 5961 section 4.2"),
    )


def old_rst(*, established: bool) -> Rules:
    """RST until 10: one octet more on either side; ESTABLISHED wants it near RCV.NXT, or near the
    last ACK sent."""
    strict: ConnectionRule = rule(
        "conn-rst-far", all_of(RST, ~SEQ_NEAR_RCV_NXT, setting("insecure_rst", 0)), Do.DROP,
        "In ESTABLISHED an RST more than one octet from RCV.NXT and the last ACK is dropped.",
        f"{DO_SEGMENT} of 10, tcp_insecure_rst")
    return (
        *((strict,) if established else ()),
        rule("conn-rst-about", all_of(RST, ABOUT_WINDOW), Do.CLOSE,
             "An RST from one octet before the last ACK sent to RCV.WND behind it ends the"
             " connection.",
             f"{DO_SEGMENT} of 10, last_ack_sent"),
        rule("conn-rst-drop", RST, Do.DROP,
             "An RST outside the window is dropped.", DO_SEGMENT),
    )


SYN_IN_WINDOW = rule("conn-syn-in-window", all_of(SYN, ~SEQ_BELOW), Do.ABORT,
                "A SYN in the window is an error: <CTL=RST,ACK>, CLOSED.",
                f"{DO_SEGMENT} of 10, tcp_drop()", "RFC 793 page 71")
MISSING_TIMESTAMP: ConnectionRule = rule("conn-missing-timestamp",
                all_of(TIMESTAMPS_IN_USE, ~TIMESTAMPS, ~RST, setting("tolerate_missing_ts", 0)),
                Do.DROP,
                "Without tolerate_missing_ts what lacks the option, but an RST, is dropped.",
                DO_SEGMENT, "RFC 7323 section 3.2")
PAWS: ConnectionRule = rule(
    "conn-paws", OLD_TIMESTAMP, Do.DROP,
    "What fails PAWS without text is dropped.", DO_SEGMENT)
NOTE_TIMESTAMP: ConnectionRule = note(
    "conn-timestamp", all_of(TIMESTAMPS, SPANS_LAST_ACK), Do.UPDATE_ANY_TS,
    "TS.Recent follows what spans the last ACK sent, though timestamps were not agreed upon.",
    DO_SEGMENT, "RFC 7323 section 4.3")
NO_ACK: ConnectionRule = rule(
    "conn-no-ack", ~ACK, Do.DROP, "What else has no ACK is dropped.", DO_SEGMENT)
