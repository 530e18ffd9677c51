"""A sample of stacks with one fault each meets the bundled cases under every profile: hardly any
goes unnoticed.

All of them meet in ``tw-conformance mutants``, which takes minutes.
"""

from __future__ import annotations

import pytest

from tw_conformance.explore.mutants.hunt import Sample, hunt
from tw_conformance.explore.mutants.mutant import KINDS
from tw_conformance.notation.tests.every_case import every_case
from tw_reference.profiles import PROFILES

SAMPLE = Sample(size=15, seed=0, kinds=tuple(kind for kind in KINDS if kind != "answer"))
"""What answers there are to get wrong is only known when every case was played."""
MOST = 3
"""Of those, mutants for which there is neither a case yet nor a proof that none can be."""


@pytest.mark.parametrize("name", PROFILES)
def test_few_faults_of_the_sample_survive(name: str) -> None:
    found = hunt(PROFILES[name], every_case(), SAMPLE)
    assert len(found.fates) == SAMPLE.size
    survivors = [fate.mutant for fate in found.survivors()]
    assert len(survivors) <= MOST, survivors
