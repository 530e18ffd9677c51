"""Linux 2.6.32 (2009): what was different before per-block timers and limits on ACKs."""

from __future__ import annotations

from dataclasses import replace

from tw_reference.clock import SECOND
from tw_reference.profiles.linux import (
    BIND,
    ENTRY,
    LINUX_6_18,
    LISTEN,
    connect,
    fin_wait_2,
    raised,
    time_wait,
)
from tw_reference.profiles.linux_2_6_states import STATES
from tw_reference.profiles.linux_errors import ERRORS_2_6, error_name_2_6
from tw_reference.profiles.linux_sending import CONGESTION_2_6
from tw_reference.profiles.linux_signature import behind_signature
from tw_reference.profiles.linux_words import (
    BLOCK_RECYCLES,
    OLDER_THAN_PEER,
    PAWS_24DAYS,
    RECYCLES,
    TABLE_FULL,
    WITHIN_A_SECOND,
    paws_reject,
    three_and_a_half,
)
from tw_reference.profiles.offers import EcnWays
from tw_reference.profiles.profile import COUNT, POSITIVE, Setting, Settings
from tw_reference.reaping import TwoCalendars
from tw_reference.rules import stages
from tw_reference.rules.actions import BlockAction, ConnectAction, EntryAction, UnconnectedAction
from tw_reference.rules.condition import all_of
from tw_reference.rules.rule import RuleMaker
from tw_reference.rules.vocabulary import RST, SEQ_IS_RCV_NXT, SYN

rule = RuleMaker("linux").rule

_PAWS_2_6 = paws_reject(PAWS_24DAYS, zero_is_unknown=False)
_TIME_WAIT_2_6 = time_wait(_PAWS_2_6)


def _fin_time(settings: Settings, linger2: int | None, rto: int) -> int:
    """tcp_fin_time() of 2.6.32: a TCP_LINGER2 beyond tcp_fin_timeout is ignored."""
    default = settings["fin_timeout"] * SECOND
    wish = (linger2 or 0) * SECOND
    return max((0 if wish > default else wish) or default, three_and_a_half(rto))


# Lists are tables: a rule takes two or three lines, of which the formatter would make ten.
# fmt: off

LINUX_2_6_32 = LINUX_6_18.derive(
    "linux-2.6.32",
    "Linux 2.6.32 (2009): two calendars, tcp_tw_recycle, no limit on ACKs",
    stages.ENTRY.list(
        rule("entry-overflow-recycle",
             all_of(TABLE_FULL, RECYCLES), (EntryAction.REMEMBER_PEER, EntryAction.CLOSE),
             "The peer's stamp is remembered before the bucket limit is looked at.",
             "tcp_minisocks.c of 2.6.32, tcp_time_wait()"),
        ENTRY.rules[0],
        rule("entry-recycle", RECYCLES, (EntryAction.REMEMBER_PEER, EntryAction.ENTER_BRIEFLY),
             "With tcp_tw_recycle the block lives 3.5 RTO, and the peer's stamp is remembered.",
             "tcp_minisocks.c of 2.6.32, tcp_time_wait()", "tcp_v4_remember_stamp()"),
        ENTRY.rules[1],
    ),
    fin_wait_2(_PAWS_2_6).before(
        "linux.fw2-fin",
        rule("fw2-fin-recycle",
             BLOCK_RECYCLES,
             (BlockAction.ENTER_BRIEFLY, BlockAction.UPDATE_TS, BlockAction.REMEMBER_PEER,
              BlockAction.ACK),
             "With tcp_tw_recycle the FIN starts a TIME-WAIT of 3.5 RTO.",
             "tcp_minisocks.c of 2.6.32, tcp_timewait_state_process(), FIN_WAIT2"),
    ),
    _TIME_WAIT_2_6.replacing(
        "linux.rst-1337",
        rule("rst-1337-restart",
             all_of(RST, SEQ_IS_RCV_NXT, ~_PAWS_2_6),
             (BlockAction.RESTART, BlockAction.UPDATE_TS, BlockAction.DROP),
             "With tcp_rfc1337 an RST at RCV.NXT is dropped, and restarts the timer.",
             "tcp_minisocks.c of 2.6.32, tcp_timewait_state_process()", "RFC 1337 section 3"),
    ),
    LISTEN.replacing("linux.listen-cookie").replacing("linux.listen-cookie-ack").replacing(
        "linux.listen-no-plain-syn",
        rule("listen-no-syn", ~SYN, UnconnectedAction.DROP,
             "A listener drops what is no SYN; a SYN that has FIN is answered.",
             "tcp_input.c of 2.6.32, tcp_rcv_state_process(), TCP_LISTEN"),
    ).before(
        "linux.listen-full",
        rule("listen-recycle", OLDER_THAN_PEER, UnconnectedAction.DROP,
             "With tcp_tw_recycle a SYN older than the peer's last stamp is dropped: "
             "peers behind one NAT shut each other out.",
             "tcp_ipv4.c of 2.6.32, tcp_v4_conn_request(), PAWSPassive", "4396e46187ca"),
    ),
    connect(
        rule("connect-within-a-second", WITHIN_A_SECOND, ConnectAction.EADDRNOTAVAIL,
             "Within a second of the peer's last timestamp no port is taken automatically.",
             "tcp_ipv4.c of 2.6.32, tcp_twsk_unique(), tw_ts_recent_stamp"),
    ),
    *behind_signature(STATES),
    BIND.replacing("linux.bind-reuse-port"),  # SO_REUSEPORT came with 3.9
    ERRORS_2_6,
    without=(stages.ACK_LIMIT, stages.CHALLENGE_LIMIT),
    settings={
        "hz": Setting(
            100, "Timer ticks a second; the calendars' slots follow.", "CONFIG_HZ", ruled=POSITIVE
        ),
        "tw_reuse": Setting(0, "Reuse for connect(): 0 no, 1 yes.", "tcp_tw_reuse"),
        "tw_recycle": Setting(0, "Blocks of 3.5 RTO, and a stamp for each peer.", "tcp_tw_recycle"),
        "max_tw_buckets": Setting(
            16384, "Blocks in the table (NR_FILE * 2).", "tcp_max_tw_buckets", ruled=COUNT
        ),
    },
    dropped_settings=("tw_reuse_delay", "invalid_ratelimit", "syncookies"),
    lateness=lambda settings: 15 * SECOND,
    reaper=lambda clock, expire, settings: TwoCalendars(clock, expire, hz=settings["hz"]),
    traits=replace(
        LINUX_6_18.traits,
        error_name=error_name_2_6,
        receive_window=lambda mss: 4 * mss,
        free_space=None,
        probes_tail=False,
        ts_recent_lasts=PAWS_24DAYS,
        takes_window=raised,
        cuts_below=False,
        first_rto=3 * SECOND,
        congestion=CONGESTION_2_6,
        send_buffer=8000,  # tcp.c of 2.6.32, sysctl_tcp_wmem[1]
        reset_tos_mask=0,
        reset_tos_mask_ipv6=0,
        labels_flows=False,
        labels_resets=False,
        keeps_ect=False,
        # tcp_input.c of 2.6.32, TCP_ECN_check_ce(), TCP_ECN_accept_cwr(); TCP_MAX_QUICKACKS.
        ecn=EcnWays(
            quick_acks=16,
            takes_empty_cwr=False,
            is_quick_after_ce=False,
            remembers_ect=False,
            is_quick_after_cwr=False,
        ),
        fin_wait_2_timeout=_fin_time,
        short_lifetime=lambda settings, rto: three_and_a_half(rto),
    ),
)
