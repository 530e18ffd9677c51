"""``targets.yaml``: targets by names of one's own.

.. code-block:: yaml

    build-box:
      target: ssh://root@192.0.2.20
      profile: freebsd-15
      tester_ip: [192.0.2.99, "2001:db8::99"]
      settings: {msl: 5000}
      rate: 50
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tw_conformance.link.access import Access
from tw_conformance.model.errors import CaseError, SuiteError, UsageError
from tw_conformance.model.words import did_you_mean, no_such, quoted
from tw_conformance.notation.faults import Faults
from tw_conformance.notation.nodes import Document, KeyPath, read_documents
from tw_conformance.targets.kinds import locate
from tw_conformance.targets.registry import profile_named
from tw_conformance.targets.roster import Named

_KEYS = {
    "target": "",
    "profile": "",
    "tester_ip": "tester_ips",
    "source_ip": "borrow",
    "dut_ip": "dut_ips",
    "dut_port": "dut_port",
    "rate": "rate",
    "max_time": "max_time",
    "max_wait": "max_wait",
    "start_timeout": "start_timeout",
    "sentinel": "sentinel",
    "yes_i_own_this_host": "owned",
    "settings": "settings",
    "expectations": "",
}
"""A target's keys, and the field of :class:`Access` that each one fills."""

_KINDS: Mapping[str, tuple[type, str]] = {
    "target": (str, "a target, such as ssh://root@192.0.2.20"),
    "profile": (str, "a profile, such as freebsd-15"),
    "sentinel": (str, "echo or tcp"),
    "expectations": (str, "the name of a file"),
    "source_ip": (bool, "true or false"),
    "yes_i_own_this_host": (bool, "true or false"),
    "dut_port": (int, "a number"),
    "rate": (int, "a number"),
    "max_time": (int, "a number"),
    "max_wait": (int, "a number"),
    "start_timeout": (int, "a number"),
}


def load_targets(file: Path, known: tuple[str, ...]) -> dict[str, Named]:
    """The targets of a file.  ``known`` are the names that the suite has for its own.

    :raises UsageError: where the file can't be read.
    :raises CaseError: with every fault in it.
    """
    faults = Faults()
    documents = read_documents(file, faults)
    named: dict[str, Named] = {}
    for document in documents:
        if not isinstance(document.data, dict):
            faults.add(document.value_place(()), "write NAME: {target: ...}, one for each target")
            continue
        for name, entry in document.data.items():
            if name in known or name in named:
                faults.add(document.key_place((name,)), f"there is a target {name} already")
            reader = _TargetReader(document, name, known)
            found = reader.named(entry)
            for fault in reader.faults.as_list():
                faults.add(fault.place, fault.message)
            if found is not None:
                named[name] = found
    if not documents and not faults:
        raise UsageError(f"{file} names no target")
    if faults:
        raise CaseError(faults.as_list())
    return named


class _TargetReader:
    """Reads one target of a file."""

    def __init__(self, document: Document, name: str, known: tuple[str, ...]) -> None:
        self.faults = Faults()
        self._document = document
        self._name = name
        self._known = known

    def named(self, entry: Any) -> Named | None:
        """The target; None, with its faults, where it can't be used."""
        if not self._document.is_sound((self._name,)):
            return None
        if not isinstance(entry, dict) or "target" not in entry:
            self._fault((self._name,), "a target needs the key «target», and says where it is")
            return None
        for key in entry:
            if key not in _KEYS:
                place = self._document.key_place((self._name, key))
                self.faults.add(place, no_such("no key", key, _KEYS))
        values = {key: self._value(key, entry[key]) for key in _KEYS if key in entry}
        if self.faults:
            return None
        fields = {_KEYS[key]: value for key, value in values.items() if _KEYS[key]}
        try:
            Access(**fields)
        except UsageError as error:
            self._fault((self._name,), str(error))
        beside = values.get("expectations")
        expectations = self._document.file.parent / beside if beside else None
        return Named(values["target"], values.get("profile"), fields, expectations)

    def _value(self, key: str, value: Any) -> Any:
        path = (self._name, key)
        if key in ("tester_ip", "dut_ip"):
            return self._addresses(path, value)
        if key == "settings":
            return self._settings(path, value)
        kind, what = _KINDS[key]
        if type(value) is not kind:
            self._fault(path, f"{key} is {what}")
        elif key == "profile":
            self._check_profile(path, str(value))
        elif key == "target":
            self._check_target(path, str(value))
        return value

    def _check_profile(self, path: KeyPath, value: str) -> None:
        try:
            profile_named(value)
        except SuiteError as error:
            self._fault(path, str(error))

    def _check_target(self, path: KeyPath, value: str) -> None:
        try:
            if value in self._known or locate(value) is not None:
                return
            self._fault(path, f"no target {quoted(value)}{did_you_mean(value, self._known)}")
        except UsageError as error:
            self._fault(path, str(error))

    def _addresses(self, path: KeyPath, value: Any) -> tuple[str, ...]:
        listed_values = value if isinstance(value, list) else [value]
        if not all(isinstance(each, str) for each in listed_values):
            self._fault(path, f"{path[-1]} is an address, or a list of one IPv4 and one IPv6")
            return ()
        return tuple(listed_values)

    def _settings(self, path: KeyPath, value: Any) -> dict[str, int]:
        if not isinstance(value, dict) or not all(type(each) is int for each in value.values()):
            self._fault(path, "settings are NAME: NUMBER, by the profile's names")
            return {}
        return value

    def _fault(self, path: KeyPath, message: str) -> None:
        self.faults.add(self._document.value_place(path), message)
