"""Mutants that change nothing which a packet or a call of a case could show, and why."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple


class Equivalent(NamedTuple):
    """Some mutants of some profiles, by globs of their names, and why nothing can tell them."""

    profiles: str
    mutants: str
    why: str


_OFF_THE_WIRE = (
    "No case gets there, for the reason that coverage/reasons.py gives;"
    " profiles/tests/test_lists_off_the_wire.py does."
)
_OLD = "What is all old brings no FIN that is next in order."
_DROPPED_AGAIN = "The connection that is made of the entry drops the segment for the same reason."

EQUIVALENT: tuple[Equivalent, ...] = (
    Equivalent(
        "rfc9293",
        "traits: scale_first*",
        "RFC 9293 section 3.2 leaves the order of options to the sender: no case may ask for one.",
    ),
    Equivalent("*", "user call: *", _OFF_THE_WIRE),
    Equivalent("freebsd-*", "TIME-WAIT entry: freebsd.entry-local*", _OFF_THE_WIRE),
    Equivalent("freebsd-*", "TIME-WAIT entry: freebsd.entry-full-empty*", _OFF_THE_WIRE),
    Equivalent("freebsd-14", "TIME-WAIT entry: freebsd.entry-near*", _OFF_THE_WIRE),
    Equivalent("freebsd-15", "TIME-WAIT entry: freebsd.entry-no-local*", _OFF_THE_WIRE),
    Equivalent(
        "freebsd-*",
        "*: freebsd.conn-rst-drop: behind freebsd.conn-syn",
        "An RST that gets there lies outside the window, and insecure_syn is about what is in it.",
    ),
    Equivalent(
        "freebsd-*",
        "*: freebsd.conn-paws: behind freebsd.conn-after-close",
        "Text that fails PAWS was acknowledged before, and only text can come after close().",
    ),
    Equivalent(
        "freebsd-*",
        "*: freebsd.conn-ghost-ack: behind freebsd.conn-ack-too-high*",
        "No SEG.ACK is both further left than any was and right of SND.NXT.",
    ),
    Equivalent(
        "freebsd-*",
        "*: freebsd.conn-ack-too-high-fin: behind freebsd.conn-duplicate-ack*",
        "A duplicate ACK acknowledges SND.UNA, which is not right of SND.NXT.",
    ),
    Equivalent("freebsd-*", "ESTABLISHED: freebsd.conn-old: behind freebsd.established-fin", _OLD),
    Equivalent(
        "freebsd-*", "FIN-WAIT-1: freebsd.conn-old-fin: behind freebsd.fin-wait-1-fin", _OLD
    ),
    Equivalent("freebsd-*", "FIN-WAIT-2: freebsd.conn-old: behind freebsd.fin-wait-2-fin*", _OLD),
    Equivalent(
        "freebsd-*",
        "*: freebsd.*-fin: behind freebsd.conn-nothing-more",
        "Whatever brings a FIN in order has sequence length: the FIN, or the text before it.",
    ),
    Equivalent(
        "freebsd-*",
        "CLOSING: freebsd.closing-ack: behind freebsd.conn-old-fin",
        "What is old and acknowledges the FIN was met by closing-ack-old.",
    ),
    Equivalent(
        "freebsd-*",
        "SYN-RECEIVED request: freebsd.request-no-syn: behind freebsd.request-syn-ack*",
        "An ACK without SYN and RST was met before: none is left that has no SYN.",
    ),
    Equivalent(
        "freebsd-1[345]", "SYN-RECEIVED request: freebsd.request-paws: dropped", _DROPPED_AGAIN
    ),
    Equivalent(
        "freebsd-1[345]",
        "SYN-RECEIVED request: freebsd.request-missing-timestamp: dropped",
        _DROPPED_AGAIN,
    ),
)


def equivalence(
    profile: str, mutant: str, written: Sequence[Equivalent] = EQUIVALENT
) -> Equivalent | None:
    """What is written about the mutant; None where nothing is."""
    for each in written:
        if fnmatchcase(profile, each.profiles) and fnmatchcase(mutant, each.mutants):
            return each
    return None
