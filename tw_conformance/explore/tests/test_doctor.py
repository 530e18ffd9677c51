"""What the doctor says of targets, and in which order."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tw_conformance.cli.main import main
from tw_conformance.explore import doctor
from tw_conformance.explore.doctor import Finding, Mark, examine
from tw_conformance.model.errors import ExitCode, TargetError
from tw_conformance.targets.roster import Roster


def said(findings: Sequence[Finding]) -> list[tuple[Mark, str]]:
    return [(finding.mark, finding.what) for finding in findings]


def test_a_healthy_target() -> None:
    findings = list(examine("reference", "linux-6.18", Roster()))
    assert {mark for mark, _ in said(findings)} == {Mark.GOOD}
    assert [finding.what for finding in findings] == [
        "reached",
        "path",
        "sentinel",
        "clock",
        "listener",
        "closes first",
        "TIME-WAIT",
        "firewall",
        "resets",
        "settings",
        "profile",
    ]
    assert "linux-6.18" in findings[-1].says


def test_nothing_is_said_after_what_all_the_rest_rests_on() -> None:
    findings = list(examine("8.8.8.8", None, Roster()))
    assert said(findings) == [(Mark.BAD, "route")]
    assert "--yes-i-own-this-host" in findings[0].says


def test_a_target_that_can_not_be_had_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise TargetError("there is no linux.uml command: install user-mode-linux")

    monkeypatch.setattr(doctor, "open_target", refuse)
    assert said(list(examine("uml", None, Roster()))) == [(Mark.BAD, "reached")]


def test_the_exit_code_says_whether_it_can_be_tested(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "reference", "--profile", "linux"]) == ExitCode.CONFORMS
    assert main(["doctor", "8.8.8.8"]) == ExitCode.TARGET
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("✓ reached")
    assert any(line.startswith("✗ route") for line in lines)
    assert max(map(len, lines)) <= 80


def test_a_wrong_name_is_a_wrong_command_line() -> None:
    assert main(["doctor", "nets"]) == ExitCode.USAGE
