"""Mutants of FreeBSD that no packet and no call of a case can show, and why."""

from __future__ import annotations

from tw_conformance.explore.mutants import why
from tw_conformance.explore.mutants.why import Equivalent

FREEBSD: tuple[Equivalent, ...] = (
    Equivalent(
        "freebsd-*",
        "traits: closes_half_open",
        "close() of what is not open is silent, and shutdown() sends the FIN with the <SYN,ACK>:"
        " none waits.",
    ),
    Equivalent(
        "freebsd-*", "traits: delayed_ack*", f"100 ms, or 40. {why.TOO_FINE}", "out of reach"
    ),
    Equivalent(
        "freebsd-*",
        "*: freebsd.conn-nothing-more: behind freebsd.*-text-delayed*",
        "Of what is empty there is nothing to acknowledge: all that was taken is, or its ACK is put"
        " off already.",
    ),
    Equivalent("freebsd-*", "traits: keeps_ect", "No block of FreeBSD takes a FIN."),
    *(
        Equivalent(
            "freebsd-*",
            f"traits: ecn.{field}",
            "A mark is heard of before a segment is looked at, and has no ACK be quick.",
        )
        for field in (
            "takes_empty_cwr",
            "is_quick_after_ce",
            "remembers_ect",
            "quick_acks",
            "is_quick_after_cwr",
            "minds_any_cwr",
        )
    ),
    Equivalent(
        "freebsd-10",
        "traits: ecn.takes_up_crossed",
        "Whoever takes ECN up asks for it: the setting is one for both.",
    ),
    Equivalent(
        "freebsd-10",
        "traits: ecn.heeds_ece",
        "What ECE leads to is not known of FreeBSD 10, and no case asks.",
        "out of reach",
    ),
    Equivalent(
        "freebsd-*",
        "traits: congestion.counts_duplicates",
        "Its rules have met each duplicate ACK of a flight before.",
    ),
    Equivalent(
        "freebsd-*", "SYN-RECEIVED: freebsd.syn-received-beyond: behind *timestamp", why.NEVER_SHUT
    ),
    *(
        Equivalent("freebsd-*", mutants, why.SHUT, "out of reach")
        for mutants in (
            "*: freebsd.conn-beyond*: behind freebsd.conn-timestamp",
            "*: freebsd.*-text-delayed-until-12: «an ACK is *», the bound of SEG.SEQ one lower",
            "FIN-WAIT-2: freebsd.conn-due-old*: «all *», the bound of SEG.SEQ one lower",
            "*: freebsd.conn-due-old-sack: «SEG.SEQ *», the bound of SEG.SEQ one lower",
        )
    ),
    Equivalent(
        "freebsd-14*",
        "*: freebsd.conn-due-old-sack: «all *», the bound of SEG.SEQ one lower",
        why.SHUT,
        "out of reach",
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
            "freebsd-14*", f"FIN-WAIT-1: freebsd.conn-due-old-sack: {change}", why.GOES_ON_ACKED
        )
        for change in ("dropped", "without «all *", "«all *», the bound of * one lower")
    ),
    Equivalent(
        "freebsd-1[34]*",
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
    Equivalent("freebsd-15", "traits: short_lifetime*", why.OFF_THE_WIRE, "out of reach"),
    Equivalent(
        "freebsd-*",
        "traits: drops_requests",
        "tcpdrop finds no entry of the syncache (tcp_subr.c, sysctl_drop()): no case asks for it.",
        "out of reach",
    ),
    *(
        Equivalent(
            "freebsd-*", f"SYN-SENT: *.syn-sent-{rule}: without «enter ESTABLISHED»", why.LED_ON
        )
        for rule in ("syn-ack-fin", "fin-acked", "fins*")
    ),
    Equivalent(
        "freebsd-*",
        "traits: keeps_first_window",
        "The window of a SYN is 65535 whatever the MSS, and the buffer's whole segments are counted"
        " once the peer's SYN has come.",
    ),
    Equivalent(
        "freebsd-14.0",
        "SYN-RECEIVED request: freebsd.request-syn-no-options: behind *request-syn-timestamp",
        "What TS.Recent was noted is forgotten with the option.",
    ),
    Equivalent(
        "freebsd-*",
        "SYN-RECEIVED request: freebsd.request-syn-no-timestamp: behind freebsd.request-syn-no-ecn",
        "Neither of two notes looks at what the other forgets.",
    ),
    Equivalent(
        "freebsd-1[45]",
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
    Equivalent(
        "freebsd-*", "TIME-WAIT entry: freebsd.entry-local*", why.OFF_THE_WIRE, "out of reach"
    ),
    Equivalent(
        "freebsd-*", "TIME-WAIT entry: freebsd.entry-full-empty*", why.OFF_THE_WIRE, "out of reach"
    ),
    Equivalent(
        "freebsd-14*", "TIME-WAIT entry: freebsd.entry-near*", why.OFF_THE_WIRE, "out of reach"
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
        "freebsd-1[345]*", "SYN-RECEIVED request: freebsd.request-paws: dropped", why.DROPPED_AGAIN
    ),
    Equivalent(
        "freebsd-1[345]*",
        "SYN-RECEIVED request: freebsd.request-missing-timestamp: dropped",
        why.DROPPED_AGAIN,
    ),
)
