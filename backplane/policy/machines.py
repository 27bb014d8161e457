"""Machines and addresses: behind a firewall, dark to their own metadata, kept from deletion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

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


def _behind(world: World) -> Iterator[Trouble]:
    known = {one.id for one in world.of(FIREWALL) if one.id}
    for seen in world.of(SERVER):
        own = seen.inputs.get("firewallIds")
        if isinstance(own, Mark):
            yield hidden(seen, "firewallIds", own)
        elif not own:
            yield wrong(seen, "has no firewall of its own (firewallIds)")
        else:
            yield from _strangers(world, seen, own, known)
    for seen in world.of(INSTANCE):
        if not any(
            seen.inputs.get(key) for key in ("networkInterfaces", "primaryNetworkInterface")
        ):
            yield from _grouped(seen, "vpcSecurityGroupIds")
    for seen in world.of(INTERFACE):
        yield from _grouped(seen, "securityGroups")


def _strangers(world: World, seen: Seen, own: list[Any], known: set[str]) -> Iterator[Trouble]:
    for number, one in enumerate(own):
        if isinstance(one, Mark):
            continue  # an id that is still to come is that of a firewall of this run
        if world.whole and _text(one) not in known:
            yield wrong(seen, f"firewallIds[{number}] is no firewall of this stack")


def _grouped(seen: Seen, key: str) -> Iterator[Trouble]:
    groups = seen.inputs.get(key)
    if isinstance(groups, Mark):
        yield hidden(seen, key, groups)
    elif not groups:
        yield wrong(seen, f"has no security group of its own ({key})")


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
