"""``tw-conformance trace``: a capture explained without a host, and which profile fits it best."""

from __future__ import annotations

import argparse
from ipaddress import ip_address
from pathlib import Path

from tw_conformance.model.errors import ExitCode

EXIT_CODES = """\
exit codes:
  0    some documented stack explains each connection
  1    at least one segment was sent, or left unsaid, as no documented stack does it
  2    the command line is wrong, or the file is no capture
  5    no connection closes in the capture
  130  interrupted, or nobody reads the output any more
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare what :func:`trace` takes."""
    parser.epilog = EXIT_CODES
    add_capture(parser)
    parser.add_argument("--all", action="store_true", help="print every way in which they closed")


def add_capture(parser: argparse.ArgumentParser) -> None:
    """The options of all that reads captures."""
    parser.add_argument("capture", metavar="CAPTURE", type=Path, help="a pcap or pcapng file")
    parser.add_argument(
        "--dut",
        type=_address,
        metavar="ADDRESS",
        help="judge the end with this address. Default: of each connection, the end that closes "
        "first",
    )
    parser.add_argument(
        "--profile",
        action="append",
        default=[],
        metavar="NAME",
        help="hold it to this documented stack; repeatable. Default: all",
    )


def trace(arguments: argparse.Namespace) -> int:
    """Print the rules behind each closing connection, and how well each profile fits.

    :raises SuiteError: where the file is no capture.
    """
    from tw_conformance.captures.judging import judge_capture
    from tw_conformance.captures.reading import CaptureReader
    from tw_conformance.captures.trace_text import SHOWN, fits, head, stories
    from tw_conformance.plugin.options import profile_names
    from tw_reference.profiles import PROFILES

    profiles = [PROFILES[name] for name in profile_names(arguments.profile)]
    reading = CaptureReader(arguments.capture)
    judged = judge_capture(reading, profiles, arguments.dut)
    print(*head(reading, judged), sep="\n")
    if not judged.connections:
        return ExitCode.NOTHING
    print(*stories(judged, None if arguments.all else SHOWN), "", *fits(judged), sep="\n")
    return ExitCode.DEVIATES if judged.undocumented else ExitCode.CONFORMS


def _address(text: str) -> str:
    """As packets have it."""
    try:
        return str(ip_address(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text} is no IP address") from error
