"""Which addresses two sockets have in common (RFC 3493 section 3.7, ``ipv6_rcv_saddr_equal()``)."""

from __future__ import annotations

import pytest

from tw_reference.stack.endpoint import EVERYWHERE, Endpoint

OURS, OTHER, OURS6, MAPPED = "192.0.2.1", "192.0.2.9", "2001:db8::1", "::ffff:192.0.2.1"
ONLY, DUAL = {"v6only": True}, {"v6only": False}


@pytest.mark.parametrize(
    ("one", "other", "share"),
    [
        ((OURS, ONLY), (OURS, ONLY), True),
        ((OURS, ONLY), (OTHER, ONLY), False),
        ((OURS, ONLY), ("0.0.0.0", ONLY), True),
        ((OURS, ONLY), (MAPPED, DUAL), True),
        ((OTHER, ONLY), (MAPPED, DUAL), False),
        ((OURS, ONLY), ("::", DUAL), True),
        ((OURS, ONLY), ("::", ONLY), False),
        ((OURS, ONLY), (OURS6, ONLY), False),
        ((OURS6, ONLY), (OURS6, DUAL), True),
        ((OURS6, ONLY), ("::", ONLY), True),
        (("::", DUAL), ("0.0.0.0", ONLY), True),
        (("::", ONLY), ("0.0.0.0", ONLY), False),
    ],
)
def test_two_sockets_have_an_address_in_common(
    one: tuple[str, dict[str, bool]], other: tuple[str, dict[str, bool]], share: bool
) -> None:
    first, second = (Endpoint.of(address, **only) for address, only in (one, other))
    assert first.overlaps(second) == second.overlaps(first) == share
    assert EVERYWHERE.overlaps(first)


@pytest.mark.parametrize(
    ("bound", "takes"),
    [(OURS, {OURS}), ("0.0.0.0", {OURS, OTHER}), (OURS6, {OURS6}), ("::", {OURS6, "2001:db8::9"})],
)
def test_a_socket_takes_what_comes_for_its_address(bound: str, takes: set[str]) -> None:
    endpoint = Endpoint.of(bound)
    everything = (OURS, OTHER, OURS6, "2001:db8::9")
    assert {address for address in everything if endpoint.takes(address)} == takes
    assert all(EVERYWHERE.takes(address) for address in everything)


def test_a_mapped_address_is_none_of_ipv6_alone() -> None:
    with pytest.raises(ValueError, match="none of IPv6 alone"):
        Endpoint.of(MAPPED)


def test_only_what_is_said_one_by_one_can_be_no_address_of_a_host() -> None:
    assert [*Endpoint.of(OURS).addresses()] == [OURS]
    assert [*Endpoint.of("::", v6only=False).addresses()] == []
