"""Known failures in a run: they don't fail it, and what passes although it is listed does."""

from __future__ import annotations

import pytest

from tw_conformance.tests.pretend import cases

pytest_plugins = ["pytester"]

CONFTEST = """
from pathlib import Path
pytest_plugins = ["tw_conformance.plugin"]
def pytest_configure(config):
    from tw_conformance.tests.pretend import pretend
    config.add_cleanup(pretend(Path(config.rootpath, "closed")))
"""

KNOWN = """\
- {case: fails-*, verdict: FAIL, why: it has no RFC 1337, link: "bug 7"}
- {case: undecided, verdict: INCONCLUSIVE, why: it is slow}
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeconftest(CONFTEST)
    pytester.path.joinpath("a.tw.yaml").write_text(
        cases("fails-a", "undecided", "passes", wait="1ms")
    )
    return pytester


def run(suite: pytest.Pytester, known: str, *options: str) -> pytest.RunResult:
    suite.path.joinpath("known.yaml").write_text(known)
    return suite.runpytest("--tw-target=netns", "--tw-expectations=known.yaml", *options)


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "xdist"])
def test_what_is_known_fails_no_run(suite: pytest.Pytester, workers: tuple[str, ...]) -> None:
    result = run(suite, KNOWN, "-rx", *workers)
    assert result.parseoutcomes() == {"passed": 1, "xfailed": 2}
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["XFAIL a.tw.yaml::fails-a* - it has no RFC 1337 (bug 7)"])


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "xdist"])
def test_what_passes_unexpectedly_fails_it(
    suite: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    listed = KNOWN + "- {case: passes, verdict: FAIL, why: it was so}\n"
    result = run(suite, listed, *workers)
    assert result.parseoutcomes() == {"failed": 1, "xfailed": 2}
    result.stdout.fnmatch_lines(["unexpectedly passes: *known.yaml:3:3 (it was so)"])


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "xdist"])
def test_an_entry_about_no_case_fails_it(suite: pytest.Pytester, workers: tuple[str, ...]) -> None:
    listed = KNOWN + "- {case: gone, verdict: FAIL, why: it was so}\n"
    result = run(suite, listed, *workers)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*known.yaml:3:3: there is no case 'gone' here: remove the entry"])
    assert run(suite, listed, "a.tw.yaml", *workers).ret == pytest.ExitCode.OK


def test_another_verdict_than_the_known_one_stays(suite: pytest.Pytester) -> None:
    swapped = (
        KNOWN.replace("FAIL", "X").replace("INCONCLUSIVE", "FAIL").replace("X", "INCONCLUSIVE")
    )
    result = run(suite, swapped)
    assert result.parseoutcomes() == {"passed": 1, "failed": 1, "inconclusive": 1}


def test_a_fault_in_the_file_is_said_before_anything_is_played(suite: pytest.Pytester) -> None:
    result = run(suite, "- {case: a}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*known.yaml:1:3: an entry needs case, verdict and why*"])


def test_a_target_may_have_a_file_of_its_own(suite: pytest.Pytester) -> None:
    suite.path.joinpath("lab").mkdir()
    suite.path.joinpath("lab", "known.yaml").write_text(KNOWN)
    suite.path.joinpath("lab", "targets.yaml").write_text(
        "box: {target: netns, expectations: known.yaml}"
    )
    result = suite.runpytest("--tw-targets=lab/targets.yaml", "--tw-target=box")
    assert result.parseoutcomes() == {"passed": 1, "xfailed": 2}
