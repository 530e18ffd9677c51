"""A target opened for whatever is to be done with it, and its DUT learned once."""

from __future__ import annotations

from collections.abc import Callable

from tw_conformance.explore.doctor import check_service
from tw_conformance.play.acquaint import acquaint
from tw_conformance.targets import registry
from tw_conformance.targets.roster import Roster
from tw_conformance.targets.target import Target


def open_and_learn(
    name: str,
    *,
    profile: str | None,
    seed: int,
    roster: Roster,
    strict: bool = False,
    tell: Callable[[str], object] = lambda doing: None,
) -> Target:
    """The target of that name.  One that somebody else runs is asked here, once, whether
    connections come to TIME-WAIT there at all, and what else has to be known of it
    (:func:`~tw_conformance.play.acquaint.acquaint`).  ``tell`` hears what is being done.

    :raises SuiteError: for a name that is not known.
    :raises TargetError: where the target can't be had; says what to do.
    """
    tell("reaching it")
    target = registry.open_target(name, profile=profile, seed=seed, roster=roster)
    locator = roster.locator(name)
    if locator is not None:
        try:
            tell("opening a connection, which it is to close first")
            check_service(target, alone=not locator.host)
            acquaint(target, strict=strict, tell=tell)
        except BaseException:
            target.close()
            raise
    return target
