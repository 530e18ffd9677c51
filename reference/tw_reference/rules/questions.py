"""What a stack keeps of a connection in TIME-WAIT, and the questions that are put to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from tw_reference.segment import Flow, IcmpError, Segment
from tw_reference.state import Snapshot, State


@dataclass(slots=True)
class TimeWaitBlock:
    """The compressed state: FreeBSD's ``struct tcptw``, Linux's ``tcp_timewait_sock``.

    ``flow`` is the 4-tuple as this side sends it.  ``rcv_wnd`` is in octets, frozen on entry;
    ``rcv_scale`` its shift in the header.  ``ts_recent`` is 0 where timestamps are not in use.
    ``expires``, ``entered``, ``ts_recent_stamp`` and ``last_ack`` are times, ``rto`` is a duration,
    in nanoseconds.  ``substate`` is TIME-WAIT, or FIN-WAIT-2 where a stack keeps an orphan of that
    state in the same table.  ``ttl`` is that of its ACKs, IPv6's hop limit.  ``reuse_address`` is
    the dead socket's SO_REUSEADDR, ``reuse_port`` its SO_REUSEPORT; ``port_was_bound``, whether
    bind() had chosen its port, as a listener's is.
    """

    flow: Flow
    snd_nxt: int
    rcv_nxt: int
    rcv_wnd: int
    rcv_scale: int
    timestamps: bool
    ts_recent: int
    ts_recent_stamp: int
    ts_offset: int
    tos: int
    rto: int
    substate: State
    entered: int
    expires: int
    ttl: int = 64
    flow_label: int = 0
    ect: int = 0
    """The ECN field of its ACK that answers what the stack takes."""
    ece: int = 0
    """The flag ECE, where its ACKs have it."""
    reuse_address: bool = False
    reuse_port: bool = False
    port_was_bound: bool = True
    window_is_ruled: bool = True
    """Whether ``rcv_wnd`` is what the stack has, and not only near it."""
    last_ack: int | None = None
    """When the last rate-limited ACK was sent."""

    def snapshot(self) -> Snapshot:
        return Snapshot(self.substate, self.rcv_nxt, self.ts_recent, self.expires)


class PeerStamp(NamedTuple):
    """The latest timestamp of a peer, whatever its port: its value and when it was seen (ns)."""

    tcp_ts: int
    seen: int


class Tcb(Protocol):
    """The variables that a connection and a block both have, as :class:`TimeWaitBlock` says."""

    @property
    def snd_nxt(self) -> int: ...
    @property
    def rcv_nxt(self) -> int: ...
    @property
    def rcv_wnd(self) -> int: ...
    @property
    def rcv_scale(self) -> int: ...
    @property
    def timestamps(self) -> bool: ...
    @property
    def ts_recent(self) -> int: ...
    @property
    def ts_recent_stamp(self) -> int: ...
    @property
    def last_ack(self) -> int | None: ...


class Pace(Protocol):
    """What a connection goes by in putting off an ACK."""

    @property
    def is_engaged(self) -> bool:
        """Whether text, or something old, has come yet."""

    @property
    def is_interactive(self) -> bool:
        """Whether ACKs wait for text to carry them."""

    def compresses(self, rcv_nxt: int) -> bool:
        """Whether what comes behind a gap at RCV.NXT may be acknowledged a little later, several
        of it at once."""

    def is_quick(self, now: int, rto: int) -> bool:
        """Whether text that comes now is surely acknowledged at once."""

    def may_be_quick(self, *, grows: bool) -> bool:
        """Whether it may be; ``grows``: the window may, for that text."""


class Marks(Protocol):
    """What a connection goes by where marks and CWR have ACKs be quick."""

    def are_urgent(self, segment: Segment, field: int) -> bool:
        """Whether the ACK of text that comes now is not to be put off because of its mark."""

    def cwr_is_urgent(self, segment: Segment) -> bool:
        """Whether it has CWR, for which its ACK is not to be put off."""


class ConnectionTcb(Tcb, Protocol):
    """The variables of a connection that is no block: those of RFC 9293 section 3.3.1, and what a
    stack remembers beside them.  Times and durations are in nanoseconds."""

    @property
    def state(self) -> State: ...
    @property
    def iss(self) -> int: ...
    @property
    def irs(self) -> int: ...
    @property
    def snd_una(self) -> int: ...
    @property
    def snd_wnd(self) -> int: ...
    @property
    def max_window(self) -> int:
        """MAX.SND.WND: the largest window that the peer ever advertised (RFC 5961 section 5.2)."""

    @property
    def snd_wl1(self) -> int: ...
    @property
    def snd_scale(self) -> int:
        """The shift of the peer's window."""

    @property
    def is_passive(self) -> bool:
        """Whether a listener opened it."""

    @property
    def acknowledged(self) -> int:
        """Octets of sequence space that the peer has acknowledged to this connection; the SYN of a
        passive opening, which a listener sent for it, is none of them."""

    @property
    def rcv_wup(self) -> int:
        """The last ACK number sent: RCV.NXT when the window was last told."""

    @property
    def first_tsval(self) -> int | None:
        """TSval of the first SYN or <SYN,ACK> sent; None where it had none."""

    @property
    def ts_recent_lasts(self) -> int:
        """How old TS.Recent may be and still say something (RFC 7323 section 5.5)."""

    @property
    def syn_tsval(self) -> int:
        """TSval of the SYN or <SYN,ACK> that was sent last."""

    @property
    def tsval(self) -> int:
        """What TSval would be now."""

    @property
    def retransmissions(self) -> int:
        """How often the oldest segment was sent again."""

    @property
    def fin_sent(self) -> bool: ...
    @property
    def receive_shut(self) -> bool:
        """Whether nothing more is to be received: after close(), shutdown() for reading, a FIN."""

    @property
    def has_gap(self) -> bool:
        """Whether something is held that waits for what comes before it."""

    @property
    def held_edge(self) -> int:
        """Right of the last octet that waits so, or RCV.NXT."""

    @property
    def ack_put_off(self) -> bool:
        """Whether an ACK is due that was put off."""

    @property
    def ack_due(self) -> bool:
        """Whether what has come is yet to be acknowledged with the next segment that is sent."""

    @property
    def duplicate_acks(self) -> int:
        """How many duplicate ACKs have come since one that was new, or the timer sent again."""

    @property
    def sack(self) -> bool:
        """Whether both ends want SACK."""

    @property
    def ecn(self) -> bool:
        """Whether both ends want ECN."""

    @property
    def marks(self) -> Marks:
        """What it goes by in ECN."""

    @property
    def reads(self) -> bool:
        """Whether a process takes text as it comes."""

    @property
    def queued(self) -> bool:
        """Whether the process has something to read yet: text, or the peer's FIN."""

    @property
    def pace(self) -> Pace:
        """What it goes by in putting off an ACK."""

    @property
    def rcv_adv(self) -> int:
        """One past the right edge of the window that was advertised."""

    @property
    def held(self) -> bool:
        """Whether a process holds the socket; after close() none does."""

    @property
    def linger2(self) -> int | None:
        """TCP_LINGER2 in seconds, where the process set it."""

    @property
    def mss(self) -> int: ...
    @property
    def rto(self) -> int:
        """The retransmission time-out, with what it was backed off by."""

    @property
    def heard_at(self) -> int:
        """When the segment before this one arrived."""

    def full_text(self, segment: Segment) -> int:
        """How many octets of text a full segment is expected to have, once ``segment`` has come."""

    @property
    def widest(self) -> int:
        """The most octets that the window may have had when it was told last."""

    @property
    def buffered(self) -> int:
        """The most memory that what has come takes, in octets."""

    def may_grow(self, segment: Segment) -> bool:
        """Whether the window may grow for the text of ``segment``."""

    def keeps_window(self, segment: Segment) -> bool | None:
        """Whether, with the text of ``segment``, the window would be no less than was told last;
        None where memory decides that in a way that is not known."""

    def brings_fin(self, segment: Segment) -> bool:
        """Whether with ``segment`` the peer's FIN, in it or held behind it, is next in order."""


class SegmentOnConnection(NamedTuple):
    """«SEGMENT ARRIVES» on a connection in any state from SYN-SENT to LAST-ACK."""

    segment: Segment
    tcb: ConnectionTcb
    settings: Mapping[str, int]
    now: int
    """Nanoseconds."""
    queue_full: bool = False
    """The listener that a request is of has a full accept queue."""
    ecn_field: int = 0
    """Of the IP header (RFC 3168 section 5)."""


class AckDue(NamedTuple):
    """A rate-limited ACK is about to answer ``segment``."""

    segment: Segment
    tcb: Tcb
    settings: Mapping[str, int]
    now: int
    """Nanoseconds."""
    since: int | None = None
    """When counting such ACKs began (ns), where a stack counts them."""
    counted: int = 0
    """How many were sent since."""


class SegmentArrives(NamedTuple):
    """«SEGMENT ARRIVES» on a TIME-WAIT block: all that a rule may look at."""

    segment: Segment
    tcb: TimeWaitBlock
    settings: Mapping[str, int]
    now: int
    """Nanoseconds."""
    listener: bool
    """Whether somebody listens on the local port."""


class ErrorArrives(NamedTuple):
    """An ICMP error about a segment of a TIME-WAIT block (RFC 9293 section 3.9.2.2)."""

    error: IcmpError
    settings: Mapping[str, int]


class ErrorOnConnection(NamedTuple):
    """An ICMP error about a segment of a connection in any state from SYN-SENT to LAST-ACK."""

    error: IcmpError
    tcb: ConnectionTcb
    settings: Mapping[str, int]
    is_request: bool = False
    """No connection was made of the peer's SYN yet."""


class Unconnected(NamedTuple):
    """«SEGMENT ARRIVES» where there is no connection: at a listener, or at nobody."""

    segment: Segment
    settings: Mapping[str, int]
    now: int = 0
    queue_full: bool = False
    """The listener's accept queue is full."""
    peer: PeerStamp | None = None
    """What is remembered of the sender's timestamps."""
    reopens: bool = False
    """TIME-WAIT handed the segment on, with an ISS for what it opens."""
    cookie: tuple[int, int] | None = None
    """The ISS that is a cookie, and the IRS that it was made for."""


class Orphaned(NamedTuple):
    """A connection in FIN-WAIT-2 that no process holds any more."""

    settings: Mapping[str, int]
    timeout: int
    """How long it is to wait for the FIN (ns), by the profile and the socket's TCP_LINGER2."""
    negative: bool = False
    """The socket asked for a negative TCP_LINGER2."""
    fin: bool = False
    """The segment that led here carries a FIN."""
    by_close: bool = False
    """close() in FIN-WAIT-2 led here, and no segment."""


class Entry(NamedTuple):
    """A connection that is about to enter TIME-WAIT (or the FIN-WAIT-2 substate)."""

    settings: Mapping[str, int]
    blocks: int
    """Blocks in the table now."""
    peer_is_local: bool
    """The peer's address is one of this host's."""
    block: TimeWaitBlock
    peer_is_on_link: bool = False
    """No router lies between."""


class OnPort(Protocol):
    """A connection or a block, whose local port somebody wants to bind."""

    @property
    def reuse_address(self) -> bool:
        """SO_REUSEADDR on its socket."""

    @property
    def reuse_port(self) -> bool:
        """SO_REUSEPORT on its socket."""


class Bind(NamedTuple):
    """bind() to a port that a connection or a block has."""

    owner: OnPort
    reuse_address: bool
    """SO_REUSEADDR on the new socket."""
    reuse_port: bool
    """SO_REUSEPORT on the new socket."""


class Connect(NamedTuple):
    """connect() on a 4-tuple that is in TIME-WAIT.

    ``automatic``: the port was not chosen by bind(), and no other is free.
    """

    block: TimeWaitBlock
    settings: Mapping[str, int]
    now: int
    automatic: bool
    loopback: bool


class UserCall(NamedTuple):
    """A user call of RFC 9293 section 3.10 on a connection in TIME-WAIT."""

    verb: str
    """open, send, receive, close, abort or status."""
