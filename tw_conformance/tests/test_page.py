"""The page of a run in a real browser: it says nothing on its console, and filters."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tw_conformance.report.matrix_cells import matrix_of
from tw_conformance.report.matrix_page import matrix_page
from tw_conformance.report.page import page
from tw_conformance.report.results import Dut, Result, Results, StepDone
from tw_conformance.tests.wire.conftest import do_without

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def browser() -> str:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    return found or do_without("no browser here to look at the page with: apt install chromium")


def result(name: str, verdict: str, **more: Any) -> Result:
    return replace(
        Result(
            *(f"{name}[1]", name, f"area/{name}.tw.yaml", 1, f"About {name} & <others>"),
            cites=[f"RFC 1337 section {len(name)}"],
            target="netns",
            profile="linux-6.18",
            verdict=verdict,
            steps=[StepDone("send RST", 3)],
        ),
        **more,
    )


def failing(number: int) -> list[Result]:
    rungs = [
        {"time": 0.1 * n, "direction": way, "text": f"RST seq=rcv_nxt+{n}", "step": n // 2}
        for n, way in enumerate(("sent", "received", "sent", "note"))
    ]
    return [
        result(f"fails-{n}", "FAIL", ladder=rungs, decided=0, cause=str(n), reason="it <did>")
        for n in range(number)
    ]


def look(browser: str, results: list[Result], folder: Path, **chosen: str) -> tuple[str, str]:
    """The document as the browser has it with those filters, and what it says on its console."""
    file = folder / "page.html"
    dut = Dut("netns", "linux-6.18", "Linux 6.18", live=True)
    file.write_text(page(Results("2026-11-28T08:00:00+00:00", 3.0, [dut], results)))
    address = f"{file.as_uri()}#{urlencode({'text': '', **chosen})}" if chosen else file.as_uri()
    return dom(browser, address, folder)


def dom(browser: str, address: str, folder: Path) -> tuple[str, str]:
    """The document at that address once its scripts have run, and what the console says."""
    done = subprocess.run(
        [
            *(browser, "--headless", "--disable-gpu", "--enable-logging=stderr"),
            *(["--no-sandbox"] if os.geteuid() == 0 else []),
            *(f"--user-data-dir={folder / 'profile'}", "--dump-dom", address),
        ],
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
    )
    return done.stdout, "\n".join(re.findall(r".*CONSOLE.*", done.stderr))


def test_the_matrix_filters_and_is_quiet(browser: str, tmp_path: Path) -> None:
    alike = result("alike", "PASS")
    differs = result("differs", "PASS", steps=[StepDone("expect nothing", 3, "nothing")])
    other = replace(
        differs, profile="rfc9293", steps=[StepDone("expect ack", 3, "ACK seq=1 ack=1")]
    )
    file = tmp_path / "page.html"
    duts = [Dut("netns", each, "Linux", live=True) for each in ("linux-6.18", "rfc9293")]
    results = [alike, replace(alike, profile="rfc9293"), differs, other]
    file.write_text(matrix_page(matrix_of([Results("now", 1, duts, results)])))
    document, said = dom(browser, file.as_uri(), tmp_path)
    assert said == ""
    assert "1 of 2 shown" in document


def visible(document: str) -> set[str]:
    """The names of the cases whose entries are not hidden."""
    entries = re.findall(r"<details ([^>]*data-cases[^>]*)>.*?<code>(.*?)</code>", document, re.S)
    return {name for attributes, name in entries if 'hidden=""' not in attributes}


def test_the_page_filters_and_is_quiet(browser: str, tmp_path: Path) -> None:
    results = [*failing(1), result("passes", "PASS"), result("other", "PASS")]
    document, said = look(browser, results, tmp_path)
    assert said == ""
    assert visible(document) == {"fails-0", "passes", "other"}
    document, _ = look(browser, results, tmp_path, verdict="PASS", clause="RFC 1337 section 5")
    assert visible(document) == {"other"}
    assert "1 shown" in document


def test_stacks_that_answer_alike_are_one_entry_and_counted_apart(
    browser: str, tmp_path: Path
) -> None:
    one, another = result("alike", "PASS"), result("alike", "PASS", profile="linux-6.1")
    unlike = result("alike", "PASS", profile="rfc9293", steps=[StepDone("send SYN", 3)])
    stack = "netns, held to linux-6.18"
    document, _ = look(browser, [one, another, unlike], tmp_path, verdict="PASS", dut=stack)
    assert re.findall(r'data-cases="([^"]*)"', document) == ["1|1", "1"]
    assert "1 shown" in document


def test_two_thousand_failing_variants_are_shown(browser: str, tmp_path: Path) -> None:
    document, said = look(browser, failing(2000), tmp_path)
    assert said == ""
    assert document.count("<svg") == 2000
    assert "2,000 shown" in document
