"""What Linux does with an ICMP error about a connection that is no timewait minisock."""

from __future__ import annotations

from collections.abc import Sequence

from tw_reference.rules import stages
from tw_reference.rules.actions import ConnectionErrorAction as Do
from tw_reference.rules.condition import ALWAYS, Condition, all_of, any_of, atom
from tw_reference.rules.questions import ErrorOnConnection
from tw_reference.rules.rule import RuleMaker
from tw_reference.rules.vocabulary import (
    OPENING,
    QUOTES_IPV6,
    QUOTES_ISS,
    REQUEST,
    TOO_BIG,
    icmp,
    icmp_code_above,
    icmp_of,
)
from tw_reference.segment import IcmpError
from tw_reference.seqnum import distance

rule = RuleMaker("linux").rule

_UNREACHABLE = (
    *("ENETUNREACH", "EHOSTUNREACH", "ENOPROTOOPT", "ECONNREFUSED", "EMSGSIZE", "EOPNOTSUPP"),
    *("ENETUNREACH", "EHOSTDOWN", "ENONET", "ENETUNREACH", "EHOSTUNREACH", "ENETUNREACH"),
    *("EHOSTUNREACH", "EHOSTUNREACH", "EHOSTUNREACH", "EHOSTUNREACH"),
)
_UNREACHABLE_IPV6 = (
    *("ENETUNREACH", "EACCES", "EHOSTUNREACH", "EHOSTUNREACH", "ECONNREFUSED", "EACCES"),
    "EACCES",
)
"""The errno of «destination unreachable», by its code."""
_TO_PORT = 5
"""The codes of IPv6 that the table of 2.6.32 has: up to port unreachable."""


def error_name(error: IcmpError) -> str:
    """The errno of an ICMP error (icmp.c, icmp_err_convert; icmp.c of IPv6, tab_unreach)."""
    return _told(error, _UNREACHABLE_IPV6)


def error_name_2_6(error: IcmpError) -> str:
    """The same before 3.9, whose table for IPv6 ends with port unreachable."""
    return _told(error, _UNREACHABLE_IPV6[:_TO_PORT])


def _told(error: IcmpError, of_ipv6: Sequence[str]) -> str:
    if error.kind == "time-exceeded":
        return "EHOSTUNREACH"
    by_code = of_ipv6 if error.quoted.is_ipv6 else _UNREACHABLE
    if error.kind != "unreachable" or error.number.code >= len(by_code):
        return "EPROTO"
    return by_code[error.number.code]


@atom("SND.UNA =< the SEQ that the error quotes =< SND.NXT")
def QUOTES_BETWEEN(q: ErrorOnConnection) -> bool:
    tcb = q.tcb
    return 0 <= distance(q.error.seq, tcb.snd_una) <= distance(tcb.snd_nxt, tcb.snd_una)


@atom("net, or host of IPv4, is unreachable for a segment that was sent again")
def REVERTS_BACKOFF(q: ErrorOnConnection) -> bool:
    # tcp_ld_RTO_revert() takes a step of the backoff back (RFC 6069), which is not modelled.
    name = q.error.name
    reverts = name == "net-unreachable" or (
        name == "host-unreachable" and not q.error.quoted.is_ipv6
    )
    return reverts and q.tcb.retransmissions > 0


_ENDS_REQUEST: Condition[ErrorOnConnection] = any_of(
    icmp_of("parameter-problem"),
    all_of(
        ~QUOTES_IPV6, any_of(icmp("net-unreachable", "host-unreachable"), icmp_of("time-exceeded"))
    ),
    all_of(
        QUOTES_IPV6,
        icmp_of("unreachable"),
        ~icmp("net-unreachable", "beyond-scope", "host-unreachable"),
    ),
)
_NO_SUCH_CODE: Condition[ErrorOnConnection] = all_of(
    ~QUOTES_IPV6, icmp_of("unreachable"), icmp_code_above(15)
)
_ERR = ("tcp_ipv4.c, tcp_v4_err()", "tcp_ipv6.c, tcp_v6_err()")
_REQUEST = "tcp_ipv4.c, tcp_req_err()"

# Lists are tables: a rule takes two or three lines, of which the formatter would make ten.
# fmt: off

ERRORS = stages.ICMP_CONNECTION.list(
    rule("icmp-source-quench", icmp("source-quench"), Do.DROP,
         "Source Quench is ignored.", "tcp_ipv4.c, tcp_v4_err(), ICMP_SOURCE_QUENCH"),
    rule("icmp-redirect", icmp_of("redirect"), Do.DROP,
         "A redirect changes a route, and no connection.",
         "tcp_ipv4.c, tcp_v4_err(), do_redirect()"),
    rule("icmp-not-delivered",
         any_of(_NO_SUCH_CODE, all_of(~QUOTES_IPV6, icmp("reassembly-time-exceeded"))), Do.DROP,
         "TCP is told of no IPv4 code of «unreachable» above 15, and not of fragments that were not"
         " put together in time.", "icmp.c, icmp_unreach(), NR_ICMP_UNREACH, ICMP_EXC_FRAGTIME"),
    rule("icmp-request-other", all_of(REQUEST, ~QUOTES_ISS), Do.DROP,
         "About a request an error must quote the <SYN,ACK>'s own SEQ.", _REQUEST),
    rule("icmp-request-ends", all_of(REQUEST, _ENDS_REQUEST), Do.CLOSE,
         "A request ends by what says that nobody can be reached (IPv4), by a hard error (IPv6) and"
         " by a parameter problem, and nobody is told.",
         _REQUEST, *_ERR, "icmp.c of IPv6, icmpv6_err_convert()"),
    rule("icmp-request", REQUEST, Do.DROP,
         "Any other error leaves it alone.", _REQUEST),
    rule("icmp-not-in-flight", ~QUOTES_BETWEEN, Do.DROP,
         "The SEQ that an error quotes must lie between SND.UNA and SND.NXT.",
         *_ERR, "RFC 5927 section 4.1"),
    rule("icmp-opening", all_of(OPENING, ~TOO_BIG), Do.CLOSE,
         "Any error ends SYN-SENT, and SYN-RECEIVED after SYNs that crossed: the process is told.",
         *_ERR, "RFC 5461 section 4.1"),
    rule("icmp-soft", all_of(~TOO_BIG, ~REVERTS_BACKOFF), Do.REMEMBER,
         "A synchronized connection goes on; SO_ERROR tells of the error.",
         *_ERR, "sock.c, sk_getsockopt(), SO_ERROR, sk_err_soft", "RFC 1122 section 4.2.3.9"),
    rule("icmp-not-ruled", ALWAYS, Do.NOT_RULED,
         "What a smaller path makes of a connection is not ruled, nor a step of the backoff that is"
         " taken back.",
         "tcp_ipv4.c, tcp_v4_mtu_reduced(), tcp_ld_RTO_revert()", "tcp_ipv6.c, tcp_v6_err()"),
)

ERRORS_2_6 = ERRORS.replacing(
    "linux.icmp-not-delivered",
    rule("icmp-no-such-code", _NO_SUCH_CODE, Do.DROP,
         "TCP is told of no IPv4 code of «unreachable» above 15.",
         "icmp.c of 2.6.32, icmp_unreach(), NR_ICMP_UNREACH"),
).replacing(
    "linux.icmp-request-ends",
    rule("icmp-request-ends-by-any", all_of(REQUEST, ~TOO_BIG), Do.CLOSE,
         "A request ends by any error but that of a packet too big, and nobody is told.",
         "tcp_ipv4.c of 2.6.32, tcp_v4_err(), TCP_LISTEN", "tcp_ipv6.c of 2.6.32, tcp_v6_err()"),
)
