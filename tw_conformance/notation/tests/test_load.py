"""What a case file means, once it is right."""

from __future__ import annotations

from pathlib import Path

import pytest

from tw_conformance.model.case import (
    NOTHING,
    OK,
    REFUSED,
    Answer,
    Call,
    Case,
    Expect,
    ExpectState,
    OnConnection,
    Open,
    Reach,
    Send,
    SendIcmp,
    StateIs,
    Through,
    Wait,
)
from tw_conformance.model.expressions import SequenceExpression, TimeExpression
from tw_conformance.notation.load import load_file, load_text, read_text
from tw_conformance.notation.schema import schema
from tw_reference.icmp_numbers import ICMP, ICMPV6
from tw_reference.segment import ACK, FIN, PSH, RST, SYN

FILE = Path("some.tw.yaml")

HEAD = "case: a-case\ntitle: A title\ncites: [RFC 9293 section 3.10.7.4]\n"


def load(body: str) -> list[Case]:
    return load_text(HEAD + body, FILE)


def only(body: str) -> Case:
    (case,) = load(body)
    return case


def test_a_whole_case() -> None:
    case = only(
        """\
profiles: [freebsd-*]
settings: {nolocaltimewait: 1}
reach: {state: TIME-WAIT, through: CLOSING, family: ipv6, timestamps: on, wscale: 7, mss: off}
steps:
  - send: {flags: FIN|ACK, seq: rcv_nxt+1, ack: 0, length: 3, sack_permitted: true, tsecr: 0}
  - expect: nothing
  - wait: 2msl-1s
  - call: unlisten
  - state: {is: TIME-WAIT, timer: restarted}
"""
    )
    assert (case.name, case.title, case.id) == ("a-case", "A title", "a-case")
    assert case.cites == ("RFC 9293 section 3.10.7.4",)
    assert case.profiles == ("freebsd-*",)
    assert case.settings == {"nolocaltimewait": 1}
    assert case.reach == Reach(
        through=Through.CLOSING, family="ipv6", timestamps=True, wscale=7, mss=None
    )
    send, expect, wait, call, state = case.steps
    assert isinstance(send, Send)
    assert send == Send(
        flags=FIN | ACK,
        seq=SequenceExpression("rcv_nxt+1"),
        ack=SequenceExpression("0"),
        length=3,
        sack_permitted=True,
        tsecr=SequenceExpression("0"),
    )
    assert isinstance(expect, Expect)
    assert expect.answer.choose("freebsd-10") is NOTHING
    assert isinstance(wait, Wait)
    assert wait.duration == TimeExpression("2msl-1s")
    assert isinstance(call, Call)
    assert call.verb == "unlisten"
    assert isinstance(state, ExpectState)
    assert state.state.choose("freebsd-10") == StateIs("TIME-WAIT", "restarted")


def test_what_is_left_out_has_its_default() -> None:
    case = only("steps: [wait: 1s]")
    assert case.reach == Reach()
    assert case.profiles == ("*",)
    assert case.settings == {}
    assert case.point == {}


def test_a_step_and_a_case_know_their_place() -> None:
    (read,) = read_text(HEAD + "steps:\n  - wait: 1s\n  -   wait: 2s\n", FILE).cases
    assert str(read.place) == "some.tw.yaml:1:1"
    assert [str(place) for place in read.steps] == ["some.tw.yaml:5:5", "some.tw.yaml:6:7"]


def answer_to(flags: str, word: str, timestamps: str = "off") -> Answer:
    """The answer that a word means after a segment with these flags."""
    case = only(
        f"reach: {{timestamps: {timestamps}}}\n"
        f"steps: [send: {{flags: {flags}}}, wait: 1s, expect: {word}]"
    )
    expect = case.steps[-1]
    assert isinstance(expect, Expect)
    answer = expect.answer.choose("linux-6.18")
    assert isinstance(answer, Answer)
    return answer


@pytest.mark.parametrize(
    ("timestamps", "presence", "tsecr"),
    [("off", "absent", None), ("on", "present", SequenceExpression("ts_recent"))],
)
def test_ack_says_where_the_connection_stands(
    timestamps: str, presence: str, tsecr: SequenceExpression | None
) -> None:
    answer = answer_to("ACK", "ack", timestamps)
    assert (answer.flags, answer.length, answer.word) == (ACK, 0, "ack")
    assert (str(answer.seq), str(answer.ack)) == ("snd_nxt", "rcv_nxt")
    assert (answer.timestamps, answer.tsecr) == (presence, tsecr)


def test_rst_takes_its_number_from_an_ack_and_acknowledges_all_else() -> None:
    to_ack = answer_to("PSH|ACK", "rst")
    assert (to_ack.flags, str(to_ack.seq), to_ack.ack) == (RST, "seg_ack", None)
    to_syn = answer_to("SYN", "rst")
    assert (to_syn.flags, str(to_syn.seq), str(to_syn.ack)) == (
        RST | ACK,
        "0",
        "seg_seq+seg_len",
    )


def test_syn_ack_acknowledges_the_syn() -> None:
    answer = answer_to("SYN", "syn-ack")
    assert (answer.flags, str(answer.ack), answer.length) == (SYN | ACK, "seg_seq+1", 0)


def test_rst_follows_the_flags_of_its_own_matrix_point() -> None:
    cases = load(
        "matrix: {flags: [SYN, ACK]}\nsteps:\n  - send: {flags: $flags}\n  - expect: rst\n"
    )
    expected = []
    for case in cases:
        expect = case.steps[1]
        assert isinstance(expect, Expect)
        answer = expect.answer.choose("rfc9293")
        assert isinstance(answer, Answer)
        expected.append(answer.flags)
    assert expected == [RST | ACK, RST]


def test_the_first_glob_decides_and_default_comes_last_wherever_it_stands() -> None:
    case = only(
        "steps: [state: {default: TIME-WAIT, linux-6.1: CLOSED, linux-*: {is: LISTEN}}]",
    )
    (state,) = case.steps
    assert isinstance(state, ExpectState)
    names = {
        profile: chosen.name
        for profile in ("linux-6.1", "linux-6.18", "freebsd-10")
        if (chosen := state.state.choose(profile)) is not None
    }
    assert names == {"linux-6.1": "CLOSED", "linux-6.18": "LISTEN", "freebsd-10": "TIME-WAIT"}


def test_an_answer_by_fields() -> None:
    case = only(
        "steps:\n"
        "  - expect: {flags: ACK|PSH, seq: 0, window: rcv_wnd, mss: absent, wscale: 3, df: true}\n"
        "    within: 500ms\n"
    )
    (expect,) = case.steps
    assert isinstance(expect, Expect)
    assert expect.within == TimeExpression("500ms")
    assert expect.answer.choose("anything") == Answer(
        flags=ACK | PSH,
        seq=SequenceExpression("0"),
        window=SequenceExpression("rcv_wnd"),
        mss="absent",
        wscale=3,
        df=True,
    )


def test_a_call_has_options_and_gives_something() -> None:
    case = only(
        "reach: {state: ESTABLISHED}\n"
        "steps:\n"
        "  - call: close\n"
        "  - call: {set: {linger2: -1, reuse_address: off}}\n"
        "  - call: {connect: {automatic: on}}\n"
        "    gives: {linux-*: EADDRNOTAVAIL, default: refused}\n"
    )
    close, options, connect = case.steps
    assert isinstance(close, Call)
    assert isinstance(options, Call)
    assert isinstance(connect, Call)
    assert (close.verb, close.arguments, close.gives.choose("rfc9293")) == ("close", {}, OK)
    assert (options.verb, options.arguments) == ("set", {"linger2": -1, "reuse_address": False})
    assert connect.text == "connect automatic=on"
    given = [connect.gives.choose(profile) for profile in ("linux-6.1", "rfc9293")]
    assert given == ["EADDRNOTAVAIL", REFUSED]


def test_the_options_of_a_call_may_come_from_the_matrix() -> None:
    cases = load(
        "matrix: {reuse: [on, off], gives: [ok]}\n"
        "steps:\n"
        "  - call: {bind: {reuse_address: $reuse}}\n"
        "    gives: $gives\n"
    )
    calls = [step for case in cases for step in case.steps if isinstance(step, Call)]
    assert [call.arguments for call in calls] == [{"reuse_address": True}, {"reuse_address": False}]


def test_the_dut_may_open_the_connection() -> None:
    case = only("reach: {open: active, reuse_address: off}\nsteps: [wait: 1s]\n")
    assert case.reach == Reach(open="active", reuse_address=False)


def test_a_matrix_is_played_in_the_order_written_the_last_name_fastest() -> None:
    cases = load(
        "matrix: {family: [ipv6, ipv4], timestamps: [off, on], offset: [-1, 0]}\n"
        "steps: [send: {flags: RST, seq: rcv_nxt+$offset}]\n"
    )
    assert [case.id for case in cases] == [
        "a-case[ipv6-off--1]",
        "a-case[ipv6-off-0]",
        "a-case[ipv6-on--1]",
        "a-case[ipv6-on-0]",
        "a-case[ipv4-off--1]",
        "a-case[ipv4-off-0]",
        "a-case[ipv4-on--1]",
        "a-case[ipv4-on-0]",
    ]
    last = cases[-1]
    assert last.reach == Reach(family="ipv4", timestamps=True)
    assert last.point == {"family": "ipv4", "timestamps": "on", "offset": 0}
    assert isinstance(cases[0].steps[0], Send)
    assert cases[0].steps[0].seq == SequenceExpression("rcv_nxt+-1")


def test_a_reference_alone_keeps_its_type_and_one_within_text_becomes_text() -> None:
    (case,) = load(
        "matrix: {length: [3], more: [ACK], state: [CLOSING], on: [1]}\n"
        "settings: {timestamps: $on}\n"
        "reach: {state: $state}\n"
        'steps: [send: {flags: PSH|$more, length: $length, window: "$length"}]\n'
    )
    (send,) = case.steps
    assert isinstance(send, Send)
    assert (send.flags, send.length, send.window) == (PSH | ACK, 3, 3)
    assert case.reach.state == "CLOSING"
    assert case.settings == {"timestamps": 1}


def test_points_that_agree_share_what_they_agree_in() -> None:
    cases = load("matrix: {offset: [0, 1]}\nsteps: [wait: 1s, send: {flags: RST, length: $offset}]")
    assert cases[0].steps[0] is cases[1].steps[0]
    assert cases[0].steps[1] != cases[1].steps[1]


def test_one_and_true_are_two_values() -> None:
    cases = load(
        "matrix: {a: [1, 2], b: [true, false]}\n"
        "steps: [send: {flags: SYN, length: $a, sack_permitted: $b}]\n"
    )
    seen = [(s.length, s.sack_permitted) for c in cases for s in c.steps if isinstance(s, Send)]
    assert seen == [(1, True), (1, False), (2, True), (2, False)]


def test_a_file_has_many_cases_and_empty_documents_count_for_nothing(tmp_path: Path) -> None:
    file = tmp_path / "two.tw.yaml"
    steps = "steps: [wait: 1s]\n"
    second = HEAD.replace("a-case", "b-case")
    file.write_bytes(b"\xef\xbb\xbf---\n---\n" + f"{HEAD}{steps}---\n# nothing\n---\n".encode())
    with file.open("a", encoding="utf-8") as more:
        more.write(second + steps)
    assert [case.name for case in load_file(file)] == ["a-case", "b-case"]


def test_an_icmp_error_has_one_name_however_it_is_said() -> None:
    named = schema()["$defs"]["icmp_kind"]["else"]["else"]["enum"]
    assert named == list(dict.fromkeys([*ICMP, *ICMPV6]))
    said = [("3/13", "admin-prohibited"), ("3/77", "3/77"), ("host-unknown", "host-unknown")]
    for error, name in said:
        (case,) = load(f"steps: [{{send: {{icmp: {error}}}}}, expect: nothing]")
        assert case.steps[0] == SendIcmp(name)


def test_an_icmp_error() -> None:
    case = only(
        "steps: [{send: {icmp: fragmentation-needed, quotes: iss, mtu: 576}}, expect: nothing]"
    )
    assert case.steps[0] == SendIcmp("fragmentation-needed", SequenceExpression("iss"), 576)
    assert case.injections() == 1


def test_a_title_says_the_values_of_its_case() -> None:
    head = "case: a\ntitle: $flags at RCV.NXT+$by, timestamps $timestamps\ncites: [x]\n"
    matrix = "matrix: {flags: [RST, RST|ACK], by: [10], timestamps: [on]}\n"
    steps = "steps: [send: {flags: $flags, seq: rcv_nxt+$by}, expect: nothing]"
    assert [case.title for case in load_text(head + matrix + steps, FILE)] == [
        "RST at RCV.NXT+10, timestamps on",
        "RST|ACK at RCV.NXT+10, timestamps on",
    ]


def test_what_a_title_says_of_no_value_stays_as_it_is_written() -> None:
    head = "case: a\ntitle: No $flag, $flags, at $5\ncites: [x]\nmatrix: {flags: [RST]}\n"
    (read,) = read_text(head + "steps: [send: {flags: $flags}]", FILE).cases
    assert read.case.title == "No $flag, RST, at $5"
    assert [(str(place), doubt) for place, doubt in read.doubts] == [
        (
            "some.tw.yaml:2:11",
            "no matrix name is 'flag'; did you mean 'flags'? (known: flags);"
            " it stays as it is written",
        )
    ]


SAID = "profiles: [linux-*, rfc9293]\nsteps: [%s]"


@pytest.mark.parametrize(
    "step",
    [
        "expect: {linux-6.1: ack, linux-6.18: nothing}",
        "state: {linux-6.1: CLOSED, linux-6.18: TIME-WAIT}",
        "{call: bind, gives: {linux-6.1: ok, linux-6.18: refused}}",
    ],
)
def test_a_case_is_left_out_where_a_step_says_nothing_of_a_profile(step: str) -> None:
    case = only(SAID % f"wait: 1s, {step}")
    assert [case.unsaid(name) for name in ("linux-6.1", "linux-6.12", "rfc9293")] == [None, 1, 1]
    assert case.applies_to("linux-6.1")
    assert case.is_about("linux-6.12")
    assert not case.applies_to("linux-6.12")
    assert not case.is_about("freebsd-10")


OPENED = """
matrix: {most: [1, 2], timestamps: [on]}
steps:
  - open: {name: crowd, times: $most, state: LISTEN, timestamps: off, peer: other}
  - open: second
  - on: crowd-$most
    send: {flags: SYN, mss: 1460}
  - on: crowd-$most
    expect: syn-ack
  - on: second
    expect: ack
"""


def test_further_connections_are_as_reach_is_but_for_what_they_say() -> None:
    one, two = load(OPENED)
    assert [*one.connections()] == ["", "crowd-1", "second"]
    assert [*two.connections()] == ["", "crowd-1", "crowd-2", "second"]
    crowd, second = two.connections()["crowd-2"], two.connections()["second"]
    assert (crowd.state, crowd.timestamps) == ("LISTEN", False)
    assert second == two.reach
    opening, *steps = two.steps
    assert isinstance(opening, Open)
    assert opening.peer == "other"
    assert [step.on for step in steps if isinstance(step, OnConnection)] == [
        "crowd-2",
        "crowd-2",
        "second",
    ]


def test_ack_has_timestamps_where_its_own_connection_has_them() -> None:
    *_, expected = load(OPENED)[0].steps
    assert isinstance(expected, Expect)
    answer = expected.answer.choose("linux-6.18")
    assert isinstance(answer, Answer)
    assert answer.timestamps == "present"
