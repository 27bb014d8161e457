"""Whether a machine that was looked at may be taken over: each reason, all at once, and none."""

import json
import subprocess
from dataclasses import replace

import pytest

from runner import look
from runner.problem import RunnerError

FOUND = look.Facts(
    id="debian",
    version="12",
    name="Debian GNU/Linux 12 (bookworm)",
    wireguard="",
    conf="",
    go="",
    bridges="",
    docker="",
    walls="",
    taken="no",
    python="/usr/bin/python3",
    systemd="yes",
    began="no",
    flush="",
    forward="0",
    ipv6="",
)
SAID = look.Declared(system="debian-12", ipv6=None, bridges=[])


def test_a_plain_machine_may_be_taken() -> None:
    """Nothing speaks against it: no error, on any of the known systems."""
    look.require("a", FOUND, SAID)
    for system in look.SYSTEMS:
        kind, _, version = system.partition("-")
        found = replace(FOUND, id=kind, version=version)
        look.require("a", found, replace(SAID, system=system))


@pytest.mark.parametrize(
    ("found", "what", "fix"),
    [
        (replace(FOUND, id="rocky", name="Rocky Linux 9"), "runs Rocky Linux 9, and", "Upgrade"),
        (replace(FOUND, version="11"), "Debian 12, Debian 13, Ubuntu 24.04 are what", "Upgrade"),
        (replace(FOUND, version="13"), "runs Debian 13, and Debian 12 is declared", "debian-13"),
        (replace(FOUND, systemd="no"), "systemd does not run it", "whose init is systemd"),
        (replace(FOUND, wireguard="home"), "WireGuard of its own (home)", "Move that network"),
        (replace(FOUND, conf="/etc/wireguard/x.conf"), "(/etc/wireguard/x.conf)", "Move that"),
        (replace(FOUND, go="77 wireguard-go"), "(77 wireguard-go)", "Move that network"),
        (replace(FOUND, taken="yes"), "a stack has taken it over", "backplane release"),
        (
            replace(FOUND, flush="/etc/nftables.conf"),
            "flushes all tables, ours too (/etc/nftables.conf)",
            "disable nftables.service",
        ),
        (replace(FOUND, forward="1"), "it forwards packets", "net.ipv4.ip_forward to 0"),
        (
            replace(FOUND, bridges="docker0 br-1", docker="/usr/bin/dockerd"),
            "dockerd forwards over br-1, docker0",
            "bridges: [br-1, docker0]",
        ),
    ],
)
def test_each_reason_is_named_with_its_way_out(found: look.Facts, what: str, fix: str) -> None:
    """One thing is wrong: one reason, and what to do about it."""
    with pytest.raises(RunnerError) as caught:
        look.require("a", found, SAID)
    assert what in caught.value.what
    assert fix in caught.value.fix
    assert caught.value.what.startswith("a cannot be taken over: ")
    assert ";" not in caught.value.what


def test_all_reasons_come_at_once() -> None:
    """Three things are wrong: three reasons in one error."""
    wrong = replace(FOUND, version="11", conf="/etc/wireguard/x.conf", bridges="docker0")
    with pytest.raises(RunnerError) as caught:
        look.require("a", wrong, SAID)
    assert caught.value.what.count(";") == 2


def test_declared_bridges_and_others_are_let_be() -> None:
    """What the declaration lets through, and a bridge that no containers stand behind."""
    found = replace(FOUND, bridges="docker0 lan", forward="1")
    look.require("a", found, replace(SAID, bridges=["docker0"]))


def test_its_ipv6_address_is_the_declared_one() -> None:
    """One that it has and nobody declared, and one that is declared and not there."""
    has = replace(FOUND, ipv6="2001:db8::7 2001:db8::8")
    look.require("a", has, replace(SAID, ipv6="2001:db8::8"))
    with pytest.raises(RunnerError, match="has the IPv6 address 2001:db8::7, and none is declared"):
        look.require("a", has, SAID)
    with pytest.raises(RunnerError, match="does not have the IPv6 address 2001:db8::9"):
        look.require("a", has, replace(SAID, ipv6="2001:db8::9"))


def test_the_script_tells_every_field() -> None:
    """Run here as anybody, it prints one line with exactly the facts; other words are no facts."""
    done = subprocess.run(
        ["sh", "-c", look.SCRIPT], capture_output=True, text=True, check=True, timeout=30
    )
    assert set(json.loads(done.stdout)) == set(look.Facts.__dataclass_fields__)
    assert look.Facts.read(done.stdout).id
    with pytest.raises(ValueError, match="no facts"):
        look.Facts.read("sudo: a password is required")
    with pytest.raises(ValueError, match="no facts"):
        look.Facts.read("")
