"""``tw-conformance identify``: which documented stack a target is, and where it differs from it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tw_conformance.cli.shared_options import (
    add_seed,
    add_settings,
    add_target,
    open_named,
    roster,
    settings_of,
)
from tw_conformance.model.errors import ExitCode
from tw_conformance.model.words import number_of

if TYPE_CHECKING:
    from tw_conformance.explore.identify.inquiry import Answered, Identity
    from tw_conformance.explore.identify.nearness import Deviation, Nearness
    from tw_conformance.explore.identify.question_bank import Reply
    from tw_conformance.model.case import Case
    from tw_conformance.report.watch import Watch


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare what :func:`identify` takes."""
    add_target(parser, "whom to ask. Default: reference", "reference")
    parser.add_argument(
        "--profile",
        metavar="NAME",
        help="which stack the reference is to play; the questions don't know of it",
    )
    add_seed(parser)
    parser.add_argument("--json", action="store_true", help="print JSON, and nothing else")
    add_settings(parser)


def identify(arguments: argparse.Namespace) -> int:
    """Ask, print questions and answers as they come, then the verdict.

    :raises SuiteError: where a target, profile or setting has no such name.
    :raises TargetError: where the target can't be had, or does not answer.
    """
    from tw_conformance.explore.identify import inquiry
    from tw_conformance.explore.identify.predictions import documented
    from tw_conformance.report.watch import watching
    from tw_reference.profiles import PROFILES

    target = open_named(arguments, arguments.profile or _any_profile(arguments))
    try:
        settings = settings_of(arguments.settings, [PROFILES[target.profile]])
        predictions = documented()
        with watching() as watch:
            lines = _AnswerLines(watch, silent=arguments.json)
            identity = inquiry.identify(target, predictions, settings=settings, tell=lines)
        read = dict(target.settings) if target.realtime and target.reads_states else {}
    finally:
        target.close()
    if arguments.json:
        value = {**_value(arguments.target, identity), "settings_read": read}
        print(json.dumps(value, indent=2))
    else:
        print("\n".join([*_verdict(identity), *_read_lines(read)]))
    if identity.deviations:
        return ExitCode.DEVIATES
    return ExitCode.INCONCLUSIVE if identity.left_out else ExitCode.CONFORMS


def _any_profile(arguments: argparse.Namespace) -> str | None:
    """A place on a link must be held to some profile to be opened, and this is to find out which.

    Of a profile only its 2MSL counts here, and that is 60 s on BSD and Linux alike.
    """
    named = roster(arguments)
    is_place = named.locator(arguments.target) is not None
    return "linux" if is_place and named.profile(arguments.target) is None else None


_LIKELIEST = 3
"""Profiles named in a line."""
_LAYOUT = ({"width": 3}, {"ratio": 8}, {"ratio": 10}, {"ratio": 6})
"""A number, the question, the reply, and the profiles that are possible."""


class _AnswerLines:
    """Prints a line for each answer; ``silent``, for machines, to which the whole is printed at the
    end.  ``watch`` knows what is waited for."""

    def __init__(self, watch: Watch, *, silent: bool) -> None:
        self._number, self._watch, self._silent = 0, watch, silent
        watch("asking the first question")

    def __call__(self, answered: Answered) -> None:
        from tw_conformance.report.terminal import line, say

        self._number += 1
        self._watch(f"{number_of(self._number, 'answer')} came, and another is waited for")
        if self._silent:
            return
        self._watch.printed()
        question = question_text(answered.question)
        possible = ", ".join(answered.remaining[:_LIKELIEST])
        if more := len(answered.remaining[_LIKELIEST:]):
            possible += f" and {more} more"
        reply = reply_text(answered.question, answered.reply)
        cells = (str(self._number), question, reply, possible)
        say(line(cells, _LAYOUT))


_FAMILIES = {"ipv4": "IPv4", "ipv6": "IPv6"}


def _verdict(identity: Identity) -> list[str]:
    count = len(identity.profiles)
    alike = "" if count == 1 else " (no question tells them apart)"
    rest = len(identity.answered) + len(identity.left_out) - identity.telling
    asked = (
        f"{number_of(identity.telling, 'question')}, {rest} more to try its rules,"
        f" over {_FAMILIES[identity.family]}"
    )
    names = " or ".join(profile.name for profile in identity.profiles)
    if identity.none_of_these:
        verdict = f"none of these; the nearest is {names}{alike}: {asked}"
    else:
        verdict = f"{names}: {number_of(count, 'profile')} left after {asked}{alike}"
    lines = ["", verdict]
    if identity.unasked:
        lines.append(
            f"  {_FAMILIES[identity.unasked]} was not asked: no documented rule differs by it"
        )
    defaults = identity.profiles[0].settings
    for name, value in identity.settings.items():
        seen = "can't be told" if value is None else str(value)
        usual = "" if value == defaults[name].default else f" (default {defaults[name].default})"
        lines.append(f"  {name} = {seen}{usual}")
    for number, near in enumerate(identity.nearest):
        lines += [f"  {line}" for line in _nearness_lines(near, whole=number == 0)]
    lines += [f"  left out, no answer to be had: {question_text(q)}" for q in identity.left_out]
    return lines


def _nearness_lines(near: Nearness, whole: bool) -> Iterator[str]:
    """A documented stack beside the target; ``whole``: with every rule that is not followed."""
    name, right = near.candidate.profile.name, near.asked - near.missed
    if not near.deviations:
        yield f"{name}: every rule that was tried is followed ({near.asked} replies)"
        return
    rules = {d.rule.id for d in near.deviations if d.rule is not None}
    yield (
        f"{name}: {near.distance:.0%} away, {len(rules)} of {number_of(near.rules, 'rule')} not"
        f" followed to the letter; {right} of {near.asked} replies as foreseen"
    )
    for deviation in near.deviations:
        if whole:
            yield from _deviation_lines(deviation)
        else:
            yield f"  {_what(deviation)}"


def _what(deviation: Deviation) -> str:
    rule = "what is due" if deviation.rule is None else f"rule {deviation.rule.id}"
    of = f"{deviation.missed} of {deviation.tried}"
    if deviation.fields:
        where = "everywhere" if deviation.rule is None else f"where {rule} is followed"
        return f"another {', '.join(deviation.fields)} {where} ({of})"
    return f"differs from {rule} ({of})"


def _deviation_lines(deviation: Deviation) -> Iterator[str]:
    rule, question = deviation.rule, deviation.question
    yield f"  {_what(deviation)}:"
    if rule is not None:
        yield f"    {rule.says} ({'; '.join(rule.source)})"
    yield f"    {question_text(question)}"
    yield f"    expected {_reply(deviation, deviation.expected)}"
    yield f"    seen     {_reply(deviation, deviation.seen)}"


def _reply(deviation: Deviation, reply: Reply) -> str:
    """With the fields that differ, where the decision does not."""
    said = reply_text(deviation.question, reply)
    answers = [answer for effect in reply for answer in effect.answers]
    if not deviation.fields or not answers:
        return said
    values = (
        f"{name}={_field(value)}"
        for name in deviation.fields
        if (value := getattr(answers[-1], name, None)) is not None
    )
    return f"{said} {' '.join(values)}"


def _field(value: object) -> str:
    return str(getattr(value, "text", value))


def _read_lines(read: Mapping[str, int]) -> list[str]:
    if not read:
        return []
    return ["read on the DUT: " + ", ".join(f"{name}={value}" for name, value in read.items())]


def _value(target: str, identity: Identity) -> dict[str, Any]:
    """The whole as JSON; a setting that can't be told is null."""
    return {
        "target": target,
        "profiles": [profile.name for profile in identity.profiles],
        "questions_asked": len(identity.answered) + len(identity.left_out),
        "questions_telling": identity.telling,
        "family": identity.family,
        "family_not_asked": identity.unasked,
        "settings": dict(identity.settings),
        "none_of_these": identity.none_of_these,
        "deviations": [_deviation_value(deviation) for deviation in identity.deviations],
        "nearest": [_nearness_value(near) for near in identity.nearest],
        "answers": [
            {
                "question": question_text(answered.question),
                "answer": reply_text(answered.question, answered.reply),
                "remaining": list(answered.remaining),
            }
            for answered in identity.answered
        ],
        "left_out": [question_text(question) for question in identity.left_out],
    }


def _nearness_value(near: Nearness) -> dict[str, Any]:
    return {
        "profile": near.candidate.profile.name,
        "settings": dict(near.candidate.settings),
        "distance": round(near.distance, 4),
        "replies": near.asked,
        "missed": near.missed,
        "rules": near.rules,
        "not_followed": [d.rule.id for d in near.deviations if d.rule and not d.fields],
    }


def _deviation_value(deviation: Deviation) -> dict[str, Any]:
    rule = deviation.rule
    return {
        "rule": None if rule is None else rule.id,
        "says": None if rule is None else rule.says,
        "source": [] if rule is None else list(rule.source),
        "fields": list(deviation.fields),
        "missed": deviation.missed,
        "tried": deviation.tried,
        "question": question_text(deviation.question),
        "expected": reply_text(deviation.question, deviation.expected),
        "seen": reply_text(deviation.question, deviation.seen),
    }


def question_text(question: Case) -> str:
    """A question in one line: ``timestamps: SYN seq=rcv_nxt-1 timestamps=newer``."""
    from tw_conformance.model.case import Wait
    from tw_conformance.notation.write import step_text

    steps = [step for step in question.steps if not isinstance(step, Wait)]
    said = "; ".join(step_text(step, "").split(maxsplit=1)[1] for step in steps)
    stamps = "timestamps: " if question.reach.timestamps else ""
    state = question.reach.state
    return f"{'' if state == 'TIME-WAIT' else f'{state}: '}{stamps}{said}"


def reply_text(question: Case, reply: Reply) -> str:
    """What was done with each segment: ``ACK seq=snd_nxt ack=rcv_nxt, TIME-WAIT restarted``."""
    from tw_conformance.model.case import Injection
    from tw_conformance.play.compare import summary

    if not reply:
        return "no timestamps in its SYN-ACK"
    parts = []
    for step, effect in zip(question.steps, reply, strict=False):
        if isinstance(step, Injection):
            parts.append(" + ".join(map(summary, effect.answers)) or "nothing")
    state = reply[-1].state
    if state is not None:
        parts[-1] += f", {state.name}" + (f" {state.timer}" if state.timer else "")
    return "; ".join(parts)
