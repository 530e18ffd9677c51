"""What FreeBSD does with an ICMP error about a connection that is not in TIME-WAIT."""

from __future__ import annotations

from tw_reference.rules import stages
from tw_reference.rules.actions import ConnectionErrorAction as Do
from tw_reference.rules.condition import ALWAYS, Condition, all_of, any_of, atom
from tw_reference.rules.decision import DecisionList
from tw_reference.rules.questions import ErrorOnConnection
from tw_reference.rules.rule import Rule, RuleMaker
from tw_reference.rules.vocabulary import (
    OPENING,
    QUOTES_IN_FLIGHT,
    QUOTES_IPV6,
    REQUEST,
    TOO_BIG,
    icmp,
    setting,
)
from tw_reference.segment import IcmpError
from tw_reference.state import State

rule = RuleMaker("freebsd").rule

ErrorRule = Rule[ErrorOnConnection, Do]


def error_name(error: IcmpError) -> str:
    """The errno of an error that ends a connection (ip_icmp.c, icmp_errmap(); before 14
    ip_input.c, inetctlerrmap)."""
    return "EHOSTUNREACH" if error.kind == "time-exceeded" else "ECONNREFUSED"


@atom("the connection is opening, and its SYN was sent again more than twice")
def OPENING_LONG(q: ErrorOnConnection) -> bool:
    # tcp_notify() and syncache_unreach() give up at the second error then, which is not modelled.
    return OPENING.test(q) and q.tcb.retransmissions > 2


@atom("the connection is in SYN-SENT")
def IN_SYN_SENT(q: ErrorOnConnection) -> bool:
    return q.tcb.state is State.SYN_SENT


_CTLINPUT = ("tcp_subr.c, tcp_ctlinput()", "tcp_subr.c, tcp6_ctlinput()")
_MAY_RST: Condition[ErrorOnConnection] = all_of(IN_SYN_SENT, setting("icmp_may_rst", 1))

_NOBODY = (
    "port-unreachable",
    "protocol-unreachable",
    "admin-prohibited",
    "net-prohibited",
    "host-prohibited",
    "time-exceeded",
)
_LAST_CODES = {"unreachable": 15, "time-exceeded": 0, "parameter-problem": 1}
_LAST_CODES_IPV6 = {"unreachable": 4, "time-exceeded": 0, "parameter-problem": 2}


@atom("the error is a redirect, or has a code that no transport is told of")
def NOT_TOLD(q: ErrorOnConnection) -> bool:
    error = q.error
    last = (_LAST_CODES_IPV6 if error.quoted.is_ipv6 else _LAST_CODES).get(error.kind or "", 255)
    return error.kind == "redirect" or error.number.code > last


# Lists are tables: a rule takes two or three lines, of which the formatter would make ten.
# fmt: off

_ENDS_10 = rule(
    "icmp-ends-ipv4", all_of(_MAY_RST, ~QUOTES_IPV6, icmp(*_NOBODY)), Do.CLOSE,
    "With icmp_may_rst what says over IPv4 that nobody is there, or may be, or time exceeded ends"
    " SYN-SENT.",
    "tcp_subr.c of 10, tcp_ctlinput(), tcp_drop_syn_sent()",
    "ip_icmp.c of 10, icmp_input(), which has protocol unreachable as PRC_UNREACH_PORT")
_ENDS = rule(
    "icmp-ends",
    all_of(_MAY_RST, icmp(*_NOBODY, "next-header-unknown")), Do.CLOSE,
    "With icmp_may_rst what says that nobody is there, or may be, or time exceeded ends SYN-SENT.",
    "tcp_subr.c of 13, tcp_ctlinput(), tcp6_ctlinput(), tcp_drop_syn_sent()",
    "r307726 (IPv6)")


def _errors(ends: ErrorRule) -> DecisionList[ErrorOnConnection, Do]:
    return stages.ICMP_CONNECTION.list(
        rule("icmp-source-quench", icmp("source-quench"), Do.DROP,
             "Source Quench is ignored.", *_CTLINPUT),
        rule("icmp-not-told", NOT_TOLD, Do.DROP,
             "TCP is told of no redirect, no time-out of fragments and no code that is not known.",
             "ip_icmp.c, icmp_input(), icmp_errmap()", "icmp6.c, icmp6_input(), icmp6_errmap()"),
        rule("icmp-seq-not-in-flight", ~QUOTES_IN_FLIGHT, Do.DROP,
             "The SEQ that an error quotes must lie in [SND.UNA, SND.MAX): in the syncache it is"
             " the ISS.",
             *_CTLINPUT, "tcp_syncache.c, syncache_unreach()", "RFC 5927 section 4.1"),
        rule("icmp-request", all_of(REQUEST, ~OPENING_LONG), Do.DROP,
             "An entry of the syncache stays until its <SYN,ACK> was sent three times more.",
             "tcp_syncache.c, syncache_unreach(), SCF_UNREACH"),
        ends,
        rule("icmp-soft", all_of(~TOO_BIG, ~OPENING_LONG), Do.DROP,
             "Any other error is a soft one: it is told when the connection is given up.",
             "tcp_subr.c, tcp_notify(), t_softerror", "RFC 1122 section 4.2.3.9"),
        rule("icmp-not-ruled", ALWAYS, Do.NOT_RULED,
             "What a smaller path makes of a connection is not ruled, nor an error late in the"
             " opening, which gives up at the second.",
             "tcp_subr.c, tcp_mtudisc(), tcp_notify()", "tcp_syncache.c, syncache_unreach()"),
    )

ERRORS_10 = _errors(_ENDS_10).replacing(
    "freebsd.icmp-seq-not-in-flight",
    rule("icmp-seq-not-in-flight-ipv4", all_of(~QUOTES_IN_FLIGHT, any_of(REQUEST, ~QUOTES_IPV6)),
         Do.DROP,
         "The SEQ that an IPv4 error quotes must lie in [SND.UNA, SND.MAX); in the syncache any.",
         "tcp_subr.c of 10, tcp_ctlinput(); in6_pcb.c, in6_pcbnotify() asks for none"),
)
# fmt: on

ERRORS = _errors(_ENDS)
