"""Private networks as the engine is told of them: what comes, and that no machine is touched."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from backplane.recipe import Recipe
from tests.components.clouds import SHAPES
from tests.components.recorder import Recorder, Registered, _plain, run

NETWORK = "hcloud:index/network:Network"
SUBNET = "hcloud:index/networkSubnet:NetworkSubnet"
ATTACHED = "hcloud:index/serverNetwork:ServerNetwork"
CLOUDS = ("aws", "hetzner")


@cache
def _run(cloud: str, *, private: bool) -> Recorder:
    mesh: dict[str, Any] = SHAPES[cloud].mesh()
    mesh["sites"]["fsn"]["private_network"] = private
    return run(mesh)


def _at_cloud(recorded: Recorder) -> dict[str, Registered]:
    kinds = ("hcloud:", "aws:")
    return {one.what: one for one in recorded.registered if one.type.startswith(kinds)}


def _private(recorded: Recorder) -> dict[str, str]:
    [made] = [one for one in recorded.registered if one.name == "mesh-command"]
    return Recipe.decode(_plain(made.inputs["stdin"])).private


@pytest.mark.parametrize("cloud", CLOUDS)
def test_no_machine_is_another(cloud: str) -> None:
    """All that was at the cloud is asked for as before: nothing is replaced, nothing goes.

    At AWS nothing comes either.
    """
    before, after = (_at_cloud(_run(cloud, private=private)) for private in (False, True))
    assert before.keys() <= after.keys()
    # User-data tells the size of packets, and is that of a machine's birth.
    born = {*SHAPES[cloud].born}
    for what, one in before.items():
        other = after[what]
        differ = {key for key in one.inputs if one.inputs[key] != other.inputs.get(key)}
        assert differ <= born, what
        assert one.inputs.keys() == other.inputs.keys()
        assert one.request.replacement_trigger == other.request.replacement_trigger
    new = sorted(after[what].type for what in after.keys() - before.keys())
    assert new == ([NETWORK, SUBNET, ATTACHED, ATTACHED] if cloud == "hetzner" else [])


def test_a_network_of_hetzners_is_the_stacks_own() -> None:
    """One subnet in the location's zone, and the label by which a stray one is found."""
    made = _run("hetzner", private=True)
    assert made.of(NETWORK)["fsn-network"].inputs == {
        "name": "lab-fsn",
        "ipRange": "172.16.1.0/24",
        "labels": {"backplane-stack": "lab"},
    }
    subnet = dict(made.of(SUBNET)["fsn-subnet"].inputs)
    subnet.pop("networkId")
    assert subnet == {"type": "cloud", "networkZone": "eu-central", "ipRange": "172.16.1.0/24"}


def test_a_server_is_attached_beside_itself() -> None:
    """At the address of its id, and detached without a word to a server that goes anyway.

    It is never protected: it must be able to go while its server stays.
    """
    made = _run("hetzner", private=True)
    found = made.of(ATTACHED)
    assert {name: one.inputs["ip"] for name, one in found.items()} == {
        "fsn-a-private": "172.16.1.2",
        "fsn-b-private": "172.16.1.3",
    }
    for name, one in found.items():
        assert not one.request.protect
        assert one.request.deletedWith.endswith(f"::{name.removesuffix('-private')}-server")
        assert {*one.inputs} == {"ip", "serverId", "subnetId"}
    servers = made.of("hcloud:index/server:Server")
    assert not any("networks" in one.inputs for one in servers.values())


@pytest.mark.parametrize(("cloud", "start"), [("hetzner", "172.16.1."), ("aws", "172.30.2.")])
def test_the_rollout_knows_who_is_called_inside(cloud: str, start: str) -> None:
    """The nodes of that site and no other; without a private network nobody is.

    So endpoints change by the one confirmed rollout, which undoes itself.
    """
    found = _private(_run(cloud, private=True))
    assert sorted(found) == ["fsn-a", "fsn-b"]
    assert all(address.startswith(start) for address in found.values())
    assert _private(_run(cloud, private=False)) == {}


@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_ways_in_stay_outside(cloud: str) -> None:
    """What the runner and people call is the public address, whatever becomes of the network."""
    before, after = (_run(cloud, private=private).outputs for private in (False, True))
    told = [
        {name: (node["endpoint"], node["public"]) for name, node in one["nodes"].items()}
        for one in (before, after)
    ]
    inside = {*_private(_run(cloud, private=True)).values()}
    assert all(not inside & {node[0], *node[1].values()} for node in told[1].values())
    assert told[0].keys() == told[1].keys()
    assert not any(at in str(after["runner"]) + str(after["operators"]) for at in inside)
