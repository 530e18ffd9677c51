"""A case as text: the YAML that loads to it again, and one line for each step.

Both are written from the same plain data, which the schema's definitions make of the model: what a
field is called, and what its values look like, is said there and nowhere else.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar, assert_never

import yaml

import tw_conformance
from tw_conformance.model.case import (
    NOTHING,
    OK,
    AllOf,
    Answer,
    AnyOf,
    ByProfile,
    Call,
    Case,
    Counters,
    Expect,
    Expected,
    ExpectState,
    Not,
    OnConnection,
    OneAnswer,
    Open,
    Reach,
    Send,
    SendIcmp,
    StateIs,
    Step,
    Wait,
)
from tw_conformance.notation import answers
from tw_conformance.notation.build import ONLY_ARGUMENT
from tw_conformance.notation.schema import keys_of, kind_of
from tw_conformance.notation.values import written
from tw_reference.segment import ACK

T = TypeVar("T")

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.+|^*-]*(?: ?[+*-] ?[A-Za-z0-9_.^]+)*")
"""Text that every YAML reader takes for itself, wherever it stands."""
_NULLS = frozenset(("null", "Null", "NULL", "true", "false"))
_NO_REMARKS: Mapping[int, Sequence[str]] = MappingProxyType({})
_SAYS_NOTHING = "(says nothing about this profile)"

# -- a case as plain data ------------------------------------------------------------------------


def _fields(part: object, definition: str, usual: object, always: str = "") -> dict[str, Any]:
    """The fields of a part of a case that are not as usual, and ``always``, as a file has them."""
    return {
        key: _plain(getattr(part, key), kind_of(definition, key))
        for key in keys_of(definition)
        if key == always or getattr(part, key) != getattr(usual, key)
    }


def _plain(value: Any, kind: str) -> Any:
    if isinstance(value, Mapping):
        return {key: written(value[key], kind_of(kind, key)) for key in value}
    return written(value, kind)


def _injection(step: Send | SendIcmp) -> dict[str, Any]:
    if isinstance(step, Send):
        return _fields(step, "send", Send(flags=0), always="flags")
    return _fields(step, "send_icmp", SendIcmp("net-unreachable"), always="icmp")


def _open(step: Open) -> Any:
    differs = {key: written(step.differs[key], kind_of("open_like", key)) for key in step.differs}
    own: dict[str, Any] = {} if step.peer == "same" else {"peer": step.peer}
    if step.times is not None:
        own["times"] = step.times
    return {"name": step.name, **own, **differs} if own or differs else step.name


def _call(call: Call) -> Any:
    if not call.arguments:
        return call.verb
    if call.verb in ONLY_ARGUMENT:
        return {call.verb: call.arguments[ONLY_ARGUMENT[call.verb]]}
    return {call.verb: _plain(call.arguments, call.verb)}


def _expected(expected: Expected, usual: list[Answer]) -> Any:
    match expected:
        case AnyOf():
            return {"any": [_one_answer(choice, usual) for choice in expected.choices]}
        case Not():
            return {"not": _one_answer(expected.of, usual)}
        case AllOf():
            # Fields are written as such, since no word stands beside any or not.
            parts = (_expected(part, []) for part in expected.parts)
            return {key: part[key] for part in parts for key in part}
        case _:
            return _one_answer(expected, usual)


def _one_answer(expected: OneAnswer, usual: list[Answer]) -> Any:
    if expected is NOTHING:
        return "nothing"
    if expected in usual:
        return expected.word
    return _fields(expected, "answer", Answer())


def _state(state: StateIs) -> Any:
    return state.name if state.timer is None else {"is": state.name, "timer": state.timer}


# -- as YAML -------------------------------------------------------------------------------------


def case_to_yaml(
    case: Case,
    matrix: Mapping[str, Sequence[str]] | None = None,
    *,
    beside: Mapping[int, Sequence[str]] = _NO_REMARKS,
) -> str:
    """The case as one YAML document, which loads to an equal case.

    A point of a matrix is written out: the document has no matrix, and the name alone is its ID.
    ``matrix`` are values of the connection's fields of which each makes a case of its own;
    ``beside`` are remarks on the steps by their index, which become comments.
    """
    head: dict[str, Any] = {"case": case.name, "title": case.title, "cites": list(case.cites)}
    if case.profiles != ("*",):
        head["profiles"] = list(case.profiles)
    if case.settings:
        head["settings"] = dict(case.settings)
    reach = _fields(case.reach, "reach", Reach())
    if reach := {key: value for key, value in reach.items() if key not in (matrix or {})}:
        head["reach"] = reach
    if matrix:
        head["matrix"] = {name: list(values) for name, values in matrix.items()}
    lines = [f"{key}: {_flow(value)}" for key, value in head.items()]
    return "\n".join([*lines, "steps:", *_steps(case, beside)]) + "\n"


def save_case(
    case: Case,
    folder: Path,
    remark: str = "",
    matrix: Mapping[str, Sequence[str]] | None = None,
    *,
    beside: Mapping[int, Sequence[str]] = _NO_REMARKS,
) -> Path:
    """Write the case into the folder, under its own name; ``remark`` goes before it as a comment,
    and ``matrix`` and ``beside`` are those of :func:`case_to_yaml`.

    :raises OSError: where the folder can't be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{case.name}.tw.yaml"
    comment = "".join(f"# {line}\n" for line in remark.splitlines())
    file.write_text(comment + case_to_yaml(case, matrix, beside=beside), encoding="utf-8")
    return file


def schema_comment(folder: Path) -> str:
    """What the first comment of a file in that folder says, by which an editor finds the schema."""
    schema = Path(tw_conformance.__file__).parent / "case.schema.json"
    return f"yaml-language-server: $schema={os.path.relpath(schema, folder)}"


def _steps(case: Case, beside: Mapping[int, Sequence[str]]) -> Iterator[str]:
    last_send: dict[str, Send] = {}
    connections = case.connections()
    for index, step in enumerate(case.steps):
        on = step.on if isinstance(step, OnConnection) else ""
        if isinstance(step, Send):
            last_send[on] = step
        lines = _step(step, connections[on].timestamps, last_send.get(on))
        if on:
            yield f"  - on: {_flow(on)}"
            yield "    " + next(lines).removeprefix("  - ")
        yield from lines
        yield from (f"    # {said}" for said in beside.get(index, ()))


def _step(step: Step, timestamps: bool, last_send: Send | None) -> Iterator[str]:
    match step:
        case Send() | SendIcmp():
            yield f"  - send: {_flow(_injection(step))}"
        case Expect():
            usual = _usual_answers(timestamps, last_send)
            yield from _by_profile("expect", step.answer, lambda answer: _expected(answer, usual))
            if step.within is not None:
                yield f"    within: {_flow(step.within.text)}"
        case Wait():
            yield f"  - wait: {_flow(step.duration.text)}"
        case Call():
            yield f"  - call: {_flow(_call(step))}"
            if step.gives != Call(step.verb).gives:
                yield from _by_profile("gives", step.gives, str, lead="    ")
        case ExpectState():
            yield from _by_profile("state", step.state, _state)
        case Counters():
            yield f"  - counters: {_flow(step.moved)}"
        case Open():
            yield f"  - open: {_flow(_open(step))}"
        case _:
            assert_never(step)


def _by_profile(
    key: str, choices: ByProfile[T], said: Callable[[T], Any], *, lead: str = "  - "
) -> Iterator[str]:
    """One value for all, on one line, or a line for each glob; ``*`` at the end is the default."""
    if [glob for glob, _ in choices.choices] == ["*"]:
        yield f"{lead}{key}: {_flow(said(choices.choices[0][1]))}"
        return
    yield f"{lead}{key}:"
    last = len(choices.choices) - 1
    for index, (glob, value) in enumerate(choices.choices):
        name = "default" if glob == "*" and index == last else glob
        yield f"      {_flow(name)}: {_flow(said(value))}"


def _usual_answers(timestamps: bool, last_send: Send | None) -> list[Answer]:
    """The answers that have a word at this point of a script."""
    usual = [answers.ack(timestamps=timestamps)]
    if last_send is not None:
        usual += [answers.syn_ack(), answers.rst(to_ack=bool(last_send.flags & ACK))]
    return usual


def _flow(value: object) -> str:
    """Plain data in YAML's flow style, on one line."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case Mapping():
            return f"{{{', '.join(f'{_scalar(key)}: {_flow(value[key])}' for key in value)}}}"
        case list():
            return f"[{', '.join(_flow(item) for item in value)}]"
        case _:
            return _scalar(str(value))


def _scalar(text: str) -> str:
    if _PLAIN.fullmatch(text) and text not in _NULLS:
        return text
    quoted: str = yaml.dump(text, default_style='"', allow_unicode=True, width=float("inf"))
    return quoted.rstrip("\n")


# -- as lines ------------------------------------------------------------------------------------


def script(case: Case, profile: str) -> str:
    """All steps of a case for one profile, one a line, after what is done to get there."""
    lines = [f"reach  {_reach_line(case.reach)}"]
    if case.settings:
        lines.insert(0, f"set    {_words(case.settings)}")
    lines += [step_text(step, profile) for step in case.steps]
    return "\n".join(f"  {line}" for line in lines)


def step_text(step: Step, profile: str) -> str:
    """What that step says for that profile, in one line."""
    text = _step_text(step, profile)
    return f"{text} on {step.on}" if isinstance(step, OnConnection) and step.on else text


def _step_text(step: Step, profile: str) -> str:
    match step:
        case Send() | SendIcmp():
            return f"send   {_words(_injection(step))}"
        case Expect():
            within = f" within {step.within.text}" if step.within else ""
            return f"expect {expected_text(step.answer.choose(profile))}{within}"
        case Wait():
            return f"wait   {step.duration.text}"
        case Call():
            gives = step.gives.choose(profile)
            return f"call   {step.text}" + (
                "" if gives == OK else f" gives {gives or _SAYS_NOTHING}"
            )
        case ExpectState():
            state = step.state.choose(profile)
            return f"state  {_SAYS_NOTHING if state is None else _state_text(state)}"
        case Counters():
            return f"counters {_words(step.moved)}"
        case Open():
            said = _open(step)
            return f"open   {said if isinstance(said, str) else _words(said)}"
        case _:
            assert_never(step)


def expected_text(expected: Expected | None) -> str:
    """An expected answer: ``nothing``, or the fields that are constrained."""
    match expected:
        case None:
            return _SAYS_NOTHING
        case AnyOf():
            return " or ".join(map(expected_text, expected.choices))
        case Not():
            return f"not {expected_text(expected.of)}"
        case AllOf():
            return " and ".join(map(expected_text, expected.parts))
        case Answer():
            words = _words(_one_answer(expected, [])) or "any segment"
            return words + (f"   ({expected.word})" if expected.word else "")
        case _:
            return "nothing"


def _state_text(state: StateIs) -> str:
    return state.name + (f", timer {state.timer}" if state.timer else "")


def _words(fields: Mapping[str, Any]) -> str:
    """``RST seq=rcv_nxt+1``: what says it all by its value goes without its key."""
    return " ".join(_word(key, value) for key, value in fields.items())


def _word(key: str, value: Any) -> str:
    if key == "flags":
        return str(value)
    if key == "icmp":
        return f"ICMP {value}"
    return key if value is True else f"{key}={value}"


def _reach_line(reach: Reach) -> str:
    through = f" through {reach.through.value}" if reach.state == "TIME-WAIT" else ""
    stamps = "with timestamps" if reach.timestamps else "without timestamps"
    mss = "no MSS option" if reach.mss is None else f"MSS {reach.mss}"
    said = ("state", "through", "family", "timestamps", "mss")
    others = _fields(reach, "reach", Reach())
    more = "".join(f", {_more(key, others[key])}" for key in others if key not in said)
    return f"{reach.state}{through} over {reach.family}, {stamps}, {mss}{more}"


def _more(key: str, value: Any) -> str:
    """What is unusual about a connection: ``window scale 7``, ``opened by the DUT``."""
    match key, value:
        case "open", _:
            return "opened by the DUT"
        case "reuse_address", _:
            return "without SO_REUSEADDR"
        case "accepts", _:
            return "never accepted"
        case "options", Mapping():
            return f"set {_words(value)}"
        case _:
            return f"{key.replace('_', ' ')} {value}"
