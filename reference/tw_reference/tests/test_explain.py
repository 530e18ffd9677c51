"""One segment explained: the rule that fires, why no earlier one does, what comes of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tw_reference import segment as tcp
from tw_reference.clock import MILLISECOND, SECOND
from tw_reference.conftest import make_time_wait
from tw_reference.explain import Explanation, Scene, Situation, Unreachable
from tw_reference.profiles import PROFILES
from tw_reference.rules import stages
from tw_reference.segment import Segment, flag_names
from tw_reference.seqnum import add
from tw_reference.state import OF_A_CONNECTION, State

LINUX, FREEBSD = PROFILES["linux-6.18"], PROFILES["freebsd-10"]
RFC = PROFILES["rfc9293"]


def explain(scene: Scene, flags: int, seq: int = 0, data: bytes = b"") -> Explanation:
    """Have a segment arrive, its SEQ relative to RCV.NXT."""
    ack = scene.variables["snd_nxt"] if flags & tcp.ACK else 0
    return scene.explain(
        Segment(add(scene.variables["rcv_nxt"], seq), ack, flags, window=1000, payload=data)
    )


def sent(explanation: Explanation) -> list[str]:
    return [flag_names(packet.segment.flags) for packet in explanation.sent]


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("flags", [tcp.RST, tcp.SYN, tcp.ACK, tcp.FIN | tcp.ACK, 0])
@pytest.mark.parametrize("seq", [-1, 0, 1])
def test_the_rule_is_the_one_that_fires_on_a_plain_host(name: str, flags: int, seq: int) -> None:
    wait = make_time_wait(name)
    wait.let_pass(1)
    answers = wait.send(flags, seq)
    explanation = explain(Scene(PROFILES[name], Situation()), flags, seq)
    assert explanation.passages[0].fired.id == wait.rule
    assert sent(explanation) == [answer.split()[0] for answer in answers]
    assert explanation.after.state == wait.state


def test_each_earlier_rule_is_there_with_the_false_part_of_its_condition() -> None:
    explanation = explain(Scene(LINUX, Situation(settings={"rfc1337": 1})), tcp.RST)
    passage = explanation.passages[0]
    assert passage.stage is stages.TIME_WAIT
    assert [(rule.id, why) for rule, why in passage.passed] == [
        ("linux.paws-count", "the segment fails PAWS"),
        ("linux.rst-kill", "rfc1337 = 0"),
    ]
    assert passage.fired.id == "linux.rst-1337"


def test_a_reopening_is_followed_into_the_listeners_list() -> None:
    explanation = explain(Scene(LINUX, Situation()), tcp.SYN, 1)
    assert [p.stage for p in explanation.passages] == [stages.TIME_WAIT, stages.LISTEN]
    assert sent(explanation) == ["SYN|ACK"]
    assert (explanation.before.state, explanation.after.state) == ("TIME-WAIT", "SYN-RECEIVED")


@pytest.mark.parametrize(
    ("last_ack", "answers"), [(None, ["ACK"]), (499, []), (500, ["ACK"])], ids=str
)
def test_the_limit_on_acks_is_a_decision_of_its_own(
    last_ack: int | None, answers: list[str]
) -> None:
    ago = None if last_ack is None else last_ack * MILLISECOND
    explanation = explain(Scene(LINUX, Situation(last_ack=ago)), tcp.ACK, -1)
    assert [p.stage for p in explanation.passages] == [stages.TIME_WAIT, stages.ACK_LIMIT]
    assert sent(explanation) == answers


def test_a_timer_that_starts_anew_is_seen() -> None:
    again = explain(Scene(FREEBSD, Situation(age=10 * SECOND)), tcp.FIN | tcp.ACK, -1)
    assert again.restarted
    assert again.before.expires is not None
    assert again.before.expires - again.now == 50 * SECOND
    assert not explain(Scene(FREEBSD, Situation()), tcp.ACK, -1).restarted


def test_without_a_listener_a_reopening_ends_in_closed() -> None:
    explanation = explain(Scene(FREEBSD, Situation(listener=False)), tcp.SYN, 1)
    assert [p.stage for p in explanation.passages] == [stages.TIME_WAIT, stages.CLOSED]
    assert sent(explanation) == ["RST|ACK"]


def test_with_a_full_queue_the_new_incarnation_is_not_taken() -> None:
    explanation = explain(Scene(LINUX, Situation(queue_full=True)), tcp.SYN, 1)
    assert explanation.passages[-1].fired.id == "linux.listen-full"
    assert explanation.after.state == "CLOSED"


def test_an_expired_block_decides_nothing() -> None:
    explanation = explain(Scene(LINUX, Situation(age=70 * SECOND)), tcp.ACK)
    assert explanation.before.state == "CLOSED"
    assert [p.stage for p in explanation.passages] == [stages.LISTEN]


def test_where_a_profile_has_no_list_nothing_is_ruled() -> None:
    bare = replace(RFC, decisions=tuple(d for d in RFC.decisions if d.stage is not stages.CLOSING))
    explanation = explain(Scene(bare, Situation(state=State.CLOSING)), tcp.ACK)
    assert [p.stage for p in explanation.passages] == [stages.ENTRY]
    assert not explanation.ruled
    assert explanation.after.state == "TIME-WAIT"


@pytest.mark.parametrize("state", OF_A_CONNECTION)
@pytest.mark.parametrize("name", PROFILES)
def test_every_state_is_reached(name: str, state: State) -> None:
    scene = Scene(PROFILES[name], Situation(state=state, age=MILLISECOND))
    explanation = explain(scene, tcp.RST, -1)
    assert explanation.before.state is state
    assert sent(explanation) in ([], ["ACK"])


def test_a_state_that_processing_goes_on_in_is_a_passage_of_its_own() -> None:
    explanation = explain(Scene(RFC, Situation(state=State.FIN_WAIT_1)), tcp.FIN | tcp.ACK)
    assert [p.stage for p in explanation.passages[:2]] == [stages.FIN_WAIT_1, stages.ORPHAN]
    assert stages.FIN_WAIT_2 in [p.stage for p in explanation.passages]
    assert explanation.ruled
    assert [note.id for note in explanation.passages[0].notes] == ["rfc9293.conn-take-ack"]
    assert explanation.after.state == "TIME-WAIT"


def test_a_fin_leads_from_a_fin_wait_2_block_to_time_wait() -> None:
    explanation = explain(Scene(LINUX, Situation(state=State.FIN_WAIT_2)), tcp.FIN | tcp.ACK)
    assert explanation.passages[0].stage is stages.FIN_WAIT_2_BLOCK
    assert explanation.after.state == "TIME-WAIT"


def test_settings_that_keep_a_connection_out_of_time_wait() -> None:
    with pytest.raises(Unreachable, match=r"by rule linux\.entry-overflow"):
        Scene(LINUX, Situation(settings={"max_tw_buckets": 0}))
    for hz in (0, 2**32 - 1):
        with pytest.raises(Unreachable, match="no clock"):
            Scene(LINUX, Situation(settings={"hz": hz}))
    with pytest.raises(KeyError, match="rfc1337"):
        Scene(FREEBSD, Situation(settings={"rfc1337": 1}))
