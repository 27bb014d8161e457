"""What every component and resource keeps to."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import pkgutil
import textwrap
from collections import Counter

import pulumi
import pytest

import components
from tests.components.recorder import Recorder, declaration, run

FIREWALL = "hcloud:index/firewall:Firewall"
SERVER = "hcloud:index/server:Server"


def component_classes() -> list[type[pulumi.ComponentResource]]:
    """Every component in the package."""
    found = []
    for module in pkgutil.walk_packages(components.__path__, "components."):
        for _, value in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(value, pulumi.ComponentResource) and value.__module__ == module.name:
                found.append(value)
    return found


@pytest.mark.parametrize("component", component_classes(), ids=lambda one: one.__name__)
def test_one_signature(component: type[pulumi.ComponentResource]) -> None:
    """Every component takes name, frozen keyword-only arguments and options; outputs have words."""
    parameters = inspect.signature(component.__init__).parameters
    assert list(parameters) == ["self", "name", "args", "opts"]
    module = inspect.getmodule(component)
    arguments = getattr(module, f"{component.__name__}Args")
    assert dataclasses.is_dataclass(arguments)
    shape = vars(arguments)["__dataclass_params__"]
    assert shape.frozen
    assert all(field.kw_only for field in dataclasses.fields(arguments))
    source = inspect.getsource(component)
    for output in inspect.get_annotations(component):
        assert f"{output}: " in source
        after = source.split(f"    {output}: ", 1)[1].splitlines()[1]
        assert after.strip().startswith('"""'), f"{output} has no sentence"


def test_components_are_the_known_ones(lab: Recorder) -> None:
    """The components of the lab, exactly, by type and name."""
    names = [one.what for one in lab.registered if one.type.startswith("backplane:")]
    assert sorted(names) == [
        "backplane:index:Access push",
        "backplane:index:Console console",
        "backplane:index:Node fsn-a",
        "backplane:index:Node fsn-b",
        "backplane:index:Node hel-a",
        "backplane:index:Node hel-b",
        "backplane:index:Person alice",
        "backplane:index:Person runner",
        "backplane:index:Plane enrollment",
        "backplane:index:Plane management",
        "backplane:index:Plane monitoring",
        "backplane:index:Plane storage",
        "backplane:index:Rollout mesh",
        "backplane:index:Site fsn",
        "backplane:index:Site hel",
    ]


def test_outputs_are_registered_once_and_last(lab: Recorder) -> None:
    """Each component says once that it is complete, and says so in its last statement."""
    for component in component_classes():
        body = ast.parse(textwrap.dedent(inspect.getsource(component.__init__))).body[0]
        assert isinstance(body, ast.FunctionDef)
        assert ast.unparse(body.body[-1]).startswith("self.register_outputs(")
    urns = [
        urn
        for kind, urn in lab.order
        if kind == "register" and urn.split("::")[2].split("$")[-1].startswith("backplane:")
    ]
    finished = [urn for urn in lab.finished if not urn.split("::")[2].endswith(":Stack")]
    assert Counter(finished) == Counter(urns)


def test_type_and_name_are_unique(lab: Recorder) -> None:
    """No two resources share type and name: mocks would take both in silence."""
    assert [what for what, n in Counter(one.what for one in lab.registered).items() if n > 1] == []


def test_children_carry_the_name_of_their_parent(lab: Recorder) -> None:
    """A child's name is its component's name and a constant suffix; none hangs on the stack."""
    for one in lab.registered:
        if one.type.startswith("backplane:"):
            continue
        parent = one.parent.split("::")
        assert parent[2].split("$")[-1].startswith("backplane:index:"), one.what
        assert one.name.startswith(f"{parent[3]}-"), one.what


def test_a_node_has_at_most_eight_resources(lab: Recorder) -> None:
    """The list of a node's resources, exactly: five and the component."""
    children = [one for one in lab.registered if one.parent.endswith("Node::fsn-a")]
    assert sorted(one.what for one in children) == [
        "command:remote:Command fsn-a-enroll",
        "hcloud:index/primaryIp:PrimaryIp fsn-a-ipv4",
        "hcloud:index/primaryIp:PrimaryIp fsn-a-ipv6",
        "hcloud:index/server:Server fsn-a-server",
        "random:index/randomBytes:RandomBytes fsn-a-seed",
    ]
    assert len(children) + 1 <= 8


def test_inbound_is_exactly_the_four_ports(lab: Recorder) -> None:
    """Every firewall has these four rules and no other, whatever the declaration says."""
    expected = [
        {
            "direction": "in",
            "protocol": "udp",
            "port": port,
            "sourceIps": ["0.0.0.0/0", "::/0"],
        }
        for port in ("51820", "51821", "51822", "51823")
    ]
    mesh = declaration()
    mesh["planes"] = {"storage": {"use": False}}
    del mesh["replicate"]
    for recorded in (lab, run(mesh)):
        firewalls = recorded.of(FIREWALL)
        assert sorted(firewalls) == ["fsn-firewall", "hel-firewall"]
        for firewall in firewalls.values():
            assert firewall.inputs["rules"] == expected
            assert "applyTos" not in firewall.inputs


def test_firewall_stands_before_the_machine(lab: Recorder) -> None:
    """A server is made with its site's firewall in the same call, and with no other."""
    firewalls = {
        one.name: registration.id
        for one in lab.of(FIREWALL).values()
        for urn, registration in lab.resources.items()
        if urn.endswith(f"::{one.name}")
    }
    for server in lab.of(SERVER).values():
        site = server.name.split("-")[0]
        assert server.inputs["firewallIds"] == [int(firewalls[f"{site}-firewall"])]


def test_dropping_a_node_changes_nobody_else(lab: Recorder) -> None:
    """Without its last node every other resource but the rollout's has the same inputs."""
    mesh = declaration()
    del mesh["sites"]["hel"]["nodes"]["hel-b"]
    before = {one.what: one for one in lab.registered}
    for one in run(mesh).registered:
        same = one.inputs == before[one.what].inputs
        moving = one.name in {"mesh-command", "mesh-receipt"}
        assert same is not moving, one.what
