"""Prometheus asks every node that stays, by name, for everything once; Alertmanager tells all."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from backplane import names
from backplane.declaration import parse
from backplane.plan import Plan, plan
from backplane.render import bundle, hosts
from backplane.roles import ROLES, Parts, alertmanager, prometheus
from tests.core import example, golden, tools, watched

MADE = example.material(watched.raw())
NODES = ("fsn-a", "fsn-b", "hel-a", "hel-b")


def _parts(mesh: Plan, name: str = "fsn-a", role: str = "prometheus") -> Parts:
    make = ROLES[role].parts
    assert make is not None
    return make(mesh, mesh.node(name))


def _targets(mesh: Plan) -> dict[str, dict[str, str]]:
    """By job: instance and target."""
    config = yaml.safe_load(prometheus.config(mesh))
    return {
        job["job_name"]: {
            one["labels"]["instance"]: target
            for one in job["static_configs"]
            for target in one["targets"]
        }
        for job in config["scrape_configs"]
    }


@pytest.mark.parametrize("path", ["prometheus.yml", "alerts.yml"])
def test_its_files_read_as_looked_at(path: str) -> None:
    """With two Prometheus, an Alertmanager and a node offline; the same text on both nodes."""
    text = _parts(MADE.plan).files[path]
    golden.compare(f"monitoring/{path}", text)
    assert _parts(MADE.plan, "hel-a").files[path] == text


@given(
    roles=st.dictionaries(
        st.sampled_from(NODES), st.sets(st.sampled_from(["alertmanager", "prometheus"]))
    ),
    offline=st.sets(st.sampled_from(NODES)),
    retired=st.sets(st.sampled_from(NODES)),
)
def test_targets_are_the_nodes_that_stay(
    roles: dict[str, set[str]], offline: set[str], retired: set[str]
) -> None:
    """Offline ones too; each under its name, which every node's hosts file has."""
    raw = example.raw()
    for site in raw["sites"].values():
        for name, node in site["nodes"].items():
            node["roles"] = sorted(roles.get(name, ()))
            node["offline"], node["retire"] = name in offline, name in retired
    mesh = plan(parse(raw), project="x", stack="y")
    stay = set(NODES) - retired
    running = {
        role: {name for name in stay if role in roles.get(name, ())}
        for role in ("alertmanager", "prometheus")
    }
    assert _targets(mesh) == {
        "node": {name: f"{name}.mon:9100" for name in stay},
        "wireguard": {name: f"{name}.mon:9100" for name in stay},
        "prometheus": {name: f"{name}.mon:9090" for name in running["prometheus"]},
    }
    told = yaml.safe_load(prometheus.config(mesh)).get("alerting", {"alertmanagers": []})
    assert {
        target
        for one in told["alertmanagers"]
        for config in one["static_configs"]
        for target in config["targets"]
    } == {f"{name}.mon:9093" for name in running["alertmanager"]}
    known = {*hosts.block(names.records(mesh)).split()}
    assert {f"{name}.mon" for name in stay} <= known


def test_the_two_jobs_of_an_exporter_share_no_metric() -> None:
    """What one drops is what the other keeps, so no alert comes twice."""
    jobs = {
        job["job_name"]: job
        for job in yaml.safe_load(prometheus.config(MADE.plan))["scrape_configs"]
    }
    drop, keep = (jobs[name]["metric_relabel_configs"][0] for name in ("node", "wireguard"))
    assert (drop.pop("action"), keep.pop("action")) == ("drop", "keep")
    assert drop == keep


def test_it_listens_on_both_addresses_of_monitoring() -> None:
    """Itself on IPv4, a relay on IPv6; settings over HTTP stay off."""
    own = MADE.plan.node("fsn-a").addresses["monitoring"]
    units = _parts(MADE.plan).units
    daemon = units["backplane-prometheus.service"]
    assert f"--web.listen-address={own.v4}:9090 " in daemon
    assert f"ListenStream=[{own.v6}]:9090\n" in units["backplane-prometheus-ipv6.socket"]
    assert f"socket-proxyd {own.v4}:9090\n" in units["backplane-prometheus-ipv6.service"]
    assert "--storage.tsdb.retention.time=12w " in daemon
    assert "--storage.tsdb.retention.size=8GB " in daemon
    assert "lifecycle" not in daemon
    assert "admin-api" not in daemon


def test_no_key_of_anybody_is_in_its_files() -> None:
    """Neither a private key nor a PSK nor even a public key of the mesh."""
    made = bundle.bundle(MADE.plan, "fsn-a", MADE.identities["fsn-a"], MADE.cards, MADE.roots)
    table = base64.b64decode(made.document["keys"])
    entries = [base64.b64encode(table[at : at + 32]).decode() for at in range(0, len(table), 32)]
    ours = {p: f.text for p, f in made.files().items() if p.startswith(("roles/", "units/"))}
    assert {"roles/prometheus/alerts.yml", "roles/alertmanager/alertmanager.yml"} <= set(ours)
    assert entries
    for path, text in ours.items():
        assert "PRIVATE" not in text, path
        assert not [entry for entry in entries if entry in text], path


def _checked(
    role: str, folder: Path, files: dict[str, str], package: str
) -> list[tuple[bool, str]]:
    for path, text in files.items():
        (folder / path).write_text(text, encoding="utf-8")
    return [
        tools.accepts(
            tools.need(command[0], package=package),
            *(word.replace("{}", str(folder)) for word in command[1:]),
        )
        for command in _parts(MADE.plan, role=role).checks
    ]


@pytest.mark.parametrize(
    ("role", "damaged", "word"),
    [
        ("prometheus", "prometheus.yml", "scrape_interval"),
        ("prometheus", "alerts.yml", "time()"),
        ("alertmanager", "alertmanager.yml", "repeat_interval"),
    ],
)
def test_its_own_checker_judges_the_files(
    role: str, damaged: str, word: str, tmp_path: Path
) -> None:
    """Taken as they are, by the very commands that a node runs; with a word misspelt, refused."""
    package = ROLES[role].packages[0]
    files: dict[str, Any] = dict(_parts(MADE.plan, role=role).files)
    right = _checked(role, tmp_path, files, package)
    assert right
    assert all(well for well, _ in right), right
    files[damaged] = files[damaged].replace(word, f"{word}x")
    assert not all(well for well, _ in _checked(role, tmp_path, files, package))


def test_alertmanager_reads_as_looked_at() -> None:
    """Receivers, the watchdog's own way, and what a node that is down silences."""
    golden.compare("monitoring/alertmanager.yml", alertmanager.config(MADE.plan))


@pytest.mark.parametrize(
    ("settings", "alerts", "watchdog"),
    [
        (watched.raw()["monitoring"], "chat,ops", "_watchdog"),
        ({"receivers": watched.raw()["monitoring"]["receivers"]}, "chat,ops", "_null"),
        ({"watchdog": "https://alive.example.org/"}, "_null", "_watchdog"),
        ({}, "_null", "_null"),
    ],
)
def test_who_hears_of_what(
    settings: dict[str, Any], alerts: str, watchdog: str, tmp_path: Path
) -> None:
    """By Alertmanager's own reading: every receiver of every alert, the watchdog's of its own."""
    raw = {**watched.raw(), "monitoring": settings}
    mesh = plan(parse(raw), project="x", stack="y")
    file = tmp_path / "alertmanager.yml"
    file.write_text(alertmanager.config(mesh), encoding="utf-8")
    tool = tools.need("amtool", package="prometheus-alertmanager")

    def to(alert: str) -> str:
        well, said = tools.accepts(
            tool, "config", "routes", "test", f"--config.file={file}", f"alertname={alert}"
        )
        assert well, said
        return said.splitlines()[0]

    assert to("NodeDown") == alerts
    assert to("Watchdog") == watchdog


def test_alertmanager_knows_no_other() -> None:
    """On both addresses of monitoring, and without gossip, which listens on every address."""
    own = MADE.plan.node("fsn-a").addresses["monitoring"]
    (unit,) = _parts(MADE.plan, role="alertmanager").units.values()
    assert f"--web.listen-address={own.v4}:9093 " in unit
    assert f"--web.listen-address=[{own.v6}]:9093 " in unit
    assert "--cluster.listen-address=\n" in unit


TOKEN = "a-token-of-the-receiver"


def test_a_receivers_token_is_named_and_only_its_daemon_gets_it(tmp_path: Path) -> None:
    """The declaration has a name; the token is in one file, on the nodes with the role alone."""
    declared = watched.raw()
    declared["monitoring"]["receivers"]["ops"]["secret"] = "ops-hook"
    made = example.material(declared)
    assert made.plan.secrets == {"ops-hook"}
    parts = _parts(made.plan, role="alertmanager")
    (unit,) = parts.units.values()
    at = "/run/backplane/active/secrets/alertmanager/ops"
    assert f"\nLoadCredential=ops:{at}\n" in unit
    config = yaml.safe_load(parts.files["alertmanager.yml"])
    ops = next(one for one in config["receivers"] if one["name"] == "ops")
    (hook,) = ops["webhook_configs"]
    shown = hook["http_config"]["authorization"]["credentials_file"]
    assert shown == "/run/credentials/backplane-alertmanager.service/ops"
    checked = _checked("alertmanager", tmp_path, dict(parts.files), "prometheus-alertmanager")
    assert all(well for well, _ in checked), checked
    for name in NODES:
        identity = made.identities[name]
        run = bundle.bundle(
            made.plan, name, identity, made.cards, made.roots, {"ops-hook": TOKEN}
        ).files()
        held = {path: one.mode for path, one in run.items() if TOKEN in one.text}
        assert held == ({"secrets/alertmanager/ops": "0600"} if name == "fsn-a" else {})


def test_without_a_name_there_is_no_token() -> None:
    """Nor a credential, nor a key of the config that must be there."""
    assert MADE.plan.secrets == frozenset()
    assert _parts(MADE.plan, role="alertmanager").secrets == {}
