"""What keeps a case from being played, and what is said of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import pytest

from tw_conformance.model.case import Case, Reach
from tw_conformance.play.lacking import can_not_play, lacks
from tw_conformance.play.tests.scripted import ScriptedTarget, script
from tw_conformance.targets.acquaintance import Acquaintance

TIME_WAIT = "{state: TIME-WAIT}"
QUIET = script("  - send: {flags: ACK}\n  - expect: nothing\n")


def test_a_state_that_can_not_be_asked_for_leaves_no_case_out() -> None:
    state = script("  - send: {flags: ACK}\n  - expect: nothing\n  - state: ESTABLISHED\n")
    assert lacks(state, ScriptedTarget([], reads_states=False)) is None


REOPENED = script(
    "  - send: {flags: SYN, seq: rcv_nxt+1}\n  - expect: {flags: SYN|ACK}\n"
    "  - send: {flags: ACK}\n  - expect: {flags: FIN|ACK}\n",
    TIME_WAIT,
)


@pytest.mark.parametrize(
    ("case", "says", "lack"),
    [
        (REOPENED, 9, "needs a service that closes without a word: the DUT's says 9 octets"),
        (REOPENED, 0, None),
        (QUIET, 9, None),
    ],
)
def test_a_service_that_speaks_is_none_where_the_fin_of_a_new_incarnation_is_expected(
    case: Case, says: int, lack: str | None
) -> None:
    assert lacks(case, ScriptedTarget([], acquaintance=Acquaintance(says=says))) == lack


class Lacking(ScriptedTarget):
    def lacks(self, case: Case) -> str | None:
        return "needs an address"


DELETED = script("  - send: {flags: RST}\n  - expect: nothing\n  - state: CLOSED\n", TIME_WAIT)
"""What Linux does unless rfc1337 is set."""


KEPT_BY_NOBODY = script("  - send: {flags: SYN}\n  - expect: {flags: FIN}\n", TIME_WAIT)
"""Wrong with that setting and without it: to be failed, not left out."""


def test_what_the_target_itself_lacks_comes_first() -> None:
    assert lacks(DELETED, Lacking([], settings={"rfc1337": 1})) == "needs an address"


@pytest.mark.parametrize(
    ("case", "settings", "realtime", "meaningless"),
    [
        (DELETED, {}, True, False),
        (DELETED, {"rfc1337": 0}, True, False),
        (DELETED, {"rfc1337": 1}, True, True),
        (DELETED, {"rfc1337": 1}, False, False),
        (DELETED, {"fin_timeout": 30}, True, False),
        (KEPT_BY_NOBODY, {"rfc1337": 1}, True, False),
        (replace(DELETED, settings={"rfc1337": 0}), {"rfc1337": 1}, True, False),
        (replace(DELETED, settings={"rfc1337": 0}), {"fin_timeout": 30}, True, False),
    ],
)
def test_a_setting_of_the_dut_makes_a_case_meaningless_that_the_profile_fails_with_it(
    case: Case, settings: Mapping[str, int], realtime: bool, meaningless: bool
) -> None:
    target = ScriptedTarget([], settings=settings, realtime=realtime)
    said = "expects what linux-6.18 does without the DUT's rfc1337=1"
    assert lacks(case, target) == (said if meaningless else None)


def test_of_the_settings_that_differ_the_one_to_blame_is_named() -> None:
    target = ScriptedTarget([], settings={"fin_timeout": 30, "rfc1337": 1, "timestamps": 1})
    assert lacks(DELETED, target) == "expects what linux-6.18 does without the DUT's rfc1337=1"


def test_a_time_that_the_case_is_written_in_is_no_setting_that_differs() -> None:
    expires = script("  - wait: 2msl+tick\n  - state: CLOSED\n", TIME_WAIT, "[freebsd-*]")
    times = {"msl": 1.0, "tick": 0.5}
    target = ScriptedTarget(
        [], profile="freebsd-10", settings={"msl": 90_000}, time_variables=times
    )
    assert lacks(expires, target) is None
    assert lacks(expires, replace(target, time_variables={"tick": 0.5})) is not None


@pytest.mark.parametrize("profile", ["freebsd-13", "freebsd-14"])
@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
@pytest.mark.parametrize("nolocaltimewait", [0, 1])
def test_a_stack_may_keep_no_time_wait_for_a_peer_on_its_link(
    profile: str, family: Literal["ipv4", "ipv6"], nolocaltimewait: int
) -> None:
    """FreeBSD 14, over IPv6 (in6_localaddr()); the setting is off by default before."""
    case = replace(script("  - send: {flags: FIN}\n", TIME_WAIT), reach=Reach(family=family))
    settings = {"nolocaltimewait": nolocaltimewait}
    near = ScriptedTarget([], profile=profile, settings=settings, on_link=("ipv4", "ipv6"))
    far = replace(near, on_link=())
    assert lacks(case, far) is None
    expected = None
    if family == "ipv6" and nolocaltimewait:
        expected = (
            f"needs TIME-WAIT, which {profile} does not keep for a peer on its link over ipv6"
            " unless nolocaltimewait=0: set that on the DUT, and say --set nolocaltimewait=0, or"
            " test from behind a router"
        )
    assert lacks(case, near) == expected


def test_a_case_that_comes_to_no_time_wait_is_played_on_its_link_too() -> None:
    case = script("  - send: {flags: ACK}\n  - expect: nothing\n", "{state: FIN-WAIT-2}")
    over_ipv6 = replace(case, reach=replace(case.reach, family="ipv6"))
    assert lacks(over_ipv6, ScriptedTarget([], profile="freebsd-14", on_link=("ipv6",))) is None


@pytest.mark.parametrize(
    ("state", "family", "lacks_it"),
    [("TIME-WAIT", "ipv6", True), ("TIME-WAIT", "ipv4", False), ("FIN-WAIT-2", "ipv6", False)],
)
def test_so_it_is_with_a_script_of_an_exploration(
    state: str, family: Literal["ipv4", "ipv6"], lacks_it: bool
) -> None:
    bare = Case("a script", "", (), Reach(state=state, family=family), ())
    near = ScriptedTarget([], profile="freebsd-14", on_link=("ipv4", "ipv6"))
    assert (can_not_play(bare, near) is not None) == lacks_it


@pytest.mark.parametrize(("state", "is_left_out"), [("TIME-WAIT", True), ("LAST-ACK", False)])
def test_a_case_that_comes_to_time_wait_is_left_out_unless_it_is_wrong_anyway(
    state: str, is_left_out: bool
) -> None:
    answer = "{flags: ACK, seq: snd_nxt, ack: rcv_nxt+1}"
    steps = f"  - send: {{flags: FIN|ACK}}\n  - expect: {answer}\n  - state: {state}\n"
    case = script(steps, "{state: FIN-WAIT-2}")
    over_ipv6 = replace(case, reach=replace(case.reach, family="ipv6"))
    lack = lacks(over_ipv6, ScriptedTarget([], profile="freebsd-14", on_link=("ipv6",)))
    assert (lack is not None) is is_left_out
