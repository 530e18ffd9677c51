"""``--tw-cites``: cases are chosen by the clauses that they are about."""

from __future__ import annotations

import pytest

from tw_conformance.cli.main import main
from tw_conformance.model.errors import ExitCode
from tw_conformance.plugin.tests.test_plugin import write

pytest_plugins = ["pytester"]

CASES = """\
case: one
title: An RST beside RCV.NXT
cites: ["RFC 9293 section 3.10.7.4, second", "tcp_timewait.c:380-386"]
steps:
  - send: {flags: RST, seq: rcv_nxt+1}
  - expect: nothing
---
case: other
title: An RST far away
cites: [RFC 1337 section 3]
steps:
  - send: {flags: RST, seq: rcv_nxt-1000}
  - expect: nothing
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    write(pytester, "a.tw.yaml", CASES)
    pytester.makepyfile(test_else="def test_something_else(): pass")
    return pytester


def run(suite: pytest.Pytester, *places: str) -> pytest.RunResult:
    options = [f"--tw-cites={place}" for place in places]
    return suite.runpytest("-p", "tw_conformance.plugin", "--tw-profile=linux-6.18", "-v", *options)


@pytest.mark.parametrize("place", ["RFC9293 3.10.7", "RFC 9293 second", "tcp_timewait.c:385-400"])
def test_a_place_chooses_what_cites_it(suite: pytest.Pytester, place: str) -> None:
    result = run(suite, place)
    result.assert_outcomes(passed=1, deselected=2)
    result.stdout.fnmatch_lines(["*one*PASSED*"])


@pytest.mark.parametrize("name", ["rfc9293.rst-outside", "timewait.rst"])
def test_a_clause_chooses_what_shows_it(suite: pytest.Pytester, name: str) -> None:
    """Which rule decides there is found by playing them; what they cite counts for nothing."""
    write(suite, "a.tw.yaml", CASES.replace("RFC 1337", "RFC 1").replace("RFC 9293", "RFC 2"))
    chosen = {"rfc9293.rst-outside": 1, "timewait.rst": 2}[name]
    run(suite, name).assert_outcomes(passed=chosen, deselected=3 - chosen)


def test_several_places_choose_what_cites_any(suite: pytest.Pytester) -> None:
    run(suite, "RFC 1337", "tcp_timewait.c").assert_outcomes(passed=2, deselected=1)


def test_a_place_that_nobody_cites_is_said_beside_the_nearest(suite: pytest.Pytester) -> None:
    result = run(suite, "RFC 1337 section 4", "tcp_timewait.c")
    result.assert_outcomes(passed=1, deselected=2)
    said = "no case cites 'RFC 1337 section 4'; the nearest is 'RFC 1337 section 3'"
    result.stdout.fnmatch_lines([said])


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "xdist"])
def test_nothing_chosen_is_no_success(
    suite: pytest.Pytester, workers: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ["run", "a.tw.yaml", "--profile", "linux", "--cites", "RFC 1338", *workers]
    assert main(arguments) == ExitCode.NOTHING
    told = capfd.readouterr()
    assert "no case cites 'RFC 1338'; the nearest is 'RFC 1337 section 3'" in told.out
    assert "none cites what was asked for, see above" in told.err
