"""A sample of stacks with one fault each meets the bundled cases: whatever survives is listed here.

All of them meet in ``tw-conformance mutants``, which takes minutes.
"""

from __future__ import annotations

import pytest

from tw_conformance.explore.corpus import read_corpus
from tw_conformance.explore.mutants.hunt import Sample, hunt
from tw_reference.profiles import PROFILES

SAMPLE = Sample(size=60, seed=0, kinds=("list",))
KNOWN: dict[str, set[str]] = {
    "freebsd-15": {
        "SYN-RECEIVED: freebsd.conn-rst-drop: behind freebsd.syn-received-paws-text",
        "SYN-RECEIVED: freebsd.conn-timestamp: dropped",
        "ESTABLISHED: freebsd.conn-ack-too-high: behind freebsd.conn-take-ack",
        "FIN-WAIT-1: freebsd.conn-duplicate-ack: dropped",
        "CLOSING: freebsd.conn-beyond-fin: behind freebsd.conn-timestamp",
        "CLOSING: freebsd.conn-duplicate-ack-or-fin: behind freebsd.conn-take-ack",
        "CLOSE-WAIT: freebsd.conn-beyond: behind freebsd.conn-timestamp",
        "CLOSE-WAIT: freebsd.conn-take-ack: behind freebsd.conn-old",
        "LAST-ACK: freebsd.conn-beyond-fin: behind freebsd.conn-timestamp",
    },
}
"""Survivors of the sample for which there is neither a case yet nor a proof that none can be."""


@pytest.mark.parametrize("name", KNOWN)
def test_no_fault_of_the_sample_survives_unlisted(name: str) -> None:
    found = hunt(PROFILES[name], read_corpus([]).cases, SAMPLE)
    assert len(found.fates) == SAMPLE.size
    assert {fate.mutant for fate in found.survivors()} == KNOWN[name]
