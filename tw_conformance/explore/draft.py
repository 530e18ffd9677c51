"""A case drafted from one segment: the oracle says what each documented stack answers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from typing import NamedTuple

from tw_conformance.explore.observe import StepEffect, observe, ruled_states
from tw_conformance.model.case import (
    NOTHING,
    Answer,
    Call,
    Case,
    Expect,
    ExpectState,
    OneAnswer,
    Reach,
    Send,
    Step,
    Wait,
)
from tw_conformance.model.errors import SuiteError
from tw_conformance.model.expressions import SequenceExpression, TimeExpression
from tw_conformance.notation import answers
from tw_conformance.notation.globs import by_globs, globs_of
from tw_conformance.notation.stimulus import Stimulus
from tw_conformance.play.approach import NotReached
from tw_conformance.targets.direct import DirectTarget
from tw_reference.profiles.profile import Profile
from tw_reference.rules.rule import NOT_RULED
from tw_reference.segment import ACK, FIN, SYN, flag_names

_MOST_CITED = 4
"""Sources of rules that a draft cites."""
_LISTENER = {"no": Call("unlisten"), "full": Call("fill")}
_AGE = TimeExpression("200ms")
"""How long a connection waits for the segment unless told otherwise: so that a restart shows."""
_FIRST_SAID = ("flags", "seq", "ack", "length")
"""What is said of an answer that no word is for."""


class StackAnswer(NamedTuple):
    """What a documented stack does with the segment."""

    profile: str
    effect: StepEffect


def draft(stimulus: Stimulus, profiles: Sequence[Profile], name: str = "") -> Case:
    """The case in which that segment arrives; each profile that has a rule for it expects what the
    reference does under it.

    :raises SuiteError: where no profile has such a rule, or the words say what no case can.
    """
    script = _script(stimulus, name)
    told = [each for profile in profiles if (each := _ask(script, profile)) is not None]
    if not told:
        raise SuiteError(f"no profile has a rule for {stimulus.text!r}: nothing is to be expected")
    count = max(len(each.effect.answers) for each in told)
    expected = [
        _expect([(t.profile, _nth(t.effect, number, script)) for t in told])
        for number in range(max(count, 1))
    ]
    states = [(t.profile, t.effect.state) for t in told if t.effect.state is not None]
    return replace(
        script,
        steps=(*script.steps, *expected, ExpectState(by_globs(states))),
        cites=tuple(_sources(told)),
        profiles=globs_of([each.profile for each in told]),
    )


def _expect(choices: list[tuple[str, OneAnswer]]) -> Expect:
    """A FIN is a process's doing, which takes its time."""
    closes = any(isinstance(a, Answer) and (a.flags or 0) & FIN for _, a in choices)
    return Expect(by_globs(choices), TimeExpression("1s") if closes else None)


def _script(stimulus: Stimulus, name: str) -> Case:
    if stimulus.last_ack is not None:
        raise SuiteError("last_ack: a case sends a segment that is acknowledged, and waits")
    steps: list[Step] = []
    if stimulus.listener in _LISTENER:
        steps.append(_LISTENER[stimulus.listener])
    steps.append(Wait(_AGE if stimulus.age == Stimulus("", 0).age else stimulus.age))
    explicit = stimulus.tsval if isinstance(stimulus.tsval, SequenceExpression) else None
    send = Send(
        flags=stimulus.flags,
        seq=stimulus.seq,
        ack=stimulus.ack,
        length=stimulus.length,
        timestamps=None if isinstance(stimulus.tsval, SequenceExpression) else stimulus.tsval,
        tsval=explicit,
    )
    at = "RCV.NXT" if stimulus.seq is None else stimulus.seq.text
    return Case(
        name=name or _slug(stimulus),
        title=f"{flag_names(stimulus.flags)} at {at} in {stimulus.state}",
        cites=(),
        reach=Reach(
            state=stimulus.state,
            timestamps=stimulus.timestamps,
            open="active" if stimulus.state == "SYN-SENT" else "passive",
        ),
        steps=(*steps, send),
        settings=stimulus.settings,
    )


def _slug(stimulus: Stimulus) -> str:
    """``time-wait-rst-seq-rcv-nxt-plus-1``."""
    words = [word for word in stimulus.text.split() if not word.startswith("state=")]
    text = " ".join((stimulus.state, *words))
    text = text.replace("+", " plus ").replace("rcv_nxt-", "rcv_nxt minus ")
    return "-".join(re.findall("[a-z0-9]+", text.lower()))


def _ask(script: Case, profile: Profile) -> StackAnswer | None:
    """What the profile does; None where it has no rule for it, or does not get there."""
    if not script.settings.keys() <= profile.settings.keys():
        return None
    target = DirectTarget(profile)
    try:
        effects = target.start(observe(script, target, ruled_states(profile))).result()
    except NotReached:
        return None
    if len(effects) < len(script.steps):
        return None
    return StackAnswer(profile.name, effects[-1])


def _nth(effect: StepEffect, number: int, script: Case) -> OneAnswer:
    if number >= len(effect.answers):
        return NOTHING
    return _said(effect.answers[number], script)


def _said(answer: Answer, script: Case) -> Answer:
    """In a word where one says it all, else by what matters."""
    sent = script.steps[-1]
    assert isinstance(sent, Send)
    words = [answers.ack(timestamps=script.reach.timestamps)]
    words += [answers.rst(to_ack=bool(sent.flags & ACK)), answers.syn_ack()]
    iss_is_known = bool((answer.flags or 0) & SYN) and answer.seq is not None
    for word in () if iss_is_known else words:
        if _fits(answer, word):
            return word
    return Answer(**{name: getattr(answer, name) for name in _FIRST_SAID})


def _fits(answer: Answer, word: Answer) -> bool:
    said = (f.name for f in fields(word) if f.name != "word")
    return all(getattr(word, n) in (None, getattr(answer, n)) for n in said)


def _sources(told: Sequence[StackAnswer]) -> Iterator[str]:
    """The first source of each rule that decided, as often as it takes to be brief."""
    rules = (rule for each in told for rule in each.effect.rules[:1] if rule is not NOT_RULED)
    yield from list(dict.fromkeys(rule.source[0] for rule in rules))[:_MOST_CITED]
