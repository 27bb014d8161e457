"""What a stranger on the same internet sees of the mesh, from before the first server: nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hcloud import Client
from hcloud.firewalls.domain import FirewallRule

from lab.api.store import read_journal
from lab.network.namespace import Namespace
from lab.prober import nmap
from lab.prober.pool import POOL
from lab.prober.ports import AUDIT_UDP
from tests.lab.mesh import ROOT, Mesh

TCP_PORTS = 65535
HAND_PORT = 8080


def _stranger(mesh: Mesh) -> tuple[str, ...]:
    return Namespace(mesh.lab.lab.namespace("internet")).entry


def test_the_stranger_got_no_packet_at_all(mesh: Mesh) -> None:
    """From before the first server until a minute after `up`: every kind sent, none came back.

    The last test of this file is the negative control, with the same code.
    """
    report = mesh.stop_stranger()
    assert report["done"] is True
    assert report["received"] == []
    assert report["received_total"] == 0
    assert report["capture_drops"] == 0
    assert tuple(report["addresses"]) == POOL
    assert report["started"] + report["seconds"] >= mesh.up_ended + 60
    assert report["seconds"] >= mesh.up_seconds + 60
    # Twice a second to 14 addresses a family; a busy machine may be late, never slack.
    rounds = report["sent"]["syn22/4"] / 14
    assert rounds >= 1.9 * report["seconds"]
    for kind, each in (("syn22", 1), ("icmp", 1), ("udp", 4)):
        for family in (4, 6):
            refused = sum(
                count
                for what, count in report["send_errors"].items()
                if what.startswith(f"{kind}/{family}")
            )
            assert report["sent"][f"{kind}/{family}"] + refused == rounds * 14 * each
            assert refused == 0
    for family in (4, 6):
        assert report["sent"][f"top100/{family}"] >= 0.98 * rounds / 10 * 100 * 14


def _targets(mesh: Mesh) -> list[str]:
    return [server[family] for server in mesh.servers().values() for family in ("ipv4", "ipv6")]


@pytest.mark.timeout(900)
def test_nmap_finds_all_ports_filtered(mesh: Mesh) -> None:
    """All 65,535 TCP ports of each node, IPv4 and IPv6: 0 open, 0 closed, all filtered."""
    prefix = _stranger(mesh)
    with ThreadPoolExecutor(max_workers=4) as pool:
        scans = list(pool.map(lambda one: nmap.scan(prefix, "tcp", one), _targets(mesh)))
    assert len(scans) == 8
    for scan in scans:
        assert scan.dark, scan
        assert scan.states == {"filtered": TCP_PORTS}


def test_nmap_gets_no_answer_over_udp(mesh: Mesh) -> None:
    """The known services' and all link ports: no answer, over IPv4 and IPv6."""
    prefix = _stranger(mesh)
    with ThreadPoolExecutor(max_workers=4) as pool:
        scans = list(pool.map(lambda one: nmap.scan(prefix, "udp", one), _targets(mesh)))
    for scan in scans:
        assert scan.dark, scan
        assert scan.states == {"open|filtered": len(AUDIT_UDP)}


def _knock(mesh: Mesh, report: Path) -> dict[str, Any]:
    subprocess.run(
        [
            *(*_stranger(mesh), sys.executable, "-m", "lab.prober"),
            *("--report", str(report), "--seconds", "6"),
        ],
        cwd=ROOT,
        check=False,
        capture_output=True,
        timeout=60,
    )
    found: dict[str, Any] = json.loads(report.read_text())
    return found


def _open_in_the_cloud(client: Client, port: int | None) -> None:
    firewall = client.firewalls.get_by_name("lab-fsn")
    assert firewall is not None
    anywhere = ["0.0.0.0/0", "::/0"]
    rules = [
        FirewallRule(direction="in", protocol="udp", port=str(number), source_ips=anywhere)
        for number in range(51820, 51824)
    ]
    if port is not None:
        rules.append(
            FirewallRule(direction="in", protocol="tcp", port=str(port), source_ips=anywhere)
        )
    for action in client.firewalls.set_rules(firewall, rules):
        action.wait_until_finished()


def test_a_port_opened_by_hand_is_caught(mesh: Mesh, tmp_path: Path) -> None:
    """The negative control: one TCP port opened in cloud and host is seen by prober and nmap.

    The cloud's journal shows the fifth rule too, and all is dark again afterwards.
    """
    node = mesh.lab.on("fsn-a")
    address = mesh.servers()["fsn-a"]["ipv4"]
    posted_before = len(list(read_journal(mesh.lab.settings.books)))
    try:
        mesh.lab.cloud(lambda client: _open_in_the_cloud(client, HAND_PORT))
        node.succeed(f"nft insert rule inet backplane input tcp dport {HAND_PORT} accept")
        node.succeed(
            f"systemd-run --quiet --unit bp-hand python3 -m http.server --bind 0.0.0.0 {HAND_PORT}"
        )
        node.wait_until_succeeds(f"ss -ltn | grep -q :{HAND_PORT}")
        seen = _knock(mesh, tmp_path / "lit.json")
        scan = nmap.scan(_stranger(mesh), "tcp", address)
    finally:
        node.run("systemctl stop bp-hand", 10)
        node.succeed("nft -f /run/backplane/active/nftables.nft")
        mesh.lab.cloud(lambda client: _open_in_the_cloud(client, None))
    assert seen["received_total"] > 0
    assert {packet["source"] for packet in seen["received"]} == {address}
    assert not scan.dark
    assert scan.answered == (f"tcp/{HAND_PORT} open (syn-ack)",)
    fresh = list(read_journal(mesh.lab.settings.books))[posted_before:]
    assert any(len(entry["rules"] or ()) == 5 for entry in fresh if entry["event"] == "in_force")
    assert _knock(mesh, tmp_path / "dark.json")["received_total"] == 0
