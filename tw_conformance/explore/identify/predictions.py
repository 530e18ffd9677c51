"""What every documented stack, with every value of the settings that show, replies to every
question: worked out once, some seconds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from math import log
from typing import NamedTuple

from tw_conformance.explore.identify.question_bank import Fork, Reply, Respondent, questions
from tw_conformance.model.case import Case
from tw_reference.profiles import PROFILES
from tw_reference.profiles.profile import Profile

FLIPPED = log(0.1)
"""How likely a setting is not as by default, before anything was asked: a natural logarithm."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A profile with values of the settings that can be told from outside; ``flipped`` is how many
    of them are not as by default."""

    profile: Profile
    settings: Mapping[str, int]
    flipped: int = 0

    @property
    def prior(self) -> float:
        """How likely it is before anything was asked: a natural logarithm, that of the defaults
        being 0."""
        return self.flipped * FLIPPED


class Parting(NamedTuple):
    """The replies that a question may have, and the number among them of each candidate's, by its
    place."""

    replies: Sequence[Reply]
    of_each: Sequence[int]


class Predictions:
    """The replies of all candidates, and who gives them."""

    def __init__(self, profiles: Iterable[Profile]) -> None:
        known: dict[Reply, Reply] = {}
        self.oracles = {profile.name: Respondent(profile, known) for profile in profiles}
        self.questions = questions()
        """In TIME-WAIT, where every stack can be asked."""
        self._predictions = {
            question.name: {name: o.predict(question) for name, o in self.oracles.items()}
            for question in self.questions
        }
        self.candidates = [
            candidate for o in self.oracles.values() for candidate in self._variants(o.profile)
        ]
        self._partings = {question.name: self._parting(question) for question in self.questions}

    def parting(self, question: Case) -> Parting:
        """How its reply parts the candidates."""
        return self._partings[question.name]

    def foreseen(self, question: Case, candidate: Candidate) -> Reply:
        """What that candidate replies."""
        prediction = self._predictions[question.name][candidate.profile.name]
        if isinstance(prediction, Fork):
            return prediction.reply(candidate.settings)
        return prediction

    def _parting(self, question: Case) -> Parting:
        numbers: dict[int, int] = {}
        replies, of_each = list[Reply](), list[int]()
        for candidate in self.candidates:
            # Equal predictions are one object, and its identity is cheaper than its hash.
            foreseen = self.foreseen(question, candidate)
            number = numbers.setdefault(id(foreseen), len(replies))
            if number == len(replies):
                replies.append(foreseen)
            of_each.append(number)
        return Parting(replies, of_each)

    def _variants(self, profile: Profile) -> Iterator[Candidate]:
        defaults = profile.defaults()
        told = self._told(profile)
        for chosen in product(*told.values()):
            settings = dict(zip(told, chosen, strict=True))
            flipped = sum(value != defaults[name] for name, value in settings.items())
            yield Candidate(profile, settings, flipped)

    def _told(self, profile: Profile) -> dict[str, list[int]]:
        """The settings that some question shows, and their values."""
        told: dict[str, list[int]] = {}
        for predictions in self._predictions.values():
            prediction = predictions[profile.name]
            if isinstance(prediction, Fork):
                told |= prediction.settings()
        return told


@cache
def documented() -> Predictions:
    """Those of all documented stacks."""
    return Predictions(PROFILES.values())
