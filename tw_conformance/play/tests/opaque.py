"""The reference as a DUT that nobody can look into and that makes no call: all that a tester
without an agent has of it is what crosses the link."""

from __future__ import annotations

from dataclasses import replace

from tw_conformance.dut.calls import preparation_of
from tw_conformance.link.link import Arrival, Observation
from tw_conformance.model.case import Case
from tw_conformance.targets.in_process import InProcessLink, InProcessTarget
from tw_reference import segment as tcp
from tw_reference.profiles import PROFILES
from tw_reference.profiles.profile import Profile
from tw_reference.rules import stages
from tw_reference.rules.actions import EntryAction
from tw_reference.segment import Damage, Datagram, Packet, Segment


class Opaque(InProcessTarget):
    """The stack ``dut``, held to ``profile``, the same unless said; with its own settings alone."""

    reads_states = False

    def __init__(self, dut: Profile, profile: Profile | None = None) -> None:
        super().__init__(profile or dut)
        self.stack = dut
        self.settings = {}

    def lacks(self, case: Case) -> str | None:
        if preparation_of(case).private:
            return "needs socket calls on the DUT"
        assumed = self.stack.defaults()
        if any(assumed.get(name) != value for name, value in case.settings.items()):
            return "needs a setting of the DUT changed"
        return super().lacks(case)

    async def open(self, case: Case) -> OpaqueLink:
        return OpaqueLink.open(self, case)


class OpaqueLink(InProcessLink):
    async def observe(self) -> Observation | None:
        return None


class WindowsInResets(OpaqueLink):
    """An octet below RCV.NXT is reset as if nothing was there, but for the window that is offered;
    a FIN is met with silence: picoTCP's TIME-WAIT."""

    async def receive(self, until: float) -> Arrival | None:
        arrival = await super().receive(until)
        if arrival is None or not isinstance(arrival.packet, Packet):
            return arrival
        segment = arrival.packet.segment
        if segment.flags != tcp.ACK or self.asked is None or not self.asked.payload:
            return arrival
        reset = replace(segment, flags=tcp.RST, ack=0)
        return replace(arrival, packet=replace(arrival.packet, segment=reset))

    asked: Segment | None = None

    def send(self, packet: Datagram, *, damage: Damage | None = None) -> tuple[float, bytes]:
        if isinstance(packet, Packet):
            self.asked = packet.segment
        return super().send(packet, damage=damage)


class ResettingOctets(Opaque):
    async def open(self, case: Case) -> OpaqueLink:
        return WindowsInResets.open(self, case)


def without_time_wait() -> Profile:
    """A stack that is RFC 9293 but for that."""
    standard = PROFILES["rfc9293"]
    decisions = standard[stages.ENTRY]
    rule = replace(decisions.rule("rfc9293.entry"), then=(EntryAction.CLOSE,))
    return standard.with_list(decisions.replacing("rfc9293.entry", rule))
