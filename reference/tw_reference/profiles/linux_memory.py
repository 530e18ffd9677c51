"""What of Linux's receive buffer is free beside unread text: ``tcp.h``, ``tcp_space()``.

Unread text is counted by the memory of its buffers (``skb->truesize``), which depends on the driver
and on what was put into one buffer (``tcp_try_coalesce()``): the bounds are those that every choice
keeps to.  Nobody has read yet; then ``tcp_rcv_space_adjust()`` begins.
"""

from __future__ import annotations

from collections.abc import Callable, Set

from tw_reference.profiles.linux_changes import Change

RECEIVE_BUFFER = 131072
"""tcp_rmem[1], octets of memory."""
BUFFER = 2304
"""skb->truesize of a frame in half a page, as of veth and most cards."""
MIDDLE_BUFFER = 1280
"""The same of a frame in a quarter of a page."""
SMALL_BUFFER = 768
"""The same of a frame without text."""
_LITTLE = 100
"""Octets of text that a small buffer has room for, whatever stands before them."""
_DEFAULT_MSS = 536
"""Octets of text that fill no more than half of a quarter of a page."""
_LAST_MIDDLE, _FIRST_WHOLE = 624, 640
"""Octets of text that surely fit a quarter of a page, and that surely do not."""
_HALF_FULL = 1140
"""Octets of text that fill less than half of their buffer."""


def memory_of(text: int) -> int:
    """The most memory, in octets, that so many octets of text in one segment take."""
    if text <= _LITTLE:
        return SMALL_BUFFER
    return MIDDLE_BUFFER if text <= _LAST_MIDDLE else BUFFER


def free_space(changes: Set[Change]) -> Callable[[int, int, int], tuple[int, int]]:
    """``StackTraits.free_space`` of a release with these changes."""
    return _by_share if Change.FILLED_BUFFERS in changes else _half


def _half(mss: int, raised: int, memory: int) -> tuple[int, int]:
    """Half of the buffer is for text (tcp_adv_win_scale), and of that a segment is left out:
    tcp_input.c, tcp_init_buffer_space(), window_clamp and rcv_ssthresh."""
    most = RECEIVE_BUFFER // 2 - mss
    return min(most, (RECEIVE_BUFFER - memory) // 2), most


def _by_share(mss: int, raised: int, memory: int) -> tuple[int, int]:
    """As much of the buffer as text had of its own (tcp_input.c, tcp_measure_rcv_mss(),
    scaling_ratio), once some was larger than expected; half of it until then."""
    if not raised:
        return _half(mss, raised, memory)
    if not (_DEFAULT_MSS < raised <= _LAST_MIDDLE or _FIRST_WHOLE <= raised <= _HALF_FULL):
        return 0, RECEIVE_BUFFER
    own = memory_of(raised)
    return 0, (RECEIVE_BUFFER - own) * (raised * 256 // own) // 256
