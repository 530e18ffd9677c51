"""Which documented stack is this?  The fewest questions that tell, computed from the reference.

Every profile with every value of the settings that the wire can show is a candidate.  The next
question is always the one whose reply is the least foreseeable; candidates that foresaw fewer
replies than others are out.  When nothing is left to tell the rest apart, the rules of the nearest
profile are gone through, and each that the target does not follow is named.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from math import log2

from tw_conformance.explore.identify.question_bank import Fork, Reply, Respondent, questions
from tw_conformance.explore.observe import StepEffect, Undecided, observe
from tw_conformance.model.case import Case
from tw_conformance.model.errors import TargetError
from tw_conformance.play.approach import NotReached, TimestampsRefused
from tw_conformance.targets.target import Play, Target
from tw_reference.profiles.profile import Profile
from tw_reference.rules import stages
from tw_reference.rules.rule import AnyRule

_TRIES = 6
_TRIES_ON_A_PERFECT_PATH = 3
"""Connections on which a question is asked before it is left out."""
_FLIPPED = 0.1
"""How likely a setting is not as by default, before anything was asked."""
_MOST_SILENT = 2
"""Questions without a usable answer, none before them having had one, after which no more is
asked."""
_PER_RULE = 3
"""Questions by which each rule of the nearest profile is tried, where there are so many."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A profile with values of the settings that can be told from outside."""

    profile: Profile
    settings: Mapping[str, int]
    likelihood: float


@dataclass(frozen=True, slots=True)
class Answered:
    """A question that was answered, and the names of the profiles that were possible then."""

    question: Case
    reply: Reply
    remaining: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Deviation:
    """The target does something else than a rule of the profile that it is nearest to.

    ``rule`` is None where none fires at that step.
    """

    rule: AnyRule | None
    question: Case
    expected: Reply
    seen: Reply


@dataclass(frozen=True, slots=True)
class Identity:
    """What came of it.

    ``profiles``: those that no question told apart, the likeliest first.  ``settings``: of the
    first of them; None where the replies fit several values.  ``telling`` is how many questions
    told the profiles apart; the others tried rules.
    """

    profiles: tuple[Profile, ...]
    settings: Mapping[str, int | None]
    deviations: tuple[Deviation, ...]
    answered: tuple[Answered, ...]
    left_out: tuple[Case, ...]
    telling: int


class Predictions:
    """What every candidate would reply to every question: worked out once, some seconds."""

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

    def foreseen(self, question: Case, candidate: Candidate) -> Reply:
        """What that candidate replies."""
        prediction = self._predictions[question.name][candidate.profile.name]
        if isinstance(prediction, Fork):
            return prediction.reply(candidate.settings)
        return prediction

    def _variants(self, profile: Profile) -> Iterator[Candidate]:
        defaults = profile.defaults()
        told = self._told(profile)
        for chosen in product(*told.values()):
            settings = dict(zip(told, chosen, strict=True))
            flipped = sum(value != defaults[name] for name, value in settings.items())
            yield Candidate(profile, settings, _FLIPPED**flipped)

    def _told(self, profile: Profile) -> dict[str, list[int]]:
        """The settings that some question shows, and their values."""
        told: dict[str, list[int]] = {}
        for predictions in self._predictions.values():
            prediction = predictions[profile.name]
            if isinstance(prediction, Fork):
                told |= prediction.settings()
        return told


@dataclass(slots=True)
class Inquiry:
    """What is known so far.  Nothing is asked here.

    ``questions`` may be asked in TIME-WAIT, to tell candidates apart; ``in_fin_wait_2`` of a stack
    that keeps a block there, to try its rules.
    """

    predictions: Predictions
    questions: Sequence[Case]
    in_fin_wait_2: Sequence[Case] = ()
    answered: list[Answered] = field(default_factory=list)
    left_out: list[Case] = field(default_factory=list)
    _misses: list[int] = field(init=False)
    """Replies that each candidate did not foresee."""

    def __post_init__(self) -> None:
        self._misses = [0] * len(self.predictions.candidates)

    # -- asking ----------------------------------------------------------------------------------

    def most_telling(self) -> Case | None:
        """The question that says the most about what remains; None where none says anything."""
        remaining = self._remaining()
        done = self._done()
        best, most = None, 0.0
        for question in self.questions:
            if question.name not in done:
                gain = self._gain(question, remaining)
                if gain > most + 1e-9:
                    best, most = question, gain
        return best

    def _gain(self, question: Case, remaining: Iterable[Candidate]) -> float:
        """Bits that the reply is expected to tell."""
        shares: defaultdict[int, float] = defaultdict(float)
        for candidate in remaining:
            # Equal predictions are one object, and its identity is cheaper than its hash.
            reply = self.predictions.foreseen(question, candidate)
            shares[id(reply)] += candidate.likelihood
        whole = sum(shares.values())
        return -sum(share / whole * log2(share / whole) for share in shares.values())

    def _remaining(self) -> list[Candidate]:
        """The candidates that foresaw the most, in order."""
        least = min(self._misses)
        pairs = zip(self.predictions.candidates, self._misses, strict=True)
        return [candidate for candidate, misses in pairs if misses == least]

    def _done(self) -> set[str]:
        """The names of the questions that need not be asked any more."""
        return {case.name for case in (*(a.question for a in self.answered), *self.left_out)}

    # -- learning --------------------------------------------------------------------------------

    def learn(self, question: Case, reply: Reply) -> Answered:
        """Take a reply into account."""
        if question.reach.state == "TIME-WAIT":
            for index, candidate in enumerate(self.predictions.candidates):
                foreseen = self.predictions.foreseen(question, candidate)
                self._misses[index] += not agree(reply, foreseen)
        names = (candidate.profile.name for candidate in self._remaining())
        answered = Answered(question, reply, tuple(dict.fromkeys(names)))
        self.answered.append(answered)
        return answered

    def nearest(self) -> Candidate:
        """The likeliest of what remains."""
        return max(self._remaining(), key=lambda candidate: candidate.likelihood)

    # -- the rules of the nearest ----------------------------------------------------------------

    def untried(self) -> list[Case]:
        """Questions not asked yet by which the rules of the nearest profile can be tried."""
        tried: Counter[str] = Counter()
        wanted = []
        for question in self._about(self.nearest().profile):
            rules = {rule.id for rule in _fired(self._expected(question))}
            if any(tried[rule] < _PER_RULE for rule in rules):
                tried.update(rules)
                wanted.append(question)
        done = self._done()
        return [question for question in wanted if question.name not in done]

    def _about(self, profile: Profile) -> list[Case]:
        if profile.find(stages.FIN_WAIT_2_BLOCK) is None:
            return list(self.questions)
        return [*self.questions, *self.in_fin_wait_2]

    def _expected(self, question: Case) -> Reply:
        """What the nearest candidate would reply, with its rules."""
        nearest = self.nearest()
        oracle = self.predictions.oracles[nearest.profile.name]
        return oracle.reply(question, nearest.settings)

    def identity(self, telling: int) -> Identity:
        """What is known by now."""
        nearest = self.nearest()
        remaining = self._remaining()
        profiles = {nearest.profile.name: nearest.profile}
        profiles |= {candidate.profile.name: candidate.profile for candidate in remaining}
        alike = [c.settings for c in remaining if c.profile is nearest.profile]
        settings = {name: _agreed(s[name] for s in alike) for name in nearest.settings}
        return Identity(
            profiles=tuple(profiles.values()),
            settings=settings,
            deviations=tuple(self._deviations()),
            answered=tuple(self.answered),
            left_out=tuple(self.left_out),
            telling=telling,
        )

    def _deviations(self) -> Iterator[Deviation]:
        for answered in self.answered:
            expected = self._expected(answered.question)
            if not agree(answered.reply, expected):
                effect = first_difference(answered.reply, expected)
                rules = expected[effect].rules if effect < len(expected) else ()
                rule = rules[0] if rules else None
                yield Deviation(rule, answered.question, expected, answered.reply)


def identify(
    target: Target,
    predictions: Predictions,
    *,
    settings: Mapping[str, int],
    tell: Callable[[Answered], None],
) -> Identity:
    """Ask ``target``, which is given ``settings``; ``tell`` hears of each answer as it comes.

    :raises TargetError: where the target is gone, or no connection of it gets to TIME-WAIT.
    """

    def playable(cases: Iterable[Case]) -> list[Case]:
        return [case for case in cases if target.lacks(replace(case, settings=settings)) is None]

    inquiry = Inquiry(
        predictions, playable(predictions.questions), playable(questions("FIN-WAIT-2"))
    )

    def start(question: Case) -> Play[Reply | None]:
        return target.start(_ask(replace(question, settings=settings), target))

    def take(question: Case, reply: Reply | None) -> None:
        if reply is None:
            inquiry.left_out.append(question)
        else:
            tell(inquiry.learn(question, reply))

    telling = 0
    while True:
        while (question := inquiry.most_telling()) is not None:
            take(question, start(question).result())
            telling += 1
            _require_an_answer(inquiry, target)
        # Which profile is nearest may change with what its rules are seen to do.
        untried = inquiry.untried()
        if not untried:
            return inquiry.identity(telling)
        started = [(question, start(question)) for question in untried]
        for question, play in started:
            take(question, play.result())


def _require_an_answer(inquiry: Inquiry, target: Target) -> None:
    if not inquiry.answered and len(inquiry.left_out) == _MOST_SILENT:
        raise TargetError(
            f"{_MOST_SILENT} questions to {target.name} had no usable answer: does it accept "
            "connections and close them first? tw-conformance run says what becomes of one"
        )


async def _ask(question: Case, target: Target) -> Reply | None:
    """The reply, which on a path with faults has to come twice; None where none can be had."""
    seen: Counter[Reply] = Counter()
    perfect = target.path.perfect
    for _ in range(_TRIES_ON_A_PERFECT_PATH if perfect else _TRIES):
        try:
            reply = await observe(question, target)
        except TimestampsRefused:
            reply = ()
        except (NotReached, Undecided):
            continue
        seen[reply] += 1
        if seen[reply] == (1 if perfect else 2):
            return reply
    return None


def agree(seen: Reply, expected: Reply) -> bool:
    """Whether a reply is as expected; what a target can't tell agrees with everything."""
    return first_difference(seen, expected) == len(expected) and bool(seen) == bool(expected)


def first_difference(seen: Reply, expected: Reply) -> int:
    """The first effect that is not as expected; the length of ``expected`` where there is none."""
    for index, effect in enumerate(expected):
        if index >= len(seen) or not _alike(seen[index], effect):
            return index
    return len(expected)


def _alike(seen: StepEffect, expected: StepEffect) -> bool:
    if seen.answers != expected.answers:
        return False
    if seen.state is None or expected.state is None:
        return True
    timers = {seen.state.timer, expected.state.timer} - {None}
    return seen.state.name == expected.state.name and len(timers) < 2


def _fired(reply: Reply) -> Iterator[AnyRule]:
    for effect in reply:
        yield from effect.rules


def _agreed(values: Iterable[int]) -> int | None:
    distinct = set(values)
    return distinct.pop() if len(distinct) == 1 else None
