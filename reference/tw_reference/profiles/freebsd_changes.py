"""What changed in FreeBSD from release to release, outside TIME-WAIT, as far as a profile shows it,
in order.

Read in ``sys/netinet``: 10.4, 13.0 (which was also run), 13.1, and 14.0-STABLE where
__FreeBSD_version is 1400507.  There TIME-WAIT, the syncache, what a SYN, an RST or a duplicate ACK
meets, tcp_respond(), tcp_get_flags(), the default of nolocaltimewait and the errnos of ICMP and
ICMPv6 are as ``freebsd-14`` has them.

Inferred: which of 11.0, 12.0 and 13.0 brought what 10.4 has not and 13.0 has; that 13.2 and later
are as 13.1, 14.1 and later as 14.0; and the borders at 15.0.  14.0-STABLE counts no challenge ACKs
and has no ghost ACKs and no msl_local, so those came later; of 15 only ``main`` on its way there
was read, in parts.

Known of 14.0-STABLE, and not told apart: the SYN again of an entry of the syncache that has ECN
makes it forget scaling, SACK and timestamps (``sc_flags =``; later sources have ``|=``).
"""

from __future__ import annotations

from tw_reference.profiles.changes import DatedChange


class Change(DatedChange):
    """What a branch took over between two of its releases is not told apart."""

    BLIND = (11, 0), "RFC 5961: who does not know RCV.NXT is challenged, by an RST or SYN."
    DROPS_SYN_FIN = (12, 0), "drop_synfin holds in the states of a connection, too."
    JOINS_AT_ONCE = (12, 0), "What joins text that is held is held, though it could be taken."
    SYNCACHE_PAWS = (13, 0), "The syncache drops what fails PAWS, and does not compare TSecr."
    ACKS_AT_ONCE = (13, 0), "CWR, and with SACK text that is old in part, is acknowledged at once."
    PLAIN_DUPLICATES = (13, 1), "With SACK, too, what tells nothing of it is a duplicate ACK."
    CROSSED_RST = (14, 0), "After SYNs that crossed an RST counts, whatever it acknowledges."
    ACKS_FIN = (14, 0), "The connection acknowledges the FIN that leads to TIME-WAIT itself."
    DUPLICATES_ANSWERED = (14, 0), "A duplicate ACK, or a predicted one, leaves no ACK due."
    SYN_WITH_ECN = (14, 0), "A SYN on a connection may turn on ECN."
    SYNCACHE_RST = (14, 0), "An RST ends a syncache entry, whatever flags stand beside it."
    COUNTED_CHALLENGES = (15, 0), "ack_war_cnt challenge ACKs in ack_war_timewindow; by a 14."
    GHOST_ACKS = (15, 0), "An ACK older than the ISS is challenged (insecure_ack); by a 14."
    CLOSED_UNTIL_FIN = (15, 0), "Text after close() is not reset once the FIN has come; by a 14."
    SYNCACHE_SYN_ACK = (15, 0), "<SYN,ACK> is reset, but ends no syncache entry."
