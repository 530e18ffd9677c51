from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw_conformance.model.errors import CaseError
from tw_conformance.notation.packetdrill.parse import read_script
from tw_conformance.notation.packetdrill.script import (
    ELLIPSIS,
    Clock,
    Code,
    Command,
    Foreign,
    IcmpPacket,
    IpFields,
    Number,
    Option,
    Struct,
    SysCall,
    TcpPacket,
    Time,
)
from tw_conformance.notation.packetdrill.tests.scripts import PASSIVE, STAMPED, TO_TIME_WAIT
from tw_reference.segment import ACK, CWR, ECE, FIN, SYN

FILE = Path("a.pkt")


def action(line: str) -> object:
    (event,) = read_script(f"+0 {line}\n", FILE).events
    return event.action


def test_a_segment_says_flags_numbers_window_and_options_in_their_order() -> None:
    packet = action("< S. 0:0(0) ack 1 win 1000 <mss 1460,nop,wscale 7,TS val 1 ecr 2>")
    assert packet == TcpPacket(
        inbound=True,
        flags=SYN | ACK,
        seq=Number(0),
        length=0,
        ack=Number(1),
        window=1000,
        options=(
            Option("mss", (1460,)),
            Option("nop"),
            Option("wscale", (7,)),
            Option("TS", (1, 2)),
        ),
    )


@pytest.mark.parametrize(
    ("line", "options"), [("> . 1:1(0) ack 1", ()), ("> . 1:1(0) ack 1 <...>", None)]
)
def test_no_list_and_any_list_are_two_things(line: str, options: object) -> None:
    packet = action(line)
    assert isinstance(packet, TcpPacket)
    assert packet.options == options


def test_numbers_may_be_any_absolute_and_at_the_wrap() -> None:
    one, two, three = (
        action("> S. ...(0) ack 5"),
        action("> R. 0:0(0)! ack 7!"),
        action("< . 4294967295:0(1) ack 1 win 1"),
    )
    assert isinstance(one, TcpPacket)
    assert one.seq is None
    assert isinstance(two, TcpPacket)
    assert (two.seq, two.ack) == (Number(0, absolute=True), Number(7, absolute=True))
    assert isinstance(three, TcpPacket)
    assert three.length == 1


def test_flags_may_be_none_spaced_and_of_ecn() -> None:
    flags = [p.flags for line in ("< - 1:1(0) win 1", "< F  . 1:1(0) ack 1 win 1", "> SEW 0:0(0)")
             if isinstance(p := action(line), TcpPacket)]  # fmt: skip
    assert flags == [0, FIN | ACK, SYN | ECE | CWR]


def test_the_ip_header_is_said_in_either_bracket() -> None:
    one, two = (
        action("< [ect0] . 1:1(0) ack 1 win 1"),
        action("> (tos 0x10, ttl 64) . 1:1(0) ack 1"),
    )
    assert isinstance(one, TcpPacket)
    assert one.ip == IpFields(ecn=2)
    assert isinstance(two, TcpPacket)
    assert two.ip == IpFields(tos=0x10, ttl=64)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("+.25", Time(Clock.RELATIVE, 0.25)),
        ("1.5", Time(Clock.ABSOLUTE, 1.5)),
        ("*", Time(Clock.ANY)),
        ("+.2~+.3", Time(Clock.RELATIVE, 0.2, 0.3)),
        ("1~2", Time(Clock.ABSOLUTE, 1, 2)),
    ],
)
def test_times(text: str, time: Time) -> None:
    (event,) = read_script(f"{text} > . 1:1(0) ack 1", FILE).events
    assert event.time == time


def test_a_call_has_arguments_of_every_kind() -> None:
    call = action("setsockopt(4, SOL_SOCKET, SO_LINGER, {onoff=1, linger=0}, 8) = 0")
    assert call == SysCall(
        "setsockopt",
        (4, "SOL_SOCKET", "SO_LINGER", Struct((("onoff", 1), ("linger", 0))), 8),
        0,
    )
    refused = action("connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)")
    assert refused == SysCall("connect", (3, ELLIPSIS, ELLIPSIS), -1, "EINPROGRESS")
    blocking = read_script("+.1...0.2 read(4, ..., 9) = 9", FILE).events[0]
    assert blocking.time.until == 0.2


def test_commands_code_icmp_and_what_is_not_tcps() -> None:
    assert action("`sleep 1`") == Command("sleep 1")
    assert action("%{ assert tcpi_state == 6 }%") == Code("assert tcpi_state == 6")
    assert action("< icmp unreachable frag_needed mtu 600 [1:1(0)]") == IcmpPacket(
        True, "unreachable", "frag_needed", 600, 1
    )
    assert action("< sctp: INIT[flgs=0, tag=1]") == Foreign(True, "sctp")


def test_options_of_the_script_come_first_and_a_definition_is_a_word() -> None:
    script = read_script(
        "--ip_version=ipv6\n--define=AMOUNT=100\n0 read(4, ..., AMOUNT) = AMOUNT", FILE
    )
    assert script.option("ip_version") == "ipv6"
    assert isinstance(script.events[0].action, SysCall)
    assert script.events[0].action.returns == 100


def test_ifdef_chooses_lines_and_keeps_their_numbers() -> None:
    text = "0 `a`\n#ifdef Linux\n+0 `b`\n#endif\n+0 `c`\n"
    both, one = read_script(text, FILE, {"Linux"}), read_script(text, FILE)
    assert [event.place.line for event in both.events] == [1, 3, 5]
    assert [event.place.line for event in one.events] == [1, 5]
    assert one.symbols == {"Linux"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0 < S 0:0(0) win 1 <msss 1>", "1:21: expected an option: eol, nop, mss,"),
        ("0 < S 0:0(0) win 1 <msss 1>", "not 'msss'; did you mean 'mss'?"),
        ("0 clse 3 = 0", "1:3: expected a packet (< or >), a socket call,"),
        ("0 clse 3 = 0", "not 'clse'; did you mean 'close'?"),
        ("0 socket(...) = 3\n+0 > S 0:5(0)", "2:8: expected 0:0(0): they don't add up"),
        ("0 < SX 0:0(0) win 1", "1:5: expected the flags of a segment, letters of ., F, S, R,"),
        ("0 < . 1:1(0) ack 1 win 70000", "expected a window of at most 65535, not '70000'"),
        ("0 < . 1:1(0) ack 1 win 1 <...>", "<...> is for what the DUT sends alone"),
        ("* < . 1:1(0) ack 1 win 1", "1:1: expected a time: * is for what the DUT sends alone"),
        ("close(3) = 0", "1:1: expected the time of an event, as in +.1, 0.5 or *, not 'close'"),
        ("0 close(3", "expected , or the end of the arguments, and the script ends"),
        ("0 close(3) 0", "1:12: expected = and what close() returns, not '0'"),
        ("2~1 > . 1:1(0) ack 1", "the end of a range of times, which comes before its beginning"),
        ("#ifdef\n", "1:1: expected a name after #ifdef"),
        ("#endif\n", "1:1: expected #ifdef before this #endif"),
        ("#ifdef A\n#ifdef B\n#endif", "2:1: expected #endif of 'A' before another #ifdef"),
        ("0 `a`\n#ifdef A\n", "2:1: expected #endif for #ifdef A, and the script ends"),
        ("0 > (ttll 5) . 1:1(0)", "not 'ttll'; did you mean 'ttl'?"),
        ("0 `sleep 1", "expected a command between backticks"),
        ("// " + 300_000 * "x", "1:1: this script is larger than 256 KiB"),
        ("--tolerance_usecs=\n", "expected a value of --tolerance_usecs"),
    ],
)
def test_a_fault_says_where_what_was_expected_and_the_nearest_word(text: str, said: str) -> None:
    with pytest.raises(CaseError) as error:
        read_script(text, FILE)
    assert said in str(error.value)
    assert str(error.value).startswith("a.pkt:")


WHOLE = STAMPED + TO_TIME_WAIT


def faults_of(text: str) -> int:
    """How many faults the text has: a script ends at the first."""
    try:
        read_script(text, FILE)
    except CaseError as error:
        return len(error.faults)
    return 0


@given(st.integers(0, len(WHOLE)), st.integers(0, 30), st.text(max_size=12))
def test_no_edit_of_a_script_gives_a_traceback(at: int, cut: int, put: str) -> None:
    assert faults_of(WHOLE[:at] + put + WHOLE[at + cut :]) <= 1


@given(st.text(alphabet="0123456789.+*~<>()[]{}`%#SFRP:,=-_ \n\tabcdefghAE\"'/|!", max_size=80))
def test_no_text_gives_a_traceback(text: str) -> None:
    assert faults_of(PASSIVE + text) <= 1
