"""What a run says that reports nothing, and in which no case lets time pass."""

from __future__ import annotations

import pytest

from tw_conformance.plugin.life import Life
from tw_conformance.plugin.run_state import RunState

pytest_plugins = ["pytester"]


def test_it_names_what_a_target_is_being_asked_or_else_the_case(
    pytester: pytest.Pytester,
) -> None:
    now = [0.0]
    config = pytester.parseconfigure()
    life = Life(config, lambda: now[0])
    assert life.line() is None
    life.pytest_runtest_logstart("a.tw.yaml::first")
    now[0] = 40.0
    assert life.line() == "a.tw.yaml::first is under way; nothing was reported for 40 s"
    RunState.of(config).pool.doing = "tap:tap9: reaching it"
    assert life.line() == "tap:tap9: reaching it"
