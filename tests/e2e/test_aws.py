"""The account at AWS through a client that is a table: what is asked, in which order, where."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.aws import KINDS, Aws
from tests.e2e.clouds import AWS
from tests.e2e.fakes import OTHER, STACK
from tests.e2e.offer import LABEL
from tests.e2e.sweep import sweep

Json = dict[str, Any]
_HOLDS = {
    "network_interface": "instance",
    "security_group": "network_interface",
    "subnet": "network_interface",
    "vpc": "internet_gateway",
}
"""What cannot go while something else is there."""


class _Ec2:
    """As much of EC2's client as a sweep needs, with its names, on a table of things."""

    def __init__(self, region: str) -> None:
        self.region = region
        self.things: dict[str, dict[str, Json]] = {}
        self.asked: list[str] = []

    def add(self, kind: str, key: str, number: str, stack: str, **more: object) -> None:
        """Have a thing."""
        tags = [{"Key": LABEL, "Value": stack}, {"Key": "Name", "Value": f"{stack}-{kind}"}]
        self.things.setdefault(kind, {})[number] = {key: number, "Tags": tags, **more}

    def _describe(self, kind: str, filters: list[Json] | None) -> list[Json]:
        things = list(self.things.get(kind, {}).values())
        for one in filters or ():
            assert one["Name"].startswith("tag:")
            wanted = {"Key": one["Name"].removeprefix("tag:"), "Value": one["Values"][0]}
            things = [thing for thing in things if wanted in thing["Tags"]]
        return things

    def _delete(self, kind: str, number: str) -> None:
        holder = _HOLDS.get(kind)
        if holder and any(
            one.get("State", {}).get("Name") != "terminated"
            for one in self.things.get(holder, {}).values()
        ):
            raise RuntimeError(f"DependencyViolation: {holder}")
        del self.things[kind][number]
        self.asked.append(f"{kind} {number}")

    def describe_instances(self, Filters: list[Json]) -> Json:  # noqa: N803 - EC2's own word
        """Instances are in reservations."""
        return {"Reservations": [{"Instances": self._describe("instance", Filters)}]}

    def describe_internet_gateways(
        self,
        Filters: list[Json] | None = None,  # noqa: N803 - EC2's own word
        InternetGatewayIds: list[str] | None = None,  # noqa: N803
    ) -> Json:
        """Gateways by tag or by id."""
        found = self._describe("internet_gateway", Filters)
        if InternetGatewayIds:
            found = [one for one in found if one["InternetGatewayId"] in InternetGatewayIds]
        return {"InternetGateways": found}

    def detach_internet_gateway(self, InternetGatewayId: str, VpcId: str) -> None:  # noqa: N803
        """Loosen a gateway."""
        self.things["internet_gateway"][InternetGatewayId]["Attachments"].remove({"VpcId": VpcId})

    def delete_internet_gateway(self, InternetGatewayId: str) -> None:  # noqa: N803
        """Only when it is loose."""
        assert not self.things["internet_gateway"][InternetGatewayId]["Attachments"]
        self._delete("internet_gateway", InternetGatewayId)

    def describe_route_tables(
        self,
        Filters: list[Json] | None = None,  # noqa: N803 - EC2's own word
        RouteTableIds: list[str] | None = None,  # noqa: N803
    ) -> Json:
        """Tables by tag or by id."""
        found = self._describe("route_table", Filters)
        if RouteTableIds:
            found = [one for one in found if one["RouteTableId"] in RouteTableIds]
        return {"RouteTables": found}

    def disassociate_route_table(self, AssociationId: str) -> None:  # noqa: N803
        """Loosen a table."""
        for table in self.things["route_table"].values():
            held = table["Associations"]
            held[:] = [one for one in held if one["RouteTableAssociationId"] != AssociationId]

    def delete_route_table(self, RouteTableId: str) -> None:  # noqa: N803
        """Only when it is loose."""
        assert not self.things["route_table"][RouteTableId]["Associations"]
        self._delete("route_table", RouteTableId)

    def terminate_instances(self, InstanceIds: list[str]) -> None:  # noqa: N803
        """It stays in the list for an hour."""
        for number in InstanceIds:
            self.things["instance"][number]["State"] = {"Name": "terminated"}
            self.asked.append(f"instance {number}")

    def release_address(self, AllocationId: str) -> None:  # noqa: N803
        """Give an address back."""
        self._delete("address", AllocationId)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - one of EC2's calls
        verb, _, kind = name.partition("_")
        known = {one.describe: one for one in KINDS} | {one.delete: one for one in KINDS}
        assert name in known, name

        def describe(Filters: list[Json]) -> Json:  # noqa: N803
            single = "address" if kind == "addresses" else kind.removesuffix("s")
            return {known[name].listed: self._describe(single, Filters)}

        def delete(**words: str) -> None:
            assert list(words) == [known[name].argument]
            self._delete(kind, *words.values())

        return describe if verb == "describe" else delete


def _fill(client: _Ec2, stack: str, number: str) -> None:
    at = f"{client.region}-{number}"
    cards = [{"Ipv6Addresses": [{"Ipv6Address": f"2001:db8:{number}::1"}]}]
    client.add(
        "instance", "InstanceId", f"i-{at}", stack,
        State={"Name": "running"}, NetworkInterfaces=cards,
    )  # fmt: skip
    client.add("address", "AllocationId", f"a-{at}", stack, PublicIp=f"192.0.2.{number}")
    client.add("network_interface", "NetworkInterfaceId", f"n-{at}", stack)
    client.add("security_group", "GroupId", f"g-{at}", stack)
    client.add("subnet", "SubnetId", f"s-{at}", stack)
    client.add(
        "route_table", "RouteTableId", f"r-{at}", stack,
        Associations=[{"RouteTableAssociationId": f"ra-{at}", "Main": False}],
    )  # fmt: skip
    client.add(
        "internet_gateway", "InternetGatewayId", f"w-{at}", stack,
        Attachments=[{"VpcId": f"v-{at}"}],
    )  # fmt: skip
    client.add("vpc", "VpcId", f"v-{at}", stack)
    client.add("key_pair", "KeyName", f"k-{at}", stack)


@pytest.fixture
def clients() -> dict[str, _Ec2]:
    """Each region with a run's things."""
    made = {place.location: _Ec2(place.location) for place in AWS.places}
    for client in made.values():
        _fill(client, STACK, "1")
    return made


def test_everything_goes_in_every_region(clients: dict[str, _Ec2]) -> None:
    """Instances first, then what they held; terminated ones are not counted."""
    account = Aws(tuple(clients), clients.__getitem__)
    assert len(account.found(STACK)) == 2 * 9
    said: list[str] = []
    assert sweep(account, STACK, said.append, pause=0) == []
    for client in clients.values():
        kinds = [line.split()[0] for line in client.asked]
        assert kinds[0] == "instance"
        assert kinds.index("internet_gateway") < kinds.index("vpc")
        assert {kind for kind, things in client.things.items() if things} == {"instance"}
    assert any(f"({name}" in line for line in said for name in ("g-eu-north-1-1",))


def test_another_runs_things_stay(clients: dict[str, _Ec2]) -> None:
    """Beside each other in one region; and their addresses are not this run's."""
    client = clients["eu-north-1"]
    client.things = {}
    _fill(client, OTHER, "2")
    account = Aws(tuple(clients), clients.__getitem__)
    assert account.addresses(STACK) == ["192.0.2.1", "2001:db8:1::1"]
    assert sweep(account, STACK, print, pause=0) == []
    assert len(account.found(OTHER)) == 9
    assert account.addresses(OTHER) == ["192.0.2.2", "2001:db8:2::1"]
    assert client.asked == []


def test_what_a_stranger_holds_is_left_and_told(clients: dict[str, _Ec2]) -> None:
    """An interface of somebody else in our security group keeps it; it is not deleted for us."""
    client = clients["eu-central-1"]
    client.add("network_interface", "NetworkInterfaceId", "n-theirs", OTHER)
    account = Aws(("eu-central-1",), clients.__getitem__)
    left = sweep(account, STACK, print, limit=0.1, pause=0.01)
    assert {thing.kind for thing in left} == {"security group", "subnet"}
    assert "n-theirs" in client.things["network_interface"]


def test_prices_are_not_asked_of_aws() -> None:
    """They are told beforehand only: the list is a service of its own."""
    assert Aws((), _Ec2).dearer(AWS) == []
