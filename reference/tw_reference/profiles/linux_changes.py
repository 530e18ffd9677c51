"""What changed in Linux from release to release, as far as a profile shows it, in order."""

from __future__ import annotations

from collections.abc import Set

from tw_reference.profiles.changes import DatedChange, Version, up_to


class Change(DatedChange):
    """What a stable release of an older series took over is not told apart."""

    CLOSED_WINDOW = (6, 6), "An ACK may close the window whatever came before; PAWS passes none."
    FILLED_BUFFERS = (6, 6), "The window follows how well text fills its buffers; no half is kept."
    PAWS_WRAP = (6, 7), "TS.Recent says nothing after TCP_PAWS_WRAP, 2147 s, and not 24 days."
    ISS_ABOVE = (6, 10), "The ISS that TIME-WAIT chose is used again: SND.NXT+65537."
    REUSE_DELAY = (6, 14), "tcp_tw_reuse_delay, and not the second of the peer's last timestamp."
    PAWS_OLD_ACKS = (6, 14), "A pure ACK of before that fails PAWS is dropped."
    TSECR_OF_SYN_ACK = (6, 15), "In SYN-RECEIVED a TSecr must be one of the <SYN,ACK>'s TSvals."
    KEEPS_ECT = (6, 15), "A block acknowledges what it takes with the connection's ECN field."
    AE_FLAG = (6, 15), "The reserved bit beside CWR is a flag, AE: not what is expected."
    CWR_WITH_ECN = (6, 15), "CWR has an ACK go at once only where both ends want ECN."
    PAWS_TIMEWAIT = (6, 16), "PAWS in TIME-WAIT has a counter of its own, PAWSTimewait."
    WHOLE_WINDOW = (6, 17), "Text beyond the window is not cut off where text waits to be read."
    BLIND_RESET_HALF_OPEN = (6, 18), "RFC 5961 for an RST in SYN-RECEIVED; by a stable release."
    CHALLENGES_UNSENT = (6, 18), "ESTABLISHED challenges an ACK of the unsent; likewise."


def changes_until(version: Version) -> Set[Change]:
    """What a release has of the changes."""
    return up_to(version, Change)
