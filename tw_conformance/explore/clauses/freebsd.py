"""What the project's documents say of FreeBSD: the code of 2014, and the report on its locks.

The code is ``tcp_timewait.c`` at revision ce3adf43.  The report is Julien Charbon's message to
freebsd-net of 27 February 2014, by the lines of its text in the list's archive.
"""

from __future__ import annotations

from tw_conformance.explore.clauses.clause import STACK, ClauseMaker

_LIMITS = "reference/tw_reference/profiles/tests/test_limits.py asks for each value."
_LIST = "reference/tw_reference/profiles/tests/test_lists_off_the_wire.py brings it about."
_KERNEL = "It is how the kernel keeps its memory and its locks: nothing of it is on the wire."
_MODEL = (
    "Locks are not on a wire: reference/tw_reference/contention/tests/test_simulation.py holds the"
    " model to it, and tw-conformance contention draws it."
)
_REAP = "reference/tw_reference/tests/test_reaping.py holds the queue to it."
_STANDS = {
    "freebsd-10": "conforms",
    "freebsd-13*": "conforms",
    "*": "not applicable: since 14 there is no struct tcptw",
}
_FREEBSD_10 = {"freebsd-10": "conforms", "*": "not applicable: measured on FreeBSD 10.0"}

_c = ClauseMaker(
    "timewait", "tcp_timewait.c", base="freebsd-10", about="freebsd-*", joint=":"
).clause

# Lists are tables: a clause takes two or three lines, of which the formatter would make ten.
# fmt: off

TCP_TIMEWAIT = (
    _c("queue-lock", STACK, "98-104", "One lock protects the queue of all blocks.",
       why=_MODEL, stands=_STANDS),
    _c("auto-size", STACK, "109-125",
       "At most half the automatic ports, 32 at least, a fifth of all sockets: so many blocks.",
       why=_LIMITS, stands=_STANDS),
    _c("least-size", STACK, "136-141", "A limit below 32 is accepted, and changes nothing.",
       why=_LIMITS, stands=_STANDS),
    _c("local-default", STACK, "148-153", "By default local connections have a TIME-WAIT.",
       why=_LIST, stands={"freebsd-14*": "deviates: nolocaltimewait is 1 there (92b3e07229ba)",
                          "*": "conforms"}),
    _c("resized", STACK, "155-160", "The limit follows the ports, unless somebody set it.",
       why=_LIMITS, stands=_STANDS),
    _c("entry-local", STACK, "210-228", "With nolocaltimewait a local peer gets none.",
       rules=("entry-local",), why=_LIST,
       stands={"freebsd-14*": "conforms: and takes neighbours for local until 49eabd405f66",
               "*": "conforms"}),
    _c("entry-full", STACK, "230-239", "A full table gives its oldest block to the new one.",
       rules=("entry-recycle",), cases=("crowded-table-recycles",)),
    _c("entry-full-empty", STACK, "232-239",
       "Where there is none to give, the connection closes without TIME-WAIT.",
       rules=("entry-full-empty",), why=_LIST, stands=_STANDS),
    _c("last-window", STACK, "242-248", "The window of TIME-WAIT is what was left of the last one.",
       cases=("ack-fields", "ack-window-scaled", "zero-window-in-time-wait")),
    _c("timestamps", STACK, "250-260", "TS.Recent is kept where both sides had timestamps, else 0.",
       cases=("ack-timestamps", "timestamps-of-0")),
    _c("numbers", STACK, "262-265", "SND.NXT, RCV.NXT, ISS and IRS are kept.",
       cases=("ack-fields",)),
    _c("owed-ack", STACK, "291-292", "An ACK that is owed is sent on entry.",
       cases=("entry-by-close", "entry-by-fin-with-ack")),
    _c("timer-started", STACK, "295", "The 2MSL timer starts.", rules=("entry",), cases=("life",)),
    _c("socket-freed", STACK, "297-311", "A socket that nobody holds is freed.",
       why=_KERNEL, stands=_STANDS),
    _c("recyclable", STACK, "314-345", "Not done: recycling by how far both ISNs have come.",
       cases=("syn-not-above-rcv-nxt",)),
    _c("gone", STACK, "369-371", "Where the block is gone already the segment is dropped.",
       why=_KERNEL, stands=_STANDS),
    _c("flags", STACK, "373", "Flags are those of the header's byte: reserved bits are none.",
       cases=("reserved-bits",)),
    _c("rst", STACK, "380-386", "An RST is dropped, whatever else it has.", rules=("rst-drop",),
       cases=("rst-at-rcv-nxt", "rst-in-window", "rst-outside-window")),
    _c("no-paws", STACK, "388-399", "Not done: PAWS.",
       cases=("paws-duplicate-ack", "paws-others-with-ack", "syn-older-timestamp-above")),
    _c("recent-stays", STACK, "400-402", "TS.Recent is never updated.",
       cases=("ts-recent-stays", "ts-recent-follows-ack")),
    _c("syn", STACK, "405-414", "A SYN above RCV.NXT deletes the block, and opens a new one.",
       rules=("syn-reopen",)),
    _c("no-ack", STACK, "416-420", "What has no ACK is dropped.", rules=("no-ack",)),
    _c("fin-again", STACK, "422-429",
       "A FIN that ends at RCV.NXT restarts the timer, whatever it acknowledges.",
       rules=("fin-again",), cases=("fin-again", "fin-again-any-ack")),
    _c("ack", STACK, "431-436", "All but the exact duplicate ACK is acknowledged.",
       rules=("ack", "fin-again"),
       cases=("ack-elsewhere", "ack-bad-seg-ack", "data-with-ack")),
    _c("dropped", STACK, "437-440", "What is left is dropped.", rules=("duplicate-ack",)),
    _c("closed", STACK, "443-502", "Closing a block leaves nothing behind.",
       cases=("life", "fresh-after-the-end")),
    _c("ack-timestamps", STACK, "556-564",
       "The ACK has timestamps where TS.Recent is not 0, and echoes it.",
       cases=("ack-timestamps", "timestamps-of-0")),
    _c("ack-fields", STACK, "572-577", "<SEQ=SND.NXT><ACK=RCV.NXT>, the last window, no text.",
       cases=("ack-fields",)),
    _c("ack-hop-limit", STACK, "585", "The hop limit is that of the socket or the route.",
       cases=("ack-ttl-of-the-socket",)),
    _c("ack-df", STACK, "598-599", "DF is set where the path MTU is discovered.",
       cases=("ack-fields",)),
    _c("counted", STACK, "605-609", "ACKs are counted.",
       why="Counters of FreeBSD are read on no target; reports name the packets.", stands=_STANDS),
    _c("restart", STACK, "613-623", "A restart moves the block to the tail of the queue.",
       cases=("life-restarted", "fin-again-and-again")),
    _c("scan", STACK, "633-649", "A scan closes blocks up to the first that has not expired.",
       why=_REAP, stands=_STANDS),
)

_c = ClauseMaker(
    "contention", "charbon-2014.txt", base="freebsd-10", about="freebsd-*", joint=":"
).clause

CONTENTION_REPORT = (
    _c("symptom", STACK, "50-56",
       "A card drops packets though there is bandwidth left: connection times tell why.",
       why=_MODEL, stands=_FREEBSD_10),
    _c("measure", STACK, "58-60", "A connection's time runs from the first SYN to the last ACK.",
       why="tw-conformance churn measures it: tw_conformance/churn/tests/test_trace.py.",
       stands={"*": "not applicable: a way to measure"}),
    _c("spikes", STACK, "62-64",
       "Every 500 ms connection times rise in spikes: the slow time-out scans with the lock held.",
       why=_MODEL, stands=_FREEBSD_10),
    _c("theory", STACK, "66-71",
       "While it scans no packet is taken, until the rings are full and packets are dropped.",
       why=_MODEL, stands=_FREEBSD_10),
    _c("rate", STACK, "76-77", "40,000 connections a second are 200,000 packets.",
       why=_MODEL, stands=_FREEBSD_10),
    _c("rings", STACK, "78-85", "8,192 descriptors are full after 40.96 ms.",
       why=_MODEL, stands=_FREEBSD_10),
    _c("patched", STACK, "87-95",
       "With a lock of its own, and one block at a time, there are no spikes, and 53,000 a second.",
       why=_MODEL, stands={"*": "not applicable: a patch, in 10.1 and later by another way"}),
    _c("other-ways", STACK, "97-103",
       "Scanning more often, or where nobody else holds the lock, would do too.",
       why=_MODEL, stands={"*": "not applicable: proposals"}),
    _c("reception-first", STACK, "105-109", "Packets come before cleaning up.",
       why=_MODEL, stands={"*": "not applicable: a goal"}),
    _c("limit", STACK, "110-111", "How many blocks there may be can be set (maxtcptw).",
       cases=("crowded-table-recycles",)),
    _c("oldest", STACK, "112-114", "When there is no room the oldest block is reused at once.",
       rules=("entry-recycle",), cases=("crowded-table-recycles",)),
)
