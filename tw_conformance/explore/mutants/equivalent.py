"""Mutants that no packet and no call of a case can show, and why: they change nothing, or what they
change is out of a case's reach."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Literal, NamedTuple, TypeAlias

from tw_conformance.explore.mutants import why

Because: TypeAlias = Literal["changes nothing", "out of reach"]
"""Nothing that the stack does differs, or no packet and no call of a case gets there."""


class Equivalent(NamedTuple):
    """Some mutants of some profiles, by globs of their names, and why nothing can tell them."""

    profiles: str
    mutants: str
    why: str
    because: Because = "changes nothing"


EQUIVALENT: tuple[Equivalent, ...] = (
    *(
        Equivalent(profiles, f"settings: {name} = *", why.DEFAULT, "out of reach")
        for profiles, names in (
            ("freebsd-*", ("nolocaltimewait", "finwait2_timeout", "keepcnt", "keepintvl")),
            ("freebsd-1[03]", ("maxsockets", "portrange_first", "portrange_last")),
            ("freebsd-15", ("ack_war_timewindow", "ack_war_cnt", "msl_local")),
            ("linux-*", ("invalid_ratelimit", "max_tw_buckets", "tw_reuse", "tw_reuse_delay")),
            ("linux-*", ("syncookies",)),
        )
        for name in names
    ),
    Equivalent("*", "traits: ts_recent_lasts*", why.FAR_OFF, "out of reach"),
    Equivalent("linux-*", "traits: delayed_ack*", f"It is 40 ms. {why.TOO_FINE}", "out of reach"),
    Equivalent(
        "freebsd-*", "traits: delayed_ack*", f"100 ms, or 40. {why.TOO_FINE}", "out of reach"
    ),
    Equivalent("linux-*", "settings: hz = *", f"A tick is 4 ms. {why.TOO_FINE}", "out of reach"),
    *(
        Equivalent(profiles, f"traits: {trait}*", why.NO_ACTION)
        for profiles, traits in (
            ("freebsd-*", ("tick", "iss_step")),
            ("rfc9293", ("delayed_ack", "tick")),
        )
        for trait in traits
    ),
    Equivalent("*", "traits: window_follows_memory*", why.SAYS_NOTHING),
    *(
        Equivalent(profiles, "traits: buffer_of", why.NO_MEMORY)
        for profiles in ("freebsd-*", "rfc9293")
    ),
    Equivalent(
        "linux-*",
        "traits: buffer_of",
        "It is a bound: it tells beside how much unread text nothing is said of a window.",
    ),
    Equivalent(
        "freebsd-*",
        "*: freebsd.conn-nothing-more: behind freebsd.*-text-delayed*",
        "Of what is empty there is nothing to acknowledge: all that was taken is, or its ACK is put"
        " off already.",
    ),
    Equivalent("freebsd-*", "traits: keeps_ect", "No block of FreeBSD takes a FIN."),
    Equivalent(
        "freebsd-*", "SYN-RECEIVED: freebsd.syn-received-beyond: behind *timestamp", why.NEVER_SHUT
    ),
    *(
        Equivalent("freebsd-*", mutants, why.SHUT, "out of reach")
        for mutants in (
            "*: freebsd.conn-beyond*: behind freebsd.conn-timestamp",
            "FIN-WAIT-2: freebsd.conn-due-old*: «all *», the bound of SEG.SEQ one lower",
            "*: freebsd.conn-due-old-sack: «SEG.SEQ *», the bound of SEG.SEQ one lower",
        )
    ),
    *(
        Equivalent("freebsd-*", f"{state}: freebsd.{rule}: {change}", why.NOTHING_TAKEN)
        for state, rule in (
            ("ESTABLISHED", "established-due-until-12"),
            *(("ESTABLISHED", rule) for rule in ("established-due", "conn-due")),
            *(("FIN-WAIT-1", rule) for rule in ("conn-due-fin", "conn-due-until-12-fin")),
            *(("FIN-WAIT-2", rule) for rule in ("conn-due", "conn-due-until-12")),
        )
        for change in (
            "«nothing *», the bound of SEG.SEQ one lower",
            "«an ACK is due: *», the bound of the length one lower",
        )
    ),
    *(
        Equivalent("freebsd-*", f"FIN-WAIT-{n}: freebsd.conn-text-delayed*: «TS.Recent*", why.SPANS)
        for n in (1, 2)
    ),
    *(
        Equivalent(
            "freebsd-14", f"FIN-WAIT-1: freebsd.conn-due-old-sack: {change}", why.GOES_ON_ACKED
        )
        for change in ("dropped", "without «all *", "«all *», the bound of * one lower")
    ),
    Equivalent(
        "freebsd-1[34]",
        "FIN-WAIT-1: freebsd.conn-due-old-sack: without «SEG.SEQ is left of RCV.NXT and *",
        why.GOES_ON_ACKED,
    ),
    Equivalent(
        "freebsd-*",
        "SYN-SENT: freebsd.syn-sent-syn-ack-fin: without «enter ESTABLISHED»",
        "CLOSE-WAIT follows in the same segment; a process is told of both, no case asks which.",
        "out of reach",
    ),
    *(
        Equivalent("freebsd-10", f"traits: {trait}", why.ONLY_SYN_ACK)
        for trait in ("requests_stamp_zero", "scales_requests")
    ),
    Equivalent(
        "freebsd-*",
        "traits: leaves_out_urgent",
        "What recv() makes of urgent text is not ruled for FreeBSD, so that no case may ask.",
        "out of reach",
    ),
    *(
        Equivalent("linux-*", f"CLOSING: linux.{rule}", why.NONE_PUT_OFF)
        for rule in ("text-again: *", "all-old: without «put no ACK off»")
    ),
    *(
        Equivalent("linux-*", f"SYN-RECEIVED: linux.{rule}", why.QUICK_ANYWAY, "out of reach")
        for rule in ("text-again: *", "*: without «put no ACK off»")
    ),
    Equivalent("linux-*", "traits: room", "No window of Linux is as small as one octet."),
    Equivalent(
        "*", "ICMP error, no block: *.icmp-request*: «note the error» for *", why.REQUEST_FORGETS
    ),
    Equivalent(
        "rfc9293",
        "ICMP error, no block: *: «note the error» for *",
        "RFC 9293 has no call that asks for a soft error.",
    ),
    Equivalent(
        "linux-*",
        "ICMP error, no block: linux.icmp-source-quench: «note the error» for *",
        "Source Quench has no errno (icmp.c, icmp_err_convert).",
    ),
    Equivalent("freebsd-15", "traits: short_lifetime*", why.OFF_THE_WIRE, "out of reach"),
    Equivalent("*", "SYN-RECEIVED: *.syn-received-ack: without «take the ACK»", why.GOES_ON),
    *(
        Equivalent("linux-*", f"SYN-RECEIVED: linux.{note}: {change}", why.GOES_ON)
        for note in ("syn-received-timestamp", "old-timestamp")
        for change in (
            "dropped",
            "behind linux.syn-received-ack",
            "with «not the segment has a TSval, *",
            "*, the bound of SEG.SEQ one lower",
        )
    ),
    Equivalent("linux-*", "SYN-RECEIVED request: linux.half-open-timestamp: dropped", why.GOES_ON),
    Equivalent(
        "linux-*",
        "SYN-RECEIVED request: linux.half-open-timestamp: *, the bound of SEG.SEQ one lower",
        why.GOES_ON,
    ),
    Equivalent(
        "linux-*", "*: linux.fin-behind-fin: «ACK* for «ACK, delayed»", why.DELAY, "out of reach"
    ),
    Equivalent(
        "linux-*",
        "*: linux.text-after-answer*: «ACK at the next tick» for «ACK, delayed»",
        why.DELAY,
        "out of reach",
    ),
    Equivalent(
        "linux-*", "SYN-SENT: linux.syn-sent-syn*: «TS.Recent := TSval» too", why.TAKEN_ANYWAY
    ),
    *(
        Equivalent(
            "linux-*",
            f"*: linux.{note}: «TSval is older than TS.Recent», the bound of TSval one higher",
            why.AGE_ALONE,
            "out of reach",
        )
        for note in (
            "note-timestamp",
            "old-timestamp",
            "syn-received-timestamp",
            "syn-received-crossed-timestamp",
        )
    ),
    Equivalent(
        "linux-*",
        "*: linux.header-prediction*: «TSval is below TS.Recent», the bound of TSval one higher",
        why.AGE_ALONE,
        "out of reach",
    ),
    *(
        Equivalent(
            "linux-*",
            f"ESTABLISHED: linux.{rule}, the bound of the length one higher",
            why.DELAY,
            "out of reach",
        )
        for rule in (
            "fin-alone: «the segment has payload»",
            "fin-with-text*: «the FIN is next in order»",
        )
    ),
    Equivalent(
        "linux-*",
        "*: linux.all-old: behind linux.fin-behind-fin-quick*",
        "Where ACKs are quick what is old is acknowledged at once there too; it would show once 16"
        " more had gone.",
        "out of reach",
    ),
    Equivalent("linux-*", "*: linux.text-at-the-edge: dropped", why.AT_THE_EDGE, "out of reach"),
    Equivalent(
        "linux-*", "*: linux.text-at-the-edge: behind linux.fin-*", why.SHUT, "out of reach"
    ),
    Equivalent(
        "linux-*",
        "FIN-WAIT-2: linux.*take-ack: *«SEG.ACK is left of SND.UNA»*",
        why.NOTHING_TO_SEND,
    ),
    Equivalent(
        "linux-*", "SYN-SENT: linux.syn-sent-tsecr: «TS.Recent := TSval» too", why.SYN_BRINGS
    ),
    Equivalent(
        "linux-*",
        "SYN-RECEIVED: linux.syn-received-crossed: «ACK, rate-*» for «ACK»",
        why.FORGOTTEN,
    ),
    Equivalent(
        "linux-*",
        "FIN-WAIT-2 entry: linux.orphan-long: *, the bound in time 100 ms later",
        why.WHOLE_SECONDS,
    ),
    Equivalent(
        "linux-*",
        "connect(): linux.connect-no-reuse: without «not the addresses are loopback»",
        why.LOOPBACK,
        "out of reach",
    ),
    *(
        Equivalent(
            "linux-*",
            f"connect(): linux.{rule}: *, the bound in *",
            why.TO_THE_MOMENT,
            "out of reach",
        )
        for rule in ("connect-too-young", "connect-within-a-second")
    ),
    Equivalent(
        "linux-*",
        "*: linux.text-at-the-edge: *, the bound of SEG.SEQ one *",
        why.AT_THE_EDGE,
        "out of reach",
    ),
    Equivalent(
        "linux-*",
        "ACK limit: linux.oow-exempt: «send it, count* for «send it»",
        "Linux's limit goes by the time of the last ACK; it counts none.",
    ),
    Equivalent(
        "linux-*",
        "CLOSING: linux.*take-ack: behind linux.closing-acked",
        "TIME-WAIT keeps nothing of what the ACK moves, and looks at none of it.",
    ),
    Equivalent(
        "linux-*",
        "TIME-WAIT entry: linux.entry-overflow: «close the oldest block, use its slot» for *",
        "Each block of Linux has a timer of its own: there is no queue that has an oldest.",
    ),
    Equivalent(
        "linux-[56].*",
        "TIME-WAIT entry: linux.entry-overflow: «remember the peer's timestamp» for *",
        "No rule of these kernels asks for what is remembered of a peer.",
    ),
    Equivalent(
        "linux-[56].*",
        "traits: half_open_needs_listener",
        "What a listener kept has ended with it, whoever listens now.",
    ),
    Equivalent("linux-*", "FIN-WAIT-2 block: linux.fw2-fin: «restart 2MSL» too", why.STARTS_ANEW),
    Equivalent("rfc9293", "ACK limit: rfc9293.challenge-war*", why.OPEN_LIMIT, "out of reach"),
    Equivalent("*", "FIN-WAIT-1: *.conn-take-ack: behind *.fin-wait-1-ack", why.GOES_ON_ACKED),
    Equivalent(
        "rfc9293", "FIN-WAIT-1: *.conn-for-nobody: behind rfc9293.fin-wait-1-ack", why.GOES_ON_ACKED
    ),
    Equivalent("*", "CLOSING: *.conn-take-ack: behind *.closing-ack*", why.LEAVES_FOR_TIME_WAIT),
    Equivalent("rfc9293", "SYN-RECEIVED: *.conn-timestamp: behind *.syn-received-ack", why.GOES_ON),
    *(
        Equivalent(
            profiles, f"SYN-SENT: *.syn-sent-{rule}: «TS.Recent := TSval» too", why.SYN_TAKEN
        )
        for profiles, rules in (
            ("rfc9293", ("opened", "crossed")),
            ("freebsd-*", ("syn", "syn-ack", "syn-ack-fin", "fin-acked", "fin-sent", "fins*")),
        )
        for rule in rules
    ),
    Equivalent(
        "rfc9293", "SYN-SENT: rfc9293.syn-sent-opened: «ACK, rate-limited» for «ACK»", why.FORGOTTEN
    ),
    *(
        Equivalent("rfc9293", f"traits: {trait}", why)
        for trait, why in (
            ("keeps_first_window", "The window is 65535, whatever the MSS."),
            ("crosses_with_ecn", why.NO_ECN),
            ("ecn_tries", why.NO_ECN),
            ("keeps_ect", why.NO_ECN),
        )
    ),
    Equivalent("rfc9293", "traits: keeps_label", why.NO_LABEL),
    *(
        Equivalent("rfc9293", f"traits: {trait}", why.NO_LISTENER, "out of reach")
        for trait in ("half_open_*", "drops_requests", "requests_stamp_zero")
    ),
    Equivalent(
        "freebsd-*",
        "traits: drops_requests",
        "tcpdrop finds no entry of the syncache (tcp_subr.c, sysctl_drop()): no case asks for it.",
        "out of reach",
    ),
    Equivalent("rfc9293", "traits: reset_tos_mask*", why.NO_WORD, "out of reach"),
    Equivalent(
        "rfc9293",
        "traits: room",
        "It would show behind 65,535 octets that nobody read, which no case sends.",
        "out of reach",
    ),
    *(
        Equivalent("rfc9293", f"traits: {trait}", why.NO_SOCKET, "out of reach")
        for trait in ("connected", "shutdown_*", "keeps_ttl")
    ),
    *(
        Equivalent(
            "freebsd-*", f"SYN-SENT: *.syn-sent-{rule}: without «enter ESTABLISHED»", why.LED_ON
        )
        for rule in ("syn-ack-fin", "fin-acked", "fins*")
    ),
    *(
        Equivalent(profiles, "traits: challenge*", "It knows no challenge ACK.")
        for profiles in ("freebsd-10", "linux-2.6.32", "rfc9293")
    ),
    Equivalent("rfc9293", "traits: closes_early", why.NO_SOCKET, "out of reach"),
    Equivalent(
        "freebsd-10", "traits: crosses_with_ecn", "Whoever takes ECN up here asks for it too."
    ),
    Equivalent(
        "freebsd-*",
        "traits: keeps_first_window",
        "The window of a SYN is 65535 whatever the MSS, and the buffer's whole segments are counted"
        " once the peer's SYN has come.",
    ),
    Equivalent(
        "rfc9293",
        "traits: cuts_below",
        "RFC 9293 wants PSH on the last segment (MUST-61), and forbids it on none.",
        "out of reach",
    ),
    Equivalent(
        "freebsd-*",
        "SYN-RECEIVED request: freebsd.request-syn-no-timestamp: behind freebsd.request-syn-no-ecn",
        "Neither of two notes looks at what the other forgets.",
    ),
    Equivalent(
        "freebsd-15",
        "challenge ACK limit: freebsd.challenge-unlimited: *",
        "Nobody looks at what was counted while there is no limit, and no case sets one amid its"
        " steps.",
        "out of reach",
    ),
    *(
        Equivalent("freebsd-*", f"FIN-WAIT-2: freebsd.{mutant}", why.ALL_ACKED)
        for mutant in (
            "conn-take-ack: dropped",
            "conn-take-ack: behind freebsd.conn-due*",
            "conn-ack-too-high: behind freebsd.conn-take-ack",
            "conn-no-ack-due*: without «not ACK is set»",
        )
    ),
    *(
        Equivalent("rfc9293", f"FIN-WAIT-2: rfc9293.conn-take-ack: {change}", why.NOTHING_TO_SEND)
        for change in ("dropped", "negated", "*the bound of SEG.ACK one *")
    ),
    Equivalent(
        "rfc9293",
        "traits: scale_first*",
        "RFC 9293 section 3.2 leaves the order of options to the sender: no case may ask for one.",
    ),
    Equivalent("*", "user call: *", why.OFF_THE_WIRE, "out of reach"),
    Equivalent(
        "freebsd-*", "TIME-WAIT entry: freebsd.entry-local*", why.OFF_THE_WIRE, "out of reach"
    ),
    Equivalent(
        "freebsd-*", "TIME-WAIT entry: freebsd.entry-full-empty*", why.OFF_THE_WIRE, "out of reach"
    ),
    Equivalent(
        "freebsd-14", "TIME-WAIT entry: freebsd.entry-near*", why.OFF_THE_WIRE, "out of reach"
    ),
    Equivalent(
        "freebsd-15", "TIME-WAIT entry: freebsd.entry-no-local*", why.OFF_THE_WIRE, "out of reach"
    ),
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
        "*: freebsd.conn-ack-too-high-fin: behind freebsd.conn-*duplicate-ack*",
        "A duplicate ACK acknowledges SND.UNA, which is not right of SND.NXT.",
    ),
    Equivalent("freebsd-*", "*: freebsd.established-due*: behind freebsd.established-fin", why.OLD),
    Equivalent("freebsd-*", "*: freebsd.conn-due: behind freebsd.established-fin", why.OLD),
    Equivalent("freebsd-*", "*: freebsd.conn-due*-fin: behind freebsd.fin-wait-1-fin", why.OLD),
    Equivalent("freebsd-*", "*: freebsd.conn-due*: behind freebsd.fin-wait-2-fin*", why.OLD),
    Equivalent(
        "freebsd-*",
        "*: freebsd.*-fin: behind freebsd.conn-nothing-more",
        "Whatever brings a FIN in order has sequence length: the FIN, or the text before it.",
    ),
    Equivalent(
        "freebsd-*",
        "CLOSING: freebsd.closing-ack: behind freebsd.conn-after-fin-due*-fin",
        "Where an ACK is due what acknowledges the FIN was met by closing-ack-due.",
    ),
    Equivalent(
        "freebsd-*",
        "SYN-RECEIVED request: freebsd.request-no-syn: behind freebsd.request-syn-ack*",
        "An ACK without SYN and RST was met before: none is left that has no SYN.",
    ),
    Equivalent(
        "freebsd-1[345]", "SYN-RECEIVED request: freebsd.request-paws: dropped", why.DROPPED_AGAIN
    ),
    Equivalent(
        "freebsd-1[345]",
        "SYN-RECEIVED request: freebsd.request-missing-timestamp: dropped",
        why.DROPPED_AGAIN,
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
