"""The faults of one case file, gathered so that a person sees all of them at once."""

from __future__ import annotations

from tw_conformance.model.errors import Fault, Place


class Faults:
    """Faults in order of discovery.  The same fault at the same place counts once: a step that is
    wrong is wrong at every point of a matrix."""

    def __init__(self) -> None:
        self._faults: dict[Fault, None] = {}

    def add(self, place: Place, message: str) -> None:
        self._faults[Fault(place, message)] = None

    def extend(self, others: Faults) -> None:
        self._faults.update(others._faults)

    def __bool__(self) -> bool:
        return bool(self._faults)

    def as_list(self) -> list[Fault]:
        return list(self._faults)
