"""``tw-conformance new``: the file that it writes, and what it says of a wrong word."""

from __future__ import annotations

from pathlib import Path

import pytest

from tw_conformance.cli.main import main
from tw_conformance.model.errors import ExitCode

KILL = "RST seq=rcv_nxt"


def test_what_it_writes_is_printed_checks_and_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mine"
    assert main(["new", KILL, "--in", str(folder)]) == ExitCode.CONFORMS
    printed = capsys.readouterr().out
    file = folder / "time-wait-rst-seq-rcv-nxt.tw.yaml"
    assert file.read_text() == printed
    schema = printed.splitlines()[0].partition("$schema=")[2]
    assert (folder / schema).resolve().is_file()
    assert main(["check", str(folder)]) == ExitCode.CONFORMS


def test_name_title_and_sources_can_be_given(tmp_path: Path) -> None:
    options = ["--name", "bug-1", "--title", "An RST ends it", "--cites", "bug 1", "--cites", "b"]
    assert main(["new", KILL, "--in", str(tmp_path), *options]) == ExitCode.CONFORMS
    text = (tmp_path / "bug-1.tw.yaml").read_text()
    assert 'title: "An RST ends it"\ncites: ["bug 1", b]' in text


def test_only_the_profiles_that_are_named(tmp_path: Path) -> None:
    assert main(["new", KILL, "--in", str(tmp_path), "--profile", "freebsd"]) == ExitCode.CONFORMS
    (file,) = tmp_path.iterdir()
    assert "profiles: [freebsd-15]" in file.read_text()


def test_without_a_segment_it_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with (tmp_path / "typed").open("w+") as typed:
        typed.write(f"{KILL}\n")
        typed.seek(0)
        monkeypatch.setattr("sys.stdin", typed)
        assert main(["new", "--in", str(tmp_path)]) == ExitCode.CONFORMS
    assert "segment, as in RST seq=rcv_nxt: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("segment", "says"), [("RTS", "did you mean 'RST'"), ("RST seq=5", "absolute number")]
)
def test_a_wrong_word_is_said_and_nothing_written(
    segment: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new", segment, "--in", str(tmp_path)]) == ExitCode.USAGE
    assert says in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_no_file_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", KILL, "--in", str(tmp_path)]) == ExitCode.CONFORMS
    assert main(["new", KILL, "--in", str(tmp_path)]) == ExitCode.USAGE
    assert "is there already: give another --name" in capsys.readouterr().err
