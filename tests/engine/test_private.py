"""A site's private network through the real engine, there and back, on a paper cloud."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.api_server import ApiServer
from tests.engine.paper import HANDS_OFF, declare
from tests.pulumi_project import PulumiProject

COMES = {
    "fsn-network": "create",
    "fsn-subnet": "create",
    "fsn-a-private": "create",
    "fsn-b-private": "create",
}


def _ids(api: ApiServer) -> dict[str, int]:
    return {str(one.name): int(one.id or 0) for one in api.client().servers.get_all()}


def _steps(project: PulumiProject) -> dict[str, str]:
    return {name: op for name, op in project.steps().items() if op not in {"read", "refresh"}}


def test_there_and_back_touches_no_machine(
    project: PulumiProject, mesh: dict[str, Any], api: ApiServer
) -> None:
    """Attachments come and go beside servers that stay, and nothing is replaced either way.

    Only the rollout runs: endpoints change by it. A second preview wants nothing.
    """
    project.program(HANDS_OFF)
    mesh["protect"] = True
    declare(project, mesh)
    project.up()
    before = _ids(api)
    mesh["sites"]["fsn"]["private_network"] = True
    declare(project, mesh)
    steps = _steps(project)
    assert {name: op for name, op in steps.items() if op == "create"} == COMES
    rest = {name: op for name, op in steps.items() if name not in COMES}
    assert {*rest} == {"mesh-receipt", "mesh-command"}
    assert {*rest.values()} == {"update"}
    project.up()
    assert project.steps() == {}
    [network] = api.client().networks.get_all()
    assert network.labels == {"backplane-stack": "test"}
    attached = {
        str(server.name): [one.ip for one in server.private_net or ()]
        for server in api.client().servers.get_all()
    }
    assert attached == {
        "fsn-a": ["172.16.1.2"],
        "fsn-b": ["172.16.1.3"],
        "hel-a": [],
        "hel-b": [],
    }
    mesh["sites"]["fsn"]["private_network"] = False
    declare(project, mesh)
    assert Counter(_steps(project).values()) == {"delete": 4, "update": 2}
    project.up()
    assert api.client().networks.get_all() == []
    assert _ids(api) == before


def test_a_rebuilt_node_is_attached_again(
    project: PulumiProject, mesh: dict[str, Any], api: ApiServer
) -> None:
    """The new machine has the old one's address inside; the network and the others stay."""
    project.program(HANDS_OFF)
    mesh["sites"]["fsn"]["private_network"] = True
    declare(project, mesh)
    project.up()
    before, [network] = _ids(api), api.client().networks.get_all()
    mesh["sites"]["fsn"]["nodes"]["fsn-b"]["incarnation"] = 2
    declare(project, mesh)
    project.up()
    assert project.steps() == {}
    after = _ids(api)
    assert {name for name in after if after[name] != before[name]} == {"fsn-b"}
    [still] = api.client().networks.get_all()
    assert still.id == network.id
    rebuilt = api.client().servers.get_by_id(after["fsn-b"])
    assert [one.ip for one in rebuilt.private_net or ()] == ["172.16.1.3"]
