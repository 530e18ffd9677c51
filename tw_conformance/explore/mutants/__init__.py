"""Mutants of the decision lists: what a corpus of cases would catch.

The lists are data, so each can be broken on purpose: a rule is dropped, two neighbours are swapped,
a condition is negated or loses a part, a bound is shifted by one, an action is taken away or
exchanged, a field of an answer is another, a setting or a time is.  A stack with that fault has to
fail a case; where none fails, the corpus would not notice such a stack.

**Which cases are played.**  Until a mutant's list rules otherwise than the original's, nothing that
it does differs.  So every case is played once on the original, and at each decision each mutant is
asked (:mod:`suspicion`): only the cases in which a mutant rules otherwise are played on it, until
the first that fails.  A mutant that never rules otherwise survives without a play, and so does a
trait that is never looked at.

**Who kills.**  A case fails on a mutant by what it expects.  Where all pass, the oracle may still
see another stack beside one of them (:mod:`beside`), as a sweep does: both are counted apart.

**Survivors** are of two kinds.  Some are faults that nobody would notice: they want a case.  Some
change nothing that a packet or a call could show: :mod:`equivalent` says of each why, and nothing
else may survive.
"""
