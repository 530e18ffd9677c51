"""The plugin beside others: options that somebody else owns, and pytest's own everyday ones."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from tw_conformance.plugin.tests.test_plugin import write

pytest_plugins = ["pytester"]

CASES = """\
case: rst
title: $flags beside the window leaves TIME-WAIT alone
cites: [RFC 1337 section 3]
matrix:
  flags: [RST, RST|ACK]
steps:
  - send: {flags: $flags, seq: rcv_nxt+1}
  - expect: nothing
---
case: wrong
title: No stack answers $flags
cites: [RFC 1337 section 3]
matrix:
  flags: [RST, RST|ACK]
steps:
  - send: {flags: $flags, seq: rcv_nxt+1}
  - expect: ack
"""
WRONG = ("a.tw.yaml::wrong[RST@linux-6.18]", "a.tw.yaml::wrong[RST|ACK@linux-6.18]")

OTHERS_OPTIONS = """
def pytest_addoption(parser):
    parser.addoption("--profile", action="store_true", default=False)
    parser.addoption("--target", default="board")
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    write(pytester, "a.tw.yaml", CASES)
    return pytester


def run(suite: pytest.Pytester, *options: str) -> pytest.RunResult:
    return suite.runpytest("-p", "tw_conformance.plugin", "--tw-profile=linux-6.18", *options)


def failed(suite: pytest.Pytester, *options: str) -> list[str]:
    """The IDs that a run of the failed ones reports as failed, in order."""
    lines = run(suite, *options).stdout.lines
    return [line.split()[1] for line in lines if line.startswith("FAILED ")]


def repaired(suite: pytest.Pytester) -> None:
    """From here on the cases that were wrong are right."""
    write(suite, "a.tw.yaml", CASES.replace("expect: ack", "expect: nothing"))


@pytest.mark.parametrize("old", ["--target", "--profile"])
def test_an_old_name_is_answered_with_the_new_one(suite: pytest.Pytester, old: str) -> None:
    result = run(suite, f"{old}=linux")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: there is no option {old}: write --tw-{old[2:]} for it"])


def test_an_option_of_that_name_belongs_to_the_plugin_that_defines_it(
    suite: pytest.Pytester,
) -> None:
    suite.makeconftest(OTHERS_OPTIONS)
    run(suite, "--profile", "--target=lab", "-k", "not wrong").assert_outcomes(
        passed=2, deselected=2
    )


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "xdist"])
def test_what_failed_is_found_again(suite: pytest.Pytester, workers: tuple[str, ...]) -> None:
    assert failed(suite, *workers) == list(WRONG)
    assert failed(suite, "--lf", *workers) == list(WRONG)


def test_what_passes_again_has_failed_no_more(suite: pytest.Pytester) -> None:
    run(suite)
    repaired(suite)
    run(suite, "--lf").assert_outcomes(passed=2)
    run(suite, "--lf").assert_outcomes(passed=4)


def test_what_failed_comes_first(suite: pytest.Pytester) -> None:
    run(suite)
    lines = run(suite, "--ff", "-v").stdout.lines
    order = [line.split()[0] for line in lines if line.startswith("a.tw.yaml::")]
    assert order[:2] == list(WRONG)


def test_a_stepwise_run_goes_on_where_it_stopped(suite: pytest.Pytester) -> None:
    assert failed(suite, "--sw") == [WRONG[0]]
    repaired(suite)
    run(suite, "--sw").assert_outcomes(passed=2, deselected=2)


def test_a_case_is_run_by_its_id_from_any_folder(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite.makeini("[pytest]")
    write_into = suite.mkdir("deep")
    suite.path.joinpath("a.tw.yaml").rename(write_into / "a.tw.yaml")
    monkeypatch.chdir(write_into)
    result = run(suite, WRONG[0], "--junit-xml=junit.xml", "-rf")
    result.assert_outcomes(failed=1)
    case = junit(write_into / "junit.xml")
    assert case == {"classname": "deep.a.tw.yaml", "name": "wrong[RST@linux-6.18]"}


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "xdist"])
def test_junit_names_a_case_as_pytest_does(
    suite: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    run(suite, WRONG[1], "--junit-xml=junit.xml", *workers).assert_outcomes(failed=1)
    case = junit(suite.path / "junit.xml")
    assert case == {"classname": "a.tw.yaml", "name": "wrong[RST|ACK@linux-6.18]"}


def junit(file: Path) -> dict[str, str]:
    """Class and name of the only case of a JUnit file."""
    (case,) = ElementTree.parse(file).iter("testcase")
    return {name: case.attrib[name] for name in ("classname", "name")}
