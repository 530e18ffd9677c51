"""IPv6's flow labels (RFC 6437)."""

from __future__ import annotations

from zlib import crc32

from tw_reference.segment import Flow


def label_of(flow: Flow, salt: str = "") -> int:
    """A label that is a hash of the 4-tuple, never 0; 0 for IPv4, which has none."""
    if not flow.is_ipv6:
        return 0
    return crc32(f"{salt}{flow}".encode()) % 0xFFFFF + 1
