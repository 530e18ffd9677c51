"""What keeps a case from being played on a target and judged.

A target says itself what it lacks.  Beside that the oracle is asked: a case is left out whose
profile would not pass it either, had it the DUT's settings, or the tester on its link.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from tw_conformance.model.case import ByProfile, Case, ExpectState, Family, Reach, StateIs
from tw_conformance.model.verdict import Verdict
from tw_conformance.play.player import perform_once
from tw_conformance.play.state_probe import expects_fin_of_a_new_incarnation
from tw_conformance.targets.direct import DirectTarget
from tw_conformance.targets.target import Target, unlike_the_profile
from tw_reference.profiles import PROFILES

_BY_TIME_WAIT = ("CLOSING", "TIME-WAIT")
"""States of which a stack without TIME-WAIT has not the one, and the other for no time."""


def lacks(case: Case, target: Target) -> str | None:
    """What keeps a case from being played on a target and judged; None where nothing does."""
    return (
        _says_nothing(case, target.profile)
        or target.lacks(case)
        or _is_spoken_over(case, target)
        or _comes_to_no_time_wait(case, target)
        or _meaningless(case, target)
    )


def can_not_play(script: Case, target: Target) -> str | None:
    """The same for a script, which expects nothing, and which the oracle plays as the DUT is."""
    return target.lacks(script) or _comes_to_no_time_wait(script, target)


def _says_nothing(case: Case, profile: str) -> str | None:
    """Whether a step that says by profile what it expects is silent on this one, which may be
    younger than the case."""
    step = case.unsaid(profile)
    return None if step is None else f"says nothing of {profile} in step {step + 1}"


def _is_spoken_over(case: Case, target: Target) -> str | None:
    """Whether the DUT's service sends text where the case expects the FIN of a new incarnation."""
    says = target.acquaintance.says
    if says and expects_fin_of_a_new_incarnation(case, target.profile):
        return f"needs a service that closes without a word: the DUT's says {says} octets"
    return None


def _comes_to_no_time_wait(case: Case, target: Target) -> str | None:
    """Whether the profile keeps none for a peer on its link, which the tester is, and the case is
    about it."""
    profile, family, differing = target.profile, case.reach.family, _differing(case, target)
    if not target.realtime or family not in target.on_link:
        return None
    if _keeps_time_wait(profile, family, frozenset(differing.items())):
        return None
    if case.reach.state not in _BY_TIME_WAIT and (
        _holds(case, profile, differing, on_link=True) or not _holds(case, profile, differing)
    ):
        return None
    return _asks_for_a_far_peer(profile, family, differing)


def _asks_for_a_far_peer(profile: str, family: Family, differing: Mapping[str, int]) -> str:
    said = f"needs TIME-WAIT, which {profile} does not keep for a peer on its link over {family}"
    for name, value in {**PROFILES[profile].defaults(), **differing}.items():
        given = {**differing, name: 1 - value}
        if value in (0, 1) and _keeps_time_wait(profile, family, frozenset(given.items())):
            return (
                f"{said} unless {name}={1 - value}: set that on the DUT, and say --set"
                f" {name}={1 - value}, or test from behind a router"
            )
    return f"{said}: test from behind a router"


@cache
def _keeps_time_wait(profile: str, family: Family, settings: frozenset[tuple[str, int]]) -> bool:
    """Whether a documented stack does, for a peer on its link."""
    kept = ExpectState(ByProfile((("*", StateIs("TIME-WAIT")),)))
    bare = Case("a connection", "", (), Reach(family=family), (kept,))
    return _holds(bare, profile, dict(settings), on_link=True)


def _meaningless(case: Case, target: Target) -> str | None:
    """Why the DUT's settings make a case meaningless: with them the profile itself answers
    otherwise than the case expects, so the DUT may as well.  A case that the profile fails without
    them too is wrong, and is played."""
    profile, differing = target.profile, _differing(case, target)
    if not target.realtime or not differing or _holds(case, profile, differing):
        return None
    if not _holds(case, profile, {}):
        return None
    alone = ({name: value} for name, value in differing.items())
    culprits = next((one for one in alone if not _holds(case, profile, one)), differing)
    switches = ", ".join(f"{name}={value}" for name, value in culprits.items())
    return f"expects what {profile} does without the DUT's {switches}"


def _differing(case: Case, target: Target) -> dict[str, int]:
    """The DUT's settings that are not the profile's, and that the case says nothing of."""
    return {
        name: value
        for name, (value, _) in unlike_the_profile(target).items()
        if name not in case.settings and name not in target.time_variables
    }


def _holds(case: Case, profile: str, settings: Mapping[str, int], *, on_link: bool = False) -> bool:
    """Whether the reference conforms, under the profile and with those settings beside the
    case's; ``on_link``: towards a peer on its link."""
    families = (case.reach.family,) if on_link else ()
    reference = DirectTarget(PROFILES[profile], on_link=families)
    asked = replace(case, settings={**settings, **case.settings})
    return reference.start(perform_once(asked, reference)).result().verdict is Verdict.PASS
