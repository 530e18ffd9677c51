"""The page of a run: one file that a person opens, keeps and mails.

Everything is in it: style, filters, ladders, captures; it loads nothing.  Without scripts it is a
document that reads from top to bottom, and prints.  What did not pass for one reason is explained
once, by the first of its variants; what passed is a line for each case, stacks that differ apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import PurePosixPath

import tw_conformance
from tw_conformance.model.words import number_of
from tw_conformance.report.ladder_picture import ladder_picture
from tw_conformance.report.results import Dut, Elsewhere, Result, Results, RuleNamed

VERDICTS = ("FAIL", "ERROR", "INCONCLUSIVE", "LEFT OUT", "PASS")
"""In the order in which they matter."""
_EXPLAINED = ("FAIL", "ERROR", "INCONCLUSIVE")


def page(found: Results) -> str:
    """The results as one page of HTML."""
    return "\n".join(
        (
            *_head(found),
            *_filters(found),
            "<main>",
            *_explanations(found),
            *_overview(found),
            *_all_cases(found),
            "</main>",
            f"<script>{resource('page.js')}</script>",
            "</body></html>",
            "",
        )
    )


def resource(name: str) -> str:
    """The text of a file of this folder."""
    return files("tw_conformance.report").joinpath(name).read_text(encoding="utf-8")


# -- head ------------------------------------------------------------------------------------------


def _head(found: Results) -> Iterator[str]:
    counts = Counter(result.verdict for result in found.results)
    total = sum(counts.values())
    said = ", ".join(f"{counts[v]:,} {v}" for v in VERDICTS if counts[v]) or "no case was played"
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>TIME-WAIT conformance: {escape(said)}</title>"
    yield f"<style>{resource('page.css')}</style></head><body>"
    yield "<header><h1>TIME-WAIT conformance</h1>"
    yield f'<p><span class="mono">{escape(found.began)}</span>, {found.seconds:,.0f} s,'
    yield f" tw-conformance {escape(tw_conformance.__version__)}</p>"
    parts = "".join(
        f'<span class="{_css(verdict)}" style="flex:{counts[verdict]}"></span>'
        for verdict in reversed(VERDICTS)
        if counts[verdict]
    )
    yield f'<div class="bar" role="img" aria-label="{escape(said)}">{parts}</div>'
    yield f"<p>{number_of(total, 'result')}: {_counts(counts)}</p>"
    yield from _duts(found.duts, found.results)
    yield "</header>"


def _duts(duts: Sequence[Dut], results: Sequence[Result]) -> Iterator[str]:
    by_dut: dict[tuple[str, str], Counter[str]] = {}
    for result in results:
        by_dut.setdefault((result.target, result.profile), Counter())[result.verdict] += 1
    yield '<div class="wide"><table><caption class="faint">Stacks under test</caption>'
    yield _row(("target", "held to", "what it is", "settings", "results"), cell="th")
    for dut in duts:
        settings = " ".join(f"{name}={value}" for name, value in dut.settings.items())
        known = number_of(len(dut.settings), "setting")
        seen = dut.stack if dut.live else f"{dut.stack} (from its sources)"
        folded = f"<details><summary>{known}</summary>{escape(settings)}</details>"
        cells = (escape(dut.target), escape(dut.profile), escape(seen), folded if settings else "")
        yield _row((*cells, _counts(by_dut.get((dut.target, dut.profile), Counter()))))
    yield "</table></div>"


# -- filters ---------------------------------------------------------------------------------------


def _filters(found: Results) -> Iterator[str]:
    results = found.results
    yield '<form aria-label="Filters">'
    yield "<fieldset><legend>verdict</legend>"
    for verdict in VERDICTS:
        if any(result.verdict == verdict for result in results):
            box = f'<input type="checkbox" name="verdict" value="{verdict}" checked>'
            yield f'<label>{box} <span class="{_css(verdict)}">{verdict}</span></label>'
    yield "</fieldset>"
    yield _choice("dut", "stack", dict.fromkeys(map(_dut, results)))
    yield _choice("clause", "clause", sorted({cite for each in results for cite in each.cites}))
    yield _choice("rule", "rule", sorted({rule for each in results for rule in _rules(each)}))
    yield '<label>text <input type="search" name="text" placeholder="words"></label>'
    yield '<output id="shown" class="faint" aria-live="polite"></output></form>'


def _choice(name: str, label: str, values: Iterable[str]) -> str:
    options = "".join(f"<option>{escape(value)}</option>" for value in values)
    everything = '<option value="">any</option>'
    return f'<label>{label} <select name="{name}">{everything}{options}</select></label>'


# -- what did not pass -----------------------------------------------------------------------------


def _explanations(found: Results) -> Iterator[str]:
    groups: dict[str, list[Result]] = {}
    for result in found.results:
        if result.verdict in _EXPLAINED:
            alike = result.cause or f"{result.verdict} {_dut(result)} {result.reason}"
            groups.setdefault(alike, []).append(result)
    if not groups:
        return
    ordered = sorted(groups.values(), key=lambda group: VERDICTS.index(group[0].verdict))
    yield '<section id="failed" class="area"><h2>What did not pass</h2>'
    for group in ordered:
        yield from _explanation(group)
    yield "</section>"


def _explanation(group: Sequence[Result]) -> Iterator[str]:
    first = group[0]
    more = f" and {len(group) - 1:,} more" if group[1:] else ""
    known = f' <span class="faint">known: {escape(first.expected)}</span>' if first.expected else ""
    yield f"<details {_attributes(*group)}><summary>{_verdict(first.verdict)}"
    yield f' <code>{escape(first.id)}</code>{more} <span class="faint">on {escape(_dut(first))}'
    yield f"</span><br>{escape(first.reason)}{known}</summary>"
    yield f'<div class="inside"><p>{escape(first.title)}</p>'
    yield from _mismatches(first)
    if first.ladder:
        yield ladder_picture(first.ladder, first.decided, f"The packets of {first.id}")
    yield from _elsewhere(first)
    yield from _excerpt(first)
    yield f'<p class="faint">cites {escape("; ".join(first.cites))}</p>'
    if first.capture:
        name = escape(f"{first.id}@{first.target}.pcapng".replace("/", "_"))
        yield f'<p class="download"><a download="{name}"'
        yield f' href="data:application/x-pcapng;base64,{first.capture}">capture</a></p>'
    if group[1:]:
        names = "".join(f"<li><code>{escape(each.id)}</code></li>" for each in group[1:])
        yield f'<p>the same in</p><ul class="names">{names}</ul>'
    yield "</div></details>"


def _mismatches(result: Result) -> Iterator[str]:
    if result.mismatches:
        yield "<table>" + _row(("", "expected", "seen"), cell="th")
        for each in result.mismatches:
            code = [f"<code>{escape(each[key])}</code>" for key in ("expected", "seen")]
            yield _row((escape(each["field"]), *code))
        yield "</table>"


def _elsewhere(result: Result) -> Iterator[str]:
    own = [each for each in result.elsewhere if each.profile == result.profile]
    for each in own:
        if each.rule is None:
            yield f"<p>{escape(each.profile)}: not ruled; nothing is expected of it here</p>"
        elif each.settings:
            said = ", ".join(f"{name}={value}" for name, value in each.settings.items())
            yield f"<p>With {escape(said)} it does what the DUT did: see what the DUT has.</p>"
        else:
            yield f"<p>{escape(each.profile)} {_does(each)}, by {_rule(each.rule)}</p>"
    groups: dict[tuple[bool, str], list[str]] = {}
    for each in result.elsewhere:
        if each.profile != result.profile:
            said = _does(each) if each.rule else "has no rule here"
            groups.setdefault((each.same and each.rule is not None, said), []).append(each.profile)
    if groups:
        yield "<table>" + _row(("other profiles", "", ""), cell="th")
        for (same, does), names in sorted(groups.items(), reverse=True):
            mark = "as the DUT did" if same else ""
            yield _row((escape(", ".join(names)), does, f"<strong>{mark}</strong>"))
        yield "</table>"


def _does(each: Elsewhere) -> str:
    return f"answers <code>{escape(each.answer)}</code>, then {escape(each.state)}"


def _rule(rule: RuleNamed) -> str:
    source = escape("; ".join(rule.source))
    return (
        f'<code>{escape(rule.id)}</code>: {escape(rule.says)} <span class="faint">{source}</span>'
    )


def _excerpt(result: Result) -> Iterator[str]:
    if not result.excerpt or result.decided is None:
        return
    here = result.steps[result.decided].line
    lines = (
        f"<mark>&gt; {number:>4} | {escape(text)}</mark>"
        if number == here
        else f"  {number:>4} | {escape(text)}"
        for number, text in result.excerpt
    )
    yield f'<p class="faint"><code>{escape(result.file)}:{here}</code></p>'
    yield "<pre>" + "\n".join(lines) + "</pre>"


# -- tables ----------------------------------------------------------------------------------------


def _overview(found: Results) -> Iterator[str]:
    by_area: dict[str, Counter[str]] = {}
    by_clause: dict[str, Counter[str]] = {}
    for result in found.results:
        by_area.setdefault(_area(result), Counter())[result.verdict] += 1
        for cite in result.cites:
            by_clause.setdefault(cite, Counter())[result.verdict] += 1
    for heading, name, counted in (
        ("By area", "area", by_area),
        ("By clause", "clause", by_clause),
    ):
        yield f"<section><details{' open' if counted is by_area else ''}><summary>"
        yield f'<strong>{heading}</strong></summary><div class="wide"><table>'
        present = [v for v in VERDICTS if any(counts[v] for counts in counted.values())]
        yield _row((name, *present), cell="th", numbers=True)
        for key, counts in sorted(counted.items()):
            yield _row((escape(key), *(f"{counts[v]:,}" for v in present)), numbers=True)
        yield "</table></div></details></section>"


def _all_cases(found: Results) -> Iterator[str]:
    areas: dict[str, dict[str, list[Result]]] = {}
    for result in found.results:
        areas.setdefault(_area(result), {}).setdefault(result.name, []).append(result)
    yield "<h2>All cases</h2>"
    for area, cases in sorted(areas.items()):
        yield f'<section class="area"><h3>{escape(area)}</h3>'
        for results in cases.values():
            yield from _case(results)
        yield "</section>"


def _case(results: Sequence[Result]) -> Iterator[str]:
    """A line for each verdict of a case, and for stacks that came to it another way; its variants
    inside."""
    groups: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        groups.setdefault((_dut(result), result.verdict), []).append(result)
    entries: dict[tuple[str, str], list[list[Result]]] = {}
    for (_, verdict), variants in groups.items():
        inside = "".join(_inside(variants))
        entries.setdefault((verdict, inside), []).append(variants)
    for (_, inside), alike in entries.items():
        yield from _entry(alike, inside)


def _entry(alike: Sequence[Sequence[Result]], inside: str) -> Iterator[str]:
    """``alike``: the variants on each stack, which are told in the same words."""
    first = alike[0][0]
    stacks = f"{len(alike)} stacks" if alike[1:] else _dut(first)
    cases = number_of(sum(map(len, alike)), "case")
    counts = "|".join(str(len(variants)) for variants in alike)
    results = [result for variants in alike for result in variants]
    yield f'<details {_attributes(*results)} data-cases="{counts}"><summary>'
    yield f"{_verdict(first.verdict)} <code>{escape(first.name)}</code> {escape(stacks)}"
    yield f' <span class="faint">{cases}: {escape(first.title)}</span></summary>'
    yield '<div class="inside">'
    if alike[1:]:
        yield f"<p>{escape(', '.join(_dut(variants[0]) for variants in alike))}</p>"
    yield f"{inside}</div></details>"


def _inside(variants: Sequence[Result]) -> Iterator[str]:
    first = variants[0]
    yield from _steps(first)
    names = "".join(f"<li><code>{escape(_point(each))}</code></li>" for each in variants)
    yield f'<ul class="names">{names}</ul>'
    if first.verdict == "LEFT OUT":
        yield f"<p>{escape(first.reason)}</p>"
    yield f'<p class="faint">{escape("; ".join(first.cites))}</p>'


def _steps(result: Result) -> Iterator[str]:
    if not result.steps:
        return
    yield '<div class="wide"><table>' + _row(("step", "seen", "rule"), cell="th")
    for step in result.steps:
        rule = f"<code>{escape(step.rule.id)}</code>" if step.rule and step.seen else ""
        yield _row((f"<code>{escape(step.text)}</code>", f"<code>{escape(step.seen)}</code>", rule))
    yield "</table></div>"


# -- small parts -----------------------------------------------------------------------------------


def _attributes(*results: Result) -> str:
    """What the filters ask of an entry about these results, which have one verdict."""
    said = {
        "verdict": [results[0].verdict],
        "dut": map(_dut, results),
        "cites": (cite for each in results for cite in each.cites),
        "rules": (rule for each in results for rule in _rules(each)),
    }
    return " ".join(
        f'data-{name}="{escape("|".join(dict.fromkeys(values)))}"' for name, values in said.items()
    )


def _rules(result: Result) -> list[str]:
    """The rules that decided what its steps saw."""
    return list(dict.fromkeys(step.rule.id for step in result.steps if step.rule and step.seen))


def _dut(result: Result) -> str:
    if result.target == "reference":
        return f"reference {result.profile}"
    return f"{result.target}, held to {result.profile}"


def _area(result: Result) -> str:
    return PurePosixPath(result.file).parent.name or "cases"


def _point(result: Result) -> str:
    return result.id.partition("[")[2].rstrip("]") or result.id


def _verdict(verdict: str) -> str:
    return f'<span class="v {_css(verdict)}">{verdict}</span>'


def _css(verdict: str) -> str:
    return verdict.partition(" ")[0]


def _counts(counts: Mapping[str, int]) -> str:
    said = (f"{counts[v]:,} {_verdict(v)}" for v in VERDICTS if counts.get(v))
    return ", ".join(said) or "none"


def _row(cells: Iterable[str], *, cell: str = "td", numbers: bool = False) -> str:
    """A row of a table, of cells that are HTML; ``numbers``: all but the first are."""
    made = (
        f"<{cell}{' class=n' if numbers and index else ''}>{content}</{cell}>"
        for index, content in enumerate(cells)
    )
    return f"<tr>{''.join(made)}</tr>"
