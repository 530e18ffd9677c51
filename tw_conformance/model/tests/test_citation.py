"""Citations are compared by what they name, not by how they are spelt."""

from __future__ import annotations

import pytest

from tw_conformance.model.citation import parse

PLACE = "RFC 9293 section 3.10.7.4, fifth (MAY-12)"


@pytest.mark.parametrize(
    "query",
    [
        PLACE,
        "RFC 9293",
        "RFC9293 3.10.7.4",
        "rfc-9293 section 3.10.7.4",
        "RFC 9293 §3.10.7",
        "RFC 9293 sec. 3.10",
        "RFC 9293 sections 3.10.7.4",
        "RFC 9293 3.10.7.4 fifth",
        "RFC 9293 MAY-12",
        "may-12",
        "9293",
    ],
)
def test_a_place_is_found_by_what_holds_it(query: str) -> None:
    assert parse(query).covers(parse(PLACE))


@pytest.mark.parametrize(
    "query",
    [
        "RFC 793",
        "RFC 929",
        "RFC 9293 3.1",
        "RFC 9293 3.10.7.4.1",
        "RFC 9293 3.10.7.4 sixth",
        "RFC 9293 page 3",
        "RFC 9293 MAY-1",
        "may-1",
    ],
)
def test_a_place_is_not_found_by_another(query: str) -> None:
    assert not parse(query).covers(parse(PLACE))


@pytest.mark.parametrize(
    ("query", "cited", "found"),
    [
        ("tcp_timewait.c:385", "tcp_timewait.c:380-386", True),
        ("tcp_timewait.c:386-400", "tcp_timewait.c:380-386", True),
        ("tcp_timewait.c:387", "tcp_timewait.c:380-386", False),
        ("tcp_timewait.c:385", "tcp_timewait.c of 13, tcp_twcheck()", False),
        ("tcp_timewait.c", "tcp_timewait.c:380-386", True),
        ("tcp_input.c", "tcp_timewait.c:380-386", False),
        ("tcp_twcheck", "tcp_timewait.c of 13, tcp_twcheck()", True),
        ("tcp_timewait.c tcp_twcheck()", "tcp_timewait.c of 13, tcp_twcheck()", True),
        ("tcp_timewait.c:tcp_twstart()", "tcp_timewait.c, tcp_twstart(), TF_ACKNOW", True),
        ("tcp.h, after()", "include/net/tcp.h, after()", True),
        ("include/net/tcp.h", "tcp.h, after()", True),
        ("RFC 793 p. 71", "RFC 793 page 71", True),
        ("RFC 793 71", "RFC 793 page 71", False),
        ("RFC 5961 4.2", "RFC 5961 sections 3.2 and 4.2", True),
        ("RFC 9293 figure 13", "RFC 9293 section 3.6, RFC 9293 figure 13", True),
        ("RFC 9293 1", "RFC 9293 section 3.6.1 (1)", False),
        ("RFC 9293 3.6.1 (1)", "RFC 9293 section 3.6.1 (1), RFC 1122", True),
        ("RFC 9293 1", "RFC 9293 section 3.6, case 1, figure 12", False),
        ("RFC 9293 3.6 case 1", "RFC 9293 section 3.6, case 1, figure 12", True),
        ("RFC 9293 figure 12", "RFC 9293 section 3.6, case 1, figure 12", True),
        ("RFC 9293 fifth 3.10", "RFC 9293 section 3.10.7.4, fifth", True),
        ("RFC 7323 appendix A", "RFC 7323 appendix A", True),
        ("RFC 7323 5.3 R1", "RFC 7323 section 5.3 R1", True),
        ("4396e46187ca", "4396e46187ca", True),
        ("bug", "bug 1234", True),
        ("bug 12", "bug 1234", False),
    ],
)
def test_what_is_compared(query: str, cited: str, found: bool) -> None:
    assert parse(query).covers(parse(cited)) is found


def test_requirements_are_the_numbers_of_rfc_9293() -> None:
    assert parse("RFC 9293 section 3.6.1 (MAY-2, SHLD-4)").requirements == {"may-2", "shld-4"}
    assert parse("RFC 7323 section 3.2 (SHOULD)").requirements == frozenset()
