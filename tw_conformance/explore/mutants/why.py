"""Why nothing shows a mutant: how that is written, and the reasons that stand beside several."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

Because: TypeAlias = Literal["changes nothing", "out of reach"]
"""Nothing that the stack does differs, or no packet and no call of a case gets there."""


class Equivalent(NamedTuple):
    """Some mutants of some profiles, by globs of their names, and why nothing can tell them."""

    profiles: str
    mutants: str
    why: str
    because: Because = "changes nothing"


OFF_THE_WIRE = (
    "No case gets there, for the reason that coverage/reasons.py gives;"
    " profiles/tests/test_lists_off_the_wire.py does."
)
OLD = "What is all old brings no FIN that is next in order."
DROPPED_AGAIN = "The connection that is made of the entry drops the segment for the same reason."

DEFAULT = (
    "A case asks for the value that it counts on, or goes by the one that the DUT has; a run names"
    " each setting of a DUT that is not the profile's default."
)
FAR_OFF = (
    "TS.Recent says nothing after 24 days (36 minutes since Linux 6.12); no case waits so long."
    " profiles/tests/test_linux_states.py asks the list."
)
NO_ACTION = "No action of its lists looks at it."
SAYS_NOTHING = "It is no behaviour: it tells of what nothing is said."
BETWEEN = (
    "It moves what surely goes, not what surely waits: of what lies between nothing is said."
    "  stack/tests/connection/test_congestion.py asks."
)
TOO_FINE = "A tenth of it is less than can be told on a wire."
DELAY = "At once, at the next tick, after 40 ms: no case may tell these apart on a wire."
TAKEN_ANYWAY = "To take the SYN is to take its TSval."
AGE_ALONE = (
    "TS.Recent is set to what it is; of its age nothing shows before 24 days (36 minutes since"
    " Linux 6.12)."
)
AT_THE_EDGE = (
    "It is acknowledged at once whether it is kept or not; that it was kept shows once all of the"
    " window before it, 64 KB, is filled, which no case does."
)
STARTS_ANEW = "The timer of TIME-WAIT starts when that does."
GOES_ON = "The same segment goes on in ESTABLISHED, whose list does so again."
GOES_ON_ACKED = "The segment goes on in FIN-WAIT-2, whose list does so again: nothing lies between."
LEAVES_FOR_TIME_WAIT = (
    "TIME-WAIT has nothing to send: neither SND.UNA nor a window is left to be looked at."
)
SYN_BRINGS = "The SYN that opens the connection brings a TSval of its own."
SYN_TAKEN = "Who takes a SYN has taken its TSval already."
LED_ON = "Nobody looks before the segment has led on to the next state."
NO_ECN = "No connection of this profile has ECN."
NO_LISTENER = (
    "RFC 9293 has no listener beside a connection: what becomes of one whose listener is gone is"
    " not asked."
)
NO_SOCKET = "It is about a call or an option of sockets, which RFC 9293 does not have."
NO_LABEL = "No packet of this profile has a flow label."
NO_WORD = "No RFC says it, so that no case may ask."
REQUEST_FORGETS = (
    "Nobody can ask a request for its error, and the ACK that makes a connection of it forgets one."
)
NONE_PUT_OFF = "Behind the peer's FIN, its own sent, CLOSING puts no ACK off."
QUICK_ANYWAY = (
    "Until this side has sent text in answer ACKs are quick anyway: it would show in whether a FIN"
    " alone has its ACK at the next tick or after 40 ms, which no case may tell apart on a wire."
)
SHUT = (
    "It would show where the receive window is shut: behind 64 KB that nobody read, which no case"
    " sends."
)
NEVER_SHUT = "No window is shut in SYN-RECEIVED: nothing waits to be read."
NOTHING_TAKEN = "Of what is all old there is nothing to be taken."
LOOPBACK = "The tester's address is no loopback address."
TO_THE_MOMENT = "Nothing says to 100 ms on a wire when a process calls connect()."
WHOLE_SECONDS = "Settings and TCP_LINGER2 are in whole seconds."
FORGOTTEN = "It is the first ACK of a connection, and ESTABLISHED forgets when the last one went."
SPANS = (
    "Where no ACK is put off the last one sent was of RCV.NXT, so that text in order spans it, and"
    " moved TS.Recent already."
)
ONLY_SYN_ACK = "Nothing but a <SYN,ACK> leaves a syncache entry here."
NO_MEMORY = "No window of this profile goes by the memory that text takes."
OPEN_LIMIT = (
    "A limit that the RFC leaves open, so that no case counts on it;"
    " profiles/tests/test_rfc9293_states.py asks the list."
)
NOTHING_TO_SEND = (
    "The FIN is acknowledged: nothing is left that a window or a SEG.ACK could move, and no rule of"
    " this list looks at the widest window."
)
ALL_ACKED = (
    "The FIN is acknowledged: nothing is left that a window or a SEG.ACK could move.  Since 15 the"
    " widest window bounds a SEG.ACK, but only once more was sent than one window may hold, which"
    " the tester's own SYN has offered as wide as it can be."
)
NOT_KNOWN = "Taken over from later kernels; what 2.6.32 does there is not known, and no case asks."
