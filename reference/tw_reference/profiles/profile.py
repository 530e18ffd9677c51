"""A profile: one documented stack's rules, settings and traits, as a value."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeAlias

from tw_reference.clock import MILLISECOND, SECOND, Clock
from tw_reference.profiles.congestion_ways import CongestionWays
from tw_reference.profiles.offers import NOTHING, EcnWays, Offers
from tw_reference.profiles.steps import ASSUMED
from tw_reference.reaping import Expire, Reaper
from tw_reference.rules import stages
from tw_reference.rules.actions import ConnectAction, ConnectionAction
from tw_reference.rules.condition import Q
from tw_reference.rules.decision import AnyList, AnyStage, DecisionList, Stage
from tw_reference.rules.questions import SegmentOnConnection
from tw_reference.rules.rule import A
from tw_reference.rules.stages import STAGES
from tw_reference.rules.watched import Tell, WatchedList
from tw_reference.segment import IcmpError, Packet
from tw_reference.seqnum import add
from tw_reference.state import State

COUNT = range(2**31)
"""Values of a setting that is a number of something, in the range of a kernel's int."""
POSITIVE = range(1, 2**31)
"""The same of one that may not be 0."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A switch of the stack: its default, what it does, where that is written.

    ``least``: a lower value that is written at run time is accepted and changes nothing.
    ``level``: how strictly a standard means its default (``SHOULD``, ``MAY``); none where it is a
    stack's own.  ``ruled``: the values that the rules know; of others they say nothing.
    """

    default: int
    says: str
    source: str
    least: int | None = None
    level: str = ""
    ruled: range = range(2)


Settings: TypeAlias = Mapping[str, int]
"""A stack's settings by name, as they are now."""


class IdleLimit(NamedTuple):
    """When an orphan in FIN-WAIT-2 that hears nothing is closed (ns)."""

    longest: int
    """Silence that is borne; it is looked at when so much time has passed."""
    again: int
    """Until it is looked at once more."""


class WindowOffered(NamedTuple):
    """The window of a segment whose SEG.ACK may be taken, beside SND.WND."""

    by_seq: int
    """SEG.SEQ - SND.WL1."""
    by_ack: int
    """SEG.ACK - SND.WL2."""
    acknowledges: bool
    """Whether SEG.ACK is above SND.UNA."""
    window: int
    """SEG.WND in octets."""
    current: int
    """SND.WND."""


class Unsent(NamedTuple):
    """The next segment that waits, beside the room that the peer's window has for it (octets)."""

    text: int
    """All that waits, an MSS at most."""
    closes: bool
    """Whether the FIN stands behind that text."""
    room: int
    mss: int
    largest_window: int
    """MAX.SND.WND."""
    behind: bool = False
    """Whether another has gone out just before it."""


def is_worth_sending(unsent: Unsent) -> bool:
    """A full segment, all that waits, or half of the largest window: less would be silly (RFC 9293
    section 3.8.6.2.1).  A FIN needs no room."""
    sent = min(unsent.text, unsent.room)
    return sent == unsent.text or sent >= min(unsent.mss, max(unsent.largest_window // 2, 1))


def fits_whole(unsent: Unsent) -> bool:
    """The whole segment fits, its FIN too; of several that are one packet, the first (Linux,
    ``tcp_output.c``, tcp_snd_wnd_test(), tcp_mss_split_point())."""
    return unsent.behind or unsent.text + unsent.closes <= unsent.room


def of_the_newest(offered: WindowOffered) -> bool:
    """SND.WL1 < SEG.SEQ, or SND.WL1 = SEG.SEQ and SND.WL2 =< SEG.ACK (RFC 9293 section
    3.10.7.4)."""
    return offered.by_seq > 0 or (offered.by_seq == 0 and offered.by_ack >= 0)


@dataclass(frozen=True, slots=True)
class StackTraits:
    """How the stack behaves around TIME-WAIT where no decision is taken, as far as the wire shows
    it.

    ``receive_window`` gives the window in octets offered for a given MSS (of payload, options
    taken off).  ``reopens_window`` tells whether the right edge of the window moves with a FIN
    that was received; ``aligns_scaled_window`` that a scaled window is opened anew with every
    segment and rounded up to its scale (Linux, ``__tcp_select_window()``).
    """

    receive_window: Callable[[int], int]
    reopens_window: bool
    aligns_scaled_window: bool
    offers: Callable[[Settings, Offers], Offers]
    """What it offers under its settings when it opens a connection, or takes up of that which the
    peer's SYN has: of what is wanted, what it has.  Of settings, only those are looked at that say
    so."""
    first_rto: int
    """Initial retransmission time-out, nanoseconds."""
    least_rto: int
    """Retransmission time-out on a path without delay, nanoseconds."""
    rto_after_syns: int | None = None
    """The least of it where the SYN was sent again, and so tells of no round trip (nanoseconds; RFC
    6298 section 5.7); None: as it is."""
    congestion: CongestionWays = field(default_factory=CongestionWays)
    """How it keeps to a congestion window."""
    window_scale: int = 7
    """The shift that it offers."""
    scale_first: bool = False
    """Whether the window scale stands before SACK and timestamps in its SYN, or behind them."""
    scaled_window: Callable[[int], int] | None = None
    """The window offered where it is scaled, for the MSS that both sides agree on; None: as where
    it is not."""
    rounds_scaled_window: bool = False
    """Whether a connection rounds a scaled window up, and so moves its edge; a challenge ACK and
    TIME-WAIT cut it off."""
    keeps_first_window: bool = False
    """Whether a connection that it opens keeps the window that its SYN offered, before the peer's
    options could lessen the MSS."""
    window_follows_memory: bool = False
    """Whether the memory that buffers take decides the window once text was read, or fills its
    buffer well, and every scaled one: nothing is said of it then."""
    free_space: Callable[[int, int, int], tuple[int, int]] | None = None
    """Where no window is scaled and unread text lets the window open in steps of a segment (Linux,
    ``__tcp_select_window()``): the least and the most octets that are free, for the MSS, the last
    text that was larger than expected (0: none was) and the most memory (octets) that buffers take.
    What differs for the two is not ruled.  None: the edge stays."""
    buffer_of: Callable[[int], int] = lambda text: text
    """The most memory, in octets, that so many octets of text in one segment take."""
    cuts_below: bool = False
    """Whether several segments may be one packet until they are below TCP, the last of which then
    has PSH; how many are one depends on the pace, so that of PSH nothing is said between."""
    half_open_needs_listener: bool = False
    """Whether a segment that finds a listener's SYN-RECEIVED, and no listener any more, is one for
    nobody; what the listener kept stays, and its timer, for another."""
    half_open_ends_with_listener: bool = False
    """Whether a segment that finds a listener's SYN-RECEIVED, and not the listener which opened it,
    ends it and is one for nobody; and the timer that would send the <SYN,ACK> again."""
    drops_requests: bool = False
    """Whether the peer of a listener's SYN-RECEIVED that an administrator ends is not told."""
    scales_requests: bool = True
    """Whether the window that a listener's SYN-RECEIVED has, and tells in an ACK, is scaled."""
    requests_stamp_zero: bool = True
    """Whether the ACK of a listener's SYN-RECEIVED has timestamps where TS.Recent is 0."""
    tells_repeats: bool = False
    """Whether SACK tells first of what has come twice (RFC 2883)."""
    loses_covered_fin: bool = False
    """Whether text that arrives in front of a FIN held out of order, and reaches it, takes its
    place: the FIN is lost."""
    repeats: Offers = NOTHING
    """The options of its SYN that the <SYN,ACK> of a simultaneous open offers again, though the
    peer's SYN has none (RFC 7323 sections 2.2 and 3.2 forbid it of two)."""
    keeps_syn_timer: bool = False
    """Whether the timer of its SYN runs on for that <SYN,ACK>; else it starts anew."""
    closes_half_open: Callable[[bool, bool], bool] | None = None
    """Where SYNs have crossed, in SYN-RECEIVED: whether the FIN goes at once, by whether the
    process lets go of the socket, or only shuts it, and whether text waits.  One that waits all the
    same goes before what comes with the ACK of the SYN is looked at.  None: it waits for that ACK,
    and for that."""
    least_mss: int = 1
    """The MSS that a peer's counts as at least (octets, options of each segment among them)."""
    most_text: Callable[[int, int, bool], int] = lambda mss, widest, stamped: mss
    """How many octets of text a segment has at most, for the MSS, the widest window that the peer
    ever offered, and whether timestamps are in use."""
    ecn: EcnWays | None = None
    """What it makes of marks; None: nothing is known of that, and they are passed over."""
    closes_early: bool = False
    """Whether shutdown() before the SYN is acknowledged sends the FIN at once, and with each SYN
    that is sent again."""
    gives_up_opening: bool = False
    """Whether close() and ABORT before the connection is open are silent after SYNs that crossed,
    too."""
    challenges_beside: bool = False
    """Whether a challenge ACK carries no ACK that was put off, which goes too, when it is due."""
    respond: Callable[[Packet, Packet], Packet] = lambda own, answered: own
    """A challenge ACK as it goes out: as the connection would send it, and what it answers."""
    resets_respond: bool = False
    """Whether so goes a reset that answers a segment in SYN-SENT, or after SYNs that crossed, where
    it has timestamps if they are in use."""
    ecn_tries: int = 1
    """How many SYNs ask for ECN before the next is one that does not (RFC 3168 section 6.1.1.1)."""
    resets_with_window: bool = True
    """Whether a connection's own RST says what its window is; else 0."""
    delayed_ack: int = 200 * MILLISECOND
    """Nanoseconds by which an ACK may be put off."""
    tick: Callable[[Settings], int] = lambda settings: 10 * MILLISECOND
    """Nanoseconds between two ticks of the clock that timers run by."""
    resets_unread: bool = True
    """Whether close() sends an RST where text was not read (RFC 1122 section 4.2.2.13)."""
    connected: ConnectAction = ConnectAction.EADDRINUSE
    """What connect() comes to on a 4-tuple that has a connection."""
    shutdown_ends_opening: Collection[str] = ()
    """Which shutdown() (read, write, both) in SYN-SENT gives the connection up, without a word."""
    send_buffer: int | None = None
    """How many octets send() surely takes that are not acknowledged; beyond them memory decides,
    and nothing is said.  None: any number."""
    sent_too_early: str = ""
    """What send() of a process that does not wait gives before there is a connection; empty: the
    text waits for it (RFC 9293 section 3.10.2)."""
    leaves_out_urgent: bool = False
    """Whether recv() passes over the octet that an urgent pointer stands behind."""
    acknowledges_reading: bool = False
    """Whether an ACK that was put off goes once the process has read what it is of."""
    shutdown_discards: bool = False
    """Whether shutdown() for reading throws away what is unread, and what comes after it."""
    reset_errors: Mapping[State, str] = field(
        default_factory=lambda: {State.SYN_SENT: "ECONNREFUSED"}
    )
    """What a process is told of a reset in some states; in the others ECONNRESET."""
    error_name: Callable[[IcmpError], str] = lambda error: ""
    """What a process is told of an ICMP error, as errno; nothing where no source has one."""
    end_before_error: bool = False
    """Whether recv() tells of the peer's FIN, where that was taken, and not of a reset after it."""
    ts_recent_lasts: int = 24 * 24 * 3600 * SECOND
    """Nanoseconds after which TS.Recent says nothing any more on a connection (RFC 7323 section
    5.5)."""
    takes_window: Callable[[WindowOffered], bool] = of_the_newest
    """Whether a segment's window is SND.WND from then on."""
    cuts_first: bool = True
    """Whether what lies left of RCV.NXT is cut off a segment before its SEG.SEQ is held against
    SND.WL1 (RFC 9293 section 3.10.7.4)."""
    fits: Callable[[Unsent], bool] = is_worth_sending
    """Whether a segment that waits may go out into the room that there is."""
    probes_with_text: bool = True
    """Whether a probe of a closed window is the next octet of the text (RFC 9293 section 3.8.6.1);
    else it is an empty segment at SND.UNA-1, which no window has."""
    keeps_to_window: bool = False
    """Whether the SEG.SEQ of an empty segment lies no further right than the window that the peer
    offers now; where windows are scaled it may, by less than a unit of the own scale."""
    probes_tail: bool = False
    """Whether the end of a flight is asked for before the time-out, where SACK is in use."""
    pushes_part: bool = False
    """Whether text has PSH that is sent by the timer, cut to the room that there is."""
    reset_tos_mask: int = 0
    """The bits of a segment's TOS that the RST which answers it has too, over IPv4."""
    reset_tos_mask_ipv6: int = 0
    """The same of its traffic class, over IPv6."""
    ttl: int = 64
    room: Callable[[int], int] = lambda mss: 0
    """RCV.WND at least (octets) of a connection, for a given MSS: a header without scaling may not
    be able to say so much."""
    window_on_entry: Callable[[int, int], int] = lambda room, offered: offered
    """The window that TIME-WAIT acknowledges with, given all that there is room for on entry and
    what is left of that which was advertised (octets)."""
    labels_flows: bool = False
    """Whether the packets of a connection have a flow label of IPv6 that is its own."""
    keeps_label: bool = True
    """Whether the ACK of TIME-WAIT has it too; else it has none."""
    labels_resets: bool = False
    """Whether a reset for nobody has a label."""
    keeps_ect: bool = False
    """Whether a block that takes the FIN acknowledges it with the ECN field of what the connection
    sent last; what it acknowledges otherwise has none."""
    keeps_ttl: bool = False
    """Whether the ACK of TIME-WAIT has the TTL or hop limit that the socket was given."""
    stamps_without_ts_recent: bool = False
    """Whether the ACK of TIME-WAIT has the Timestamps option where TS.Recent is 0."""
    iss_step: int = 65537
    """How far above SND.NXT the ISS lies that TIME-WAIT chooses for a new incarnation: above all
    that the old one can have used (RFC 9293 section 3.6.1)."""
    fin_wait_2_timeout: Callable[[Settings, int | None, int], int] | None = None
    """How long an orphan waits for the FIN (ns), given the settings, TCP_LINGER2 in seconds where
    the process set it, and the retransmission time-out (ns); None: for ever."""
    idle_limit: Callable[[Settings], IdleLimit] | None = None
    """Where the orphan list closes what is idle."""
    short_lifetime: Callable[[Settings, int], int] | None = None
    """The lifetime (ns) of a block that entered briefly, given the settings and the
    retransmission time-out (ns), where a list has such an entry."""

    def iss_above(self, snd_nxt: int) -> int:
        """The ISS of a new incarnation, above the numbers of the old one; 1 where that is 0."""
        return add(snd_nxt, self.iss_step) or 1


ConnectionList: TypeAlias = tuple[DecisionList[SegmentOnConnection, ConnectionAction], bool]
MakeReaper: TypeAlias = Callable[[Clock, Expire, Settings], Reaper]


@dataclass(frozen=True, slots=True)
class Profile:
    """A documented stack.  Everything that sets it apart in TIME-WAIT is in its decision lists.

    A new one is made from another by :meth:`derive`; it states only what is different.
    """

    name: str
    title: str
    settings: Mapping[str, Setting]
    msl: int
    """Nanoseconds, where no setting ``msl`` (milliseconds) says otherwise."""
    lateness: Callable[[Settings], int]
    """Nanoseconds by which an expired block may outlive its timer, by settings."""
    traits: StackTraits
    reaper: MakeReaper
    decisions: tuple[AnyList, ...]
    """At most one list for each stage."""
    parent: str | None = None
    """The profile that this one was derived from."""
    assumed: tuple[AnyList, ...] = ASSUMED
    """How a connection gets on in states where ``decisions`` has no list, since nothing is known
    of the stack there: as RFC 9293 says.  Nothing is claimed by these, and nothing prints them."""
    _by_stage: Mapping[AnyStage, AnyList] = field(init=False, repr=False, compare=False)
    _on_connection: Mapping[AnyStage, ConnectionList] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Look up once what every segment asks for."""
        by_stage = {decisions.stage: decisions for decisions in self.decisions}
        assumed = {decisions.stage: decisions for decisions in self.assumed}
        on_connection: dict[AnyStage, ConnectionList] = {
            stage: (by_stage.get(stage) or assumed[stage], stage in by_stage)
            for stage in stages.OF_STATE.values()
        }
        requests = by_stage.get(stages.SYN_RECEIVED_REQUEST)
        on_connection[stages.SYN_RECEIVED_REQUEST] = (
            on_connection[stages.SYN_RECEIVED] if requests is None else (requests, True)
        )
        object.__setattr__(self, "_by_stage", by_stage)
        object.__setattr__(self, "_on_connection", on_connection)

    def lists(self) -> Iterator[AnyList]:
        """Every decision list of this profile, in the order in which a connection meets them."""
        return iter(sorted(self.decisions, key=lambda decisions: STAGES.index(decisions.stage)))

    def find(self, stage: Stage[Q, A]) -> DecisionList[Q, A] | None:
        """The list for a stage; None where nothing is known of the stack there."""
        return self._by_stage.get(stage)

    def __getitem__(self, stage: Stage[Q, A]) -> DecisionList[Q, A]:
        """:raises KeyError: where this profile has no list for that stage."""
        decisions = self.find(stage)
        if decisions is None:
            raise KeyError(stage)
        return decisions

    def on_connection(self, state: State, *, is_request: bool = False) -> ConnectionList:
        """The list for a segment in a state of a connection, and whether it is this profile's own
        or only assumed.  ``is_request``: no connection was made of the SYN yet, which many stacks
        keep apart."""
        stage = stages.SYN_RECEIVED_REQUEST if is_request else stages.OF_STATE[state]
        return self._on_connection[stage]

    def defaults(self) -> dict[str, int]:
        return {name: setting.default for name, setting in self.settings.items()}

    def counters(self) -> Set[str]:
        """The counters that some rule moves."""
        return {rule.counts for decisions in self.decisions for rule in decisions if rule.counts}

    def lifetime(self, settings: Settings) -> int:
        """2MSL in nanoseconds under these settings."""
        return 2 * (settings["msl"] * MILLISECOND if "msl" in settings else self.msl)

    def derive(
        self,
        name: str,
        title: str,
        *changed: AnyList,
        without: tuple[AnyStage, ...] = (),
        settings: Mapping[str, Setting] | None = None,
        dropped_settings: tuple[str, ...] = (),
        **changes: Any,
    ) -> Profile:
        """A profile that differs in the lists given (for their stages), and in ``changes``.

        ``without`` drops lists, ``dropped_settings`` settings; ``settings`` adds or replaces.
        """
        gone = {decisions.stage for decisions in changed} | set(without)
        kept = tuple(d for d in self.decisions if d.stage not in gone)
        merged = {n: s for n, s in self.settings.items() if n not in dropped_settings}
        return replace(
            self,
            name=name,
            title=title,
            decisions=kept + changed,
            settings=merged | dict(settings or {}),
            parent=self.name,
            **changes,
        )

    def with_list(self, decisions: AnyList) -> Profile:
        """The same profile with one list exchanged: how mutants are made."""
        others = tuple(d for d in self.decisions if d.stage is not decisions.stage)
        return replace(self, decisions=(*others, decisions))

    def watched(self, tell: Tell) -> Profile:
        """The same profile, whose lists tell of each decision that they take."""
        lists = (
            d
            if isinstance(d, WatchedList) and d.tell == tell
            else WatchedList(d.stage, d.rules, tell=tell)
            for d in self.decisions
        )
        return replace(self, decisions=tuple(lists))
