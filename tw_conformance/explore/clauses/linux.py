"""What the project's documents say of Linux 2.6.32: two analyses of its code.

The first is simohayha's (iteye.com, blog 566980), the second a fragment of an article on
``tcp_timewait_state_process()``; both by the lines of their text.
"""

from __future__ import annotations

from tw_conformance.explore.clauses.clause import STACK, ClauseMaker

_CALENDAR = "reference/tw_reference/tests/test_reaping.py holds both calendars to it."
_KERNEL = "It is how the kernel finds and counts blocks: nothing of it is on the wire."
_OLD = {"linux-2.6.32": "conforms", "*": "not applicable: since 4.1 every block has a timer"}
_RECYCLE = {"linux-2.6.32": "conforms", "*": "not applicable: tcp_tw_recycle went with 4.12"}
_ALL = {"*": "conforms"}

_c = ClauseMaker(
    "analysis", "simohayha-566980.txt", base="linux-2.6.32", about="linux-*", joint=":"
).clause

# Lists are tables: a clause takes two or three lines, of which the formatter would make ten.
# fmt: off

FIRST_ANALYSIS = (
    _c("entry", STACK, "3", "CLOSING and a FIN lead to tcp_time_wait(), and to a block of its own.",
       rules=("entry",), cases=("entry-by-simultaneous-close",)),
    _c("two-times", STACK, "93", "A block lives 60 s, or by the RTO.",
       cases=("life", "recycle-short-life")),
    _c("recycle-when", STACK, "94-103",
       "By the RTO where tcp_tw_recycle is on, and a timestamp of the peer was seen.",
       cases=("recycle-short-life", "recycle-not-without-timestamps")),
    _c("peer-by-address", STACK, "107", "A peer's timestamp is kept by its address, not its port.",
       cases=("recycle-behind-nat", "recycle-drops-older-syn")),
    _c("peer-updated", STACK, "215-223",
       "It follows a newer one, or any where it is more than 60 s old.",
       cases=("recycle-drops-older-syn",), stands=_RECYCLE),
    _c("peer-unknown", STACK, "214-230", "Without a peer there is no recycling.",
       cases=("recycle-not-without-timestamps",)),
    _c("length", STACK, "298-299", "2MSL are 60 s.", cases=("life",)),
    _c("substate", STACK, "301-302", "A block is of TIME-WAIT or of FIN-WAIT-2.",
       cases=("fw2-fin", "fw2-silent")),
    _c("limit", STACK, "315-318", "There are at most tcp_max_tw_buckets blocks.",
       rules=("entry-overflow",), cases=("crowded-table", "entry-full-table")),
    _c("rto", STACK, "323-324", "The short time is 3.5 RTO.", cases=("recycle-short-life",)),
    _c("kept", STACK, "325-331", "Scale, numbers, window and timestamp are kept.",
       cases=("ack-fields", "ack-window-scaled", "ack-timestamps")),
    _c("at-least-rto", STACK, "335-338", "No time-out is below 3.5 RTO.",
       cases=("entry-after-short-fin-wait-2",)),
    _c("which-time", STACK, "340-349",
       "Recycled: 3.5 RTO; else 60 s in TIME-WAIT, and what was asked for in FIN-WAIT-2.",
       cases=("recycle-short-life", "fw2-life", "life")),
    _c("overflow", STACK, "356-360", "Without room there is no block: the connection is closed.",
       rules=("entry-overflow",), cases=("entry-full-table", "entry-full-table-fin-wait-2")),
    _c("hashes", STACK, "363-429", "The block takes the socket's place in both tables.",
       cases=("bind-listener-port", "connect-without-timestamps")),
    _c("death-row", STACK, "431-435", "Two timers for all blocks, a short one and a long one.",
       why=_CALENDAR, stands=_OLD),
    _c("slots", STACK, "492", "8 slots of the long timer, 32 of the short one.",
       why=_CALENDAR, stands=_OLD),
    _c("period", STACK, "519-520", "The long timer's period is 7.5 s.", why=_CALENDAR, stands=_OLD),
    _c("tick", STACK, "539-547", "The short timer's tick is 16 jiffies at 100 Hz.",
       why=_CALENDAR, stands=_OLD),
    _c("long-slot", STACK, "548-558", "Of 60 s and more all are in the last slot.",
       why=_CALENDAR, stands=_OLD),
    _c("schedule", STACK, "637-692", "What is due within 32 ticks goes to the short timer.",
       why=_CALENDAR, stands=_OLD),
    _c("hangman", STACK, "707", "A period of the long timer kills one slot.",
       why=_CALENDAR, stands=_OLD),
    _c("twcal", STACK, "708-709", "A tick of the short timer kills what is due.",
       why=_CALENDAR, stands=_OLD),
    _c("early", STACK, "797-799",
       "Without the peer's FIN too: from FIN-WAIT-1 or FIN-WAIT-2, so a dead peer holds nothing.",
       rules=("orphan",), cases=("fw2-silent", "fw2-life")),
    _c("linger2", STACK, "800-801", "TCP_LINGER2 bounds FIN-WAIT-2; below 0 there is none.",
       cases=("linger2-negative", "linger2-negative-after-shutdown")),
    _c("linger2-negative", STACK, "829-834", "Then close() in FIN-WAIT-2 sends a reset: CLOSED.",
       cases=("linger2-negative-after-shutdown",)),
    _c("linger2-long", STACK, "836-847",
       "Above 60 s the excess is waited with the socket, the rest in a block.",
       cases=("orphan-long-2-6", "fw2-long-life")),
    _c("four-outcomes", STACK, "853-875",
       "A segment is taken, reset, acknowledged, or opens a connection.",
       cases=("fw2-data", "fin-again", "syn-above-rcv-nxt", "duplicate-ack")),
    _c("rfc-1122", STACK, "877-883", "A SYN may reopen, by RFC 1122.", rules=("syn-reopen",)),
    _c("to-the-listener", STACK, "911-920", "The listener gets it, and the block is removed.",
       rules=("syn-reopen",), cases=("syn-above-rcv-nxt",)),
    _c("no-listener", STACK, "922-926", "Without one it is acknowledged.",
       rules=("syn-no-listener",)),
    _c("fin-wait-2-syn", STACK, "936", "In FIN-WAIT-2 a SYN is reset.", rules=("fw2-syn",)),
)

_c = ClauseMaker(
    "article", "tw-state-process.txt", base="linux-2.6.32", about="linux-*", joint=":"
).clause

SECOND_ANALYSIS = (
    _c("rst", STACK, "8", "A reset elsewhere is dropped.", rules=("rst-drop",),
       cases=("rst-in-window", "rst-outside-window")),
    _c("ack-restarts", STACK, "9", "What has an ACK restarts the timer, and is acknowledged.",
       rules=("ack-restart",), cases=("restart-by-answered",)),
    _c("syn-restarts-nothing", STACK, "9", "A SYN is acknowledged, and restarts nothing.",
       rules=("ack",), cases=("syn-not-above-keeps-timer",)),
    _c("block-held", STACK, "10", "The block is held until the ACK is sent.",
       why=_KERNEL, stands=_ALL),
    _c("connect-refused", STACK, "12",
       "connect() from a port in TIME-WAIT gives EADDRNOTAVAIL, with SO_REUSEADDR too.",
       rules=("connect-no-timestamps",), cases=("connect-without-timestamps",)),
    _c("by-hash-connect", STACK, "13", "It is inet_hash_connect() that says so.",
       cases=("connect-without-timestamps",)),
    _c("shared-port", STACK, "14-46",
       "A port that is bound and shared is checked against the established table.",
       rules=("connect-reuse", "connect-no-timestamps"), cases=("connect-chosen-port",)),
)
