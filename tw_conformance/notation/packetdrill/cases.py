"""All cases of one script: one, or one for each stack that it tells apart by ``#ifdef``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple, TypeVar

from tw_conformance.model.case import ByProfile, Call, Case, Expect, ExpectState, Step
from tw_conformance.model.errors import CaseError, Place
from tw_conformance.notation.globs import globs_of
from tw_conformance.notation.load import load_text
from tw_conformance.notation.packetdrill.commands import Setting, System, system_of
from tw_conformance.notation.packetdrill.parse import read_script
from tw_conformance.notation.packetdrill.remarks import Remark, Severity
from tw_conformance.notation.packetdrill.script import Command, Script
from tw_conformance.notation.packetdrill.translate import Translation, translate
from tw_conformance.notation.write import case_to_yaml
from tw_reference.profiles import PROFILES

T = TypeVar("T")

_SYMBOLS: Mapping[str, str] = {"STANDARD": "rfc9293", "FreeBSD": "freebsd", "Linux": "linux"}
"""The family of profiles that each of nplab's symbols is about."""
_INSECURE: Mapping[Setting, tuple[str, ...]] = {
    Setting("insecure_rst", 1, "freebsd"): ("rfc5961_rst", "rfc5961_rst_before"),
    Setting("insecure_syn", 1, "freebsd"): ("rfc5961_syn", "rfc5961_syn_before"),
}
"""With these FreeBSD does what RFC 793 says, and not RFC 5961: the standard's settings of that."""
_FAMILY_TOKEN = re.compile(r"(?:^|-)ipv[46](?=-|$)")


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of a script."""

    file: Path
    cases: tuple[Case, ...]
    remarks: tuple[Remark, ...]

    @property
    def whole(self) -> bool:
        """Whether the cases demand all that the script does."""
        return not any(remark.kind is Severity.LOST for remark in self.remarks)


class _Reading(NamedTuple):
    """A script as one family of profiles reads it."""

    family: str
    translation: Translation


def import_text(text: str, file: Path, profiles: Sequence[str] = ()) -> Imported:
    """The cases of a script; ``profiles`` are globs of those that they are to be about, where that
    is not for the script to say.

    :raises CaseError: where the text is no script.
    """
    plain = read_script(text, file)
    name = case_name(file)
    readings = [
        _Reading(family, translate(read_script(text, file, symbols), name))
        for family, symbols in _families(plain, profiles)
    ]
    remarks = dict.fromkeys(remark for each in readings for remark in each.translation.remarks)
    remarks |= dict.fromkeys(_of_symbols(plain))
    cases = _merged([each for each in map(_about, readings, [profiles] * len(readings)) if each])
    named = [_named(case, number, cases) for number, case in enumerate(cases)]
    sound = []
    for case in named:
        try:
            load_text(case_to_yaml(case), file)
            sound.append(case)
        except CaseError as error:
            place = Place(file, 1, 1)
            fault = f"no valid case: {error.faults[0].message}"
            remarks[Remark(Severity.LOST, place, fault)] = None
    return Imported(file, tuple(sound), tuple(remarks))


def case_name(file: Path) -> str:
    """The name of a script's case."""
    return "-".join(re.findall("[a-z0-9]+", file.stem.lower())) or "script"


def without_family(name: str) -> str:
    """A case's name without the IP version in it."""
    return _FAMILY_TOKEN.sub("", name).strip("-") or name


# -- whom a script is about ----------------------------------------------------------------------


def _families(script: Script, asked: Sequence[str]) -> list[tuple[str, frozenset[str]]]:
    """Each family of profiles that a script is about, and the symbols defined for it; a script
    that says the same to all, and does not say for whom it is, has one reading for all."""
    systems = _systems(script)
    told = {_SYMBOLS[symbol] for symbol in script.symbols if symbol in _SYMBOLS}
    if not told:
        return [(systems[0] if len(systems) == 1 and not asked else "", frozenset())]
    families = [family for family in _SYMBOLS.values() if family in told or family in systems]
    by_family = {family: symbol for symbol, family in _SYMBOLS.items()}
    return [(family, frozenset((by_family[family],)) & script.symbols) for family in families]


def _systems(script: Script) -> list[System]:
    commands = (e.action.text for e in script.events if isinstance(e.action, Command))
    found = (system_of(text) for text in commands)
    return list(dict.fromkeys(system for system in found if system is not None))


def _of_symbols(script: Script) -> Iterable[Remark]:
    for symbol in sorted(script.symbols - _SYMBOLS.keys()):
        yield Remark(Severity.NOTE, Place(script.file, 1, 1), f"{symbol} is read as not defined")


def _about(reading: _Reading, asked: Sequence[str]) -> Case | None:
    """The case for the profiles of the reading's family that have its settings."""
    case = reading.translation.case
    if case is None:
        return None
    names = [
        name
        for name in PROFILES
        if (not reading.family or name.partition("-")[0] == reading.family)
        and (not asked or any(fnmatchcase(name, glob) for glob in asked))
    ]
    settings = _settings(reading.translation.settings, names)
    names = [name for name in names if settings.keys() <= PROFILES[name].settings.keys()]
    if not names:
        return None
    return replace(case, profiles=globs_of(names), settings=settings)


def _settings(said: Sequence[Setting], names: Sequence[str]) -> dict[str, int]:
    """The settings that are not what each of those profiles has anyway."""
    values: dict[str, int] = {}
    for setting in said:
        if any(name.startswith(setting.system) for name in names):
            values[setting.name] = setting.value
        elif setting in _INSECURE and "rfc9293" in names:
            values |= dict.fromkeys(_INSECURE[setting], 0)
    having = {n: [PROFILES[p] for p in names if n in PROFILES[p].settings] for n in values}
    return {
        name: value
        for name, value in values.items()
        if having[name] and any(p.defaults()[name] != value for p in having[name])
    }


# -- one case of several -------------------------------------------------------------------------


def _merged(cases: Sequence[Case]) -> list[Case]:
    """Cases that differ in what is expected of whom alone, as one."""
    merged: list[Case] = []
    for case in cases:
        for index, earlier in enumerate(merged):
            if (both := _together(earlier, case)) is not None:
                merged[index] = both
                break
        else:
            merged.append(case)
    return merged


def _together(first: Case, second: Case) -> Case | None:
    if (first.reach, first.settings) != (second.reach, second.settings):
        return None
    if len(first.steps) != len(second.steps):
        return None
    steps = []
    for one, other in zip(first.steps, second.steps, strict=True):
        step = _step_of_both(one, other, first.profiles, second.profiles)
        if step is None:
            return None
        steps.append(step)
    return replace(first, steps=tuple(steps), profiles=first.profiles + second.profiles)


def _step_of_both(
    one: Step, other: Step, ones: Sequence[str], others: Sequence[str]
) -> Step | None:
    if one == other:
        return one
    match one, other:
        case Expect(), Expect() if one.within == other.within:
            return replace(one, answer=_either(one.answer, other.answer, ones, others))
        case ExpectState(), ExpectState():
            return replace(one, state=_either(one.state, other.state, ones, others))
        case Call(), Call() if (one.verb, one.arguments) == (other.verb, other.arguments):
            return replace(one, gives=_either(one.gives, other.gives, ones, others))
        case _:
            return None


def _either(
    one: ByProfile[T], other: ByProfile[T], ones: Sequence[str], others: Sequence[str]
) -> ByProfile[T]:
    return ByProfile((*_for(one, ones), *_for(other, others)))


def _for(choices: ByProfile[T], globs: Sequence[str]) -> Iterable[tuple[str, T]]:
    """The same said about those profiles alone."""
    for glob, value in choices.choices:
        if glob == "*":
            yield from ((each, value) for each in globs)
        else:
            yield glob, value


def _named(case: Case, number: int, cases: Sequence[Case]) -> Case:
    """Each of several by whom it is about."""
    if len(cases) == 1:
        return case
    family = case.profiles[0].partition("-")[0].strip("*") or str(number + 1)
    return replace(case, name=f"{case.name}-{family}")
