"""What every node tells of itself on monitoring, to every other node and to nobody else."""

from __future__ import annotations

import json
import re

import pytest

from lab.process import wait_until
from tests.lab.mesh import Mesh

NODES = ("fsn-a", "fsn-b", "hel-a", "hel-b")
_SHAKEN = re.compile(
    r'^wireguard_latest_handshake_seconds{.*friendly_name="([^"]*)".*plane="([^"]*)".*} [1-9]',
    re.MULTILINE,
)
UNITS = ("backplane-node-exporter.service", "backplane-metrics.timer")


def _told(mesh: Mesh, asker: str, target: str, family: str = "ipv4") -> str:
    address = mesh.outputs()["nodes"][target]["addresses"]["monitoring"][family]
    host = f"[{address}]" if ":" in address else address
    asked = f"curl -sf --max-time 10 http://{host}:9100/metrics"
    return mesh.lab.on(asker).wait_until_succeeds(asked)


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_every_node_tells_of_itself_and_of_each_peer_by_name(mesh: Mesh, family: str) -> None:
    """systemd, processes, and a fresh handshake with every other node on every plane."""
    for number, target in enumerate(NODES):
        asker = NODES[number - 1]
        text = _told(mesh, asker, target, family)
        assert 'node_systemd_unit_state{name="wg-quick@wg1.service"' in text
        assert "node_processes_pids" in text
        assert "node_textfile_scrape_error 0" in text
        planes = ("enrollment", "management", "monitoring", "storage")
        wanted = {(peer, plane) for peer in NODES if peer != target for plane in planes}
        # A node that was off has its first handshakes up to 25 s later, and tells every 15 s.
        wait_until(
            f"{target} tells of every peer",
            lambda asker=asker, target=target, wanted=wanted: (  # type: ignore[misc]
                wanted <= set(_SHAKEN.findall(_told(mesh, asker, target, family)))
            ),
            seconds=60,
        )


def test_what_debian_would_start_is_shut_and_ours_runs(mesh: Mesh) -> None:
    """The package's unit can't start; ours runs, was made by the generation, and is not root's."""
    for name in NODES:
        node = mesh.lab.on(name)
        node.fail("systemctl start prometheus-node-exporter.service")
        for unit in UNITS:
            shown = node.succeed(f"systemctl show --property=ActiveState,UnitFileState {unit}")
            assert shown.split() == ["ActiveState=active", "UnitFileState=generated"]
        assert node.succeed("ps -o user= -C prometheus-node-exporter").split() == ["prometheus"]


def test_nothing_ever_waited_on_every_address(mesh: Mesh) -> None:
    """Two looks a second during the first `up`, installs included: no daemon, not for a moment.

    WireGuard's own ports, DHCP, and the image's sshd and LLMNR before first boot are what may.
    """
    allowed = {("udp", port) for port in (68, 546, 5355, 51820, 51821, 51822, 51823)}
    allowed |= {("tcp", 22), ("tcp", 5355)}
    assert ("udp", 51820) in mesh.watch.wild
    assert mesh.watch.wild <= allowed


def test_a_daemon_that_dies_comes_back(mesh: Mesh) -> None:
    """SIGKILL: systemd starts the exporter again, on the same addresses."""
    node = mesh.lab.on("hel-b")
    node.succeed("systemctl kill --signal=SIGKILL backplane-node-exporter.service")
    assert "node_boot_time_seconds" in _told(mesh, "fsn-a", "hel-b")
    assert mesh.verify()["ok"] is True


def test_prometheus_reaches_every_target_by_name(mesh: Mesh) -> None:
    """Jobs node and wireguard for all four nodes, prometheus for its own, each by a clean name."""
    address = mesh.outputs()["nodes"]["hel-b"]["addresses"]["monitoring"]["ipv4"]
    wanted = {(job, name) for job in ("node", "wireguard") for name in NODES}
    ask = f"curl -sf http://{address}:9090/api/v1/targets?state=active"

    def healthy() -> set[tuple[str, str]]:
        told = json.loads(mesh.lab.on("fsn-a").succeed(ask))["data"]["activeTargets"]
        return {
            (one["labels"]["job"], one["labels"]["instance"])
            for one in told
            if one["health"] == "up"
        }

    wait_until(
        "all targets up", lambda: healthy() == wanted | {("prometheus", "hel-b")}, seconds=60
    )


def test_alertmanager_hears_the_watchdog(mesh: Mesh) -> None:
    """The alert that always fires has come from Prometheus over the plane; both families answer."""
    for address in mesh.outputs()["nodes"]["hel-b"]["addresses"]["monitoring"].values():
        host = f"[{address}]" if ":" in address else address
        told = mesh.lab.on("fsn-a").wait_until_succeeds(
            f"curl -sgf http://{host}:9093/api/v2/alerts | grep Watchdog", 90
        )
        assert "Watchdog" in told
        ready = mesh.lab.on("fsn-a").succeed(f"curl -sgf http://{host}:9090/-/ready")
        assert "Ready" in ready
