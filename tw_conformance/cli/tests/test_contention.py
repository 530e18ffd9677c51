"""``tw-conformance contention``: what it prints and writes, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tw_conformance.cli.main import main
from tw_conformance.model.errors import ExitCode

QUICK = ("contention", "--rate", "4000", "--seconds", "1.6", "--lifetime", "0.4")


def test_it_says_what_is_given_what_is_fitted_and_what_comes_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([*QUICK, "--strategy", "batch", "--strategy", "one"]) == ExitCode.CONFORMS
    said = capsys.readouterr().out
    assert "full in 40.96 ms" in said
    assert "fitted           2.65 us of lock a packet" in said
    assert "batch     close all that expired" in said
    assert "lock held for 3.6" in said  # some 2,000 blocks of 1.82 us
    assert "no spike over" in said
    assert all(len(line) <= 100 for line in said.splitlines())


def test_it_writes_figures_and_pictures(tmp_path: Path) -> None:
    figures, picture, owed = (tmp_path / name for name in ("f.json", "p.png", "s.png"))
    asked = ("--strategy", "timers", "--json", str(figures), "--picture", str(picture))
    assert main([*QUICK, *asked, "--sensitivity", str(owed)]) == ExitCode.CONFORMS
    written = json.loads(figures.read_text())
    assert written["load"]["rate"] == 4000
    assert written["strategies"]["timers"]["dropped"] == 0
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in (picture, owed))


def test_a_fitted_number_can_be_another(capsys: pytest.CaptureFixture[str]) -> None:
    main([*QUICK, "--strategy", "batch", "--close", "10"])
    said = capsys.readouterr().out
    assert "10.00 us a block" in said
    assert "lock held for 20.6" in said  # some 2,000 blocks of 10 us


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("--strategy", "bach"), "did you mean 'batch'?"),
        (("--rate", "100000000"), "too many"),
        (("--queues", "0"), "at least 1"),
        (("--picture", "/nowhere/at/all.png"), "can't be written"),
        (("--rate", "0.001"), "no connection ended"),
    ],
)
def test_what_makes_no_sense_is_said_before_anything_is_simulated(
    wrong: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*QUICK, *wrong]) == ExitCode.USAGE
    assert said in capsys.readouterr().err
