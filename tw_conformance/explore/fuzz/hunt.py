"""Scripts drawn at random, played on a stack and on the oracle; what differs, made short.

The oracle's answers to a script are written into it as expectations, and the case that this makes
is played by the suite's player on the other stack.  So «they differ» means that the case fails,
and what is saved fails for the same reason, since it is what was played.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Protocol, TypeAlias

from hypothesis import Phase, find, settings
from hypothesis.errors import NoSuchExample

from tw_conformance.explore.fuzz.strategies import Space, scripts
from tw_conformance.explore.observe import (
    StepEffect,
    Undecided,
    held_to,
    held_to_both,
    observe,
    ruled_states,
)
from tw_conformance.model.case import ByProfile, Call, Case, ExpectState, Send, Step, Wait
from tw_conformance.model.verdict import Outcome, Verdict
from tw_conformance.play.approach import NotReached
from tw_conformance.play.lacking import lacks
from tw_conformance.play.player import play
from tw_conformance.targets.target import Play, Target
from tw_reference.profiles import PROFILES
from tw_reference.rules.rule import AnyRule

_TRIES = 3
"""Connections on which a divergence has to show to be believed, and on which an inconclusive script
is tried."""
_AT_ONCE = 32
"""Scripts that wait side by side on a wire."""


@dataclass(frozen=True, slots=True)
class Counterexample:
    """Two stacks do not the same.

    ``case`` expects what the oracle does, at its last step something else than the other stack
    does; for two profiles it expects of each what it does.  ``rules`` are the oracle's at that
    step.  ``fields`` are what differed there.
    """

    case: Case
    reason: str
    rules: tuple[AnyRule, ...]
    fields: tuple[str, ...]

    @property
    def kind(self) -> tuple[object, ...]:
        """Divergences of one kind have one cause: the same rules, and the same field to begin
        with."""
        return tuple(rule.id for rule in self.rules), self.fields[:1]


@dataclass(frozen=True, slots=True)
class Unresolved:
    """No verdict on a script: undecided, or (``unstable``) a divergence that did not come again."""

    case: Case
    reason: str
    unstable: bool


Tried: TypeAlias = Counterexample | Unresolved | None
"""What playing one script showed; None: the same on both, or something that is not ruled."""


class Contest(Protocol):
    """Two stacks that are to answer alike."""

    def start(self, script: Case) -> Play[Tried]:
        """Begin to play a script on both."""


class Conformance:
    """A target, held to the reference under its profile.

    :raises TargetError: by its plays, where the target is gone or refuses.
    """

    def __init__(self, target: Target, oracle: Target) -> None:
        self._target = target
        self._oracle = oracle
        self._ruled = ruled_states(PROFILES[oracle.profile])

    def start(self, script: Case) -> Play[Tried]:
        return self._target.start(self._judge(script))

    async def _judge(self, script: Case) -> Tried:
        try:
            effects = await observe(script, self._oracle, self._ruled)
        except (NotReached, Undecided):
            return None
        if not effects:
            return None
        outcome = await self._play(self._held(script, effects))
        if outcome.verdict is Verdict.PASS:
            return None
        if outcome.verdict is Verdict.INCONCLUSIVE:
            return Unresolved(outcome.case, outcome.reason, unstable=False)
        count = _turns_played(outcome)
        case = concise(self._held(script, effects[:count]))
        for _ in range(_TRIES - 1):
            again = await self._play(case)
            if _fields(again) != _fields(outcome) or _turns_played(again) != count:
                return Unresolved(
                    case, f"once {outcome.reason}; then {_said(again)}", unstable=True
                )
        return _counterexample(case, outcome, effects[count - 1])

    def _held(self, script: Case, effects: Sequence[StepEffect]) -> Case:
        """What the oracle does as a case, its states left out where the target can't tell them."""
        case = held_to(script, effects, self._oracle.profile)
        return case if lacks(case, self._target) is None else without_states(case)

    async def _play(self, case: Case) -> Outcome:
        """A verdict, if one can be had."""
        for _ in range(_TRIES - 1):
            outcome = await play(case, self._target)
            if outcome.verdict is not Verdict.INCONCLUSIVE:
                return outcome
        return await play(case, self._target)


class TwoProfiles:
    """Two profiles of the reference; no wire between."""

    def __init__(self, first: Target, second: Target) -> None:
        self._first = first
        self._second = second
        profiles = [PROFILES[target.profile] for target in (first, second)]
        self._ruled = frozenset.intersection(*map(ruled_states, profiles))

    def start(self, script: Case) -> Play[Tried]:
        return self._first.start(self._judge(script))

    async def _judge(self, script: Case) -> Tried:
        try:
            ours = await observe(script, self._first, self._ruled)
            theirs = await observe(script, self._second, self._ruled)
        except (NotReached, Undecided):
            return None
        if not ours or not theirs:
            return None
        sides = ((self._first, self._second, theirs), (self._second, self._first, ours))
        for stack, other, effects in sides:
            outcome = await play(held_to(script, effects, other.profile), stack)
            if outcome.verdict is Verdict.FAIL:
                count = _turns_played(outcome)
                first = self._first.profile, ours[:count]
                second = self._second.profile, theirs[:count]
                case = concise(held_to_both(script, first, second))
                return _counterexample(case, outcome, effects[count - 1])
        return None


def concise(case: Case) -> Case:
    """Without the states on the way: only the last is in question."""
    steps = case.steps
    last = len(steps) - 1
    kept = (s for i, s in enumerate(steps) if i == last or not isinstance(s, ExpectState))
    return replace(case, steps=tuple(kept))


def without_states(case: Case) -> Case:
    """For a target that can't be looked into."""
    return replace(
        case, steps=tuple(step for step in case.steps if not isinstance(step, ExpectState))
    )


def without_timers(case: Case) -> Case:
    """With states alone."""
    return replace(case, steps=tuple(map(_without_timer, case.steps)))


def _without_timer(step: Step) -> Step:
    if not isinstance(step, ExpectState):
        return step
    choices = ((glob, replace(state, timer=None)) for glob, state in step.state.choices)
    return replace(step, state=ByProfile(tuple(choices)))


def _counterexample(case: Case, outcome: Outcome, effect: StepEffect) -> Counterexample:
    rules = effect.rules
    title = rules[0].says if rules else outcome.reason
    cites = [source for rule in rules for source in rule.source]
    cited = replace(case, title=title, cites=tuple(dict.fromkeys(cites)) or (_ANYWAY,))
    return Counterexample(cited, outcome.reason, rules, _fields(outcome))


_ANYWAY = "RFC 9293 section 3.10.7.4"
"""What a case cites whose last step is decided by no rule, such as a wait."""


def _turns_played(outcome: Outcome) -> int:
    """How many of the script's own steps had been taken when the verdict fell."""
    taken = 0
    for step in outcome.case.steps:
        taken += isinstance(step, Send | Wait | Call)
        if step is outcome.step:
            break
    return taken


def _fields(outcome: Outcome) -> tuple[str, ...]:
    return tuple(mismatch.field for mismatch in outcome.mismatches)


def _said(outcome: Outcome) -> str:
    return outcome.reason or "it conformed"


# -- the search -----------------------------------------------------------------------------------


@dataclass(slots=True)
class Hunt:
    """A search through a space of scripts, the same for the same seed.

    ``examples`` are drawn in all, short scripts as well as long ones: what one segment can show is
    not to be told with six.  Each script is played once, whatever Hypothesis asks; so its need for
    repeatable answers is met even on a wire.
    """

    contest: Contest
    space: Space
    examples: int
    seed: int
    tried: dict[str, Tried] = field(default_factory=dict)
    """By the name of the script."""
    under_way: tuple[Case, ...] = ()
    """The scripts that are being played."""

    def counterexamples(self) -> Iterator[Counterexample]:
        """Divergences of different kinds, each with the shortest script found for it."""
        known: set[tuple[object, ...]] = set()
        lengths = range(1, self.space.most_steps + 1)
        for length in lengths:
            space = replace(self.space, most_steps=length)
            share = max(self.examples // len(lengths), 1)
            self._play_side_by_side(self._drawn(space, share))
            while (found := self._shortest(space, share, known)) is not None:
                known.add(found.kind)
                yield found

    def unresolved(self) -> list[Unresolved]:
        """The scripts that nothing can be said of."""
        return [found for found in self.tried.values() if isinstance(found, Unresolved)]

    def _drawn(self, space: Space, examples: int) -> list[Case]:
        """The scripts that a search will look at, as long as it finds nothing."""
        drawn: list[Case] = []

        def note(script: Case) -> bool:
            drawn.append(script)
            return False

        self._find(space, examples, note)
        return drawn

    def _play_side_by_side(self, drawn: Sequence[Case]) -> None:
        """On a wire, scripts spend their time waiting: as one ends, the next begins."""
        waiting = {s.name: s for s in reversed(drawn) if s.name not in self.tried}
        plays: dict[str, tuple[Case, Play[Tried]]] = {}
        while waiting or plays:
            while waiting and len(plays) < _AT_ONCE:
                name, script = waiting.popitem()
                plays[name] = script, self.contest.start(script)
            self.under_way = tuple(script for script, _ in plays.values())
            first = next(iter(plays))
            self.tried[first] = plays[first][1].result()
            del plays[first]

    def _shortest(
        self, space: Space, examples: int, known: set[tuple[object, ...]]
    ) -> Counterexample | None:
        """The smallest script that shows a divergence of a kind not yet known."""

        def is_new(script: Case) -> bool:
            found = self._try(script)
            return isinstance(found, Counterexample) and found.kind not in known

        script = self._find(space, examples, is_new)
        found = None if script is None else self._try(script)
        return found if isinstance(found, Counterexample) else None

    def _try(self, script: Case) -> Tried:
        if script.name not in self.tried:
            self.under_way = (script,)
            self.tried[script.name] = self.contest.start(script).result()
        return self.tried[script.name]

    def _find(self, space: Space, examples: int, condition: Callable[[Case], bool]) -> Case | None:
        chosen = settings(
            max_examples=examples,
            database=None,
            deadline=None,
            phases=(Phase.generate, Phase.shrink),
        )
        try:
            return find(scripts(space), condition, settings=chosen, random=Random(self.seed))
        except NoSuchExample:
            return None
