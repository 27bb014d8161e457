"""A program that opens TCP 22 is stopped by each of three places alone; the real one by none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from backplane.policy.plain import REMOTE
from scripts import cli
from tests.api_server import ApiServer
from tests.engine.paper import HANDS_OFF, ROOT, declare
from tests.engine.test_program import things
from tests.pulumi_project import PulumiProject

PACK = str(ROOT / "policy")

# One more port in the constant; behind it, a component that no longer looks.
OPENED = f"""
    import sys
    sys.path.insert(0, {str(ROOT)!r})
    from backplane import planes
    from components.clouds import hetzner
    planes.INBOUND = (*planes.INBOUND, ("tcp", 22))
    """
BLIND = """
    hetzner.dark = lambda name, rules: None
    """


def judged(document: object, kind: str, project: PulumiProject) -> tuple[int, dict[str, Any]]:
    """What `backplane policy` says of a document: exit code, and its JSON."""
    path = project.directory / f"{kind}.json"
    path.write_text(json.dumps(document))
    words = ["policy", f"--{kind}", str(path), "--json"]
    done = CliRunner().invoke(cli.build(words), words)
    return done.exit_code, json.loads(done.stdout) if done.stdout else {}


def broken(told: dict[str, Any]) -> set[tuple[str, str]]:
    """Rule and resource of every violation."""
    return {
        (one["rule"], one["where"]["name"])
        for one in told["findings"]
        if one["kind"] == "violation"
    }


OPEN = {
    (rule, f"{site}-firewall")
    for rule in ("inbound-ports", "no-public-tcp")
    for site in ("fsn", "hel")
}


@pytest.fixture
def lab(project: PulumiProject, mesh: dict[str, Any]) -> PulumiProject:
    """The lab's mesh on the cloud on paper, without hands on nodes."""
    project.program(HANDS_OFF)
    declare(project, mesh)
    return project


def test_the_component_alone_stops_it(lab: PulumiProject, api: ApiServer) -> None:
    """`up` of the opened program ends before a firewall or a machine is made, and says why."""
    lab.program(OPENED + HANDS_OFF)
    done = lab.up(check=False)
    assert done.code != 0
    assert "lets in tcp 22 from anywhere" in done.text
    assert "Traceback" not in done.text
    assert api.client().firewalls.get_all() == api.client().servers.get_all() == []


def test_the_policy_pack_alone_stops_it(lab: PulumiProject, api: ApiServer) -> None:
    """With the component blind, the engine's own run of the pack ends preview and `up`.

    Both firewalls are named and no machine is made; the real program passes it.
    """
    words = ("preview", "--stack", "test", "--policy-pack", PACK)
    assert lab.run(*words).code == 0
    lab.program(OPENED + BLIND + HANDS_OFF)
    done = lab.run(*words, check=False)
    assert done.code != 0
    assert done.text.count("TCP is open to the internet: tcp 22") >= 2
    assert "mandatory" in done.text
    done = lab.up("--policy-pack", PACK, check=False)
    assert done.code != 0
    assert "TCP is open to the internet" in done.text
    assert api.client().firewalls.get_all() == api.client().servers.get_all() == []


def test_the_verb_alone_stops_it(lab: PulumiProject, api: ApiServer, mesh: dict[str, Any]) -> None:
    """With the component blind and no pack, a preview of it ends with 1; of the real one with 0.

    So it does protected with a node to retire; the declaration is in the preview's own config.
    """
    code, told = judged(lab.preview(), "preview", lab)
    assert (code, told["findings"]) == (0, [])
    assert told["resources"] > 50
    mesh["protect"] = True
    mesh["sites"]["fsn"]["nodes"]["fsn-b"]["retire"] = True
    del mesh["replicate"]
    declare(lab, mesh)
    preview = lab.preview()
    code, told = judged(preview, "preview", lab)
    assert (code, broken(told)) == (0, set())
    for step in preview["steps"]:
        if step["urn"].endswith("::hel-b-server"):
            del step["newState"]["protect"]
    assert broken(judged(preview, "preview", lab)[1]) == {("protected", "hel-b-server")}
    lab.program(OPENED + BLIND + HANDS_OFF)
    code, told = judged(lab.preview(), "preview", lab)
    assert (code, broken(told)) == (1, OPEN)
    assert things(api) == 0


def test_the_program_as_it_is_keeps_to_the_rules(
    project: PulumiProject, mesh: dict[str, Any]
) -> None:
    """A preview of the untouched program, remote commands and all, has no finding.

    What is masked there counts as secret; a command that is told to log is found.
    """
    declare(project, mesh)
    preview = project.preview()
    code, told = judged(preview, "preview", project)
    assert (code, told["findings"]) == (0, [])
    commands = [one for one in preview["steps"] if one["newState"]["type"] == REMOTE]
    assert len(commands) == 4
    commands[0]["newState"]["inputs"]["logging"] = "stderr"
    commands[1]["newState"]["inputs"]["stdin"] = "plain"
    first, second = (one["urn"].rpartition("::")[2] for one in commands[:2])
    found = broken(judged(preview, "preview", project)[1])
    assert found == {("quiet-commands", first), ("secret-inputs", second)}


def test_a_state_is_judged_whole(lab: PulumiProject, mesh: dict[str, Any]) -> None:
    """The state of the real program, made under the pack, keeps to every rule.

    Protection that is declared and lifted by hand, a port opened by the program, and a state that
    shows its secrets are each found; of the last not one secret is printed.
    """
    mesh["protect"] = True
    declare(lab, mesh)
    lab.up("--policy-pack", PACK)
    state = json.loads(lab.run("stack", "export", "--stack", "test").stdout)
    code, told = judged(state, "state", lab)
    assert (code, told["findings"]) == (0, [])
    assert told["whole"] is True
    assert told["resources"] > 50
    server = "backplane:index:Node$hcloud:index/server:Server"
    urn = f"urn:pulumi:test::throwaway::{server}::hel-b-server"
    lab.run("state", "unprotect", urn, "--yes", "--stack", "test")
    lab.program(OPENED + BLIND + HANDS_OFF)
    lab.up("--target", "urn:pulumi:test::throwaway::backplane:index:Site$hcloud:index/firewall:"
           "Firewall::fsn-firewall")  # fmt: skip
    state = json.loads(lab.run("stack", "export", "--stack", "test").stdout)
    code, told = judged(state, "state", lab)
    assert code == 1
    assert broken(told) == {
        ("protected", "hel-b-server"),
        ("inbound-ports", "fsn-firewall"),
        ("no-public-tcp", "fsn-firewall"),
    }
    shown = json.loads(lab.run("stack", "export", "--show-secrets", "--stack", "test").stdout)
    assert judged(shown, "state", lab) == (2, {})
