"""Decision lists: how a documented stack's behaviour is written down.

Theory of operation.  Whenever a stack has to decide something about a connection (a segment
arrives in TIME-WAIT, a connection is about to enter TIME-WAIT, a socket is bound to a port in
TIME-WAIT ...), the occasion is a *stage*, and the profile has one *decision list* for it.  A
*question* is put to the list: a value with all that the stack may look at there and nothing else.
The list is a sequence of *rules*.  Each has a *condition* over the question, one or more *actions*,
a sentence, and its source.  The first rule whose condition holds *decides*.  A rule may also be a
*note*: it acts and the list goes on, as a stack that records a timestamp and then looks further.
All conditions look at the situation as it was when the question was put; the actions follow, the
notes' first, in order.

A rule is data.  Conditions are built of named atoms with ``all_of``, ``any_of`` and ``~``, so that
a program can print them, say which part kept a rule from firing, and break one on purpose.  From
this one shape come the printed tables, the trace of a run, rule coverage, mutants, the comparison
of two profiles, and the explanation of a verdict.  A list is a value too, and one version's list
is made from another's by naming the rule that changed.

Types hold it together.  A ``Stage[Q, A]`` says which question ``Q`` its lists are asked and of
which enumeration ``A`` their actions are; ``Condition[Q]`` is contravariant in the question.  An
atom that looks at what the question does not have, or an action of another stage, is an error of
the type checker, not of a run.

A list decides and does nothing itself: :mod:`tw_reference.stack` puts the questions and takes the
actions.  Where a profile has no list for a stage, nothing is known of the stack there: a connection
goes on as RFC 9293 says, and the trace has ``NOT_RULED`` for a rule, of which nobody may make an
expectation.
"""
