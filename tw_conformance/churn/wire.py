"""A lane in use: the connections that it has room for, each a number, and their segments."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from ipaddress import ip_address

from tw_conformance.churn.frames import Template
from tw_conformance.churn.ring import Ring, RingSegment
from tw_conformance.link.injector import Lane
from tw_conformance.model.errors import TargetGone
from tw_reference import segment as tcp
from tw_reference.segment import Segment

FIRST_PORT = 1024
PORTS = 65536 - FIRST_PORT
"""Source ports of each of the tester's addresses."""

_WINDOW, _MSS = 65535, 1460


class Wire:
    """Takes a lane over, for connections to ``port`` of the DUT.

    ``syn``, ``ack`` and ``fin`` are what can be sent, one template for each address.
    """

    def __init__(self, lane: Lane, port: int) -> None:
        self.room = PORTS * len(lane.testers)
        """Connections that have a 4-tuple of their own."""
        self.ring = Ring(lane.listener, lane.interface, port, ipv6=":" in lane.dut)
        self._sender = lane.sender
        self._sender.bind((lane.interface, 0))
        self._count = len(lane.testers)
        self._by_address = {
            int.from_bytes(ip_address(each).packed[-4:], "big"): number
            for number, each in enumerate(lane.testers)
        }

        def templates(flags: int, mss: int | None = None) -> list[Template]:
            made = Segment(seq=0, ack=0, flags=flags, window=_WINDOW, mss=mss)
            return [Template(lane.encoder, each, lane.dut, port, made) for each in lane.testers]

        self.syn = templates(tcp.SYN, _MSS)
        self.ack = templates(tcp.ACK)
        self.fin = templates(tcp.FIN | tcp.ACK)

    def send(self, kind: list[Template], number: int, seq: int, ack: int) -> bool:
        """Send one segment of a connection; False where the link has no room for it.

        :raises TargetGone: where the link is gone.
        """
        turn, address = divmod(number, self._count)
        frame = kind[address].stamp(FIRST_PORT + turn, seq & 0xFFFFFFFF, ack)
        try:
            self._sender.send(frame)
        except OSError as error:
            if error.errno not in (errno.ENOBUFS, errno.EAGAIN):
                raise TargetGone(f"the link is gone: {error.strerror}") from error
            return False
        return True

    def read(self, most: int) -> Iterator[tuple[int, RingSegment]]:
        """What crossed the link meanwhile, and of which connection; ``most`` frames at most."""
        count, by_address = self._count, self._by_address
        for heard in self.ring.read(most):
            address = by_address.get(heard.tester)
            if address is not None and heard.port >= FIRST_PORT:
                yield (heard.port - FIRST_PORT) * count + address, heard

    def close(self) -> None:
        """May be called twice."""
        self.ring.close()
        self._sender.close()
