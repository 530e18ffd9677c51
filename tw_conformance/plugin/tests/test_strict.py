"""``--strict``: a SHOULD counts as a MUST, where somebody is there who is held to it."""

from __future__ import annotations

import pytest

from tw_conformance.cli.main import main
from tw_conformance.model.errors import ExitCode
from tw_conformance.play.tests.opaque import Opaque
from tw_conformance.plugin.tests.test_citing import CASES
from tw_conformance.plugin.tests.test_plugin import write
from tw_conformance.report.settings_text import settings_line
from tw_reference.profiles import PROFILES

pytest_plugins = ["pytester"]

NOBODY = (
    "--strict counts the SHOULDs of rfc9293, and no target is held to it: say --profile rfc9293"
)
DOUBLE = "--strict demands rfc5961_syn, and rfc5961_syn=0 was said of the DUT"
STRANGER = ("--target", "192.0.2.1:7", "--profile", "rfc9293")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--profile", "linux"), NOBODY),
        (("--set", "rfc5961_syn=0", *STRANGER), DOUBLE),
    ],
)
def test_what_can_t_be_is_said(
    options: tuple[str, ...],
    said: str,
    pytester: pytest.Pytester,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(pytester, "a.tw.yaml", CASES)
    assert main(["run", "a.tw.yaml", "--strict", *options]) == ExitCode.USAGE
    assert capsys.readouterr().err == f"tw-conformance: {said}\n"
    as_pytest = [option.replace("--", "--tw-", 1) for option in options]
    result = pytester.runpytest("-p", "tw_conformance.plugin", "--tw-strict", *as_pytest)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {said}"])


def test_the_reference_does_all_that_it_should(pytester: pytest.Pytester) -> None:
    write(pytester, "a.tw.yaml", CASES)
    options = ("--tw-strict", "--tw-profile=rfc9293", "-k", "other")
    pytester.runpytest("-p", "tw_conformance.plugin", *options).assert_outcomes(
        passed=1, deselected=1
    )


def test_a_should_that_a_dut_does_without_is_named_as_one() -> None:
    target = Opaque(PROFILES["rfc9293"])
    target.settings = {"rfc5961_syn": 0, "rfc1337": 1}
    said = "differ: rfc5961_syn=0 (rfc9293: 1, a SHOULD), rfc1337=1 (rfc9293: 0)"
    assert settings_line(target) == f"settings of reference: {said}"
