"""Raw frames, spoilt at random, against the wire and the host of every profile.

    python ci/fuzz/frames.py [--frames N] [--seed S] [--processes P]

Prints the rate, what became of the frames, and how many of each profile's rules about segments they
reached.  A frame that breaks something is printed with the session that leads to it; the same seed
finds it again.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from multiprocessing import Pool

from tw_reference.profiles import PROFILES
from tw_reference.rules import stages
from tw_reference.tests.frame_fuzz import FrameFailure, Session, Tally

_SESSION = 1000
"""Frames that one host gets, before the next one takes over under the next profile."""
_ABOUT_SEGMENTS = (
    stages.FIN_WAIT_2_BLOCK,
    stages.TIME_WAIT,
    stages.ICMP,
    stages.ACK_LIMIT,
    stages.LISTEN,
    stages.CLOSED,
)


def perform(task: tuple[str, int]) -> Tally | str:
    """One session; what broke it, in words."""
    seed, number = task
    profile = list(PROFILES.values())[number % len(PROFILES)]
    try:
        return Session(profile, f"{seed}/{number}").run(_SESSION)
    except FrameFailure as failure:
        return f"{failure}\n  {failure.__cause__!r}"


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--frames", type=int, default=100_000, help="rounded up to sessions")
    arguments.add_argument("--seed", default="1")
    arguments.add_argument("--processes", type=int, default=1)
    options = arguments.parse_args()
    logging.getLogger("scapy").setLevel(logging.ERROR)
    tasks = [(options.seed, number) for number in range(-(-options.frames // _SESSION))]
    total, broken = Tally(), []
    begun = time.perf_counter()
    with Pool(options.processes) as pool:
        for result in pool.imap_unordered(perform, tasks, chunksize=7):
            if isinstance(result, Tally):
                total.add(result)
            else:
                broken.append(result)
                print(result, file=sys.stderr, flush=True)
    seconds = time.perf_counter() - begun
    frames = len(tasks) * _SESSION
    print(
        f"{frames} frames, seed {options.seed}, {options.processes} processes: {seconds:.1f} s,"
        f" {frames / seconds:.0f} frames/s; {len(broken)} of {len(tasks)} sessions broken"
    )
    for outcome, count in sorted(total.outcomes.items(), key=lambda item: -item[1]):
        print(f"{count:>10} {count / frames:6.2%}  {outcome}")
    for name, profile in PROFILES.items():
        about = {r.id for rules in profile.lists() if rules.stage in _ABOUT_SEGMENTS for r in rules}
        missed = sorted(about - total.rules[name])
        print(f"{name}: {len(about) - len(missed)} of {len(about)} rules fired", *missed)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
