"""Why no case covers a rule, or a part of its condition: each has to be written here."""

from __future__ import annotations

from tw_conformance.explore.coverage.gaps import Reason

_CALLS = (
    "No socket call is one of RFC 9293 section 3.10 on a connection in TIME-WAIT: the process that"
    " closed it holds no descriptor any more.  profiles/tests/test_lists_off_the_wire.py makes them"
    " on the host."
)

REASONS: tuple[Reason, ...] = (Reason("*", "user call: *", _CALLS),)
