"""What one run of pytest knows: what to play the cases on, the open targets, where captures go."""

from __future__ import annotations

import re
import tempfile
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tw_conformance.model.errors import SuiteError
from tw_conformance.plugin.options import Choice, check_strict, choices, roster_of
from tw_conformance.plugin.pool import TargetPool

if TYPE_CHECKING:
    from tw_conformance.plugin.expected import RunExpectations
    from tw_conformance.plugin.parking import Parking
    from tw_conformance.targets.roster import Roster

_LONGEST_NAME = 200
"""Characters of a capture's name: file systems end at 255 octets."""


class RunState:
    """The state of one run in one process; kept in pytest's config."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self.pool = TargetPool(
            config.getoption("--tw-seed"),
            lambda: self.roster,
            strict=config.getoption("--tw-strict"),
        )
        self.allow_inconclusive: bool = config.getoption("--tw-allow-inconclusive")
        self.case_files: list[str] = config.getini("tw_case_files")
        self.faulty_files = 0
        """Case files that could not be used."""
        self.others = 0
        """Pairs of a case and a chosen profile that it is not about: no items are made of them."""
        self.missing_target = ""
        """The target that was asked for by name and can't be had."""
        self.stale: list[str] = []
        """Sentences about expectations that no case was there for."""
        self.uncited: list[str] = []
        """Sentences about places that were asked for, and that no case cites."""
        self.parking: Parking | None = None
        """There once the first case file is collected."""

    @classmethod
    def of(cls, config: pytest.Config) -> RunState:
        return config.stash[STATE]

    @property
    def in_flight(self) -> tuple[int, float]:
        """How many cases of this process were begun and have no report, and when the last of them
        should end."""
        return self.parking.in_flight() if self.parking else (0, 0.0)

    def read_choices(self) -> None:
        """Read now what is read once: a wrong name, or a fault in a file of expectations, is said
        before collection.

        :raises pytest.UsageError: for either.
        """
        _ = self.choices, self.expected

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """:raises pytest.UsageError: for a name that is neither a target nor a profile, or where
        nobody is there to be strict with."""
        chosen = choices(self._config, self.roster)
        if self._config.getoption("--tw-strict"):
            try:
                check_strict(chosen, self.roster)
            except SuiteError as error:
                raise pytest.UsageError(str(error)) from None
        return chosen

    @cached_property
    def roster(self) -> Roster:
        """:raises pytest.UsageError: where the file of targets can't be used."""
        return roster_of(self._config)

    @cached_property
    def shared_duts(self) -> dict[str, str]:
        """The DUTs all of whose cases one worker has to play, by the labels of their choices."""
        from tw_conformance.plugin.scheduling import shared_duts

        return shared_duts(self.choices, self.roster)

    @cached_property
    def expected(self) -> RunExpectations:
        """:raises pytest.UsageError: where a file of expectations can't be used."""
        from tw_conformance.plugin import expected

        targets = dict.fromkeys(choice.target for choice in self.choices)
        files = {name: file for name in targets if (file := self.roster.expectations(name))}
        folder = self._config.invocation_params.dir
        try:
            return expected.load(folder, self._config.getoption("--tw-expectations"), files)
        except SuiteError as error:
            raise pytest.UsageError(str(error)) from None

    def stale_expectations(self) -> list[str]:
        """A sentence for each that was about no case of this process."""
        if self.parking is None or self.faulty_files:
            return []
        return self.expected.stale(self._config.args)

    def capture_path(self, nodeid: str) -> Path:
        """Where the capture of that item goes: the same file on every run."""
        name = re.sub(r"[^\w.@+-]+", "_", nodeid).strip("_")[-_LONGEST_NAME:]
        return self._captures / f"{name}.pcapng"

    @cached_property
    def _captures(self) -> Path:
        folder = self._config.getoption("--tw-pcap")
        if folder:
            return Path(self._config.invocation_params.dir, folder)
        cache = getattr(self._config, "cache", None)  # absent with -p no:cacheprovider
        if cache is None:
            return Path(tempfile.mkdtemp(prefix="tw-conformance-"))
        return Path(cache.mkdir("tw-conformance"))


STATE = pytest.StashKey[RunState]()
