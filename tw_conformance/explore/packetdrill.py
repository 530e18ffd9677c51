"""A case played on the reference, to be written as a packetdrill script."""

from __future__ import annotations

from dataclasses import replace

from tw_conformance.model.case import Case, Send, Wait
from tw_conformance.model.errors import SuiteError
from tw_conformance.model.expressions import SequenceExpression, TimeExpression
from tw_conformance.model.verdict import Transcript, Verdict
from tw_conformance.notation.packetdrill.export import (
    Refused,
    is_silent_at_the_end,
    refuse_what_cant_be_said,
    script_of,
)
from tw_conformance.play.player import perform_once
from tw_conformance.targets.in_process import InProcessTarget
from tw_reference.clock import SECOND
from tw_reference.profiles.profile import Profile
from tw_reference.segment import ACK

_LATER = Wait(TimeExpression("1s"))
"""How long after the rest a DUT is asked for an answer: longer than its rate limits last."""
_ASKING = Send(flags=ACK, seq=SequenceExpression("rcv_nxt-1"), length=1)
"""An old octet, as of a keepalive, which a DUT answers that has a connection or none (RFC 9293
section 3.10.7)."""


def exported(case: Case, profile: Profile) -> str:
    """The script; where the case ends in silence, with a later segment that the DUT must answer.

    :raises SuiteError: where the profile can't play the case, or the script can't say it.
    """
    if not case.applies_to(profile.name):
        raise SuiteError(f"{case.id} is not about {profile.name}")
    refuse_what_cant_be_said(case)
    played, transcript = case, _played(case, profile)
    if is_silent_at_the_end(case, transcript):
        played, transcript = _with_an_answer(case, profile)
    lifetime = profile.lifetime(profile.defaults()) / SECOND
    return script_of(played, profile.name, transcript, lifetime)


def _with_an_answer(case: Case, profile: Profile) -> tuple[Case, Transcript]:
    longer = replace(case, steps=(*case.steps, _LATER, _ASKING))
    transcript = _played(longer, profile, whole=False)
    if is_silent_at_the_end(longer, transcript):
        raise Refused(
            f"{case.id} can't be said in packetdrill: it ends in silence, and what comes later is"
            " not answered either"
        )
    return longer, transcript


def _played(case: Case, profile: Profile, *, whole: bool = True) -> Transcript:
    """What crossed the wire; unless ``whole``, with an answer that no step expects.  Blocks of SACK
    are what the reference leaves out, and a script switches off."""
    if "sack" in profile.settings:
        case = replace(case, settings={"sack": 0, **case.settings})
    target = InProcessTarget(profile)
    if (lack := target.lacks(case)) is not None:
        raise SuiteError(f"{case.id} can't be played on the reference: it {lack}")
    outcome = target.start(perform_once(case, target)).result()
    if whole and outcome.verdict is not Verdict.PASS:
        raise SuiteError(f"{case.id} is no PASS on the reference: {outcome.reason}")
    return outcome.transcript
