"""Rule coverage: what a corpus of cases meets of each profile's decision lists.

The reference plays every case under a profile whose lists tell of each decision.  A rule is covered
where a case had it fire.  A condition is covered part by part, by the criterion that avionics calls
modified condition/decision coverage: each of its atoms was seen to decide, once as true and once
as false.  An atom decides on a question where the rule was looked at and the condition would come
out otherwise if that atom alone did.  So «RST is set and SEG.SEQ = RCV.NXT» wants three questions:
one that has both, one that lacks RST alone, one that lies elsewhere alone.

What no packet and no call brings about has its reason in :mod:`reasons`; nothing else may be left.
"""
