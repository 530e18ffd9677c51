"""Mutants of the decision lists: what a corpus of cases would catch.

The lists are data, so each can be broken on purpose: a rule is dropped, two neighbours are swapped,
a condition is negated or loses a part, a bound is shifted by one, an action is taken away or
exchanged, a field of an answer is another, a setting or a time is.  A stack with that fault has to
fail a case; where none fails, the corpus would not notice such a stack.

**Which cases are played.**  Until a ruling of a mutant's list comes to something else than the
original's (:mod:`effects`), nothing that it does differs.  So every case is played once on the
original, and at each decision each mutant is asked (:mod:`suspicion`): only the cases in which a
mutant does otherwise are played on it, until the first that fails; first of all the case that
killed its like of another profile, then those that killed others of the same rule.

**Who kills.**  A case fails on a mutant by what it expects.  Where all pass, the oracle may still
see another stack beside one of them (:mod:`beside`), as a sweep does: both are counted apart.

**Who is left.**  Of a mutant that does as the original does in every decision of the corpus all
situations around these are tried (:mod:`situations`): where it never does otherwise it is alike.
Of others :mod:`equivalent` says why nothing can show them.  Whoever else survives wants a case.
"""
