"""What a case costs against the running kernel in a namespace.

    python ci/bench/netns.py [REPEATS]

Prints wall time per case that does not wait, one at a time; and of the whole suite without the
cases that wait out a 2MSL, overlapped, over its longest case.
"""

from __future__ import annotations

import sys
import time
from statistics import median

from tw_conformance.model.case import Case
from tw_conformance.model.verdict import Verdict
from tw_conformance.notation.bundled import bundled_cases, case_files
from tw_conformance.notation.load import load_file
from tw_conformance.play.player import play
from tw_conformance.targets.registry import open_target

LONG = 5.0


def main() -> None:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    begun = time.perf_counter()
    target = open_target("netns")
    print(target.describe())
    print(f"ready after {time.perf_counter() - begun:.2f} s")

    def waits(case: Case) -> float:
        return sum(wait.evaluate(target.time_variables) for wait in case.waits())

    cases = [case for file in case_files([str(bundled_cases())]) for case in load_file(file)]
    cases = [case for case in cases if case.applies_to(target.profile)]
    brief = [case for case in cases if not waits(case)]
    shorter = sorted((case for case in cases if waits(case) < LONG), key=waits, reverse=True)
    try:
        for _ in range(repeats):
            singly = []
            for case in brief:
                begun = time.perf_counter()
                outcome = target.start(play(case, target)).result()
                singly.append((time.perf_counter() - begun) * 1e3)
                if outcome.verdict is not Verdict.PASS:
                    raise SystemExit(f"{case.id}: {outcome.reason}")
            ordered = sorted(singly)
            print(
                f"{len(brief)} cases without a wait, one at a time: {median(singly):.2f} ms a case"
                f" (median), {sum(singly) / len(singly):.2f} (mean),"
                f" {ordered[len(ordered) * 99 // 100]:.2f} (99th of 100)"
            )
        begun = time.perf_counter()
        started = [target.start(play(case, target)) for case in shorter]
        for handle in started:
            handle.result()
        seconds = time.perf_counter() - begun
        longest = waits(shorter[0])
        print(
            f"{len(shorter)} cases side by side: {seconds:.2f} s,"
            f" {seconds / longest:.2f} times the longest wait ({longest:.1f} s)"
        )
    finally:
        target.close()


if __name__ == "__main__":
    main()
