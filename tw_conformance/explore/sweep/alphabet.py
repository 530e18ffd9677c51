"""The input alphabet of TIME-WAIT: what one segment can be, cut into classes.

A class says of each dimension which of its values the segment has; the values lie on both sides of
every comparison that a stack makes (SEG.SEQ against RCV.NXT and the window's edges, SEG.ACK against
SND.NXT, TSval against TS.Recent, and half the space, where BSD's and Linux's comparisons part).
Numbers stay relative: a class means the same on every connection of every stack.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from tw_conformance.model.case import Through
from tw_conformance.model.errors import UsageError
from tw_conformance.model.words import did_you_mean, listed, quoted
from tw_reference import segment as tcp
from tw_reference.segment import FLAG_BITS, flag_bits, flag_names

NO_ACK = "-"
"""The SEG.ACK zone of a segment without ACK: the field is 0."""
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


class SegmentClass(NamedTuple):
    """One class; each field is the name of a value of the dimension of that name."""

    flags: str
    seq: str
    ack: str
    length: str
    timestamps: str
    bits: str
    family: str
    listener: str
    way: str

    @property
    def tcp_flags(self) -> int:
        return _FLAGS[self.flags] | BITS[self.bits][0]

    @property
    def scene(self) -> Scene:
        return Scene(
            self.family, self.timestamps != NOT_NEGOTIATED, self.listener == "yes", self.way
        )

    def __str__(self) -> str:
        return " ".join(f"{name}={value}" for name, value in zip(self._fields, self, strict=True))


class Scene(NamedTuple):
    """What a segment finds: connections of one scene are made and aged together."""

    family: str
    timestamps: bool
    listener: bool
    """Whether somebody still listens on the port."""
    way: str


_FLAGS: Mapping[str, int] = {flag_names(bits): bits for bits in range(1 << 6)}

DIMENSIONS: Mapping[str, tuple[str, ...]] = {
    "flags": tuple(_FLAGS),
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
    "ack": (NO_ACK, "S-1", "S", "S+1", "far", "S+2^31"),
    "length": tuple(LENGTHS),
    "timestamps": (NOT_NEGOTIATED, "absent", "older", "same", "newer", "half"),
    "bits": tuple(BITS),
    "family": ("ipv4", "ipv6"),
    "listener": ("yes", "no"),
    "way": tuple(way.value for way in Through),
}
"""The values of each dimension, in order: R is RCV.NXT, W RCV.WND, S SND.NXT."""


@dataclass(frozen=True, slots=True)
class Representatives:
    """Concrete offsets for every class, over the variables of a case; drawn by ``seed`` where a
    value is a range."""

    seq: Mapping[str, str]
    ack: Mapping[str, str]
    tsval: Mapping[str, str]

    @classmethod
    def drawn(cls, seed: int) -> Representatives:
        random = Random(f"representatives:{seed}")
        return cls(
            seq={
                "R-2^31+1": "rcv_nxt-2^31+1",
                "left": f"rcv_nxt-{random.randint(200, 1300)}",
                "R-1": "rcv_nxt-1",
                "R": "rcv_nxt",
                "R+1": "rcv_nxt+1",
                "mid": f"rcv_nxt+{random.randint(2, 4000)}",
                "R+W-1": "rcv_nxt+rcv_wnd-1",
                "R+W": "rcv_nxt+rcv_wnd",
                "right": f"rcv_nxt+rcv_wnd+{random.randint(1, 1 << 30)}",
                "R+2^31-1": "rcv_nxt+2^31-1",
                "R+2^31": "rcv_nxt+2^31",
            },
            ack={
                "S-1": "snd_nxt-1",
                "S": "snd_nxt",
                "S+1": "snd_nxt+1",
                "far": f"snd_nxt+{random.randint(1 << 17, 1 << 30)}",
                "S+2^31": "snd_nxt+2^31",
            },
            tsval={
                "older": "ts_recent-1",
                "same": "ts_recent",
                "newer": f"ts_recent+{random.randint(1, 100_000)}",
                "half": "ts_recent+2^31",
            },
        )


@dataclass(frozen=True, slots=True)
class Selection:
    """The part of the alphabet that is to be walked: the values left of each dimension."""

    values: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, text: str) -> Selection:
        """Read ``flags=RST,SYN|ACK seq=R``: comma-separated values for some dimensions.

        :raises UsageError: where a word is not known, with the nearest that is.
        """
        chosen: dict[str, tuple[str, ...]] = {}
        for word in text.split():
            name, equals, listing = word.partition("=")
            if not equals or name not in DIMENSIONS:
                hint = did_you_mean(name, DIMENSIONS)
                raise UsageError(f"no dimension {quoted(name)}{hint} {listed(DIMENSIONS)}")
            asked = {_canonical(name, value) for value in listing.split(",")}
            chosen[name] = tuple(value for value in DIMENSIONS[name] if value in asked)
        values = {**DIMENSIONS, **chosen}
        pairs = [
            (flags, ack)
            for flags, ack in itertools.product(values["flags"], values["ack"])
            if is_feasible(flags, ack)
        ]
        if not pairs:
            raise UsageError(f"no segment is like {text!r}: SEG.ACK is {NO_ACK} only without ACK")
        # A value that no segment can have with the others is not in question.
        values["flags"], values["ack"] = (
            tuple(dict.fromkeys(side)) for side in zip(*pairs, strict=True)
        )
        return cls(values)

    def product(self) -> Iterator[SegmentClass]:
        """Every class, in the order of the dimensions' values."""
        for values in itertools.product(*self.values.values()):
            made = SegmentClass(*values)
            if is_feasible(made.flags, made.ack):
                yield made

    def without(self, dimension: str) -> Selection:
        """The same with only the first value of a dimension."""
        return Selection({**self.values, dimension: self.values[dimension][:1]})


def is_feasible(flags: str, ack: str) -> bool:
    """SEG.ACK lies somewhere exactly where ACK is set (RFC 9293 section 3.1)."""
    return (_FLAGS[flags] & tcp.ACK != 0) == (ack != NO_ACK)


def plainness(one: SegmentClass) -> tuple[int, ...]:
    """The plainer of two classes is the smaller: what a person looks at first."""
    return (
        _FLAGS[one.flags].bit_count(),
        BITS_ORDER[one.bits],
        *(
            _PLAINEST[name].index(value)
            for name, value in one._asdict().items()
            if name in _PLAINEST
        ),
    )


BITS_ORDER = {name: place for place, name in enumerate(BITS)}
_PLAINEST: Mapping[str, tuple[str, ...]] = {
    "listener": DIMENSIONS["listener"],
    "timestamps": ("off", "newer", "absent", "same", "older", "half"),
    "length": DIMENSIONS["length"],
    "ack": (NO_ACK, "S", "S-1", "S+1", "far", "S+2^31"),
    "seq": (
        *("R", "R+1", "R-1", "mid", "left", "R+W", "R+W-1"),
        *("right", "R+2^31", "R+2^31-1", "R-2^31+1"),
    ),
    "family": DIMENSIONS["family"],
    "way": DIMENSIONS["way"],
}


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
