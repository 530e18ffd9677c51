"""What rules do.  Each kind of list has an enumeration of its own, so the type checker refuses an
action that means nothing in that list.  The value of a member is how a table prints it.
"""

from __future__ import annotations

from enum import Enum


class Action(Enum):
    """What a rule does.  It has no members: each kind of list has actions of its own."""


class BlockAction(Action):
    """An answer to a segment that finds a block, in TIME-WAIT or in a compressed FIN-WAIT-2."""

    DROP = "drop"
    """Silence."""
    ACK = "ACK"
    """<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>"""
    ACK_LIMITED = "ACK, rate-limited"
    """The same, where the stack's limit on such ACKs lets it pass."""
    RST = "RST"
    """The reset of RFC 9293 section 3.10.7.1 for this segment."""
    RESTART = "restart 2MSL"
    UPDATE_TS = "TS.Recent := TSval"
    """Where the segment carries the option."""
    REMEMBER_PEER = "remember the peer's timestamp"
    """By its address alone, ports ignored."""
    DELETE = "delete the block"
    ENTER_TIME_WAIT = "enter TIME-WAIT"
    """From FIN-WAIT-2: RCV.NXT moves past the FIN."""
    ENTER_BRIEFLY = "enter TIME-WAIT for the short lifetime"
    """The same, for the profile's ``short_lifetime``."""
    REOPEN = "hand to LISTEN"
    """Delete the block, then look for a listener as if it had never been there."""
    REOPEN_ABOVE = "hand to LISTEN, ISS above SND.NXT"
    """The same, with an ISS above all that the old incarnation used (the profile's
    ``iss_step``)."""


class ConnectionAction(Action):
    """What a segment does to a connection between SYN-SENT and LAST-ACK.

    What is queued, and may be sent after the actions, is sent then.
    """

    DROP = "drop"
    """Silence; the segment is used up."""
    ACK = "ACK"
    """What waits, and may go now, carries it; else <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>."""
    ACK_ALONE = "ACK, before what waits"
    """<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>"""
    ACK_LIMITED = "ACK, rate-limited"
    """The same, where the stack's limit on such ACKs lets it pass."""
    ACK_WITH_FIN = "ACK, with the FIN again"
    """<SEQ=SND.NXT-1><ACK=RCV.NXT><CTL=FIN,ACK>, where the FIN was sent and is not acknowledged;
    else as ACK."""
    RST = "RST"
    """The reset of RFC 9293 section 3.10.7.1 for this segment."""
    CHALLENGE = "challenge ACK"
    """The same, where the stack's limit on challenge ACKs lets it pass (RFC 5961 section 7)."""
    ACK_NEXT_TICK = "ACK at the next tick"
    """None where a segment that is sent before carries the ACK."""
    ACK_DELAYED = "ACK, delayed"
    """The same, for the stack's delay (RFC 9293 section 3.8.6.3)."""
    ACK_WITH_FIN_DELAYED = "ACK, with the FIN again, delayed"
    ACK_EAGERLY = "put no ACK off"
    """Until the peer's FIN comes, or text is sent in answer."""
    NEED_ACK = "an ACK is due"
    """The next segment that is sent carries it; until then it stays due."""
    COUNT_DUPLICATE = "count the duplicate ACK"
    ABORT = "<CTL=RST,ACK>, CLOSED"
    """<SEQ=SND.NXT><ACK=RCV.NXT><CTL=RST,ACK>; the connection is gone."""
    RESEND = "send the oldest segment again"
    RESEND_LIMITED = "SYN-ACK again, rate-limited"
    RESEND_SOON = "SYN again, two ticks later"
    UPDATE_TS = "TS.Recent := TSval"
    """Where timestamps are in use."""
    UPDATE_ANY_TS = "TS.Recent := TSval, agreed upon or not"
    FORGET_TIMESTAMPS = "no timestamps from now on"
    FORGET_OPTIONS = "no options from now on"
    """Window scaling, SACK and timestamps."""
    FORGET_ECN = "no ECN from now on"
    USE_ECN = "ECN from now on"
    TAKE_SYN = "take the SYN"
    """IRS, RCV.NXT, the options and the window; its ACK too, where it has one."""
    TAKE_ACK = "take the ACK"
    """SND.UNA moves up where SEG.ACK is new; SND.WND is that of the newest segment."""
    TAKE_TEXT = "take the text"
    """What lies in the window is held; RCV.NXT moves past all that is in order, and past a FIN."""
    TAKE_HELD = "take what is held"
    """RCV.NXT moves past all that is in order."""
    HOLD_TEXT = "hold the text"
    """For later: RCV.NXT stays.  A FIN with it is forgotten."""
    SYN_RECEIVED = "SYN-ACK, enter SYN-RECEIVED"
    CONNECT = "make a connection of the request"
    """Still in SYN-RECEIVED; the handshake's own ACK is taken."""
    ESTABLISH = "enter ESTABLISHED"
    ENTER_FIN_WAIT_2 = "enter FIN-WAIT-2"
    """If no process holds the connection, the list about orphans is asked then."""
    ENTER_CLOSE_WAIT = "enter CLOSE-WAIT"
    ENTER_CLOSING = "enter CLOSING"
    OWE_ACK = "leave the ACK of the FIN to the block"
    ENTER_TIME_WAIT = "enter TIME-WAIT"
    """The list about entry is asked whether it may."""
    CLOSE = "CLOSED"
    CONTINUE = "continue processing in that state"
    """The list of the state that was entered is asked about the same segment."""
    NOT_RULED = "not ruled"
    """What comes of it depends on what nobody outside can know: what is decided is one way, and
    nothing is claimed."""


ACKNOWLEDGES = frozenset(
    (
        ConnectionAction.ACK,
        ConnectionAction.ACK_ALONE,
        ConnectionAction.ACK_WITH_FIN,
        ConnectionAction.ACK_NEXT_TICK,
        ConnectionAction.ACK_DELAYED,
        ConnectionAction.ACK_WITH_FIN_DELAYED,
    )
)
"""What answers something new; the others may be limited, and count for nothing."""


class AckLimitAction(Action):
    """What becomes of a rate-limited ACK."""

    SEND = "send it"
    SEND_AND_STAMP = "send it, note the time"
    SEND_AND_COUNT_ANEW = "send it, count from now on"
    SEND_AND_COUNT = "send it, count it"
    SUPPRESS = "suppress it"


class ErrorAction(Action):
    """What an ICMP error does to a block."""

    DROP = "drop"
    DELETE = "delete the block"


class ConnectionErrorAction(Action):
    """What an ICMP error does to a connection that is no block."""

    DROP = "drop"
    REMEMBER = "note the error"
    """SO_ERROR tells of it once, where nothing worse came."""
    CLOSE = "CLOSED, and tell the process"
    NOT_RULED = "not ruled"
    """Nothing is claimed about what comes of it."""


class OrphanAction(Action):
    """What becomes of a connection in FIN-WAIT-2 that no process holds any more."""

    RESET_AND_CLOSE = "<CTL=RST,ACK>, CLOSED"
    RESET_SEGMENT = "RST"
    """The reset of RFC 9293 section 3.10.7.1 for the segment that led here; CLOSED."""
    COMPRESS = "keep a FIN-WAIT-2 block for the FIN-WAIT-2 time-out"
    COMPRESS_LATER = "keep the connection for what exceeds 60 s, then a block for as long again"
    CLOSE_LATER = "close after the FIN-WAIT-2 time-out"
    RESET_LATER = "<CTL=RST,ACK>, CLOSED after the FIN-WAIT-2 time-out"
    CLOSE_WHEN_IDLE = "close after the keepalive's idle limit"
    WAIT = "wait"


class EntryAction(Action):
    """What becomes of a connection that is about to enter TIME-WAIT, or a FIN-WAIT-2 block."""

    ENTER = "enter TIME-WAIT"
    ENTER_BRIEFLY = "enter TIME-WAIT for the short lifetime"
    """For the profile's ``short_lifetime``."""
    RECYCLE_OLDEST = "close the oldest block, use its slot"
    ACK_OWED = "the ACK that is owed"
    """The ACK of the FIN that led here, where the connection has not sent it itself."""
    REMEMBER_PEER = "remember the peer's timestamp"
    """By its address alone, ports ignored."""
    CLOSE = "close, no TIME-WAIT"


class UnconnectedAction(Action):
    """What becomes of a segment at a listener, or at nobody."""

    DROP = "drop"
    RST = "RST"
    """The reset of RFC 9293 section 3.10.7.1 for this segment."""
    SYN_RECEIVED = "SYN-ACK, enter SYN-RECEIVED"
    COOKIE = "SYN-ACK whose ISS is a cookie, and keep nothing"
    OPEN_BY_COOKIE = "make a connection of the cookie, and go on in SYN-RECEIVED"


class BindAction(Action):
    """What bind() returns for a port that is in TIME-WAIT."""

    ALLOW = "allow"
    EADDRINUSE = "EADDRINUSE"


class ConnectAction(Action):
    """What connect() returns for a 4-tuple that is in TIME-WAIT."""

    CONNECT_ABOVE = "SYN with SEQ above SND.NXT, TSecr = TS.Recent"
    """The block is replaced; the new connection goes on where the old one stopped (the profile's
    ``iss_step``)."""
    EADDRINUSE = "EADDRINUSE"
    EADDRNOTAVAIL = "EADDRNOTAVAIL"
    EXISTS = "error: connection already exists"


class CallAction(Action):
    """What a user call of RFC 9293 section 3.10 returns in TIME-WAIT."""

    EXISTS = "error: connection already exists"
    CLOSING = "error: connection closing"
    STATUS = "report TIME-WAIT"
    ABORT = "delete the block, CLOSED"
