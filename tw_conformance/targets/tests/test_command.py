"""A userspace stack's process, watched."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from typing import NoReturn

import pytest

from tw_conformance.model.errors import TargetError
from tw_conformance.targets.network.cmd import Stack
from tw_conformance.targets.network.last_words import LastWords


def test_a_command_that_ends_is_noticed_at_once() -> None:
    """Not only when what is waited for meanwhile is given up: here that never is."""

    async def for_ever() -> NoReturn:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async def scenario() -> None:
        heard, said = socket.socketpair()
        with said:
            words = await LastWords.of(heard)
            process = subprocess.Popen(
                ["sh", "-c", "echo no device >&2; exit 3"], stderr=said.fileno()
            )
        stack = Stack(process, words)
        with pytest.raises(TargetError, match=r"ended with status 3, .*: no device"):
            await stack.unless_it_ends(for_ever())
        await stack.forget()

    asyncio.run(scenario())
