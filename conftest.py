"""Enables the plugin in a checkout where the package is not installed.

Installed, it comes by its entry point, which has the same name: pytest registers it once.

The suite's own tests need an installation for developers.  Where there is none the cases are
played without them, and the first lines of the run say so.
"""

import os
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import pytest

import tw_conformance

pytest_plugins = ["tw_conformance.plugin"]

_HERE = Path(__file__).parent
_FOR_DEVELOPERS = Path(tw_conformance.__file__).parents[1] == _HERE and find_spec("hypothesis")


if _FOR_DEVELOPERS:
    from hypothesis import settings

    # No test says how fast a machine is, and each draws the same examples on all of them.
    settings.register_profile("suite", deadline=None, derandomize=True, database=None)
    settings.load_profile("suite")
    with suppress(ImportError):  # before Hypothesis 6.125
        from hypothesis.internal.conjecture import providers

        # Else it draws constants of whatever modules of ours are imported by then, and what a test
        # is about depends on the tests before it.
        providers.is_local_module_file = lambda file: False


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """Half as many again as there are processors: a test on a wire waits for most of its time."""
    if not _FOR_DEVELOPERS or "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    processors = len(os.sched_getaffinity(0))
    return processors + (processors + 1) // 2


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    own = collection_path in (_HERE / "tw_conformance", _HERE / "reference")
    return True if own and not _FOR_DEVELOPERS else None


def pytest_report_header() -> str | None:
    if _FOR_DEVELOPERS:
        return None
    return "the suite's own tests are left out: they need pip install --editable '.[dev]'"
