"""One segment in one line: what it means, and what is said of a word that means nothing."""

from __future__ import annotations

import pytest

from tw_conformance.notation.stimulus import StimulusError, parse
from tw_reference import segment as tcp
from tw_reference.profiles import PROFILES
from tw_reference.rules import stages

LINUX = PROFILES["linux-6.18"]


def fired(text: str) -> str:
    """The rule that decides first, under Linux."""
    return parse(text, LINUX.settings).explain(LINUX).passages[0].fired.id


def test_what_is_left_out_is_what_a_peer_would_send() -> None:
    explanation = parse("PSH|ACK", ()).explain(LINUX)
    segment, variables = explanation.segment, explanation.variables
    assert segment.flags == tcp.PSH | tcp.ACK
    assert (segment.seq, segment.ack) == (variables["rcv_nxt"], variables["snd_nxt"])
    assert segment.timestamps is None
    assert segment.payload == b""


def test_numbers_are_the_hosts_own_variables() -> None:
    segment = parse("ACK seq=rcv_nxt+2 ack=snd_nxt-1 length=3", ()).explain(LINUX)
    variables = segment.variables
    assert segment.segment.seq - variables["rcv_nxt"] == 2
    assert variables["snd_nxt"] - segment.segment.ack == 1
    assert len(segment.segment.payload) == 3


@pytest.mark.parametrize(
    ("tsval", "offset"), [("newer", 1000), ("older", -1), ("same", 0), ("ts_recent+7", 7)]
)
def test_a_tsval_brings_timestamps_with_it(tsval: str, offset: int) -> None:
    explanation = parse(f"ACK tsval={tsval}", ()).explain(LINUX)
    stamps = explanation.segment.timestamps
    assert stamps is not None
    assert stamps.tsval - explanation.variables["ts_recent"] == offset
    assert explanation.before.ts_recent == explanation.variables["ts_recent"] != 0


def test_an_absent_tsval_is_absent_from_a_connection_with_timestamps() -> None:
    explanation = parse("ACK tsval=absent", ()).explain(LINUX)
    assert explanation.segment.timestamps is None
    assert explanation.before.ts_recent


def test_timestamps_are_the_connections_unlike_the_setting_of_that_name() -> None:
    assert parse("ACK timestamps=on", ()).explain(LINUX).segment.timestamps is not None
    assert parse("ACK timestamps=off tsval=5", ()).explain(LINUX).before.ts_recent == 0


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("RST seq=rcv_nxt", "linux.rst-kill"),
        ("RST seq=rcv_nxt rfc1337=1", "linux.rst-1337"),
        ("SYN seq=rcv_nxt+1 listener=no", "linux.syn-no-listener"),
        ("none seq=rcv_nxt", "linux.bare-ack"),
        ("ACK age=70", "linux.listen-ack"),
        ("ACK age=2.5msl", "linux.listen-ack"),
        ("RST state=FIN-WAIT-2", "linux.fw2-rst"),
    ],
)
def test_situations(text: str, rule: str) -> None:
    assert fired(text) == rule


def test_a_recent_ack_and_a_full_queue() -> None:
    limited = parse("ACK seq=rcv_nxt-1 last_ack=0.1", ()).explain(LINUX)
    assert limited.passages[-1].stage is stages.ACK_LIMIT
    assert limited.sent == ()
    full = parse("SYN seq=rcv_nxt+1 listener=full", ()).explain(LINUX)
    assert full.passages[-1].fired.id == "linux.listen-full"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "begins with its flags"),
        ("seq=rcv_nxt", "begins with its flags, such as RST or FIN|ACK, not 'seq=rcv_nxt'"),
        ("RTS", "unknown flag 'RTS'; did you mean 'RST'?"),
        ("FIN|AKC", "did you mean 'ACK'?"),
        ("RST sqe=rcv_nxt", "unknown word 'sqe'; did you mean 'seq'?"),
        ("RST rfc1377=1", "did you mean 'rfc1337'?"),
        ("RST seq=rcv_next", "did you mean 'rcv_nxt'?"),
        ("RST seq=rcv_nxt + 1", "'+' is not of the form key=value"),
        ("RST seq=", "seq= says nothing"),
        ("RST seq=5", "seq=5 is an absolute number: say it from rcv_nxt or snd_nxt"),
        ("RST seq=seg_seq", "seg_seq has no value, for no segment came before"),
        ("RST seq=rcv_nxt seq=rcv_nxt", "seq stands twice"),
        ("RST tsval=oldr", "did you mean 'older'?"),
        ("RST listener=nay", "listener=nay means nothing"),
        ("RST state=TIME-WAI", "did you mean 'TIME-WAIT'?"),
        ("RST length=-1", "length=-1: a whole number is meant"),
        ("RST rfc1337=on", "rfc1337=on: a whole number is meant, 0 to"),
        ("RST age=soon", "age=soon: unknown name 'soon'"),
        ("RST age=0", "say at least 1ms"),
        ("RST age=1s-1msl", "age=1s-1msl: 1s-1msl is -29 s, a time before now"),
    ],
)
def test_what_means_nothing_is_answered_with_the_nearest_word(text: str, said: str) -> None:
    with pytest.raises(StimulusError) as error:
        fired(text)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_setting_of_another_stack() -> None:
    stimulus = parse("RST rfc1337=1", ("rfc1337",))
    freebsd = PROFILES["freebsd-10"]
    assert not stimulus.suits(freebsd)
    with pytest.raises(StimulusError, match="freebsd-10 has no setting 'rfc1337'"):
        stimulus.explain(freebsd)
