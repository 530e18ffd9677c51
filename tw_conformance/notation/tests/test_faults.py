"""What a case file that is wrong is told: where, and what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from tw_conformance.model.errors import CaseError, ExitCode
from tw_conformance.notation.load import LARGEST_FILE, load_file, load_text, read_text

FILE = Path("bad.yaml")

HEAD = "case: a-case\ntitle: A title\ncites: [RFC 9293]\n"


def faults(text: str) -> list[str]:
    """The faults of a text, as ``line:column: sentence``."""
    with pytest.raises(CaseError) as caught:
        load_text(text, FILE)
    assert caught.value.exit_code is ExitCode.USAGE
    return [str(fault).removeprefix("bad.yaml:") for fault in caught.value.faults]


def test_the_case_as_a_whole() -> None:
    assert faults("profils: [linux-*]\ncase: Two_Words\ntitle: ''\nsteps: []") == [
        "1:1: missing key 'cites' in the case",
        "1:1: unknown key 'profils' in the case; did you mean 'profiles'? "
        "(known: case, title, cites, profiles, settings, matrix, reach, steps)",
        "2:7: expected a name in small letters, digits and single hyphens (kebab-case), "
        "found text 'Two_Words'",
        "3:8: title is empty: expected text (quoted where it looks like a number)",
        "4:8: steps is empty: expected a list of steps",
    ]


STEPS = [
    # a step
    ("{}", "4:12", "a step is empty: expected a step such as 'send: {flags: RST}'"),
    (
        "{send: {flags: ACK}, seq: rcv_nxt}",
        "4:33",
        "unknown key 'seq' in a step: this is wrongly indented; what belongs to send stands",
    ),
    ("{sned: ack}", "4:13", "unknown key 'sned' in a step; did you mean 'send'?"),
    ("send ack", "4:12", "expected a step such as 'send: {flags: RST}', found text 'send ack'"),
    (
        "{send: {flags: ACK}, expect: ack}",
        "4:33",
        "a step does one thing, and this has send and expect: begin each with its own -",
    ),
    ("{wait: 1s, within: 1s}", "4:23", "it stands beside 'expect' only"),
    # send
    ("send: {seq: rcv_nxt}", "4:12", "missing key 'flags' in send"),
    ("send: {flags: ACK, mark: 7}", "4:31", "unknown key 'mark' in send: SO_MARK chooses routes"),
    ("call: {set: {priority: 6}}", "4:25", "unknown key 'priority' in set: SO_PRIORITY chooses a"),
    ("send: {flgs: ACK, flags: ACK}", "4:19", "unknown key 'flgs' in send; did you mean 'flags'?"),
    ("send: RST", "4:18", "with at least flags, or with icmp, found text 'RST'"),
    ("send: {flags: RTS}", "4:26", "unknown flag 'RTS'; did you mean 'RST'?"),
    ("send: {flags: SYN|FIM}", "4:30", "unknown flag 'FIM'; did you mean 'FIN'?"),
    ("send: {flags: SYN+ACK}", "4:26", "flags are joined by |: write SYN|ACK"),
    ("send: {flags: 'SYN|SYN'}", "4:31", "flag SYN stands twice"),
    ("send: {flags: none|ACK}", "4:26", "unknown flag 'none'"),
    ("send: {flags: 16}", "4:26", "unknown flag '16'"),
    ("send: {flags: [ACK]}", "4:26", "expected control bits joined by |, or none, found a list"),
    ("send: {flags: ACK, seq: 5}", "4:36", "'5' is an absolute number: say it from rcv_nxt"),
    ("send: {flags: ACK, seq: 2^31}", "4:36", "'2^31' is an absolute number"),
    ("send: {flags: ACK, seq: -1}", "4:36", "relative to what? write rcv_nxt-1"),
    ("send: {flags: ACK, seq: '+1'}", "4:37", "relative to what? write rcv_nxt+1"),
    ("send: {flags: ACK, seq: +1}", "4:36", "+1 is relative to what? YAML drops the sign"),
    ("send: {flags: ACK, ack: 7}", "4:36", "'7' is an absolute number"),
    ("send: {flags: ACK, seq: rcv_nxt+x}", "4:44", "unknown name 'x'"),
    ("send: {flags: ACK, seq: 'rcv_nxt*2'}", "4:44", "expected '+' or '-', found '*'"),
    ("send: {flags: ACK, window: 65536}", "4:39", "expected a number from 0 to 65535, found the"),
    ("send: {flags: ACK, length: 1461}", "4:39", "expected a number of octets from 0 to 1460"),
    ("send: {flags: ACK, length: two}", "4:39", "found text 'two'"),
    ("send: {flags: ACK, reserved: true}", "4:41", "a number from 0 to 15, found true"),
    ("send: {flags: ACK, wscale: 15}", "4:39", "expected a shift from 0 to 14"),
    ("send: {flags: ACK, sack_permitted: yes}", "4:47", "expected true or false, found text 'yes'"),
    ("send: {flags: ACK, corrupt: tpc-checksum}", "4:40", "did you mean 'tcp-checksum'?"),
    (
        "send: {flags: ACK, corrupt: long-data-offset, length: 16}",
        "4:66",
        "a data offset can't point beyond a length above 15",
    ),
    # send an ICMP error
    ("send: {icmp: port-unreacable}", "4:25", "not an ICMP error; did you mean 'port-unreachable'"),
    ("send: {icmp: packet-too-big}", "4:25", "ICMP has no error packet-too-big (known: net-unr"),
    ("send: {icmp: 9/0}", "4:25", "ICMP has no error 9/0 (known: net-unreachable, "),
    ("send: {icmp: 3/256}", "4:25", "ICMP has no error 3/256 (known: net-unreachable, "),
    ("send: {icmp: 3-13}", "4:25", "expected type and code of an ICMP error, as 3/13, found text"),
    ("send: {icmp: 3}", "4:25", "expected an ICMP error, found the number 3"),
    ("send: {icmp: next-header-unknown}", "4:25", "ICMP has no error next-header-unknown; did you"),
    ("send: {icmp: host-prohibted}", "4:25", "an ICMP error; did you mean 'host-prohibited'"),
    ("send: {icmp: 3/13, mtu: 1300}", "4:36", "admin-prohibited has no MTU"),
    ("send: {icmp: time-exceeded, mtu: 1300}", "4:45", "time-exceeded has no MTU"),
    ("send: {icmp: time-exceeded, flags: RST}", "4:40", "unknown key 'flags' in send"),
    ("send: {icmp: time-exceeded, quotes: 5}", "4:48", "'5' is an absolute number"),
    ("send: {flags: ACK, timestamps: old}", "4:43", "did you mean 'older'?"),
    ("send: {flags: ACK, tsval: 1, timestamps: same}", "4:41", "both say TSval: keep one"),
    # expect
    ("expect: akc", "4:20", "'akc' is not an answer; did you mean 'ack'? (known: nothing, ack,"),
    (
        "expect: [ack]",
        "4:20",
        "mapping of fields, any, not or a mapping by profile, found a list",
    ),
    ("expect: {}", "4:20", "expect is empty: expected a mapping of fields"),
    ("expect: {flgs: ACK}", "4:21", "unknown key 'flgs' in expect; did you mean 'flags'?"),
    ("expect: {frebsd-10: ack}", "4:21", "did you mean 'freebsd-10'?"),
    ("expect: {frebsd-*: ack, default: ack}", "4:21", "did you mean 'freebsd-*'?"),
    ("expect: {linux: ack, default: ack}", "4:21", "did you mean 'linux-*'?"),
    ("expect: {flags: ACK, default: ack}", "4:21", "'flags' is a field and other keys are prof"),
    ("expect: {linux-*: ack, linux-6.1: ack, default: ack}", "4:35", "'linux-*' stands before"),
    ("expect: {default: {flags: ACK, seq: snd_nxt+}}", "4:56", "expected a name or a number at"),
    ("expect: {timestamps: newer}", "4:33", "'newer' is not present or absent"),
    ("expect: rst", "4:20", "'rst' is about the last segment sent, and none was sent before"),
    ("expect: {ack: snd_nxt+seg_len}", "4:34", "'seg_len' is about the last segment sent"),
    ("{expect: ack, within: 3}", "4:34", "3 of what? write 3s, 3ms or 3msl"),
    ("expect: {flags: ACK, within: 1s}", "4:33", "it stands beside 'expect', not in it"),
    # the rest
    ("icmp: {kind: time-exceeded}", "4:12", "it is said of what is sent, as in - send: {icmp: ..."),
    ("wait: 2 seconds", "4:20", "unknown name 'seconds': write 2s"),
    ("wait: 2msl-1", "4:23", "1 of what?"),
    ("wait: 1s-2s", "4:18", "a time before now"),
    ("call: clsoe", "4:18", "'clsoe' is not a socket call; did you mean 'close'?"),
    ("call: connetc", "4:18", "'connetc' is not a socket call; did you mean 'connect'?"),
    ("call: {conect: {automatic: on}}", "4:19", "unknown key 'conect' in call; did you mean"),
    ("call: {}", "4:18", "call is empty: expected a mapping of one call to its options"),
    ("call: {bind: {}}", "4:25", "bind is empty: expected a mapping of options"),
    ("call: [bind]", "4:18", "a mapping such as 'connect: {automatic: on}', found a list"),
    (
        "call: {bind: {reuse_port: on}, connect: {automatic: on}}",
        "4:43",
        "a call does one thing, and this has bind and connect",
    ),
    ("call: {connect: {automtic: on}}", "4:29", "unknown key 'automtic' in connect; did you mean"),
    ("call: {connect: {automatic: yes}}", "4:40", "'yes' is not on or off"),
    ("call: {set: {linger2: soon}}", "4:34", "expected a number of seconds from -1 to 65535"),
    ("call: {set: {linger: -5}}", "4:33", "expected a number of seconds from 0 to 32767"),
    ("{call: bind, gives: EADRINUSE}", "4:32", "did you mean 'EADDRINUSE'? (known: ok, refused"),
    ("{call: bind, gives: [ok]}", "4:32", "expected ok, refused, eof, an errno or a mapping"),
    ("{call: bind, gives: {linus: ok}}", "4:33", "no profile is named 'linus'; did you mean"),
    ("{wait: 1s, gives: ok}", "4:23", "'gives' says what a call comes to: it stands beside 'call'"),
    ("{call: bind, gives: ok, within: 1s}", "4:36", "it stands beside 'expect' only"),
    ("call: {send: 0}", "4:25", "expected a number of octets from 1 to 65535"),
    ("call: {shutdown: reed}", "4:29", "'reed' is not read, write or both; did you mean 'read'?"),
    ("call: {shutdown: rw}", "4:29", "'rw' is not read, write or both"),
    ("call: send", "4:18", "'send' is not a socket call"),
    ("call: {bind: {address: here}}", "4:35", "expected dut, any, loopback, mapped or an address"),
    ("expect: {any: [ack]}", "4:26", "any is empty: expected a list of two answers or more"),
    ("expect: {any: [ack, rts]}", "4:32", "'rts' is not an answer; did you mean"),
    ("expect: {not: {flag: ACK}}", "4:27", "unknown key 'flag' in expect of not"),
    ("expect: {not: ack, sqe: irs}", "4:31", "unknown key 'sqe' in expect; did you mean 'seq'?"),
    ("expect: {not: {window: 0, any: [ack, rst]}}", "4:38", "unknown key 'any' in expect of not"),
    ("expect: {seq: ans_seq}", "4:26", "'ans_seq' is about the last answer, and none was expected"),
    ("counters: {PAWSTimewait: no}", "4:37", "expected a number of octets"),
    ("counters: {}", "4:22", "counters is empty"),
    ("open: {name: Two}", "4:25", "expected a connection's name in small letters"),
    ("open: {state: LISTEN}", "4:12", "missing key 'name' in open"),
    ("open: {name: two, family: ipv6}", "4:30", "unknown key 'family' in open"),
    ("{on: two, expect: nothing}", "4:17", "no connection is named 'two': none was opened before"),
    ("on: two", "4:12", "a step is empty: expected a step about one connection"),
    ("{on: two, wait: 1s}", "4:22", "'wait' is about all"),
    ("{on: two, open: two}", "4:22", "'open' makes a new one"),
    ("{on: two, expect: ack, send: {flags: ACK}}", "4:35", "this has expect and send: begin each"),
    ("send: {flags: RST, options: 0g}", "4:40", "expected octets in hexadecimal"),
    ("send: {flags: RST, flow_label: 1048576}", "4:43", "expected a number from 0 to 1048575"),
    ("state: TIMEWAIT", "4:19", "'TIMEWAIT' is not a state; did you mean 'TIME-WAIT'?"),
    ("state: {timer: kept}", "4:12", "missing key 'is' in state"),
    ("state: {is: TIME-WAIT, timer: kept}", "4:42", "'timer' is about what was sent last"),
    ("state: {default: {iss: x, is: LISTEN}}", "4:30", "unknown key 'iss' in state of default"),
]


@pytest.mark.parametrize(("step", "place", "sentence"), STEPS)
def test_a_step(step: str, place: str, sentence: str) -> None:
    (fault,) = faults(f"{HEAD}steps:    [{step}]")
    assert fault.startswith(f"{place}: ")
    assert sentence in fault


@pytest.mark.parametrize(
    ("family", "send", "place", "sentence"),
    [
        (
            "family: [ipv4, ipv6], how: [tcp-checksum, ip-checksum]",
            "{flags: RST, corrupt: $how}",
            "5:38",
            "IPv6 has no header checksum (where $how is ip-checksum)",
        ),
        (
            "family: [ipv4, ipv6], how: [time-exceeded, source-quench]",
            "{icmp: $how}",
            "5:23",
            "ICMPv6 has no error source-quench (known: net-unreachable, admin-prohibited, "
            "beyond-scope, host-unreachable, port-unreachable, policy-failed, reject-route, "
            "source-route-failed, packet-too-big, time-exceeded, reassembly-time-exceeded, "
            "parameter-problem, next-header-unknown, option-unknown) (where $how is source-quench)",
        ),
    ],
)
def test_what_one_family_has_not_is_a_fault_at_that_point(
    family: str, send: str, place: str, sentence: str
) -> None:
    text = f"{HEAD}matrix: {{{family}}}\nsteps: [{{send: {send}}}]"
    assert faults(text) == [f"{place}: {sentence}"]


HEADS = [
    ("profiles: [bsd]", "4:12", "no profile is named 'bsd'"),
    ("settings: {rfc1337: yes}", "4:21", "expected a whole number, found text 'yes'"),
    ("settings: {RFC: 1}", "4:12", "expected a setting's name"),
    ("reach: {state: CLOSED}", "4:16", "'CLOSED' is not a state that a case can begin in"),
    ("reach: {state: SYN-SENT}", "4:8", "SYN-SENT is reached by open: active"),
    ("reach: {state: LISTEN, open: active}", "4:30", "LISTEN is reached by open: passive"),
    ("reach: {options: {tll: 6}}", "4:19", "unknown key 'tll' in options; did you mean 'ttl'?"),
    ("settings: {rfc1337: 1}", "4:12", "freebsd-10 has no setting 'rfc1337' (known: "),
    ("settings: {rfc1337: 1}", "4:12", "): those that have it are linux-2.6.32, "),
    (
        "settings: {rfc1338: 1}",
        "4:12",
        "no profile has a setting 'rfc1338'; did you mean 'rfc1337'?",
    ),
    ("profiles: [linux-*]\nsettings: {rcf1337: 1}", "5:12", "did you mean 'rfc1337'?"),
    ("reach: {timestamps: true}", "4:21", "expected on or off, found true"),
    ("reach: {mss: none}", "4:14", "expected an MSS from 1 to 65535, or off, found text 'none'"),
    ("reach: [TIME-WAIT]", "4:8", "expected a mapping that describes the connection, found a li"),
    ("matrix: {a: []}", "4:13", "a is empty: expected a list of words or numbers"),
    ("matrix: {A: [1]}", "4:10", "expected a matrix name (small letters and _), found 'A'"),
    ("matrix: {a: [1, $b]}", "4:17", "that does not use $, found text '$b'"),
    ("matrix: {a: [1]}", "4:10", "matrix name 'a' is never used: write $a where it belongs"),
    ("matrix: {family: [ipv4, ipv5]}", "4:25", "'ipv5' is not an IP version; did you mean"),
    ("matrix: {through: [TIME-WAIT]}", "4:20", "'TIME-WAIT' is not a way into TIME-WAIT"),
    ("matrix: {mss: [536, 536]}", "4:21", "536 stands twice in matrix name 'mss'"),
    ("matrix: {mss: [536]}\nreach: {mss: 536}", "5:9", "'mss' is set by the matrix too"),
]


@pytest.mark.parametrize(("head", "place", "sentence"), HEADS)
def test_what_stands_before_the_steps(head: str, place: str, sentence: str) -> None:
    given = faults(f"{HEAD}{head}\nsteps: [wait: 1s]")
    assert any(fault.startswith(f"{place}: ") and sentence in fault for fault in given), given


@pytest.mark.parametrize(
    ("profile", "setting", "said"),
    [
        ("linux-6.18", "ecn: 3", "ecn 3 (0 to 2 are ruled)"),
        ("linux-6.18", "rfc1337: 2", "rfc1337 2 (0 and 1 are ruled)"),
        ("linux-2.6.32", "tw_reuse: 2", "tw_reuse 2 (0 and 1 are ruled)"),
        ("linux-6.18", "tw_reuse_delay: 60001", "tw_reuse_delay 60001 (1 to 60000 are ruled)"),
        ("freebsd-13", "timestamps: 2", "timestamps 2 (0 and 1 are ruled)"),
        ("freebsd-15", "timestamps: 4", "timestamps 4 (0 to 3 are ruled)"),
        ("rfc9293", "msl: 0", "msl 0 (1 and more are ruled)"),
    ],
)
def test_a_setting_has_a_value_that_is_ruled(profile: str, setting: str, said: str) -> None:
    text = f"{HEAD}profiles: [{profile}]\nsettings: {{{setting}}}\nsteps: [wait: 1s]\n"
    place = f"5:{len('settings: {') + len(setting.partition(':')[0]) + len(': ') + 1}"
    assert faults(text) == [f"{place}: {profile} has no rule for {said}"]


def test_every_freebsd_has_a_rule_for_the_ecn_that_its_tcp_testsuite_sets() -> None:
    text = f"{HEAD}profiles: [freebsd-*]\nsettings: {{ecn: 2}}\nsteps: [wait: 1s]\n"
    assert [case.settings for case in load_text(text, FILE)] == [{"ecn": 2}]


def test_a_setting_of_the_matrix_is_judged_at_each_point() -> None:
    text = (
        f"{HEAD}profiles: [linux-6.18]\nmatrix: {{ecn: [0, 2, 7]}}\n"
        "settings: {ecn: $ecn}\nsteps: [wait: 1s]\n"
    )
    assert faults(text) == ["6:17: linux-6.18 has no rule for ecn 7 (0 to 2 are ruled)"]


@pytest.mark.parametrize(
    ("reach", "step", "place"),
    [
        ("TIME-WAIT", "- call: {send: 5}", "6:3"),
        ("FIN-WAIT-1", "- {wait: 1s}\n- call: close", "7:3"),
        ("ESTABLISHED", "- open: {name: second, state: TIME-WAIT}", "6:3"),
        ("TIME-WAIT", "- open: {name: second, state: ESTABLISHED}", "6:3"),
    ],
)
def test_a_process_holds_connections_or_closes_them(reach: str, step: str, place: str) -> None:
    text = f"{HEAD}reach: {{state: {reach}}}\nsteps:\n{step}\n"
    (fault,) = faults(text)
    assert fault.startswith(f"{place}: a process either holds its connections or closes them")


def test_a_process_that_opens_holds_its_connection_in_any_state() -> None:
    reach = "reach: {state: TIME-WAIT, open: active}\n"
    (case,) = load_text(f"{HEAD}{reach}steps:\n- call: {{send: 5}}\n", FILE)
    assert case.contradiction is None


def test_a_matrix_value_is_judged_where_it_is_used() -> None:
    text = (
        f"{HEAD}matrix:\n  bits: [RST, RTS]\n  other: [1, 2, 3]\n"
        "steps:\n  - send: {flags: $bits, window: $other}\n  - expect: {length: $bits}\n"
    )
    assert faults(text) == [
        "8:19: unknown flag 'RTS'; did you mean 'RST'? "
        "(known: FIN, SYN, RST, PSH, ACK, URG, ECE, CWR, none) (where $bits is RTS)",
        "9:22: expected a number of octets from 0 to 1460, found text 'RST' (where $bits is RST)",
        "9:22: expected a number of octets from 0 to 1460, found text 'RTS' (where $bits is RTS)",
    ]


def test_an_unknown_reference_is_pointed_at_within_its_text() -> None:
    text = f"{HEAD}matrix: {{offset: [1]}}\nsteps: [send: {{flags: RST, seq: rcv_nxt+$ofset}}]"
    assert faults(text) == [
        "4:10: matrix name 'offset' is never used: write $offset where it belongs",
        "5:41: no matrix name is 'ofset'; did you mean 'offset'? (known: offset)",
    ]


def test_a_reference_without_a_matrix() -> None:
    assert faults(f"{HEAD}steps: [call: $verb]") == [
        "4:15: no matrix name is 'verb': there is no matrix"
    ]


def test_two_points_with_one_name() -> None:
    text = (
        f"{HEAD}matrix: {{a: [1-2, 1], b: [3, 2-3]}}\n"
        "steps: [send: {flags: RST, seq: rcv_nxt+$a+$b}]"
    )
    assert faults(text) == ["4:1: two points of this matrix are both named 'a-case[1-2-3]'"]


def test_too_many_points() -> None:
    values = list(range(400))
    text = (
        f"{HEAD}matrix: {{a: {values}, b: {values}}}\n"
        "steps: [send: {flags: ACK, length: $a, window: $b}]"
    )
    assert faults(text) == ["4:1: this matrix has more than 100,000 points: split the case"]


def test_two_cases_with_one_name() -> None:
    case = f"{HEAD}steps: [wait: 1s]\n"
    assert faults(f"{case}---\n{case}") == [
        "6:7: two cases are named 'a-case'; the first on line 1"
    ]


SOUND = f"{HEAD}steps: [wait: 1s]\n"


@pytest.mark.parametrize(
    "faulty",
    [
        f"{HEAD}steps: [wait: soon]\n",
        f"{HEAD}title: another\nsteps: [wait: 1s]\n",
        f"{HEAD}steps: [wait: 1s]\nunheard: of\n",
        "[no, mapping]\n",
        SOUND.replace("a-case", "case-0"),
    ],
    ids=["value", "key-twice", "unknown-key", "list", "name-twice"],
)
def test_a_fault_costs_its_own_document_only(faulty: str) -> None:
    first, last = (SOUND.replace("a-case", f"case-{number}") for number in range(2))
    sheet = read_text(f"{first}---\n{faulty}---\n{last}", FILE)
    assert [written.case.name for written in sheet.cases] == ["case-0", "case-1"]
    assert len(sheet.faults) == 1


def test_what_is_no_yaml_costs_all_behind_it() -> None:
    sheet = read_text(f"{SOUND}---\ncase: [\n---\n{SOUND.replace('a-case', 'b-case')}", FILE)
    assert [written.case.name for written in sheet.cases] == ["a-case"]
    assert len(sheet.faults) == 1


def test_all_faults_come_at_once_in_order_of_place() -> None:
    text = """\
case: a-case
title: one
title: two
cites:
steps:
  - send: {flgs: RST, seq: 5}
  - send: {flags: FIM, seq: 010, window: -1}
  - expect: {linux-*: {flags: FIM}, frebsd-*: akc}
  - state: &here TIMEWAIT
---
case: [list]
title: t
cites: [RFC]
steps: [wait: "
"""
    assert [fault.split(": ")[0] for fault in faults(text)] == [
        "3:1",  # title twice
        "4:7",  # cites without a value
        "6:5",  # no flags
        "6:12",  # flgs
        "6:28",  # absolute
        "7:19",  # FIM
        "7:29",  # 010
        "7:42",  # -1
        "8:31",  # FIM
        "8:37",  # frebsd-*
        "8:47",  # akc
        "9:12",  # an anchor
        "9:12",  # TIMEWAIT
        "15:1",  # the quote is not closed
    ]


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match=r"none\.yaml:1:1: this file can't be read: No such file"):
        load_file(tmp_path / "none.yaml")
    with pytest.raises(CaseError, match="can't be read: Is a directory"):
        load_file(tmp_path)


def test_a_file_that_is_not_utf_8(tmp_path: Path) -> None:
    file = tmp_path / "latin.yaml"
    file.write_bytes(b"case: a\ntitle: \xfc\n")
    with pytest.raises(CaseError, match=r"latin\.yaml:2:8: this is not UTF-8"):
        load_file(file)


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    file = tmp_path / "large.yaml"
    file.write_bytes(b"#" * (LARGEST_FILE + 1))
    with pytest.raises(CaseError, match="larger than 1 MiB: split it"):
        load_file(file)
