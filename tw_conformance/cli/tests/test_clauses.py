"""``tw-conformance clauses``: what it prints, and what it comes to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tw_conformance.cli.main import main
from tw_conformance.model.errors import ExitCode

CASE = """\
case: rst-at-rcv-nxt
title: A case of that name
cites: [RFC 5961 section 3.2]
steps:
  - send: {flags: RST, seq: rcv_nxt}
  - expect: nothing
  - state: {rfc9293: CLOSED, linux-*: CLOSED, freebsd-*: TIME-WAIT}
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "rst.yaml"
    path.write_text(CASE)
    return str(path)


def test_a_clause_has_its_rules_its_cases_and_who_deviates(
    file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["clauses", file, "--cites", "rfc5961.rst-exact", "-n", "1"]) == ExitCode.CONFORMS
    text = capsys.readouterr().out
    assert "At RCV.NXT it ends the connection. RFC 5961 section 3.2, 2)" in text
    assert "carried by rfc9293.conn-rst, rfc9293.rst\n" in text
    assert "shown by rst-at-rcv-nxt\n" in text
    assert "deviates: freebsd-* (freebsd.rst-drop)" in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_must_without_a_case_fails(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--level", "must", "--profile", "linux", "-n", "1"]
    assert main(["clauses", file, *options, "--cites", "RFC 5961 4.2"]) == ExitCode.DEVIATES
    assert "RFC 5961  3     0       0    0     0      " in capsys.readouterr().out


def test_machines_get_all_of_it(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--profile", "freebsd-10", "--format", "json", "-n", "1"]
    main(["clauses", file, "--cites", "RFC 5961 section 3.2, 2)", *options])
    (found,) = json.loads(capsys.readouterr().out)
    assert found["level"] == "MUST"
    assert found["cases"] == ["rst-at-rcv-nxt"]
    assert found["profiles"] == {"freebsd-10": {"does": "deviates", "why": "freebsd.rst-drop"}}


def test_markdown_has_a_line_for_each_clause(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["clauses", file, "--cites", "rfc1337.f3", "--format", "markdown", "-n", "1"])
    assert "| rfc1337.f3 | text" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--level", "MUSTN'T"], "no level \"MUSTN'T\"; did you mean 'MUST'?"),
        (["--cites", "RFC 1338"], "no clause stands at 'RFC 1338'; the nearest is 'RFC 1337"),
    ],
)
def test_what_is_not_there_is_said(
    options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["clauses", *options]) == ExitCode.USAGE
    assert said in capsys.readouterr().err
