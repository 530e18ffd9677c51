"""Scripts drawn at random, played on a stack and on the oracle; what differs, made short.

The oracle's answers to a script are written into it as expectations, and the case that this makes
is played by the suite's player on the other stack.  So «they differ» means that the case fails,
and what is saved fails for the same reason, since it is what was played.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import inf
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
from tw_conformance.model.errors import TargetError
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


Kind: TypeAlias = tuple[object, ...]


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
    shortest: bool = True
    """Whether nothing shorter was found; else it was not looked for to the end."""

    @property
    def kind(self) -> Kind:
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
    """A target, held to the reference under its profile.  ``longest_wait`` is in seconds: a 2MSL
    timer that nobody can read is asked by waiting, if no longer than that.

    :raises TargetError: by its plays, where the target is gone or refuses.
    """

    def __init__(self, target: Target, oracle: Target, longest_wait: float = inf) -> None:
        self._target = target
        self._oracle = oracle
        self._sees_timers = target.reads_states or 2 * target.time_variables["msl"] <= longest_wait
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
        """What the oracle does as a case, without the states and timers that can't be told."""
        case = held_to(script, effects, self._oracle.profile)
        case = case if self._sees_timers else without_timers(case)
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
    repeatable answers is met even on a wire.  ``known`` are the names of scripts that were played
    before, and on which both did the same.
    """

    contest: Contest
    space: Space
    examples: int
    seed: int
    known: Collection[str] = ()
    shrinking: float = inf
    """Seconds for which shorter scripts are looked for, for each kind of divergence."""
    see: Callable[[Counterexample], None] = lambda found: None
    """Told of the first of each kind as soon as it is seen, before anything shorter is looked
    for."""
    record: Callable[[str, Tried], None] = lambda name, tried: None
    """Told of each script that was played."""
    clock: Callable[[], float] = time.monotonic
    seen: dict[Kind, Counterexample] = field(default_factory=dict)
    """The first of each kind."""
    tried: dict[str, Tried] = field(default_factory=dict)
    """By the name of the script."""
    under_way: tuple[Case, ...] = ()
    """The scripts that are being played."""

    def counterexamples(self) -> Iterator[Counterexample]:
        """Divergences of different kinds, each with the shortest script found for it."""
        shown: set[Kind] = set()
        lengths = range(1, self.space.most_steps + 1)
        for length in lengths:
            space = replace(self.space, most_steps=length)
            share = max(self.examples // len(lengths), 1)
            self._play_side_by_side(self._drawn(space, share))
            while left := [kind for kind in self.seen if kind not in shown]:
                shown.add(left[0])
                yield self._shortest(space, share, self.seen[left[0]])

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
        waiting = {s.name: s for s in reversed(drawn) if not self._is_tried(s)}
        plays: dict[str, tuple[Case, Play[Tried]]] = {}
        while waiting or plays:
            while waiting and len(plays) < _AT_ONCE:
                name, script = waiting.popitem()
                plays[name] = script, self.contest.start(script)
            self.under_way = tuple(script for script, _ in plays.values())
            first = next(iter(plays))
            self._note(first, plays[first][1].result())
            del plays[first]

    def _is_tried(self, script: Case) -> bool:
        """Whether it is known what comes of a script."""
        if script.name in self.known:
            self.tried.setdefault(script.name, None)
        return script.name in self.tried

    def _note(self, name: str, tried: Tried) -> None:
        self.tried[name] = tried
        self.record(name, tried)
        if isinstance(tried, Counterexample) and tried.kind not in self.seen:
            self.seen[tried.kind] = tried
            self.see(tried)

    def _shortest(self, space: Space, examples: int, first: Counterexample) -> Counterexample:
        """The smallest script that shows a divergence of the same kind as the first one seen."""
        until, in_time = self.clock() + self.shrinking, True
        gone: TargetError | None = None

        def is_alike(script: Case) -> bool:
            nonlocal in_time, gone
            if not self._is_tried(script) and (gone or self.clock() >= until):
                in_time = False
                return False
            try:
                found = self._try(script)
            except TargetError as error:  # Hypothesis would look for the shortest way to it.
                gone = error
                return False
            return isinstance(found, Counterexample) and found.kind == first.kind

        script = self._find(space, examples, is_alike)
        if gone is not None:
            raise gone
        # What was seen on the way to something else is not drawn again.
        found = None if script is None else self.tried[script.name]
        shortest = found if isinstance(found, Counterexample) else first
        return replace(shortest, shortest=in_time and script is not None)

    def _try(self, script: Case) -> Tried:
        if not self._is_tried(script):
            self.under_way = (script,)
            self._note(script.name, self.contest.start(script).result())
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
