"""``tw-conformance mutants``."""

from __future__ import annotations

from tw_conformance.cli import mutants
from tw_conformance.explore.mutants import mutant


def test_every_kind_of_mutant_can_be_chosen() -> None:
    assert mutants.KINDS == mutant.KINDS
