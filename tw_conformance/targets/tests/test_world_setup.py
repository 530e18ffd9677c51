"""Why no world can be had, in a sentence that says what to do."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable
from typing import NoReturn

import pytest

from tw_conformance.model.errors import TargetError
from tw_conformance.targets.kernel import world, world_setup
from tw_conformance.targets.kernel.world_setup import Impossible


def failing(error: OSError) -> Callable[..., NoReturn]:
    def fail(*_: object, **__: object) -> NoReturn:
        raise error

    return fail


@pytest.mark.parametrize("code", [errno.EPERM, errno.ENOSPC])
def test_forbidden_user_namespaces_name_the_sysctls(
    monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(world_setup, "unshare", failing(OSError(code, os.strerror(code))))
    with pytest.raises(Impossible, match=r"run as root.*apparmor.*unprivileged.*max_user"):
        world_setup.enter_own_namespaces()


def test_root_without_capabilities_is_told_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(world_setup, "unshare", failing(PermissionError(errno.EPERM, "no")))
    with pytest.raises(Impossible, match="CAP_SYS_ADMIN and CAP_NET_ADMIN"):
        world_setup.enter_own_namespaces()


def test_root_does_without_a_user_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    entered = []

    def unshare(flags: int) -> None:
        if flags & world_setup.CLONE_NEWUSER:
            raise PermissionError(errno.EPERM, "no")
        entered.append(flags)

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(world_setup, "unshare", unshare)
    world_setup.enter_own_namespaces()
    assert entered == [world_setup.CLONE_NEWNET]


def test_a_missing_ip_command_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", failing(FileNotFoundError(errno.ENOENT, "ip")))
    with pytest.raises(Impossible, match="install iproute2"):
        world_setup.run_ip("")


def test_what_ip_says_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = subprocess.CompletedProcess(["ip"], 1, "", "Error: Unknown device type.\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: refused)
    with pytest.raises(Impossible, match="Unknown device type"):
        world_setup.run_ip("")


def refusing(times: int) -> Callable[..., str]:
    """A start that fails so often before it does not."""
    left = iter([OSError(errno.EFAULT, "Bad address")] * times)

    def start(*_: object, **__: object) -> str:
        for error in left:
            raise error
        return "started"

    return start


@pytest.mark.parametrize("times", [0, 2])
def test_a_process_that_is_refused_for_a_moment_is_started(
    monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    monkeypatch.setattr(subprocess, "Popen", refusing(times))
    monkeypatch.setattr(world, "_BETWEEN_STARTS", (0.0, 0.0))
    assert str(world.spawn(["agent"], 0, 1)) == "started"


def test_a_process_that_can_not_be_started_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", refusing(3))
    monkeypatch.setattr(world, "_BETWEEN_STARTS", (0.0, 0.0))
    with pytest.raises(TargetError, match=r"no world for the DUT: .*Bad address"):
        world.spawn(["agent"], 0, 1)
