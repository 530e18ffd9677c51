"""A journal that can't be gone on with says so."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from tw_conformance.explore.journal import Journal
from tw_conformance.model.errors import UsageError


def test_a_disk_that_is_full_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.journal"
    journal = Journal(file, {"about": 1}, "a sweep")
    journal.write({"found": 1})
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(journal, "_file", full)
        with pytest.raises(UsageError, match=r"a\.journal can't be written: No space left"):
            journal.write({"found": 2})
        journal.close()
    monkeypatch.undo()
    journal.close()
    again = Journal(file, {"about": 1}, "a sweep")
    again.close()
    assert again.lines == [{"found": 1}]


def gone_on_with(file: Path, about: dict[str, int]) -> list[dict[str, int]]:
    """What an exploration finds in a journal, and leaves a line in."""
    journal = Journal(file, about, "a sweep")
    journal.write({"found": 9})
    journal.close()
    return [dict(line) for line in journal.lines]


def test_a_process_that_ended_amid_a_line_leaves_the_lines_before_it(tmp_path: Path) -> None:
    file, about = tmp_path / "a.journal", {"about": 1}
    gone_on_with(file, about)
    gone_on_with(file, about)
    whole = file.read_bytes()
    for cut in range(len(whole)):
        file.write_bytes(whole[:cut])
        before = max(0, whole[:cut].count(b"\n") - 1)
        assert gone_on_with(file, about) == [{"found": 9}] * before
        assert gone_on_with(file, about) == [{"found": 9}] * (before + 1)


def test_a_journal_is_not_written_again_to_be_gone_on_with(tmp_path: Path) -> None:
    """Whatever ends the process there leaves it as it was: here the file may not grow."""
    file, about = tmp_path / "a.journal", {"about": 1}
    gone_on_with(file, about)
    whole = file.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        Journal(file, about, "a sweep").close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert file.read_bytes() == whole


def test_another_explorations_journal_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "a.journal"
    gone_on_with(file, {"about": 1})
    file.write_bytes(file.read_bytes() + b'{"cut')
    whole = file.read_bytes()
    with pytest.raises(UsageError, match="another sweep"):
        Journal(file, {"about": 2}, "a sweep")
    assert file.read_bytes() == whole
