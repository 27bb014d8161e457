"""One stack on Hetzner, AWS and a machine that was there, through the real engine, on paper."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

from tests.api_server import ApiServer
from tests.aws_server import serving
from tests.e2e.aws import KINDS, Aws
from tests.engine.paper import HANDS_OFF, declare
from tests.pulumi_project import PulumiProject

MESH: dict[str, Any] = {
    "protect": False,
    "sites": {
        "fsn": {"id": 1, "location": "fsn1", "nodes": {"fsn-a": {"id": 1}}},
        "fra": {"id": 2, "cloud": "aws", "location": "eu-central-1", "nodes": {"fra-a": {"id": 1}}},
        "rack": {
            "id": 3,
            "cloud": "existing",
            "nodes": {
                "web": {"id": 1, "machine": {"ipv4": "203.0.113.7", "host_key": "first-seen"}}
            },
        },
    },
}
# Nobody is at 203.0.113.7 (RFC 5737): its takeover and what asks it before it goes do nothing.
PROGRAM = HANDS_OFF.replace(
    "    runpy.run_path(",
    "    import components.clouds.existing\n"
    "    components.clouds.existing.TAKE = components.clouds.existing.GIVEN_BACK = 'true'\n"
    "    runpy.run_path(",
)


def test_three_clouds_are_one_mesh(project: PulumiProject, api: ApiServer, tmp_path: Path) -> None:
    """`up` makes a machine in two clouds and takes one over; a second finds nothing to do.

    A machine that is found elsewhere is an update in place and no takeover; another incarnation is
    one, of that machine alone. `destroy` leaves nothing in either cloud.
    """
    with serving(tmp_path / "aws") as server:
        project.env.update(server.environment())
        project.program(PROGRAM)
        mesh = deepcopy(MESH)
        declare(project, mesh)
        project.up()
        assert project.steps() == {}
        told = project.outputs()
        assert sorted(told["server_ids"]) == ["fra-a", "fsn-a", "web"]
        assert sorted(told["firewall_ids"]) == ["fra", "fsn"]
        assert told["nodes"]["web"]["endpoint"] == "203.0.113.7"
        assert [one.name for one in api.client().servers.get_all()] == ["fsn-a"]
        web = mesh["sites"]["rack"]["nodes"]["web"]
        web["machine"]["port"] = 2222
        declare(project, mesh)
        assert project.steps()["web-server"] == "update"
        web["incarnation"] = 2
        declare(project, mesh)
        steps = project.steps()
        replaced = {name for name, step in steps.items() if "replace" in step}
        assert replaced == {"web-server", "web-enroll"}
        # What `make e2e-aws` would sweep: one of each, and the engine's destroy leaves none of it.
        account = Aws(("eu-central-1",), server.ec2)
        assert {thing.kind for thing in account.found("test")} == {kind.name for kind in KINDS}
        project.destroy()
        assert account.found("test") == []
        assert api.client().servers.get_all() == []
