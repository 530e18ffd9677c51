"""Packets of every kind, for Hypothesis, and an encoder to make frames of them."""

from __future__ import annotations

from hypothesis import strategies as st

from tw_reference.icmp_numbers import Number, kind_of
from tw_reference.segment import SACK, Echo, Flow, IcmpError, Packet, Segment, Timestamps
from tw_reference.wire.encode import Encoder

U16, U32 = st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)
V4 = ("192.0.2.1", "192.0.2.2")
V6 = ("2001:db8::1", "2001:db8::2")

encode = Encoder("02:00:00:00:00:01", "02:00:00:00:00:02").encode

other_options = st.lists(
    st.tuples(st.sampled_from((5, 14, 19, 28, 30, 34, 253)), st.binary(max_size=3)), max_size=2
)
segments = st.builds(
    Segment,
    seq=U32,
    ack=U32,
    flags=st.integers(0, 255),
    window=U16,
    payload=st.binary(max_size=40),
    mss=st.none() | U16,
    wscale=st.none() | st.integers(0, 14),
    sack_permitted=st.booleans(),
    timestamps=st.none() | st.builds(Timestamps, U32, U32),
    urgent=U16,
    reserved=st.integers(0, 15),
    # Stacks have SACK blocks behind all else.
    other_options=other_options.map(lambda drawn: tuple(sorted(drawn, key=lambda o: o[0] == SACK))),
)
flows = st.builds(
    lambda pair, sport, dport: Flow(pair[0], sport, pair[1], dport),
    st.sampled_from((V4, V6)),
    U16,
    U16,
)
packets = st.builds(
    Packet, flow=flows, segment=segments, ttl=st.integers(1, 255), tos=st.integers(0, 255)
)
echoes = st.builds(
    lambda pair, ident, sequence, reply, data: Echo(pair[0], pair[1], ident, sequence, reply, data),
    st.sampled_from((V4, V6)),
    U16,
    U16,
    st.booleans(),
    st.binary(max_size=20),
)


@st.composite
def errors(draw: st.DrawFn) -> IcmpError:
    flow = draw(flows)
    types = (1, 2, 3, 4) if flow.is_ipv6 else (3, 4, 5, 11, 12)
    number = Number(draw(st.sampled_from(types)), draw(st.integers(0, 255)))
    mtu = draw(U16) if kind_of(number, ipv6=flow.is_ipv6) == "too-big" else 0
    return IcmpError(flow.dst, flow.src, number, flow, draw(U32), mtu)
