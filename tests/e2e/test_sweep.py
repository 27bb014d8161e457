"""The sweep: everything of one run, nothing of anybody else, whatever stands in its way."""

from __future__ import annotations

import dataclasses

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hcloud import Client
from hcloud.firewalls.domain import FirewallRule
from hcloud.images.domain import Image
from hcloud.locations.domain import Location
from hcloud.server_types.domain import ServerType
from hcloud.servers.domain import ServerCreatePublicNetwork

from tests.api_server import ApiServer
from tests.e2e.clouds import HETZNER
from tests.e2e.fakes import OTHER, STACK, Bench, FileAccount
from tests.e2e.hetzner import KINDS, Hetzner
from tests.e2e.offer import LABEL, Price
from tests.e2e.sweep import LOOKS, NotOursError, sweep


@pytest.fixture
def public_keys() -> list[str]:
    """Three keys, as SSH writes them."""
    made = (Ed25519PrivateKey.generate().public_key() for _ in range(3))
    return [
        key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode("ascii") for key in made
    ]


def _make(client: Client, stack: str, key: str) -> None:
    """One of each kind, as the program makes them."""
    labels = {LABEL: stack}
    addresses = [
        client.primary_ips.create(
            type=family, name=f"{stack}-{family}", location=Location(name="fsn1"),
            assignee_type="server", auto_delete=False, labels=labels,
        ).primary_ip
        for family in ("ipv4", "ipv6")
    ]  # fmt: skip
    rule = FirewallRule(direction="in", protocol="udp", port="51820", source_ips=["::/0"])
    firewall = client.firewalls.create(
        f"{stack}-fsn",
        rules=[rule],
        labels=labels,  # type: ignore[arg-type] # the client has it as text
    ).firewall
    ssh_key = client.ssh_keys.create(f"{stack}-push", key, labels=labels)
    client.placement_groups.create(f"{stack}-apart", "spread", labels=labels)
    made = client.servers.create(
        name=f"{stack}-a", server_type=ServerType(name="cx23"), image=Image(name="debian-12"),
        location=Location(name="fsn1"), ssh_keys=[ssh_key], firewalls=[firewall], labels=labels,
        public_net=ServerCreatePublicNetwork(
            ipv4=addresses[0], ipv6=addresses[1], enable_ipv4=True, enable_ipv6=True
        ),
    )  # fmt: skip
    made.action.wait_until_finished()


def _all(client: Client) -> dict[str, set[str]]:
    """Everything that the project has, by kind."""
    return {kind: {str(one.name) for one in getattr(client, kind).get_all()} for kind in KINDS}


def test_exactly_what_carries_the_label_goes(api: ApiServer, public_keys: list[str]) -> None:
    """By the vendor's client: a server that holds addresses, a firewall and a key, and those.

    Another run's, a person's and what has no label stay, whatever they are called.
    """
    client = api.client()
    strangers = (OTHER, "prod")
    for stack, key in zip((STACK, *strangers), public_keys, strict=True):
        _make(client, stack, key)
    client.primary_ips.create(
        type="ipv4", name=f"{STACK}-bare", location=Location(name="hel1"), assignee_type="server"
    )
    account = Hetzner(client)
    assert len(account.found(STACK)) == 6
    assert len(account.addresses(STACK)) == 2
    before = _all(client)
    said: list[str] = []
    assert sweep(account, STACK, said.append, pause=0.01) == []
    gone = {kind: before[kind] - left for kind, left in _all(client).items()}
    assert all(names for names in gone.values())
    everything = {name for names in gone.values() for name in names}
    assert everything == {
        f"{STACK}-{part}" for part in ("a", "ipv4", "ipv6", "fsn", "push", "apart")
    }
    assert sum(line.startswith("deleted: ") for line in said) == 6
    assert said.count(f"0 with the label {LABEL}={STACK}") == LOOKS
    assert sweep(account, STACK, said.append, pause=0.01) == []
    assert {len(account.found(stack)) for stack in strangers} == {6}


@pytest.mark.parametrize("name", ["prod", "e2e-", "e2e-0badcafe,prod", "e2e-0badcafe ", ""])
def test_no_other_stack_is_looked_at(bench: Bench, name: str) -> None:
    """A name that is no run's is refused before the account is asked."""
    with pytest.raises(NotOursError, match="no run's name"):
        sweep(FileAccount(things=bench.things), name, print)


def test_what_is_held_is_tried_again(bench: Bench) -> None:
    """And what can go goes meanwhile; an account that does not answer is asked again."""
    bench.things.write_text("network\nserver")
    said: list[str] = []
    account = FileAccount(things=bench.things, held=1, deaf=2)
    assert sweep(account, STACK, said.append, pause=0) == []
    assert said[:2] == ["the cloud does not answer: no route"] * 2
    assert "not yet: network (1): something holds it" in said
    assert said.index("deleted: server (1)") < said.index("deleted: network (1)")


def test_what_turns_up_late_goes_as_well(bench: Bench) -> None:
    """An order that was under way at the first look, which finds nothing."""
    said: list[str] = []

    def say(line: str) -> None:
        if line.startswith("0 with") and not said:
            bench.things.write_text("server")
        said.append(line)

    assert sweep(FileAccount(things=bench.things), STACK, say, pause=0) == []
    assert "deleted: server (1)" in said


def test_what_stays_is_told(bench: Bench) -> None:
    """After its time is up; who does not answer by then is an error and no success."""
    bench.things.write_text("server")
    account = FileAccount(things=bench.things, stuck=True)
    (left,) = sweep(account, STACK, print, limit=0.1, pause=0.02)
    assert str(left) == "server (1)"
    with pytest.raises(OSError, match="no route"):
        sweep(FileAccount(things=bench.things, deaf=9999), STACK, print, limit=0, pause=0)


def test_a_dearer_price_is_found(api: ApiServer) -> None:
    """By the vendor's own list: at what the lab takes nothing is dearer, below it everything."""
    account = Hetzner(api.client())
    assert account.dearer(HETZNER) == []
    server = next(price for price in HETZNER.prices if price.what.startswith("server"))
    cheap: Price = dataclasses.replace(server, hourly=-server.hourly)
    told = account.dearer(dataclasses.replace(HETZNER, prices=(cheap,)))
    assert len(told) == 2
    assert "was told" in told[0]
    nowhere = dataclasses.replace(HETZNER.places[0], location="moon1")
    told = account.dearer(dataclasses.replace(HETZNER, places=(nowhere,)))
    assert told == ["cx23 is not sold in moon1"]
