"""Files that a run writes: results and the page, from this process and from workers."""

from __future__ import annotations

import re

import pytest

from tw_conformance.report.results import read_results
from tw_conformance.tests.pretend import cases

pytest_plugins = ["pytester"]

CONFTEST = """
from pathlib import Path
pytest_plugins = ["tw_conformance.plugin"]
def pytest_configure(config):
    from tw_conformance.tests.pretend import pretend
    config.add_cleanup(pretend(Path(config.rootpath, "closed")))
"""

KNOWN = "- {case: undecided, verdict: INCONCLUSIVE, why: it is slow}"


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeconftest(CONFTEST)
    folder = pytester.mkdir("rst")
    folder.joinpath("a.tw.yaml").write_text(cases("fails-a", "undecided", "passes", wait="1ms"))
    pytester.path.joinpath("known.yaml").write_text(KNOWN)
    return pytester


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_results_and_page_hold_every_case(suite: pytest.Pytester, workers: tuple[str, ...]) -> None:
    files = ("--tw-results=r.json", "--tw-html=r.html", "--tw-expectations=known.yaml")
    done = suite.runpytest("--tw-target=netns", *files, *workers)
    done.stdout.fnmatch_lines_random(["results: r.json", "html: r.html"])
    (found,) = read_results([suite.path / "r.json"])
    assert {(each.id, each.verdict, each.file) for each in found.results} == {
        ("fails-a", "FAIL", "rst/a.tw.yaml"),
        ("undecided", "INCONCLUSIVE", "rst/a.tw.yaml"),
        ("passes", "PASS", "rst/a.tw.yaml"),
    }
    assert {each.id: each.expected for each in found.results}["undecided"] == "it is slow"
    assert [(dut.target, dut.live) for dut in found.duts] == [("netns", True)]
    text = suite.path.joinpath("r.html").read_text()
    assert all(f"<code>{name}</code>" in text for name in ("fails-a", "undecided", "passes"))
    assert "https://" not in text
    assert not list(suite.path.glob(".tw-*"))


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_ktap_has_a_line_for_every_test(suite: pytest.Pytester, workers: tuple[str, ...]) -> None:
    """Those of others too, and files that can't be read."""
    suite.path.joinpath("rst", "b.tw.yaml").write_text(cases("undecided", wait="1ms"))
    suite.path.joinpath("broken.tw.yaml").write_text("a: [")
    suite.makepyfile(test_x="import pytest\ndef test_x(): pytest.skip('no #1')")
    files = ("--tw-ktap=r.ktap", "--tw-expectations=known.yaml", "--tw-target=netns")
    done = suite.runpytest(*files, *workers, "--continue-on-collection-errors")
    done.stdout.fnmatch_lines(["ktap: r.ktap"])
    version, plan, *lines = suite.path.joinpath("r.ktap").read_text().splitlines()
    assert (version, plan) == ("KTAP version 1", "1..6")
    said = sorted(re.sub(r"ok \d+ ", "ok ", line) for line in lines if line[0] != "#")
    assert said == [
        "not ok broken.tw.yaml::faults # ERROR broken.tw.yaml:2:1: not YAML: did not find expected"
        " node content while parsing a flow node",
        "not ok rst/a.tw.yaml::fails-a[netns] # expected nothing, but FIN came",
        "ok rst/a.tw.yaml::passes[netns]",
        "ok rst/a.tw.yaml::undecided[netns] # XFAIL it is slow",
        "ok rst/b.tw.yaml::undecided[netns] # XFAIL it is slow",
        "ok test_x.py::test_x # SKIP no #1",
    ]


@pytest.mark.parametrize("option", ["--tw-results", "--tw-html", "--tw-ktap"])
def test_a_file_that_cannot_be_written_is_said_before_the_run(
    suite: pytest.Pytester, option: str
) -> None:
    done = suite.runpytest("--tw-target=netns", f"{option}=rst")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines([f"*{option} *rst: this is a folder; name a file in it"])


def test_a_folder_that_is_not_there_is_said_too(suite: pytest.Pytester) -> None:
    done = suite.runpytest("--tw-target=netns", "--tw-html=no/such/r.html")
    done.stderr.fnmatch_lines(["*there is no folder *no/such"])


AGAIN = """
def pytest_runtest_protocol(item, nextitem):
    from _pytest.runner import runtestprotocol
    for following in (item, nextitem):
        runtestprotocol(item, nextitem=following)
    return True
"""


def test_a_case_that_a_plugin_runs_again_is_told_once(suite: pytest.Pytester) -> None:
    """As pytest-rerunfailures does."""
    suite.makeconftest(CONFTEST + AGAIN)
    suite.runpytest("--tw-target=netns", "--tw-results=r.json", "--junit-xml=j.xml", "-k", "fails")
    (found,) = read_results([suite.path / "r.json"])
    assert [each.id for each in found.results] == ["fails-a"]
    tests = suite.path.joinpath("j.xml").read_text().split("<testcase ")[1:]
    assert [test.count('property name="verdict"') for test in tests] == [1, 1]
