"""What each documented stack would have done in a capture: stories judged, and summed up.

A capture does not show by which call a process closed, nor how a stack is set; so a profile that
deviates is tried again with what may have been otherwise, one thing at a time.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from tw_conformance.captures.conversation import Closing, Conversations
from tw_conformance.captures.performance import How, Told, retell
from tw_conformance.captures.reading import Sighting
from tw_conformance.captures.story import Story, story_of
from tw_reference.profiles.profile import Profile
from tw_reference.segment import FIN

STORIES = 4096
"""Stories that are remembered: another connection with the same one is judged already."""


@dataclass(frozen=True)
class Tellings:
    """One story under each profile, in the order of the profiles."""

    story: Story
    told: Sequence[Told]

    @cached_property
    def undocumented(self) -> int | None:
        """The place of the segment that no documented stack has sent, or left unsaid; None where
        some profile explains all, or has no rule."""
        reaches = [told.reach for told in self.told]
        known = [reach for reach in reaches if reach is not None]
        return max(known) if known and len(known) == len(reaches) else None

    @property
    def tells_apart(self) -> bool:
        """Whether some profile deviates."""
        return any(told.reach is not None for told in self.told)


def tellings_of(story: Story, profiles: Sequence[Profile]) -> Tellings:
    """Ask every profile."""
    return Tellings(story, tuple(_best(story, profile) for profile in profiles))


def _best(story: Story, profile: Profile) -> Told:
    """The first of the suppositions under which the profile does not deviate, or else the one that
    gets furthest."""
    best: Told | None = None
    for how, settings in _suppositions(story, profile):
        told = retell(story, profile, how, settings)
        if told.reach is None:
            return told
        if best is None or best.reach is None or told.reach > best.reach:
            best = told
    assert best is not None
    return best


def _suppositions(story: Story, profile: Profile) -> Iterator[tuple[How, Mapping[str, int]]]:
    closes = any(heard.by_dut and heard.flags & FIN for heard in story.heard)
    yield "close", {}
    if closes:
        yield "shutdown", {}
    for name, setting in profile.settings.items():
        if setting.default in (0, 1):
            yield "close", {name: 1 - setting.default}


@dataclass(slots=True)
class Fit:
    """How one profile does over all connections: those that it explains, as it is and with other
    settings, those in which it deviates, and those of which it says nothing from some segment
    on."""

    explained: int = 0
    otherwise: int = 0
    deviates: int = 0
    unsaid: int = 0


@dataclass(slots=True)
class StoryCount:
    """A story, how often it was met, and where first."""

    tellings: Tellings
    first: Closing
    times: int = 0


@dataclass(slots=True)
class Judged:
    """A whole capture, connection by connection."""

    profiles: Sequence[Profile]
    met: OrderedDict[Story, StoryCount] = field(default_factory=OrderedDict)
    connections: int = 0
    segments: int = 0
    undocumented: int = 0
    """Connections in which something happened that no profile explains."""
    untold: Counter[str] = field(default_factory=Counter)
    forgotten: int = 0
    """Stories that gave way to later ones, and are judged anew where they are met again."""
    _of_forgotten: dict[str, Fit] = field(default_factory=dict)

    @property
    def different(self) -> int:
        """In how many ways connections closed."""
        return len(self.met) + self.forgotten

    def take(self, closing: Closing) -> None:
        """Judge one connection more."""
        story = story_of(closing)
        if story is None:
            self.untold["numbers missing: no segment of one end before it closed"] += 1
            return
        self.connections += 1
        self.segments += len(story.heard)
        met = self.met.get(story)
        if met is None:
            met = self.met[story] = StoryCount(tellings_of(story, self.profiles), closing)
            if len(self.met) > STORIES:
                _note(self.met.popitem(last=False)[1], self._of_forgotten)
                self.forgotten += 1
        met.times += 1
        self.undocumented += met.tellings.undocumented is not None

    @property
    def fits(self) -> Mapping[str, Fit]:
        """How each profile does."""
        fits = {name: replace(fit) for name, fit in self._of_forgotten.items()}
        for met in self.met.values():
            _note(met, fits)
        return fits

    def best(self) -> list[str]:
        """The profiles that deviate least, and need other settings least."""
        ranks = {name: (fit.deviates, fit.otherwise) for name, fit in self.fits.items()}
        least = min(ranks.values(), default=None)
        return [name for name, rank in ranks.items() if rank == least]


def _note(met: StoryCount, fits: dict[str, Fit]) -> None:
    for told in met.tellings.told:
        fit = fits.setdefault(told.profile, Fit())
        if told.end is None and told.settings:
            fit.otherwise += met.times
        elif told.end is None:
            fit.explained += met.times
        elif told.end.deviates:
            fit.deviates += met.times
        else:
            fit.unsaid += met.times


def judge_capture(
    seen: Iterable[Sighting], profiles: Sequence[Profile], dut: str | None = None
) -> Judged:
    """Follow all segments and judge each connection that closes; ``dut`` is the address of the end
    that is judged, else it is the one that closes first."""
    conversations, judged = Conversations(dut), Judged(profiles)
    for closing in conversations.closings(seen):
        judged.take(closing)
    judged.untold.update(conversations.untold)
    return judged
