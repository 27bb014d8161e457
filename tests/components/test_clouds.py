"""Every cloud keeps one contract; another one only adds its shape to `tests.components.clouds`."""

from __future__ import annotations

import inspect
from contextlib import nullcontext
from functools import cache

import pulumi
import pytest

from backplane import planes
from backplane.declaration import parse
from backplane.plan import Plan, plan
from components.clouds import CLOUDS, Cloud
from components.clouds.base import Cloud as Protocol
from tests.components.clouds import SHAPES
from tests.components.recorder import Recorder, Registered, run

NAMES = sorted(CLOUDS)
METHODS = ("realm", "provider", "push_key", "site", "addresses", "machine", "private")
NODES = ("fsn-a", "fsn-b", "hel-a", "hel-b")


@cache
def _run(name: str) -> Recorder:
    return run(SHAPES[name].mesh())


def _plan(name: str) -> Plan:
    return plan(parse(SHAPES[name].mesh()), project="backplane", stack="lab")


def _ours(name: str) -> list[Registered]:
    """What stands for the nodes at the cloud: addresses and machines."""
    shape, recorded = SHAPES[name], _run(name)
    kinds = {*shape.addresses}
    found = [one for one in recorded.registered if one.type in kinds]
    return [*found, *shape.machines(recorded).values()]


def test_every_cloud_has_its_shape() -> None:
    """No cloud goes untested."""
    assert sorted(SHAPES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_cloud_keeps_the_protocol(name: str) -> None:
    """Each cloud has the Protocol's methods with the Protocol's parameters, and no other."""
    cloud: Cloud = CLOUDS[name]
    for method in METHODS:
        ours = inspect.signature(getattr(type(cloud), method)).parameters
        assert list(ours) == list(inspect.signature(getattr(Protocol, method)).parameters)
    assert {one for one in vars(type(cloud)) if not one.startswith("_")} == {*METHODS}


@pytest.mark.parametrize("name", NAMES)
def test_inbound_equals_the_one_constant(name: str) -> None:
    """Each site's firewall lets in the constant, no more and no less; a left-out plane stays shut.

    A cloud without firewalls has none at all.
    """
    shape = SHAPES[name]
    found = shape.inbound(_run(name))
    assert len(found) == (2 if shape.walls else 0)
    assert all(one == {*planes.INBOUND} for one in found.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_wider_constant_is_refused_first(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """TCP 22 in the constant: refused before a firewall is asked for; one port less is, too.

    A cloud without firewalls of ours makes none, whatever the constant says.
    """
    site = _plan(name).sites[0]
    for inbound, what in (
        ((*planes.INBOUND, ("tcp", 22)), "lets in tcp 22"),
        (planes.INBOUND[:3], "keeps out udp 51823"),
    ):
        monkeypatch.setattr(planes, "INBOUND", inbound)
        walls = SHAPES[name].walls
        with (
            pytest.raises(pulumi.RunError, match=f"firewall x-firewall {what}")
            if walls
            else nullcontext()
        ):
            made = CLOUDS[name].site("x", stack="lab", site=site, opts=pulumi.ResourceOptions())
            assert walls is None
            assert made.firewall is None


@pytest.mark.parametrize("name", NAMES)
def test_labels_tell_stack_and_node(name: str) -> None:
    """All of a node's carries both labels, a site's and the push key the stack's alone."""
    shape = SHAPES[name]
    if shape.labels is None:
        assert not any("labels" in one.inputs or "tags" in one.inputs for one in _ours(name))
        return
    for one in _ours(name):
        node = one.parent.rpartition("::")[2]
        assert (
            shape.labels(one).items() >= {"backplane-stack": "lab", "backplane-node": node}.items()
        )
    for kind in filter(None, (shape.walls, shape.key)):
        for one in _run(name).of(kind).values():
            assert shape.labels(one)["backplane-stack"] == "lab"
            assert "backplane-node" not in shape.labels(one)


@pytest.mark.parametrize("name", NAMES)
def test_a_realm_has_one_push_key(name: str) -> None:
    """Sites of one realm share it; a cloud whose machines need none makes none."""
    shape = SHAPES[name]
    assert {CLOUDS[name].realm(site) for site in _plan(name).sites} == {shape.realm}
    keys = [one for one in _run(name).registered if one.type == shape.key]
    expected = [f"push-{shape.realm}-key"] if shape.key else []
    assert [one.name for one in keys] == expected


@pytest.mark.parametrize("name", NAMES)
def test_machines_are_born_once(name: str) -> None:
    """User-data is secret and fixed at birth; a new incarnation replaces that machine alone."""
    shape = SHAPES[name]
    mesh = shape.mesh()
    mesh["sites"]["fsn"]["nodes"]["fsn-a"]["incarnation"] = 2
    before, after = shape.machines(_run(name)), shape.machines(run(mesh))
    assert sorted(before) == [f"{node}-server" for node in NODES]
    for machine, one in before.items():
        assert one.secret
        assert tuple(one.request.ignoreChanges) == shape.born
        assert one.secret <= {*shape.born}
        other = after[machine].request.replacement_trigger
        assert (one.request.replacement_trigger != other) is (machine == "fsn-a-server")


@pytest.mark.parametrize("name", NAMES)
def test_protection_is_passed_on(name: str) -> None:
    """Addresses and machines are protected as the declaration says; a retired node's are not."""
    assert all(one.request.protect for one in _ours(name))
    mesh = SHAPES[name].mesh()
    del mesh["replicate"]
    mesh["sites"]["fsn"]["nodes"]["fsn-b"]["retire"] = True
    recorded = run(mesh)
    kinds = {*SHAPES[name].addresses}
    addresses = [one for one in recorded.registered if one.type in kinds]
    for one in [*addresses, *SHAPES[name].machines(recorded).values()]:
        assert bool(one.request.protect) is not one.name.startswith("fsn-b-"), one.what
