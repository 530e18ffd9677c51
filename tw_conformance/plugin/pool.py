"""The open targets of one process: opened when first needed, closed with the run."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

from tw_conformance.model.errors import TargetError

if TYPE_CHECKING:
    from tw_conformance.plugin.options import Choice
    from tw_conformance.targets.roster import Roster
    from tw_conformance.targets.target import Target


class TargetPool:
    """One target for each (name, profile), kept until :meth:`close`.

    One that could not be opened is not tried again: each case that wants it gets the same error.
    """

    def __init__(self, seed: int, roster: Callable[[], Roster], *, strict: bool = False) -> None:
        self._seed = seed
        self._roster = roster
        self._strict = strict
        self._open: dict[tuple[str, str], Target] = {}
        self._failed: dict[tuple[str, str], TargetError] = {}
        self._delays: dict[tuple[str, str], float] = {}
        self.doing = ""
        """What a target is being opened by; empty while none is."""

    def get(self, choice: Choice) -> Target:
        """The open target of that choice.

        :raises TargetError: with a sentence that says what to do.
        """
        key = choice.target, choice.profile
        if key in self._failed:
            raise self._failed[key]
        if key not in self._open:
            try:
                self._open[key] = self._opened(choice)
            except TargetError as error:
                self._failed[key] = error
                raise
        return self._open[key]

    def _opened(self, choice: Choice) -> Target:
        from tw_conformance.explore.opening import open_and_learn

        def tell(doing: str) -> None:
            self.doing = f"{choice.target}: {doing}"

        try:
            return open_and_learn(
                choice.target,
                profile=choice.profile,
                seed=self._seed,
                roster=self._roster(),
                strict=self._strict,
                tell=tell,
            )
        finally:
            self.doing = ""

    def opened(self, choice: Choice) -> Target | None:
        """The target of that choice, where it is open."""
        return self._open.get((choice.target, choice.profile))

    def note_delay(self, choice: Choice, seconds: float) -> None:
        """How much longer than its waits the latest case took on that target."""
        self._delays[choice.target, choice.profile] = seconds

    def delay(self, choice: Choice) -> float:
        """The same, seconds; 0 where no case was played."""
        return self._delays.get((choice.target, choice.profile), 0.0)

    def paths(self) -> list[str]:
        """What each real path did to packets, and how little room there is at its end, a line
        each."""
        real = [target for target in self._open.values() if target.realtime]
        return (
            [f"path to {target.name}: {target.path.describe()}" for target in real]
            + [
                f"{target.name} has {room}: one case after the other was played"
                for target in real
                if (room := target.acquaintance.describe_room())
            ]
            + [
                f"{target.name}: {numbers}"
                for target in real
                if (numbers := target.acquaintance.describe_numbers())
            ]
        )

    def rules_met(self) -> set[tuple[str, str, str]]:
        """The rules that the reference met: profile, list and rule."""
        from tw_conformance.targets.in_process import InProcessTarget

        references = (each for each in self._open.values() if isinstance(each, InProcessTarget))
        return {(each.profile, *rule) for each in references for rule in each.met}

    def settings(self) -> list[str]:
        """The settings of each DUT that are known, a line each; those that differ from its
        profile's defaults by name."""
        from tw_conformance.report.settings_text import settings_line

        return [settings_line(target) for target in self._open.values() if target.realtime]

    def unavailable(self, choice: Choice) -> str | None:
        """Why that choice can't be had, as a sentence that says what to do; None if it is open
        now."""
        try:
            self.get(choice)
        except TargetError as error:
            return str(error)
        return None

    def close(self) -> None:
        """Close all, also those after one that fails to; may be called twice."""
        with ExitStack() as closing:
            while self._open:
                closing.callback(self._open.popitem()[1].close)
