"""What replies say for candidates and against them.

Replies are counted by what they are about.  A stack that does not what a candidate foresees in one
thing may be that candidate all the same: a sysctl, a firewall or a patch has changed it, and then
every question about that thing shows it.  So the first such reply weighs much, the next ones about
the same thing less and less, and no single trait rules a candidate out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import log

from tw_conformance.explore.identify.predictions import FLIPPED, Candidate, Predictions
from tw_conformance.explore.identify.question_bank import Reply
from tw_conformance.explore.identify.replies import (
    ECN_OF_A_SYN_ACK,
    OF_THE_STACK,
    aspect,
    difference,
)
from tw_conformance.model.case import Case

_CHANGED = 0.02
"""How likely one thing about a stack was changed."""
_POSSIBLE = log(1e-4)
"""Weight, against that of the likeliest, below which a candidate is not asked about any more: two
changes."""
_OPTION, _ECN = "the Timestamps option", "ECN"


class Weights:
    """Of each candidate of ``predictions``, by its place there."""

    def __init__(self, predictions: Predictions) -> None:
        self.predictions = predictions
        self._missed: list[Counter[str]] = [Counter() for _ in predictions.candidates]
        self.evidence = [0.0] * len(predictions.candidates)
        """Natural logarithms: 0 of a candidate that foresaw all."""
        self._weights = [candidate.prior for candidate in predictions.candidates]

    def learn(self, question: Case, reply: Reply) -> None:
        """Take a reply into account."""
        about, parting = aspect(question), self.predictions.parting(question)
        things = [_thing(about, reply, foreseen) for foreseen in parting.replies]
        for index, number in enumerate(parting.of_each):
            if (thing := things[number]) is not None:
                self._miss(index, thing)

    def weight(self, index: int) -> float:
        """The logarithm of how likely it is, but for a constant."""
        return self._weights[index]

    def possible(self) -> list[int]:
        """The places of the candidates that are worth a question, the likeliest first."""
        weights = self._weights
        least = max(weights) + _POSSIBLE
        possible = (index for index, weight in enumerate(weights) if weight > least)
        return sorted(possible, key=lambda index: -weights[index])

    def best_of_each(self) -> list[Candidate]:
        """The likeliest candidate of each profile, the likeliest first."""
        order = sorted(range(len(self._candidates)), key=lambda index: -self.weight(index))
        best: dict[str, Candidate] = {}
        for index in order:
            candidate = self._candidates[index]
            best.setdefault(candidate.profile.name, candidate)
        return list(best.values())

    def alike(self) -> list[Candidate]:
        """The candidates that nothing tells from the likeliest, that one first."""
        first, *others = self.possible()
        same = [i for i in others if abs(self.evidence[i] - self.evidence[first]) < 1e-9]
        return [self._candidates[index] for index in (first, *same)]

    @property
    def _candidates(self) -> Sequence[Candidate]:
        return self.predictions.candidates

    def _miss(self, index: int, thing: str) -> None:
        """Count another reply about that thing which the candidate had not foreseen."""
        missed = self._missed[index]
        missed[thing] += 1
        times = missed[thing]
        if thing != _ECN:
            more = _weight(thing, times)
            self.evidence[index] += more
            self._weights[index] += more
        elif times == 1:
            # Whether a stack takes up ECN is a sysctl with all of them, and no profile's setting.
            self._weights[index] += FLIPPED


def _weight(thing: str, times: int) -> float:
    """What the last of so many replies about one thing adds: together they have the logarithm of
    ``_CHANGED / times``."""
    # Whether timestamps are on is seen at once, and a setting of every profile.
    if times == 1 or thing == _OPTION:
        return log(_CHANGED)
    return log((times - 1) / times)


def _thing(about: str, reply: Reply, foreseen: Reply) -> str | None:
    """What a reply that was not foreseen is about; None of one that was."""
    found = difference(reply, foreseen)
    if found is None:
        return None
    if not reply or not foreseen:
        return _OPTION
    if found.fields == (ECN_OF_A_SYN_ACK,):
        return _ECN
    own = [name for name in found.fields if name not in OF_THE_STACK]
    # No question is about a field: every answer is.
    return f"fields {' '.join(own)}" if found.fields else about
