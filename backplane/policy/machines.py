"""Machines and addresses: behind a firewall, dark to their own metadata, kept from deletion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from backplane.policy.inbound import GROUPS
from backplane.policy.inbound import HETZNER as FIREWALL
from backplane.policy.rule import Rule, Trouble, hidden, wrong
from backplane.policy.seen import Mark, Seen, World

SERVER = "hcloud:index/server:Server"
ADDRESS = "hcloud:index/primaryIp:PrimaryIp"
INSTANCE = "aws:ec2/instance:Instance"
INTERFACE = "aws:ec2/networkInterface:NetworkInterface"
ELASTIC = "aws:ec2/eip:Eip"
VOLUME = "aws:ebs/volume:Volume"

ALWAYS_PROTECTED = ("prod", "production")
"""Stacks by these names, or beginning with one and a dash, are protected whatever they declare."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kin:
    """What a machine must name of its own stack: what it is called, and its types."""

    noun: str
    types: tuple[str, ...]


_FIREWALL = _Kin(noun="firewall", types=(FIREWALL,))
_GROUP = _Kin(noun="security group", types=GROUPS)
_INTERFACE = _Kin(noun="network interface", types=(INTERFACE,))


def _behind(world: World) -> Iterator[Trouble]:
    for seen in world.of(SERVER):
        yield from _shielded(world, seen, "firewallIds", _FIREWALL)
    for seen in world.of(INSTANCE):
        named = list(_interfaces(seen.inputs))
        for path, one in named:
            yield from _stranger(world, seen, path, one, _INTERFACE)
        if not named or seen.inputs.get("vpcSecurityGroupIds"):
            yield from _shielded(world, seen, "vpcSecurityGroupIds", _GROUP)
    for seen in world.of(INTERFACE):
        yield from _shielded(world, seen, "securityGroups", _GROUP)


def _shielded(world: World, seen: Seen, key: str, kin: _Kin) -> Iterator[Trouble]:
    own = seen.inputs.get(key)
    if isinstance(own, Mark):
        yield hidden(seen, key, own)
    elif not own:
        yield wrong(seen, f"has no {kin.noun} of its own ({key})")
    else:
        for number, one in enumerate(own):
            yield from _stranger(world, seen, f"{key}[{number}]", one, kin)


def _stranger(world: World, seen: Seen, path: str, one: object, kin: _Kin) -> Iterator[Trouble]:
    """An id that is none of this stack's.

    One that is still to come is taken for that of a resource of this run, if there is any.
    """
    there = list(world.of(*kin.types))
    if isinstance(one, Mark):
        if one is Mark.SECRET or not there:
            yield hidden(seen, path, one)
    elif world.whole and _text(one) not in {each.id for each in there if each.id}:
        yield wrong(seen, f"{path} is no {kin.noun} of this stack")


def _interfaces(inputs: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """Ids of the interfaces that an instance is given instead of groups, with their paths."""
    primary, more = inputs.get("primaryNetworkInterface"), inputs.get("networkInterfaces") or ()
    if isinstance(more, Mark):
        yield "networkInterfaces", more
        more = ()
    given = [(f"networkInterfaces[{number}]", one) for number, one in enumerate(more)]
    for path, one in [*given, *([("primaryNetworkInterface", primary)] if primary else [])]:
        yield path, one if isinstance(one, Mark) else one.get("networkInterfaceId")


def _text(identifier: object) -> str:
    return str(int(identifier)) if isinstance(identifier, float) else str(identifier)


def _metadata(world: World) -> Iterator[Trouble]:
    wanted = {"httpTokens": "required", "httpPutResponseHopLimit": 1}
    for seen in world.of(INSTANCE):
        options = seen.inputs.get("metadataOptions") or {}
        yield from _must(seen, "metadataOptions", options, wanted)


def _encrypted(world: World) -> Iterator[Trouble]:
    for seen in world.of(INSTANCE):
        root = seen.inputs.get("rootBlockDevice") or {}
        yield from _must(seen, "rootBlockDevice", root, {"encrypted": True})
        more = seen.inputs.get("ebsBlockDevices") or ()
        if isinstance(more, Mark):
            yield hidden(seen, "ebsBlockDevices", more)
            continue
        for number, device in enumerate(more):
            yield from _must(seen, f"ebsBlockDevices[{number}]", device, {"encrypted": True})
    for seen in world.of(VOLUME):
        yield from _must(seen, "", seen.inputs, {"encrypted": True})


def _must(
    seen: Seen, path: str, there: Mapping[str, Any] | Mark, wanted: Mapping[str, Any]
) -> Iterator[Trouble]:
    if isinstance(there, Mark):
        yield hidden(seen, path, there)
        return
    for key, value in wanted.items():
        full, has = f"{path}.{key}" if path else key, there.get(key)
        if isinstance(has, Mark):
            yield hidden(seen, full, has)
        elif has != value:
            yield wrong(seen, f"{full} is not {str(value).lower()}")


def always_protected(stack: str) -> bool:
    """Whether a stack of this name is protected whatever its declaration says."""
    return any(stack == name or stack.startswith(f"{name}-") for name in ALWAYS_PROTECTED)


def _protected(world: World) -> Iterator[Trouble]:
    always = always_protected(world.stack)
    if always and world.protect is False:
        yield wrong(None, f"stack {world.stack} declares `protect: false`")
    if world.protect is None and not always:
        if any(world.of(SERVER, ADDRESS, INSTANCE, ELASTIC)):
            yield Trouble(
                kind="unknown", where=None, what="the declared `protect` is not told here"
            )
        return
    if not (always or world.protect):
        return
    for seen in world.of(SERVER, ADDRESS, INSTANCE, ELASTIC):
        if not seen.protect and seen.node not in world.retired:
            yield wrong(seen, "may be deleted: the engine's `protect` is not set")


BEHIND = Rule(
    id="firewall-attached",
    says="every server is born behind a firewall of its stack",
    why="a firewall that is attached later leaves the first seconds open",
    fix="give firewall_ids (AWS: vpc_security_group_ids) in the same call that makes the server",
    look=_behind,
)

METADATA = Rule(
    id="metadata-tokens",
    says="an AWS instance answers metadata by IMDSv2 only, one hop far",
    why="user-data and credentials are read through any request that a program can be led to make",
    fix='metadata_options: http_tokens="required", http_put_response_hop_limit=1',
    look=_metadata,
)

ENCRYPTED = Rule(
    id="volumes-encrypted",
    says="an AWS instance's volumes are encrypted",
    why="a snapshot of the root volume holds the node's keys",
    fix="root_block_device: encrypted=True, and the same for every other volume",
    look=_encrypted,
)

PROTECTED = Rule(
    id="protected",
    says="servers and addresses are protected where `protect` is true, and in production always",
    why="one wrong line in a declaration would delete machines whose addresses others dial",
    fix="set `protect: true`; a node that is to go gets `retire: true` first",
    look=_protected,
    alone=False,
)
