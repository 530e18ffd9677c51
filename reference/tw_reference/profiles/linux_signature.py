"""Signed segments (RFC 2385) on Linux: the signature is looked at before any state is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tw_reference.profiles.common import ConnectionRule
from tw_reference.rules.actions import ConnectionAction
from tw_reference.rules.condition import atom
from tw_reference.rules.decision import AnyList
from tw_reference.rules.rule import RuleMaker
from tw_reference.rules.vocabulary import HasSegment

_SIGNATURE, _DIGEST = 19, 16
"""Number and octets of the TCP MD5 Signature Option (RFC 2385 section 3)."""


@atom("the segment is signed (RFC 2385)")
def SIGNED(q: HasSegment) -> bool:
    """No socket here has a key (TCP_MD5SIG)."""
    options = q.segment.other_options
    return any(kind == _SIGNATURE and len(octets) == _DIGEST for kind, octets in options)


_SIGNED: ConnectionRule = RuleMaker("linux").rule(
    "signed",
    SIGNED,
    ConnectionAction.DROP,
    "What is signed is dropped before any state sees it, where nobody knows the key.",
    "tcp_ipv4.c, tcp_v4_rcv()",
    "tcp.c, tcp_inbound_md5_hash()",
    "RFC 2385 section 2.0",
)


def behind_signature(lists: Iterable[AnyList]) -> Iterator[AnyList]:
    """Lists whose function is asked only if the signature is right."""
    return (each.stage.list(_SIGNED, *each) for each in lists)
