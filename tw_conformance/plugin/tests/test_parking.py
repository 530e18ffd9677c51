"""Cases that wait in real time wait side by side, and none is lost, however the run ends."""

from __future__ import annotations

import pytest

from tw_conformance.plugin import life
from tw_conformance.tests.pretend import cases

pytest_plugins = ["pytester"]

CONFTEST = """
from pathlib import Path
pytest_plugins = ["tw_conformance.plugin"]
def pytest_configure(config):
    from tw_conformance.tests.pretend import pretend
    config.add_cleanup(pretend(Path(config.rootpath, "closed")))
"""

TEN = [f"waits-{number}" for number in range(10)]


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """A folder whose cases are played on a pretended kernel."""
    pytester.makeconftest(CONFTEST)
    return pytester


def run(suite: pytest.Pytester, *options: str) -> pytest.RunResult:
    return suite.runpytest("--tw-target=netns", "-p", "no:cacheprovider", *options)


def write(suite: pytest.Pytester, name: str, *case_names: str, wait: str = "300ms") -> None:
    suite.path.joinpath(f"{name}.tw.yaml").write_text(cases(*case_names, wait=wait))


def test_waits_overlap(suite: pytest.Pytester) -> None:
    """Each of ten ends only once all ten are in flight."""
    write(suite, "ten", *(f"meets-{number}" for number in range(10)))
    run(suite).assert_outcomes(passed=10)


def test_a_case_takes_the_time_of_its_own_play(suite: pytest.Pytester) -> None:
    write(suite, "ten", *TEN)
    _, recorder = suite.inline_genitems("--tw-target=netns"), suite.inline_run("--tw-target=netns")
    calls = [r for r in recorder.getreports("pytest_runtest_logreport") if r.when == "call"]
    assert len(calls) == 10
    assert all(report.duration >= 0.3 for report in calls)
    assert all(report.stop - report.start == pytest.approx(report.duration) for report in calls)


def test_waits_overlap_what_is_not_a_case(suite: pytest.Pytester) -> None:
    suite.makepyfile(test_a="def test_one(): pass", test_z="def test_two(): pass")
    write(suite, "middle", "waits", "fails-late")
    result = run(suite, "-v")
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(["*test_one PASSED*", "*waits[[]netns] PASSED*"])


def test_fixtures_of_neighbours_live_as_long_as_without_cases(suite: pytest.Pytester) -> None:
    """A parked case is reported between other cases or at the end, never inside a module."""
    write(suite, "a", "waits-a", wait="60ms")
    write(suite, "c", "short", wait="1ms")
    suite.makepyfile(
        test_b="""
        import pathlib, pytest, time
        made = []
        @pytest.fixture(scope="module")
        def thing():
            made.append(1)
        def test_one(thing):
            while not pathlib.Path("waits-a.ended").exists(): time.sleep(0.01)
        def test_two(thing): assert len(made) == 1
        """
    )
    run(suite).assert_outcomes(passed=4)


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "xdist"])
def test_a_run_that_waits_says_for_what(
    suite: pytest.Pytester, workers: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(life, "IN_A_LOG", 0.05)
    write(suite, "a", "ends-first", wait="100ms")
    write(suite, "b", "waits-b", "waits-c", wait="1s")
    result = run(suite, *workers)
    result.assert_outcomes(passed=3)
    result.stdout.re_match_lines(
        [r"2 cases let time pass, for about [01] s still; 1 passed, 0 did not"]
    )


def test_a_run_that_reports_or_is_quiet_says_nothing_of_the_kind(suite: pytest.Pytester) -> None:
    write(suite, "a", "waits", wait="300ms")
    assert "let time pass" not in run(suite).stdout.str()
    assert "let time pass" not in run(suite, "-q").stdout.str()


def test_each_worker_overlaps_its_own(suite: pytest.Pytester) -> None:
    write(suite, "ten", *TEN, "fails-a", "undecided-b")
    result = run(suite, "-n", "2")
    assert result.parseoutcomes() == {"passed": 10, "failed": 1, "inconclusive": 1}
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_cases_of_a_crashed_worker_are_named(suite: pytest.Pytester) -> None:
    write(suite, "waits", *TEN, wait="600s")
    write(suite, "dies", "dies-young", wait="200ms")
    result = run(suite, "-n", "1", "--max-worker-restart=0")
    result.stdout.fnmatch_lines(["*cases without a verdict*", "*waits.tw.yaml::waits-0[[]netns]*"])
    assert result.ret != pytest.ExitCode.OK


def test_a_stop_at_the_first_failure_says_who_still_waited(suite: pytest.Pytester) -> None:
    write(suite, "waits", "waits-a", "waits-b", wait="600s")
    write(suite, "fails", "fails-at-once", wait="100ms")
    result = run(suite, "-x")
    result.stdout.fnmatch_lines(["2 cases were still waiting when the run stopped: no verdict."])


def test_so_it_does_with_workers(suite: pytest.Pytester) -> None:
    write(suite, "waits", "waits-a", wait="600s")
    write(suite, "fails", "fails-at-once", wait="100ms")
    result = run(suite, "-x", "-n", "1")
    result.stdout.fnmatch_lines(["1 case was still waiting when the run stopped: no verdict."])


def test_an_interrupt_says_who_still_waited(suite: pytest.Pytester) -> None:
    write(suite, "waits", "waits-a", wait="600s")
    suite.makepyfile(test_z="def test_stop(): raise KeyboardInterrupt\ndef test_more(): pass")
    result = suite.runpytest_inprocess("--tw-target=netns", no_reraise_ctrlc=True)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["1 case was still waiting when the run stopped: no verdict."])
    assert suite.path.joinpath("closed").exists()


def test_skipped_cases_are_not_played(suite: pytest.Pytester) -> None:
    suite.makeconftest(
        CONFTEST
        + """
import pytest
def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.skip(reason="not today"))
"""
    )
    write(suite, "waits", "dies-when-played")
    run(suite).assert_outcomes(skipped=1)
