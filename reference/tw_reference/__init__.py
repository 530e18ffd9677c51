"""A TCP endpoint that exists to answer one question: what does a documented stack do in TIME-WAIT?

The package does no I/O, reads no clock and draws no random number of its own: segments and calls
go in, segments and results come out, timers run on a :class:`tw_reference.clock.Clock` that the
caller advances.  Only :mod:`tw_reference.wire.encode` and :mod:`tw_reference.serve` know Scapy.
"""
