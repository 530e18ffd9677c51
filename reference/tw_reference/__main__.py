"""``python -m tw_reference``: the reference on a TAP device or an interface."""

from __future__ import annotations

import sys

from tw_reference.serve.command import main

if __name__ == "__main__":
    sys.exit(main())
