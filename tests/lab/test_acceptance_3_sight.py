"""What nodes run, each on its plane: what all tell of themselves, a database, a page for admins."""

from __future__ import annotations

import base64
import json
import re
import shlex
from pathlib import Path

import pytest
import yaml

from backplane.declaration import parse
from backplane.plan import plan
from lab.process import wait_until
from node import archives, openpgp
from tests.core import asked
from tests.lab.mesh import Mesh
from tests.node.test_archives import ARCHIVE, OTHER, OWN

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


def test_every_query_of_every_dashboard_has_an_answer(mesh: Mesh) -> None:
    """Grafana cannot be had here; what it would ask of Prometheus is asked, and gives samples.

    Rates need two samples, 15 s apart; a copy's lag is looked at a minute after boot.
    """
    raw = yaml.safe_load(mesh.stack_file.read_text())["config"]["backplane:mesh"]
    wanted = asked.queries(plan(parse(raw), project="backplane", stack="lab"))
    assert len(wanted) > 20
    address = mesh.outputs()["nodes"]["hel-b"]["addresses"]["monitoring"]["ipv4"]
    url = f"http://{address}:9090/api/v1/query"

    def samples(query: str) -> int:
        ask = f"curl -sf --max-time 10 {url} --data-urlencode query={shlex.quote(query)}"
        return len(json.loads(mesh.lab.on("fsn-a").succeed(ask))["data"]["result"])

    def empty() -> list[str]:
        return [query for query in wanted if not samples(query)]

    wait_until("every query has samples", lambda: not empty(), seconds=120)
    matrix = next(query for query in wanted if query.startswith("max by (instance, friendly"))
    assert samples(matrix) == len(NODES) * (len(NODES) - 1)


# An archive that was signed once, for tests, with the first of the keys beside it.
_ARCHIVE = Path(__file__).resolve().parents[1] / "node" / "archive"


def test_apt_takes_an_archive_by_its_key_alone(mesh: Mesh) -> None:
    """The certificate that is picked is what apt wants; with another one it takes nothing.

    Not even though it has the archive's lists by then, which it would go on with by itself.
    """
    node, folder = mesh.lab.on("hel-b"), "/run/archive"
    keys = (_ARCHIVE / "keys.asc").read_bytes()
    release = base64.b64encode((_ARCHIVE / "InRelease").read_bytes()).decode()
    at, kinds = f"{folder}/dists/stable", ("main/binary-amd64", "main/binary-arm64")
    update = f"{shlex.join(archives.update(f'{folder}/it.sources'))} 2>&1"
    node.succeed(
        f"mkdir -p {' '.join(f'{at}/{kind}' for kind in kinds)} && "
        f"touch {' '.join(f'{at}/{kind}/Packages' for kind in kinds)} && "
        f"echo {release} | base64 -d >{at}/InRelease"
    )
    said: dict[str, str] = {}
    try:
        for fingerprint in (OWN, OTHER):
            told = {**ARCHIVE, "uri": f"file:{folder}", "fingerprint": fingerprint}
            text = archives.entry(told, f"{folder}/key.gpg").decode()
            packed = base64.b64encode(openpgp.certificate(keys, fingerprint)).decode()
            node.succeed(
                f"echo {packed} | base64 -d >{folder}/key.gpg && "
                f"printf %s {shlex.quote(text)} >{folder}/it.sources"
            )
            ask = node.succeed if fingerprint == OWN else node.fail
            said[fingerprint] = ask(update)
    finally:
        node.succeed(f"rm -rf {folder} /var/lib/apt/lists/*_run_archive_*")
    assert "stable InRelease" in said[OWN]
    assert re.search("NO_PUBKEY|Missing key", said[OTHER]), said[OTHER]


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


# PostgreSQL's SSLRequest (protocol-message-formats): a server answers it with one letter.
_KNOCK = (
    "import socket; s = socket.create_connection(({host!r}, 5432), 10); "
    "s.sendall(bytes.fromhex('0000000804d2162f')); print(s.recv(1).decode())"
)


def _psql(host: str, user: str, words: str) -> str:
    """A command; with its host a directory, as the system's user of that name."""
    asked = f"psql -w -h {host} -U {user} -d postgres -qAtc {shlex.quote(words)}"
    return f"cd / && runuser -u {user} -- {asked}" if "/" in host else f"cd / && {asked}"


def _admin(words: str) -> str:
    return _psql("/run/backplane-postgres", "postgres", words)


def test_a_database_and_a_page_answer_on_management_alone(mesh: Mesh) -> None:
    """PostgreSQL of fsn-b and nginx of hel-a: to other nodes over both families, not on loopback.

    Debian's own cluster was never made and can't start. Who has no password gets in from nowhere
    but the machine itself. A SIGKILL loses nothing, and no start follows `ALTER SYSTEM` elsewhere.
    """
    base, page, asker = (mesh.lab.on(name) for name in ("fsn-b", "hel-a", "hel-b"))
    own = {name: mesh.outputs()["nodes"][name]["addresses"]["management"] for name in NODES}
    for family in ("ipv4", "ipv6"):
        knock = _KNOCK.format(host=own["fsn-b"][family])
        assert asker.succeed(f'python3 -c "{knock}"') == "N\n"
        host = f"[{own['hel-a'][family]}]" if family == "ipv6" else own["hel-a"][family]
        assert "<h1>hel-a</h1>" in asker.succeed(f"curl -sgf http://{host}:8080/")
        assert "Active connections" in asker.succeed(f"curl -sgf http://{host}:8080/-/status")
    page.succeed("journalctl -t nginx -o cat | grep 'GET /-/status'")
    page.fail("curl -s --max-time 5 http://127.0.0.1:8080/")
    page.fail("systemctl start nginx.service")
    assert {*page.succeed("ps -o user= -C nginx").split()} == {"www-data"}

    assert base.succeed("pg_lsclusters --no-header") == ""
    base.fail("systemctl start postgresql@15-main.service")
    base.succeed("test ! -e /var/lib/postgresql/15")
    assert "Connection refused" in base.fail(_psql("127.0.0.1", "postgres", "select 1"))
    asked = "select count(*), count(error) from pg_hba_file_rules"
    assert base.succeed(_admin(asked)) == "6|0\n"
    base.succeed(_admin("create role app login password 'open'; create table kept (one int)"))
    for host in own["fsn-b"].values():
        app = _psql(host, "app", "select 1")
        assert base.succeed(f"export PGPASSWORD=open; {app}") == "1\n"
        assert "authentication failed" in base.fail(f"export PGPASSWORD=shut; {app}")
        assert "no password" in base.fail(_psql(host, "postgres", "select 1"))
    base.succeed(_admin("alter system set listen_addresses = '*'"))
    base.succeed("systemctl kill --signal=SIGKILL backplane-postgres.service")
    base.wait_until_succeeds(_admin("select * from kept"), 60)
    listens = ",".join(own["fsn-b"].values())
    assert base.succeed(_admin("show listen_addresses")) == f"{listens}\n"
    assert mesh.verify()["ok"] is True
