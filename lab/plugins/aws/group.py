"""Security groups: which packets may come and go."""

from __future__ import annotations

from typing import Any, ClassVar

from lab.plugins.aws.base import (
    INTEGER,
    TAGS,
    TEXTS,
    AwsResource,
    Raw,
    objects,
    one,
    ordered,
    texts,
)
from lab.plugins.common import Field, Kind, Schema, Value
from lab.plugins.common.resource import Plain

_RULE = Field(
    kind=Kind.OBJECT,
    fields={
        "protocol": Field(required=True),
        "fromPort": Field(kind=Kind.INTEGER, required=True),
        "toPort": INTEGER,
        "cidrBlocks": TEXTS,
        "ipv6CidrBlocks": TEXTS,
        "securityGroups": TEXTS,
        "prefixListIds": TEXTS,
    },
)
_SIDES = {"ingress": "IpPermissions", "egress": "IpPermissionsEgress"}
_MEMBERS = {
    "cidrBlocks": ("IpRanges", "CidrIp"),
    "ipv6CidrBlocks": ("Ipv6Ranges", "CidrIpv6"),
    "securityGroups": ("UserIdGroupPairs", "GroupId"),
    "prefixListIds": ("PrefixListIds", "PrefixListId"),
}


def permission(rule: Plain) -> Raw:
    """A rule as AWS's client has it."""
    made: Raw = {"IpProtocol": rule["protocol"]}
    if rule["protocol"] != "-1":
        made |= {"FromPort": rule["fromPort"], "ToPort": rule.get("toPort")}
    for key, (many, single) in _MEMBERS.items():
        if members := texts(rule.get(key)):
            made[many] = [{single: member} for member in members]
    return made


def rules(permissions: list[Raw]) -> list[Plain]:
    """AWS's answer as rules: one for each protocol and ports, as the official provider has them."""
    found: dict[tuple[str, int, int], dict[str, set[str]]] = {}
    for each in permissions:
        first, last = int(each.get("FromPort") or 0), int(each.get("ToPort") or 0)
        place = (str(each["IpProtocol"]), first, last)
        if place[0] == "-1":
            place = ("-1", 0, 0)
        kept = found.setdefault(place, {key: set() for key in _MEMBERS})
        for key, (many, single) in _MEMBERS.items():
            kept[key].update(str(member[single]) for member in each.get(many) or ())
    made: list[Plain] = []
    for (protocol, first, last), members in sorted(found.items()):
        rule: Plain = {"protocol": protocol, "fromPort": first, "toPort": last}
        made.append(rule | {key: [*sorted(some)] for key, some in members.items() if some})
    return made


class SecurityGroup(AwsResource):
    """A stateful firewall, rules inside: what is not listed is taken away."""

    noun, kind = "security group", "security-group"
    schema: ClassVar[Schema] = Schema(
        token="aws:ec2/securityGroup:SecurityGroup",  # noqa: S106  a type's name
        inputs={
            "name": Field(required=True, replaces=True),
            "description": Field(replaces=True),
            "vpcId": Field(replaces=True),
            "ingress": Field(kind=Kind.LIST, item=_RULE),
            "egress": Field(kind=Kind.LIST, item=_RULE),
            "tags": TAGS,
        },
        outputs={"ownerId": Field(), "tagsAll": TAGS},
    )

    def normal(self, values: Plain) -> Plain:
        """Rules and what is in them are sets; an empty list is none."""
        return {k: _sorted(v) if k in _SIDES else v for k, v in values.items()}

    def make(self, client: Any, inputs: Plain) -> str:  # noqa: ANN401 - a client has no type
        """Make it; AWS gives it one rule, which lets everything out over IPv4."""
        more = {"VpcId": inputs["vpcId"]} if inputs.get("vpcId") else {}
        made = client.create_security_group(
            GroupName=inputs["name"],
            Description=inputs.get("description") or "Managed by Pulumi",
            TagSpecifications=self.specification(inputs),
            **more,
        )
        return str(made["GroupId"])

    def settle(self, client: Any, key: str, inputs: Plain) -> None:  # noqa: ANN401
        """Its rules become exactly these:."""
        there = self.state(self.find(client, key) or {})
        for side in _SIDES:
            wanted, known = _sorted(inputs.get(side)), _sorted(there.get(side))
            more = [permission(rule) for rule in objects(wanted) if rule not in objects(known)]
            less = [permission(rule) for rule in objects(known) if rule not in objects(wanted)]
            # A rule that only grew or shrank shares members with its old self.
            if less:
                getattr(client, f"revoke_security_group_{side}")(GroupId=key, IpPermissions=less)
            if more:
                getattr(client, f"authorize_security_group_{side}")(GroupId=key, IpPermissions=more)

    def find(self, client: Any, key: str) -> Raw | None:  # noqa: ANN401
        """It as it is."""
        return one(client.describe_security_groups(GroupIds=[key])["SecurityGroups"])

    def state(self, raw: Raw) -> Plain:
        """What AWS tells of it."""
        sides: Plain = {side: [*rules(raw.get(key) or [])] for side, key in _SIDES.items()}
        return sides | {
            "name": raw.get("GroupName"),
            "description": raw.get("Description"),
            "vpcId": raw.get("VpcId"),
            "ownerId": raw.get("OwnerId"),
        }

    def change(self, client: Any, key: str, news: Plain, changed: set[str]) -> None:  # noqa: ANN401
        """Change its rules."""
        if changed & {*_SIDES}:
            self.settle(client, key, news)
        super().change(client, key, news, changed - {*_SIDES})

    def remove(self, client: Any, key: str) -> None:  # noqa: ANN401
        """Delete it."""
        client.delete_security_group(GroupId=key)


def _sorted(side: Value) -> Value:
    kept: list[Value] = [
        {key: ordered(value) for key, value in rule.items() if value != []}
        for rule in objects(side)
    ]
    return ordered(kept)
