"""Decision lists for machines: plain values with stable keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from tw_conformance.notation.stimulus import Stimulus
from tw_conformance.play.numbers import relative
from tw_conformance.report.rule_documents import sent_words, situation_words
from tw_reference.clock import SECOND
from tw_reference.difference import RulePosition, differing_lists, differing_settings
from tw_reference.explain import Explanation, Passage
from tw_reference.profiles.profile import Profile, Setting
from tw_reference.rules.decision import AnyStage
from tw_reference.rules.rule import AnyRule
from tw_reference.state import Snapshot

JsonValue: TypeAlias = dict[str, Any]


def profile_value(profile: Profile, stage: AnyStage | None = None) -> JsonValue:
    """A profile's lists and settings, or one list.  Times are in seconds."""
    settings = profile.defaults()
    return {
        "profile": profile.name,
        "title": profile.title,
        "parent": profile.parent,
        "lifetime": profile.lifetime(settings) / SECOND,
        "lateness": profile.lateness(settings) / SECOND,
        "lists": [
            {"list": str(rules.stage), "rules": [_rule(rule) for rule in rules]}
            for rules in profile.lists()
            if stage in (None, rules.stage)
        ],
        "settings": [
            {"name": name, **_setting(setting)}
            for name, setting in profile.settings.items()
            if stage is None
        ],
    }


def difference_value(first: Profile, second: Profile, stage: AnyStage | None = None) -> JsonValue:
    """Two profiles side by side; ``kind`` is same, differs, only-first or only-second."""
    return {
        "first": first.name,
        "second": second.name,
        "lists": [
            {
                "list": str(difference.stage),
                "rules": [
                    {
                        "kind": pair.kind.value,
                        "first": _place(pair.first),
                        "second": _place(pair.second),
                    }
                    for pair in difference.pairs
                ],
            }
            for difference in differing_lists(first, second)
            if stage in (None, difference.stage)
        ],
        "settings": [
            {
                "name": pair.name,
                "kind": pair.kind.value,
                "first": pair.first and _setting(pair.first),
                "second": pair.second and _setting(pair.second),
            }
            for pair in differing_settings(first, second)
            if stage is None
        ],
    }


def explanation_value(stimulus: Stimulus, explanation: Explanation) -> JsonValue:
    """One segment's way through the lists of one profile.  Timers are seconds from now."""
    return {
        "profile": explanation.profile.name,
        "stimulus": stimulus.text,
        "situation": situation_words(stimulus),
        "ruled": explanation.ruled,
        "decisions": [_passage(passage) for passage in explanation.passages],
        "sent": sent_words(explanation) if explanation.sent else [],
        "before": _snapshot(explanation.before, explanation),
        "after": _snapshot(explanation.after, explanation),
        "timer_restarted": explanation.restarted,
    }


def _rule(rule: AnyRule) -> JsonValue:
    return {
        "id": rule.id,
        "when": rule.when.text,
        "then": [action.value for action in rule.then],
        "counts": rule.counts,
        "decides": rule.decides,
        "says": rule.says,
        "source": list(rule.source),
    }


def _place(place: RulePosition | None) -> JsonValue | None:
    return None if place is None else {"position": place.position, **_rule(place.rule)}


def _setting(setting: Setting) -> JsonValue:
    return {
        "default": setting.default,
        "least": setting.least,
        "says": setting.says,
        "source": setting.source,
    }


def _passage(passage: Passage) -> JsonValue:
    return {
        "list": str(passage.stage),
        "passed": [
            {"rule": rule.id, "false_part": false_part}
            for rule, false_part in passage.passed
            if false_part
        ],
        "notes": [_rule(rule) for rule in passage.notes],
        "fired": _rule(passage.fired),
    }


def _snapshot(snapshot: Snapshot, explanation: Explanation) -> JsonValue:
    variables: Mapping[str, int] = explanation.variables
    held: JsonValue = {"state": snapshot.state, "timer": None, "rcv_nxt": None, "ts_recent": None}
    if snapshot.expires is not None:
        held["timer"] = (snapshot.expires - explanation.now) / SECOND
    if snapshot.rcv_nxt is not None:
        held["rcv_nxt"] = relative(snapshot.rcv_nxt, variables, "rcv_nxt", however_far=True)
    if snapshot.ts_recent:
        held["ts_recent"] = relative(snapshot.ts_recent, variables, "ts_recent", however_far=True)
    return held
