"""Absolute numbers said as a case says them: as offsets from the DUT's variables."""

from __future__ import annotations

from collections.abc import Mapping, Set

from tw_reference.seqnum import HALF, distance

_NEAR = 1 << 20
"""A number further than this from a variable has nothing to do with it."""
_AT_AN_EDGE = 2
"""How close to the window's edge, or to half the space, an offset is said from there."""


def relative(
    number: int, variables: Mapping[str, int], *names: str, however_far: bool = False
) -> str:
    """``number`` as an offset from the first of the named variables that it is near to.

    Zero is itself unless one of them is zero: it is what a stack writes where it has no number.
    What is near to none is said as it is, or, ``however_far``, from the first that is known.

    >>> relative(101, {"rcv_nxt": 100, "irs": 99}, "rcv_nxt", "irs")
    'rcv_nxt+1'
    >>> relative(100 + 2**31, {"rcv_nxt": 100}, "rcv_nxt", however_far=True)
    'rcv_nxt-2^31'
    """
    known = {name: distance(number, variables[name]) for name in names if name in variables}
    if number == 0 and not any(known[name] == 0 for name in known.keys() - _unsaid(variables)):
        return "0"
    near = (name for name, offset in known.items() if abs(offset) < _NEAR)
    name = next(near, next(iter(known), None) if however_far else None)
    return str(number) if name is None else _said(name, known[name], variables)


def _unsaid(variables: Mapping[str, int]) -> Set[str]:
    """Variables that are 0 because nobody has said them: SND.NXT is ISS until the DUT's SYN comes,
    and a segment without ACK has no SEG.ACK."""
    before_its_syn = "iss" in variables and variables["iss"] == variables.get("snd_nxt")
    return {"seg_ack", *(("iss", "snd_nxt") if before_its_syn else ())}


def _said(name: str, offset: int, variables: Mapping[str, int]) -> str:
    edges = {HALF: "+2^31", -HALF: "-2^31"}
    if name == "rcv_nxt" and "rcv_wnd" in variables and variables["rcv_wnd"] > 2 * _AT_AN_EDGE:
        edges[variables["rcv_wnd"]] = "+rcv_wnd"
    for edge, text in edges.items():
        if abs(offset - edge) <= _AT_AN_EDGE:
            return f"{name}{text}{_signed(offset - edge)}"
    return f"{name}{_signed(offset)}"


def _signed(offset: int) -> str:
    return f"{offset:+d}" if offset else ""
