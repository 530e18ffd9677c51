"""Which decision answered: not the ACK's limit, not a listener behind a block, not a state in
which processing only went on."""

from __future__ import annotations

import pytest

from tw_reference import segment as tcp
from tw_reference.conftest import make_time_wait
from tw_reference.rules.deciding import deciding

FIN_ACK = tcp.FIN | tcp.ACK


def decided(profile: str, flags: int, seq: int = 0, ack: int = 0, *, stop: str) -> str:
    wait = make_time_wait(profile, stop=stop)
    wait.host.trace.clear()
    wait.send(flags, seq, ack)
    decision = deciding(list(wait.host.trace))
    assert decision is not None
    return decision.rule.id


@pytest.mark.parametrize(
    ("profile", "flags", "seq", "stop", "rule"),
    [
        ("linux-6.18", tcp.ACK, -1, "TIME-WAIT", "linux.ack-restart"),
        ("linux-6.18", tcp.SYN, 1, "TIME-WAIT", "linux.syn-reopen"),
        ("rfc9293", tcp.ACK, 0, "FIN-WAIT-1", "rfc9293.conn-nothing-more"),
        ("rfc9293", FIN_ACK, 0, "FIN-WAIT-1", "rfc9293.fin-wait-2-fin"),
        ("rfc9293", tcp.RST, 1, "FIN-WAIT-1", "rfc9293.conn-rst-challenge"),
        ("linux-2.6.32", tcp.RST, 1, "FIN-WAIT-1", "linux.old-rst"),
        ("freebsd-10", tcp.RST, 1, "FIN-WAIT-1", "freebsd.conn-rst-about"),
        ("freebsd-10", FIN_ACK, 0, "FIN-WAIT-2", "freebsd.fin-wait-2-fin-owed"),
    ],
)
def test_the_decision_that_answered(
    profile: str, flags: int, seq: int, stop: str, rule: str
) -> None:
    assert decided(profile, flags, seq, stop=stop) == rule


def test_nothing_arrived_and_nothing_decided() -> None:
    assert deciding([]) is None
