"""A transcript as a capture for Wireshark, tcpdump and tshark."""

from __future__ import annotations

import time
from io import BytesIO
from pathlib import Path

from tw_conformance.model.verdict import Transcript
from tw_conformance.report.files import write_whole


def write_pcap(transcript: Transcript, path: Path) -> None:
    """Write the frames of a transcript to ``path``: whole, or not at all.

    :raises OSError: where the folder can't be made or written.
    """
    write_whole(path, pcap(transcript))


def pcap(transcript: Transcript) -> bytes:
    """The frames of a transcript as a pcap file, link type Ethernet.

    Times are those of the case, set on the calendar so that the last event is now: the case's own
    clock, which may be a virtual one, has no date.
    """
    from scapy.utils import PcapWriter

    began = time.time() - max((event.time for event in transcript.events), default=0.0)
    file = _KeptOpen()
    with PcapWriter(file, linktype=1) as writer:
        writer.write_header(None)
        for event in transcript.events:
            if event.frame:
                seconds, microseconds = divmod(round((began + event.time) * 1e6), 1_000_000)
                writer.write_packet(event.frame, sec=seconds, usec=microseconds)
    return file.getvalue()


class _KeptOpen(BytesIO):
    """A file in memory that is still there after its writer has closed it."""

    def close(self) -> None:
        pass
