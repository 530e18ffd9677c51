"""Linux 2.6.32 (2009): what was different before per-block timers and limits on ACKs."""

from __future__ import annotations

from tw_reference.clock import MILLISECOND, SECOND
from tw_reference.profiles.linux import ENTRY, LINUX_6_18, LISTEN, connect, fin_wait_2, time_wait
from tw_reference.profiles.linux_words import (
    BLOCK_RECYCLES,
    OLDER_THAN_PEER,
    PAWS_24DAYS,
    RECYCLES,
    TABLE_FULL,
    WITHIN_A_SECOND,
    paws_reject,
)
from tw_reference.profiles.profile import Manners, Setting
from tw_reference.reaping import TwoCalendars
from tw_reference.rules.rule import Action, DecisionList, Rule, Stage, all_of
from tw_reference.rules.vocabulary import RST, SEQ_IS_RCV_NXT, SYN

_PAWS_2_6 = paws_reject(PAWS_24DAYS, zero_is_unknown=False)
_TIME_WAIT_2_6 = time_wait(_PAWS_2_6)

LINUX_2_6_32 = LINUX_6_18.derive(
    "linux-2.6.32",
    "Linux 2.6.32 (2009): two calendars, tcp_tw_recycle, no limit on ACKs",
    DecisionList(
        Stage.ENTRY,
        (
            Rule(
                "linux.entry-overflow-recycle",
                all_of(TABLE_FULL, RECYCLES),
                (Action.REMEMBER_PEER, Action.CLOSE),
                "The peer's stamp is remembered before the bucket limit is looked at.",
                ("tcp_minisocks.c of 2.6.32, tcp_time_wait()",),
            ),
            ENTRY.rules[0],
            Rule(
                "linux.entry-recycle",
                RECYCLES,
                (Action.REMEMBER_PEER, Action.ENTER_FOR_RTO),
                "With tcp_tw_recycle the block lives 3.5 RTO, and the peer's stamp is remembered.",
                ("tcp_minisocks.c of 2.6.32, tcp_time_wait()", "tcp_v4_remember_stamp()"),
            ),
            ENTRY.rules[1],
        ),
    ),
    fin_wait_2(_PAWS_2_6).before(
        "linux.fw2-fin",
        Rule(
            "linux.fw2-fin-recycle",
            BLOCK_RECYCLES,
            (Action.ENTER_FOR_RTO, Action.UPDATE_TS, Action.REMEMBER_PEER, Action.ACK),
            "With tcp_tw_recycle the FIN starts a TIME-WAIT of 3.5 RTO.",
            ("tcp_minisocks.c of 2.6.32, tcp_timewait_state_process(), FIN_WAIT2",),
        ),
    ),
    _TIME_WAIT_2_6.replacing(
        "linux.rst-1337",
        Rule(
            "linux.rst-1337",
            all_of(RST, SEQ_IS_RCV_NXT, ~_PAWS_2_6),
            (Action.RESTART, Action.UPDATE_TS, Action.DROP),
            "With tcp_rfc1337 an RST at RCV.NXT is dropped, and restarts the timer.",
            ("tcp_minisocks.c of 2.6.32, tcp_timewait_state_process()", "RFC 1337 section 3"),
        ),
    ),
    LISTEN.replacing(
        "linux.listen-no-syn",
        Rule(
            "linux.listen-no-syn",
            ~SYN,
            (Action.DROP,),
            "A listener drops what is no SYN; a SYN that has FIN is answered.",
            ("tcp_input.c of 2.6.32, tcp_rcv_state_process(), TCP_LISTEN",),
        ),
    ).before(
        "linux.listen-full",
        Rule(
            "linux.listen-recycle",
            OLDER_THAN_PEER,
            (Action.DROP,),
            "With tcp_tw_recycle a SYN older than the peer's last stamp is dropped: peers behind "
            "one NAT shut each other out.",
            ("tcp_ipv4.c of 2.6.32, tcp_v4_conn_request(), PAWSPassive", "4396e46187ca"),
        ),
    ),
    connect(WITHIN_A_SECOND),
    without=(Stage.ACK_LIMIT,),
    settings={
        "hz": Setting(100, "Timer ticks a second; the calendars' slots follow.", "CONFIG_HZ"),
        "tw_reuse": Setting(0, "Reuse for connect(): 0 no, 1 yes.", "tcp_tw_reuse"),
        "tw_recycle": Setting(0, "Blocks of 3.5 RTO, and a stamp for each peer.", "tcp_tw_recycle"),
        "max_tw_buckets": Setting(
            16384, "Blocks in the table (NR_FILE * 2).", "tcp_max_tw_buckets"
        ),
    },
    dropped_settings=("tw_reuse_delay", "invalid_ratelimit"),
    lateness=lambda settings: 15 * SECOND,
    reaper=lambda clock, expire, settings: TwoCalendars(clock, expire, hz=settings["hz"]),
    manners=Manners(
        receive_window=lambda mss: 4 * mss,
        reopens_window=False,
        aligns_scaled_window=True,
        acknowledges_before_entry=True,
        resets_early_fin=True,
        ecn=True,
        first_rto=3 * SECOND,
        least_rto=200 * MILLISECOND,
        resets_unread=True,
    ),
)
