"""What RFC 5927, 5961, 6191, 7323 and 9768 say of TIME-WAIT and closing."""

from __future__ import annotations

from tw_conformance.explore.clauses.clause import MAY, MUST, SHOULD, TEXT, ClauseMaker

_IDLE = "No case can be idle for 24 days; on the reference time is virtual, but a case waits 2MSL."

_c = ClauseMaker("rfc5927", "RFC 5927", base="rfc9293").clause

# Lists are tables: a clause takes two or three lines, of which the formatter would make ten.
# fmt: off

RFC_5927 = (
    _c("in-flight", TEXT, "section 4.1",
       "An ICMP error is heeded where SND.UNA =< SEG.SEQ < SND.NXT holds for what it quotes.",
       rules=("icmp-not-in-flight",)),
    _c("hard-is-soft", TEXT, "section 5.2",
       "In the synchronized states a hard error is taken for a soft one.",
       cases=("rfc-icmp-hard-is-soft",)),
    _c("source-quench", TEXT, "section 6.2", "Source Quench is ignored.",
       rules=("icmp-source-quench",)),
    _c("too-big", TEXT, "section 7.2",
       "What says that a packet was too big is checked before the path MTU is lowered, and aborts"
       " nothing.", rules=("icmp-too-big",)),
)

_c = ClauseMaker("rfc5961", "RFC 5961", base="rfc9293").clause

RFC_5961 = (
    _c("where-long-lived", SHOULD, "section 1.1",
       "Who keeps long-lived connections implements the three mitigations.",
       rules=("rst-challenge", "syn-challenge", "conn-rst-challenge", "conn-syn-challenge")),
    _c("elsewhere", MAY, "section 1.1", "Everybody else may.",
       rules=("rst-challenge", "syn-challenge", "conn-rst-challenge", "conn-syn-challenge")),
    _c("rst", SHOULD, "section 3.2", "A reset is judged by three steps, not by RFC 793's two.",
       rules=("rst-challenge", "conn-rst-challenge")),
    _c("rst-outside", MUST, "section 3.2, 1)", "Outside the window it is dropped in silence.",
       rules=("unacceptable-rst", "conn-unacceptable-rst", "rst-left", "conn-rst-left")),
    _c("rst-exact", MUST, "section 3.2, 2)", "At RCV.NXT it ends the connection.",
       rules=("rst", "conn-rst"), cases=("rst-at-rcv-nxt",)),
    _c("rst-challenged", MUST, "section 3.2, 3)",
       "Elsewhere in the window it is answered by a challenge ACK.",
       rules=("rst-challenge", "conn-rst-challenge")),
    _c("rst-dropped", MUST, "section 3.2, 3)", "And dropped.",
       rules=("rst-challenge", "conn-rst-challenge")),
    _c("rst-syn-sent", MUST, "section 3.2, SYN-SENT",
       "In SYN-SENT a reset that does not acknowledge the SYN is dropped in silence.",
       rules=("syn-sent-rst", "syn-sent-bad-ack-rst")),
    _c("syn", SHOULD, "section 4.2", "A SYN is challenged, not answered by a reset.",
       rules=("syn-challenge", "conn-syn-challenge")),
    _c("syn-challenged", MUST, "section 4.2, 1)",
       "Whatever its SEG.SEQ it is answered by a challenge ACK.",
       rules=("syn-challenge", "conn-syn-challenge")),
    _c("syn-dropped", MUST, "section 4.2, 1)", "And dropped.",
       rules=("syn-challenge", "conn-syn-challenge")),
    _c("syn-confirmed", MUST, "section 4.2",
       "The reset that answers the challenge ends the connection.",
       rules=("rst",), cases=("reused-port-below",)),
    _c("ack", MAY, "section 5.2", "SEG.ACK may be checked more strictly than by RFC 793.",
       rules=("ack-range",)),
    _c("ack-checked", MUST, "section 5.2",
       "Who does so accepts SND.UNA - MAX.SND.WND =< SEG.ACK =< SND.NXT alone.",
       rules=("ack-range",)),
    _c("ack-answered", MUST, "section 5.2", "And discards all else, and sends an ACK.",
       rules=("ack-range",)),
    _c("throttle", SHOULD, "section 7", "Challenge ACKs are throttled.",
       rules=("challenge-throttle",),
       cases=("rate-limited", "challenges-are-counted", "hazard-2"),
       stands={"linux-2.6.32": "deviates: there is no limit before 3.6",
               "linux-*": "conforms: tcp_invalid_ratelimit, tcp_challenge_ack_limit",
               "freebsd-1[45]": "conforms: on connections; TIME-WAIT has no limit",
               "freebsd-*": "deviates: there is no limit",
               "rfc9293": "deviates: challenge_interval is 0, so that no case counts on it"}),
    _c("throttle-tunable", SHOULD, "section 7, 2)",
       "An administrator can set the number and the time.",
       cases=("rfc-throttle", "rate-limit-off", "challenges-with-a-count-of-0"),
       stands={"linux-2.6.32": "not applicable: there is no limit",
               "linux-*": "conforms: tcp_invalid_ratelimit, tcp_challenge_ack_limit",
               "freebsd-1[45]": "conforms: ack_war_cnt, ack_war_timewindow",
               "freebsd-*": "not applicable: there is no limit",
               "rfc9293": "conforms: challenge_interval"}),
)

_c = ClauseMaker("rfc6191", "RFC 6191", base="rfc9293").clause

RFC_6191 = (
    _c("a1", SHOULD, "section 2, timestamps, first",
       "With timestamps before and now, a newer TSval opens.",
       rules=("syn-reopen",), cases=("syn-newer-timestamp",)),
    _c("a2", SHOULD, "section 2, timestamps, second",
       "With the same TSval a SYN opens that is beyond the last number seen.",
       rules=("syn-reopen",), cases=("syn-above-timestamp-relations",)),
    _c("a3", SHOULD, "section 2, timestamps, third",
       "Without timestamps now, one opens that is beyond the last number seen.",
       rules=("syn-reopen",), cases=("syn-above-timestamp-relations",)),
    _c("a4", SHOULD, "section 2, timestamps, fourth",
       "Any other SYN is dropped in silence, and TIME-WAIT stays.",
       rules=("syn-silent",)),
    _c("b1", SHOULD, "section 2, no timestamps, first",
       "Without timestamps before, one that has them opens.",
       rules=("syn-reopen",), cases=("almost-rfc6191", "syn-timestamp-unknown-to-block"),
       stands={"rfc9293": "conforms",
               "*": "deviates: its SEG.SEQ alone counts, case syn-timestamp-unknown-to-block"}),
    _c("b2", SHOULD, "section 2, no timestamps, second",
       "Without them now either, one opens that is beyond the last number seen.",
       rules=("syn-reopen",), cases=("syn-above-rcv-nxt",)),
    _c("b3", SHOULD, "section 2, no timestamps, third",
       "Any other SYN is dropped in silence, and TIME-WAIT stays.", rules=("syn-silent",)),
)

_FOLLOWS = {
    "freebsd-*": "deviates: in TIME-WAIT it is never updated (tcp_timewait.c:400-402)",
    "linux-*": "conforms: in TIME-WAIT by an empty segment at RCV.NXT alone",
    "rfc9293": "conforms: on connections; TIME-WAIT takes no segment",
}

_c = ClauseMaker("rfc7323", "RFC 7323", base="rfc9293").clause

RFC_7323 = (
    _c("scaled-window", MUST, "section 2.3",
       "The window of every segment without SYN is shifted, that of TIME-WAIT's ACK too.",
       cases=("ack-window-scaled",),
       stands={"freebsd-1[45]": "conforms: what rounding had added is cut off, case"
                                " ack-window-cut-off"}),
    _c("echo", MUST, "section 3.2", "TSecr is a TSval that the peer sent, by section 4.3.",
       cases=("fin-again-timestamp-relations", "ts-recent-stays"), stands={"*": "conforms"}),
    _c("in-every-segment", MUST, "section 3.2",
       "Once negotiated the option is in every segment but a reset.",
       cases=("ack-timestamps", "ack-with-timestamps-alone", "timestamps-of-0"),
       stands={"freebsd-1[03]": "deviates: where TS.Recent is 0 TIME-WAIT's ACK has none",
               "linux-*": "deviates: where TS.Recent is 0 TIME-WAIT's ACK has none",
               "*": "conforms"}),
    _c("in-resets", SHOULD, "section 3.2", "And in a reset too.", cases=("rst-fields",),
       stands={"*": "deviates: a reset for nobody has no option; no stack remembers that there were"
                    " timestamps"}),
    _c("missing", SHOULD, "section 3.2", "A segment that lacks the option is dropped in silence.",
       rules=("missing-timestamp",)),
    _c("missing-aborts-nothing", MUST, "section 3.2", "But no connection is aborted for it.",
       rules=("missing-timestamp",), cases=("rfc-missing-timestamp",),
       stands={"*": "conforms: no list ends a connection for that"}),
    _c("not-negotiated", MUST, "section 3.2",
       "Where it was not negotiated the option is ignored.",
       cases=("stamps-that-nobody-agreed-on", "syn-timestamp-unknown-to-block"),
       stands={"*": "conforms"}),
    _c("round-trip", MAY, "section 4.1",
       "TSecr tells of the round trip where SEG.ACK is above SND.UNA, and nowhere else.",
       cases=("time-out-after-two-syns-and-timestamps",),
       stands={"freebsd-*": "conforms: looked at behind the test for duplicate ACKs"
                            " (tcp_input.c, tcp_do_segment(), process_ACK)"}),
    _c("follows", TEXT, "section 4.3 (2)",
       "TS.Recent follows a TSval that is no older, at or below Last.ACK.sent.",
       rules=("conn-timestamp",), cases=("ts-recent-of-fin-wait-2",), stands=_FOLLOWS),
    _c("echoes-recent", TEXT, "section 4.3 (3)", "TSecr is TS.Recent.",
       cases=("ts-recent-stays", "fin-again-timestamp-relations"), stands={"*": "conforms"}),
    _c("reset-echoes", SHOULD, "section 5.2",
       "A reset that answers a segment with timestamps echoes its TSval.", cases=("rst-fields",),
       stands={"*": "deviates: no documented stack does"}),
    _c("resets-pass", MUST, "section 5.2", "A reset is not subject to PAWS.",
       rules=("rst",), cases=("rst-with-old-timestamp",),
       stands={"freebsd-*": "conforms: every RST is dropped, by no timestamp"}),
    _c("resets-teach-nothing", MUST, "section 5.2", "And changes no state by its timestamps.",
       cases=("ts-recent-follows-rst-under-rfc1337",),
       stands={"linux-*": "deviates: with tcp_rfc1337 an RST at RCV.NXT moves TS.Recent",
               "*": "conforms: no reset is kept anything of"}),
    _c("paws-on-all", MUST, "section 5.3", "PAWS is applied to all segments of a connection.",
       rules=("paws", "conn-paws")),
    _c("paws-first", MUST, "section 5.3", "And before the test for what is acceptable.",
       rules=("paws", "conn-paws")),
    _c("r1", MUST, "section 5.3 R1",
       "A TSval below TS.Recent is not acceptable: acknowledged, and dropped.",
       rules=("paws", "conn-paws")),
    _c("r3", MUST, "section 5.3 R3", "TS.Recent follows what section 4.3 says.",
       rules=("conn-timestamp",), cases=("ts-recent-of-fin-wait-2",), stands=_FOLLOWS),
    _c("outdated", TEXT, "section 5.5", "After 24 idle days TS.Recent is invalid.", why=_IDLE,
       stands={"linux-2.6.32": "conforms: 24 days (TCP_PAWS_24DAYS)",
                         "linux-*": "conforms: since 6.7 sooner (TCP_PAWS_WRAP)",
                         "freebsd-*": "conforms: TCP_PAWS_IDLE; in TIME-WAIT there is no PAWS",
                         "*": "conforms: by its traits"}),
    _c("layout", TEXT, "appendix A", "The option is laid out behind two NOPs.",
       cases=("ack-with-timestamps-alone",), stands={"*": "conforms"}),
)

_c = ClauseMaker("rfc9768", "RFC 9768", base="rfc9293").clause

_ACCECN = (
    "No documented stack has AccECN by default, and no profile has it at all.  Linux 6.18 has the"
    " sysctls of its option, but refuses tcp_ecn of 3 and above (EINVAL); FreeBSD has it since 14"
    " where net.inet.tcp.ecn.enable is 3 or 4 (tcp_ecn.c), which is no setting of these profiles."
)
_NO_ACCECN = {"*": "not applicable: without AccECN, which is not on by default"}

RFC_9768 = (
    _c("renegotiated", TEXT, "section 3.1.2, in-window SYN during TIME-WAIT",
       "A SYN that reopens TIME-WAIT negotiates ECN anew, whatever the old connection had.",
       cases=("syn-with-ecn", "fresh-options-after-reopening")),
    _c("classic", MUST, "section 3.1.2, table 2",
       "A SYN that asks for RFC 3168's ECN is answered by that, or without any.",
       cases=("syn-with-ecn",), stands={"*": "conforms"}),
    _c("server", MUST, "section 3.1.1", "A SYN that asks for AccECN gets it of who has it.",
       cases=("syn-asks-for-accecn",),
       stands={"*": "not applicable: RFC 3168's ECN is taken up, or none, as table 2 has it"}),
    _c("ace", MUST, "section 3.2.2",
       "In AccECN mode every segment without SYN carries the count of CE, that of TIME-WAIT too.",
       why=_ACCECN,
       stands=_NO_ACCECN),
    _c("ce-counted", MUST, "section 3.2", "CE is counted on every acceptable packet, a FIN too.",
       why=_ACCECN, stands=_NO_ACCECN),
)
