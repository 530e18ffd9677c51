"""What a sweep has found, a line for each batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tw_conformance.explore import journal
from tw_conformance.explore.sweep.alphabet import DIMENSIONS, SegmentClass
from tw_conformance.explore.sweep.walk import ClassResult, Divergence
from tw_conformance.model.verdict import Mismatch


class Journal(journal.Journal):
    """The file of one sweep; ``results`` are those of before.  What was undecided then is to be
    walked again.

    :raises UsageError: where the file is another sweep's, or can't be written.
    """

    def __init__(self, path: Path, about: Mapping[str, Any], *, keep: bool = True) -> None:
        alphabet = {name: list(DIMENSIONS[name]) for name in DIMENSIONS}
        super().__init__(path, {**about, "alphabet": alphabet}, "a sweep", keep=keep)
        self.results: dict[SegmentClass, ClassResult] = {}
        for line in self.lines:
            self.results.update(_read(line))

    def record(self, found: Mapping[SegmentClass, ClassResult]) -> None:
        """Add one batch."""
        self.write(_line(found))


def _line(found: Mapping[SegmentClass, ClassResult]) -> dict[str, Any]:
    """Classes by result: there are few results."""
    alike: dict[ClassResult, list[str]] = defaultdict(list)
    for one, result in found.items():
        alike[result].append(" ".join(one))
    return {
        "found": [
            {
                "expected": result.expected,
                "seen": result.seen,
                **({"undecided": result.undecided} if result.undecided else {}),
                **({} if result.ruled else {"ruled": False}),
                **({"divergence": _as_json(result.divergence)} if result.divergence else {}),
                "classes": classes,
            }
            for result, classes in alike.items()
        ]
    }


def _read(line: Mapping[str, Any]) -> Iterator[tuple[SegmentClass, ClassResult]]:
    for entry in line["found"]:
        if "undecided" in entry:
            continue
        said = entry.get("divergence")
        divergence = None if said is None else _from_json(said)
        ruled = entry.get("ruled", True)
        result = ClassResult(entry["expected"], entry["seen"], divergence, ruled=ruled)
        for words in entry["classes"]:
            yield SegmentClass(*words.split(" ")), result


def _as_json(divergence: Divergence) -> dict[str, Any]:
    return {
        "rule": divergence.rule,
        "differences": [[d.field, d.expected, d.seen] for d in divergence.differences],
    }


def _from_json(said: Mapping[str, Any]) -> Divergence:
    return Divergence(said["rule"], tuple(Mismatch(*words) for words in said["differences"]))
