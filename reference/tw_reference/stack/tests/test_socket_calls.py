"""bind(), connect() and setsockopt() of a host's processes."""

from __future__ import annotations

import pytest

from tw_reference.conftest import PORT, MakeWait, make_host
from tw_reference.stack.host import CallError, Host


def refused(call: str, host: Host, **options: int) -> str:
    with pytest.raises(CallError) as refusal:
        getattr(host, call)(PORT, **options)
    return refusal.value.error


@pytest.mark.parametrize("profile", ["linux-6.18", "freebsd-15", "rfc9293"])
def test_a_port_that_somebody_listens_on_is_in_use(profile: str) -> None:
    host = make_host(profile)
    assert refused("bind", host, reuse_address=True, reuse_port=True) == "EADDRINUSE"
    host.unlisten(PORT)
    host.bind(PORT)


def test_options_are_of_a_socket_that_a_process_holds(time_wait: MakeWait) -> None:
    wait = time_wait("linux-6.18")
    with pytest.raises(CallError) as refusal:
        wait.host.set_options(wait.flow.reverse, ttl=1)
    assert refusal.value.error == "EBADF", "close() gave the descriptor back"


def test_a_block_remembers_whether_its_port_was_bound(time_wait: MakeWait) -> None:
    wait = time_wait("linux-6.18", timestamps=True)
    assert wait.block.port_was_bound, "a listener's is"
