"""A journal that can't be gone on with says so."""

from __future__ import annotations

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
