"""A verdict explained: what was expected, where that is written, what came, and who answers so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

from tw_conformance.model.errors import Place
from tw_conformance.model.verdict import Mismatch, Outcome, Verdict
from tw_conformance.model.words import joined
from tw_conformance.notation.write import step_text
from tw_conformance.report import terminal
from tw_conformance.report.excerpt import excerpt
from tw_conformance.report.ladder import ladder
from tw_conformance.report.style import Style, shown

if TYPE_CHECKING:
    from tw_conformance.play.oracle import OracleAnswer


_AROUND = 2
"""Lines of the case file shown on either side of the step."""
_VERDICT_MARK = {Verdict.PASS: "green", Verdict.FAIL: "red", Verdict.INCONCLUSIVE: "yellow"}


def headline(outcome: Outcome) -> str:
    """The verdict in one line, for summaries."""
    return outcome.reason or outcome.verdict.value


def explain_outcome(
    outcome: Outcome,
    *,
    color: bool,
    capture: Path | str | None,
    places: Sequence[Place] = (),
    answers: Sequence[OracleAnswer] = (),
    width: int = terminal.PLAIN_WIDTH,
) -> str:
    """The whole explanation of one outcome, in at most ``width`` columns but for lines of a file.

    ``places`` are those of the case's steps, where a file has them; ``capture`` is where the
    packets were written, or a sentence why they were not; ``answers`` are the oracle's, for the
    step that decided.
    """
    style = Style(color)
    sections = (
        _head(outcome, style, width),
        _source(outcome, places, style),
        _differences(outcome.mismatches, color, width),
        _ladder(outcome, color, width),
        _expecting_rule(outcome, answers, style, width),
        _other_profiles(outcome, answers, style, width),
        _further(outcome, capture, style, width),
    )
    return "\n\n".join("\n".join(lines) for lines in map(list, sections) if lines)


def _filled(text: str, width: int, *, hang: int) -> str:
    """Wrapped at blanks; the lines behind the first stand ``hang`` columns further in than it."""
    indent = len(text) - len(text.lstrip()) + hang
    return fill(
        *(text, width),
        subsequent_indent=" " * indent,
        break_on_hyphens=False,
        break_long_words=False,
    )


def _head(outcome: Outcome, style: Style, width: int) -> Iterator[str]:
    verdict = outcome.verdict
    held = f"{outcome.target}, held to {outcome.profile}"
    word = style(verdict.value, "bold", _VERDICT_MARK[verdict])
    yield f"{word} {style(outcome.case.id, 'bold')} on {held}"
    yield _filled(f"     {outcome.case.title}", width, hang=0)
    if outcome.reason:
        yield style(_filled(f"     {outcome.reason}", width, hang=0), _VERDICT_MARK[verdict])


def _deciding(outcome: Outcome) -> int | None:
    """The index of the step that decided.  Steps are equal by value: identity finds it."""
    steps = outcome.case.steps
    return next((i for i, step in enumerate(steps) if step is outcome.step), None)


def _source(outcome: Outcome, places: Sequence[Place], style: Style) -> Iterator[str]:
    """The step that decided, and the lines around it in its file."""
    index = _deciding(outcome)
    if index is None:
        return
    if places:
        yield from _marked_lines(places[index], style)
    said = step_text(outcome.case.steps[index], outcome.profile)
    yield style(f"       for {outcome.profile}: {said}", "dim")


def _marked_lines(place: Place, style: Style) -> Iterator[str]:
    yield style(f"{shown(place.file)}:{place.line}", "bold")
    for number, text in excerpt(place, around=_AROUND):
        here = number == place.line
        line = f"{'>' if here else ' '} {number:>4} | {text}"
        yield style(line, "bold") if here else style(line, "dim")


def _differences(mismatches: Sequence[Mismatch], color: bool, width: int) -> Iterator[str]:
    if mismatches:
        rows = [(each.field, each.expected, each.seen) for each in mismatches]
        styles = ("", "green", "red")
        table = terminal.table(("", "expected", "seen"), rows, width=width, styles=styles)
        yield terminal.rendered(table, width, color=color)


def _ladder(outcome: Outcome, color: bool, width: int) -> Iterator[str]:
    if not outcome.transcript.events:
        return
    decided = _deciding(outcome)
    yield ladder(outcome.transcript, outcome.case, width=width, color=color, step=decided)


def _expecting_rule(
    outcome: Outcome, answers: Sequence[OracleAnswer], style: Style, width: int
) -> Iterator[str]:
    """What the documented stack does here, and where that is written."""
    for answer in answers:
        if answer.profile != outcome.profile:
            continue
        if answer.rule is None:
            yield f"{style(answer.profile, 'bold')}: not ruled; nothing is expected of it here"
        elif answer.settings:
            said = ", ".join(f"{name}={value}" for name, value in answer.settings.items())
            yield style(f"with {said} it does what the DUT did: see what the DUT has", "yellow")
        else:
            yield f"{style(answer.profile, 'bold')} by its own rules: {_does(answer)}"
            yield _filled(f"  rule {answer.rule.id}: {answer.rule.says}", width, hang=2)
            yield _filled(f"  source: {'; '.join(answer.rule.source)}", width, hang=2)
            if outcome.verdict is Verdict.FAIL and answer.same_as_seen:
                yield style("  ^ the DUT did just that: look at the case again", "yellow")


def _other_profiles(
    outcome: Outcome, answers: Sequence[OracleAnswer], style: Style, width: int
) -> Iterator[str]:
    others = [answer for answer in answers if answer.profile != outcome.profile]
    if not others:
        return
    yield style("other profiles", "bold")
    alike: dict[tuple[bool, str], list[str]] = {}
    for answer in others:
        if answer.rule is not None:
            alike.setdefault((not answer.same_as_seen, _does(answer)), []).append(answer.profile)
    for (differs, does), names in sorted(alike.items()):
        if not differs:
            said = f"  this is what {joined(names)} {_verb(names)}: {does}"
            yield style(_filled(said, width, hang=2), "yellow")
        else:
            yield _filled(f"  {', '.join(names)}: {does}", width, hang=2)
    if unruled := [answer.profile for answer in others if answer.rule is None]:
        yield _filled(f"  {', '.join(unruled)}: not ruled", width, hang=2)


def _verb(names: Sequence[str]) -> str:
    return "does" if len(names) == 1 else "do"


def _does(answer: OracleAnswer) -> str:
    return f"answers {answer.answer}, then {answer.state}"


def _further(
    outcome: Outcome, capture: Path | str | None, style: Style, width: int
) -> Iterator[str]:
    yield _filled(f"cites:   {'; '.join(outcome.case.cites)}", width, hang=9)
    if isinstance(capture, Path):
        yield f"capture: {style(str(shown(capture)), 'bold')} (open in Wireshark)"
    elif capture:
        yield f"capture: {capture}"
