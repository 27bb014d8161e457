"""The stand-in for `hcloud`, through the real engine, against the lab's API on paper."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api_server import ApiServer, serving
from tests.pulumi_project import PulumiProject

PROGRAM = """
import pulumi, pulumi_hcloud as hcloud

def number(resource):
    return resource.id.apply(int)

key = hcloud.SshKey("key", name="key", public_key={key!r})
wall = hcloud.Firewall("wall", name="wall", rules=[
    hcloud.FirewallRuleArgs(direction="in", protocol="udp", port={ports!r},
                            source_ips=["::/0", "0.0.0.0/0"]),
])
group = hcloud.PlacementGroup("group", name="group", type="spread")
for name in {names!r}:
    ipv4 = hcloud.PrimaryIp(f"{{name}}-ipv4", name=f"{{name}}-ipv4", type="ipv4",
                            location="fsn1", auto_delete=False, labels={{"stack": "test"}})
    ipv6 = hcloud.PrimaryIp(f"{{name}}-ipv6", name=f"{{name}}-ipv6", type="ipv6",
                            location="fsn1", auto_delete=False)
    server = hcloud.Server(
        name, name=name, server_type={type!r}, image="debian-12", location="fsn1",
        ssh_keys=[key.id], user_data=pulumi.Output.secret({data!r}),
        firewall_ids=[number(wall)], placement_group_id=number(group), labels={labels!r},
        public_nets=[hcloud.ServerPublicNetArgs(
            ipv4_enabled=True, ipv4=number(ipv4), ipv6_enabled=True, ipv6=number(ipv6))],
        opts=pulumi.ResourceOptions(ignore_changes={ignored!r}))
    hcloud.Rdns(f"{{name}}-ptr", primary_ip_id=number(ipv4), ip_address=ipv4.ip_address,
                dns_ptr=f"{{name}}.example.com")
    pulumi.export(name, {{"ipv4": server.ipv4_address, "ipv6": server.ipv6_address,
                          "net": server.ipv6_network, "status": server.status}})
"""
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBqFhBq7xZxhR0cCm7cKqpHsbkQ0NnTTnOTUNi6cKlCy lab"
DATA = "#cloud-config\n# canary-5f1d2b\n"


def program(**changes: object) -> str:
    """The program with these differences."""
    values: dict[str, object] = {
        "key": KEY, "ports": "51820-51823", "names": ["a", "b"], "type": "cx23", "data": DATA,
        "labels": {"stack": "test"}, "ignored": [],
    }  # fmt: skip
    return PROGRAM.format(**{**values, **changes})


@pytest.fixture
def api(tmp_path: Path) -> Iterator[ApiServer]:
    """A cloud of its own."""
    with serving(tmp_path / "api") as server:
        yield server


@pytest.fixture
def project(engine: PulumiProject, api: ApiServer) -> PulumiProject:
    """A project whose provider talks to that cloud."""
    engine.env.update(api.environment())
    return engine


def planned(project: PulumiProject) -> dict[str, dict[str, str]]:
    """What a preview would change, as {resource: {path: kind}}."""
    found: dict[str, dict[str, str]] = {}
    for step in project.preview()["steps"]:
        if step["op"] != "same" and step.get("detailedDiff"):
            detail = {path: one["kind"] for path, one in step["detailedDiff"].items()}
            found[step["urn"].rsplit("::", 1)[-1]] = detail
    return found


def counts(api: ApiServer) -> dict[str, int]:
    """How many of each kind the cloud holds."""
    kinds = ("servers", "primary_ips", "firewalls", "placement_groups", "ssh_keys")
    return {
        kind: api.raw("GET", f"/{kind}").json()["meta"]["pagination"]["total_entries"]
        for kind in kinds
    }


def test_up_is_settled_and_destroy_leaves_nothing(project: PulumiProject, api: ApiServer) -> None:
    """After `up` neither preview nor refresh sees a change, and `destroy` empties the cloud."""
    project.program(program())
    project.up()
    outputs = project.outputs()
    assert outputs["a"]["net"].endswith("::/64")
    assert outputs["a"]["ipv6"] == outputs["a"]["net"].removesuffix("/64") + "1"
    assert {outputs[name]["status"] for name in "ab"} == {"running"}
    assert counts(api) == {
        "servers": 2, "primary_ips": 4, "firewalls": 1, "placement_groups": 1, "ssh_keys": 1,
    }  # fmt: skip
    refreshed = project.refresh("--diff", "--expect-no-changes")
    assert "canary-5f1d2b" not in refreshed.text
    assert project.steps() == {}
    assert "canary-5f1d2b" not in project.state_text()
    ptr = api.client().servers.get_by_name("a")
    assert ptr is not None
    assert ptr.public_net is not None
    assert ptr.public_net.ipv4 is not None
    assert ptr.public_net.ipv4.dns_ptr == "a.example.com"
    project.destroy()
    assert set(counts(api).values()) == {0}


def test_changes_in_place(project: PulumiProject, api: ApiServer) -> None:
    """Rules, labels and server type change in place: same ids, new values, settled afterwards."""
    project.program(program(names=["a"]))
    project.up()
    before = {name: one.get("id") for name, one in project.resources().items()}
    project.program(program(names=["a"], ports="51820", labels={"role": "x"}, type="cx33"))
    assert planned(project) == {
        "wall": {"rules[0].port": "update"},
        "a": {"labels.role": "add", "labels.stack": "delete", "serverType": "update"},
    }
    project.up()
    assert {name: one.get("id") for name, one in project.resources().items()} == before
    client = api.client()
    wall, server = client.firewalls.get_by_name("wall"), client.servers.get_by_name("a")
    assert wall is not None
    assert server is not None
    assert [rule.port for rule in wall.rules or []] == ["51820"]
    assert (server.labels, server.status) == ({"role": "x"}, "running")
    assert server.server_type is not None
    assert server.server_type.name == "cx33"
    assert project.steps() == {}


def test_user_data_replaces_unless_ignored(project: PulumiProject, api: ApiServer) -> None:
    """New user-data replaces the server, its address stays; ignored, nothing happens."""
    project.program(program(names=["a"]))
    project.up()
    first = project.resources()["a"]["id"]
    address = project.outputs()["a"]["ipv4"]
    changed = DATA + "# more\n"
    project.program(program(names=["a"], data=changed, ignored=["user_data"]))
    assert project.steps() == {}
    project.program(program(names=["a"], data=changed))
    assert planned(project)["a"] == {"userData": "update-replace"}
    project.up()
    assert project.resources()["a"]["id"] != first
    assert project.outputs()["a"]["ipv4"] == address
    assert counts(api)["servers"] == 1


def test_drift_is_seen_and_mended(project: PulumiProject, api: ApiServer) -> None:
    """Rules changed by another hand are seen by refresh and put back; a lost server is remade."""
    project.program(program(names=["a"]))
    project.up()
    client = api.client()
    wall = client.firewalls.get_by_name("wall")
    assert wall is not None
    for action in wall.set_rules([]):
        action.wait_until_finished()
    project.refresh()
    assert project.steps() == {"wall": "update"}
    project.up()
    wall.reload()
    assert [rule.port for rule in wall.rules or []] == ["51820-51823"]
    server = client.servers.get_by_name("a")
    assert server is not None
    server.delete().wait_until_finished()
    project.up("--refresh")
    assert counts(api)["servers"] == 1


def test_unknown_property_and_token_fail(project: PulumiProject, api: ApiServer) -> None:
    """A property or a type that the official provider does not have is refused by name."""
    source = """
        import pulumi
        class Any(pulumi.CustomResource):
            def __init__(self, token, **props):
                super().__init__(token, "x", props)
        Any({token!r}, **{props!r})
    """
    good = {"publicKey": KEY, "name": "k"}
    token = "hcloud:index/sshKey:SshKey"
    project.program(source.format(token=token, props={**good, "colour": "red"}))
    refused = project.up(check=False)
    assert refused.code != 0
    assert "unknown property 'colour'" in refused.text
    project.program(source.format(token="hcloud:index/volume:Volume", props={}))
    refused = project.up(check=False)
    assert refused.code != 0
    assert "no resource type 'hcloud:index/volume:Volume'" in refused.text
    assert counts(api)["ssh_keys"] == 0
    project.program(source.format(token=token, props=good))
    project.up()
    assert counts(api)["ssh_keys"] == 1


def test_token_is_checked(project: PulumiProject) -> None:
    """A token of the wrong length is refused before anything is asked of the cloud."""
    project.program(program(names=["a"]))
    project.env["HCLOUD_TOKEN"] = "short"
    refused = project.up(check=False)
    assert refused.code != 0
    assert "exactly 64" in refused.text
