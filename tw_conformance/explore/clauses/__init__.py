"""The ledger of clauses: every normative sentence about TIME-WAIT and closing, and who keeps it.

A clause has the place where it is written and a paraphrase, never the wording.  Which rules carry
it is said, which cases show it is found: those in which one of its rules decides on the profile
that speaks for it (``rfc9293`` for the RFCs, ``freebsd-10`` and ``linux-2.6.32`` for the documents
that the project began with).  What every other profile does is found too, by playing the plainest
of those cases on it with the answers that the clause's own profile gives.

Only what no case can show is stated, with the reason.  :mod:`ledger` puts the documents together,
:mod:`shown` finds the cases, :mod:`standing` what each profile does.
"""
