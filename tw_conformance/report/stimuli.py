"""What every documented stack does with the segments that tell them apart, in one table.

The stimuli stand here; the answers are the reference's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count

from tw_conformance.notation.stimulus import Stimulus, parse
from tw_conformance.report.document import Block, Heading, Table, TableRow
from tw_conformance.report.rule_documents import iss_is_above
from tw_reference.explain import Explanation
from tw_reference.profiles.profile import Profile
from tw_reference.rules.actions import AckLimitAction
from tw_reference.segment import ACK, RST, SYN, Packet

STIMULI: Mapping[str, tuple[str, ...]] = {
    "RST: may TIME-WAIT be assassinated (RFC 1337)?": (
        "RST seq=rcv_nxt",
        "RST|ACK seq=rcv_nxt",
        "RST seq=rcv_nxt length=1",
        "RST seq=rcv_nxt rfc1337=1",
        "RST seq=rcv_nxt tsval=older",
        "RST seq=rcv_nxt-1",
        "RST seq=rcv_nxt+1",
        "RST seq=rcv_nxt+rcv_wnd",
        "SYN|RST seq=rcv_nxt+1",
    ),
    "SYN: when does a new incarnation begin (RFC 9293 section 3.6.1, RFC 6191)?": (
        "SYN seq=rcv_nxt+1",
        "SYN seq=rcv_nxt",
        "SYN seq=rcv_nxt-1",
        "SYN seq=rcv_nxt+2^31",
        "SYN seq=rcv_nxt+1 tsval=newer",
        "SYN seq=rcv_nxt+1 tsval=same",
        "SYN seq=rcv_nxt+1 tsval=older",
        "SYN seq=rcv_nxt+1 tsval=absent",
        "SYN seq=rcv_nxt-1 tsval=newer",
        "SYN seq=rcv_nxt-1 tsval=same",
        "SYN seq=rcv_nxt+1 listener=no",
        "SYN seq=rcv_nxt+1 listener=full",
        "SYN|ACK seq=rcv_nxt+1",
        "SYN|ACK seq=rcv_nxt",
        "SYN|FIN seq=rcv_nxt+1",
        "SYN|FIN seq=rcv_nxt+1 drop_synfin=1",
    ),
    "FIN: is it the peer's again?": (
        "FIN|ACK seq=rcv_nxt-1",
        "FIN|ACK seq=rcv_nxt-1 ack=snd_nxt-1",
        "FIN seq=rcv_nxt-1",
        "FIN|ACK seq=rcv_nxt",
        "FIN|ACK seq=rcv_nxt-1 tsval=absent",
        "FIN|ACK seq=rcv_nxt-1 tsval=older",
    ),
    "ACK: what is answered, and what restarts the timer?": (
        "ACK seq=rcv_nxt",
        "ACK seq=rcv_nxt ack=snd_nxt+100",
        "ACK seq=rcv_nxt-1",
        "ACK seq=rcv_nxt-1 last_ack=100ms",
        "ACK seq=rcv_nxt+1",
        "ACK seq=rcv_nxt+rcv_wnd",
        "ACK seq=rcv_nxt tsval=newer",
        "ACK seq=rcv_nxt tsval=older",
        "ACK seq=rcv_nxt tsval=absent",
        "ACK seq=rcv_nxt tsval=absent tolerate_missing_ts=0",
    ),
    "Data, and flags that belong to nothing": (
        "ACK seq=rcv_nxt length=100",
        "ACK seq=rcv_nxt-100 length=100",
        "PSH|ACK seq=rcv_nxt",
        "URG|ACK seq=rcv_nxt",
        "none seq=rcv_nxt",
        "none seq=rcv_nxt+1",
        "none seq=rcv_nxt length=1",
    ),
}
"""Segments on a connection that has been in TIME-WAIT for one second, by what they ask."""

SILENCE = "\N{EN DASH}"

LEGEND: Mapping[str, str] = {
    SILENCE: "silence",
    "A": "ACK: SEQ = SND.NXT, ACK = RCV.NXT",
    "(A)": "the same, but one that the stack's limit on ACKs counts and may suppress",
    "R": "RST",
    "SA": "SYN-ACK, the block gone and the new incarnation in SYN-RECEIVED",
    "SA+": "the same, and TIME-WAIT chose the ISS, above SND.NXT",
    "↻": "the 2MSL timer starts anew",
    "t": "TS.Recent := TSval",
    "†": "TIME-WAIT ends",
    "": "the stack has no such setting",
}
"""What the signs in the tables mean."""


def stimuli_blocks(profiles: Mapping[str, Profile], level: int) -> Iterator[Block]:
    """The legend, and a table for each question: a row a stimulus, a column a profile;
    headings of that level."""
    yield Table(("sign", "meaning"), [TableRow(entry) for entry in LEGEND.items()])
    settings = {name for profile in profiles.values() for name in profile.settings}
    numbers = count(1)
    for question, texts in STIMULI.items():
        rows = []
        for text in texts:
            stimulus = parse(text, settings)
            cells = (answer(stimulus, profile) for profile in profiles.values())
            rows.append(TableRow((str(next(numbers)), text, *cells)))
        yield Heading(level, question)
        yield Table(("#", "stimulus", *profiles), rows, code=frozenset({1}))


def answer(stimulus: Stimulus, profile: Profile) -> str:
    """What the stack does, in the signs of :data:`LEGEND`; empty where it has no such setting."""
    if not stimulus.suits(profile):
        return ""
    explanation = stimulus.explain(profile)
    signs = [_sign(packet, explanation) for packet in explanation.sent] or [SILENCE]
    if explanation.restarted:
        signs.append("↻")
    before, after = explanation.before, explanation.after
    if after.ts_recent not in (None, before.ts_recent):
        signs.append("t")
    if after.state == "CLOSED":
        signs.append("†")
    return " ".join(signs)


def _sign(packet: Packet, explanation: Explanation) -> str:
    flags = packet.segment.flags
    if flags & RST:
        return "R"
    if flags & SYN:
        return "SA+" if iss_is_above(packet, explanation) else "SA"
    assert flags & ACK, "a stack has no other answer in TIME-WAIT"
    counted = any(
        AckLimitAction.SEND_AND_STAMP in passage.fired.then for passage in explanation.passages
    )
    return "(A)" if counted else "A"
