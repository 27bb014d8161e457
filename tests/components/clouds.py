"""What the contract test must know of each cloud to read what was registered there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from types import MappingProxyType
from typing import Any

from backplane.clouds import CLOUDS
from tests.components.recorder import Recorder, Registered, declaration

Inbound = set[tuple[str, int]]


@dataclass(frozen=True, kw_only=True)
class Shape:
    """One cloud as the engine is told of it.

    Attributes:
        site: What a site's declaration has for this cloud, in the place of the lab's.
        without: What of the lab's a site of this cloud does not have.
        node: What a node has here beside the lab's, by a number that is its own.
        realm: The realm of the lab's two sites.
        addresses: Types of what keeps a node's public addresses.
        key: Type of the push key's copy; None where there is none.
        walls: Type of a site's firewall; None where the cloud has none of ours.
        inbound: The protocols and ports that may come in, by firewall; each from everywhere.
        labels: A resource's labels; None where there is nothing to be labelled.
        born: What of a machine is fixed at its birth.
    """

    site: Mapping[str, Any] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    node: Callable[[int], Mapping[str, Any]] = lambda _: {}
    realm: str
    addresses: tuple[str, ...]
    key: str | None
    walls: str | None
    inbound: Callable[[Recorder], Mapping[str, Inbound]]
    labels: Callable[[Registered], Mapping[str, str]] | None
    born: tuple[str, ...]

    def mesh(self) -> dict[str, Any]:
        """The lab's declaration on this cloud, protected."""
        mesh = declaration()
        mesh["protect"] = True
        numbers = count(17)
        for site in mesh["sites"].values():
            site.update(self.site)
            for key in self.without:
                site.pop(key)
            for node in site["nodes"].values():
                node.update(self.node(next(numbers)))
        return mesh

    def machines(self, recorded: Recorder) -> dict[str, Registered]:
        """The nodes' machines by name."""
        found = recorded.of(CLOUDS[self.site.get("cloud", "hetzner")].machine)
        return {name: one for name, one in found.items() if name.endswith("-server")}


def _hetzner(recorded: Recorder) -> dict[str, Inbound]:
    found = {}
    for name, wall in recorded.of("hcloud:index/firewall:Firewall").items():
        rules = [rule for rule in wall.inputs["rules"] if rule["direction"] != "out"]
        assert all(rule["sourceIps"] == ["0.0.0.0/0", "::/0"] for rule in rules)
        found[name] = {(rule["protocol"], int(rule["port"])) for rule in rules}
    return found


def _aws(recorded: Recorder) -> dict[str, Inbound]:
    found: dict[str, Inbound] = {}
    for name, group in recorded.of("aws:ec2/securityGroup:SecurityGroup").items():
        found[name] = set()
        for rule in group.inputs["ingress"]:
            assert rule["cidrBlocks"] == ["0.0.0.0/0"]
            assert rule["ipv6CidrBlocks"] == ["::/0"]
            assert rule["fromPort"] == rule["toPort"]
            found[name].add((rule["protocol"], int(rule["fromPort"])))
    return found


SHAPES: Mapping[str, Shape] = MappingProxyType(
    {
        "aws": Shape(
            site={"cloud": "aws", "location": "eu-central-1"},
            without=("type",),
            realm="aws-eu-central-1",
            addresses=("aws:ec2/eip:Eip", "aws:ec2/networkInterface:NetworkInterface"),
            key="aws:ec2/keyPair:KeyPair",
            walls="aws:ec2/securityGroup:SecurityGroup",
            inbound=_aws,
            labels=lambda one: one.inputs["tags"],
            born=("userData", "keyName", "ami", "sourceDestCheck"),
        ),
        "hetzner": Shape(
            realm="hetzner",
            addresses=("hcloud:index/primaryIp:PrimaryIp",),
            key="hcloud:index/sshKey:SshKey",
            walls="hcloud:index/firewall:Firewall",
            inbound=_hetzner,
            labels=lambda one: one.inputs["labels"],
            born=("userData", "sshKeys", "image"),
        ),
        "existing": Shape(
            site={"cloud": "existing"},
            without=("type", "image", "location"),
            node=lambda number: {
                "machine": {"ipv4": f"203.0.113.{number}", "host_key": "first-seen"}
            },
            realm="existing",
            addresses=(),
            key=None,
            walls=None,
            inbound=lambda _: {},
            labels=None,
            born=("create", "stdin"),
        ),
    }
)
