"""What a sweep has found, line by line on disk, so that it can be broken off and gone on with.

Each line is whole when it is written and stands for one batch; a last line that was cut off by a
crash is passed over, and its batch walked again.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tw_conformance.explore.sweep.alphabet import DIMENSIONS, SegmentClass
from tw_conformance.explore.sweep.walk import ClassResult, Divergence
from tw_conformance.model.errors import UsageError
from tw_conformance.model.verdict import Mismatch


class Journal:
    """The file of one sweep; ``about`` is what has to be the same for it to be gone on with.
    ``keep``: whether it stays when it is closed.

    :raises UsageError: where the file is another sweep's, or can't be written.
    """

    def __init__(self, path: Path, about: Mapping[str, Any], *, keep: bool = True) -> None:
        self.path = path
        self.keep = keep
        header = {**about, "alphabet": {name: list(DIMENSIONS[name]) for name in DIMENSIONS}}
        self.results: dict[SegmentClass, ClassResult] = {}
        """What was found before; what was undecided then is to be walked again."""
        try:
            lines = list(_whole_lines(path))
            if lines and lines[0] != header:
                raise UsageError(f"{path} is the journal of another sweep: {_what(lines[0])}")
            for line in lines[1:]:
                self.results.update(_read(line))
            # Written anew, so that a line that was cut off does not spoil the next one.
            whole = "".join(json.dumps(line) + "\n" for line in lines or [header])
            path.write_text(whole, encoding="utf-8")
            self._file = path.open("a", encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{path} can't be used as a journal: {error.strerror}") from None

    def record(self, found: Mapping[SegmentClass, ClassResult]) -> None:
        """Add one batch."""
        self._file.write(json.dumps(_line(found)) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Write no more."""
        self._file.close()
        if not self.keep:
            self.path.unlink(missing_ok=True)


def _whole_lines(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    with path.open(encoding="utf-8") as file:
        for line in file:
            if not line.endswith("\n"):
                return
            try:
                read = json.loads(line)
            except ValueError:
                raise UsageError(f"{path} is no journal of a sweep") from None
            if not isinstance(read, dict):
                raise UsageError(f"{path} is no journal of a sweep")
            yield read


def _what(header: Mapping[str, Any]) -> str:
    said = {key: value for key, value in header.items() if key != "alphabet"}
    return ", ".join(f"{key} {value}" for key, value in said.items()) or "nothing known"


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
