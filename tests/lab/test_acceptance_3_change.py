"""The mesh lives on: nodes come and go, runners are new, power fails."""

from __future__ import annotations

import json
import os
import shutil
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hcloud import Client

from lab.network.namespace import Namespace
from tests.lab.changes import FRESH, grow, rebuild, shrink
from tests.lab.flow import Flow, lossless, through
from tests.lab.mesh import Mesh, checkout

NODES = ("fsn-a", "fsn-b", "hel-a", "hel-b")
# Seconds that a preview of one node more or less may take, beside four machines and the stranger.
PREVIEW = 3.0
CYCLES = int(os.environ.get("BACKPLANE_POWER_CYCLES", "1"))
"""How often all four lose their power at once; more of it says `docs/testing.md`."""


# A node comes and goes


def _steps(mesh: Mesh) -> dict[str, set[str]]:
    told = json.loads(mesh.must("preview", "--json").out)
    steps: dict[str, set[str]] = {}
    for step in told["steps"]:
        steps.setdefault(step["op"], set()).add(step["urn"].rpartition("::")[2])
    return steps


def _only(names: set[str], node: str) -> bool:
    return all(name == node or name.startswith(f"{node}-") for name in names)


def test_a_fifth_node_replaces_nothing_and_costs_nobody_a_packet(mesh: Mesh, flow: Flow) -> None:
    """Added in YAML: its own resources are made, nobody's are replaced, all 80 pairs answer.

    Meanwhile two others lose nothing on any plane.
    """
    before = {name: server["id"] for name, server in mesh.servers().items()}
    mesh.declare(grow)
    steps = _steps(mesh)
    assert set(steps) == {"create", "update", "same"}, steps
    assert _only(steps["create"], FRESH)
    assert steps["update"] == {"mesh-receipt", "mesh-command"}
    preview_seconds = mesh.preview_seconds()
    through(mesh, flow)
    lossless(flow)
    after = {name: server["id"] for name, server in mesh.servers().items()}
    assert {name: after[name] for name in NODES} == before
    verdict = mesh.verify()
    assert verdict["ok"] is True, verdict
    assert verdict["pairs"]["ipv4"] == verdict["pairs"]["ipv6"] == {"expected": 80, "reached": 80}
    assert _called(mesh, f"{FRESH}.mgmt") == {("10.201.2.3",)}
    assert preview_seconds < PREVIEW


def _called(mesh: Mesh, name: str) -> set[tuple[str, ...]]:
    """What the four nodes find behind a name: in their hosts file, and asked of a DNS node."""
    dns = mesh.outputs()["dns"]["servers"]["fsn-a"]["ipv4"]
    ways = (f"getent ahostsv4 {name} | cut -d' ' -f1 | sort -u", f"kdig +short @{dns} {name} A")
    return {tuple(mesh.lab.on(node).succeed(way).split()) for node in NODES for way in ways}


def test_a_node_that_is_rebuilt_costs_nobody_a_packet(mesh: Mesh, flow: Flow) -> None:
    """The fifth: a new machine, the same addresses, 0 lost between two others."""
    before = mesh.servers()[FRESH]["id"]
    through(mesh, flow, rebuild)
    lossless(flow)
    assert mesh.servers()[FRESH]["id"] != before
    assert mesh.verify()["ok"] is True


def test_the_fifth_node_goes_again_and_costs_nobody_a_packet(mesh: Mesh, flow: Flow) -> None:
    """Taken out of YAML: only its own resources are deleted, and the four are as before."""
    before = {name: server["id"] for name, server in mesh.servers().items()}
    mesh.declare(shrink)
    steps = _steps(mesh)
    assert set(steps) == {"delete", "update", "same"}, steps
    assert _only(steps["delete"], FRESH)
    preview_seconds = mesh.preview_seconds()
    through(mesh, flow)
    lossless(flow)
    after = {name: server["id"] for name, server in mesh.servers().items()}
    assert after == {name: before[name] for name in NODES}
    verdict = mesh.verify()
    assert verdict["ok"] is True, verdict
    assert verdict["pairs"]["expected"] == 96
    shown = mesh.lab.exec("fsn-a", "wg show wg2 allowed-ips")
    assert "10.202.2.3/32" not in shown
    assert _called(mesh, f"{FRESH}.mgmt") == {()}
    assert preview_seconds < PREVIEW


# Runners


def test_a_fresh_runner_needs_no_manual_step(mesh: Mesh, tmp_path: Path) -> None:
    """A new checkout on a machine without tunnel or its state pushes a change by plain `up`."""
    mesh.tunnel("down")
    space = Namespace(mesh.lab.lab.runner)
    links = space.run("ip", "-json", "link")
    assert not [link for link in json.loads(links) if link["ifname"].startswith("lab-")]
    space.run("ip", "-4", "route", "flush", "proto", "151")
    fresh = checkout(tmp_path / "fresh")
    shutil.copy(mesh.stack_file, fresh / "stacks")
    mesh.project = fresh
    mesh.declare(
        lambda declared: declared["operators"].update(bob={"id": 2, "planes": ["storage"]})
    )
    up = mesh.must("up", "--yes", "--skip-preview")
    assert up.counts["updated"] == len(("mesh-receipt", "mesh-command"))
    for name in NODES:
        assert "10.203.255.2/32" in mesh.lab.exec(name, "wg show wg3 allowed-ips")
        assert "10.201.255.2/32" not in mesh.lab.exec(name, "wg show wg1 allowed-ips")
    assert mesh.verify()["ok"] is True


def _everything(mesh: Mesh) -> dict[str, Any]:
    """What must not change: the state's resources, the cloud's books, the runner's interfaces."""
    # Each write encrypts anew, so resources are compared decrypted, as digests.
    words = ("pulumi", "stack", "export", "--show-secrets", "--stack", "lab")
    resources = json.loads(mesh.run(*words).out)["deployment"]["resources"]
    for resource in resources:
        resource.pop("modified", None)
    return {
        "state": {
            resource["urn"]: sha256(json.dumps(resource, sort_keys=True).encode()).hexdigest()
            for resource in resources
        },
        "cloud": mesh.lab.settings.books.read_bytes(),
        "links": Namespace(mesh.lab.lab.runner).run("ip", "-brief", "link"),
    }


def test_without_privilege_there_is_one_clear_error(mesh: Mesh) -> None:
    """A user who may make no interface: `up` says what is needed and changes nothing at all.

    That user may read everything, so nothing else stands in the way; `preview` still works.
    """
    readable = ("dac_override", "dac_read_search", "fowner", "chown")
    plain = (
        *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
        "--inh-caps=-all," + ",".join(f"+{cap}" for cap in readable),
        "--ambient-caps=-all," + ",".join(f"+{cap}" for cap in readable),
        "--bounding-set=-all," + ",".join(f"+{cap}" for cap in readable),
        "--no-new-privs",
    )
    carol = {"id": 3, "planes": ["management"]}
    mesh.declare(lambda declared: declared["operators"].update(carol=carol))
    common = ("--stack", "lab", "--non-interactive")
    before = _everything(mesh)
    preview = mesh.run(*plain, "pulumi", "preview", *common, label="preview unprivileged")
    assert preview.code == 0, preview.out + preview.err
    up = mesh.run(
        *(*plain, "pulumi", "up", "--yes", "--skip-preview", *common), label="up unprivileged"
    )
    assert up.code != 0
    assert up.diagnostics.count("error:") == 1, up.diagnostics
    assert up.diagnostics.count("may not make network interfaces") == 1
    assert "sudo" in up.diagnostics
    assert "Traceback" not in up.out + up.err
    assert _everything(mesh) == before
    mesh.declare(lambda declared: declared["operators"].pop("carol"))
    mesh.must("preview", "--expect-no-changes")


# Power


def _boots(mesh: Mesh) -> dict[str, str]:
    return {
        name: mesh.lab.on(name).wait_until_succeeds("cat /proc/sys/kernel/random/boot_id", 60)
        + str(mesh.lab.machine(name).leader)
        for name in NODES
    }


def _reset(client: Client) -> None:
    actions = [server.reset() for server in client.servers.get_all()]
    for action in actions:
        action.wait_until_finished()


@pytest.mark.timeout(400)
@pytest.mark.parametrize("cycle", range(CYCLES))
def test_a_power_cut_of_all_four_at_once_heals_by_itself(mesh: Mesh, cycle: int) -> None:
    """All four lose power together; without a push `verify` is green again, no unit failed."""
    del cycle
    confirmed = {
        name: mesh.lab.exec(name, "readlink /var/lib/backplane/confirmed") for name in NODES
    }
    before = _boots(mesh)
    mesh.lab.cloud(_reset)
    begin = time.monotonic()
    verdict: dict[str, Any] = {"ok": False}
    while not verdict["ok"] and time.monotonic() < begin + 150:
        verdict = mesh.verify()
    after = _boots(mesh)
    assert all(before[name] != after[name] for name in NODES)
    assert verdict["ok"] is True, verdict
    for name in NODES:
        node = mesh.lab.on(name)
        assert node.succeed("readlink /var/lib/backplane/confirmed") == confirmed[name]
        assert (
            node.succeed("readlink -f /run/backplane/active")
            .strip()
            .endswith(confirmed[name].strip().rpartition("/")[2])
        )
        for unit in ("ssh", "backplane-nft", *(f"wg-quick@wg{number}" for number in range(4))):
            node.succeed(f"systemctl is-active {unit}")
        assert not node.succeed("systemctl --failed --no-legend").strip()
