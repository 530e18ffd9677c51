"""What crossed the link in a case as a capture that explains itself, for Wireshark and tshark."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from tw_conformance.model.verdict import Event, Outcome
from tw_conformance.notation.write import step_text
from tw_conformance.report.files import write_whole


def write_capture(outcome: Outcome, path: Path, rule: str = "") -> None:
    """Write :func:`pcapng` to ``path``: whole, or not at all.

    :raises OSError: where the folder can't be made or written.
    """
    write_whole(path, pcapng(outcome, rule))


def pcapng(outcome: Outcome, rule: str = "") -> bytes:
    """The frames of a case as pcapng, link type Ethernet; each has as its comment the step that it
    belongs to, and those of the step that decided the verdict, its reason and the ``rule``.

    Times are those of the case, set on the calendar so that the last event is now: the case's own
    clock, which may be a virtual one, has no date.
    """
    from scapy.layers.l2 import Ether
    from scapy.utils import PcapNgWriter

    events = outcome.transcript.events
    began = time.time() - max((event.time for event in events), default=0.0)
    with tempfile.TemporaryDirectory(prefix="tw-conformance-") as folder:
        file = Path(folder, "capture.pcapng")
        with PcapNgWriter(str(file)) as writer:
            writer.write_header(Ether())
            for event in events:
                if event.frame:
                    packet = Ether(event.frame)
                    packet.time = began + event.time
                    packet.comment = _comment(outcome, event, rule).encode()
                    writer.write_packet(packet)
        return file.read_bytes()


def _comment(outcome: Outcome, event: Event, rule: str) -> str:
    if event.step is None:
        return f"on the way to {outcome.case.reach.state}"
    if event.step >= len(outcome.case.steps):
        return "after the last step"
    step = outcome.case.steps[event.step]
    said = f"step {event.step + 1}: {' '.join(step_text(step, outcome.profile).split())}"
    if step is not outcome.step:
        return said
    reason = f": {outcome.reason}" if outcome.reason else ""
    decided = f"{outcome.verdict.value}{reason}"
    return "; ".join(filter(None, (said, decided, f"by {rule}" if rule else "")))
