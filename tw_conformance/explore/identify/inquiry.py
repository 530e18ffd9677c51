"""Which documented stack is this?  The fewest questions that tell, computed from the reference.

Every profile with every value of the settings that the wire can show is a candidate.  The next
question is always the one whose reply is the least foreseeable.  No candidate is ever out: replies
weigh (:mod:`~tw_conformance.explore.identify.weighing`).  When nothing is left to tell those apart
that are possible, the rules of the nearest profile are gone through, every part of every condition
on both of its sides, and each that the target does not follow is named.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import exp, log2

from tw_conformance.explore.identify.nearness import TOO_FAR, Deviation, Nearness, nearness
from tw_conformance.explore.identify.predictions import Candidate, Predictions
from tw_conformance.explore.identify.question_bank import Reply, questions
from tw_conformance.explore.identify.weighing import Weights
from tw_conformance.explore.observe import Undecided, observe
from tw_conformance.model.case import Case, Family
from tw_conformance.model.errors import TargetError
from tw_conformance.play.approach import NotReached, TimestampsRefused
from tw_conformance.targets.target import Play, Target, family_of, has_family
from tw_reference.profiles.profile import Profile
from tw_reference.rules import stages

_TRIES = 6
_TRIES_ON_A_PERFECT_PATH = 3
"""Connections on which a question is asked before it is left out."""
_MOST_SILENT = 2
"""Questions without a usable answer, none before them having had one, after which no more is
asked."""
_LEAST_GAIN = 0.1
"""Bits that a reply must be expected to tell for its question to be asked before others."""
_PER_RULE = 3
"""Questions by which each rule of the nearest profile is tried, where there are so many."""
_NEIGHBOURS = 3
"""Profiles whose distance is told."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A question that was answered, and the names of the profiles that were possible then, the
    likeliest first."""

    question: Case
    reply: Reply
    remaining: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Identity:
    """What came of it.

    ``profiles``: those that no question told apart, the likeliest first.  ``settings``: of the
    first of them; None where the replies fit several values.  ``nearest``: what the likeliest
    profiles are away, themselves first.  ``telling`` is how many questions told the profiles apart;
    the others tried rules.  All were asked over one address ``family``, by which no rule of
    TIME-WAIT differs; ``unasked`` is the other, where the target has that too.
    """

    profiles: tuple[Profile, ...]
    settings: Mapping[str, int | None]
    nearest: tuple[Nearness, ...]
    answered: tuple[Answered, ...]
    left_out: tuple[Case, ...]
    telling: int
    family: Family
    unasked: Family | None = None

    @property
    def deviations(self) -> tuple[Deviation, ...]:
        """The rules of the first profile that the target does not follow."""
        return self.nearest[0].deviations

    @property
    def none_of_these(self) -> bool:
        """Whether even the nearest profile is too far away for the target to be it."""
        return self.nearest[0].distance > TOO_FAR


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
    _weights: Weights = field(init=False)

    def __post_init__(self) -> None:
        self._weights = Weights(self.predictions)

    # -- asking ----------------------------------------------------------------------------------

    def most_telling(self) -> Case | None:
        """The question that says the most about what is possible; None where none says enough."""
        possible = self._weights.possible()
        most = self._weights.weight(possible[0])
        shares = [(index, exp(self._weights.weight(index) - most)) for index in possible]
        done = self._done()
        best, gain = None, _LEAST_GAIN
        for question in self.questions:
            if question.name not in done:
                found = self._gain(question, shares)
                if found > gain + 1e-9:
                    best, gain = question, found
        return best

    def _gain(self, question: Case, candidates: Iterable[tuple[int, float]]) -> float:
        """Bits that the reply is expected to tell, where these are the candidates, by their places,
        each with its share."""
        shares: defaultdict[int, float] = defaultdict(float)
        of_each = self.predictions.parting(question).of_each
        for index, share in candidates:
            shares[of_each[index]] += share
        whole = sum(shares.values())
        return -sum(share / whole * log2(share / whole) for share in shares.values())

    def _done(self) -> set[str]:
        """The names of the questions that need not be asked any more."""
        return {case.name for case in (*(a.question for a in self.answered), *self.left_out)}

    # -- learning --------------------------------------------------------------------------------

    def learn(self, question: Case, reply: Reply) -> Answered:
        """Take a reply into account."""
        if question.reach.state == "TIME-WAIT":
            self._weights.learn(question, reply)
        names = (self.predictions.candidates[i].profile.name for i in self._weights.possible())
        answered = Answered(question, reply, tuple(dict.fromkeys(names)))
        self.answered.append(answered)
        return answered

    # -- the rules of the nearest ----------------------------------------------------------------

    def untried(self) -> list[Case]:
        """Questions not asked yet by which the rules of the nearest profile can be tried; where it
        is too far away, those of its neighbours too."""
        nearest, *others = self._nearest()
        wanted = list(self._about(nearest.candidate))
        if nearest.distance > TOO_FAR:
            wanted += (case for each in others for case in self._about(each.candidate))
        done = self._done()
        return [case for name, case in {c.name: c for c in wanted}.items() if name not in done]

    def _about(self, candidate: Candidate) -> Iterator[Case]:
        """Questions that try each of its rules so often, and each part of a condition, true and
        false, where it decides alone."""
        oracle = self.predictions.oracles[candidate.profile.name]
        tried: Counter[str] = Counter()
        parts = set[object]()
        for question in self._that_may_be_asked(candidate.profile):
            tries = oracle.tries(question, candidate.settings)
            if tries.parts - parts or any(tried[rule] < _PER_RULE for rule in tries.rules):
                tried.update(tries.rules)
                parts |= tries.parts
                yield question

    def _that_may_be_asked(self, profile: Profile) -> list[Case]:
        if profile.find(stages.FIN_WAIT_2_BLOCK) is None:
            return list(self.questions)
        return [*self.questions, *self.in_fin_wait_2]

    def _nearest(self) -> list[Nearness]:
        """The likeliest profiles, each with the settings that fit it best; where that is none of
        them, those that the fewest rules are away."""
        likeliest = self._weights.best_of_each()
        near = [self._nearness(candidate) for candidate in likeliest[:_NEIGHBOURS]]
        if near[0].distance > TOO_FAR:
            near += [self._nearness(candidate) for candidate in likeliest[_NEIGHBOURS:]]
            near.sort(key=lambda each: each.distance)
        return near[:_NEIGHBOURS]

    def _nearness(self, candidate: Candidate) -> Nearness:
        replies = ((each.question, each.reply) for each in self.answered)
        return nearness(candidate, self.predictions.oracles[candidate.profile.name], replies)

    def identity(self, telling: int) -> Identity:
        """What is known by now."""
        nearest = self._nearest()
        first = nearest[0].candidate
        alike = self._weights.alike()
        if first.profile is not alike[0].profile:
            alike = [first]
        same = [candidate.settings for candidate in alike if candidate.profile is first.profile]
        return Identity(
            profiles=tuple({c.profile.name: c.profile for c in alike}.values()),
            settings={name: _agreed(s[name] for s in same) for name in first.settings},
            nearest=tuple(nearest),
            answered=tuple(self.answered),
            left_out=tuple(self.left_out),
            telling=telling,
            family=self.questions[0].reach.family,
        )


def identify(
    target: Target,
    predictions: Predictions,
    *,
    settings: Mapping[str, int],
    tell: Callable[[Answered], None],
) -> Identity:
    """Ask ``target``, which is given ``settings``, over IPv4 where it has an address of that;
    ``tell`` hears of each answer as it comes.

    :raises TargetError: where the target is gone, no question can be asked of it, or no connection
        of it gets to TIME-WAIT.
    """

    family = family_of(target)

    def playable(cases: Iterable[Case]) -> list[Case]:
        there = (replace(case, reach=replace(case.reach, family=family)) for case in cases)
        given = (replace(case, settings=settings) for case in there)
        return [
            replace(case, settings={})
            for case in given
            if _is_answered(case, target) or target.lacks(case) is None
        ]

    in_time_wait = playable(predictions.questions)
    if not in_time_wait:
        first = predictions.questions[0]
        why = target.lacks(replace(first, reach=replace(first.reach, family=family)))
        raise TargetError(f"no question can be asked of {target.name}: each {why}")
    inquiry = Inquiry(predictions, in_time_wait, playable(questions("FIN-WAIT-2")))

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
            unasked = family == "ipv4" and has_family(target, "ipv6")
            return replace(inquiry.identity(telling), unasked="ipv6" if unasked else None)
        started = [(question, start(question)) for question in untried]
        for question, play in started:
            take(question, play.result())


def _require_an_answer(inquiry: Inquiry, target: Target) -> None:
    if not inquiry.answered and len(inquiry.left_out) == _MOST_SILENT:
        raise TargetError(
            f"{_MOST_SILENT} questions to {target.name} had no usable answer: does it accept "
            "connections and close them first? tw-conformance run says what becomes of one"
        )


def _is_answered(question: Case, target: Target) -> bool:
    """Whether it is known beforehand that the DUT does not take up the question's timestamps."""
    known = {**target.settings, **question.settings}
    return question.reach.timestamps and known.get("timestamps") == 0


async def _ask(question: Case, target: Target) -> Reply | None:
    """The reply, which on a path with faults has to come twice; None where none can be had."""
    if _is_answered(question, target):
        return ()
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


def _agreed(values: Iterable[int]) -> int | None:
    distinct = set(values)
    return distinct.pop() if len(distinct) == 1 else None
