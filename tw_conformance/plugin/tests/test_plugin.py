"""The plugin as a guest in somebody's suite: what it collects, selects, and says."""

from __future__ import annotations

import gc
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from tw_conformance.model.verdict import Outcome
from tw_conformance.tests.pretend import cases

pytest_plugins = ["pytester"]

CONFTEST = """
from pathlib import Path
pytest_plugins = ["tw_conformance.plugin"]
def pytest_configure(config):
    from tw_conformance.tests.pretend import pretend
    config.add_cleanup(pretend(Path(config.rootpath, "closed"), absent={absent!r}))
"""

ON_THE_REFERENCE = """\
case: rst
title: An RST beside the window leaves TIME-WAIT alone
cites: [RFC 1337 section 3]
steps:
  - send: {flags: RST, seq: rcv_nxt+1}
  - expect: nothing
---
case: of-freebsd
title: Only about FreeBSD
cites: [RFC 1337 section 3]
profiles: [freebsd-*]
steps:
  - send: {flags: RST, seq: rcv_nxt}
  - expect: nothing
"""

FAULTY = """\
case: faulty
title: The word for the flag is wrong
cites: [RFC 1337 section 3]
steps:
  - send: {flags: RTS}
  - expect: nothing
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeconftest('pytest_plugins = ["tw_conformance.plugin"]')
    return pytester


@pytest.fixture
def kernel(pytester: pytest.Pytester) -> pytest.Pytester:
    """A suite in which netns is a pretended kernel."""
    pytester.makeconftest(CONFTEST.format(absent=""))
    return pytester


@pytest.fixture
def no_kernel(pytester: pytest.Pytester) -> pytest.Pytester:
    """A suite on a machine where netns can't be had."""
    pytester.makeconftest(CONFTEST.format(absent="user namespaces are forbidden; run as root"))
    return pytester


def write(suite: pytest.Pytester, name: str, text: str) -> None:
    suite.path.joinpath(name).write_text(text)


def test_what_was_played_is_not_kept(suite: pytest.Pytester) -> None:
    write(suite, "a.tw.yaml", ON_THE_REFERENCE.replace("case: rst", "case: kept-by-nobody"))
    left: list[Outcome] = []

    class AtTheEnd:
        @pytest.hookimpl
        def pytest_sessionfinish(self) -> None:
            gc.collect()
            outcomes = (each for each in gc.get_objects() if type(each) is Outcome)
            left.extend(each for each in outcomes if each.case.name == "kept-by-nobody")

    assert suite.inline_run("--tw-profile=linux", plugins=[AtTheEnd()]).ret == 0
    assert left == []


def test_a_case_is_an_item_for_each_profile_that_it_is_about(suite: pytest.Pytester) -> None:
    write(suite, "a.tw.yaml", ON_THE_REFERENCE)
    result = suite.runpytest("-v", "--tw-profile=freebsd-10", "--tw-profile=linux")
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(
        [
            "target reference: profiles freebsd-10, linux-6.18",
            "a.tw.yaml::rst[[]freebsd-10] PASSED*",
            "a.tw.yaml::rst[[]linux-6.18] PASSED*",
            "a.tw.yaml::of-freebsd[[]freebsd-10] PASSED*",
            "1 case is about profiles other than those chosen",
        ]
    )


def test_other_yaml_is_left_alone(suite: pytest.Pytester) -> None:
    write(suite, "compose.yaml", "a: [")
    write(suite, "test_x.yml", "a: [")
    assert suite.runpytest().ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_the_names_of_case_files_can_be_chosen(suite: pytest.Pytester) -> None:
    suite.makeini("[pytest]\ntw_case_files = time-wait-*.yaml")
    write(suite, "time-wait-1.yaml", ON_THE_REFERENCE)
    write(suite, "b.tw.yaml", "a: [")
    suite.runpytest("--tw-profile=freebsd-10").assert_outcomes(passed=2)


def test_a_suite_without_cases_pays_nothing() -> None:
    code = "import sys, tw_conformance.plugin as p; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"scapy", "yaml", "jsonschema", "rich", "tw_reference"} & set(run.stdout.split())


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_a_fault_stops_its_file_and_fails_the_run(
    suite: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    write(suite, "a.tw.yaml", FAULTY)
    write(suite, "b.tw.yaml", ON_THE_REFERENCE)
    result = suite.runpytest("--tw-profile=freebsd-10", *workers)
    result.assert_outcomes(passed=2, errors=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*a.tw.yaml:5:*RTS*"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_the_other_cases_of_a_faulty_file_are_played(suite: pytest.Pytester) -> None:
    write(suite, "a.tw.yaml", f"{FAULTY}---\n{ON_THE_REFERENCE}")
    result = suite.runpytest("--tw-profile=freebsd-10")
    result.assert_outcomes(passed=2, errors=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*a.tw.yaml:5:*RTS*"])


def test_a_case_that_says_nothing_of_a_profile_is_left_out_there(suite: pytest.Pytester) -> None:
    said = ON_THE_REFERENCE.replace("expect: nothing", "expect: {freebsd-10: nothing}", 1)
    write(suite, "a.tw.yaml", said)
    suite.runpytest("--tw-profile=freebsd-10").assert_outcomes(passed=2)
    result = suite.runpytest("--tw-profile=freebsd-13", "-rs")
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(["*says nothing of freebsd-13 in step 2"])


def test_errors_in_other_files_stop_the_run_as_ever(suite: pytest.Pytester) -> None:
    write(suite, "a.tw.yaml", FAULTY)
    suite.makepyfile(test_b="import no_such_module")
    assert suite.runpytest().ret == pytest.ExitCode.INTERRUPTED


def test_a_failure_is_explained_and_captured(suite: pytest.Pytester) -> None:
    wrong = ON_THE_REFERENCE.replace("expect: nothing", "expect: ack", 1)
    write(suite, "a.tw.yaml", wrong)
    result = suite.runpytest(
        "--tw-profile=freebsd-10", "--tw-pcap=captures", "--junit-xml=junit.xml"
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*_ rst[[]freebsd-10] _*",
            "FAIL rst on reference, held to freebsd-10",
            ">    6 |   - expect: ack",
            "*|-- RST seq=rcv_nxt+1 *",
            "*rule freebsd.rst-drop*",
            "capture: captures/a.tw.yaml_rst_freebsd-10.pcapng*",
            "FAILED a.tw.yaml::rst[[]freebsd-10] - expected *",
        ]
    )
    assert suite.path.joinpath("captures", "a.tw.yaml_rst_freebsd-10.pcapng").exists()
    case = ElementTree.parse(suite.path / "junit.xml").find(".//testcase")
    assert case is not None
    properties = {p.attrib["name"]: p.attrib["value"] for p in case.iter("property")}
    assert properties.pop("dut").startswith("the bundled reference as freebsd-10")
    assert properties == {
        "title": "An RST beside the window leaves TIME-WAIT alone",
        "cites": "RFC 1337 section 3",
        "target": "reference",
        "profile": "freebsd-10",
        "verdict": "FAIL",
        "rule": "freebsd.rst-drop",
    }


VARIANTS = """\
case: variants
title: Flags are $flags
cites: [RFC 1337 section 3]
matrix: {flags: [RST, ACK, FIN|ACK], family: [ipv4, ipv6]}
steps:
  - send: {flags: $flags, seq: rcv_nxt+1}
  - expect: rst
"""
"""Fails: an RST gets nothing and the others an ACK, whatever the family."""


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_variants_that_fail_for_one_reason_are_explained_once(
    suite: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    write(suite, "a.tw.yaml", VARIANTS)
    result = suite.runpytest("--tw-profile=freebsd-10", *workers)
    result.assert_outcomes(failed=6)
    said = result.stdout.str()
    assert said.count("FAIL variants[") == 2
    assert said.count("FAILED a.tw.yaml::variants[") == 6
    result.stdout.fnmatch_lines_random(["the same in 3 other variants:", "the same in 1 other*:"])


def test_a_line_for_each_failure_where_a_line_was_asked_for(suite: pytest.Pytester) -> None:
    write(suite, "a.tw.yaml", VARIANTS)
    said = suite.runpytest("--tw-profile=freebsd-10", "--tb=line", "-rN").stdout.str()
    assert said.count("a.tw.yaml:1: expected RST") == 6
    assert "tester" not in said


def test_cases_that_let_time_pass_have_a_marker(suite: pytest.Pytester) -> None:
    waits = ON_THE_REFERENCE.replace("expect: nothing", "expect: nothing\n  - wait: 2msl", 1)
    write(suite, "a.tw.yaml", waits)
    options = ("--tw-profile=freebsd-10", "--strict-markers")
    suite.runpytest(*options, "-m", "tw_waits").assert_outcomes(passed=1, deselected=1)
    suite.runpytest(*options, "-m", "not tw_waits").assert_outcomes(passed=1, deselected=1)


def test_captures_go_to_the_cache_unless_told_otherwise(suite: pytest.Pytester) -> None:
    write(suite, "a.tw.yaml", ON_THE_REFERENCE.replace("expect: nothing", "expect: ack", 1))
    suite.runpytest("--tw-profile=freebsd-10").assert_outcomes(passed=1, failed=1)
    captures = [file.relative_to(suite.path).parts for file in suite.path.rglob("*.pcapng")]
    assert captures == [(".pytest_cache", "d", "tw-conformance", "a.tw.yaml_rst_freebsd-10.pcapng")]


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "xdist"])
def test_inconclusive_is_a_word_of_its_own(
    kernel: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    write(kernel, "a.tw.yaml", cases("undecided", "passes", wait="1ms"))
    result = kernel.runpytest("--tw-target=netns", "-v", *workers)
    assert result.parseoutcomes() == {"inconclusive": 1, "passed": 1}
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "*INCONCLUSIVE*",
            "*_ undecided[[]netns] _*",
            "INCONCLUSIVE a.tw.yaml::undecided[[]netns] - no probe was answered",
        ]
    )


def test_inconclusive_can_be_allowed_but_is_no_pass(kernel: pytest.Pytester) -> None:
    write(kernel, "a.tw.yaml", cases("undecided", wait="1ms"))
    result = kernel.runpytest(
        "--tw-target=netns", "--tw-allow-inconclusive", "--junit-xml=junit.xml"
    )
    assert result.parseoutcomes() == {"inconclusive": 1}
    assert result.ret == pytest.ExitCode.OK
    suites = ElementTree.parse(kernel.path / "junit.xml").find(".//testsuite")
    assert suites is not None
    assert suites.attrib["skipped"] == "1"


def test_a_target_is_closed_with_the_run(kernel: pytest.Pytester) -> None:
    write(kernel, "a.tw.yaml", cases("passes", wait="1ms"))
    kernel.runpytest("--tw-target=netns").assert_outcomes(passed=1)
    assert kernel.path.joinpath("closed").exists()


def test_collecting_opens_no_target(kernel: pytest.Pytester) -> None:
    write(kernel, "a.tw.yaml", cases("passes", wait="1ms"))
    result = kernel.runpytest("--tw-target=netns", "--collect-only", "-q")
    result.stdout.fnmatch_lines(["a.tw.yaml::passes[[]netns]"])
    assert not kernel.path.joinpath("closed").exists()


def test_a_target_asked_for_by_name_must_be_there(no_kernel: pytest.Pytester) -> None:
    write(no_kernel, "a.tw.yaml", cases("passes", wait="1ms"))
    result = no_kernel.runpytest("--tw-target=netns")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*target netns: user namespaces are forbidden; run as root*"])


@pytest.mark.parametrize("workers", [(), ("-n", "1")])
def test_cases_that_are_all_left_out_are_no_success(
    kernel: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    write(kernel, "a.tw.yaml", cases("lacks"))
    result = kernel.runpytest("--tw-target=netns", *workers)
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    write(kernel, "test_other.py", "def test_other(): pass\n")
    assert kernel.runpytest("--tw-target=netns", *workers).ret == pytest.ExitCode.OK


@pytest.mark.parametrize(("ci", "outcome"), [("", "skipped"), ("1", "errors")])
def test_one_of_all_may_be_missing_but_not_in_a_ci(
    no_kernel: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, ci: str, outcome: str
) -> None:
    monkeypatch.setenv("CI", ci)
    write(no_kernel, "a.tw.yaml", cases("passes"))
    result = no_kernel.runpytest("--tw-target=all", "-k", "netns", "-rs")
    assert result.parseoutcomes()[outcome] == 1
    result.stdout.fnmatch_lines(["*user namespaces are forbidden; run as root*"])


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--tw-target=netn", "no target 'netn'; did you mean 'netns'?"),
        ("--tw-profile=frebsd-10", "no profile 'frebsd-10'; did you mean 'freebsd-10'?"),
        ("--tw-profile=freebsd-9.3", "no profile 'freebsd-9.3': 9.3 is older than freebsd-10,"),
    ],
)
def test_a_wrong_name_is_answered_with_the_nearest(
    suite: pytest.Pytester, option: str, said: str
) -> None:
    result = suite.runpytest(option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{said}*"])


def test_a_release_is_held_to_the_profile_that_stands_for_it(suite: pytest.Pytester) -> None:
    result = suite.runpytest("--tw-profile=freebsd-13.2", "--collect-only")
    result.stdout.fnmatch_lines(
        [
            "target reference: profile freebsd-13",
            "freebsd-13.2 is held to freebsd-13: nothing documented changed between them",
        ]
    )


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_the_rules_that_the_reference_met_are_counted(
    suite: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    write(suite, "a.tw.yaml", ON_THE_REFERENCE)
    result = suite.runpytest("--tw-profile=freebsd-10", *workers)
    result.stdout.re_match_lines([r"rules met on the reference: [0-9]+ of [0-9]+ \(tw-conf"])
