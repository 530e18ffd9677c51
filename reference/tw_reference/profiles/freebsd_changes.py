"""What changed in FreeBSD from release to release, as far as a profile shows it, in order.

Read in ``sys/netinet``, whole: 10.4; 13.0, which was also run; 14.0-STABLE of February 2024
(__FreeBSD_version 1400507); stable/14 of 26 October 2024, which became 14.2; releng/14.3 at
5982521fe3dd; and main of 29 October 2024 on its way to 15.  Of 13.1, and of main in 2025, parts.
From 14.2 to 14.3, and from there to that main, no packet of these lists differs.

Inferred: which of 11.0, 12.0 and 13.0 brought what 10.4 has not and 13.0 has; that 13.2 and later
are as 13.1; that 14.1 is as 14.0 (challenge ACKs were counted in stable/14 in August 2024, two
months after it; CLOSED_UNTIL_FIN, of April, may be in it); and what 15.0 took over from main.
"""

from __future__ import annotations

from collections.abc import Set

from tw_reference.profiles.changes import DatedChange, Version, up_to


class Change(DatedChange):
    """What a branch took over between two of its releases is dated by the first that has it."""

    BLIND = (11, 0), "RFC 5961: who does not know RCV.NXT is challenged, by an RST or SYN."
    DROPS_SYN_FIN = (12, 0), "drop_synfin holds in the states of a connection, too."
    JOINS_AT_ONCE = (12, 0), "What joins text that is held is held, though it could be taken."
    SYNCACHE_PAWS = (13, 0), "The syncache drops what fails PAWS, and does not compare TSecr."
    ACKS_AT_ONCE = (13, 0), "CWR, and with SACK text that is old in part, is acknowledged at once."
    PLAIN_DUPLICATES = (13, 1), "With SACK, too, what tells nothing of it is a duplicate ACK."
    ECN_UNTIL_CLOSED = (13, 1), "ECT, ECE and CWR are said beyond ESTABLISHED, too."
    TOLERATES_MISSING_TS = (
        (13, 1),
        "A segment may lack timestamps, unless tolerate_missing_ts is 0.",
    )
    CROSSED_RST = (14, 0), "After SYNs that crossed an RST counts, whatever it acknowledges."
    ACKS_FIN = (14, 0), "The connection acknowledges the FIN that leads to TIME-WAIT itself."
    DUPLICATES_ANSWERED = (14, 0), "A duplicate ACK, or a predicted one, leaves no ACK due."
    SYN_WITH_ECN = (14, 0), "A SYN on a connection may turn on ECN."
    SYNCACHE_RST = (14, 0), "An RST ends a syncache entry, whatever flags stand beside it."
    FORGETS_OPTIONS = (14, 0), "The SYN again of a syncache entry with ECN ends all its options."
    KEEPS_OPTIONS = (14, 2), "It does not."
    COUNTED_CHALLENGES = (14, 2), "ack_war_cnt challenge ACKs in ack_war_timewindow."
    GHOST_ACKS = (14, 2), "An ACK older than the ISS is challenged, unless insecure_ack is set."
    CLOSED_UNTIL_FIN = (14, 2), "Text after close() is not reset once the FIN has come."
    SYNCACHE_SYN_ACK = (15, 0), "<SYN,ACK> is reset, but ends no syncache entry."
    SYNCACHE_BAD_ACK = (15, 0), "Nor does an ACK that is not of the <SYN,ACK>, though it is reset."


def changes_until(version: Version) -> Set[Change]:
    """What a release has of the changes."""
    return up_to(version, Change)
