"""What churn refuses, before anything is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from tw_conformance.cli.main import main
from tw_conformance.model.errors import ExitCode


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--target", "192.0.2.9"], "on this machine only"),
        (["--target", "ssh://root@192.0.2.9"], "on this machine only"),
        (["--target", "reference"], "on this machine only"),
        (["--target", "tap:lo"], "load for it might leave this machine"),
        (["--target", "netns", "--rate", "1e6"], "at most 600 s and 100,000 connections/s"),
        (["--target", "netns", "--seconds", "601"], "at most 600 s"),
        (["--target", "netns", "--late-fins", "-1"], "a number from 0"),
        (
            ["--target", "netns", "--late-fins", "9", "--closer", "tester"],
            "asks a DUT that closes first",
        ),
        (["--target", "netns", "--csv", "/no/such/folder/a.csv"], "can't be written"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["churn", *arguments]) == ExitCode.USAGE
    assert said in capsys.readouterr().err


def test_a_name_of_a_file_stays_on_this_machine_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    targets = tmp_path / "targets.yaml"
    targets.write_text("box: {target: ssh://root@192.0.2.9, profile: freebsd}\n")
    assert main(["churn", "--target", "box", "--targets", str(targets)]) == ExitCode.USAGE
    assert "on this machine only" in capsys.readouterr().err
