"""`backplane audit` from the stranger's place: nothing where all is dark, each exposure alone."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from hcloud import Client
from hcloud.firewalls.domain import FirewallRule

from tests.lab.mesh import STACK, Mesh

ANYWHERE = ["0.0.0.0/0", "::/0"]
_SNMP = """\
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("ADDRESS", 161))
while True:
    data, sender = s.recvfrom(999)
    s.sendto(data, sender)
"""
_SSHD = "Port 22\nListenAddress ADDRESS\nHostKey /run/hand/key\nPidFile none\n"


def _audit(mesh: Mesh, *words: str) -> tuple[int, dict[str, Any]]:
    """An audit from the stranger's place; exit code and verdict."""
    place = f"lab:{mesh.lab.lab.name}"
    done = mesh.backplane("audit", "--stack", STACK, "--from", place, "--json", *words)
    assert done.out, done.err
    verdict: dict[str, Any] = json.loads(done.out)
    return done.code, verdict


def _found(verdict: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {(one["node"], one["kind"], one["where"]) for one in verdict["findings"]}


@contextmanager
def _cloud_opens(mesh: Mesh, site: str, *more: tuple[str, str | None]) -> Iterator[None]:
    """Rules beside the four in a site's firewall, posted by hand."""

    def post(client: Client, rows: list[tuple[str, str | None]]) -> None:
        wall = client.firewalls.get_by_name(f"lab-{site}")
        assert wall is not None
        rules = [
            FirewallRule(direction="in", protocol=protocol, port=port, source_ips=ANYWHERE)
            for protocol, port in rows
        ]
        for action in client.firewalls.set_rules(wall, rules):
            action.wait_until_finished()

    usual: list[tuple[str, str | None]] = [("udp", str(port)) for port in range(51820, 51824)]
    mesh.lab.cloud(lambda client: post(client, [*usual, *more]))
    try:
        yield
    finally:
        mesh.lab.cloud(lambda client: post(client, usual))


@contextmanager
def _node_opens(mesh: Mesh, name: str, rule: str) -> Iterator[None]:
    """A rule by hand in a node's own firewall."""
    node = mesh.lab.on(name)
    said = node.succeed(f"nft --echo --handle insert rule inet backplane input {rule} accept")
    handle = said.rpartition("# handle ")[2].split()[0]
    try:
        yield
    finally:
        # The file itself holds all operators out, as at boot.
        node.succeed(f"nft delete rule inet backplane input handle {handle}")


@contextmanager
def _listens(
    mesh: Mesh, name: str, door: str, file: tuple[str, str], command: str
) -> Iterator[None]:
    """A program by hand on a node, with a file in /run/hand, until the end of the block."""
    node = mesh.lab.on(name)
    called, text = file
    node.succeed(f"mkdir -p /run/hand && cat >/run/hand/{called} <<'END'\n{text}END")
    node.succeed(f"systemd-run --quiet --unit bp-hand {command}")
    try:
        node.wait_until_succeeds(f"ss -Hlntu | grep -qF '{door} '")
        yield
    finally:
        node.run("systemctl stop bp-hand; rm -rf /run/hand", 15)


@contextmanager
def _called(mesh: Mesh, name: str, address: str, pointer: str) -> Iterator[None]:
    """A reverse name of the user's own, set in the cloud."""

    def change(client: Client, text: str | None) -> None:
        server = client.servers.get_by_name(name)
        assert server is not None
        client.servers.change_dns_ptr(server, address, text).wait_until_finished()

    mesh.lab.cloud(lambda client: change(client, pointer))
    try:
        yield
    finally:
        mesh.lab.cloud(lambda client: change(client, None))


def _sshd(mesh: Mesh, name: str, address: str) -> ExitStack:
    """Somebody's sshd on a public address."""
    stack = ExitStack()
    node = mesh.lab.on(name)
    node.succeed("mkdir -p /run/hand /run/sshd")
    node.succeed("rm -f /run/hand/key && ssh-keygen -q -t ed25519 -N '' -f /run/hand/key")
    text = _SSHD.replace("ADDRESS", address)
    command = "/usr/sbin/sshd -D -f /run/hand/sshd.conf"
    stack.enter_context(_listens(mesh, name, f"{address}:22", ("sshd.conf", text), command))
    return stack


@pytest.fixture(scope="module")
def untouched(mesh: Mesh) -> dict[str, Any]:
    """The audit of the lab as the tests before have left it, told to hel-b."""
    code, verdict = _audit(mesh, "--tell", "hel-b")
    assert code == (0 if verdict["ok"] else 1)
    return verdict


def test_the_untouched_lab_is_dark(untouched: dict[str, Any]) -> None:
    """No finding, everything seen over both families; 2,000 packets take less than a minute."""
    assert untouched["findings"] == []
    assert untouched["unable"] == []
    assert untouched["ok"] is True
    assert len(untouched["nodes"]) >= 4
    assert all(len(addresses) == 2 for addresses in untouched["nodes"].values())
    assert set(untouched["parts"]) == {"ipv4", "ipv6", "tcp", "udp", "echo", "names"}
    # A hundred ports of TCP, those of UDP, echo and a name, for each of eight addresses or more.
    assert untouched["knocks"] >= 8 * 120
    assert untouched["seconds"] < 60


@pytest.mark.usefixtures("untouched")
def test_a_node_tells_prometheus(mesh: Mesh) -> None:
    """What `--tell` gave is beside the node's other metrics, and its exporter shows it."""
    node = mesh.lab.on("hel-b")
    text = node.succeed("cat /run/backplane/metrics/audit.prom")
    assert 'backplane_audit_findings{node="fsn-a",kind="tcp"} 0\n' in text
    assert "backplane_audit_able 1\n" in text
    address = mesh.outputs()["nodes"]["hel-b"]["addresses"]["monitoring"]["ipv4"]
    asked = f"urllib.request.urlopen('http://{address}:9100/metrics').read()"
    seen = f'import urllib.request; assert b"backplane_audit_able 1" in {asked}'
    seen = f"python3 -c {shlex.quote(seen)}"
    node.wait_until_succeeds(seen)
    mesh.lab.on("hel-b").succeed("rm /run/backplane/metrics/audit.prom")


def test_ssh_opened_by_hand_is_found_from_outside_alone(mesh: Mesh) -> None:
    """TCP 22 in the cloud's firewall and on one node, with an sshd: that one, and nothing else."""
    address = mesh.servers()["fsn-a"]["ipv4"]
    with ExitStack() as stack:
        stack.enter_context(_cloud_opens(mesh, "fsn", ("tcp", "22")))
        stack.enter_context(_node_opens(mesh, "fsn-a", "meta nfproto ipv4 tcp dport 22"))
        stack.enter_context(_sshd(mesh, "fsn-a", address))
        code, verdict = _audit(mesh)
    assert code == 1
    assert verdict["unable"] == []
    assert _found(verdict) == {("fsn-a", "tcp", f"{address} tcp 22")}
    assert verdict["findings"][0]["what"] == "accepts connections"


def test_each_exposure_is_found_at_its_node(mesh: Mesh) -> None:
    """A UDP service, echo, a port over IPv6 alone, a name of one's own; then dark again."""
    servers = mesh.servers()
    at = {name: servers[name]["ipv4"] for name in servers}
    six = mesh.outputs()["nodes"]["hel-b"]["public"]["ipv6"]
    page = f"python3 -m http.server --bind {six} --directory /run/hand 8080"
    answers = "python3 /run/hand/snmp.py"
    snmp = _SNMP.replace("ADDRESS", at["fsn-b"])
    with ExitStack() as stack:
        enter = stack.enter_context
        enter(_cloud_opens(mesh, "fsn", ("udp", "161")))
        enter(_cloud_opens(mesh, "hel", ("icmp", None), ("tcp", "8080")))
        enter(_node_opens(mesh, "fsn-b", "meta nfproto ipv4 udp dport 161"))
        enter(_listens(mesh, "fsn-b", f"{at['fsn-b']}:161", ("snmp.py", snmp), answers))
        enter(_node_opens(mesh, "hel-a", "meta nfproto ipv4 icmp type echo-request"))
        enter(_node_opens(mesh, "hel-b", "meta nfproto ipv6 tcp dport 8080"))
        enter(_listens(mesh, "hel-b", f"[{six}]:8080", ("index.html", "x\n"), page))
        enter(_called(mesh, "hel-b", at["hel-b"], "db.example.org"))
        code, verdict = _audit(mesh)
    assert code == 1
    assert verdict["unable"] == []
    assert _found(verdict) == {
        ("fsn-b", "udp", f"{at['fsn-b']} udp 161"),
        ("hel-a", "icmp", at["hel-a"]),
        ("hel-b", "tcp", f"{six} tcp 8080"),
        ("hel-b", "ptr", at["hel-b"]),
    }
    whats = {one["where"]: one["what"] for one in verdict["findings"]}
    assert whats[f"{six} tcp 8080"] == "accepts connections"
    assert whats[at["hel-b"]] == "is called db.example.org"
    code, verdict = _audit(mesh)
    assert (code, verdict["findings"], verdict["unable"]) == (0, [], [])


def test_a_vantage_that_cannot_see_says_so(mesh: Mesh) -> None:
    """With a control that is silent nothing is called dark: exit code 1, and no finding."""
    dark = mesh.servers()["fsn-a"]["ipv4"]
    code, verdict = _audit(mesh, "--control", f"{dark}:22", "--ports", "1")
    assert code == 1
    assert verdict["findings"] == []
    assert any("no control answered" in one for one in verdict["unable"])
