"""What the doctor says of targets, and in which order."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from tw_conformance.cli.main import main
from tw_conformance.explore import doctor
from tw_conformance.explore.doctor import Finding, Mark, examine
from tw_conformance.model.errors import ExitCode, TargetError
from tw_conformance.play.tests.opaque import Opaque, without_time_wait
from tw_conformance.targets import registry
from tw_conformance.targets.roster import Roster
from tw_reference.profiles import PROFILES
from tw_reference.profiles.profile import Profile


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

    monkeypatch.setattr(registry, "open_target", refuse)
    assert said(list(examine("uml", None, Roster()))) == [(Mark.BAD, "reached")]


def alone(monkeypatch: pytest.MonkeyPatch, dut: Profile) -> dict[str, Finding]:
    """What is said of a stack on a TAP device of its own, by what was looked at."""
    target = Opaque(dut, PROFILES["rfc9293"])
    monkeypatch.setattr(registry, "open_target", lambda *_, **__: target)
    monkeypatch.setattr(
        doctor, "_look_for_a_profile", lambda *_: [Finding(Mark.GOOD, "profile", "")]
    )
    return {finding.what: finding for finding in examine("tap:tap9", None, Roster())}


def test_nobody_is_between_the_tester_and_a_stack_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    found = alone(monkeypatch, PROFILES["rfc9293"])
    assert {finding.mark for finding in found.values()} == {Mark.GOOD}
    assert "firewall" not in found
    assert "tells it from CLOSED" in found["TIME-WAIT"].says
    assert "held to no profile" in found["reached"].says


def test_a_stack_without_time_wait_is_looked_at_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    found = alone(monkeypatch, without_time_wait())
    assert found["TIME-WAIT"].mark is Mark.UNSURE
    assert "none, or another one" in found["TIME-WAIT"].says
    assert not re.search("firewall|load balancer|ethtool", " ".join(f.says for f in found.values()))
    assert "profile" in found


def test_the_exit_code_says_whether_it_can_be_tested(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "reference", "--profile", "linux"]) == ExitCode.CONFORMS
    assert main(["doctor", "8.8.8.8"]) == ExitCode.TARGET
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("✓ reached")
    assert any(line.startswith("✗ route") for line in lines)
    assert max(map(len, lines)) <= 80


def test_a_wrong_name_is_a_wrong_command_line() -> None:
    assert main(["doctor", "nets"]) == ExitCode.USAGE
