from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw_conformance.model.errors import CaseError
from tw_conformance.notation.load import load_text
from tw_conformance.notation.packetdrill.cases import Imported, import_text
from tw_conformance.notation.packetdrill.remarks import Severity
from tw_conformance.notation.packetdrill.tests.scripts import (
    ACTIVE,
    PASSIVE,
    STAMPED,
    TO_TIME_WAIT,
)
from tw_conformance.notation.write import case_to_yaml

FILE = Path("a-script.pkt")


def imported(text: str) -> Imported:
    return import_text(text, FILE)


def steps(text: str) -> list[str]:
    """The lines behind ``steps:`` of the one case."""
    (case,) = imported(text).cases
    return [line.strip() for line in case_to_yaml(case).partition("steps:\n")[2].splitlines()]


def head(text: str) -> str:
    (case,) = imported(text).cases
    return case_to_yaml(case).partition("steps:\n")[0]


def lost(text: str) -> list[str]:
    return [f"{r.place.line}: {r.text}" for r in imported(text).remarks if r.kind is Severity.LOST]


def notes(text: str) -> str:
    return "\n".join(str(r) for r in imported(text).remarks if r.kind is Severity.NOTE)


# -- the state that the steps start from ---------------------------------------------------------


def test_a_handshake_that_a_listener_completes_is_the_state_established() -> None:
    said = head(PASSIVE + "+.1 < R 1:1(0) win 0\n")
    assert "reach: {state: ESTABLISHED, wscale: 3, mss: 1400}" in said


def test_a_connection_that_the_script_opens_is_opened_by_the_dut() -> None:
    said = head(ACTIVE + "+.1 < R 1:1(0) win 0\n")
    assert "reach: {state: ESTABLISHED, open: active, reuse_address: off}" in said


def test_a_handshake_that_goes_half_way_is_the_state_on_the_way() -> None:
    half = "\n".join(PASSIVE.splitlines()[:6]) + "\n+.1 < R 1:1(0) win 0\n"
    assert "state: SYN-RECEIVED" in head(half)
    opened = "\n".join(ACTIVE.splitlines()[:4]) + "\n+.1 < R. 0:0(0) ack 1 win 0\n"
    assert "state: SYN-SENT" in head(opened)
    assert steps(opened)[1] == "- send: {flags: RST|ACK, window: 0}"


def test_a_handshake_that_leaves_no_window_is_not_the_one_before_a_case() -> None:
    closed = ACTIVE.replace("ack 1 win 65535", "ack 1 win 0")
    assert "state: SYN-SENT" in head(closed)
    assert steps(closed)[1] == "- send: {flags: SYN|ACK, window: 0, mss: 1460}"
    assert steps(closed)[2].startswith("- expect: {flags: ACK, ")


def test_sack_is_offered_where_a_segment_has_blocks() -> None:
    answer = "+0 < . 9:10(1) ack 1 win 9 <nop,nop,TS val 600 ecr 900>\n+0 > . 1:1(0) ack 1 {}\n"
    blocks = STAMPED + answer.format("<nop,nop,TS val 900 ecr 600,nop,nop,sack 9:10>")
    assert "sack: on" in head(blocks)
    assert lost(blocks) == ["9: the edges of the SACK blocks are not asked for"]
    without = STAMPED + answer.format("<nop,nop,TS val 900 ecr 600>")
    assert "sack" not in head(without)
    assert "SACK is not offered: no segment here has blocks" in notes(without)


def test_numbers_count_from_the_isn_whatever_it_is() -> None:
    other = PASSIVE.replace("< S 0:0(0)", "< S 700:700(0)").replace(
        "S. 0:0(0) ack 1", "S. 0:0(0) ack 701"
    )
    step = "- send: {flags: RST, seq: rcv_nxt+1, window: 0}"
    assert step in steps(other + "+0 < R 2:2(0) win 0\n")
    assert "state: ESTABLISHED" in head(other + "+0 < R 2:2(0) win 0\n")


def test_nobody_listens_where_the_script_lets_nobody() -> None:
    text = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 < . 1:1(0) ack 9 win 5\n+0 > R 9:9(0)\n"
    assert steps(text) == [
        "- call: unlisten",
        "- send: {flags: ACK, seq: rcv_nxt+1, ack: snd_nxt+9, window: 5}",
        "- expect: {flags: RST, seq: snd_nxt+9, length: 0, options: none}",
    ]


# -- what happens --------------------------------------------------------------------------------


def test_the_numbers_are_the_duts_and_silence_is_said() -> None:
    assert steps(PASSIVE + TO_TIME_WAIT + "+0 < R 2:2(0) win 0\n") == [
        "- call: close",
        "- expect: {flags: FIN|ACK, seq: snd_nxt, ack: rcv_nxt, length: 0, options: none}",
        "- send: {flags: FIN|ACK, ack: snd_nxt+1, window: 65535}",
        "- expect: {flags: ACK, seq: snd_nxt+1, ack: rcv_nxt+1, length: 0, options: none}",
        "- send: {flags: RST, seq: rcv_nxt+1, window: 0}",
        "- expect: nothing",
    ]


def test_silence_lasts_until_the_next_time_and_not_within_one_moment() -> None:
    two = "+{gap} < . 1:1(0) ack 1 win 1\n+{gap} < . 2:2(0) ack 1 win 1\n+0 > . 1:1(0) ack 1\n"
    apart, together = PASSIVE + two.format(gap=".1"), PASSIVE + two.format(gap="0")
    assert "- expect: nothing" in steps(apart)
    assert "- expect: nothing" not in steps(together)


def test_time_that_passes_is_a_wait_and_an_answer_that_takes_time_must_not_be_early() -> None:
    text = PASSIVE + "+.2 < P. 1:11(10) ack 1 win 9\n+.3~+.4 > . 1:1(0) ack 11 <...>\n"
    assert steps(text) == [
        '- wait: "200ms"',
        "- send: {flags: PSH|ACK, window: 9, length: 10}",
        '- wait: "296ms"',
        "- expect: nothing",
        "- expect: {flags: ACK, seq: snd_nxt, ack: rcv_nxt+10, length: 0}",
        'within: "208ms"',
    ]


def test_text_may_be_acknowledged_late_and_the_tolerance_is_the_scripts() -> None:
    text = PASSIVE + "+0 < P. 1:11(10) ack 1 win 9\n+0 > . 1:1(0) ack 11 <...>\n"
    assert 'within: "500ms"' in steps(text)
    late = (
        "--tolerance_usecs=50000\n" + PASSIVE + "+0 < . 5:5(0) ack 1 win 9\n+.08 > . 1:1(0) ack 1\n"
    )
    assert steps(late)[1:] == [
        "- expect: {flags: ACK, seq: snd_nxt, ack: rcv_nxt, length: 0, options: none}",
        'within: "230ms"',
    ]


def test_timestamps_count_from_the_last_of_the_handshake() -> None:
    text = (
        STAMPED
        + "+0 < F. 1:1(0) ack 1 win 5 <nop,nop,TS val 590 ecr 900>\n"
        + ("+0 > . 1:1(0) ack 2 <nop,nop,TS val 900 ecr 600>\n+0 < R 2:2(0) win 5\n")
    )
    assert "timestamps: on" in head(text)
    assert steps(text) == [
        "- send: {flags: FIN|ACK, window: 5, tsval: ts_recent-10}",
        "- expect: {flags: ACK, seq: snd_nxt, ack: rcv_nxt+1, length: 0, tsecr: ts_recent, "
        'options: "NOP NOP TS"}',
        'within: "500ms"',
        "- send: {flags: RST, seq: rcv_nxt+1, window: 5, timestamps: absent}",
        "- expect: nothing",
    ]


def test_an_answer_of_another_incarnation_has_any_number() -> None:
    text = PASSIVE + TO_TIME_WAIT + "+.1 < S 9:9(0) win 9 <mss 9>\n+0 > S. ...(0) ack 10 <...>\n"
    assert steps(text)[-1] == "- expect: {flags: SYN|ACK, ack: rcv_nxt+9, length: 0}"


def test_the_ip_header_goes_along() -> None:
    text = PASSIVE + "+0 < [ect0] . 5:5(0) ack 1 win 9\n+0 > (tos 0x10, ttl 64) . 1:1(0) ack 1\n"
    assert steps(text)[0] == "- send: {flags: ACK, seq: rcv_nxt+4, window: 9, tos: 2}"
    assert "ttl: 64, tos: 16" in steps(text)[1]


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("unreachable host_prohibited", "host-prohibited"),
        ("unreachable code_10", "host-prohibited"),
        ("unreachable code_77", '"3/77"'),
        ("redirect code_1", "redirect-host"),
        ("time_exceeded code_1", "reassembly-time-exceeded"),
    ],
)
def test_icmp_is_known_by_name_and_by_code(words: str, error: str) -> None:
    assert steps(f"{PASSIVE}+0 < icmp {words} [1:1(0)]\n")[0] == (
        f"- send: {{icmp: {error}, quotes: snd_nxt}}"
    )


def test_icmp_is_about_a_segment_by_number() -> None:
    text = PASSIVE + "+0 < icmp unreachable frag_needed mtu 600 [1:1(0)]\n"
    assert steps(text)[0] == "- send: {icmp: fragmentation-needed, quotes: snd_nxt, mtu: 600}"


@pytest.mark.parametrize(
    ("line", "step"),
    [
        ("shutdown(4, SHUT_WR) = 0", ["- call: shutdown"]),
        ("shutdown(4, SHUT_RDWR) = 0", ["- call: {shutdown: both}"]),
        ("write(4, ..., 100) = 100", ["- call: {send: 100}"]),
        ("write(4, ..., 100) = -1 EPIPE (Broken pipe)", ["- call: {send: 100}", "gives: EPIPE"]),
        ("read(4, ..., 900) = 10", ["- call: {receive: 10}"]),
        ("read(4, ..., 900) = 0", ["- call: {receive: 1}", "gives: eof"]),
        ("read(4, ..., 900) = -1 EWOULDBLOCK (x)", ["- call: {receive: 1}", "gives: EAGAIN"]),
        ("close(3) = 0", ["- call: unlisten"]),
        ("getsockopt(4, SOL_SOCKET, SO_ERROR, [0], [4]) = 0", ["- call: error"]),
        (
            "getsockopt(4, SOL_SOCKET, SO_ERROR, [ECONNRESET], [4]) = 0",
            ["- call: error", "gives: ECONNRESET"],
        ),
        (
            "setsockopt(4, SOL_SOCKET, SO_LINGER, {onoff=1, linger=0}, 8) = 0",
            ["- call: {set: {linger: 0}}"],
        ),
        ("setsockopt(4, SOL_TCP, TCP_NODELAY, [1], 4) = 0", ["- call: {set: {nodelay: on}}"]),
        ("setsockopt(4, SOL_IPV6, IPV6_UNICAST_HOPS, [3], 4) = 0", ["- call: {set: {ttl: 3}}"]),
        ("sendmsg(4, {msg_iov(1)=[{..., 7}]}, 0) = 7", ["- call: {send: 7}"]),
        ("recvmsg(4, {msg_iov(1)=[{..., 7}]}, 0) = 0", ["- call: {receive: 1}", "gives: eof"]),
        ("`sockstat -4 -P tcp -s | grep x | grep -c TIME_WAIT | grep 1`", ["- state: TIME-WAIT"]),
        ("`ss -4 -n state FIN-WAIT-2 | grep :8080`", ["- state: FIN-WAIT-2"]),
        ("%{ assert tcpi_state == 6 }%", ["- state: TIME-WAIT"]),
        ("%{ assert tcpi_state == TCP_CLOSE_WAIT, tcpi_state }%", ["- state: CLOSE-WAIT"]),
        ("`sleep 2`", ['- wait: "2s"']),
    ],
)
def test_calls_and_commands(line: str, step: list[str]) -> None:
    text = PASSIVE + f"+0 {line}\n+.1 < R 1:1(0) win 0\n"
    assert [each for each in steps(text) if each not in _BEHIND][: len(step)] == step


_BEHIND = ("- expect: nothing", '- wait: "100ms"', "- send: {flags: RST, window: 0}")


# -- whom it is about ----------------------------------------------------------------------------


def test_sysctls_say_whose_script_it_is_and_what_to_set() -> None:
    said = head("0 `sysctl -w net.inet.tcp.insecure_rst=1`\n" + PASSIVE + "+.1 < R 1:1(0) win 0\n")
    assert "profiles: [freebsd-*]\nsettings: {insecure_rst: 1}" in said
    usual = '0 `sysctl -q net.ipv4.tcp_rfc1337=0 net.ipv4.tcp_wmem="1 2 3"`\n' + PASSIVE
    assert "profiles: [linux-*]\nreach:" in head(usual + "+.1 < R 1:1(0) win 0\n")
    assert "a-script.pkt:1:1: note: prologue: net.ipv4.tcp_wmem=1 2 3 is left" in notes(usual)


def test_each_line_of_a_command_sets_its_own() -> None:
    prologue = """`./defaults.sh
sysctl -q net.ipv4.tcp_sack=0  # no blocks
../common/set_sysctls.py \\
    /proc/sys/net/ipv4/tcp_timestamps=0 /proc/sys/net/ipv4/tcp_dsack=1`
"""
    text = prologue + PASSIVE + "+.1 < R 1:1(0) win 0\n"
    assert "settings: {sack: 0, timestamps: 0}" in head(text)
    assert "prologue: `./defaults.sh` is not run" in notes(text)
    assert "prologue: net.ipv4.tcp_dsack=1 is left to the DUT" in notes(text)


def test_a_setting_that_only_some_have_is_asked_of_those() -> None:
    said = head("0 `sysctl -w net.inet.tcp.insecure_syn=1`\n" + PASSIVE + "+.1 < R 1:1(0) win 0\n")
    assert "profiles: [freebsd-13.0, freebsd-13, freebsd-14.0, freebsd-14, freebsd-15]" in said


@pytest.mark.parametrize("kind", ["rst", "syn"])
def test_the_standard_without_rfc_5961_is_asked_where_freebsd_is_insecure(kind: str) -> None:
    sysctl = f"0 `sysctl -w net.inet.tcp.insecure_{kind}=1`\n"
    text = sysctl + PASSIVE + "+.1 < R 1:1(0) win 0\n#ifdef STANDARD\n+0 > . 1:1(0) ack 1\n#endif\n"
    (case,) = (case for case in imported(text).cases if case.profiles == ("rfc9293",))
    assert case.settings == {f"rfc5961_{kind}": 0, f"rfc5961_{kind}_before": 0}


BOTH = """\
+.1 < . 9:9(0) ack 1 win 9
#ifdef Linux
+0 > . 1:1(0) ack 1 win 5
#endif
#ifdef FreeBSD
+0 > . 1:1(0) ack 1 win 7
#endif
"""


def test_what_ifdef_tells_apart_is_by_profile() -> None:
    (case,) = imported(PASSIVE + BOTH).cases
    assert case.profiles == ("freebsd-*", "linux-*")
    assert steps(PASSIVE + BOTH)[-2:] == [
        "freebsd-*: {flags: ACK, seq: snd_nxt, ack: rcv_nxt, window: 7, length: 0, options: none}",
        "linux-*: {flags: ACK, seq: snd_nxt, ack: rcv_nxt, window: 5, length: 0, options: none}",
    ]


def test_readings_with_other_steps_are_cases_of_their_own() -> None:
    text = PASSIVE + BOTH.replace("win 7", "win 7\n+.1 < R 1:1(0) win 0")
    cases = imported(text).cases
    assert [(case.name, case.profiles) for case in cases] == [
        ("a-script-freebsd", ("freebsd-*",)),
        ("a-script-linux", ("linux-*",)),
    ]


# -- what can't be said --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("+0 < P. 1:5001(5000) ack 1 win 9\n", "9: 5000 octets are several segments on the wire"),
        ("+0 > P. 1:5001(5000) ack 1 urg 1\n", "9: 5000 octets are several segments on the wire"),
        ("+0 poll([{fd=4}], 1, 0) = 1\n+0 < R 1:1(0) win 0\n", "9: poll() is not made"),
        ("+0 `sysctl -w net.ipv4.tcp_rfc1337=1`\n+0 < R 1:1(0) win 0\n", "rfc1337 can't change"),
        ("+0 `date`\n+0 < R 1:1(0) win 0\n", "9: this is not run: no case can say what it asks"),
        ("+0 > [ect01] . 1:1(0) ack 1\n", "9: whether it is ECT(0) or ECT(1) is not asked"),
        ("+0 < . 1:1(0) ack 1 win 9 <md5 00>\n", "9: a segment with the option md5 can't be said"),
        ("+0 > R. 7:7(0)! ack 7\n", "9: 7! is a number of no connection's"),
        ("+0 < icmp timestamp_reply [1:1(0)]\n", "9: no case has the ICMP error timestamp_reply"),
        (
            "+0 < icmp unreachable code_256 [1:1(0)]\n",
            "9: no case has the ICMP error unreach",
        ),
        (
            "+0 < icmp echo_reply code_1 [1:1(0)]\n",
            "9: no case has the ICMP error echo_r",
        ),
        ("+0 recv(4, ..., 9, MSG_PEEK) = 9\n+0 < R 1:1(0) win 0\n", "9: recv() with MSG_PEEK"),
        ("+0 send(4, ..., 9, MSG_MORE) = 9\n", "9: send() with MSG_MORE is not made"),
        ("+0 connect(5, ..., ...) = 0\n", "9: connect() of another socket: a case has one"),
    ],
)
def test_what_no_case_can_say_is_named_with_its_line(text: str, said: str) -> None:
    found = lost(PASSIVE + text)
    assert any(line.startswith(said) or said in line for line in found), found


@pytest.mark.parametrize(
    ("before", "said"),
    [
        ("`sysctl -q net.ipv4.tcp_rto_max_ms=1000`\n", "1: prologue: net.ipv4.tcp_rto_max_ms=1000"),
        ('`sysctl -q net.ipv4.tcp_rmem="1 2 3"`\n', "1: prologue: net.ipv4.tcp_rmem=1 2 3 can't"),
        ("`ip route change 192.0.2.1 dev tun0 mtu lock 640`\n", "1: prologue: `ip route change"),
        ("`sysctl -w kern.x=1`\n+0 `sysctl -w kern.x=2`\n", "2: prologue: kern.x=2 can't be had"),
    ],
)
def test_without_what_its_segments_show_a_script_is_no_case(before: str, said: str) -> None:
    text = before + PASSIVE + "+.1 < R 1:1(0) win 0\n"
    assert imported(text).cases == ()
    assert lost(text)[0].startswith(said)


def test_an_option_that_no_case_has_ends_what_can_be_said_if_segments_show_it() -> None:
    before = "+0 setsockopt(3, SOL_TCP, {}, [1], 4) = 0\n+0 bind"
    assert imported(PASSIVE.replace("+0 bind", before.format("TCP_FASTOPEN"))).cases == ()
    text = PASSIVE + "+0 setsockopt(4, SOL_TCP, {}, [1], 4) = 0\n" + TO_TIME_WAIT
    assert "9: 4 more events were left out" in lost(text.format("TCP_CORK"))
    assert lost(text.format("TCP_INQ")) == [
        "9: setsockopt() of TCP_INQ is not made: no case has it"
    ]
    assert "- call: close" in steps(text.format("TCP_INQ"))


def test_accecn_is_said_by_its_bit_in_a_segment_and_not_of_a_connection() -> None:
    text = PASSIVE + "+0 < SA. 0:0(0) ack 1 win 9\n+0 > .5 1:1(0) ack 1\n"
    assert steps(text)[0] == "- send: {flags: SYN|ACK, seq: rcv_nxt-1, window: 9, reserved: 1}"
    assert "flags: ACK|ECE" in steps(text)[1]
    assert "reserved: 1" in steps(text)[1]
    asked = ACTIVE.replace("> S 0:0(0)", "> SEWA 0:0(0)")
    assert lost(asked) == ["4: no connection here asks for AccECN"]


def test_a_syn_of_the_duts_that_no_connect_opens_is_no_case() -> None:
    text = ACTIVE.splitlines()[0] + "\n+0 > S 0:0(0) <...>\n+.1 < R. 0:0(0) ack 1 win 0\n"
    assert lost(text) == ["2: no connect() here opens this, and no listener"]


def test_what_follows_something_that_cant_be_said_is_counted() -> None:
    text = PASSIVE + TO_TIME_WAIT + "+0 < . 1:1(0) ack 1 win 9 <md5 00>\n+0 > . 2:2(0) ack 2\n"
    assert "13: 1 more event was left out" in lost(text)
    assert not imported(text).whole


def test_a_script_without_a_packet_is_no_case() -> None:
    result = imported("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n")
    assert (result.cases, result.whole) == ((), False)


def test_what_may_be_answered_by_what_cant_be_said_is_left_out_too() -> None:
    text = PASSIVE + TO_TIME_WAIT + "+.1 < . 1:1(0) ack 1 win 9\n+0 > R. 7:7(0)! ack 7\n"
    assert steps(text)[-1].startswith("- expect: {flags: ACK, seq: snd_nxt+1")


def test_text_at_the_end_may_be_acknowledged() -> None:
    text = PASSIVE + "+.1 < P. 1:2(1) ack 1 win 9\n"
    any_ack = ["- expect: {any: [{flags: ACK}, nothing]}", 'within: "500ms"']
    assert steps(text)[-2:] == any_ack
    assert steps(text + "+0 ioctl(4, SIOCINQ, [1]) = 0\n")[-2:] == any_ack


def test_what_only_cleans_up_is_left_out() -> None:
    text = PASSIVE + TO_TIME_WAIT + "+0 close(3) = 0\n+0 `sysctl -w net.ipv4.tcp_rfc1337=0`\n"
    assert "unlisten" not in " ".join(steps(text))
    assert imported(text).whole


_LINES = st.sampled_from([
    *(PASSIVE + ACTIVE + STAMPED + TO_TIME_WAIT + BOTH).splitlines(),
    "+1 write(4, ..., 70000) = 70000", "+0 > P. 1:5001(5000) ack 1",
    "+.5 `sleep 1`", "+0 < S 5:5(0) win 1 <mss 7>",
    "* > . 1:1(0) ack 1", "+0 > R. 0:0(0)! ack 4294967295", "+0 < - 1:1(0) win 0",
    "+0 %{ assert tcpi_state == 99 }%", "+0 getsockopt(4, SOL_SOCKET, SO_ERROR, [5], [4]) = 0",
    "+0 setsockopt(4, SOL_IP, IP_TTL, [999], 4) = 0", "+0 `sysctl -w net.inet.tcp.msl=99`",
])  # fmt: skip


@given(st.lists(_LINES, max_size=14))
def test_any_order_of_events_gives_valid_cases_or_says_why_not(lines: list[str]) -> None:
    try:
        result = imported("\n".join(lines))
    except CaseError:
        return
    for case in result.cases:
        assert load_text(case_to_yaml(case), FILE) == [case]
    assert result.cases or not result.whole
