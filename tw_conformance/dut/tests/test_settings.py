"""What the agent's system can't do for a case, said before the case is played."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from tw_conformance.dut.client import AgentClient
from tw_conformance.dut.settings import DutSettings
from tw_conformance.model.case import Case
from tw_conformance.notation.load import load_text

NOBODY = cast(AgentClient, None)
"""The agent is asked nothing here."""


def case_of(text: str) -> Case:
    (case,) = load_text(f"case: a\ntitle: b\ncites: [c]\n{text}", Path("a.tw.yaml"))
    return case


LINGER2 = case_of("steps: [call: {set: {linger2: 5}}]")
AUTOMATIC = case_of("steps: [call: {connect: {automatic: on}}]")
ACTIVE = case_of("reach: {open: active}\nsteps: [state: TIME-WAIT]")


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)


def test_linux_has_it_all() -> None:
    settings = DutSettings(NOBODY, "Linux", 250)
    assert [settings.lacks(case) for case in (LINGER2, AUTOMATIC, ACTIVE)] == [None] * 3


def test_tcp_linger2_is_of_linux() -> None:
    settings = DutSettings(NOBODY, "FreeBSD", None)
    assert settings.lacks(LINGER2) == (
        "needs the socket option TCP_LINGER2, which FreeBSD does not have"
    )
    assert settings.lacks(AUTOMATIC) is None
