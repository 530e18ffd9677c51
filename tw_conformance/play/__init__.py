"""Play: a script is run, a record is judged, a case gets its verdict.

**Run, record, judge.**  :mod:`~tw_conformance.play.run` takes the steps of a script on one
connection.  It sends, receives, waits and calls, and tells fact by fact what it saw; it knows
nothing of PASS and FAIL.  The facts are values and make up a
:mod:`~tw_conformance.play.record`.  :mod:`~tw_conformance.play.judge` is a pure function from a
record to an outcome.  :mod:`~tw_conformance.play.player` holds both ends: it stops a run at the
first fact that decides, and says how often a case is performed.  The oracle and whoever explores
use runs without the judge.

**How silence is proven.**  «Nothing came» is a measurement.  Behind each segment goes a sentinel:
an echo request on the same path, or, for a DUT that answers none, an ACK of no connection, which a
reset answers.  Its answer says that the DUT's kernel has processed all before it, and that an
answer, had there been one, would lie in front of it.  That order is true of Linux, where one
softirq handles both; a stack may as well answer echoes at once and segments from another thread.
So the order is measured before the first case, and during the run: where segments were answered
behind, an answer is waited for eight times as long as one ever took.  And a silence that would fail
a case is given half a second more on any target.  A sentinel may be lost and is sent again; where
none of six comes back nothing is said.  It proves the kernel's work alone.  Where a handshake was
completed, a service has yet to accept and to close: whoever can look into the DUT has that done
before it answers, and a sentinel goes behind it; where nobody can, the service is waited for, and a
silence then still decides nothing.

**How evidence is weighed.**  On a path that was never seen to lose, repeat or reorder, one
performance decides.  On any other a case is performed again on fresh connections, and each verdict
shifts the odds between «the DUT conforms» and «it deviates» (Wald's sequential test,
:mod:`tw_conformance.link.path`).  A PASS counts for as much as it is unlikely that the packet which
would have shown a deviation was lost.  A FAIL because something was missing weighs little on a path
that loses; a FAIL because of a packet that was seen weighs nearly all, for a path makes up none,
but it may repeat one.  An INCONCLUSIVE performance counts against whichever verdict is being
considered, where it may speak against it (:mod:`tw_conformance.play.weighing`).  At odds of 100,000
to 1 the verdict stands; a case that has not come to them after forty performances is INCONCLUSIVE.

**When the tester was too slow** the DUT is not to blame.  A wait that overran, a segment that left
too late, a timer that was read too slowly and a segment that the DUT retransmits since nothing
acknowledged it in time are doubts of a kind of their own: the case is tried again, with more air
between the tries each time.  So is a FAIL that the reference gives too, under the DUT's profile and
with each step when it was taken (:mod:`tw_conformance.play.hindsight`): it may be any timer that
was ahead of the tester.
"""
