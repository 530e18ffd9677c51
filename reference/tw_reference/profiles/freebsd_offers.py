"""What FreeBSD offers in its SYN and takes up of another's, release by release."""

from __future__ import annotations

from tw_reference.profiles.offers import Offers
from tw_reference.profiles.profile import Settings


def offers(settings: Settings) -> Offers:
    """tcp_subr.c, tcp_newtcpcb(), and tcp_syncache.c, syncache_add(); net.inet.tcp.ecn.enable came
    before the listener that takes it up."""
    extensions, ecn = bool(settings["timestamps"]), bool(settings["ecn"])
    return Offers(extensions, extensions, bool(settings["sack"]), ecn, ecn)


def offers_since_13(settings: Settings) -> Offers:
    """With ECN where it is asked for (2)."""
    ecn = settings["ecn"]
    return offers(settings)._replace(asks_ecn=ecn == 1, takes_ecn=ecn in (1, 2))


def offers_since_14(settings: Settings) -> Offers:
    """With 2 and 3 of rfc1323, which are one of the two options alone (tcp_subr.c of 14,
    tcp_newtcpcb())."""
    both = settings["timestamps"]
    return offers_since_13(settings)._replace(
        timestamps=both not in (0, 2), scaling=both not in (0, 3)
    )
