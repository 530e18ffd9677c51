"""What the default suite costs on the reference: in all, per case, and in parts.

    python ci/bench/suite.py [REPEATS]

Prints wall time per case under every profile; the shares of Scapy (build, parse), the stack and the
rest, from one profiled run; and the cost of ten times the cases as a ratio, with the memory that
they leave behind.
"""

from __future__ import annotations

import cProfile
import pstats
import sys
import time
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

from tw_conformance.model.case import Case
from tw_conformance.model.verdict import Verdict
from tw_conformance.notation.bundled import bundled_cases, case_files
from tw_conformance.notation.load import load_file
from tw_conformance.play.player import play
from tw_conformance.targets.in_process import InProcessTarget
from tw_reference.profiles import PROFILES


def run(cases: Sequence[Case], profile: str) -> float:
    """Seconds to play all cases that the profile is held to; they must pass."""
    target = InProcessTarget(PROFILES[profile])
    begun = time.perf_counter()
    for case in cases:
        outcome = target.start(play(case, target)).result()
        if outcome.verdict is not Verdict.PASS:
            raise SystemExit(f"{case.id} under {profile}: {outcome.reason}")
    return time.perf_counter() - begun


def parts(cases: Sequence[Case], profile: str) -> dict[str, float]:
    """Shares of one run's time: functions' own time, by the file that they are defined in."""
    profiler = cProfile.Profile()
    profiler.runcall(run, cases, profile)
    shares = {"Scapy build": 0.0, "Scapy parse": 0.0, "templates": 0.0, "stack": 0.0, "rest": 0.0}
    statistics = pstats.Stats(profiler)
    total = 0.0
    for (file, _, name), (_, _, own, _, _) in statistics.stats.items():  # type: ignore[attr-defined]
        total += own
        path = Path(file)
        if "scapy" in path.parts:
            building = name in ("build", "do_build", "self_build", "addfield", "i2m", "post_build")
            shares["Scapy build" if building else "Scapy parse"] += own
        elif path.parent.name == "wire":
            shares["templates"] += own
        elif path.parent.name in ("tw_reference", "rules", "profiles", "stack"):
            shares["stack"] += own
        else:
            shares["rest"] += own
    return {part: own / total for part, own in shares.items()}


def main() -> None:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    begun = time.perf_counter()
    cases = [case for file in case_files([str(bundled_cases())]) for case in load_file(file)]
    loading = time.perf_counter() - begun
    print(f"{len(cases)} cases loaded in {loading:.3f} s, {loading / len(cases) * 1e3:.2f} ms each")
    for profile in PROFILES:
        lacks = InProcessTarget(PROFILES[profile]).lacks
        held = [case for case in cases if case.applies_to(profile) and lacks(case) is None]
        run(held[:50], profile)
        seconds = sorted(run(held, profile) for _ in range(repeats))
        median = seconds[repeats // 2]
        print(
            f"{profile}: {len(held)} cases in {median:.2f} s (median of {repeats}, from"
            f" {seconds[0]:.2f} to {seconds[-1]:.2f}), {median / len(held) * 1e3:.2f} ms a case"
        )
        shares = parts(held, profile)
        print("  " + ", ".join(f"{part} {share:.0%}" for part, share in shares.items()))
        once = min(run(held, profile) for _ in range(3))
        tracemalloc.start()
        run(held, profile)
        before = tracemalloc.get_traced_memory()[0]
        run(held * 3, profile)
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        ten = run(held * 10, profile)
        print(
            f"  10 times the cases: {ten / once:.2f} times the time;"
            f" memory left behind by 3 times the cases: {grown / 1024:.0f} KiB"
        )


if __name__ == "__main__":
    main()
