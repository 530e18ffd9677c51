"""``tw-conformance serve``: the reference on a link, as a host of its own."""

from __future__ import annotations

import argparse

from tw_conformance.model.errors import ExitCode, TargetError, UsageError
from tw_reference.serve import plan
from tw_reference.serve.errors import ServeError, UnknownName


def add_options(parser: argparse.ArgumentParser) -> None:
    plan.add_options(parser)
    parser.epilog = plan.EPILOG.replace("  serve ", "  tw-conformance serve ")


def serve(arguments: argparse.Namespace) -> int:
    """Serve until interrupted.

    :raises UsageError: where an option names what is not there.
    :raises TargetError: where the link can't be had, or is there no more.
    """
    # Scapy takes a third of a second to import: only who serves is to wait for it.
    from tw_reference.serve import command

    try:
        command.serve(plan.plan(arguments))
    except UnknownName as error:
        raise UsageError(str(error)) from None
    except ServeError as error:
        raise TargetError(str(error)) from None
    return ExitCode.CONFORMS
