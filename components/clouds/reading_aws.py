"""AWS read back, region by region, with the vendor's own client."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from backplane.clouds import ANYWHERE, NODE_LABEL, STACK_LABEL
from components.clouds.aws_api import CREDENTIALS, Ec2, SilentError
from components.clouds.reading import DARK, Firewall, Rule, Setting, Standing, UnreadableError

OUT = Rule(direction="out", protocol="all", port="", others=tuple(sorted(ANYWHERE)))
"""AWS lets nothing out by itself, so a site's group says so."""

_LIVE = ["pending", "running", "stopping", "stopped"]


class Aws:
    """`Reader` for AWS."""

    def read(self, stack: str, places: Collection[str], setting: Setting) -> Standing:
        """Two lists a region: security groups, and the machines that carry the stack's label."""
        del setting
        firewalls: dict[str, Firewall] = {}
        machines: dict[str, frozenset[str]] = {}
        for region in sorted(places):
            try:
                firewalls |= _firewalls(Ec2(region))
                machines |= _machines(Ec2(region), stack)
            except SilentError as error:
                raise UnreadableError(
                    f"AWS does not answer in {region}: {error}", CREDENTIALS
                ) from error
        return Standing(firewalls=firewalls, machines=machines, dark=DARK | {OUT})


def _firewalls(ec2: Ec2) -> dict[str, Firewall]:
    groups = ec2.all("describe_security_groups", "SecurityGroups", {})
    return {
        str(group["GroupId"]): Firewall(
            name=str(group["GroupName"]),
            rules=frozenset(
                [
                    *_rules("in", group["IpPermissions"]),
                    *_rules("out", group["IpPermissionsEgress"]),
                ]
            ),
        )
        for group in groups
    }


def _machines(ec2: Ec2, stack: str) -> dict[str, frozenset[str]]:
    wanted = {f"tag:{STACK_LABEL}": [stack], "instance-state-name": _LIVE}
    found = ec2.all("describe_instances", "Reservations", wanted)
    return {
        tag(machine, NODE_LABEL): frozenset(
            str(group["GroupId"])
            for interface in machine.get("NetworkInterfaces") or ()
            for group in interface.get("Groups") or ()
        )
        for reservation in found
        for machine in reservation["Instances"]
    }


def _rules(direction: str, permissions: Iterable[Any]) -> Iterator[Rule]:
    """AWS's permissions as rules; those of one protocol and port become one, as at their making."""
    others: dict[tuple[str, str], set[str]] = {}
    for one in permissions:
        place = (_protocol(one), _ports(one))
        others.setdefault(place, set()).update(_others(one))
    for (protocol, port), some in others.items():
        yield Rule(direction=direction, protocol=protocol, port=port, others=tuple(sorted(some)))


def _protocol(permission: Any) -> str:  # noqa: ANN401 - the vendor's answer
    protocol = str(permission["IpProtocol"])
    return "all" if protocol == "-1" else protocol


def _ports(permission: Any) -> str:  # noqa: ANN401 - as above
    first, last = permission.get("FromPort"), permission.get("ToPort")
    if permission["IpProtocol"] == "-1" or first is None:
        return ""
    return str(first) if first == last else f"{first}-{last}"


def _others(permission: Any) -> Iterator[str]:  # noqa: ANN401 - as above
    for many, single in (
        ("IpRanges", "CidrIp"),
        ("Ipv6Ranges", "CidrIpv6"),
        ("UserIdGroupPairs", "GroupId"),
        ("PrefixListIds", "PrefixListId"),
    ):
        yield from (str(each[single]) for each in permission.get(many) or ())


def tag(raw: Any, key: str) -> str:  # noqa: ANN401 - as above
    """The value of a tag of what AWS answers; empty where there is none."""
    tags = raw.get("Tags") or raw.get("TagSet") or ()
    return next((str(one["Value"]) for one in tags if one["Key"] == key), "")
