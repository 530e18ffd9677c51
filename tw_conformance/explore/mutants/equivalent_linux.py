"""Mutants of Linux that no packet and no call of a case can show, and why."""

from __future__ import annotations

from tw_conformance.explore.mutants import why
from tw_conformance.explore.mutants.why import Equivalent

LINUX: tuple[Equivalent, ...] = (
    Equivalent(
        "linux-2*",
        "ESTABLISHED: linux.fin-with-text-short: «more than *, the bound of the length one higher",
        why.DELAY,
        "out of reach",
    ),
    Equivalent(
        "linux-*",
        "CLOS*: linux.paws*: «TSval lies in the replay *», the bound of TSval one higher",
        "The RTO follows the round trip, which no case knows to a millisecond.",
        "out of reach",
    ),
    Equivalent(
        "linux-*",
        "connect(): linux.connect-same-second: *",
        "Where in a second a block began no case can choose; tests/wire asks the kernel.",
        "out of reach",
    ),
    Equivalent(
        "linux-*",
        "ESTABLISHED: linux.fin-with-cwr: behind linux.fin-alone",
        why.DELAY,
        "out of reach",
    ),
    *(
        Equivalent(
            profiles,
            "traits: drops_requests",
            "Shown from 6.12 on: a kernel of before may have no CONFIG_INET_DIAG_DESTROY.",
            "out of reach",
        )
        for profiles in ("linux-5.*", "linux-6.1")
    ),
    Equivalent("linux-*", "traits: challenges_beside", why.DELAY, "out of reach"),
    Equivalent(
        "linux-*",
        "FIN-WAIT-2 entry: linux.orphan-linger2: behind linux.orphan-long",
        "A negative TCP_LINGER2 is no long wait (tcp_fin_time()): both hold nowhere.",
    ),
    Equivalent(
        "linux-*",
        "traits: ecn.heeds_ece",
        "It is about ECE on all that comes; Linux looks at that of a valid SEG.ACK.",
    ),
    Equivalent(
        "linux-2*",
        "traits: congestion.initial",
        "Segments are counted, and a tenth of four is none.",
    ),
    Equivalent(
        "linux-2*",
        "traits: ecn.quick_acks",
        "It shows where 17 full segments fill half of the window, and 16 quick ACKs are gone.",
        "out of reach",
    ),
    Equivalent("linux-2*", "traits: ecn.minds_any_cwr", "No ACK of 2.6.32 is quick after CWR."),
    Equivalent("linux-*", "traits: delayed_ack*", f"It is 40 ms. {why.TOO_FINE}", "out of reach"),
    Equivalent("linux-*", "settings: hz = *", f"A tick is 4 ms. {why.TOO_FINE}", "out of reach"),
    Equivalent(
        "linux-*",
        "traits: buffer_of",
        "It is a bound: it tells beside how much unread text nothing is said of a window.",
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
        "linux-*",
        "ICMP error, no block: linux.icmp-source-quench: «note the error» for *",
        "Source Quench has no errno (icmp.c, icmp_err_convert).",
    ),
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
        "FIN-WAIT-2: linux.take-ack: «SEG.ACK is left of SND.UNA», the bound of SEG.ACK one lower",
        why.NOTHING_TO_SEND,
    ),
    *(
        Equivalent("linux-2*", f"FIN-WAIT-2: linux.old-take-ack: {change}", why.NOTHING_TO_SEND)
        for change in (
            "without «not SEG.ACK is *",
            "«SEG.ACK is left of SND.UNA», the bound of SEG.ACK one lower",
            "«SEG.ACK is right of SND.NXT», the bound of SEG.ACK one higher",
        )
    ),
    Equivalent(
        "linux-2*", "SYN-RECEIVED: linux.old-syn-received-ack: without «take the ACK»", why.GOES_ON
    ),
    Equivalent(
        "linux-2*",
        "TIME-WAIT entry: linux.entry-overflow: behind linux.entry-recycle",
        "Of what both hold entry-overflow-recycle has decided.",
    ),
    Equivalent(
        "linux-2*",
        "TIME-WAIT entry: linux.entry-overflow*: «remember the peer's timestamp» for «close*",
        "The connection is gone anyway, and without tcp_tw_recycle nobody asks for the stamp.",
    ),
    Equivalent(
        "linux-2*",
        "TIME-WAIT entry: linux.entry-overflow*: «close the oldest *» for «close*",
        "Each block of Linux has its place in a calendar: there is no queue that has an oldest.",
    ),
    Equivalent(
        "linux-2*",
        "ESTABLISHED: linux.fin-alone: without «not text, or what came before, *",
        why.DELAY,
        "out of reach",
    ),
    *(
        Equivalent(
            "linux-2*",
            f"connect(): linux.connect-no-reuse: {change}",
            "tcp_tw_reuse is 0 or 1 here.",
        )
        for change in ("without «tw_reuse = 2 and *", "with «not the addresses are loopback»")
    ),
    Equivalent("linux-2*", "traits: keeps_label", why.NO_LABEL),
    Equivalent("linux-2*", "traits: short_lifetime", why.TOO_FINE, "out of reach"),
    *(
        Equivalent("linux-2*", f"traits: {trait}", why.NOT_KNOWN, "out of reach")
        for trait in ("rounds_scaled_window", "scales_requests", "ecn_tries")
    ),
    Equivalent(
        "linux-2*",
        "traits: drops_requests",
        "No tool ends a connection there (tcp_abort() came with 4.5): no case asks for it.",
        "out of reach",
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
        "linux-*",
        "traits: half_open_needs_listener",
        "What a listener kept has ended with it, whoever listens now.",
    ),
    Equivalent("linux-*", "FIN-WAIT-2 block: linux.fw2-fin: «restart 2MSL» too", why.STARTS_ANEW),
)
