"""The stranger's own eyes: it sees what answers, and a silent target stays at nothing.

Two network namespaces joined by one veth: the stranger, and a router that holds two of the
lab's addresses. Nothing here boots a machine.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab.prober import nmap, ports

pytestmark = pytest.mark.lab

V4, V6 = "198.51.100.17", "2001:db8:1:1::1"
NOBODY4, NOBODY6 = "198.51.100.18", "2001:db8:1:2::1"

DARK = """
table inet dark {
  chain input {
    type filter hook input priority 0; policy drop;
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
  }
}
"""


@dataclass(frozen=True, slots=True)
class Street:
    """Two namespaces by name."""

    stranger: str
    house: str

    def knock(self, report: Path, seconds: float) -> tuple[int, dict[str, Any]]:
        """Run the prober as the stranger; give its exit code and its report."""
        done = subprocess.run(
            [
                *("ip", "netns", "exec", self.stranger, sys.executable, "-m", "lab.prober"),
                *("--report", str(report), "--seconds", str(seconds)),
                *(word for item in (V4, NOBODY4, V6, NOBODY6) for word in ("--address", item)),
            ],
            check=False,
            capture_output=True,
            text=True,
        )
        assert not done.stderr, done.stderr
        return done.returncode, json.loads(report.read_text())


def _sh(text: str) -> None:
    subprocess.run(["sh", "-ec", text], check=True, capture_output=True, text=True)


def _nft(street: Street, rules: str) -> None:
    subprocess.run(
        ["ip", "netns", "exec", street.house, "nft", "-f", "-"], input=rules, text=True, check=True
    )


@pytest.fixture
def street() -> Iterator[Street]:
    """A stranger and a house with two of the lab's addresses, dark from the start."""
    a, b = f"bptest-{os.getpid()}-a", f"bptest-{os.getpid()}-b"
    try:
        _sh(f"""
            ip netns add {a}; ip netns add {b}
            ip -n {a} link add eth0 type veth peer name eth0 netns {b}
            for n in {a} {b}; do
              ip netns exec $n sysctl -qw net.ipv6.conf.all.accept_dad=0
              ip netns exec $n sysctl -qw net.ipv6.conf.default.accept_dad=0
              ip netns exec $n sysctl -qw net.ipv6.conf.eth0.accept_dad=0
              ip -n $n link set lo up
            done
            ip -n {a} addr add 198.51.100.3/32 dev eth0
            ip -n {a} addr add 2001:db8:0:3::3/128 dev eth0
            ip -n {b} addr add fe80::1/64 dev eth0
            ip -n {a} link set eth0 up; ip -n {b} link set eth0 up
            ip -n {a} route add 198.51.100.1 dev eth0
            ip -n {a} route add default via 198.51.100.1 dev eth0
            ip -n {a} -6 route add default via fe80::1 dev eth0
            ip -n {b} addr add 198.51.100.1/32 dev eth0
            ip -n {b} addr add {V4}/32 dev lo; ip -n {b} addr add {V6}/128 dev lo
            ip -n {b} route add 198.51.100.3 dev eth0
            ip -n {b} -6 route add 2001:db8:0:3::3 dev eth0
            ip -n {b} route add blackhole default; ip -n {b} -6 route add blackhole default
        """)
        street = Street(a, b)
        _nft(street, DARK)
        yield street
    finally:
        _sh(f"ip netns del {a} || true; ip netns del {b} || true")


def test_a_dark_house_and_an_empty_lot_return_nothing(street: Street, tmp_path: Path) -> None:
    """Six seconds of every kind of knock on silent addresses bring back no packet at all.

    The negative stands in the two tests below: the same code sees any answer.
    """
    code, report = street.knock(tmp_path / "report.json", 6)
    assert report["received"] == []
    assert report["received_total"] == 0
    assert report["capture_drops"] == 0
    assert code == 0
    assert report["done"]
    assert report["send_errors"] == {}
    # 12 rounds; 4 addresses; the sweep covers 100 ports in 10 rounds, and 2 more tenths of it.
    assert report["sent"] == {
        "syn22/4": 24,
        "syn22/6": 24,
        "icmp/4": 24,
        "icmp/6": 24,
        "udp/4": 96,
        "udp/6": 96,
        "top100/4": 240,
        "top100/6": 240,
    }


@pytest.mark.parametrize(
    ("rule", "protocol", "family"),
    [
        ("ip daddr 198.51.100.17 icmp type echo-request accept", "icmp", 4),
        ("icmpv6 type echo-request accept", "icmp6", 6),
        ("meta nfproto ipv4 tcp dport 22 accept", "tcp", 4),
        ("meta nfproto ipv6 tcp dport 8443 accept", "tcp", 6),
        ("meta nfproto ipv4 udp dport 51822 accept", "icmp", 4),
        ("meta nfproto ipv6 udp dport 51823 accept", "icmp6", 6),
        ("meta nfproto ipv4 tcp dport 443 reject", "icmp", 4),
    ],
)
def test_any_answer_is_seen(
    street: Street, tmp_path: Path, rule: str, protocol: str, family: int
) -> None:
    """An echo reply, a RST, a port-unreachable or an administrative error is recorded."""
    _nft(street, DARK.replace("  }\n}", f"    {rule}\n  }}\n}}"))
    seconds = 5.5 if "443" in rule else 1.5  # the sweep takes five seconds, the rest half a one
    code, report = street.knock(tmp_path / "report.json", seconds)
    assert code == 1
    assert report["received_total"] > 0
    assert {(item["protocol"], item["family"]) for item in report["received"]} == {
        (protocol, family)
    }


def test_a_packet_from_a_third_party_is_seen(street: Street, tmp_path: Path) -> None:
    """Not only answers count: whatever reaches the stranger from anybody is recorded."""
    with subprocess.Popen(
        ["ip", "netns", "exec", street.house, "ping", "-q", "-c", "6", "-i", "0.5", "198.51.100.3"],
        stdout=subprocess.DEVNULL,
    ):
        code, report = street.knock(tmp_path / "report.json", 3)
    assert code == 1
    assert {item["source"] for item in report["received"]} == {"198.51.100.1"}


def test_nmap_tells_dark_from_open(street: Street) -> None:
    """A scan of UDP ports finds a dark house dark, and one open port not."""
    prefix = ("ip", "netns", "exec", street.stranger)
    dark = nmap.scan(prefix, "udp", V4)
    assert dark.dark
    assert sum(dark.states.values()) == len(ports.AUDIT_UDP)
    _nft(street, DARK.replace("  }\n}", "    udp dport 5353 accept\n  }\n}"))
    lit = nmap.scan(prefix, "udp", V4)
    assert not lit.dark
    assert lit.answered == ("udp/5353 closed (port-unreach)",)
