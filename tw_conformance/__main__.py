"""``python -m tw_conformance``: the command without an installation."""

from __future__ import annotations

import sys

from tw_conformance.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
