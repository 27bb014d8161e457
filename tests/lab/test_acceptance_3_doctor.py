"""Each row of the guide's table of symptoms, made at once on four machines: each is named."""

from __future__ import annotations

import json
from typing import Any

from tests.lab.mesh import STACK, Mesh

Found = list[dict[str, Any]]
_CONF = "/run/backplane/active/wireguard"
_PSK = "head -c 32 /dev/urandom | base64 >/run/wrong.psk"


def _public(mesh: Mesh, node: str, interface: str) -> str:
    return mesh.lab.on(node).succeed(f"wg show {interface} public-key").strip()


def _doctor(mesh: Mesh, *words: str) -> Found:
    done = mesh.backplane("doctor", "--stack", STACK, "--json", *words)
    assert done.out, done.err
    verdict = json.loads(done.out)
    assert done.code == (0 if verdict["ok"] else 1)
    found: Found = verdict["diagnoses"]
    return found


def _made(mesh: Mesh) -> None:
    """The seven rows, each where it does not hide another."""
    on, out = mesh.lab.on, mesh.outputs()["nodes"]
    endpoint = {name: out[name]["endpoint"] for name in out}
    stranger = on("fsn-a").succeed("wg genkey | wg pubkey").strip()
    right = _public(mesh, "hel-b", "wg3")
    at = out["hel-b"]["addresses"]["storage"]["ipv4"]
    # No handshake after the keys were exchanged: a wrong public key in the peer block.
    on("fsn-a").succeed(
        f"wg set wg3 peer {right} remove && wg set wg3 peer {stranger} allowed-ips {at}/32 "
        f"endpoint {endpoint['hel-b']}:51823"
    )
    # A handshake, but no echo: AllowedIPs too narrow.
    near = _public(mesh, "fsn-a", "wg2")
    on("fsn-b").succeed(f"wg set wg2 peer {near} allowed-ips 10.202.99.99/32")
    # SSH on the plane's address: sshd is bound to every address.
    on("hel-a").succeed(
        "f=/etc/ssh/sshd_config.d/00-backplane.conf; { echo 'ListenAddress 0.0.0.0:22'; "
        "grep -v ^ListenAddress $f; } >/run/wild; mv /run/wild $f; systemctl reload ssh; "
        "until ss -Hlnt | grep -q '0.0.0.0:22 '; do sleep 0.1; done",
        20,
    )
    # Replication goes by another way than storage: its unit has another command.
    unit = "backplane-replicate-data.service"
    on("fsn-b").succeed(
        f"sed 's/--sshoption=BindAddress=[^ ]*//' /run/backplane/active/units/{unit} "
        f">/etc/systemd/system/{unit} && systemctl daemon-reload"
    )
    # Gaps in Prometheus: monitoring's session with one peer is not there.
    on("hel-a").succeed(
        f"{_PSK}; wg set wg2 peer {near} remove && wg set wg2 peer {near} preshared-key "
        f"/run/wrong.psk allowed-ips {out['fsn-a']['addresses']['monitoring']['ipv4']}/32 "
        f"endpoint {endpoint['fsn-a']}:51822; rm /run/wrong.psk"
    )
    # A node that can't join: its own firewall blocks the UDP port.
    on("hel-a").succeed("nft insert rule inet backplane input udp dport 51820 drop")
    on("hel-a").succeed("systemctl restart wg-quick@wg0.service")
    # Stale after a reboot: the unit is not enabled.
    on("hel-b").succeed("systemctl disable --now wg-quick@wg2.service")


ROWS = (
    ("tunnel", "fsn-a and hel-b", "storage", "wrong public key"),
    ("path", "fsn-a and fsn-b", "monitoring", "AllowedIPs are too narrow"),
    ("service", "hel-a", "", "sshd is not bound"),
    ("service", "fsn-b", "", "bound to the storage plane"),
    ("tunnel", "fsn-a and hel-a", "monitoring", "different preshared keys"),
    ("tunnel", "fsn-a and hel-a", "enrollment", "host's firewall does not let"),
    ("tunnel", "fsn-b and hel-b", "monitoring", "not enabled"),
)


def test_every_row_of_the_table_is_named_with_its_cause(mesh: Mesh) -> None:
    """Nothing is found before; then each row, with evidence and a fix; one node's own by its name.

    One repair puts all of it right, and nothing is found any more.
    """
    assert _doctor(mesh) == []
    _made(mesh)
    found = _doctor(mesh)
    for rung, where, plane, cause in ROWS:
        hits = [
            one
            for one in found
            if (one["rung"], one["where"], one["plane"]) == (rung, where, plane)
            and cause in one["cause"]
        ]
        assert hits, (rung, where, plane, cause, found)
        assert all(one["evidence"] and one["fix"] for one in hits)
    gaps = [one for one in found if one["plane"] == "monitoring" and one["rung"] == "tunnel"]
    assert all("Prometheus has gaps" in one["symptom"] for one in gaps)
    own = _doctor(mesh, "hel-b")
    assert 0 < len(own) < len(found)
    shown = mesh.backplane("doctor", "--stack", STACK, "--kernel-log", "show")
    assert "no part of the kernel" in shown.out
    repaired = mesh.backplane("drift", "--stack", STACK, "--repair", "--json")
    assert json.loads(repaired.out)["findings"] == [], repaired.out
    assert mesh.verify()["ok"] is True
    assert _doctor(mesh) == []
