"""Which files are case files: the same for every command."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tw_conformance.model.errors import UsageError
from tw_conformance.notation.bundled import case_files


def names(folder: Path) -> list[str]:
    return [file.relative_to(folder).as_posix() for file in case_files([str(folder)])]


def test_yaml_files_below_a_folder_in_order(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yml", "x/c.tw.yaml", "we[x]ird.yaml", "notes.txt"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.touch()
    assert names(tmp_path) == ["a.yml", "b.yaml", "we[x]ird.yaml", "x/c.tw.yaml"]


def test_what_is_hidden_or_no_regular_file_is_passed_over(tmp_path: Path) -> None:
    for name in (".hidden.yaml", ".git/a.yaml", "a.yaml"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.touch()
    os.mkfifo(tmp_path / "fifo.yaml")
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    (tmp_path / "gone.yaml").symlink_to("nowhere.yaml")
    (tmp_path / "folder.yaml").mkdir()
    assert names(tmp_path) == ["a.yaml"]


def test_a_fifo_that_is_named_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.yaml")
    with pytest.raises(UsageError, match=r"fifo.yaml is no regular file"):
        case_files([str(tmp_path / "fifo.yaml")])


def test_a_folder_without_cases_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no \*.yaml or \*.yml in"):
        case_files([str(tmp_path)])


def test_a_folder_that_cannot_be_read_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may read any, so the refusal is the system's only in name."""

    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(UsageError, match=r"can't be read: Permission denied"):
        case_files([str(tmp_path)])
