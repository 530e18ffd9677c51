"""``tw-conformance coverage``: what it prints, and what it comes to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tw_conformance.cli.main import main
from tw_conformance.model.errors import ExitCode

CASE = """\
case: rst
title: An RST beside RCV.NXT
cites: [RFC 1337 section 3]
steps:
  - send: {flags: RST, seq: rcv_nxt+1}
  - expect: nothing
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "rst.yaml"
    path.write_text(CASE)
    return str(path)


def test_rules_have_their_cases_and_what_is_not_covered_is_said(
    file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["coverage", file, "--profile", "linux"]) == ExitCode.DEVIATES
    text = capsys.readouterr().out
    assert "linux-6.18: rules, and cases that meet them" in text
    assert "TIME-WAIT: linux.rst-drop" in text
    assert "    rst\n" in text
    _, _, left = text.partition("\n\nnot covered\n")
    assert "TIME-WAIT: linux.rst-kill" in left
    assert "TIME-WAIT: linux.rst-drop, RST is set: false" in left
    assert "TIME-WAIT: linux.rst-drop " not in left
    assert "user call: *" in text


def test_all_profiles_are_surveyed_unless_some_are_named(
    file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["freebsd-15", "rfc9293"]
    options = [option for name in names for option in ("--profile", name)]
    assert main(["coverage", file, *options, "--format", "json"]) == ExitCode.DEVIATES
    found = json.loads(capsys.readouterr().out)
    assert [each["profile"] for each in found] == names
    dropped = {"list": "TIME-WAIT", "rule": "freebsd.rst-drop", "cases": ["rst"]}
    assert dropped in found[0]["rules"]
    assert {"list": "TIME-WAIT", "rule": "freebsd.no-ack"} in found[0]["not_covered"]
