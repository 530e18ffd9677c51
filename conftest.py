"""Enables the plugin in a checkout where the package is not installed.

Installed, it comes by its entry point, which has the same name: pytest registers it once.

The suite's own tests need an installation for developers.  Where there is none the cases are
played without them, and the first lines of the run say so.
"""

from importlib.util import find_spec
from pathlib import Path

import tw_conformance

pytest_plugins = ["tw_conformance.plugin"]

_HERE = Path(__file__).parent
_FOR_DEVELOPERS = Path(tw_conformance.__file__).parents[1] == _HERE and find_spec("hypothesis")


if _FOR_DEVELOPERS:
    from hypothesis import settings

    settings.register_profile("suite", deadline=None)  # no test says how fast a machine is
    settings.load_profile("suite")


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    own = collection_path in (_HERE / "tw_conformance", _HERE / "reference")
    return True if own and not _FOR_DEVELOPERS else None


def pytest_report_header() -> str | None:
    if _FOR_DEVELOPERS:
        return None
    return "the suite's own tests are left out: they need pip install --editable '.[dev]'"
