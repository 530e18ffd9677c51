"""What user-mode Linux runs first, in an interpreter that knows the standard library only: becomes
:func:`tw_conformance.tests.wire.vlan_guest.inside` in one that knows the suite."""

import os
import sys
from pathlib import Path

INSIDE = "from tw_conformance.tests.wire.vlan_guest import inside; import sys; inside(sys.argv[1])"
REPOSITORY = Path(__file__).parents[3]

if __name__ == "__main__":
    os.environ["PYTHONPATH"] = f"{REPOSITORY}:{REPOSITORY}/reference"
    os.execv(sys.executable, [sys.executable, "-c", INSIDE, sys.argv[1]])
