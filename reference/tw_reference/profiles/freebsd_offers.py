"""What FreeBSD offers in its SYN and takes up of another's, release by release."""

from __future__ import annotations

from tw_reference.profiles.offers import Offers
from tw_reference.profiles.profile import Settings


def offers(settings: Settings, wanted: Offers) -> Offers:
    """tcp_subr.c, tcp_newtcpcb(), and tcp_syncache.c, syncache_add(); net.inet.tcp.ecn.enable came
    before the listener that takes it up."""
    return Offers(
        timestamps=wanted.timestamps and bool(settings["timestamps"]),
        scaling=wanted.scaling and bool(settings["timestamps"]),
        sack=wanted.sack and bool(settings["sack"]),
        asks_ecn=wanted.asks_ecn and bool(settings["ecn"]),
        takes_ecn=wanted.asks_ecn and bool(settings["ecn"]),
    )


def offers_since_13(settings: Settings, wanted: Offers) -> Offers:
    """With ECN where it is asked for (2)."""
    return offers(settings, wanted)._replace(
        asks_ecn=wanted.asks_ecn and settings["ecn"] == 1,
        takes_ecn=wanted.asks_ecn and settings["ecn"] in (1, 2),
    )


def offers_since_14(settings: Settings, wanted: Offers) -> Offers:
    """With 2 and 3 of rfc1323, which are one of the two options alone (tcp_subr.c of 14,
    tcp_newtcpcb())."""
    return offers_since_13(settings, wanted)._replace(
        timestamps=wanted.timestamps and settings["timestamps"] not in (0, 2),
        scaling=wanted.scaling and settings["timestamps"] not in (0, 3),
    )
