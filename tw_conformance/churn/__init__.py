"""Churn: many short-lived connections a second, and what TIME-WAIT does to them.

:mod:`.generator` opens connections and answers the DUT; what crosses the link is read with the
kernel's own times from :mod:`.ring`; :mod:`.trace` is what was measured.  :mod:`.stalls` says
whether the DUT stalls at a period, which it finds; :mod:`.words` says it to a person.
"""
