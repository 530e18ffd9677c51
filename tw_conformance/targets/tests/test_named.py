"""A file of targets: what it gives names to, and where its faults are."""

from __future__ import annotations

from pathlib import Path

import pytest

from tw_conformance.link.access import Access
from tw_conformance.model.errors import CaseError, UsageError
from tw_conformance.plugin.options import choose, describe, make_roster
from tw_conformance.targets.named import load_targets

KNOWN = ("reference", "netns", "uml", "all")

LAB = """\
build-box:
  target: ssh://root@192.0.2.20
  profile: freebsd-15
  tester_ip: [192.0.2.99, "2001:db8::99"]
  settings: {msl: 5000}
  rate: 50
printer:
  target: 192.0.2.30:9100
  profile: linux-6.1
  source_ip: true
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "targets.yaml"
    file.write_text(text)
    return file


def test_targets_get_names(tmp_path: Path) -> None:
    roster = make_roster(str(write(tmp_path, LAB)), {})
    locator = roster.locator("build-box")
    assert locator is not None
    assert (locator.kind, locator.host, locator.detail) == ("ssh", "192.0.2.20", "root")
    assert roster.access("build-box") == Access(
        tester_ips=("192.0.2.99", "2001:db8::99"), settings={"msl": 5000}, rate=50
    )
    assert roster.access("printer").borrow


def test_without_a_name_all_of_the_file_are_meant(tmp_path: Path) -> None:
    roster = make_roster(str(write(tmp_path, LAB)), {})
    chosen = choose([], [], roster)
    assert [(choice.target, choice.profile) for choice in chosen] == [
        ("build-box", "freebsd-15"),
        ("printer", "linux-6.1"),
    ]


def test_the_command_line_goes_before_the_file(tmp_path: Path) -> None:
    roster = make_roster(str(write(tmp_path, LAB)), {"rate": 5.0})
    assert roster.access("build-box").rate == 5.0
    (choice,) = choose(["build-box"], ["linux"], roster)
    assert choice.profile == "linux-6.18"


def test_a_file_may_name_a_release(tmp_path: Path) -> None:
    text = "box:\n  target: ssh://192.0.2.20\n  profile: freebsd-14.3\n"
    roster = make_roster(str(write(tmp_path, text)), {})
    chosen = choose([], [], roster)
    assert describe(chosen, roster) == [
        "target box: held to freebsd-14",
        "freebsd-14.3 is held to freebsd-14: its version",
    ]


def test_a_place_without_a_profile_asks_for_one() -> None:
    with pytest.raises(UsageError, match="--profile"):
        choose(["192.0.2.20"], [])


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("box:\n  target: ssh:box\n", "2:11: 'ssh:box': write ssh://HOST"),
        ("box:\n  target: ssh://\n", "2:11: 'ssh://': write ssh://HOST"),
        ("box:\n  target: ssh://root@\n", "2:11: 'ssh://root@': write ssh://HOST"),
        ("box:\n  target: netn\n", "2:11: no target 'netn'; did you mean 'netns'?"),
        (
            "box:\n  target: netns\n  profil: linux\n",
            "3:3: no key 'profil'; did you mean 'profile'?",
        ),
        ("box:\n  target: netns\n  profile: linus\n", "3:12: no profile 'linus'; did you mean"),
        ("box:\n  target: netns\n  profile: linux-2.4\n", "3:12: no profile 'linux-2.4': 2.4 is"),
        ("box:\n  target: netns\n  rate: fast\n", "3:9: rate is a number"),
        ("box:\n  target: netns\n  tester_ip: [1, 2]\n", "3:14: tester_ip is an address"),
        ("box:\n  target: netns\n  settings: [1]\n", "3:13: settings are NAME: NUMBER"),
        ("box: netns\n", "1:6: a target needs the key «target»"),
        ("- netns\n", "1:1: write NAME: {target: ...}"),
        ("netns: {target: netns}\n", "1:1: there is a target netns already"),
        ("box: {target: netns}\nbox: {target: uml}\n", "2:1: key 'box' stands twice"),
        ("box:\n  target: netns\n  tester_ip: 1.2.3\n", "2:3: --tester-ip 1.2.3: no IPv4"),
    ],
)
def test_faults_have_a_place(tmp_path: Path, text: str, fault: str) -> None:
    file = write(tmp_path, text)
    with pytest.raises(CaseError) as error:
        load_targets(file, KNOWN)
    assert f"{file}:{fault}" in str(error.value)


def test_every_fault_is_said_at_once(tmp_path: Path) -> None:
    file = write(tmp_path, "a: {target: netn}\nb: {target: netns, rate: fast}\n")
    with pytest.raises(CaseError) as error:
        load_targets(file, KNOWN)
    assert len(error.value.faults) == 2


@pytest.mark.parametrize("text", ["", "# nothing yet\n"])
def test_a_file_without_targets_is_said(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match="names no target"):
        load_targets(write(tmp_path, text), KNOWN)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't be read"):
        load_targets(tmp_path / "none.yaml", KNOWN)
