"""First light: one `pulumi up` from nothing, seen from inside, in the cloud's books, in the state.

The files of this series share one mesh and run in the order of their numbers.
"""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest

from lab.api.store import read_journal
from tests.lab.mesh import Mesh

NODES = ("fsn-a", "fsn-b", "hel-a", "hel-b")
PLANES = ("enrollment", "management", "monitoring", "storage")
INBOUND = {("in", "udp", str(port), ("0.0.0.0/0", "::/0")) for port in range(51820, 51824)}
USER_DATA_LIMIT = 16 * 1024


def test_up_makes_four_machines(mesh: Mesh) -> None:
    """`pulumi up` ends with four running servers; before it there was none."""
    assert mesh.servers_before == 0
    servers = mesh.servers()
    assert tuple(sorted(servers)) == NODES
    assert {server["status"] for server in servers.values()} == {"running"}
    assert mesh.up_seconds < 240


def test_every_pair_answers_and_only_declared_doors_are_open(mesh: Mesh) -> None:
    """48 of 48 ordered pairs over IPv4 and over IPv6; SSH on wg0 and wg1, roles on wg1 and wg2.

    Its negatives are in tests/scripts/test_verdict.py and, live, in the two tests below.
    """
    verdict = mesh.verify()
    assert verdict["ok"] is True, verdict
    pairs = verdict["pairs"]
    assert pairs["ipv4"] == pairs["ipv6"] == {"expected": 48, "reached": 48}
    doors = verdict["isolation"]
    # 12 pairs, 2 families, 3 doors each; 2 more of hel-b and of both DNS nodes, 1 more of fsn-b and
    # of hel-a, where copies come in as well; 11 ports on 4 planes are tried.
    assert doors["expected_open"] == doors["open"] == 12 * 2 * 3 + 3 * 2 * (2 * 3 + 1 + 2)
    assert doors["probed"] == 12 * 2 * 4 * 11
    assert doors["unexpected_open"] == doors["missing_open"] == []
    # Each node: sshd twice on two planes, the exporter on one; WireGuard twice on four ports.
    assert verdict["listeners"]["wrong"] == []
    assert verdict["listeners"]["checked"] >= 4 * (2 * 3 + 4 * 2)
    assert verdict["handshakes"]["fresh"] == verdict["handshakes"]["expected"] == 48
    assert verdict["units"]["failed"] == []


def test_verify_sees_a_lost_peer_and_an_open_door(mesh: Mesh) -> None:
    """A peer removed on one plane, and a door opened by hand, are both found and named."""
    hel = mesh.outputs()["nodes"]["hel-a"]
    node = mesh.lab.on("fsn-a")
    port = "9090"
    rule = f"insert rule inet backplane input iifname wg2 tcp dport {port} accept"
    made = re.search(r"# handle (\d+)", node.succeed(f"nft --echo --handle {rule}"))
    assert made is not None
    try:
        node.succeed(f"wg set wg3 peer {hel['public_keys']['storage']} remove")
        node.succeed(
            f"systemd-run --quiet --unit bp-door python3 -m http.server --bind 10.202.1.1 {port}"
        )
        node.wait_until_succeeds(f"ss -ltn | grep -q :{port}")
        verdict = mesh.verify()
    finally:
        node.run("systemctl stop bp-door", 10)
        node.succeed("wg-quick strip wg3 >/run/strip && wg syncconf wg3 /run/strip; rm /run/strip")
        node.succeed(f"nft delete rule inet backplane input handle {made[1]}")
    assert verdict["ok"] is False
    missing = {(item["from"], item["to"], item["plane"]) for item in verdict["pairs"]["missing"]}
    assert missing == {("fsn-a", "hel-a", "storage"), ("hel-a", "fsn-a", "storage")}
    opened = verdict["isolation"]["unexpected_open"]
    assert {(item["to"], item["plane"], item["port"]) for item in opened} == {
        ("fsn-a", "monitoring", 9090)
    }
    assert [item["why"] for item in verdict["listeners"]["wrong"]] == [
        "no role opens it on the plane monitoring"
    ]
    mended = mesh.verify()
    assert mended["ok"] is True, mended


def _rules(entry: dict[str, Any]) -> set[tuple[str, str, str, tuple[str, ...]]]:
    assert entry["rules"] is not None, "a server without a firewall"
    return {
        (rule["direction"], rule["protocol"], rule["port"], tuple(sorted(rule["source_ips"])))
        for rule in entry["rules"]
    }


def test_the_firewall_is_the_four_ports_for_the_whole_life(mesh: Mesh) -> None:
    """Every rule set ever posted, or in force before a server, is UDP 51820-51823 in, no more.

    The negative control of the stranger posts a fifth rule later, and this journal shows it.
    """
    entries = list(read_journal(mesh.lab.settings.books))
    posted = [entry for entry in entries if entry["event"] == "posted"]
    in_force = [entry for entry in entries if entry["event"] == "in_force"]
    assert {entry["name"] for entry in posted} == {"lab-fsn", "lab-hel"}
    assert {entry["name"] for entry in in_force} == set(NODES)
    for entry in (*posted, *in_force):
        assert _rules(entry) == INBOUND, entry
        assert len(entry["rules"]) == len(INBOUND)
    assert {len(server["rules"]) for server in mesh.servers().values()} == {4}


def test_outputs_are_the_documented_ones(mesh: Mesh) -> None:
    """Version 1, four nodes with addresses and keys on four planes, and no secret in plain sight.

    A reader without `--show-secrets` gets `[secret]` for the runner and the operators.
    """
    told = json.loads(mesh.run("pulumi", "stack", "output", "--json", "--stack", "lab").out)
    assert told["version"] == 1
    assert told["runner"] == told["operators"] == "[secret]"
    assert tuple(sorted(told["nodes"])) == NODES
    for node in told["nodes"].values():
        assert tuple(sorted(node["addresses"])) == PLANES
        assert len(set(node["public_keys"].values())) == 4
        assert node["host_key"].startswith("ssh-ed25519 ")
    assert told["nodes"]["hel-b"]["addresses"]["storage"]["ipv4"] == "10.203.2.2"
    assert set(told["firewall_ids"]) == {"fsn", "hel"}
    assert (
        len({key for node in told["nodes"].values() for key in node["public_keys"].values()}) == 16
    )


def test_a_second_preview_and_a_refresh_change_nothing(mesh: Mesh) -> None:
    """`preview` and `refresh`, told to fail on any change, both pass."""
    refresh = mesh.must("refresh", "--yes", "--skip-preview", "--expect-no-changes")
    assert set(refresh.counts) == {"unchanged"}
    preview = mesh.must("preview", "--expect-no-changes")
    assert set(preview.counts) == {"unchanged"}


def _one_time(user_data: str) -> tuple[str, str]:
    private = re.search(r"PrivateKey = (\S{44})", user_data)
    psk = re.search(r"PresharedKey = (\S{44})", user_data)
    assert private is not None
    assert psk is not None
    return private[1], psk[1]


def test_user_data_is_small_and_holds_one_key_of_each_kind(mesh: Mesh) -> None:
    """Under 16 KiB; one WireGuard key, one PSK, one host key: no other 32-byte value but public.

    What the three are worth after `up` is tested in `test_acceptance_3_burnt.py`.
    """
    outputs = mesh.outputs()
    public = {key for node in outputs["nodes"].values() for key in node["public_keys"].values()}
    for name in NODES:
        text = mesh.lab.machine(name).book().spec.user_data
        assert len(text.encode()) < USER_DATA_LIMIT
        private, psk = _one_time(text)
        assert text.count("PrivateKey") == text.count("PresharedKey") == 1
        assert text.count("PRIVATE KEY-----") == 2
        others = set(re.findall(r"(?<![\w+/])[A-Za-z0-9+/]{43}=", text)) - {private, psk}
        (runner,) = others
        assert text.count(f"PublicKey = {runner}") == 1
        assert len(base64.b64decode(runner)) == 32
        # Nothing lasting of the node is in there, not even its public keys.
        assert not {key for key in public if key in text}


@pytest.mark.parametrize("plane", ["monitoring", "storage"])
def test_the_runner_is_on_two_planes_only(mesh: Mesh, plane: str) -> None:
    """Through the runner's tunnel wg2 and wg3 answer nothing, while wg1 does."""
    mesh.tunnel("up")
    try:
        addresses = mesh.outputs()["nodes"]["fsn-b"]["addresses"]
        mesh.lab.runner.wait_until_succeeds(f"ping -c1 -W1 {addresses['management']['ipv4']}")
        mesh.lab.runner.succeed(f"ping -c1 -W1 {addresses['management']['ipv6']}")
        mesh.lab.runner.fail(f"ping -c1 -W1 {addresses[plane]['ipv4']}")
        status = mesh.backplane("tunnel", "status", "--stack", "lab", "--json")
        assert status.code == 0
        planes = json.loads(status.out)["planes"]
        assert set(planes) == {"enrollment", "management"}
        assert all(set(told["nodes"]) == set(NODES) for told in planes.values())
    finally:
        mesh.tunnel("down")
    assert mesh.backplane("tunnel", "status", "--stack", "lab").code == 1
    mesh.lab.runner.fail(f"ping -c1 -W1 {addresses['management']['ipv4']}")
