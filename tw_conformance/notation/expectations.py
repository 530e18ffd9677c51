"""``expectations.yaml``: what a DUT is known to do otherwise, each with the reason.

.. code-block:: yaml

    - case: rst-at-rcv-nxt             # all its variants; or rst-at-rcv-nxt[RST-ipv6-*]
      verdict: FAIL
      why: the stack has RFC 1337's fix since 4.2 alone
      link: https://bugs.example.org/1234
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from tw_conformance.model.errors import CaseError, Place
from tw_conformance.model.verdict import Verdict
from tw_conformance.model.words import joined, no_such
from tw_conformance.notation.faults import Faults
from tw_conformance.notation.nodes import Document, read_documents

_NEEDED = ("case", "verdict", "why")
_KEYS = (*_NEEDED, "link", "target", "profile")
_VERDICTS = (Verdict.FAIL.value, Verdict.INCONCLUSIVE.value)


@dataclass(frozen=True, slots=True)
class Expectation:
    """Cases that are known not to pass.

    ``case`` is a name, or a glob of IDs (``*`` and ``?``; brackets are those of the ID);
    ``target`` and ``profile`` are globs of where that holds.
    """

    case: str
    verdict: Verdict
    why: str
    place: Place
    link: str = ""
    target: str = "*"
    profile: str = "*"

    def is_about(self, case_id: str, target: str, profile: str) -> bool:
        """Whether it speaks of that case there; ``case_id`` is ``name[value-value]``."""
        name = case_id.partition("[")[0]
        return (
            any(fnmatchcase(each, _literal_brackets(self.case)) for each in (case_id, name))
            and fnmatchcase(target, self.target)
            and fnmatchcase(profile, self.profile)
        )

    @property
    def reason(self) -> str:
        """Why, and where more is said."""
        return f"{self.why} ({self.link})" if self.link else self.why


def load_expectations(file: Path) -> tuple[Expectation, ...]:
    """The expectations of a file, in its order.

    :raises UsageError: where the file can't be read.
    :raises CaseError: with every fault in it.
    """
    faults = Faults()
    found = [
        expectation
        for document in read_documents(file, faults)
        for expectation in _expectations(document, faults)
    ]
    if faults:
        raise CaseError(faults.as_list())
    return tuple(found)


def first_about(
    expectations: Iterable[Expectation], case_id: str, target: str, profile: str
) -> Expectation | None:
    """The first that speaks of that case there, which is the one that counts."""
    about = (each for each in expectations if each.is_about(case_id, target, profile))
    return next(about, None)


def _literal_brackets(glob: str) -> str:
    return glob.replace("[", "[[]")


def _expectations(document: Document, faults: Faults) -> Sequence[Expectation]:
    entries = document.data
    if not isinstance(entries, list):
        faults.add(document.value_place(()), f"expected a list of entries with {joined(_NEEDED)}")
        return []
    made = (_expectation(document, index, entry, faults) for index, entry in enumerate(entries))
    return [each for each in made if each is not None]


def _expectation(document: Document, index: int, entry: Any, faults: Faults) -> Expectation | None:
    place = document.value_place((index,))
    if not isinstance(entry, dict):
        faults.add(place, f"expected an entry with {joined(_NEEDED)}")
        return None
    if missing := [key for key in _NEEDED if key not in entry]:
        faults.add(place, f"an entry needs {joined(_NEEDED)}: {joined(missing)} is missing")
    wrong = False
    for key, value in entry.items():
        if key not in _KEYS:
            faults.add(document.key_place((index, key)), no_such("no key", key, _KEYS))
        elif not isinstance(value, str) or not value.strip():
            faults.add(document.value_place((index, key)), f"{key} is text")
        elif key == "verdict" and value not in _VERDICTS:
            said = no_such("no verdict that may be expected is", value, _VERDICTS)
            faults.add(document.value_place((index, key)), said)
        else:
            continue
        wrong = True
    if wrong or missing:
        return None
    return Expectation(**{**entry, "verdict": Verdict(entry["verdict"])}, place=place)
