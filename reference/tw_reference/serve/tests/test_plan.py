"""The command line of «serve»: what it means, and what it says when it means nothing."""

from __future__ import annotations

import argparse
import os

import pytest

from tw_reference.serve.command import check_not_local, main
from tw_reference.serve.errors import ServeError
from tw_reference.serve.plan import Plan, add_options, plan


def planned(*options: str) -> Plan:
    parser = argparse.ArgumentParser()
    add_options(parser)
    return plan(parser.parse_args(["--profile", "linux", "--tap", "tap0", *options]))


def test_by_default_one_port_closes_first() -> None:
    made = planned()
    assert made.profile.name == "linux-6.18"
    assert made.addresses == ("192.0.2.1", "2001:db8::1")
    assert made.mac == "02:00:c0:00:02:01"
    assert {port: name for port, (name, _) in made.services.items()} == {7: "close"}


def test_a_port_may_have_a_service_of_its_own() -> None:
    made = planned("--port", "80=hello", "--port", "9", "--service", "discard")
    assert {port: name for port, (name, _) in made.services.items()} == {80: "hello", 9: "discard"}


def test_addresses_become_canonical() -> None:
    made = planned("--address", "2001:DB8:0::5")
    assert made.addresses == ("2001:db8::5",)
    assert made.mac == "02:00:00:00:00:05"


def test_settings_are_numbers_of_the_profile() -> None:
    assert planned("--set", "rfc1337=1", "--set", "fin_timeout=5").settings == {
        "rfc1337": 1,
        "fin_timeout": 5,
    }


def test_a_block_may_have_its_price() -> None:
    made = planned("--reap-cost", "2.5", "--reaping", "one")
    assert (made.reap_cost, made.one_at_a_time) == (2500, True)


def test_every_run_has_a_seed_of_its_own_unless_told() -> None:
    assert planned().seed != planned().seed
    assert planned("--seed", "4").seed == 4


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--profile", "linx"], "no profile 'linx'; did you mean 'linux'?"),
        (["--set", "rfc137=1"], "no setting of linux-6.18 'rfc137'; did you mean 'rfc1337'?"),
        (["--set", "rfc1337=on"], "--set rfc1337=on: write rfc1337=NUMBER"),
        (["--service", "helo"], "no service 'helo'; did you mean 'hello'?"),
        (["--port", "80=eco"], "no service 'eco'; did you mean 'echo'?"),
        (["--reap-cost", "-1"], "--reap-cost -1: write 0 to 1e+06 microseconds"),
        (["--port", "0"], "--port 0: a port is a number from 1 to 65535"),
        (["--port", "http"], "--port http: a port is a number from 1 to 65535"),
        (["--address", "192.0.2.1/24"], "no IPv4 or IPv6 address (without a /)"),
        (["--address", "ff02::1"], "--address ff02::1: a host can't have that one on a link"),
        (["--mac", "01:00:5e:00:00:01"], "write a unicast one as 02:00:00:00:00:01"),
        (["--tap", "a-name-that-is-too-long"], "can't be an interface: 1 to 15 octets"),
    ],
)
def test_what_makes_no_sense_is_said(
    options: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--profile", "linux", "--tap", "tap0", *options]) == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.startswith("python -m tw_reference: ")
    assert said.count("\n") == 1


def test_an_address_of_this_machine_is_refused() -> None:
    """One that every machine has stands for those that only this one has."""
    with pytest.raises(ServeError, match="this machine's own: choose an --address"):
        check_not_local("127.0.0.1")


def test_an_interface_that_is_not_there_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    if os.geteuid() != 0:
        pytest.skip("an ordinary user is told so first")
    assert main(["--profile", "linux", "--interface", "nowhere0"]) == 3
    said = capsys.readouterr().err
    assert said.startswith("python -m tw_reference: no interface nowhere0 here (there are: lo")
