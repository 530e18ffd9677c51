"""Stacks whose limits, times and habits are others: settings and traits, one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from enum import Enum
from typing import Any

from tw_conformance.explore.mutants.mutant import ProfileMutant
from tw_reference.clock import MILLISECOND
from tw_reference.profiles.offers import Offers
from tw_reference.profiles.profile import IdleLimit, Profile, StackTraits
from tw_reference.segment import Packet

_SWITCHES = range(3)
"""Values of a setting that is a switch."""


def stack_mutants(profile: Profile) -> Iterator[ProfileMutant]:
    """Every setting with another default, every trait with another value, field by field where it
    has several."""
    yield from _setting_mutants(profile)
    for field in fields(StackTraits):
        for name, other in _others(field.name, getattr(profile.traits, field.name)):
            traits = replace(profile.traits, **{field.name: other})
            changed = replace(profile, traits=traits)
            yield ProfileMutant("trait", "traits", name, changed, reads=name)
    if "msl" not in profile.settings:
        yield ProfileMutant("trait", "traits", "msl", replace(profile, msl=_longer(profile.msl)))


def reading_traits(profile: Profile, read: set[str]) -> Profile:
    """The same profile, which adds to ``read`` the name of each trait and field that is looked at,
    of a predicate where it does not hold: its mutant (:func:`_off`) holds everywhere."""

    def heard(name: str, value: Callable[..., Any]) -> Callable[..., Any]:
        def asked(*arguments: Any) -> Any:
            said = value(*arguments)
            if said is not True:
                read.add(name)
            return said

        return asked

    class Watched(StackTraits):
        __slots__ = ()

        def __getattribute__(self, name: str) -> Any:
            value = super().__getattribute__(name)
            if name not in _CALLED:
                read.add(name)
                return value
            return None if value is None else heard(name, value)

    values = {
        field.name: _reading_fields(field.name, getattr(profile.traits, field.name), read)
        for field in fields(StackTraits)
    }
    return replace(profile, traits=Watched(**values))


def _reading_fields(trait: str, value: Any, read: set[str]) -> Any:
    """The same value, which adds to ``read`` each of its fields that is looked at, if it has
    any."""

    def heard(of: Any, name: str) -> Any:
        read.add(f"{trait}.{name}")
        return object.__getattribute__(of, name)

    if not _fields_of(value):
        return value
    kind = type(value)
    return type(kind.__name__, (kind,), {"__slots__": (), "__getattribute__": heard})(*value)


def _fields_of(value: Any) -> tuple[str, ...]:
    """The fields of a trait that is a NamedTuple; none of another."""
    names: tuple[str, ...] = getattr(value, "_fields", ())
    return names


_CALLED = frozenset(
    field.name for field in fields(StackTraits) if str(field.type).startswith("Callable")
)
"""Traits that are functions."""


def _setting_mutants(profile: Profile) -> Iterator[ProfileMutant]:
    for name, setting in profile.settings.items():
        for value in _other_defaults(setting.default):
            changed = replace(setting, default=value)
            settings: Mapping[str, Any] = {**profile.settings, name: changed}
            change = f"{name} = {value} by default"
            mutant = replace(profile, settings=settings)
            yield ProfileMutant("setting", "settings", change, mutant)


def _other_defaults(default: int) -> tuple[int, ...]:
    if default in _SWITCHES:
        return (0 if default else 1,)
    return (_longer(default), default - default // 10)


def _longer(value: int) -> int:
    return value + max(value // 10, 1)


def _others(trait: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Other values of a trait, and what each is called: ``ttl``, ``ecn.quick_acks``."""
    names = _fields_of(value)
    if not names:
        other = _another(trait, value)
        if other is not None:
            yield trait, other
    for name in names:
        other = _another(name, getattr(value, name))
        if other is not None:
            yield f"{trait}.{name}", value._replace(**{name: other})


def _another(name: str, value: Any) -> Any:
    """Another value of that trait; None where it has none to be another of."""
    match value:
        case bool():
            return not value
        case int() if name in ("reset_tos_mask", "reset_tos_mask_ipv6"):
            return value ^ 0xFC
        case int():
            return _longer(value)
        case Enum():
            return next(other for other in type(value) if other is not value)
        case _ if callable(value):
            return _off(value)
        case _:
            return None


def _off(value: Callable[..., Any]) -> Callable[..., Any]:
    """The same function with a tenth more, or a millisecond where that is more to see; a predicate
    that holds everywhere; a packet with a tenth more of TTL."""

    def off(*arguments: Any) -> Any:
        right = value(*arguments)
        if isinstance(right, bool):
            return True
        if isinstance(right, IdleLimit):
            return IdleLimit(*(_longer(part) for part in right))
        if isinstance(right, Packet):
            return replace(right, ttl=_longer(right.ttl))
        if isinstance(right, Offers):
            return right._replace(timestamps=not right.timestamps)
        return _longer(right) if right < MILLISECOND else right + max(right // 10, MILLISECOND)

    return off
