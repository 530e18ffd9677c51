"""What a rule may do instead of what it does."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from tw_reference.profiles.profile import Profile
from tw_reference.rules import stages
from tw_reference.rules.actions import (
    Action,
    BlockAction,
    ConnectionAction,
    ConnectionErrorAction,
    EntryAction,
    OrphanAction,
)
from tw_reference.rules.decision import AnyStage
from tw_reference.rules.rule import AnyRule
from tw_reference.state import State

Actions = tuple[Action, ...]

_ANSWERS: Mapping[Action, Actions] = MappingProxyType(
    {
        BlockAction.DROP: (BlockAction.ACK, BlockAction.RST),
        BlockAction.ACK: (BlockAction.DROP, BlockAction.RST, BlockAction.ACK_LIMITED),
        BlockAction.ACK_LIMITED: (BlockAction.DROP, BlockAction.RST, BlockAction.ACK),
        BlockAction.RST: (BlockAction.DROP, BlockAction.ACK),
        BlockAction.REOPEN: (BlockAction.REOPEN_ABOVE, BlockAction.ACK, BlockAction.DROP),
        BlockAction.REOPEN_ABOVE: (BlockAction.REOPEN, BlockAction.ACK, BlockAction.DROP),
        BlockAction.ENTER_TIME_WAIT: (BlockAction.DELETE,),
        BlockAction.ENTER_BRIEFLY: (BlockAction.ENTER_TIME_WAIT, BlockAction.DELETE),
        ConnectionAction.DROP: (ConnectionAction.ACK, ConnectionAction.RST),
        ConnectionAction.ACK: (
            ConnectionAction.DROP,
            ConnectionAction.RST,
            ConnectionAction.ACK_LIMITED,
        ),
        ConnectionAction.ACK_LIMITED: (
            ConnectionAction.DROP,
            ConnectionAction.RST,
            ConnectionAction.ACK,
        ),
        ConnectionAction.CHALLENGE: (
            ConnectionAction.DROP,
            ConnectionAction.RST,
            ConnectionAction.ACK,
        ),
        ConnectionAction.ACK_WITH_FIN: (ConnectionAction.DROP, ConnectionAction.ACK),
        ConnectionAction.ACK_NEXT_TICK: (ConnectionAction.ACK, ConnectionAction.ACK_DELAYED),
        ConnectionAction.ACK_DELAYED: (ConnectionAction.ACK, ConnectionAction.ACK_NEXT_TICK),
        ConnectionAction.ACK_WITH_FIN_DELAYED: (
            ConnectionAction.ACK_WITH_FIN,
            ConnectionAction.ACK_DELAYED,
        ),
        ConnectionAction.ABORT: (ConnectionAction.CLOSE, ConnectionAction.ACK),
        ConnectionAction.RST: (ConnectionAction.DROP, ConnectionAction.ACK),
        ConnectionAction.CLOSE: (ConnectionAction.DROP, ConnectionAction.ABORT),
        ConnectionAction.RESEND: (ConnectionAction.DROP, ConnectionAction.ACK),
        ConnectionAction.RESEND_LIMITED: (ConnectionAction.DROP, ConnectionAction.RESEND),
        ConnectionAction.ENTER_TIME_WAIT: (ConnectionAction.CLOSE,),
    }
)
"""What may stand in the place of an action; of an enumeration that is not here, any other."""

_BESIDE: Mapping[type[Action], Actions] = MappingProxyType(
    {
        BlockAction: (BlockAction.RESTART, BlockAction.UPDATE_TS, BlockAction.DELETE),
        ConnectionAction: (ConnectionAction.UPDATE_TS, ConnectionAction.CLOSE),
    }
)
"""What may be done as well."""
NOT_RULED: frozenset[Action] = frozenset(
    (ConnectionAction.NOT_RULED, ConnectionErrorAction.NOT_RULED)
)
"""By these nothing is claimed: no stack can get it wrong."""

_LAST: frozenset[Action] = frozenset(
    (
        *(BlockAction.DELETE, BlockAction.REOPEN, BlockAction.REOPEN_ABOVE),
        *(ConnectionAction.CLOSE, ConnectionAction.ABORT, ConnectionAction.ENTER_TIME_WAIT),
    )
)
"""After these there is nothing left to act on."""


def instead(rule: AnyRule, stage: AnyStage, profile: Profile) -> Iterator[tuple[str, Actions]]:
    """Other actions of a rule, and what the change is: one exchanged, one left out, one more.

    A rule that says «not ruled» claims nothing that another could get wrong.
    """
    if not NOT_RULED.isdisjoint(rule.then):
        return
    mine = visible(rule.then, stage, profile)
    for change, then in _instead(rule.then, stage):
        if visible(then, stage, profile) != mine and _can_be_taken(then, profile):
            yield change, then


def _instead(then: Actions, stage: AnyStage) -> Iterator[tuple[str, Actions]]:
    for number, action in enumerate(then):
        before, after = then[:number], then[number + 1 :]
        if before or after:
            yield f"without «{action.value}»", before + after
        for other in _rivals(action, stage):
            yield f"«{other.value}» for «{action.value}»", (*before, other, *after)
    if _LAST.isdisjoint(then):
        for more in _BESIDE.get(stage.actions, ()):
            if more not in then:
                yield f"«{more.value}» too", (*then, more)


def _rivals(action: Action, stage: AnyStage) -> Actions:
    if stage.actions in _BESIDE:
        return _ANSWERS.get(action, ())
    return tuple(other for other in stage.actions if other is not action)


_SILENT = NOT_RULED | {
    *(BlockAction.DROP, ConnectionAction.DROP),
    *(EntryAction.CLOSE, OrphanAction.WAIT),
    ConnectionErrorAction.DROP,
}
"""Actions that do nothing."""


def visible(then: Actions, stage: AnyStage, profile: Profile) -> Actions:
    """What of the actions makes a difference: not those that do nothing, an ACK that no connection
    of this profile owes, or a limit that it does not have."""
    idle = set(_SILENT)
    if not _owes_acks(profile):
        idle.add(EntryAction.ACK_OWED)
    if stage is stages.CHALLENGE_LIMIT or stage is stages.ACK_LIMIT:
        return then
    unlimited = _without_a_limit(profile)
    return tuple(unlimited.get(action, action) for action in then if action not in idle)


_UNLIMITED: Mapping[AnyStage, Mapping[Action, Action]] = MappingProxyType(
    {
        stages.ACK_LIMIT: {
            BlockAction.ACK_LIMITED: BlockAction.ACK,
            ConnectionAction.ACK_LIMITED: ConnectionAction.ACK,
            ConnectionAction.RESEND_LIMITED: ConnectionAction.RESEND,
        },
        stages.CHALLENGE_LIMIT: {ConnectionAction.CHALLENGE: ConnectionAction.ACK},
    }
)
"""What an action comes to in a stack that does not have that list, and so limits nothing."""


def _without_a_limit(profile: Profile) -> Mapping[Action, Action]:
    missing = (same for stage, same in _UNLIMITED.items() if profile.find(stage) is None)
    return dict(ChainMap(*map(dict, missing)))


def _owes_acks(profile: Profile) -> bool:
    fin_wait_2, _ = profile.on_connection(State.FIN_WAIT_2)
    return any(ConnectionAction.OWE_ACK in rule.then for rule in fin_wait_2)


def _can_be_taken(then: Actions, profile: Profile) -> bool:
    """Whether the stack has what the actions need."""
    brief = {BlockAction.ENTER_BRIEFLY, EntryAction.ENTER_BRIEFLY}
    return profile.traits.short_lifetime is not None or brief.isdisjoint(then)
