"""A host across a network, with a service that closes first and nothing of ours."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest

from tw_conformance.tests.wire.in_lab import (
    QUICK,
    TESTERS,
    WITH_RFC1337,
    WITHOUT_ECHO,
    in_lab,
    lab_command,
    lab_environment,
    suite,
)

pytestmark = pytest.mark.usefixtures("world_or_skip")

DUT = ("--target", "192.0.2.20", "--dut-ip", "2001:db8::20", "--profile", "linux")
FIELDS = ("run", "-k", "ack-fields", *QUICK)
"""Cases whose verdict needs no state."""

needs_nft = pytest.mark.usefixtures("nft_or_skip")
AND_THEN_THE_RULES = ("sh", "-c", '"$@"; code=$?; nft list tables; exit $code', "sh")


def test_a_host_on_the_link() -> None:
    done = in_lab("link", *suite(*FIELDS, *DUT, *TESTERS))
    assert done.returncode == 0, done.stdout
    assert "path to 192.0.2.20: " in done.stdout
    assert " passed" in done.stdout


def test_a_host_behind_a_router_and_a_smaller_mtu() -> None:
    dut = ("--target", "198.51.100.20", "--dut-ip", "2001:db8:1::20", "--profile", "linux")
    done = in_lab("routed", *suite(*FIELDS, *dut, *TESTERS))
    assert done.returncode == 0, done.stdout


def test_a_host_that_answers_no_echo_request_is_tested_by_tcp() -> None:
    select = ("run", "-k", "rst-at-rcv-nxt or fin-again", "--max-wait", "1", *QUICK)
    done = in_lab("link", "sh", "-c", WITHOUT_ECHO, "sh", *suite(*select, *DUT, *TESTERS))
    assert done.returncode == 0, done.stdout
    assert "probes by TCP, none lost" in done.stdout


def test_workers_share_the_address_and_no_port() -> None:
    done = in_lab("link", *suite(*FIELDS, *DUT, *TESTERS, "-n", "2"))
    assert done.returncode == 0, done.stdout


def test_what_a_host_lacks_is_counted_by_reason() -> None:
    select = ("-k", "rst-at-rcv-nxt or rst-under-rfc1337 or ack-fields")
    done = in_lab("link", *suite("run", *select, *DUT, *TESTERS[:2], *QUICK))
    assert done.returncode == 0, done.stdout
    assert "not played on this target: needs the DUT's setting rfc1337=1: use ssh://" in done.stdout
    assert "cases whose state was inferred from packets, not read on the DUT: " in done.stdout
    assert "not played on this target: needs an IPv6 address of the DUT" in done.stdout


def test_a_setting_that_a_dut_may_have_is_named_where_it_would_explain_a_failure() -> None:
    """Nobody can read it."""
    selected = ("-k", "rst-at-rcv-nxt and off and FIN-WAIT-1 and ipv4")
    run = suite("run", *selected, *DUT, *TESTERS[:2], *QUICK)
    done = in_lab("link", "sh", "-c", WITH_RFC1337, "sh", *run)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "settings of 192.0.2.20: none can be read; taken for linux-6.18's" in done.stdout
    assert "with rfc1337=1 it does what the DUT did" in done.stdout


@needs_nft
def test_a_borrowed_address_needs_a_rule_that_is_gone_afterwards() -> None:
    done = in_lab("link", *AND_THEN_THE_RULES, *suite(*FIELDS, *DUT, "--source-ip"))
    assert done.returncode == 0, done.stdout
    assert "table" not in done.stdout


@needs_nft
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_rule_goes_with_its_run_or_with_the_next_start(number: signal.Signals) -> None:
    """After SIGKILL by the next start."""
    done = in_lab("link", sys.executable, "-c", INTERRUPT, str(int(number)), *suite())
    before, left, after = done.stdout.splitlines()
    assert before == "2"
    assert left == ("0" if number == signal.SIGINT else "2")
    assert after == "0"


INTERRUPT = """
import signal, subprocess, sys, time
number, *suite = sys.argv[1:]
def rules():
    return subprocess.run(["nft", "list", "tables"], capture_output=True).stdout.count(b"\\n")
dut = ["--target", "192.0.2.20", "--dut-ip", "2001:db8::20", "--profile", "linux", "--source-ip"]
with subprocess.Popen([*suite, "run", *dut, "--rate", "1"], stdout=subprocess.DEVNULL) as run:
    deadline = time.monotonic() + 30
    while (before := rules()) < 2 and time.monotonic() < deadline and run.poll() is None:
        pass
    run.send_signal(int(number))
print(before)
print(rules())
quick = ["run", "-k", "ack-fields", "--rate", "5000"]
subprocess.run([*suite, *quick, *dut], stdout=subprocess.DEVNULL)
print(rules())
"""


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (("--target", "192.0.2.20"), "give one with --tester-ip"),
        (("--target", "192.0.2.20", "--tester-ip", "192.0.2.20"), "is in use on this link"),
        (("--target", "192.0.2.20", "--tester-ip", "192.0.2.1"), "this machine's own address"),
        (("--target", "192.0.2.20", "--tester-ip", "10.0.0.9"), "no route to 10.0.0.9"),
        (("--target", "192.0.2.77", "--tester-ip", "192.0.2.9"), "does not answer on this link"),
        (("--target", "203.0.113.1", "--tester-ip", "192.0.2.9"), "no route to 203.0.113.1"),
        (("--target", "192.0.2.1", "--tester-ip", "192.0.2.9"), "this machine itself"),
        (("--target", "192.0.2.255", "--tester-ip", "192.0.2.9"), "a broadcast address"),
        (("--target", "8.8.8.8", "--tester-ip", "192.0.2.9"), "--yes-i-own-this-host"),
    ],
)
def test_what_can_not_be_says_what_to_do(arguments: tuple[str, ...], advice: str) -> None:
    done = in_lab("link", *suite("run", "--profile", "linux", *arguments))
    assert done.returncode == 3
    assert advice in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_service_whose_answers_never_end_is_refused() -> None:
    done = in_lab("flood", *suite("run", "-k", "rst-fields and ipv4", *DUT, *TESTERS, *QUICK))
    assert done.returncode == 3, done.stdout
    assert "did not close first" in done.stdout + done.stderr


def test_a_run_ends_in_time() -> None:
    done = in_lab(
        "link", *suite("run", *DUT, *TESTERS, "--rate", "30", "--max-time", "4", "-k", "fields")
    )
    assert done.returncode == 3, done.stdout
    assert "as --max-time says" in done.stdout


def test_interrupted_it_ends_at_once() -> None:
    run = suite("run", *DUT, *TESTERS, "--rate", "1")
    with subprocess.Popen(
        lab_command("link", *run),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=lab_environment(),
        start_new_session=True,
    ) as lab:
        assert lab.stdout is not None
        while "collected" not in lab.stdout.readline():
            assert lab.poll() is None
        os.killpg(lab.pid, signal.SIGINT)
        rest = lab.stdout.read()
    assert lab.returncode == 130
    assert "Traceback" not in rest


@pytest.mark.parametrize(
    ("layout", "says", "code"),
    [
        ("link", "✓ TIME-WAIT ", 0),
        ("silent", "✗ listener ", 3),
        ("flood", "✗ closes first ", 3),
        ("offloads", "✗ checksums ", 3),
    ],
)
def test_the_doctor_says_what_is_wrong(layout: str, says: str, code: int) -> None:
    done = in_lab(layout, *suite("doctor", "192.0.2.20", *TESTERS, *QUICK))
    assert done.returncode == code, done.stdout + done.stderr
    assert says in done.stdout


FILTER = """
nsenter -t "$LAB_DUT" -n nft -f - <<END
table inet lab {
    chain into {
        type filter hook input priority 0
        RULE_INTO
    }
    chain out {
        type filter hook output priority 0
        RULE_OUT
    }
}
END
exec "$@"
"""


@needs_nft
@pytest.mark.parametrize(
    ("into", "out", "says", "code"),
    [
        ("icmp type echo-request drop", "", "✓ sentinel .* proves silence .TCP", 0),
        (
            "icmp type echo-request drop",
            "tcp flags rst drop",
            "✗ reached .* no echo request .* resets no ACK .* no silence can be proven",
            3,
        ),
        ("ct state invalid drop", "", "[?] firewall .* «ct state invalid drop»", 4),
        ("", "tcp flags rst drop", "[?] resets .*net.inet.tcp.blackhole", 4),
    ],
)
def test_the_doctor_knows_firewalls(into: str, out: str, says: str, code: int) -> None:
    filtered = FILTER.replace("RULE_INTO", into).replace("RULE_OUT", out)
    examined = suite("doctor", "192.0.2.20", *TESTERS[:2], *QUICK)
    done = in_lab("link", "sh", "-c", filtered, "sh", *examined)
    assert done.returncode == code, done.stdout + done.stderr
    assert re.search(says, " ".join(done.stdout.split()))


@needs_nft
def test_a_gone_block_behind_a_blackhole_is_inconclusive() -> None:
    filtered = FILTER.replace("RULE_INTO", "").replace("RULE_OUT", "tcp flags rst drop")
    played = suite("run", "-k", "rst-at-rcv-nxt and off and FIN-WAIT-1", *DUT, *TESTERS, *QUICK)
    done = in_lab("link", "sh", "-c", filtered, "sh", *played)
    assert done.returncode == 4, done.stdout
    assert "blackhole sysctl on the DUT" in done.stdout
