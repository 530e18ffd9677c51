"""Mutants that no packet and no call of a case can show, and why: they change nothing, or what they
change is out of a case's reach."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from tw_conformance.explore.mutants import why
from tw_conformance.explore.mutants.equivalent_freebsd import FREEBSD
from tw_conformance.explore.mutants.equivalent_linux import LINUX
from tw_conformance.explore.mutants.why import Equivalent

EQUIVALENT: tuple[Equivalent, ...] = (
    *FREEBSD,
    *LINUX,
    Equivalent(
        "rfc9293",
        "*unacceptable-rst: «the segment is acceptable *», the bound of the length one higher",
        why.SHUT,
        "out of reach",
    ),
    *(
        Equivalent("rfc9293", f"traits: {trait}", why.NO_WORD, "out of reach")
        for trait in ("keeps_syn_timer", "least_mss", "most_text", "acknowledges_reading")
    ),
    Equivalent("rfc9293", "traits: leaves_out_urgent", why.NO_SOCKET, "out of reach"),
    *(
        Equivalent(profiles, f"settings: {name} = *", why.DEFAULT, "out of reach")
        for profiles, names in (
            ("freebsd-*", ("nolocaltimewait", "finwait2_timeout", "keepcnt", "keepintvl")),
            ("freebsd-1[03]*", ("maxsockets", "portrange_first", "portrange_last")),
            ("freebsd-1[45]", ("ack_war_timewindow", "ack_war_cnt")),
            ("freebsd-15", ("msl_local",)),
            ("linux-*", ("invalid_ratelimit", "max_tw_buckets", "tw_reuse", "tw_reuse_delay")),
            ("linux-*", ("syncookies",)),
        )
        for name in names
    ),
    Equivalent("*", "traits: ts_recent_lasts*", why.FAR_OFF, "out of reach"),
    *(
        Equivalent(profiles, f"traits: {trait}*", why.NO_ACTION)
        for profiles, traits in (
            ("freebsd-*", ("tick", "iss_step")),
            ("rfc9293", ("delayed_ack", "tick")),
        )
        for trait in traits
    ),
    Equivalent("*", "traits: window_follows_memory*", why.SAYS_NOTHING),
    Equivalent("linux-*", "traits: send_buffer", why.SAYS_NOTHING),
    *(
        Equivalent("*", f"traits: congestion.{trait}", why.BETWEEN)
        for trait in ("sure_until", "syns_borne", "defers", "tries_new_text")
    ),
    *(
        Equivalent("*", f"traits: repeats.{field}", "Of a SYN it has the options; ECN is none.")
        for field in ("asks_ecn", "takes_ecn")
    ),
    *(
        Equivalent(profiles, "traits: buffer_of", why.NO_MEMORY)
        for profiles in ("freebsd-*", "rfc9293")
    ),
    Equivalent(
        "*", "ICMP error, no block: *.icmp-request*: «note the error» for *", why.REQUEST_FORGETS
    ),
    Equivalent(
        "rfc9293",
        "ICMP error, no block: *: «note the error» for *",
        "RFC 9293 has no call that asks for a soft error.",
    ),
    Equivalent("*", "SYN-RECEIVED: *.syn-received-ack: without «take the ACK»", why.GOES_ON),
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
            ("ecn_tries", why.NO_ECN),
            ("keeps_ect", why.NO_ECN),
        )
    ),
    Equivalent("rfc9293", "traits: keeps_label", why.NO_LABEL),
    *(
        Equivalent("rfc9293", f"traits: {trait}", why.NO_LISTENER, "out of reach")
        for trait in ("half_open_*", "drops_requests", "requests_stamp_zero")
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
        Equivalent(profiles, f"traits: {trait}", "It knows no challenge ACK.")
        for profiles, trait in (
            ("freebsd-10", "challenges_beside"),
            ("freebsd-10", "ecn.challenges_tell"),
            ("linux-2.6.32", "ecn.challenges_tell"),
            *(
                (profiles, trait)
                for profiles in ("linux-2.6.32", "rfc9293")
                for trait in ("challenges_beside", "respond")
            ),
        )
    ),
    Equivalent(
        "rfc9293",
        "traits: congestion.counts_duplicates",
        "RFC 5681 section 3.2 has a SHOULD there that this profile leaves out: no case may ask.",
        "out of reach",
    ),
    Equivalent("rfc9293", "traits: closes_early", why.NO_SOCKET, "out of reach"),
    Equivalent(
        "rfc9293",
        "traits: cuts_below",
        "RFC 9293 wants PSH on the last segment (MUST-61), and forbids it on none.",
        "out of reach",
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
)
"""What is written about each stack, about RFC 9293, and about several."""


def equivalence(
    profile: str, mutant: str, written: Sequence[Equivalent] = EQUIVALENT
) -> Equivalent | None:
    """What is written about the mutant; None where nothing is."""
    for each in written:
        if fnmatchcase(profile, each.profiles) and fnmatchcase(mutant, each.mutants):
            return each
    return None
