"""What a socket makes of a call that an RFC describes: it gives an errno, the end, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

Stands: TypeAlias = Mapping[str, str]

_LIST = "reference/tw_reference/profiles/tests/test_lists_off_the_wire.py asks its list"

SEND_REFUSED: Stands = {
    "linux-*": "conforms: EPIPE, case held-calls",
    "freebsd-*": "conforms: EPIPE (uipc_socket.c, sosend_generic(), SBS_CANTSENDMORE)",
    "rfc9293": f"conforms: {_LIST}",
}
END_IS_TOLD: Stands = {
    "rfc9293": f"conforms: {_LIST}",
    "*": "conforms: the end, case receive-to-the-end",
}
CLOSE_IS_FREE: Stands = {
    "rfc9293": f"conforms: {_LIST}",
    "*": "deviates: close() gives the descriptor back and no error, case held-close",
}
SOFT_ERROR: Stands = {
    "linux-*": "conforms: SO_ERROR gives it once, case icmp-soft-told",
    "freebsd-*": "conforms: it is the error of a connection that is given up (tcp_subr.c,"
    " tcp_notify(), t_softerror); of a host or net that is unreachable ESTABLISHED keeps none",
    "rfc9293": "not applicable: it has no call that asks for a soft error",
}
