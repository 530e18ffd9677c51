"""A case of the model as the YAML that loads to it again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import yaml

from tw_conformance.model.case import (
    Answer,
    ByProfile,
    Call,
    Case,
    Expect,
    Expected,
    Reach,
    Send,
    SendIcmp,
    Silence,
    State,
    StateIs,
    Step,
    Through,
    Wait,
)
from tw_conformance.model.expressions import SequenceExpression, TimeExpression
from tw_conformance.notation import answers
from tw_reference.segment import ACK, flag_names

T = TypeVar("T")

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.+|^*-]*(?: ?[+*-] ?[A-Za-z0-9_.^]+)*")
"""Text that every YAML reader takes for itself, wherever it stands."""
_NUMBER = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)
_WRITTEN_APART = frozenset(("flags", "word"))
"""Fields of a segment that no file has under their own name and value."""
_NULLS = frozenset(("null", "Null", "NULL", "true", "false"))


def case_to_yaml(case: Case) -> str:
    """The case as one YAML document, which loads to an equal case.

    A point of a matrix is written out: the document has no matrix, and the name alone is its ID.
    """
    head: dict[str, Any] = {"case": case.name, "title": case.title, "cites": list(case.cites)}
    if case.profiles != ("*",):
        head["profiles"] = list(case.profiles)
    if case.settings:
        head["settings"] = dict(case.settings)
    if reach := _reach(case.reach):
        head["reach"] = reach
    lines = [f"{key}: {_flow(value)}" for key, value in head.items()]
    return "\n".join([*lines, "steps:", *_steps(case)]) + "\n"


def save_case(case: Case, folder: Path, remark: str = "") -> Path:
    """Write the case into the folder, under its own name; ``remark`` goes before it as a comment.

    :raises OSError: where the folder can't be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{case.name}.tw.yaml"
    comment = "".join(f"# {line}\n" for line in remark.splitlines())
    file.write_text(comment + case_to_yaml(case), encoding="utf-8")
    return file


def _reach(reach: Reach) -> dict[str, Any]:
    """What is not as it is where nothing is said."""
    usual = Reach()
    words = {
        "state": reach.state,
        "through": reach.through,
        "family": reach.family,
        "timestamps": _switch(reach.timestamps),
        "window_scale": "off" if reach.window_scale is None else reach.window_scale,
        "mss": "off" if reach.mss is None else reach.mss,
        "open": reach.open,
        "reuse_address": _switch(reach.reuse_address),
    }
    return {key: words[key] for key in words if getattr(reach, key) != getattr(usual, key)}


def _steps(case: Case) -> Iterator[str]:
    last_send: Send | None = None
    for step in case.steps:
        if isinstance(step, Send):
            last_send = step
        yield from _step(step, case.reach.timestamps, last_send)


def _step(step: Step, timestamps: bool, last_send: Send | None) -> Iterator[str]:
    match step:
        case Send():
            yield f"  - send: {_flow(_send(step))}"
        case SendIcmp():
            said = {"icmp": step.icmp, "quotes": step.quotes, "mtu": step.mtu}
            yield f"  - send: {_flow({key: said[key] for key in said if said[key] is not None})}"
        case Expect():
            usual = _usual_answers(timestamps, last_send)
            yield from _by_profile("expect", step.answer, lambda answer: _expected(answer, usual))
            if step.within is not None:
                yield f"    within: {_flow(step.within)}"
        case Wait():
            yield f"  - wait: {_flow(step.duration)}"
        case Call():
            yield f"  - call: {_flow(_call(step))}"
            if step.gives != Call(step.verb).gives:
                yield from _by_profile("gives", step.gives, str, lead="    ")
        case State():
            yield from _by_profile("state", step.state, _state)


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


def _call(call: Call) -> Any:
    options = {
        name: _switch(value) if isinstance(value, bool) else value
        for name, value in call.arguments.items()
    }
    return {call.verb: options} if options else call.verb


def _switch(value: bool) -> str:
    return "on" if value else "off"


def _send(send: Send) -> dict[str, Any]:
    usual = Send(flags=0)
    given = {f.name: getattr(send, f.name) for f in fields(send) if f.name not in _WRITTEN_APART}
    unusual = {name: given[name] for name in given if given[name] != getattr(usual, name)}
    return {"flags": flag_names(send.flags)} | unusual


def _usual_answers(timestamps: bool, last_send: Send | None) -> list[Answer]:
    """The answers that have a word at this point of a script."""
    usual = [answers.ack(timestamps=timestamps)]
    if last_send is not None:
        usual += [answers.syn_ack(), answers.rst(to_ack=bool(last_send.flags & ACK))]
    return usual


def _expected(expected: Expected, usual: list[Answer]) -> Any:
    if isinstance(expected, Silence):
        return "nothing"
    if expected in usual:
        return expected.word
    given = {f.name: getattr(expected, f.name) for f in fields(expected)}
    given = {name: given[name] for name in given if given[name] is not None}
    flags = {} if expected.flags is None else {"flags": flag_names(expected.flags)}
    return flags | {name: given[name] for name in given if name not in _WRITTEN_APART}


def _state(state: StateIs) -> Any:
    return state.name if state.timer is None else {"is": state.name, "timer": state.timer}


def _flow(value: object) -> str:
    """A value in YAML's flow style, on one line."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case SequenceExpression() if _NUMBER.fullmatch(value.text):
            return value.text
        case SequenceExpression() | TimeExpression():
            return _scalar(value.text)
        case Through():
            return value.value
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
