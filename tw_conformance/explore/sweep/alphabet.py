"""The input alphabet of a closing connection: what one segment can be, and what it can find, cut
into classes.

A class says of each dimension which of its values the segment, or the connection, has; the values
lie on both sides of every comparison that a stack makes (SEG.SEQ against RCV.NXT and the window's
edges, SEG.ACK against SND.NXT, TSval against TS.Recent, and half the space, where BSD's and Linux's
comparisons part).  Numbers stay relative: a class means the same on every connection of every
stack.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tw_conformance.model.case import Through
from tw_conformance.model.errors import UsageError
from tw_conformance.model.words import did_you_mean, listed, quoted
from tw_reference import segment as tcp
from tw_reference.segment import FLAG_BITS, flag_bits, flag_names
from tw_reference.state import OF_A_CONNECTION, State
from tw_reference.ways import Turn, way_to

NOT_APPLICABLE = "-"
"""The value of a dimension that a class has no place in: SEG.ACK without ACK, where the field is 0;
the way into TIME-WAIT of a connection that is elsewhere."""
NOT_NEGOTIATED = "off"
"""The timestamps of a connection that does not use them."""
LENGTHS: Mapping[str, int] = {"0": 0, "1": 1, "many": 100, "straddling": 1400}
"""Payload octets.  From ``left`` only ``straddling`` reaches RCV.NXT, and goes past it."""
BITS: Mapping[str, tuple[int, int]] = {
    "none": (0, 0),
    "ECE": (tcp.ECE, 0),
    "CWR": (tcp.CWR, 0),
    "ECE|CWR": (tcp.ECE | tcp.CWR, 0),
    "reserved": (0, 0x0F),
}
"""Flags of RFC 3168, and the reserved bits."""
STATES = tuple(state.value for state in OF_A_CONNECTION)
"""The states that a segment may find the DUT in (RFC 9293 section 3.3.2)."""


class SegmentClass(NamedTuple):
    """One class; each field is the name of a value of the dimension of that name."""

    flags: str
    seq: str
    ack: str
    length: str
    timestamps: str
    bits: str
    family: str
    state: str
    way: str
    listener: str
    socket: str
    scaling: str
    ecn: str

    @property
    def tcp_flags(self) -> int:
        return FLAGS[self.flags] | BITS[self.bits][0]

    @property
    def precondition(self) -> Precondition:
        return Precondition(
            family=self.family,
            timestamps=self.timestamps != NOT_NEGOTIATED,
            state=self.state,
            way=self.way,
            listener=self.listener != "no",
            socket=self.socket,
            scaling=self.scaling == "on",
            ecn=self.ecn == "on",
        )

    def __str__(self) -> str:
        return " ".join(f"{name}={value}" for name, value in zip(self._fields, self, strict=True))


class Precondition(NamedTuple):
    """What a segment finds: connections with one precondition are made and aged together.

    ``listener``: somebody still listens on the port.  ``socket``: the DUT's process has ``closed``
    its socket, or it has ``held`` it and shut it down where a FIN is due, with all text read or
    some ``unread``; none of these where no process has it yet.
    """

    family: str
    timestamps: bool
    state: str
    way: str
    listener: bool
    socket: str
    scaling: bool
    ecn: bool

    @property
    def closes_at_once(self) -> bool:
        """Whether the DUT's process closes each connection as soon as it has accepted it."""
        return self.socket == "closed" and self.state != "LAST-ACK"

    def turns(self) -> Iterator[Turn]:
        """The turns from nothing, or a listener, to a connection with it."""
        return way_to(
            State(self.state),
            through=State.FIN_WAIT_2 if self.way == NOT_APPLICABLE else State(self.way),
            closing="at once" if self.socket == "closed" else "shutdown",
            unread=self.socket == "unread",
        )


FLAGS: Mapping[str, int] = {flag_names(bits): bits for bits in range(1 << 6)}
"""Every combination of the flags of RFC 793, by its name."""

DIMENSIONS: Mapping[str, tuple[str, ...]] = {
    "flags": tuple(FLAGS),
    "seq": (
        "R-2^31+1",  # R-2^31 is R+2^31
        "left",
        "R-1",
        "R",
        "R+1",
        "mid",
        "R+W-1",
        "R+W",
        "right",
        "R+2^31-1",
        "R+2^31",
    ),
    "ack": (NOT_APPLICABLE, "S-1", "S", "S+1", "far", "S+2^31"),
    "length": tuple(LENGTHS),
    "timestamps": (NOT_NEGOTIATED, "absent", "older", "same", "newer", "half"),
    "bits": tuple(BITS),
    "family": ("ipv4", "ipv6"),
    "state": STATES,
    "way": (*(way.value for way in Through), NOT_APPLICABLE),
    "listener": ("yes", "no", NOT_APPLICABLE),
    "socket": ("closed", "held", "unread", NOT_APPLICABLE),
    "scaling": ("off", "on", NOT_APPLICABLE),
    "ecn": ("off", "on", NOT_APPLICABLE),
}
"""The values of each dimension, in order: R is RCV.NXT, W RCV.WND, S SND.NXT."""

FOUND = ("family", "timestamps", "state", "way", "listener", "socket", "scaling", "ecn")
"""Dimensions of what a segment finds, on whole or in part."""
_NO_SOCKET = frozenset(("SYN-SENT", "SYN-RECEIVED"))
OPEN = frozenset(("ESTABLISHED", "CLOSE-WAIT"))
"""States in which the DUT's process has not closed."""


def _ack_applies(flags: str, ack: str) -> bool:
    """SEG.ACK lies somewhere exactly where ACK is set (RFC 9293 section 3.1)."""
    return (FLAGS[flags] & tcp.ACK != 0) == (ack != NOT_APPLICABLE)


def _only_in_time_wait(state: str, value: str) -> bool:
    return (state == "TIME-WAIT") == (value != NOT_APPLICABLE)


def _socket_applies(state: str, socket: str) -> bool:
    if state in _NO_SOCKET:
        return socket == NOT_APPLICABLE
    return socket in (("held", "unread") if state in OPEN else ("closed", "held", "unread"))


def _negotiable(state: str, value: str) -> bool:
    return (state == "SYN-SENT") == (value == NOT_APPLICABLE)


_FEASIBLE: Mapping[tuple[str, str], Callable[[str, str], bool]] = {
    ("flags", "ack"): _ack_applies,
    ("state", "way"): _only_in_time_wait,
    ("state", "listener"): _only_in_time_wait,
    ("state", "socket"): _socket_applies,
    ("state", "scaling"): _negotiable,
    ("state", "ecn"): _negotiable,
}
"""Pairs of dimensions that depend on each other: which values go together."""


def is_feasible(values: Mapping[str, str]) -> bool:
    """Whether these values, of some dimensions or all, go together."""
    return all(
        go_together(values[first], values[second])
        for (first, second), go_together in _FEASIBLE.items()
        if first in values and second in values
    )


@dataclass(frozen=True, slots=True)
class Selection:
    """The part of the alphabet that is to be walked: the values left of each dimension."""

    values: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, text: str, states: Sequence[str] = ("TIME-WAIT",)) -> Selection:
        """Read ``flags=RST,SYN|ACK seq=R``: comma-separated values for some dimensions; ``states``
        are those of the DUT where the text names none.

        :raises UsageError: where a word is not known, with the nearest that is.
        """
        chosen = {"state": tuple(state for state in STATES if state in states)}
        for word in text.split():
            name, equals, listing = word.partition("=")
            if not equals or name not in DIMENSIONS:
                hint = did_you_mean(name, DIMENSIONS)
                raise UsageError(f"no dimension {quoted(name)}{hint} {listed(DIMENSIONS)}")
            asked = {_canonical(name, value) for value in listing.split(",")}
            chosen[name] = tuple(value for value in DIMENSIONS[name] if value in asked)
        return cls(_without_the_impossible({**DIMENSIONS, **chosen}, text))

    def product(self) -> Iterator[SegmentClass]:
        """Every class, in the order of the dimensions' values."""
        by_state = _pairwise(self.values, "state", ("way", "listener", "socket", "scaling", "ecn"))
        by_flags = _pairwise(self.values, "flags", ("ack",))
        rest = {name: self.values[name] for name in ("seq", "length", "timestamps", "bits")}
        for segment, values, found in itertools.product(by_flags, _rows(rest), by_state):
            for family in self.values["family"]:
                yield SegmentClass(**segment, **values, **found, family=family)

    def preconditions(self) -> Iterator[SegmentClass]:
        """For each precondition of its classes one class that has it: the first."""
        seen = set[Precondition]()
        segment = {name: self.values[name][:1] for name in ("seq", "length", "bits")}
        flags = {"flags": self.values["flags"][:1]}
        first = Selection({**self.values, **segment, **flags})
        for one in first.product():
            if one.precondition not in seen:
                seen.add(one.precondition)
                yield one

    def of_those(self, classes: Collection[SegmentClass]) -> Selection:
        """Without the values of a precondition that none of these classes has."""
        has = {name: {getattr(one, name) for one in classes} for name in FOUND}
        if has["timestamps"] - {NOT_NEGOTIATED}:  # one precondition for all of them
            has["timestamps"] |= set(self.values["timestamps"]) - {NOT_NEGOTIATED}
        left = {name: tuple(v for v in self.values[name] if v in has[name]) for name in FOUND}
        return Selection({**self.values, **left})

    def without(self, *dimensions: str) -> Selection:
        """The same with only the first value of those dimensions."""
        narrowed = {}
        for name in dimensions:
            values = self.values[name]
            narrowed[name] = tuple(dict.fromkeys((values[0], *_inapplicable(values))))
        return Selection({**self.values, **narrowed})


def _inapplicable(values: Sequence[str]) -> Iterator[str]:
    return (value for value in values if value == NOT_APPLICABLE)


def _without_the_impossible(
    values: Mapping[str, tuple[str, ...]], text: str
) -> dict[str, tuple[str, ...]]:
    """Without the values that no class can have with the others: they are not in question.

    :raises UsageError: where nothing is left.
    """
    left = dict(values)
    for first, second in (*_FEASIBLE, *_FEASIBLE):  # one pair may take a value from another
        pairs = [
            pair
            for pair in itertools.product(left[first], left[second])
            if is_feasible(dict(zip((first, second), pair, strict=True)))
        ]
        if not pairs:
            raise UsageError(
                f"no segment is like {text!r}: {second} is {NOT_APPLICABLE} where {first} leaves"
                " it no meaning, and only there"
            )
        left[first] = tuple(value for value in left[first] if any(p[0] == value for p in pairs))
        left[second] = tuple(value for value in left[second] if any(p[1] == value for p in pairs))
    return left


def _pairwise(
    values: Mapping[str, tuple[str, ...]], first: str, others: Sequence[str]
) -> list[dict[str, str]]:
    """The feasible rows of a dimension and those that depend on it."""
    rows = _rows({name: values[name] for name in (first, *others)})
    return [row for row in rows if is_feasible(row)]


def _rows(values: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    return [dict(zip(values, row, strict=True)) for row in itertools.product(*values.values())]


def plainness(one: SegmentClass) -> tuple[int, ...]:
    """The plainer of two classes is the smaller: what a person looks at first."""
    return (
        FLAGS[one.flags].bit_count(),
        *(_PLAINEST.get(name, DIMENSIONS[name]).index(getattr(one, name)) for name in _WEIGHTIEST),
    )


_WEIGHTIEST = (
    *("bits", "state", "listener", "socket", "scaling", "ecn", "timestamps", "length"),
    *("ack", "seq", "family", "way"),
)
"""Dimensions in the order in which their values make a class odd."""
_PLAINEST: Mapping[str, tuple[str, ...]] = {
    "timestamps": ("off", "newer", "absent", "same", "older", "half"),
    "ack": (NOT_APPLICABLE, "S", "S-1", "S+1", "far", "S+2^31"),
    "seq": (
        *("R", "R+1", "R-1", "mid", "left", "R+W", "R+W-1"),
        *("right", "R+2^31", "R+2^31-1", "R-2^31+1"),
    ),
}
"""The values of a dimension from the plainest on, where that is not their own order."""


def _canonical(name: str, value: str) -> str:
    """A value's own name; flags may stand in any order."""
    if name == "flags" and value != "none":
        names = value.split("|")
        if set(names) <= FLAG_BITS.keys():
            value = flag_names(flag_bits(names))
    if value not in DIMENSIONS[name]:
        hint = did_you_mean(value, DIMENSIONS[name])
        raise UsageError(
            f"{name}={quoted(value)[1:-1]} means nothing{hint} {listed(DIMENSIONS[name])}"
        )
    return value
