"""What a TIME-WAIT reaper does to packet input when both need one lock: a model in virtual time.

The report behind it (freebsd-net, 27 February 2014, «TCP stack lock contention with short-lived
connections») measured FreeBSD 10 under 40,000 connections a second, of five received packets each.
Every 500 ms the slow time-out closes all expired blocks under the lock that packet input needs.
Meanwhile packets wait in the card's receive rings, and when those are full the card drops them:
8,192 descriptors at 200,000 packets a second are full in 40.96 ms.

The model has one lock.  Packet input holds it for ``service`` seconds a packet; the receive queues
take turns.  The reaper (:mod:`~tw_reference.contention.reaping_strategies`) takes a turn of its own
when blocks have expired, and holds the lock for ``close`` seconds a block and ``handover`` seconds
each time that it takes it.  Peers answer a round trip after the packet that they wait for, so a
stall also delays what comes after it: the backlog drains at the rate that is left over.

A connection's time runs as in the report, and as a capture on the host sees it: from the SYN
leaving its ring to the ACK of the last FIN.  So a SYN that waits in a ring through a stall does
not count that wait; a connection that a stall finds half-way does.
"""
