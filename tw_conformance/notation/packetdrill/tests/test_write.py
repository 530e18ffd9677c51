from __future__ import annotations

from pathlib import Path

import pytest

from tw_conformance.notation.packetdrill.parse import read_script
from tw_conformance.notation.packetdrill.tests.scripts import (
    ACTIVE,
    PASSIVE,
    STAMPED,
    TO_TIME_WAIT,
)
from tw_conformance.notation.packetdrill.write import event_line, option_lines

FILE = Path("a.pkt")
ODD = """\
--ip_version=ipv6
--tolerance_usecs=75000
0 `sysctl -q -w net.ipv4.tcp_ecn=2`
+0 < SEW 4294967295:4294967295(0) win 0 <sack 1:2 3:4,TS val 1 ecr 2!>
* > R. 0:0(0)! ack 7!
+.1~+.25 > [tos 0x10, flowlabel 0xabc] - ...(5) urg 9 <...>
1~2 > [ect01] . 1:1(0) ack 1
+0 > P5. 1:2(1) ack 1
+0 > .5 2:2(0) ack 1
+0 > A 1:1(0)
+0 < [ttl 5] FP. 1:2(1) ack 1 win 9
+0 < icmp unreachable frag_needed mtu 600 [1:1(0)]
+0 setsockopt(4, SOL_SOCKET, SO_LINGER, {onoff=1, linger=0}, 8) = 0
+0 write(4, ..., 10) = -1 EPIPE (Broken pipe)
+0 %{ assert tcpi_state == 6 }%
"""


@pytest.mark.parametrize("text", [PASSIVE, ACTIVE, STAMPED + TO_TIME_WAIT, ODD])
def test_what_is_written_reads_as_the_same_events(text: str) -> None:
    script = read_script(text, FILE)
    lines = [
        *option_lines(script.options),
        *(event_line(event.time, event.action) for event in script.events),
    ]
    again = read_script("\n".join(lines), FILE)
    assert again.options == script.options
    assert [(e.time, e.action) for e in again.events] == [(e.time, e.action) for e in script.events]
