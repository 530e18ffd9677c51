"""Links that are not as plain as others, and links that don't last."""

from __future__ import annotations

import re
import sys

import pytest

from tw_conformance.tests.wire.in_lab import QUICK, TESTERS, in_lab, in_one_line, suite
from tw_conformance.tests.wire.tagged import VLAN

pytestmark = pytest.mark.usefixtures("world_or_skip")

DUT = ("--target", "192.0.2.20", "--dut-ip", "2001:db8::20", "--profile", "linux")


def test_frames_of_another_vlan_are_passed_over_and_the_doctor_says_so() -> None:
    done = in_lab("tagged", *suite("doctor", "192.0.2.20", *TESTERS, *QUICK))
    assert done.returncode == 3, done.stdout + done.stderr
    assert "192.0.2.20 does not answer on this link" in done.stdout
    said = in_one_line(done.stdout)
    assert f"tagged for VLAN {VLAN}: test from an interface of the DUT's VLAN" in said


def test_an_interface_of_a_vlan(guest_or_skip: None) -> None:
    """In a guest, whose kernel has those: every frame is tagged on its way, both ways."""
    guest = (sys.executable, "-m", "tw_conformance.tests.wire.vlan_guest")
    done = in_lab("tagged", *guest, "run", "-k", "ack-fields", *QUICK, *DUT, *TESTERS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "12 passed" in done.stdout


def test_a_jumbo_link() -> None:
    done = in_lab("jumbo", *suite("run", "-k", "ack-fields", *QUICK, *DUT, *TESTERS))
    assert done.returncode == 0, done.stdout


def test_a_bridge_is_an_ethernet_link() -> None:
    """The tester's machine has its address on a bridge, whose port is the link."""
    done = in_lab(
        "link", "sh", "-c", BRIDGE, "sh", *suite("run", "-k", "ack-fields", *QUICK, *DUT, *TESTERS)
    )
    assert done.returncode == 0, done.stdout + done.stderr


BRIDGE = """\
ip link add bridge0 type bridge forward_delay 0 mcast_snooping 0
ip addr flush dev lab0
ip addr add 192.0.2.1/24 dev bridge0
ip addr add 2001:db8::1/64 dev bridge0 nodad
ip link set lab0 master bridge0
ip link set bridge0 up
exec "$@"
"""


@pytest.mark.parametrize("end", ["set lab0 down", "del lab0"])
def test_an_interface_that_goes_in_the_middle_of_a_run_ends_it_in_one_sentence(end: str) -> None:
    run = suite("run", *DUT, *TESTERS, "--rate", "50", "-k", "ack-fields or rst-fields")
    done = in_lab("link", sys.executable, "-c", CUT_OFF, end, *run)
    assert done.returncode == 3, done.stdout + done.stderr
    assert re.search(rf"! the link is gone: {GONE}; see that the tester's interface", done.stdout)
    assert done.stdout.count("ERROR at call") == 1
    assert "Traceback" not in done.stdout + done.stderr


GONE = "(Network is down|No such device|No such device or address)"
"""What the kernel says depends on whether a frame was read or sent first."""

CUT_OFF = """
import subprocess, sys
end, *suite = sys.argv[1:]
with subprocess.Popen(suite, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as run:
    for line in run.stdout:
        print(line, end="")
        if "collected" in line:
            subprocess.run(["ip", "link", *end.split()], check=True)
sys.exit(run.returncode)
"""
