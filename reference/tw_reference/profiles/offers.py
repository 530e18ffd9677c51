"""What a stack offers in its SYN and takes up of another's: options and ECN."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple, Self

from tw_reference.segment import CWR, ECE, Segment

ASKS_ECN = ECE | CWR
"""The bits of a SYN that ask for ECN (RFC 3168 section 6.1.1)."""


class Offers(NamedTuple):
    """The options of a SYN, each there or not; and the ECN of a handshake (RFC 3168 section
    6.1.1)."""

    timestamps: bool = False
    scaling: bool = False
    sack: bool = False
    asks_ecn: bool = False
    """Whether a SYN asks for it, with ECE and CWR."""
    takes_ecn: bool = False
    """Whether a SYN that asks for it is answered with ECE."""

    @classmethod
    def of(cls, syn: Segment) -> Self:
        """The options that a SYN has, and whether it asks for ECN."""
        return cls(
            timestamps=syn.timestamps is not None,
            scaling=syn.wscale is not None,
            sack=syn.sack_permitted,
            asks_ecn=syn.flags & ASKS_ECN == ASKS_ECN,
        )

    def options_of(self, other: Self) -> Self:
        """The same, but for options that ``other`` does not have."""
        return self._replace(
            timestamps=self.timestamps and other.timestamps,
            scaling=self.scaling and other.scaling,
            sack=self.sack and other.sack,
        )

    def or_options_of(self, other: Self) -> Self:
        """The same, and the options that ``other`` has besides."""
        return self._replace(
            timestamps=self.timestamps or other.timestamps,
            scaling=self.scaling or other.scaling,
            sack=self.sack or other.sack,
        )


def with_mss_alone(syn: Segment) -> Segment:
    """A SYN without the options that a cookie can't keep, and without ECN."""
    return replace(syn, flags=syn.flags & ~ASKS_ECN, wscale=None, sack_permitted=False)


NOTHING = Offers()
EVERYTHING = Offers(timestamps=True, scaling=True, sack=True, asks_ecn=True, takes_ecn=True)


class EcnWays(NamedTuple):
    """What a stack makes of marks on text, and of CWR, on a connection with ECN."""

    refuses_marked_syn: bool = False
    """Whether a SYN that is ECT or CE asks for ECN in vain: such marks are not its sender's
    (tcp_ecn_create_request() of Linux since 3.4)."""
    takes_up_crossed: bool = False
    """Whether a <SYN,ACK> after SYNs that crossed takes up ECN where the peer's SYN asks for it,
    but its own did not."""
    takes_empty_cwr: bool = True
    """Whether CWR ends ECE on a segment without sequence length too."""
    is_quick_after_ce: bool = True
    """Whether the first CE has ACKs be quick, which were put off."""
    remembers_ect: bool = True
    """Whether Not-ECT has them be quick only where other text was ECT or CE; else always."""
    quick_acks: int = 0
    """How many ACKs are quick, at most, where a mark has them be so."""
    is_quick_after_cwr: bool = True
    """Whether what has CWR is acknowledged at once."""
    minds_any_cwr: bool = False
    """Whether it is so without ECN too."""
    hears_all: bool = False
    """Whether CE, CWR and ECE count on all that comes, text or not, whatever becomes of it; marks
    then have no ACK be quick."""
    heeds_ece: bool = True
    """Whether ECE is known to have the next new text say CWR."""
    only_established: bool = False
    """Whether a connection says nothing of ECN but in ESTABLISHED."""
    challenges_tell: bool = True
    """Whether a challenge ACK has ECE, where other segments do."""
    resets_tell: bool = True
    """Whether a connection's own RST does."""
    time_wait_tells: bool = False
    """Whether ACKs in TIME-WAIT have ECE, where the connection's had."""
