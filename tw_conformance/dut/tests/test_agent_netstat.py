"""The agent's reading of netstat(1) as FreeBSD and macOS print it.

The lines are of the form that both are seen to print in public reports; addresses are exchanged.
"""

from __future__ import annotations

import pytest

from tw_conformance.dut.agent import FourTuple, NetstatTable

LISTED = """\
Active Internet connections (including servers)
Proto Recv-Q Send-Q  Local Address             Foreign Address           (state)
tcp4       0      0  192.0.2.20.13          192.0.2.9.20001        TIME_WAIT
tcp4       0      0  192.0.2.20.13          192.0.2.9.20002        FIN_WAIT_2
tcp4       0      0  192.0.2.20.13          192.0.2.9.2000         SYN_RCVD
tcp4       0  32768  192.0.2.20.22          192.0.2.9.51000        ESTABLISHED
tcp6       0      0  2001:db8::20.13        2001:db8::9.20001      CLOSING
tcp6       0      0  fe80::1%lo0.13         fe80::9%lo0.20001      LAST_ACK
tcp46      0      0  *.13                   *.*                    LISTEN
udp4       0      0  *.68                   *.*
"""

FREEBSD = """\
Active Internet connections (including servers)
Proto Recv-Q Send-Q Local Address          Foreign Address        (state)
tcp4       0      0 192.0.2.20.13          192.0.2.9.20001        TIME_WAIT
tcp4       0      0 192.0.2.20.13          192.0.2.9.20003        CLOSED
tcp6       0      0 *.22                   *.*                    LISTEN
"""


@pytest.mark.parametrize(
    ("local", "local_port", "peer", "peer_port", "state"),
    [
        ("192.0.2.20", 13, "192.0.2.9", 20001, "TIME-WAIT"),
        ("192.0.2.20", 13, "192.0.2.9", 20002, "FIN-WAIT-2"),
        ("192.0.2.20", 13, "192.0.2.9", 2000, "SYN-RECEIVED"),
        ("192.0.2.20", 22, "192.0.2.9", 51000, "ESTABLISHED"),
        ("2001:db8::20", 13, "2001:db8::9", 20001, "CLOSING"),
        ("fe80::1", 13, "fe80::9", 20001, "LAST-ACK"),
        ("192.0.2.20", 13, "192.0.2.9", 20009, "CLOSED"),
        ("192.0.2.2", 13, "192.0.2.9", 20001, "CLOSED"),
    ],
)
def test_macos(local: str, local_port: int, peer: str, peer_port: int, state: str) -> None:
    row = NetstatTable().find_in(LISTED, FourTuple(local, local_port, peer, peer_port))
    assert (row.state, row.remaining) == (state, None)


@pytest.mark.parametrize(("port", "state"), [(20001, "TIME-WAIT"), (20003, "CLOSED")])
def test_freebsd(port: int, state: str) -> None:
    row = NetstatTable().find_in(FREEBSD, FourTuple("192.0.2.20", 13, "192.0.2.9", port))
    assert row.state == state
