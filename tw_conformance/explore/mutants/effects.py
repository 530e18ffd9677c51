"""What a ruling comes to on a question: two rulings that come to the same can't be told apart.

A list of actions says more than what happens.  Nothing is left to do on a connection that is gone;
TS.Recent takes a TSval only of a segment that has one, on a connection that agreed on them; an ACK
that is due is not due any more once one is sent; and an ACK under a limit is an ACK, or none, as
the stack's limit has it at that moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from tw_conformance.explore.mutants.actions import NOT_RULED, visible
from tw_reference.profiles.profile import Profile
from tw_reference.rules import stages
from tw_reference.rules.actions import (
    AckLimitAction,
    Action,
    BlockAction,
    ConnectionAction,
)
from tw_reference.rules.decision import AnyList, AnyStage, Ruling
from tw_reference.rules.questions import AckDue

Effect: TypeAlias = tuple[object, ...]

_LIMITED: Mapping[Action, tuple[Action, AnyStage]] = MappingProxyType(
    {
        BlockAction.ACK_LIMITED: (BlockAction.ACK, stages.ACK_LIMIT),
        ConnectionAction.ACK_LIMITED: (ConnectionAction.ACK, stages.ACK_LIMIT),
        ConnectionAction.RESEND_LIMITED: (ConnectionAction.RESEND, stages.ACK_LIMIT),
        ConnectionAction.CHALLENGE: (ConnectionAction.ACK, stages.CHALLENGE_LIMIT),
    }
)
"""What is sent where a limit lets it pass, and the list that is that limit."""
_NOTES_TSVAL: frozenset[Action] = frozenset(
    (BlockAction.UPDATE_TS, ConnectionAction.UPDATE_TS, ConnectionAction.UPDATE_ANY_TS)
)
_GONE: frozenset[Action] = frozenset(
    (ConnectionAction.CLOSE, ConnectionAction.ABORT, BlockAction.DELETE)
)
"""After these nothing of the connection is left."""
_LAST: frozenset[Action] = _GONE - {BlockAction.DELETE}
"""After these no other action is taken; who deletes a block may still reset."""
_OF_WHAT_GOES: frozenset[Action] = frozenset(
    (
        *(*_NOTES_TSVAL, BlockAction.RESTART),
        *(ConnectionAction.TAKE_ACK, ConnectionAction.ACK_EAGERLY, ConnectionAction.NEED_ACK),
    )
)
"""Actions of which nothing shows once the connection is gone."""
_LEAVES_NOTHING_DUE: frozenset[Action] = frozenset(
    (
        *(ConnectionAction.ACK, ConnectionAction.ACK_ALONE, ConnectionAction.ACK_WITH_FIN),
        *(ConnectionAction.RESEND, ConnectionAction.ENTER_TIME_WAIT),
    )
)
"""Actions after which no ACK is due, whatever came before: it was sent, or a block owes it."""
_DEPENDS: frozenset[Action] = frozenset((*_LIMITED, *_OF_WHAT_GOES, *_GONE))
"""Actions that come to different things on different questions, or beside others."""


class Effects:
    """Compares rulings by what they come to under one profile: actions that show, and counters."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._said: dict[tuple[int, ...], tuple[Ruling[Any], Effect, Effect, bool]] = {}

    def differ(
        self, stage: AnyStage, ruling: Ruling[Any], other: AnyList, question: object
    ) -> bool:
        """Whether ``other``, asked the same, does otherwise than ``ruling``; a list without an
        answer does.  Than what is not ruled none does."""
        if not NOT_RULED.isdisjoint(ruling.then):
            return False
        try:
            theirs = other.decide(question)
        except LookupError:
            return True
        return self._of(stage, ruling, question) != self._of(stage, theirs, question)

    def _of(self, stage: AnyStage, ruling: Ruling[Any], question: Any) -> Effect:
        _, then, counts, depends = self._known(stage, ruling)
        if not depends:
            return (then, counts)
        limited = (self._passed(action, question) for action in _done(then, question))
        return (tuple(limited), counts)

    def _known(
        self, stage: AnyStage, ruling: Ruling[Any]
    ) -> tuple[Ruling[Any], Effect, Effect, bool]:
        acted = (*ruling.notes, ruling.rule)
        key = tuple(map(id, acted))
        known = self._said.get(key)
        if known is None:
            counts = tuple(sorted(rule.counts for rule in acted if rule.counts))
            then = visible(ruling.then, stage, self._profile)
            depends = not _DEPENDS.isdisjoint(then)
            known = self._said[key] = ruling, then, counts, depends  # kept: so id() stays its own
        return known

    def _passed(self, action: Any, question: Any) -> object:
        """What becomes of an ACK under a limit; of another action that itself."""
        if action not in _LIMITED:
            return action
        sent, stage = _LIMITED[action]
        if action is ConnectionAction.CHALLENGE and self._profile.traits.rounds_scaled_window:
            sent = action  # its window is another than an ACK's
        limit = self._profile.find(stage)
        if limit is None:
            return sent
        due = AckDue(question.segment, question.tcb, question.settings, question.now)
        (ruled,) = limit.decide(due).then
        return sent if ruled is AckLimitAction.SEND else (sent, ruled)


def _done(then: Iterable[Any], question: Any) -> Iterator[Any]:
    """The actions that come to something, in the order that makes equal ones look equal."""
    actions = _due_once(_eager_once(list(_until_gone(then))), question)
    if not _GONE.isdisjoint(actions):
        actions = [action for action in actions if action not in _OF_WHAT_GOES]
    if not _NOTES_TSVAL.isdisjoint(actions):
        notes = next(action for action in actions if action in _NOTES_TSVAL)
        at = actions.index(notes)
        actions = [action for action in actions if action not in _NOTES_TSVAL]
        if ConnectionAction.TAKE_SYN in actions or _has_stamp(question):
            while at and actions[at - 1] is ConnectionAction.TAKE_ACK:
                at -= 1  # neither looks at what the other does
            actions.insert(at, notes)
    return iter(actions)


def _eager_once(actions: list[Any]) -> list[Any]:
    """To put no ACK off is said once: what comes last decides, whatever was sent before it."""
    eager = ConnectionAction.ACK_EAGERLY
    if actions.count(eager) < 2:
        return actions
    last = len(actions) - 1 - actions[::-1].index(eager)
    return [each for at, each in enumerate(actions) if each is not eager or at == last]


def _due_once(actions: list[Any], question: Any) -> list[Any]:
    """An ACK is due, or it is not: not once one was sent, and not anew where one was before."""
    need = ConnectionAction.NEED_ACK
    if need not in actions:
        return actions
    rest = [action for action in actions if action is not need]
    stays = question.tcb.ack_due or not _LEAVES_NOTHING_DUE.isdisjoint(rest)
    return rest if stays else [need, *rest]


def _until_gone(then: Iterable[Any]) -> Iterator[Any]:
    for action in then:
        yield action
        if action in _LAST:
            return


def _has_stamp(question: Any) -> bool:
    return question.segment.timestamps is not None and question.tcb.timestamps
