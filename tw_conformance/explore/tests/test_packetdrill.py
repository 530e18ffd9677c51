"""What the reference plays of the bundled cases, as scripts, and these as cases again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tw_conformance.explore.packetdrill import exported
from tw_conformance.model.case import Case
from tw_conformance.model.errors import SuiteError
from tw_conformance.notation.bundled import bundled_cases
from tw_conformance.notation.load import load_text
from tw_conformance.notation.packetdrill.cases import import_text
from tw_conformance.notation.packetdrill.export import Refused
from tw_conformance.notation.packetdrill.parse import read_script
from tw_conformance.play.tests.scripted import EACH_FIELD
from tw_reference.profiles import PROFILES

LINUX = PROFILES["linux-6.18"]
FILE = Path("exported.pkt")


def a_case(steps: str, reach: str = "{}", profiles: str = "[linux-*]", more: str = "") -> Case:
    head = f"case: a-case\ntitle: A title\ncites: [RFC 9293]\nprofiles: {profiles}\n{more}"
    return load_text(f"{head}reach: {reach}\nsteps:\n{steps}", Path("a.tw.yaml"))[0]


def bundled(name: str) -> list[Case]:
    file = next(
        file for file in bundled_cases().rglob("*.yaml") if f"case: {name}\n" in file.read_text()
    )
    return [case for case in load_text(file.read_text(), file) if case.name == name]


def packets(text: str) -> list[str]:
    """The lines about packets, but for the clocks' numbers, which are drawn."""
    stamps = re.compile(r"val \d+ ecr [1-9]\d*|val \d+")
    lines = (line.partition(" ")[2] for line in text.splitlines())
    return [stamps.sub("val", line) for line in lines if line[:1] in "<>"]


SILENT = "- send: {flags: RST, seq: rcv_nxt}\n- expect: nothing\n"


def test_numbers_count_from_0_and_the_service_closes_first() -> None:
    text = exported(a_case(SILENT, "{state: FIN-WAIT-2}"), LINUX)
    assert "+0 close(4) = 0\n+0 > F. 1:1(0) ack 1\n+0 < . 1:1(0) ack 2 win 65535\n" in text


def test_a_silence_at_the_end_is_followed_by_a_segment_that_is_answered() -> None:
    assert exported(a_case(SILENT), LINUX).endswith(
        "+0 < R 2:2(0) win 65535\n+1 < . 1:2(1) ack 2 win 65535\n+0 > R 2:2(0)\n"
    )
    opening = exported(a_case(SILENT, "{state: SYN-SENT, open: active}"), LINUX)
    assert opening.splitlines()[-1].startswith("+1 > S 0:0(0) <mss 1460")  # sent again


def test_a_burst_of_text_is_one_packet_as_the_kernel_hands_it_to_the_device() -> None:
    steps = "- call: {send: 2500}\n- expect: {flags: ACK}\n- expect: {flags: PSH|ACK}\n"
    text = exported(a_case(steps, "{state: ESTABLISHED}"), LINUX)
    assert text.endswith("+0 > P. 1:2501(2500) ack 1\n")


def test_states_timers_settings_and_calls_are_asked_as_linux_can() -> None:
    steps = (
        "- wait: 200ms\n- send: {flags: FIN|ACK, seq: rcv_nxt-1}\n- expect: ack\n"
        "- state: {is: TIME-WAIT, timer: restarted}\n"
    )
    text = exported(a_case(steps, more="settings: {rfc1337: 1}\n"), LINUX)
    assert "`sysctl -q -w net.ipv4.tcp_rfc1337=1`" in text
    assert "`ss -Htan state time-wait '( sport = :8080 or dport = :8080 )' | grep -q .`" in text
    assert 'left > "00001761"' in text  # 60 s less three quarters of 200 ms, in hundredths
    steps = "- call: {receive: 5}\n  gives: EAGAIN\n- call: {send: 5}\n- expect: {flags: PSH|ACK}\n"
    calls = exported(a_case(steps, "{state: ESTABLISHED}"), LINUX)
    assert "+0 read(4, ..., 5) = -1 EAGAIN (an error)\n+0 write(4, ..., 5) = 5\n" in calls


def said_of(fields: str) -> str:
    """The script of a case that sends a segment with these fields; why there is none."""
    reach = "{family: ipv6, timestamps: on}"
    try:
        return exported(a_case(f"- send: {{{fields}}}\n- expect: nothing\n", reach), LINUX)
    except Refused as refusal:
        return str(refusal)


@pytest.mark.parametrize(("field", "value"), EACH_FIELD.items())
def test_no_field_of_a_send_is_lost(field: str, value: str) -> None:
    flags = "" if field == "flags" else "flags: RST|ACK, "
    plain = said_of("flags: RST|ACK")
    assert plain == said_of("flags: RST|ACK")
    assert said_of(f"{flags}{field}: {value}") != plain


@pytest.mark.parametrize(
    ("steps", "reach", "reason"),
    [
        ("- open: other\n", "{}", "it knows one connection"),
        ("- counters: {PAWSTimewait: 1}\n", "{}", "it reads no counters"),
        ("- send: {flags: ACK, corrupt: tcp-checksum}\n- expect: nothing\n", "{}", "can't damage"),
        ("- send: {flags: ACK, reserved: 1}\n- expect: nothing\n", "{}", "can't set reserved bits"),
        ("- call: {bind: {port: 0}}\n", "{}", "it has no bind() of this connection"),
        (
            "- send: {flags: ACK, seq: rcv_nxt-5, length: 9}\n- expect: ack\n",
            "{}",
            "numbers that wrap",
        ),
        (
            "- send: {flags: ACK, tsecr: ts_recent+5}\n- expect: nothing\n",
            "{timestamps: on}",
            "it echoes no TSval that the DUT never sent",
        ),
        (
            "- send: {flags: SYN, mss: 1460}\n- expect: {flags: SYN|ACK}\n"
            "- send: {flags: SYN|ACK, seq: rcv_nxt+5}\n- expect: {flags: ACK}\n",
            "{state: SYN-SENT, open: active}",
            "from a SYN-ACK, and here a SYN came",
        ),
        (SILENT, "{sack: on, state: ESTABLISHED}", "SACK is switched off there"),
        (
            "- wait: 80ms\n- send: {flags: FIN|ACK, seq: rcv_nxt-1}\n- expect: ack\n"
            "- state: {is: TIME-WAIT, timer: restarted}\n",
            "{}",
            "shows on an older block alone",
        ),
    ],
)
def test_what_packetdrill_cant_say_is_refused_with_the_reason(
    steps: str, reach: str, reason: str
) -> None:
    with pytest.raises(
        SuiteError, match=f"a-case can't be said in packetdrill: .*{re.escape(reason)}"
    ):
        exported(a_case(steps, reach), LINUX)


def test_a_connection_that_takes_the_place_of_another_has_its_iss_and_no_socket() -> None:
    reopen = "- send: {flags: SYN, seq: rcv_nxt+1, mss: 1460}\n- expect: syn-ack\n"
    assert exported(a_case(reopen), LINUX).endswith(
        "+0 < S 3:3(0) win 65535 <mss 1460>\n+0 > S. 65539:65539(0) ack 4 <mss 1460>\n"
    )
    opened = "- send: {flags: ACK, seq: seg_seq+1, ack: ans_seq+1}\n- expect: {flags: FIN|ACK}\n"
    with pytest.raises(SuiteError, match="no socket of a connection that took the place"):
        exported(a_case(reopen + opened), LINUX)


def test_a_case_that_fails_or_is_about_others_is_no_script() -> None:
    with pytest.raises(SuiteError, match="is no PASS on the reference: expected state"):
        exported(a_case("- state: CLOSED\n"), LINUX)
    with pytest.raises(SuiteError, match=r"a-case is not about linux-6\.18"):
        exported(a_case(SILENT, profiles="[freebsd-*]"), LINUX)


@pytest.mark.parametrize(
    "name",
    ["rst-at-rcv-nxt", "duplicate-ack", "half-closed-receives", "shutdown-both", "close-by-client",
     "reset-elsewhere-in-each-state", "listener-resets"],
)  # fmt: skip
def test_a_script_is_the_case_again(name: str) -> None:
    for case in bundled(name):
        text = exported(case, LINUX)
        read_script(text, FILE)
        again = import_text(text, FILE, ["linux-6.18"])
        assert again.whole, again.remarks
        (imported,) = again.cases
        assert packets(exported(imported, LINUX)) == packets(text)
