"""A list holds what its stage is about and nothing else: the type checker says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from mypy import api

HEAD = """\
from tw_reference.profiles.linux_words import TOO_SOON
from tw_reference.rules import stages
from tw_reference.rules.actions import AckLimitAction, BindAction, BlockAction, ErrorAction
from tw_reference.rules.condition import ALWAYS, all_of
from tw_reference.rules.rule import RuleMaker
from tw_reference.rules.vocabulary import LISTENER, RST, SEQ_IS_RCV_NXT, icmp, setting

rule, note = RuleMaker("a").rule, RuleMaker("a").note
"""

WRONG = {
    "an atom about segments in a list about ICMP errors": (
        'stages.ICMP.list(rule("x", SEQ_IS_RCV_NXT, ErrorAction.DROP, "", ""))',
        "SegmentArrives|HasTcb",
    ),
    "the same among others": (
        'stages.ICMP.list(rule("x", all_of(icmp("source-quench"), SEQ_IS_RCV_NXT), '
        'ErrorAction.DROP, "", ""))',
        "HasTcb",
    ),
    "an action of bind() in TIME-WAIT": (
        'stages.TIME_WAIT.list(rule("x", RST, BindAction.EADDRINUSE, "", ""))',
        "BindAction",
    ),
    "the same behind another action": (
        'stages.TIME_WAIT.list(note("x", RST, (BlockAction.DROP, BindAction.ALLOW), "", ""))',
        "BindAction",
    ),
    "a rule that replaces one of another stage": (
        'stages.ACK_LIMIT.list().replacing("a.x", rule("x", RST, BlockAction.DROP, "", ""))',
        "BlockAction",
    ),
    "an atom that needs the connection in a list that has none": (
        'stages.LISTEN.list(rule("x", TOO_SOON, ALWAYS, "", ""))',
        "TOO_SOON|SegmentArrives|Condition",
    ),
}

RIGHT = """\
stages.TIME_WAIT.list(
    note("x", all_of(RST, setting("rfc1337", 1)), BlockAction.UPDATE_TS, "", ""),
    rule("y", all_of(RST, SEQ_IS_RCV_NXT, ~LISTENER), (BlockAction.DROP,), "", ""),
    rule("z", ALWAYS, (BlockAction.DELETE, BlockAction.RST), "", ""),
)
stages.ACK_LIMIT.list(rule("y", TOO_SOON, AckLimitAction.SUPPRESS, "", ""))
stages.ICMP.list(rule("x", all_of(icmp("source-quench"), setting("a")), ErrorAction.DROP, "", ""))
"""


@pytest.fixture(scope="module")
def complaints(tmp_path_factory: pytest.TempPathFactory) -> dict[int, list[str]]:
    """What mypy says of each line of a module that has every statement in question."""
    folder = tmp_path_factory.mktemp("types")
    module = folder / "lists.py"
    module.write_text(HEAD + RIGHT + "".join(f"{text}\n" for text, _ in WRONG.values()))
    root = Path(__file__).parents[3]
    (folder / "mypy.ini").write_text(f"[mypy]\nstrict = true\nmypy_path = {root}\n")
    out, errors, _ = api.run(
        ["--config-file", f"{folder}/mypy.ini", f"--cache-dir={folder}/cache", str(module)]
    )
    assert not errors
    said: dict[int, list[str]] = {}
    for line in out.splitlines():
        place, _, message = line.partition(": error: ")
        if message:
            file, number = place.rsplit(":", 1)
            assert file.endswith("lists.py"), line
            said.setdefault(int(number), []).append(message)
    return said


@pytest.mark.parametrize("what", WRONG)
def test_what_does_not_belong_there_is_an_error(
    what: str, complaints: dict[int, list[str]]
) -> None:
    line = len((HEAD + RIGHT).splitlines()) + 1 + list(WRONG).index(what)
    assert line in complaints, f"mypy accepts {WRONG[what][0]}"


def test_what_belongs_there_is_none(complaints: dict[int, list[str]]) -> None:
    assert [line for line in complaints if line <= len((HEAD + RIGHT).splitlines())] == []
