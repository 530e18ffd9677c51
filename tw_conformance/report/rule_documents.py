"""Decision lists as a person reads them: one profile, two side by side, one segment's way
through."""

from __future__ import annotations

from collections.abc import Iterator

from tw_conformance.notation.stimulus import Stimulus
from tw_conformance.play.numbers import relative
from tw_conformance.report.document import Block, Heading, Paragraph, Table, TableRow
from tw_conformance.report.segment_text import segment_fields
from tw_reference.clock import SECOND
from tw_reference.difference import (
    Kind,
    RulePair,
    RulePosition,
    SettingPair,
    differing_lists,
    differing_settings,
)
from tw_reference.explain import Explanation, Passage
from tw_reference.profiles.profile import Profile, Setting
from tw_reference.rules.decision import AnyList, AnyStage
from tw_reference.rules.rule import AnyRule
from tw_reference.segment import SYN, Packet, flag_names
from tw_reference.state import Snapshot

_MARK = {
    Kind.SAME: "=",
    Kind.DIFFERS: "!",
    Kind.ONLY_FIRST: "<",
    Kind.ONLY_SECOND: ">",
}
GO_ON = "go on"
"""What a note does after all else: the next rule is looked at."""

_RULE_HEADER = ("#", "rule", "when", "then")
_RULE_DETAILS = ("in a sentence", "source")


# -- one profile ---------------------------------------------------------------------------------


def profile_document(
    profile: Profile, stage: AnyStage | None = None, level: int = 1
) -> list[Block]:
    """All lists and settings of a profile, or one list; headings from ``level`` on."""
    blocks: list[Block] = [Heading(level, profile.name), Paragraph(about(profile))]
    for rules in profile.lists():
        if stage in (None, rules.stage):
            blocks += [Heading(level + 1, str(rules.stage)), _rules_table(rules)]
    if stage is None and profile.settings:
        blocks += [Heading(level + 1, "settings"), _settings_table(profile)]
    return blocks


def about(profile: Profile) -> str:
    """Title, ancestry, and how long a block lives."""
    settings = profile.defaults()
    life, late = profile.lifetime(settings), profile.lateness(settings)
    descent = "" if profile.parent is None else f" Derived from {profile.parent}."
    return (
        f"{profile.title}.{descent} A block lives {seconds(life)}, "
        f"and up to {seconds(late)} longer until it is deleted."
    )


def actions(rule: AnyRule) -> str:
    """What the rule does; a note says that the list goes on."""
    counts = (f"count {rule.counts}",) if rule.counts else ()
    goes_on = () if rule.decides else (GO_ON,)
    return "; ".join((*(action.value for action in rule.then), *counts, *goes_on))


def sources(rule: AnyRule) -> str:
    return "; ".join(rule.source)


def seconds(nanoseconds: int) -> str:
    return f"{nanoseconds / SECOND:g} s"


def _rules_table(rules: AnyList) -> Table:
    rows = [
        TableRow((str(number), rule.id, rule.when.text, actions(rule)), (rule.says, sources(rule)))
        for number, rule in enumerate(rules, start=1)
    ]
    return Table(_RULE_HEADER, rows, _RULE_DETAILS, code=frozenset({1}))


def _settings_table(profile: Profile) -> Table:
    rows = [
        TableRow((name, str(setting.default), _meaning(setting), setting.source))
        for name, setting in profile.settings.items()
    ]
    header = ("setting", "default", "meaning", "source")
    return Table(header, rows, code=frozenset({0}))


def _meaning(setting: Setting) -> str:
    least = setting.least
    return setting.says if least is None else f"{setting.says} Below {least} it changes nothing."


# -- two profiles --------------------------------------------------------------------------------


def difference_document(
    first: Profile,
    second: Profile,
    stage: AnyStage | None = None,
    *,
    level: int = 1,
    brief: bool = False,
) -> list[Block]:
    """Two profiles side by side, stage by stage; ``brief`` leaves out what is the same, and what
    each of them is."""
    a, b = first.name, second.name
    blocks: list[Block] = [Heading(level, f"{a} and {b}")]
    if not brief:
        blocks += [Paragraph(f"{profile.name}: {about(profile)}") for profile in (first, second)]
    same = "" if brief else "= the same condition and actions, in the same order; "
    blocks.append(Paragraph(f"{same}! counterparts that differ; < only {a}; > only {b}."))
    for difference in differing_lists(first, second):
        if stage not in (None, difference.stage):
            continue
        pairs = [p for p in difference.pairs if not (brief and p.kind is Kind.SAME)]
        if pairs:
            rows = [_pair_row(pair) for pair in pairs]
            table = Table(("", a, b), rows)
            blocks += [Heading(level + 1, str(difference.stage)), table]
    if stage is None:
        blocks += _settings_difference(first, second, level + 1, brief)
    return blocks


def _pair_row(pair: RulePair) -> TableRow:
    same = pair.kind is Kind.SAME
    cells = (_place(place, same) for place in (pair.first, pair.second))
    return TableRow((_MARK[pair.kind], *cells))


def _place(place: RulePosition | None, same: bool) -> str:
    if place is None:
        return ""
    name = f"{place.position} {place.rule.id}"
    return name if same else f"{name}: {place.rule.when.text} -> {actions(place.rule)}"


def _settings_difference(
    first: Profile, second: Profile, level: int, brief: bool
) -> Iterator[Block]:
    pairs = [
        pair for pair in differing_settings(first, second) if not (brief and pair.kind is Kind.SAME)
    ]
    if pairs:
        header = ("", "setting", first.name, second.name, "meaning")
        yield Heading(level, "settings")
        yield Table(header, [_setting_row(pair) for pair in pairs], code=frozenset({1}))


def _setting_row(pair: SettingPair) -> TableRow:
    values = ("" if s is None else str(s.default) for s in (pair.first, pair.second))
    says = next(setting.says for setting in (pair.first, pair.second) if setting is not None)
    return TableRow((_MARK[pair.kind], pair.name, *values, says))


# -- one segment ---------------------------------------------------------------------------------


def explanation_document(stimulus: Stimulus, explanation: Explanation) -> list[Block]:
    """One segment's way through the lists of one profile, and what came of it."""
    blocks: list[Block] = [
        Heading(1, f"{explanation.profile.name}: {stimulus.text}"),
        Paragraph(f"{_capital(situation_words(stimulus))}."),
    ]
    if not explanation.ruled:
        blocks.append(
            Paragraph(
                f"Not ruled: {explanation.profile.name} has no rule for a segment in "
                f"{explanation.before.state}.  The reference goes on as RFC 9293 section 3.10.7 "
                "says; nothing is expected of the stack."
            )
        )
    for passage in explanation.passages:
        blocks += [Heading(2, str(passage.stage)), _passage_table(passage)]
    blocks += [Heading(2, "outcome"), Paragraph(f"Sent: {'; '.join(sent_words(explanation))}.")]
    blocks.append(_outcome_table(explanation))
    return blocks


def situation_words(stimulus: Stimulus) -> str:
    """What the segment finds, in words."""
    listener = {
        "yes": "a listener on the port",
        "no": "no listener on the port",
        "full": "a listener with a full queue on the port",
    }
    parts = [
        f"{stimulus.state} for {stimulus.age}",
        f"timestamps {'on' if stimulus.timestamps else 'off'}",
        listener[stimulus.listener],
    ]
    if stimulus.last_ack is not None:
        parts.append(f"a rate-limited ACK sent {stimulus.last_ack} ago")
    parts += [f"{name} = {value}" for name, value in stimulus.settings.items()]
    return ", ".join(parts)


def sent_words(explanation: Explanation) -> list[str]:
    """Each segment sent, in relative numbers; ``nothing`` where none was."""
    return [_sent(packet, explanation) for packet in explanation.sent] or ["nothing"]


def iss_is_above(packet: Packet, explanation: Explanation) -> bool:
    """Whether a SYN-ACK has the ISS that TIME-WAIT chose."""
    above = explanation.profile.traits.iss_above(explanation.variables["snd_nxt"])
    return packet.segment.seq == above


def _sent(packet: Packet, explanation: Explanation) -> str:
    segment, variables = packet.segment, explanation.variables
    if not segment.flags & SYN:
        return segment_fields(segment, sent=False, reaching=False, variables=variables)
    step = explanation.profile.traits.iss_step
    iss = f"snd_nxt+{step}" if iss_is_above(packet, explanation) else "a new ISS"
    ack = relative(segment.ack, variables, "rcv_nxt", however_far=True)
    return f"{flag_names(segment.flags)} seq={iss} ack={ack}"


def _passage_table(passage: Passage) -> Table:
    rows = [
        TableRow((str(number), rule.id, "no", f"needs: {false_part}"))
        if false_part
        else _fired_row(number, rule)
        for number, (rule, false_part) in enumerate(passage.passed, start=1)
    ]
    rows.append(_fired_row(len(rows) + 1, passage.fired))
    header = ("#", "rule", "fires", "why not, or what it does")
    return Table(header, rows, _RULE_DETAILS, code=frozenset({1}))


def _fired_row(number: int, rule: AnyRule) -> TableRow:
    cells = str(number), rule.id, "yes", f"does: {actions(rule)}"
    return TableRow(cells, (rule.says, sources(rule)))


def _outcome_table(explanation: Explanation) -> Table:
    before, after = explanation.before, explanation.after
    rows = [TableRow(("state", before.state, after.state))]
    held = "timer", _timer(before, explanation.now), _timer(after, explanation.now)
    if explanation.restarted:
        held = *held[:2], f"{held[2]}, set anew"
    rows.append(TableRow(held))
    for name in ("rcv_nxt", "ts_recent"):
        values = [_number(snapshot, name, explanation) for snapshot in (before, after)]
        if all(values) and values[0] != values[1]:
            rows.append(TableRow((name, *values)))
    return Table(("", "before", "after"), rows)


def _timer(snapshot: Snapshot, now: int) -> str:
    return "none" if snapshot.expires is None else f"{seconds(snapshot.expires - now)} left"


def _number(snapshot: Snapshot, name: str, explanation: Explanation) -> str:
    value: int | None = getattr(snapshot, name)
    return "" if not value else relative(value, explanation.variables, name, however_far=True)


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
