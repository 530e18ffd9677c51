"""A transcript as a capture file for Wireshark, tcpdump and tshark."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from tw_conformance.model.verdict import Transcript


def write_pcap(transcript: Transcript, path: Path) -> None:
    """Write the frames of a transcript to ``path`` as pcap, link type Ethernet.

    Times are those of the case, set on the calendar so that the last event is now: the case's own
    clock, which may be a virtual one, has no date.  The file appears whole or not at all.

    :raises OSError: where the folder can't be made or written.
    """
    from scapy.utils import PcapWriter

    frames = [event for event in transcript.events if event.frame]
    began = time.time() - max((event.time for event in transcript.events), default=0.0)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".tw-", suffix=".pcap")
    os.close(handle)
    unfinished = Path(name)
    try:
        with PcapWriter(name, linktype=1) as writer:
            writer.write_header(None)
            for event in frames:
                seconds, microseconds = divmod(round((began + event.time) * 1e6), 1_000_000)
                writer.write_packet(event.frame, sec=seconds, usec=microseconds)
        unfinished.chmod(0o644)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
