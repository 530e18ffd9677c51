from __future__ import annotations

from pathlib import Path

import pytest

from tw_conformance.cli.main import main
from tw_conformance.model.errors import ExitCode
from tw_conformance.notation.bundled import bundled_cases
from tw_conformance.notation.packetdrill.tests.scripts import PASSIVE, TO_TIME_WAIT

WHOLE = PASSIVE + TO_TIME_WAIT + "+.2 < F. 1:1(0) ack 2 win 9\n+0 > . 2:2(0) ack 2\n"
LOSSY = WHOLE + "+.1 `date`\n+0 < . 9:9(0) ack 2 win 9\n+0 > . 2:2(0) ack 2\n"


def script(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


def test_a_script_is_written_as_a_case_that_passes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, folder = script(tmp_path, "late-fin.pkt", WHOLE), tmp_path / "mine"
    assert main(["import", path, "--in", str(folder)]) == ExitCode.CONFORMS
    assert "1 script: 1 imported, 0 with loss" in capsys.readouterr().out
    assert main(["check", str(folder)]) == ExitCode.CONFORMS
    assert main(["show", "late-fin", str(folder), "--profile", "linux"]) == 0


def test_what_is_lost_is_printed_and_stands_in_the_file_and_in_the_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, folder = script(tmp_path, "date.pkt", LOSSY), tmp_path / "mine"
    assert main(["import", path, "--in", str(folder)]) == ExitCode.INCONCLUSIVE
    assert f"{path}:15:1: lost: this is not run" in capsys.readouterr().out
    assert "# line 15: this is not run" in (folder / "date.tw.yaml").read_text()


def test_a_wrong_script_is_a_fault_and_the_others_are_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script(tmp_path, "scripts/a.pkt", "0 clse(3 = 0\n")
    script(tmp_path, "scripts/b.pkt", WHOLE)
    script(tmp_path, "scripts/below/b.pkt", WHOLE)
    folder = tmp_path / "mine"
    assert main(["import", str(tmp_path / "scripts"), "--in", str(folder)]) == ExitCode.USAGE
    assert "a.pkt:1:10: expected , or the end of the arguments" in capsys.readouterr().out
    assert sorted(file.name for file in folder.iterdir()) == ["b-again-2.tw.yaml", "b.tw.yaml"]


def test_nothing_is_written_over_and_nothing_to_write_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, folder = script(tmp_path, "a.pkt", WHOLE), str(tmp_path / "mine")
    assert main(["import", path, "--in", folder]) == ExitCode.CONFORMS
    assert main(["import", path, "--in", folder]) == ExitCode.USAGE
    assert "a.tw.yaml is there already: name another folder" in capsys.readouterr().err
    empty = script(tmp_path, "b.pkt", "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n")
    assert main(["import", empty, "--in", folder]) == ExitCode.NOTHING
    assert main(["import", str(tmp_path / "none.pkt")]) == ExitCode.USAGE


def test_whom_the_scripts_are_about_can_be_said(tmp_path: Path) -> None:
    path, folder = script(tmp_path, "a.pkt", WHOLE), tmp_path / "mine"
    assert main(["import", path, "--in", str(folder), "--profile", "linux-6.1*"]) == 0
    assert (
        "profiles: [linux-6.1, linux-6.12, linux-6.14, linux-6.18]"
        in (folder / "a.tw.yaml").read_text()
    )


def test_a_case_is_written_as_a_script(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, mine, out = script(tmp_path, "late-fin.pkt", WHOLE), tmp_path / "mine", tmp_path / "o.pkt"
    assert main(["import", path, "--in", str(mine)]) == ExitCode.CONFORMS
    asked = ["export", "late-fin", str(mine), "--profile", "linux"]
    assert main(asked) == main([*asked, "-o", str(out)]) == ExitCode.CONFORMS
    assert capsys.readouterr().out.endswith(out.read_text())
    assert out.read_text().endswith("+0.2 < F. 1:1(0) ack 2 win 9\n+0 > . 2:2(0) ack 2\n")


def test_a_case_that_is_not_there_or_is_several_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, mine = script(tmp_path, "late-fin.pkt", WHOLE), str(tmp_path / "mine")
    assert main(["import", path, "--in", mine]) == ExitCode.CONFORMS
    assert main(["export", "late-fn", mine]) == ExitCode.USAGE
    assert "no case 'late-fn'; did you mean 'late-fin'?" in capsys.readouterr().err
    no_block = str(bundled_cases() / "no-block")
    assert main(["export", "listener-drops", no_block]) == ExitCode.USAGE
    assert "listener-drops is 8 cases: name one, such as 'listener-drops[" in (
        capsys.readouterr().err
    )
