"""Sequence numbers: arithmetic modulo 2^32 (RFC 9293 section 3.4).

Two comparisons of the same pair differ at exactly half the space, 2^31.  The RFC is silent there
and the stacks are not: BSD's ``SEQ_GT`` says «not after», Linux's ``after()`` says «after».
"""

from __future__ import annotations

MODULUS = 1 << 32
HALF = 1 << 31
_MASK = MODULUS - 1


def add(seq: int, offset: int) -> int:
    """SEQ moved by ``offset`` octets, either way."""
    return (seq + offset) & _MASK


def distance(seq: int, origin: int) -> int:
    """Signed octets from ``origin`` to ``seq``, in [-2^31, 2^31)."""
    return ((seq - origin + HALF) & _MASK) - HALF


def seq_gt(a: int, b: int) -> bool:
    """BSD's ``SEQ_GT(a, b)``: ``(int)(a - b) > 0``; false at half the space."""
    return 0 < ((a - b) & _MASK) < HALF


def after(a: int, b: int) -> bool:
    """Linux's ``after(a, b)``: ``(s32)(b - a) < 0``; true at half the space."""
    return 0 < ((a - b) & _MASK) <= HALF


def in_window(seq: int, start: int, size: int) -> bool:
    """Whether ``start <= seq < start + size``, modulo 2^32."""
    return ((seq - start) & _MASK) < size
