"""Results: what a run found, as plain data for other programs, and for pages made later.

A file of results is JSON of the form that ``results.schema.json`` describes, with a version that
changes when a reader of the old form would misread the new one.  Nothing in it depends on this
machine's paths: files are named from the root of the cases.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import tw_conformance
from tw_conformance.model.case import Expect
from tw_conformance.model.errors import UsageError
from tw_conformance.model.verdict import Outcome, Verdict
from tw_conformance.notation.matrix import Written
from tw_conformance.notation.write import step_text
from tw_conformance.play.compare import summary
from tw_conformance.play.oracle import OracleAnswer
from tw_conformance.report.excerpt import excerpt
from tw_conformance.report.ladder import rungs
from tw_reference.rules.rule import AnyRule
from tw_reference.segment import Packet

FORMAT, VERSION = "tw-conformance results", 1
LEFT_OUT, ERROR = "LEFT OUT", "ERROR"
"""What stands for a verdict where there is none: what the target lacks, and what went wrong."""
_AROUND = 3
"""Lines of the case file on either side of the step that decided."""


@dataclass(frozen=True, slots=True)
class Dut:
    """A stack under test, held to a profile."""

    target: str
    profile: str
    stack: str
    """What it is, in words: a kernel and its version, or the reference."""
    live: bool
    """Whether packets were seen on a link; the reference speaks from sources."""
    settings: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RuleNamed:
    """A rule of a profile."""

    id: str
    says: str
    source: Sequence[str]


@dataclass(frozen=True, slots=True)
class StepDone:
    """One step: what it says for the profile, what was seen, and the rule that decides there."""

    text: str
    line: int
    seen: str = ""
    """Segments in relative numbers, ``nothing``, a state, what a call gave; empty where the step
    looks at nothing, or was not come to."""
    rule: RuleNamed | None = None


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What another profile, or the same one with other settings, does at the step that decided."""

    profile: str
    answer: str
    state: str
    same: bool
    """Whether the DUT did that."""
    rule: RuleNamed | None = None
    settings: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one case on one DUT.  What explains it is there where it did not pass, and of
    every case where evidence was asked for."""

    id: str
    name: str
    file: str
    line: int
    title: str
    cites: Sequence[str]
    target: str
    profile: str
    verdict: str
    reason: str = ""
    seconds: float = 0.0
    point: Mapping[str, str | int | bool] = field(default_factory=dict)
    steps: Sequence[StepDone] = ()
    decided: int | None = None
    """Index of the step that decided."""
    mismatches: Sequence[Mapping[str, str]] = ()
    elsewhere: Sequence[Elsewhere] = ()
    ladder: Sequence[Mapping[str, Any]] = ()
    excerpt: Sequence[tuple[int, str]] = ()
    """Lines of the case file around the step that decided, by number."""
    capture: str = ""
    """The packets as a pcapng file, in base64."""
    expected: str = ""
    """Why it is known not to pass."""
    cause: str = ""
    """Alike in results that did not pass for the same reason."""


@dataclass(frozen=True, slots=True)
class Results:
    """A whole run, or several."""

    began: str
    """Date and time by ISO 8601."""
    seconds: float
    duts: Sequence[Dut]
    results: Sequence[Result]

    def as_json(self) -> str:
        head = {"format": FORMAT, "version": VERSION, "suite": tw_conformance.__version__}
        return json.dumps({**head, **_slim(asdict(self))}, ensure_ascii=False) + "\n"


def result_of(
    outcome: Outcome,
    written: Written,
    root: Path,
    *,
    rules: Sequence[AnyRule | None],
    answers: Sequence[OracleAnswer] = (),
    evidence: bool = False,
) -> Result:
    """The result that an outcome comes to; ``rules`` are those of its steps, ``answers`` the
    oracle's, for the step that decided."""
    verdict = outcome.verdict.value
    bare = unplayed(written, root, outcome.target, outcome.profile, verdict, outcome.reason)
    result = replace(bare, steps=_steps(outcome, written, rules))
    if outcome.verdict is Verdict.PASS and not evidence:
        return result
    decided = _index(outcome)
    return replace(
        result,
        decided=decided,
        mismatches=[asdict(each) for each in outcome.mismatches],
        elsewhere=[_elsewhere(answer) for answer in answers],
        ladder=[asdict(rung) for rung in rungs(outcome.transcript)],
        excerpt=[] if decided is None else excerpt(written.steps[decided], around=_AROUND),
    )


def unplayed(
    written: Written, root: Path, target: str, profile: str, verdict: str, reason: str
) -> Result:
    """A result of a case of which no packet was seen: ``LEFT OUT`` or ``ERROR``, and why."""
    case, file = written.case, written.place.file
    return Result(
        id=case.id,
        name=case.name,
        file=(file.relative_to(root) if file.is_relative_to(root) else file).as_posix(),
        line=written.place.line,
        title=case.title,
        cites=list(case.cites),
        target=target,
        profile=profile,
        verdict=verdict,
        reason=reason,
        point=dict(case.point),
    )


def read_results(files: Iterable[Path]) -> list[Results]:
    """The results of files.

    :raises UsageError: where one can't be read, or is none of this version.
    """
    return [_read(file) for file in files]


def from_data(
    *,
    began: str,
    seconds: float,
    duts: Iterable[Mapping[str, Any]],
    results: Iterable[Mapping[str, Any]],
) -> Results:
    """What :func:`dataclasses.asdict` or JSON made of results, as results again."""
    return Results(
        began, seconds, [Dut(**each) for each in duts], [_result(each) for each in results]
    )


def _read(file: Path) -> Results:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{file} can't be read: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"{file} is not JSON: {error}") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise UsageError(f"{file} holds no results: write them with run --results FILE")
    if data.get("version") != VERSION:
        raise UsageError(f"{file} has version {data.get('version')} of the format, not {VERSION}")
    from jsonschema import ValidationError, validate

    try:
        validate(data, schema())
    except ValidationError as error:
        raise UsageError(f"{file}: {error.json_path}: {error.message}") from None
    return from_data(**{key: data[key] for key in ("began", "seconds", "duts", "results")})


@cache
def schema() -> dict[str, Any]:
    """The JSON Schema of a file of results."""
    file = Path(tw_conformance.__file__).with_name("results.schema.json")
    text = file.read_text(encoding="utf-8")
    made: dict[str, Any] = json.loads(text)
    return made


def _result(data: Mapping[str, Any]) -> Result:
    steps = [StepDone(**{**each, "rule": _named(each.get("rule"))}) for each in data["steps"]]
    others = [
        Elsewhere(**{**each, "rule": _named(each.get("rule"))})
        for each in data.get("elsewhere", ())
    ]
    excerpt = [(number, text) for number, text in data.get("excerpt", ())]
    return Result(**{**data, "steps": steps, "elsewhere": others, "excerpt": excerpt})


def _named(data: Mapping[str, Any] | None) -> RuleNamed | None:
    return None if data is None else RuleNamed(**data)


def _index(outcome: Outcome) -> int | None:
    """Steps are equal by value: identity finds the one that decided."""
    steps = enumerate(outcome.case.steps)
    return next((index for index, step in steps if step is outcome.step), None)


def _steps(outcome: Outcome, written: Written, rules: Sequence[AnyRule | None]) -> list[StepDone]:
    places = zip(outcome.case.steps, written.steps, rules, strict=True)
    return [
        StepDone(
            text=step_text(step, outcome.profile),
            line=place.line,
            seen=_seen(outcome, index),
            rule=_rule(rule),
        )
        for index, (step, place, rule) in enumerate(places)
    ]


def _seen(outcome: Outcome, index: int) -> str:
    """What was seen at a step: segments, the silence that was proven, or what a note tells of a
    state or a call."""
    transcript = outcome.transcript
    events = [event for event in transcript.events if event.step == index]
    packets = [
        summary(event.packet, transcript.variables_of(event.connection))
        for event in events
        if event.direction == "received"
        and event.probe is None
        and isinstance(event.packet, Packet)
    ]
    if packets or not isinstance(outcome.case.steps[index], Expect):
        notes = [event.note for event in events if event.direction == "note" and event.note]
        return ", ".join(packets or notes)
    decided = _index(outcome)
    proven = outcome.verdict is not Verdict.INCONCLUSIVE or decided is None or index < decided
    return "nothing" if proven and (decided is None or index <= decided) else ""


def _rule(rule: AnyRule | None) -> RuleNamed | None:
    return None if rule is None else RuleNamed(rule.id, rule.says, list(rule.source))


def _elsewhere(answer: OracleAnswer) -> Elsewhere:
    return Elsewhere(
        profile=answer.profile,
        answer=answer.answer,
        state=answer.state,
        same=answer.same_as_seen,
        rule=_rule(answer.rule),
        settings=dict(answer.settings),
    )


def _slim(value: Any) -> Any:
    """Without what says nothing: None, and empty text, lists and mappings, but for ``steps``."""
    if isinstance(value, Mapping):
        slim = {key: _slim(each) for key, each in value.items()}
        return {
            key: each
            for key, each in slim.items()
            if key in ("steps", "results", "duts") or each not in (None, "", [], {})
        }
    if isinstance(value, list | tuple):
        return [_slim(each) for each in value]
    return value
