"""Leases of source ports: no two runs have one in common, whoever they belong to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tw_conformance.link.ports import NOT_TO_GROW_INTO, SHARES, SourcePortLease, real_user
from tw_conformance.model.errors import TargetError

PORTS = range(20000, 20000 + 16 * 100)


def test_two_leases_have_no_port_in_common(tmp_path: Path) -> None:
    one, other = SourcePortLease.take(PORTS, tmp_path), SourcePortLease.take(PORTS, tmp_path)
    assert set(one).isdisjoint(other)
    assert len(set(one)) == len(PORTS) // SHARES


def test_a_lease_that_may_grow_takes_the_shares_that_nobody_holds(tmp_path: Path) -> None:
    one = SourcePortLease.take(PORTS, tmp_path, grows=True)
    other = SourcePortLease.take(PORTS, tmp_path)
    families = iter(one), iter(one)
    first, second = ([next(ports) for _ in range(150)] for ports in families)
    assert first == second
    assert set(first).isdisjoint(other)
    grown = SHARES - NOT_TO_GROW_INTO - 1
    assert len(set(one)) == grown * len(PORTS) // SHARES
    one.close()
    assert len(set(SourcePortLease.take(PORTS, tmp_path))) == len(PORTS) // SHARES


def test_leases_that_have_grown_as_far_as_they_may_leave_room_for_others(tmp_path: Path) -> None:
    growing = [SourcePortLease.take(PORTS, tmp_path, grows=True) for _ in range(2)]
    held = {port for lease in growing for port in lease}
    others = [SourcePortLease.take(PORTS, tmp_path) for _ in range(NOT_TO_GROW_INTO)]
    assert held.isdisjoint(port for lease in others for port in lease)
    with pytest.raises(TargetError, match=f"hold all {SHARES} shares of source ports"):
        SourcePortLease.take(PORTS, tmp_path)


def test_the_next_run_goes_on_where_the_last_one_stopped(tmp_path: Path) -> None:
    first = SourcePortLease.take(PORTS, tmp_path)
    used = [port for port, _ in zip(first, range(10), strict=False)]
    first.close()
    second = SourcePortLease.take(PORTS, tmp_path)
    assert next(iter(second)) not in used
    assert sorted(second) == sorted(first.ports)


def test_no_lease_left_is_said(tmp_path: Path) -> None:
    leases = [SourcePortLease.take(PORTS, tmp_path) for _ in range(SHARES)]
    with pytest.raises(TargetError, match="fewer workers"):
        SourcePortLease.take(PORTS, tmp_path)
    for lease in leases:
        lease.close()


@pytest.mark.parametrize(
    ("uid_map", "user"),
    [
        ("         0          0 4294967295\n", os.getuid()),
        (f"         {os.getuid()}       1000          1\n", 1000),
        (f"  {os.getuid() + 1} 7 1\n         0     100000      65536\n", 100000 + os.getuid()),
        ("", os.getuid()),
    ],
)
def test_the_user_is_the_one_outside_the_namespace(tmp_path: Path, uid_map: str, user: int) -> None:
    (tmp_path / "uid_map").write_text(uid_map)
    assert real_user(tmp_path / "uid_map") == user


def test_where_no_namespaces_are_the_user_is_the_user(tmp_path: Path) -> None:
    assert real_user(tmp_path / "no-such-file") == os.getuid()


def test_a_folder_that_others_may_write_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "locks"
    folder.mkdir()
    folder.chmod(0o770)
    with pytest.raises(TargetError, match=r"may be written by others .* TMPDIR"):
        SourcePortLease.take(PORTS, folder)


def test_a_folder_that_somebody_else_owns_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    with pytest.raises(TargetError, match="not a folder of this user's own"):
        SourcePortLease.take(PORTS, tmp_path)


def test_a_symbolic_link_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "locks").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(TargetError, match="not a folder of this user's own"):
        SourcePortLease.take(PORTS, tmp_path / "locks")


@pytest.mark.parametrize("obstacle", ["file", "missing/locks"])
def test_what_keeps_from_locking_is_a_sentence(tmp_path: Path, obstacle: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TargetError, match=r"source ports can't be leased in .* TMPDIR"):
        SourcePortLease.take(PORTS, tmp_path / obstacle)


def test_a_lock_file_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / f"lane-{PORTS.start}-0").symlink_to(tmp_path / "victim")
    with pytest.raises(TargetError, match="source ports can't be leased"):
        SourcePortLease.take(PORTS, tmp_path)
    assert not (tmp_path / "victim").exists()
