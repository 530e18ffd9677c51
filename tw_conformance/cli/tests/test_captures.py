"""``trace`` and ``record`` on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tw_conformance.captures.tests.made import captured, case_of
from tw_conformance.cli.main import main
from tw_conformance.model.errors import ExitCode

STEPS = (
    "[{send: {flags: RST}}, {expect: nothing}, {wait: 200ms},"
    " {send: {flags: ACK, seq: rcv_nxt+70000}}, {expect: rst}]"
)


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    return captured(tmp_path, case_of(tmp_path, STEPS), "linux-6.18")


def test_trace_names_rules_and_who_fits(capture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", str(capture)]) == ExitCode.CONFORMS
    out = capsys.readouterr().out
    assert "14 frames, 10 TCP segments; 1 connection closed, in 1 way" in out
    assert "linux-*: TIME-WAIT: nothing   [linux.rst-kill]" in out
    assert "linux-*: CLOSED: RST seq=snd_nxt+1 ack=0   [linux.listen-ack]" in out
    assert "freebsd-* differs: it says nothing here, being in TIME-WAIT" in out
    assert out.endswith("fits best: linux-* and rfc9293\n")


def test_trace_of_what_the_chosen_profiles_do_not_do_ends_with_1(
    capture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["trace", str(capture), "--profile", "freebsd-15"]) == ExitCode.DEVIATES
    assert "! no documented stack does what this one did here" in capsys.readouterr().out


def test_record_writes_a_case_that_check_and_run_take(
    capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mine"
    assert main(["record", str(capture), "--in", str(folder)]) == ExitCode.CONFORMS
    assert capsys.readouterr().out.endswith("mine/played-1.tw.yaml\n")
    text = (folder / "played-1.tw.yaml").read_text()
    assert "# 1 connection like this\n" in text
    assert "profiles: [linux-*, rfc9293]\n" in text
    assert "    # freebsd-14.0 freebsd-14 freebsd-15: ACK seq=snd_nxt ack=rcv_nxt" in text
    assert main(["check", str(folder), "--strict"]) == ExitCode.CONFORMS
    assert main(["record", str(capture), "--in", str(folder)]) == ExitCode.USAGE
    assert "played-1.tw.yaml is there already: give another --name" in capsys.readouterr().err


def test_a_capture_without_a_close_and_a_file_that_is_none(
    capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = ["--dut", "198.51.100.1"]
    assert main(["trace", str(capture), *other]) == ExitCode.NOTHING
    assert "not judged: 1 connection: 198.51.100.1 is neither end" in capsys.readouterr().out
    assert main(["record", str(capture), *other, "--in", str(tmp_path)]) == ExitCode.NOTHING
    assert "TCP segments, and no connection that closes" in capsys.readouterr().err
    assert main(["trace", str(capture), "--dut", "here"]) == ExitCode.USAGE
    assert "argument --dut: here is no IP address" in capsys.readouterr().err
    assert main(["trace", __file__]) == ExitCode.USAGE
    assert "is no capture: neither pcap nor pcapng" in capsys.readouterr().err
